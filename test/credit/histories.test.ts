/**
 * Random histories of two parties: pay, roll over, close, exit; messages delayed, dropped, doubled, reordered, given to the
 * wrong party; answered by two runs at once, printed again; cancels, restarts, prunes, and a payer restored from a backup.
 * After every event, what must always hold; in the end every satoshi is within reach of a command.
 */
import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { schnorr } from '@noble/curves/secp256k1.js';
import { Transaction } from '@scure/btc-signer/transaction.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, shareOf } from '../../src/lib/bitcoin/psbt.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { freezeHeight } from '../../src/lib/credit/checks.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { isFunded, isLeft, type Credit, type FundedCredit } from '../../src/lib/credit/records.ts';
import { defaultPolicy, keysOf, payoutScript } from '../../src/lib/credit/terms.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import type { Action, OpenNonce } from '../../src/lib/protocol/action.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { opened, pair, type Pair } from '../support/credit.ts';
import { expectSums } from '../support/figures.ts';
import type { Message, Ran, RunOptions } from '../support/party.ts';
import { pruneAll } from '../support/prune.ts';

type Who = 'payer' | 'payee';
const other = (who: Who): Who => (who === 'payer' ? 'payee' : 'payer');
const TABLES: Record<string, Action<any, any, any>> = {
  'open-credit': openCredit,
  'sign-update': signUpdate,
  rollover,
  'close-credit': closeCredit,
};
const policy = defaultPolicy('regtest');

type Event =
  | { do: 'request'; contract: number; amount: number }
  | { do: 'pay'; contract: number; amount: number }
  /** Signed by the payer, and lost on its way. */
  | { do: 'lose'; contract: number; amount: number }
  | { do: 'deliver'; back: number }
  | { do: 'again'; at: number; wrong: boolean }
  /** Two runs answer the same message at once. */
  | { do: 'twice'; back: number }
  | { do: 'print'; contract: number; who: Who; what: string }
  | { do: 'prune'; who: Who }
  | { do: 'roll'; contract: number; steps: number }
  | { do: 'close'; contract: number; who: Who; steps: number }
  | { do: 'cancel'; contract: number; who: Who; what: string }
  | { do: 'exit'; contract: number; print: boolean }
  | { do: 'restart'; who: Who }
  | { do: 'backup' }
  | { do: 'restore' }
  | { do: 'tip'; blocks: number };

const contract = fc.nat(3);
const amount = fc.constantFrom(1, 329, 330, 2_100, 40_000, 399_000, 1_199_600);
const who = fc.constantFrom<Who>('payer', 'payee');
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('request' as const), contract, amount }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pay' as const), contract, amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lose' as const), contract, amount }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constant('deliver' as const), back: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('again' as const), at: fc.nat(40), wrong: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('twice' as const), back: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('print' as const),
      contract,
      who,
      what: fc.constantFrom('sign-update', 'rollover', 'close-credit'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune' as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('roll' as const), contract, steps: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), contract, who, steps: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('cancel' as const),
      contract,
      who,
      what: fc.constantFrom('sign-update', 'rollover', 'close-credit'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('exit' as const), contract, print: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('backup' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tip' as const), blocks: fc.constantFrom(6, 144, 1_000) }) },
);

interface Sent {
  by: Who;
  message: Message;
}

/** Two homes, the messages between them, and what an observer remembers. */
class World {
  readonly sent: Sent[] = [];
  readonly contracts: string[] = [];
  readonly done = new Map<string, number>();
  /** The most that a payer has ever signed for, whatever its store says after a restore. */
  readonly signed = new Map<string, bigint>();
  readonly paid = new Map<string, bigint>();
  readonly left = new Set<string>();
  /** Nonces by (party, pubnonce), and how often each was spent. */
  readonly nonces = new Map<string, OpenNonce>();
  readonly spent = new Map<string, number>();
  /** Finished signatures by their R. */
  readonly finished = new Map<string, string>();
  readonly pair: Pair;
  backup: string | undefined;
  #restores = 0;
  #random = 0;

  constructor(both: Pair) {
    this.pair = both;
    for (const name of ['payer', 'payee'] as const) {
      const party = both[name];
      const ports = party.ports.bind(party);
      // A restored home's commit counter would repeat its randomness: that of --insecure-seed, on regtest only.
      party.ports = (options) => ({
        ...ports(options),
        random: async () => (bytes) =>
          new Uint8Array(
            createHash('sha512')
              .update(`${name} ${(this.#random += 1)}`)
              .digest(),
          ).slice(0, bytes),
      });
      this.watch(name);
    }
  }

  watch(name: Who): void {
    const { store } = this.pair[name].home;
    const commit = store.commit.bind(store);
    store.commit = async (given) => {
      const at = ({ of, sighash }: { of: string; sighash: string }) => `${name} ${of} ${sighash}`;
      const spends = given.spends.map((id) => this.nonces.get(at(id)));
      const opens = given.opens.map((nonce) => ({ ...nonce }));
      if (!(await commit(given))) return false;
      for (const nonce of spends) {
        const key = `${name} ${nonce?.pubnonce}`;
        this.spent.set(key, (this.spent.get(key) ?? 0) + 1);
      }
      for (const nonce of opens) this.nonces.set(at(nonce), nonce);
      return true;
    };
  }

  async run(name: Who, table: Action<any, any, any>, options: RunOptions): Promise<Ran | undefined> {
    try {
      const ran = await this.pair[name].run(table, options);
      this.count(`${table.type} ${ran.message['step']}`);
      if (ran.message['type'] !== 'exit-credit' && ran.message['step'] !== 'cancelled')
        this.sent.push({ by: name, message: ran.message });
      this.look(name, ran);
      return ran;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
      this.count(`refused ${error.code}`);
      return undefined;
    }
  }
  count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  /** Answers a message as its reader would. */
  answer(name: Who, message: Message): Promise<Ran | undefined> {
    const { type, step } = message as { type: string; step: string };
    const input = type === 'rollover' && step === 'offered' ? { expires: { blocks: 4_320 } } : {};
    return this.run(name, TABLES[type]!, { on: message, input, max: 2_000_000n });
  }
  async follow(first: Ran | undefined, by: Who, steps: number): Promise<void> {
    let reader = by;
    let last = first;
    for (let i = 0; i < steps && last; i++) last = await this.answer((reader = other(reader)), last.message);
  }

  async play(e: Event): Promise<void> {
    const id = 'contract' in e ? this.contracts[e.contract % this.contracts.length]! : '';
    switch (e.do) {
      case 'request':
      case 'pay': {
        const asked = await this.run('payee', signUpdate, { input: { contract: id, amount: BigInt(e.amount) } });
        return this.follow(asked, 'payee', e.do === 'pay' ? 2 : 0);
      }
      case 'lose': {
        const asked = await this.run('payee', signUpdate, { input: { contract: id, amount: BigInt(e.amount) } });
        const before = this.sent.length;
        if (asked) await this.answer('payer', asked.message);
        this.sent.length = before;
        return;
      }
      case 'deliver': {
        const one = this.sent.at(-1 - e.back);
        return one && void (await this.answer(other(one.by), one.message));
      }
      case 'again': {
        const one = this.sent[e.at % this.sent.length];
        return one && void (await this.answer(e.wrong ? one.by : other(one.by), one.message));
      }
      case 'twice': {
        const one = this.sent.at(-1 - e.back);
        if (!one) return;
        const [a, b] = await Promise.all([1, 2].map(() => this.answer(other(one.by), one.message)));
        if (a && b) expect(a.text).toBe(b.text);
        return this.count('answered twice at once');
      }
      case 'print': {
        const ports = this.pair[e.who].ports();
        const printed = await playAgain(TABLES[e.what]!, idClaim(id), ports).catch((error: unknown) => {
          if (!(error instanceof Refusal) || error.code === 'bug') throw error;
        });
        if (printed) this.count('printed again');
        return;
      }
      case 'prune': {
        const party = this.pair[e.who];
        if (party.home.restored) return;
        await pruneAll(party);
        return this.count('pruned');
      }
      case 'roll':
        return this.follow(await this.run('payee', rollover, { input: { contract: id, policy } }), 'payee', e.steps);
      case 'close':
        return this.follow(await this.run(e.who, closeCredit, { input: { contract: id } }), e.who, e.steps);
      case 'cancel':
        return void (await this.run(e.who, TABLES[e.what]!, { input: { contract: id }, cancel: true }));
      case 'exit':
        return void (await this.run('payee', exitCredit, {
          input: { contract: id, ...(e.print ? {} : { export: true }) },
        }));
      case 'restart':
        await this.pair[e.who].reopen(this.pair[e.who].home.dir);
        return this.watch(e.who);
      case 'backup': {
        this.backup = join(this.pair.payer.dir, '..', `backup-${(this.#restores += 1)}`);
        return cpSync(this.pair.payer.home.dir, this.backup, { recursive: true });
      }
      case 'restore': {
        if (this.backup === undefined) return;
        const again = `${this.backup}-${(this.#restores += 1)}`;
        cpSync(this.backup, again, { recursive: true });
        await this.pair.payer.reopen(again);
        expect(this.pair.payer.home.restored).toBe(true);
        this.watch('payer');
        for (const key of this.left) if (key.startsWith('payer')) this.left.delete(key);
        return this.count('restored');
      }
      case 'tip':
        this.pair.payer.chain.tip = this.pair.payee.chain.tip = (this.pair.payer.chain.tip as number) + e.blocks;
        return;
    }
  }

  /** What the payee lets out: never its own part of an update or a rollover, never a finished update. */
  look(name: Who, { message, text }: Ran): void {
    if (name !== 'payee' || message['type'] === 'exit-credit') return;
    for (const sig of this.finished.values()) if (message['step'] === 'accepted') expect(text).not.toContain(sig);
    for (const [role, psbt] of Object.entries((message['psbt'] ?? {}) as Record<string, string>)) {
      if (role === 'refund' || role === 'close') continue;
      const tx = readPsbt(psbt);
      const view = message['contract'] as { payer_pubkey: string; payee_pubkey: string };
      const set = keysOf(view as never);
      for (let i = 0; i < tx.inputsLength; i++) expect(shareOf(tx, i, set, view.payee_pubkey).partial).toBe(undefined);
    }
  }

  async records(name: Who): Promise<FundedCredit[]> {
    return (await this.pair[name].home.store.list()).map((r) => withSats(r.record) as Credit).filter(isFunded);
  }

  /** A command prints what pays each party: the exit or what was finished in its place, and the payer's refund. */
  async reachable(): Promise<void> {
    const { payee, payer } = this.pair;
    for (const c of await this.records('payee')) {
      if (c.role !== 'payee' || c.paidSat === 0n) continue;
      const table = c.state === 'closed' ? closeCredit : rollover;
      const ended = c.state === 'closed' || c.state === 'rolled';
      const { text } = ended
        ? await playAgain(table, idClaim(c.id), payee.ports())
        : await payee.run(exitCredit, { input: { contract: c.id, export: true } });
      expect(JSON.parse(text), `${c.state} payee`).toMatchObject({ hex: expect.stringMatching(/^[0-9a-f]{100,}$/) });
      this.count('exit within reach');
    }
    for (const c of await this.records('payer')) {
      if (c.role !== 'payer') continue;
      payer.chain.tip = c.terms.expiry;
      const { message } = await payer.run(exitCredit, { input: { contract: c.id } });
      expect(message['hex'], `${c.state} payer`).toBe(c.refund);
    }
  }

  /** Over every contract that both still have open the next payment goes through, whatever was lost before. */
  async payable(): Promise<void> {
    const payers = new Map((await this.records('payer')).map((c) => [c.id, c]));
    for (const c of await this.records('payee')) {
      const mine = payers.get(c.id);
      if (c.role !== 'payee' || c.state !== 'open' || mine?.state !== 'open' || mine.role !== 'payer') continue;
      const paid = c.paidSat > mine.signedMaxSat ? c.paidSat : mine.signedMaxSat;
      const tip = this.pair.payee.chain.tip as number;
      if (tip >= freezeHeight(c.terms) || paid + 330n > maxPaid(c.terms)) continue;
      const before = (this.done.get('sign-update accepted') ?? 0) + 1;
      await this.play({ do: 'pay', contract: this.contracts.indexOf(c.id), amount: 330 });
      expect(this.done.get('sign-update accepted'), 'the next payment is taken').toBe(before);
      this.count(mine.signedMaxSat > c.paidSat ? 'paid after a loss' : 'paid');
    }
  }

  /** What must hold after every event. */
  async check(): Promise<void> {
    for (const c of await this.records('payer')) {
      if (c.role !== 'payer') throw new Error('a payer');
      if (c.signedMaxSat > (this.signed.get(c.id) ?? 0n)) this.signed.set(c.id, c.signedMaxSat);
      this.stays('payer', c);
      this.finish(c, c.refund, 'refund');
      if ('tx' in c && c.tx) this.finish(c, c.tx, 'agreed');
    }
    for (const c of await this.records('payee')) {
      if (c.role !== 'payee') throw new Error('a payee');
      expect(c.paidSat, 'paid never falls').toBeGreaterThanOrEqual(this.paid.get(c.id) ?? 0n);
      if (this.left.has(`payee ${c.id}`)) expect(c.paidSat, 'nothing is paid once left').toBe(this.paid.get(c.id));
      this.paid.set(c.id, c.paidSat);
      expect(this.signed.get(c.id) ?? 0n, 'the payer has signed at least what is paid').toBeGreaterThanOrEqual(
        c.paidSat,
      );
      this.stays('payee', c);
      expect(c.exit === null, 'an exit if, and only if, something was paid').toBe(c.paidSat === 0n);
      if (c.exit) this.finish(c, c.exit, 'update');
      if ('tx' in c && c.tx) this.finish(c, c.tx, 'agreed');
    }
    for (const { home } of [this.pair.payee, this.pair.payer]) await expectSums(home);
    for (const [nonce, times] of this.spent) expect(times, `${nonce} is spent once`).toBe(1);
  }

  /** What was left stays left (a payer restored from a backup knows less; its observer begins anew). */
  stays(name: Who, c: FundedCredit): void {
    if (isLeft(c)) this.left.add(`${name} ${c.id}`);
    else expect(this.left.has(`${name} ${c.id}`), `${name} ${c.state} again`).toBe(false);
  }

  /** A finished transaction: valid for the contract's key, by one nonce, its sats all accounted for. */
  finish(c: FundedCredit, hex: string, what: 'refund' | 'update' | 'agreed'): void {
    const { terms } = c;
    const tx = Transaction.fromRaw(hexToBytes(hex), {
      allowUnknownOutputs: true,
      allowUnknownVersion: true,
      disableScriptCheck: true,
    });
    const set = keysOf(terms);
    const index = Array.from({ length: tx.inputsLength }, (_, i) => tx.getInput(i)).findIndex(
      (i) => bytesToHex(i.txid!) === c.outpoint.txid && i.index === c.outpoint.vout,
    );
    expect(index).toBeGreaterThanOrEqual(0);
    const [signature] = tx.getInput(index).finalScriptWitness!;
    const known = bytesToHex(signature!);
    if (this.finished.get(known.slice(0, 64)) !== known) {
      expect(this.finished.has(known.slice(0, 64)), 'two signatures under one nonce').toBe(false);
      this.finished.set(known.slice(0, 64), known);
      const hash = tx.preimageWitnessV1(index, [hexToBytes(set.script)], 0, [terms.capacity_sat]);
      if (tx.inputsLength === 1) expect(schnorr.verify(signature!, hash, hexToBytes(set.script.slice(4)))).toBe(true);
    }
    const outputs = Array.from({ length: tx.outputsLength }, (_, i) => tx.getOutput(i));
    const to = (script: string) =>
      outputs.filter((o) => bytesToHex(o.script!) === script).reduce((sum, o) => sum + o.amount!, 0n);
    const [payee, payer] = [to(payoutScript(terms, 'payee')), to(payoutScript(terms, 'payer'))];
    const all = outputs.reduce((sum, o) => sum + o.amount!, 0n);
    expect(tx.version).toBe(3);
    expect(all).toBeLessThan(terms.capacity_sat);
    expect(terms.capacity_sat - all).toBeLessThanOrEqual(terms.capacity_sat / 10n + 400n);
    if (what === 'refund') {
      expect([payee, payer, tx.lockTime]).toEqual([0n, all, terms.expiry]);
      return;
    }
    expect(tx.lockTime).toBe(0);
    const dust = dustLimit(payoutScript(terms, 'payer'));
    const most = this.signed.get(c.id) ?? 0n;
    if (c.role === 'payee') {
      expect(payee, 'at least what was paid').toBeGreaterThanOrEqual(what === 'update' ? c.paidSat : 0n);
      if (what === 'update') expect(payee).toBeLessThan(c.paidSat + dust);
    }
    if (payee > 0n) expect(payee, 'less than a dust limit above what was signed').toBeLessThan(most + dust);
  }
}

const totals = new Map<string, number>();

describe('histories', () => {
  it('whatever happens, nobody takes more than it was paid, and nothing that was signed is forgotten', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 30, size: 'max' }), async (events) => {
        const both = await pair(((runs += 1) * 2) % 200);
        const world = new World(both);
        try {
          world.contracts.push(await opened(both, { blocks: 3_000 }));
          await world.check();
          for (const e of events) {
            await world.play(e);
            for (const c of await world.records('payee'))
              if (!world.contracts.includes(c.id)) world.contracts.push(c.id);
            await world.check();
          }
          await world.payable();
          await world.check();
          await world.reachable();
        } finally {
          for (const [what, times] of world.done) totals.set(what, (totals.get(what) ?? 0) + times);
          both.close();
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
    expect(runs).toBe(60);
  });

  it('and much has happened', () => {
    if (process.env['HISTORIES']) console.log(Object.fromEntries([...totals].sort((a, b) => b[1] - a[1])));
    for (const what of [
      'sign-update accepted',
      'rollover complete',
      'close-credit complete',
      'exit-credit exit',
      'restored',
      'paid after a loss',
      'answered twice at once',
      'printed again',
      'pruned',
      'exit within reach',
    ])
      expect(totals.get(what) ?? 0, what).toBeGreaterThan(0);
  });
});
