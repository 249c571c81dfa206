/**
 * What a home of many contracts costs its operator, against one of a tenth: opening it, `status --contract`, the sums of
 * `liquidity` without a node, a scrape of `/metrics`,
 * and the coins that it tells of. BENCH_CONTRACTS (5000) is the tenth.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { lookingOver } from '../../src/lib/engine/look.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import type { Home } from '../../src/lib/home/home.ts';
import { opened, pair, payMessages } from '../support/credit.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { many } from '../support/many.ts';
import { interleaved, median, report, runToEnd } from './measure.ts';
import { creditWatcher } from '../../src/lib/credit/watch.ts';

const contracts = Number(process.env['BENCH_CONTRACTS'] ?? 5_000);
const AT_A_TIME = 500;

/** A payee's home with so many contracts. */
async function homeOf(count: number, seed: number) {
  const both = await pair(seed);
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const pattern = (await both.payee.record(id)) as PayeeCredit;
  for (let done = 1; done < count; done += AT_A_TIME) {
    const some = Array.from({ length: Math.min(AT_A_TIME, count - done) }, (_, i) =>
      many(pattern, { expiry: pattern.terms.expiry + ((done + i) % 1_000) }),
    );
    const writes = some.map((c) => writeOf(creditKind, c, null, 0));
    if (!(await both.payee.home.store.commit(plainCommit({ reads: [], writes })))) throw new Error('lost a race');
  }
  both.payee.home.close();
  const env = { ...process.env, SPILLWAY_INSECURE_SEED: Buffer.alloc(32, seed).toString('hex'), SPILLWAY_TIP: '1000' };
  return {
    dir: both.payee.dir,
    id,
    env,
    open: () => both.payee.reopen().then(() => both.payee.home),
    close: () => both.close(),
  };
}

/** Milliseconds of a scrape, once the first look at all contracts is over. */
async function scrapes(run: string, { dir, env }: Awaited<ReturnType<typeof homeOf>>, rounds: number): Promise<number> {
  const child = spawn(process.execPath, [run, 'serve', '--home', dir, '--http', '0', '--metrics', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { value: line } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const at = (JSON.parse(line as string) as { metrics: string }).metrics;
  const took: number[] = [];
  for (let round = -2; round < rounds; round += 1) {
    // One look serves all who ask within a second.
    await new Promise((done) => setTimeout(done, 1_050));
    const start = performance.now();
    const text = await (await fetch(`${at}/metrics`)).text();
    if (!text.includes('spillway_holds_sats')) throw new Error(text);
    if (round >= 0) took.push(performance.now() - start);
  }
  child.kill();
  await new Promise((done) => child.once('exit', done));
  return median(took);
}
/**
 * One look at the coins of all contracts, as each block brings it, after a first one: milliseconds of CPU, and requests to
 * the node. All coins are there.
 */
async function coinsLook(home: Home): Promise<{ cpu: number; requests: number }> {
  const node = await startFakeNode({
    getblockchaininfo: '{"chain":"regtest","blocks":1000,"bestblockhash":"aa"}',
    gettxout: '{"value":0.012,"confirmations":9,"scriptPubKey":{"hex":"51"}}',
  });
  const look = lookingOver(
    home.store,
    factSource({ network: 'regtest', rpc: new Rpc({ url: node.url }) }),
    creditWatcher,
  );
  await look();
  const before = node.requests.length;
  const start = process.cpuUsage();
  const { otherwise } = await look();
  const { user, system } = process.cpuUsage(start);
  node.close();
  if (otherwise.size > 0) throw new Error(`${otherwise.size} coins are not there`);
  return { cpu: (user + system) / 1_000, requests: node.requests.length - before };
}

export async function benchFigures(run: string, rounds: number): Promise<boolean[]> {
  const [few, all] = [await homeOf(contracts, 131), await homeOf(10 * contracts, 133)];
  const tell = (home: typeof few, argv: readonly string[]) => () =>
    void runToEnd(process.execPath, [run, ...argv, '--home', home.dir], { env: home.env });
  const commands = [
    ['opening a home', () => ['address']],
    ['status --contract', (home: typeof few) => ['status', '--contract', home.id]],
    ['liquidity without a node', () => ['liquidity']],
  ] as const;
  const times = await interleaved(
    commands.flatMap(([what, argv]) => [
      { name: `${what} few`, run: tell(few, argv(few)) },
      { name: `${what} all`, run: tell(all, argv(all)) },
    ]),
    rounds,
  );
  const results = commands.map(([what]) => [what, times.get(`${what} all`)! / times.get(`${what} few`)!] as const);
  const scraped = [await scrapes(run, few, Math.min(rounds, 7)), await scrapes(run, all, Math.min(rounds, 7))] as const;
  console.log(`      a scrape of /metrics takes ${scraped[0].toFixed(1)} and ${scraped[1].toFixed(1)} ms`);
  const [one, ten] = [await coinsLook(await few.open()), await coinsLook(await all.open())] as const;
  console.log(
    `      the coins of ${10 * contracts} contracts at a new block: ${ten.cpu.toFixed(0)} ms of CPU, the node's included, ${ten.requests} requests`,
  );
  few.close();
  all.close();
  const coins = [
    report({
      what: 'coins for /metrics, ten times as many contracts',
      ratio: ten.cpu / one.cpu,
      limit: 11,
      unit: '× the CPU time',
    }),
    report({
      what: 'coins for /metrics',
      ratio: (1_000 * ten.requests) / (10 * contracts),
      limit: 6,
      unit: 'requests for 1000 contracts',
    }),
  ];
  return [
    ...coins,
    ...[...results, ['a scrape of /metrics', scraped[1] / scraped[0]] as const].map(([what, ratio]) =>
      report({ what: `${what}, ${10 * contracts} contracts`, ratio, limit: 1.2, unit: `× ${contracts}` }),
    ),
  ];
}
