/**
 * Random histories of two parties: pay, roll over, close, exit; messages delayed, dropped, doubled, reordered, given to the
 * wrong party; answered by two runs at once, to a full stdout, printed again; payments that become ecash, under keysets that the
 * payee changes; cancels, restarts, prunes, and either home restored from a backup. After every event, what must always hold; in
 * the end every satoshi and every token is within reach of a command.
 */
import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { schnorr } from '@noble/curves/secp256k1.js';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { getDecodedToken } from '@cashu/cashu-ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, shareOf } from '../../src/lib/bitcoin/psbt.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { freezeHeight } from '../../src/lib/credit/checks.ts';
import { awaitedElsewhere } from '../../src/commands/ecash/restore.ts';
import { addKeyset, keysetsOf } from '../../src/commands/ecash/keysets.ts';
import { printInHand } from '../../src/lib/cashu/in-hand.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
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
import { HOME_MINT, opened, pair, type Pair } from '../support/credit.ts';
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
  | { do: 'deliver'; back: number; full: boolean }
  /** The payer pays for ecash; the payee's last message, or the token at its print, may be lost. */
  | { do: 'buy'; contract: number; amount: number; lost: 'nothing' | 'message' | 'token' }
  /** The payee signs with another keyset from now on. */
  | { do: 'rotate' }
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
  | { do: 'backup'; who: Who }
  | { do: 'restore'; who: Who }
  | { do: 'tip'; blocks: number };

const contract = fc.nat(3);
const amount = fc.constantFrom(1, 329, 330, 2_100, 40_000, 399_000, 1_199_600);
const who = fc.constantFrom<Who>('payer', 'payee');
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('request' as const), contract, amount }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pay' as const), contract, amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lose' as const), contract, amount }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constant('deliver' as const), back: fc.nat(3), full: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('buy' as const),
      contract,
      amount: fc.constantFrom(330, 2_100, 40_000),
      lost: fc.constantFrom('nothing', 'message', 'token'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rotate' as const) }) },
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
  { weight: 2, arbitrary: fc.record({ do: fc.constant('exit' as const), contract, print: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('backup' as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('restore' as const), who }) },
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
  readonly backups: Partial<Record<Who, string>> = {};
  /** What the payee has signed for: satoshis by blind signature. */
  readonly issued = new Map<string, bigint>();
  /** Tokens that reached the payer. */
  readonly tokens: string[] = [];
  /** What was refused last. */
  refused = '';
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
      this.refused = `${error.code}: ${error.message}`;
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
    const ecash = step === 'requested' && message['asked'] ? { ecash: true } : {};
    return this.run(name, TABLES[type]!, { on: message, input: { ...input, ...ecash }, max: 2_000_000n });
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
        if (!one) return;
        const before = this.sent.length;
        const ran = await this.answer(other(one.by), one.message);
        if (!e.full || !ran) return;
        // Nothing of it came out: the same run says the same again.
        this.sent.length = before;
        const again = await this.answer(other(one.by), one.message);
        expect(again?.text, 'printed to a full stdout').toBe(ran.text);
        return this.count('printed to a full stdout');
      }
      case 'buy': {
        const asked = await this.run('payer', signUpdate, { input: { contract: id, amount: BigInt(e.amount) } });
        const requested = asked && (await this.answer('payee', asked.message));
        const signed = requested && (await this.answer('payer', requested.message));
        const accepted = signed && (await this.answer('payee', signed.message));
        if (!accepted) return;
        this.count(`bought, ${e.lost} lost`);
        if (e.lost === 'message') return void (this.sent.length -= 1);
        const got = await this.answer('payer', accepted.message);
        if (got?.message['token'] && e.lost === 'nothing') this.tokens.push(got.message['token'] as string);
        return;
      }
      case 'rotate':
        await addKeyset(this.pair.payee.home, undefined);
        return this.count('another keyset');
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
        const party = this.pair[e.who];
        if (e.who === 'payee') return void (this.backups.payee = await party.backUp());
        this.backups.payer = join(party.dir, '..', `backup-${(this.#restores += 1)}`);
        return cpSync(party.home.dir, this.backups.payer, { recursive: true });
      }
      case 'restore': {
        const from = this.backups[e.who];
        if (from === undefined) return;
        const party = this.pair[e.who];
        if (e.who === 'payee') {
          await party.lose(from);
          this.watch('payee');
          await party.home.reconcile(party.journal());
          return this.count('restored, and its journal read');
        }
        const again = `${from}-${(this.#restores += 1)}`;
        cpSync(from, again, { recursive: true });
        await party.reopen(again);
        expect(party.home.restored).toBe(true);
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
    for (const { C_, amount_sat: sat } of (message['ecash']?.promises ?? []) as { C_: string; amount_sat: number }[])
      this.issued.set(C_, BigInt(sat));
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
    return (await this.pair[name].home.store.list('credit')).map((r) => withSats(r.record) as Credit).filter(isFunded);
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

  /** Tokens that were printed, that a command prints again, and that the payee has signed for and the payer never got. */
  async ecash(): Promise<void> {
    const { payer, payee } = this.pair;
    const printed = [...this.tokens];
    // A contract that the payee has dropped is asked for by another one.
    const known = new Set((await this.records('payee')).map(({ id }) => id));
    const contracts = (await this.records('payer')).filter(({ id }) => known.has(id));
    const keysets = (await keysetsOf(payee.home)).map(({ keyset }) => keyset.id);
    const searched: FundedCredit[] = [];
    for (const c of contracts)
      if (searched.length === 0 || (await payer.ledger(c.id)).awaited.length > 0) searched.push(c);
    for (const { id } of searched)
      for (const keyset of keysets)
        for (let more = true; more;) {
          const due = await awaitedElsewhere(payer.home, id, keyset);
          const asked = await payer.run(ecashRestore, { input: { contract: id, keyset, due } });
          const answered = await payee.run(ecashRestore, { on: asked.message });
          const { message } = await payer.run(ecashRestore, { on: answered.message });
          more = message['search'] === 'more';
          if (message['token']) this.count('ecash found again');
        }
    await printInHand({ home: payer.home, isNamed: () => false, print: async (token) => void printed.push(token) });
    const coins = new Map(
      printed.flatMap((token) => getDecodedToken(token, keysets).proofs.map((p) => [p.secret, p.amount])),
    );
    const have = [...coins.values()].reduce((sum, amount) => sum + BigInt(amount.toString()), 0n);
    const issued = [...this.issued.values()].reduce((sum, sat) => sum + sat, 0n);
    expect(have, 'every token').toBe(issued);
  }

  /** Over every contract that both still have open the next payment goes through, whatever was lost before. */
  async payable(): Promise<void> {
    const payers = new Map((await this.records('payer')).map((c) => [c.id, c]));
    for (const c of await this.records('payee')) {
      const mine = payers.get(c.id);
      if (c.role !== 'payee' || c.state !== 'open' || c.restored || mine?.state !== 'open' || mine.role !== 'payer')
        continue;
      const paid = c.paidSat > mine.signedMaxSat ? c.paidSat : mine.signedMaxSat;
      const tip = this.pair.payee.chain.tip as number;
      if (tip >= freezeHeight(c.terms) || paid + 331n > maxPaid(c.terms)) continue;
      const before = (this.done.get('sign-update accepted') ?? 0) + 1;
      // Nothing else asks for this sum: of two open requests that one signature would pay the second is refused.
      await this.play({ do: 'pay', contract: this.contracts.indexOf(c.id), amount: 331 });
      expect(this.done.get('sign-update accepted'), `the next payment is taken: ${this.refused}`).toBe(before);
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

/** Number of histories, and the seed of the first; SPILLWAY_RUNS and SPILLWAY_SEED play others. */
const RUNS = Number(process.env['SPILLWAY_RUNS'] ?? 40);
const SEED = Number(process.env['SPILLWAY_SEED'] ?? 43);
const totals = new Map<string, number>();

describe(`${RUNS} histories (seed ${SEED})`, () => {
  it('whatever happens, nobody takes more than it was paid, and nothing that was signed is forgotten', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 30, size: 'max' }), async (events) => {
        const both = await pair(((runs += 1) * 2) % 200);
        const world = new World(both);
        try {
          await addKeyset(both.payee.home, undefined);
          world.contracts.push(await opened(both, { blocks: 3_000, offer: HOME_MINT }));
          await world.check();
          for (const e of events) {
            await world.play(e);
            for (const c of await world.records('payee'))
              if (!world.contracts.includes(c.id)) world.contracts.push(c.id);
            await world.check();
          }
          // Ecash that has not come is looked for before the next is paid for.
          await world.ecash();
          await world.payable();
          await world.check();
          await world.reachable();
        } finally {
          for (const [what, times] of world.done) totals.set(what, (totals.get(what) ?? 0) + times);
          both.close();
        }
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    expect(runs).toBe(RUNS);
  });

  it('and much has happened', () => {
    if (process.env['HISTORIES']) console.log(Object.fromEntries([...totals].sort((a, b) => b[1] - a[1])));
    for (const what of [
      'sign-update accepted',
      'rollover complete',
      'close-credit complete',
      'exit-credit exit',
      'restored',
      'restored, and its journal read',
      'another keyset',
      'printed to a full stdout',
      'bought, message lost',
      'bought, token lost',
      'ecash found again',
      'paid after a loss',
      'answered twice at once',
      'printed again',
      'pruned',
      'exit within reach',
    ])
      expect(totals.get(what) ?? 0, what).toBeGreaterThan(0);
  });
});
