/**
 * Homes of program 0.1.0, taken over by this one in the middle of what they did: what the one side had printed is answered
 * by the other, to the end; contracts are paid over, rolled, closed and exited. A migration that is killed begins again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { closeCredit } from '../../src/lib/credit/close.ts';
import { exitCredit } from '../../src/lib/credit/exit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { rollover } from '../../src/lib/credit/rollover.ts';
import { signUpdate } from '../../src/lib/credit/update.ts';
import { MIGRATIONS } from '../../src/lib/home/schema.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { BIN, spillway } from '../cli/run.ts';
import { fundingFor } from '../credit/scenes.ts';
import { ownCoin, payMessages } from '../support/credit.ts';
import { asItself, oldHomes, remembered, unpack, type Said } from '../support/old-homes.ts';
import { TestParty, type Message, type RunOptions } from '../support/party.ts';
import { tempDir } from './fixture.ts';

const VERSION = '0.1.0';
const HOMES = new Map(oldHomes(VERSION).map((old) => [old.name, old]));
type Table = Action<any, any, any>;

/** Homes of then, opened by this program. */
class Then {
  readonly #parties = new Map<string, TestParty>();
  readonly #said = new Map<string, Said[]>();

  static async of(...names: string[]): Promise<Then> {
    const then = new Then();
    const into = tempDir();
    for (const name of names) {
      const dir = asItself(unpack(VERSION, name, into));
      then.#said.set(name, remembered(dir));
      then.#parties.set(name, await TestParty.at(dir, HOMES.get(name)!.seed[0]!));
    }
    return then;
  }
  close(): void {
    for (const { home } of this.#parties.values()) home.close();
  }
  party = (name: string): TestParty => this.#parties.get(name)!;
  /** The name of the record that has this label. */
  named(home: string, label: string): string {
    const found = HOMES.get(home)!.records.find((record) => record.label === label);
    if (!found) throw new Error(`${home} has no record with the label ${label}`);
    return found.name;
  }
  /** What the home has printed last of this step, about that record. */
  said(home: string, type: string, step: string, about: string): Message {
    const found = this.#said.get(home)!.filter((m) => m['type'] === type && m['step'] === step);
    const message = found.findLast((m) => JSON.stringify(m).includes(about));
    if (!message) throw new Error(`${home} remembers no '${step}' of ${type} about ${about}`);
    return message;
  }
  async run(home: string, table: Table, options: RunOptions): Promise<Message> {
    return (await this.party(home).run(table, options)).message;
  }
}

let then: Then;
afterEach(() => then.close());
const payee = async (id: string): Promise<PayeeCredit> => (await then.party('payee').record(id)) as PayeeCredit;
const payer = async (id: string): Promise<PayerCredit> => (await then.party('payer').record(id)) as PayerCredit;
const both = () => ({ payee: then.party('payee'), payer: then.party('payer'), close: () => {} });

describe('credit contracts of then', () => {
  it('openings go on to the end', async () => {
    then = await Then.of('payee', 'payer');
    const proposed = then.said('payer', 'open-credit', 'proposed', then.named('payer', 'proposed'));
    const accepted = await then.run('payee', openCredit, { on: proposed });
    expect((await then.run('payer', openCredit, { on: accepted }))['step']).toBe('ready');

    const other = then.named('payee', 'accepted, funded by another wallet');
    const ready = await then.run('payer', openCredit, { on: then.said('payee', 'open-credit', 'accepted', other) });
    expect(ready['contract'].id).toBe(other);

    const addressed = then.said('payer', 'open-credit', 'addressed', then.named('payer', 'addressed'));
    // None of the coins that the home has already given.
    const coin = { ...(await ownCoin(then.party('payer'), 1_206_000n)), txid: 'c0'.repeat(32) };
    const funding = fundingFor(addressed, coin);
    const asked = await then.run('payer', openCredit, { on: addressed, input: { funding } });
    const end = await then.run('payer', openCredit, { on: await then.run('payee', openCredit, { on: asked }) });
    expect(end['contract'].id).toBe(then.named('payer', 'addressed'));
  });

  it.each([
    ['open, unpaid', 0n],
    ['open, paid, with two live requests', 50_000n],
  ])('%s: is paid over, and exited', async (label, before) => {
    then = await Then.of('payee', 'payer');
    const id = then.named('payee', label);
    const messages = await payMessages(both(), id, 1_000n);
    expect(messages.at(-1)!['paid_sat']).toBe(Number(before) + 1_000);
    expect([(await payee(id)).paidSat, (await payer(id)).signedMaxSat]).toEqual([before + 1_000n, before + 1_000n]);
    const exit = await then.run('payee', exitCredit, { input: { contract: id } });
    expect([exit['step'], exit['hex'].length > 200]).toEqual(['exit', true]);
  });

  it('payments that were under way are accepted, and their ecash arrives', async () => {
    then = await Then.of('payee', 'payer');
    const flying = then.named('payee', 'open, with an update in flight');
    await then.run('payee', signUpdate, { on: then.said('payer', 'sign-update', 'signed', flying) });
    expect((await payee(flying)).paidSat).toBe(43_000n);

    const unread = then.named('payee', 'ecash, signed and never read');
    const signed = then.said('payer', 'sign-update', 'signed', unread);
    const accepted = await then.run('payee', signUpdate, { on: signed });
    expect((await then.run('payer', signUpdate, { on: accepted }))['token']).toMatch(/^cashu/);
    expect((await payer(unread)).awaited).toEqual([]);

    const lost = then.named('payee', 'ecash, with an output that never came');
    const answer = then.said('payee', 'sign-update', 'accepted', lost);
    const received = await then.run('payer', signUpdate, { on: answer });
    expect([received['token'].slice(0, 5), (await payer(lost)).receivedSat]).toEqual(['cashu', 3_102n]);
  });

  it('rollovers and closes go on from each step', async () => {
    then = await Then.of('payee', 'payer');
    const on = (home: string, table: Table, message: Message) => then.run(home, table, { on: message });
    const proposed = then.named('payee', 'rollover proposed');
    const first = await on('payee', rollover, then.said('payer', 'rollover', 'proposed', proposed));
    const second = await on('payer', rollover, first);
    expect((await on('payee', rollover, second))['step']).toBe('complete');
    const accepted = then.named('payee', 'rollover accepted');
    const signed = await on('payer', rollover, then.said('payee', 'rollover', 'accepted', accepted));
    expect((await on('payee', rollover, signed))['contract'].id).toBe(accepted);
    const last = then.said('payer', 'rollover', 'signed', then.named('payee', 'rollover signed'));
    const complete = await on('payee', rollover, last);
    await payMessages(both(), complete['next_contract'].id, 7_000n);
    expect((await payee(complete['next_contract'].id)).paidSat).toBe(7_000n);

    const byPayee = then.said('payee', 'close-credit', 'signed', then.named('payee', 'close signed by the payee'));
    expect((await on('payer', closeCredit, byPayee))['step']).toBe('complete');
    const byPayer = then.said('payer', 'close-credit', 'signed', then.named('payee', 'close signed by the payer'));
    expect((await on('payee', closeCredit, byPayer))['step']).toBe('complete');
  });

  it('every contract with something paid is exited, and refunded at its expiry', async () => {
    then = await Then.of('payee', 'payer');
    then.party('payer').chain.tip = 6_000;
    let exits = 0;
    for (const [home, step] of [
      ['payee', 'exit'],
      ['payer', 'refund'],
    ] as const)
      for (const { kind, name } of HOMES.get(home)!.records) {
        // An offer that nobody answered may have ended meanwhile, and has another name then.
        const [known] = kind === 'credit' ? await then.party(home).home.store.byName(name) : [];
        const c = known && (await then.party(home).record(name));
        if (!c || !(step === 'exit' ? 'exit' in c && c.exit : 'refund' in c)) continue;
        const document = await then.run(home, exitCredit, { input: { contract: name } });
        expect([document['step'], typeof document['hex']], `${home} ${name}`).toEqual([step, 'string']);
        exits += 1;
      }
    expect(exits).toBeGreaterThan(30);
  });
});

describe('statecoins of then', () => {
  const on = (home: string, table: Table, message: Message) => then.run(home, table, { on: message });
  const coinOf = (label: string): string => then.named('operator', label);
  it('transfers go on from each step to their new owner, who exits', async () => {
    then = await Then.of('operator', 'alice', 'bob');
    const own = async (received: Message): Promise<void> => {
      const moved = await on('operator', transferStatechain, received);
      expect((await on('bob', transferStatechain, moved))['step']).toBe('owned');
    };
    const send = async (sent: Message): Promise<void> => own(await on('bob', transferStatechain, sent));
    const offered = then.said('alice', 'statechain-transfer', 'offered', coinOf('offering'));
    await send(await on('alice', transferStatechain, await on('operator', transferStatechain, offered)));
    const opened = then.said('operator', 'statechain-transfer', 'opened', coinOf('offering, opened by the operator'));
    await send(await on('alice', transferStatechain, opened));
    await send(then.said('alice', 'statechain-transfer', 'sent', coinOf('sent')));
    await own(then.said('bob', 'statechain-transfer', 'received', coinOf('received')));
    const moved = then.said('operator', 'statechain-transfer', 'moved', coinOf('moved and not yet owned'));
    expect((await on('bob', transferStatechain, moved))['step']).toBe('owned');
    expect((await on('alice', transferStatechain, moved))['step']).toBe('paid');

    then.party('bob').chain.tip = 2_500;
    for (const label of ['offering', 'sent', 'received', 'moved and not yet owned', 'gone']) {
      const exit = await then.run('bob', exitStatechain, { input: { contract: coinOf(label) } });
      expect([label, exit['package']?.length ?? 0]).toEqual([label, 2]);
    }
  });

  it('withdrawals go on, and an owner exits', async () => {
    then = await Then.of('operator', 'alice');
    const signed = then.said('operator', 'statechain-withdraw', 'signed', coinOf('withdrawing, signed'));
    expect((await on('alice', withdrawStatechain, signed))['step']).toBe('complete');
    then.party('alice').chain.tip = 2_500;
    const exit = await then.run('alice', exitStatechain, { input: { contract: coinOf('owned') } });
    expect(exit['package']).toHaveLength(2);
  });
});

describe('swaps of then', () => {
  it('go on from each step', async () => {
    then = await Then.of('alice', 'bob');
    const hash = (label: string): string => then.named('alice', label);
    const unchecked = { unchecked: true };
    const utxo = async (home: string) => [await ownCoin(then.party(home), 150_000n)];
    const accepted = then.said('bob', 'htlc-swap', 'accepted', hash('swap, accepted'));
    const funded = await then.run('alice', htlcSwap, { on: accepted, input: { utxo: await utxo('alice') } });
    expect(funded['step']).toBe('funded');
    const matched = await then.run('bob', htlcSwap, {
      on: then.said('alice', 'htlc-swap', 'funded', hash('swap, funded')),
      input: { utxo: await utxo('bob'), ...unchecked },
    });
    const claimed = await then.run('alice', htlcSwap, { on: matched, input: unchecked });
    expect((await then.run('bob', htlcSwap, { on: claimed }))['step']).toBe('settled');
    const later = then.said('bob', 'htlc-swap', 'matched', hash('swap, matched'));
    expect((await then.run('alice', htlcSwap, { on: later, input: unchecked }))['step']).toBe('claimed');
    const last = then.said('alice', 'htlc-swap', 'claimed', hash('swap, claimed'));
    expect((await then.run('bob', htlcSwap, { on: last }))['step']).toBe('settled');
  });
});

describe('contracts of a running mint of then', () => {
  it('are paid over, forward and in reverse', async () => {
    then = await Then.of('mint', 'user', 'merchant');
    const contract = then.named('user', 'cdk, paid before a quote was bound');
    const asked = await then.run('user', signUpdate, { input: { contract, amount: 400n } });
    const requested = await then.run('mint', signUpdate, { on: asked });
    const signed = await then.run('user', signUpdate, { on: requested, input: { maxInflight: 10_000_000n } });
    const accepted = await then.run('mint', signUpdate, { on: signed });
    expect(accepted['paid_sat']).toBe(1_900);
    const reverse = then.named('mint', 'reverse, with invoices paid, quoted and open');
    const wanted = await then.run('merchant', signUpdate, { input: { contract: reverse, amount: 2_000n } });
    const owed = await then.run('mint', signUpdate, { on: wanted });
    expect((await then.run('merchant', signUpdate, { on: owed }))['paid_sat']).toBe(3_000);
  });
});

describe('a migration', () => {
  const versionOf = (dir: string): number => {
    const db = new DatabaseSync(join(dir, 'store.db'));
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    db.close();
    return version;
  };
  const seedOf = (name: string): string => Buffer.from(HOMES.get(name)!.seed).toString('hex');

  it('that is killed before its end begins again: nothing is lost and nothing done twice', async () => {
    const dir = asItself(unpack(VERSION, 'payee', tempDir()));
    const before = versionOf(dir);
    const steps = MIGRATIONS.slice(before);
    expect(steps.length).toBeGreaterThan(0);
    // As `connection.ts` does it, but for its end.
    const killed = spawnSync(
      process.execPath,
      [
        '-e',
        `const { DatabaseSync } = require('node:sqlite');
         const db = new DatabaseSync(process.argv[1]);
         db.exec('BEGIN IMMEDIATE');
         for (const step of JSON.parse(process.argv[2])) db.exec(step);
         process.kill(process.pid, 'SIGKILL');`,
        join(dir, 'store.db'),
        JSON.stringify(steps),
      ],
      { encoding: 'utf8' },
    );
    expect([killed.signal, versionOf(dir)]).toEqual(['SIGKILL', before]);
    const party = await TestParty.at(dir, HOMES.get('payee')!.seed[0]!);
    expect([party.home.restored, (await party.home.store.list()).length]).toEqual([
      false,
      HOMES.get('payee')!.records.length,
    ]);
    party.home.close();
    expect(versionOf(dir)).toBe(MIGRATIONS.length);
    then = await Then.of();
  });

  it('that several programs come to at once is done once, as is the restore of a copy', async () => {
    then = await Then.of();
    for (const prepare of [asItself, (dir: string) => dir]) {
      const dir = prepare(unpack(VERSION, 'payee', tempDir()));
      const env = { SPILLWAY_HOME: dir, SPILLWAY_INSECURE_SEED: seedOf('payee'), SPILLWAY_TIP: '1000' };
      const ran = await Promise.all(Array.from({ length: 4 }, () => spillway(['status'], { env })));
      // One of its contracts was settled by a refund over what was paid: 3, for that is lost.
      expect(ran.map(({ code, stderr }) => [code, stderr.includes('error')])).toEqual(ran.map(() => [3, false]));
      expect(new Set(ran.map(({ stdout }) => stdout)).size).toBe(1);
      expect(versionOf(dir)).toBe(MIGRATIONS.length);
    }
  });

  it('is killed at any time by whoever stops the program, and the next one opens the home', async () => {
    then = await Then.of();
    const old = unpack(VERSION, 'operator', tempDir());
    for (const ms of [40, 80, 120, 160, 200, 260]) {
      const dir = join(tempDir(), 'operator');
      for (const beside of ['', '.shares', '.refunds', '.journal'])
        cpSync(old + beside, dir + beside, { recursive: true });
      asItself(dir);
      const env = { ...process.env, SPILLWAY_HOME: dir, SPILLWAY_INSECURE_SEED: seedOf('operator') };
      const child = spawn(process.execPath, [BIN, 'status'], { env, stdio: 'ignore' });
      const ended = once(child, 'exit');
      await new Promise((done) => setTimeout(done, ms));
      child.kill('SIGKILL');
      await ended;
      const party = await TestParty.at(dir, HOMES.get('operator')!.seed[0]!);
      expect([party.home.restored, (await party.home.store.list()).length]).toEqual([
        false,
        HOMES.get('operator')!.records.length,
      ]);
      party.home.close();
    }
    expect(readFileSync(join(old, 'config.json'), 'utf8')).toContain('regtest');
  });
});
