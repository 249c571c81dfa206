/**
 * npm run soak -- [--minutes N] [--customers N] [--strangers N] [--jobs N]: a mint over HTTP for a long time. Customers pay
 * beside strangers while the server is killed at random; backups of payers and mint are put back; contracts end by close and
 * by exit. After each generation of contracts every satoshi is looked for: what the payers have seen accepted is what the
 * mint's records, its exits and the chain say. After each, a running mint plays one of its own, with merchants, `watch` and
 * `prune` (`running-mint.ts`). Exit 1 with the first satoshi that is missing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit, exitCredit } from '../../src/lib/ecash/credit.ts';
import type { PayeeCredit } from '../../src/lib/credit/records.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { judge } from '../support/kernel.ts';
import { CAPACITY, lineOf, Market } from './market.ts';
import { RunningMint } from './running-mint.ts';
import { comeIn } from './strangers.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    customers: { type: 'string', default: '8' },
    strangers: { type: 'string', default: '6' },
    jobs: { type: 'string', default: '1' },
  },
});
const [minutes, customers, strangers] = [values.minutes, values.customers, values.strangers].map(Number);
/** Of one generation: three stretches of payments. */
const STRETCHES = 3;
/** Of a customer of the running mint in one generation. */
const PAYMENTS = 40;
const SECONDS = Math.min(30, (minutes! * 60) / (STRETCHES + 1));

const kernel = await judge();
if (!kernel) console.log('no consensus kernel: exits and closes are not judged');
const market = await Market.open(customers!, ['--jobs', values.jobs]);
const running = await RunningMint.open();
const counts = { payments: 0, kills: 0, restores: 0, exits: 0, closes: 0, sat: 0n };

/** The server is killed now and then until the work is done. */
async function underKills<T>(work: Promise<T>): Promise<T> {
  let over = false;
  const done = work.finally(() => (over = true));
  while (!over) {
    await Promise.race([done, sleep(2_000 + Math.random() * 8_000)]);
    if (over) break;
    await market.kill();
    counts.kills += 1;
  }
  return done;
}

/** What a transaction that ends a contract pays; consensus takes it, and so does the chain. */
async function settled(contract: string, hex: string): Promise<bigint[]> {
  const { terms } = (await market.both.payee.record(contract)) as PayeeCredit;
  if (kernel && !(await kernel.scripts(hex, [{ sat: CAPACITY, script: keysOf(terms).script }])))
    throw new Error(`contract ${contract}: consensus refuses ${hex}`);
  const refused = market.chain.accept([hex]);
  if (refused !== undefined) throw new Error(`contract ${contract}: ${refused}`);
  return parseTransaction(hex).outputs.map(({ amount }) => amount);
}

/** The mint's home is lost, and made again of a backup and of the journal. */
async function restoreMint(backup: string): Promise<void> {
  const { payee } = market.both;
  await market.server.stop('SIGKILL');
  await payee.lose(backup);
  await payee.home.reconcile(payee.journal());
  counts.restores += 1;
}

async function generation(): Promise<void> {
  const { payee, payer } = market.both;
  const mintBackup = await payee.backUp();
  const payerBackup = await payer.backUp();
  for (let n = 0; n < STRETCHES; n += 1) {
    const crowd = comeIn(() => market.server, 'all', strangers!);
    const measured = await underKills(market.pay(SECONDS));
    await crowd.end();
    counts.payments += measured.accepted;
    console.log(lineOf(`stretch ${n + 1}`, measured));
    if (measured.refused.size > 0) throw new Error('a customer was refused');
    await market.check();
    if (n === 0 && Math.random() < 0.5) {
      await payer.lose(payerBackup);
      counts.restores += 1;
    }
  }
  const restored = Math.random() < 0.5;
  if (restored) await restoreMint(mintBackup);
  counts.sat += await market.check();
  for (const [n, contract] of market.contracts.entries()) {
    const paid = market.paid.get(contract) ?? 0n;
    if (paid < 1_000n) continue;
    // A contract of a restored home may end by both ways too.
    const byClose = n % 2 === 0;
    const opener = byClose ? (await payer.run(closeCredit, { input: { contract } })).text : undefined;
    const signed = opener && (await payee.run(closeCredit, { on: opener })).text;
    const { hex } = signed
      ? (await payer.run(closeCredit, { on: signed })).message
      : (await payee.run(exitCredit, { input: { contract } })).message;
    const outputs = await settled(contract, hex as string);
    if (!outputs.includes(paid))
      throw new Error(`contract ${contract}: pays ${outputs.join(' and ')}, ${paid} was paid`);
    counts[byClose ? 'closes' : 'exits'] += 1;
  }
  market.chain.mine(6);
  market.paid.clear();
  await market.welcome(customers!);
  if (restored) await market.start();
}

try {
  const end = Date.now() + minutes! * 60_000;
  for (let n = 1; n === 1 || Date.now() < end; n += 1) {
    await generation();
    console.log(
      `generation ${n}: ${counts.payments} payments, ${counts.kills} kills, ${counts.restores} restores, ` +
        `${counts.closes} closes, ${counts.exits} exits; ${counts.sat} sat paid, every one found`,
    );
    await running.generation(PAYMENTS);
    const { payments, restarts, restores, closes, exits, pruned, sat } = running.counts;
    console.log(
      `  a running mint: ${payments} payments, ${restarts} restarts, ${restores} restores of its merchant, ` +
        `${closes} closes, ${exits} exits, ${pruned} records pruned; ${sat} sat paid, every one found`,
    );
  }
} finally {
  await market.close();
  await running.close();
  kernel?.close();
}
