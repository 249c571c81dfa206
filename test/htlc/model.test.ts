/**
 * Two parties with two swaps each on one chain: start, answer, repeat, cancel, crash, lose, restore, reconcile and end in any
 * order, with blocks between; either says what crosses a message with another of its step, under its own seal. After each command: the store's claims are those of its records, what is reserved is reserved by
 * a swap that was paid for, no preimage was shown before its claim, and what was cancelled or ended does not go on. At the end
 * the chain is played on until every lock has run out: what was called claimed or settled is in a block, and every coin is free.
 *
 * 100 runs; SPILLWAY_RUNS says otherwise; SPILLWAY_SEED, 1 in CI, repeats what a failure names.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { parseTransaction, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { allKinds } from '../../src/lib/families.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import { htlcKeyKind, preimageOf } from '../../src/lib/htlc/records.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { signatureBy } from '../../src/lib/htlc/sign.ts';
import { finishSpend } from '../../src/lib/htlc/sign.ts';
import { spend } from '../../src/lib/htlc/spend.ts';
import { htlcsOf } from '../../src/lib/htlc/swap-terms.ts';
import { swapKind, type Swap } from '../../src/lib/htlc/swap-records.ts';
import { hashClaim } from '../../src/lib/protocol/claims.ts';
import type { Claim, Utxo } from '../../src/lib/protocol/action.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { reseal, sealSecret } from '../credit/alter.ts';
import { ownCoin } from '../support/credit.ts';
import { crossings } from '../support/moments.ts';
import type { Message, Ran, RunOptions, TestParty } from '../support/party.ts';
import { ACCEPT, OFFER, pair, WANT, type Pair, type Who } from './scenes.ts';

const RUNS = Number(process.env['SPILLWAY_RUNS'] ?? 100);
const SEED = Number(process.env['SPILLWAY_SEED'] ?? (process.env['CI'] ? 1 : Date.now() % 2 ** 31));
const WHO = ['alice', 'bob'] as const;
const other = (who: Who): Who => (who === 'alice' ? 'bob' : 'alice');

class Killed extends Error {}

/** A chain that judges what a model needs: which coins there are, and from which height a transaction may be mined. */
class Chain {
  tip = 1000;
  readonly #coins = new Map<string, Utxo & { from: number }>();
  readonly #txs = new Map<string, number>();
  /** By outpoint. */
  readonly #spends = new Map<string, { txid: string; hex: string; at: number }>();

  give(at: string, sat: bigint, script: string): void {
    this.#coins.set(at, { sat, script, confirmations: 0, from: this.tip - 6 });
  }
  /** Mined at once, where its coins are there and its lock has run out. */
  send(hex: string): boolean {
    const txid = txidOfHex(hex);
    if (this.#txs.has(txid)) return true;
    const { inputs, outputs, lockTime } = parseTransaction(hex);
    const spent = inputs.map((i) => `${bytesToHex(i.txid)}:${i.index}`);
    if (lockTime > this.tip || !spent.every((at) => this.#coins.has(at))) return false;
    this.tip += 1;
    for (const at of spent) {
      this.#coins.delete(at);
      this.#spends.set(at, { txid, hex, at: this.tip });
    }
    for (const [vout, { amount, script }] of outputs.entries())
      this.#coins.set(`${txid}:${vout}`, { sat: amount, script: bytesToHex(script), confirmations: 0, from: this.tip });
    this.#txs.set(txid, this.tip);
    return true;
  }
  has = (txid: string): boolean => this.#txs.has(txid);
  holds = (at: string): boolean => this.#coins.has(at);
  /** As a node answers. */
  shown(): Pick<TestParty['chain'], 'tip' | 'coins' | 'known' | 'spends'> {
    const coins = new Map<string, Utxo | 'missing'>();
    coins.get = (at) => {
      const coin = this.#coins.get(at);
      return coin ? { ...coin, confirmations: this.tip - coin.from + 1 } : 'missing';
    };
    const known = new Map<string, boolean>();
    known.get = (txid) => this.#txs.has(txid);
    const spends = new Map(
      [...this.#spends].map(([at, { at: height, ...tx }]) => [at, { ...tx, confirmations: this.tip - height + 1 }]),
    );
    return { tip: this.tip, coins, known, spends };
  }
}

type Command =
  | { do: 'start'; who: Who }
  | { do: 'deliver'; swap: number; sent: boolean; kill?: string }
  | { do: 'repeat'; at: number; wrong: boolean }
  | { do: 'lie'; at: number; from: number; piece: number }
  | { do: 'cancel'; who: Who; at: number; named: boolean }
  | { do: 'end'; who: Who; at: number }
  | { do: 'send'; at: number }
  | { do: 'blocks'; blocks: number }
  | { do: 'backup'; who: Who }
  | { do: 'lose'; who: Who; reconcile: boolean }
  | { do: 'restart'; who: Who };

const who = fc.constantFrom<Who>(...WHO);
const at = fc.nat(30);
/** The oldest ones more often, so that some come to their end. */
const swap = fc.constantFrom(0, 0, 0, 1, 1, 2, 3);
const sent = fc.constantFrom(true, true, true, false);
const point = fc.constantFrom('before-commit', 'after-commit', 'before-print');
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('start' as const), who }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('deliver' as const), swap, sent }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver' as const), swap, sent, kill: point }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('repeat' as const), at, wrong: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lie' as const), at, from: at, piece: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), who, at, named: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), who, at }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('send' as const), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('blocks' as const), blocks: fc.constantFrom(1, 5, 40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('backup' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), who, reconcile: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who }) },
);

class World {
  readonly chain = new Chain();
  /** Every message that was printed, by whom, in order. */
  readonly wire: { by: Who; message: Message; exit: 0 | 3 }[] = [];
  readonly #started = { alice: 0, bob: 0 };
  readonly #backups: Partial<Record<Who, string>> = {};
  /** Steps of which each party has said that they are done, with the transaction that they rest on. */
  readonly #promised: { step: string; txid: string }[] = [];
  /** Who went on without what its journal knows. */
  readonly #forgot = new Set<Who>();
  /** By party and hash: cancelled or ended, for good. */
  readonly #gone = new Set<string>();
  /** Hashes whose claim was printed. */
  readonly #claimed = new Set<string>();
  /** All that a party has said, in whatever way, before the claim of a hash. */
  #said = '';
  readonly both: Pair;
  constructor(both: Pair) {
    this.both = both;
  }

  async #run(who: Who, options: RunOptions): Promise<Ran | undefined> {
    const party = this.both[who];
    Object.assign(party.chain, this.chain.shown());
    try {
      const ran = await party.run(htlcSwap, options);
      this.#note(who, ran);
      return ran;
    } catch (error) {
      if (error instanceof Killed) {
        await party.reopen();
        return undefined;
      }
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
      this.#said += `${error.message} ${error.hint ?? ''}\n`;
      return undefined;
    }
  }
  #note(by: Who, { message, text, hint, exit }: Ran): void {
    const hash = message['offer']?.hash;
    if (message['step'] === 'claimed') this.#claimed.add(hash);
    else if (!this.#claimed.has(hash)) this.#said += `${text} ${hint ?? ''}\n`;
    if (message['step'] === 'cancelled') return;
    if (message['step'] === 'ended') return void this.#gone.add(`${by} ${hash}`);
    expect(this.#gone.has(`${by} ${hash}`), `${hash} was given up or ended, and ${by} goes on with it`).toBe(false);
    if (!this.wire.some((w) => w.message['auth'] === message['auth'])) this.wire.push({ by, message, exit });
    if (exit !== 0 || !message['hex']) return;
    // Whoever is told to broadcast does.
    this.#promised.push({ step: message['step'], txid: message['txid'] });
    this.chain.send(message['hex']);
  }

  /** What a party answers to a message: as people do who have two swaps at hand. */
  async #answer(who: Who, message: Message, more: Partial<RunOptions> = {}): Promise<void> {
    const coin = async (sat: bigint) => {
      const made = await ownCoin(this.both[who], sat);
      this.chain.give(`${made.txid}:${made.vout}`, made.sat, made.script);
      return made;
    };
    const inputs: Record<string, () => Promise<object>> = {
      offered: async () => ({ amount: WANT, input: ACCEPT }),
      accepted: async () => ({ input: { utxo: [await coin(150_000n)] } }),
      funded: async () => ({ input: { utxo: [await coin(140_000n)] } }),
    };
    await this.#run(who, { on: message, ...(await inputs[message['step']]?.()), ...more });
  }

  /** The payment that a message holds. */
  #send({ psbt }: Message): void {
    const paying = psbt?.second ?? psbt?.first;
    if (paying !== undefined) this.chain.send(bytesToHex(readPsbt(paying).extract()));
  }

  #hashes = (): string[] => [...new Set(this.wire.map(({ message }) => message['offer'].hash as string))];

  async play(c: Command): Promise<void> {
    const hashes = this.#hashes();
    switch (c.do) {
      case 'start':
        if (this.#started[c.who]++ < 2) await this.#run(c.who, { input: OFFER });
        return;
      case 'deliver': {
        const hash = hashes[c.swap % Math.max(1, hashes.length)];
        const w = this.wire.findLast(({ message }) => message['offer'].hash === hash);
        if (!w) return;
        if (c.sent) this.#send(w.message);
        const point = (label: string) => {
          if (label === c.kill) throw new Killed();
        };
        return this.#answer(other(w.by), w.message, c.kill === undefined ? {} : { point });
      }
      case 'repeat': {
        const w = this.wire[c.at % Math.max(1, this.wire.length)];
        if (w) await this.#answer(c.wrong ? w.by : other(w.by), w.message);
        return;
      }
      case 'lie': {
        const w = this.wire[c.at % Math.max(1, this.wire.length)];
        const like = this.wire.filter((o) => o !== w && o.message['step'] === w?.message['step']);
        if (!w || like.length === 0) return;
        // Sealed by whoever has said it; its home may have lost the key since.
        const secret = await sealSecret(this.both[w.by], w.message).catch(() => undefined);
        if (!secret) return;
        const crossed = [...crossings(w.message, like[c.from % like.length]!.message, (m) => m)];
        if (crossed.length === 0) return;
        return this.#answer(other(w.by), reseal(crossed[c.piece % crossed.length]!.message, secret));
      }
      case 'cancel': {
        const w = this.wire[c.at % Math.max(1, this.wire.length)];
        if (!w) return;
        const over = hashClaim(w.message['offer'].hash);
        const ran = await this.#run(c.who, c.named ? { over, cancel: true } : { on: w.message, cancel: true });
        if (ran) this.#gone.add(`${c.who} ${w.message['offer'].hash}`);
        return;
      }
      case 'end':
        if (hashes.length > 0) await this.#run(c.who, { input: { contract: hashes[c.at % hashes.length] } });
        return;
      case 'send': {
        const paying = this.wire.filter(({ message }) => message['psbt']);
        const w = paying[c.at % Math.max(1, paying.length)];
        if (w) this.#send(w.message);
        return;
      }
      case 'blocks':
        this.chain.tip += c.blocks;
        return;
      case 'backup':
        this.#backups[c.who] = await this.both[c.who].backUp();
        return;
      case 'lose': {
        const from = this.#backups[c.who];
        if (from === undefined) return;
        await this.both[c.who].lose(from);
        // What a home of before gave up since it does not know.
        for (const name of this.#gone) if (name.startsWith(c.who)) this.#gone.delete(name);
        if (c.reconcile && existsSync(this.both[c.who].home.journalDir))
          await this.both[c.who].home.reconcile(this.both[c.who].journal());
        else {
          await this.both[c.who].home.acceptRestore();
          this.#forgot.add(c.who);
        }
        return;
      }
      case 'restart':
        return this.both[c.who].reopen();
    }
  }

  /** What holds after every command. */
  async check(): Promise<void> {
    for (const name of WHO) {
      const { home, dir } = this.both[name];
      const all = await allKinds();
      const claims = new Map<Claim, string>();
      for (const { kind, name: called, record } of await home.store.list()) {
        const of = all.find((k) => k.name === kind)!;
        const parsed = of.parse(record);
        for (const claim of of.claims(parsed)) {
          expect(claims.has(claim), `${claim} is held twice`).toBe(false);
          claims.set(claim, called);
          if (claim.startsWith('coin:')) expect([kind, of.row(parsed).state]).toEqual([swapKind.name, 'funded']);
        }
        if (kind === htlcKeyKind.name) {
          const preimage = bytesToHex(preimageOf(await home.keys(), parsed as never));
          expect(this.#said.includes(preimage), 'a preimage before its claim').toBe(false);
        }
      }
      const db = new DatabaseSync(join(dir, 'store.db'), { readOnly: true });
      const stored = db.prepare('SELECT claim FROM claim').all() as { claim: Claim }[];
      db.close();
      expect(stored.map(({ claim }) => claim).sort()).toEqual([...claims.keys()].sort());
    }
  }

  /** Every lock runs out, every refund is sent, every swap is ended. */
  async end(): Promise<void> {
    for (const { step, txid } of this.#promised) expect(this.chain.has(txid), `${step} was said of ${txid}`).toBe(true);
    // Whoever was told of a claim takes the other coin with it, while there is time.
    const told = this.wire.slice();
    for (const { by, message } of told) if (message['step'] === 'claimed') await this.#answer(other(by), message);
    this.chain.tip += 1000;
    // A claim that is deep by now is settled.
    for (const { by, message } of told) if (message['step'] === 'claimed') await this.#answer(other(by), message);
    // Where the other side has forgotten a coin that may still be claimed, a payment that was not sent is ended by sending it.
    for (const name of WHO) if (this.#forgot.has(other(name))) await this.#sendAll(this.both[name]);
    for (const name of WHO) {
      const party = this.both[name];
      const keys = await party.home.keys();
      for (const { record } of await party.home.store.list('htlc-swap')) {
        const swap = swapKind.parse(record) as Swap;
        if (!('paid' in swap)) continue;
        const { first, second } = htlcsOf(swap as never);
        const htlc = swap.role === 'initiator' ? first : second;
        const coin = { ...swap.paid, sat: swap.role === 'initiator' ? swap.offer.give_sat : swap.offer.want_sat };
        if (this.chain.holds(`${coin.txid}:${coin.vout}`)) {
          const made = spend(htlc, 'refund', { coin, to: `5120${'11'.repeat(32)}`, feerate: 2000 });
          const { path } = await this.#keyOf(party, htlc.refund);
          const signatures = { refund: signatureBy(made, keys.contract(path)) };
          expect(this.chain.send(finishSpend(made, { signatures }).hex), 'a refund').toBe(true);
        }
      }
    }
    this.chain.tip += 5;
    // Both have taken back what they could, for good: now each swap ends by its name, and every coin is free.
    for (const name of WHO) {
      const party = this.both[name];
      const forgotten: string[] = [];
      for (const { record } of await party.home.store.list('htlc-swap')) {
        const swap = swapKind.parse(record) as Swap;
        if (swap.state !== 'funded') continue;
        Object.assign(party.chain, this.chain.shown());
        const ending = party.run(htlcSwap, { input: { contract: swap.offer.hash } });
        const theirs = swap.theirs && this.chain.holds(`${swap.theirs.txid}:${swap.theirs.vout}`);
        if (theirs && this.#forgot.has(other(name))) {
          // Nobody has taken that one back: whoever learns the preimage may still have it, and nothing else is held.
          await expect(ending).rejects.toMatchObject({ code: 'swap-open' });
          for (const at of swap.coins) expect(this.chain.holds(at), `${at} is held for nothing`).toBe(false);
          forgotten.push(...swap.coins.map((at) => `coin:${at}`));
          continue;
        }
        expect((await ending).message['step']).toBe('ended');
        const { found } = await party.home.store.load([hashClaim(swap.offer.hash)]);
        expect(found.size).toBe(1);
      }
      const db = new DatabaseSync(join(party.dir, 'store.db'), { readOnly: true });
      const held = db.prepare("SELECT claim FROM claim WHERE claim LIKE 'coin:%'").all();
      expect(held.map(({ claim }) => claim).sort()).toEqual(forgotten.sort());
      db.close();
    }
  }
  /** What a home has printed last over each of its payments, printed or not before it was killed. */
  async #sendAll(party: TestParty): Promise<void> {
    for (const { record } of await party.home.store.list('htlc-swap')) {
      const swap = swapKind.parse(record) as Swap;
      if (swap.state !== 'funded') continue;
      const { text } = await playAgain(htlcSwap, hashClaim(swap.offer.hash), party.ports());
      this.#send(JSON.parse(text));
    }
  }
  async #keyOf(party: TestParty, pubkey: string) {
    const { found } = await party.home.store.load([`key:${pubkey}`]);
    return htlcKeyKind.parse(found.get(`key:${pubkey}`)!.record).own;
  }
}

it(`whatever two parties do with two swaps each (${RUNS} runs, seed ${SEED})`, { timeout: RUNS * 20_000 }, async () => {
  let n = 0;
  const reached = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 12, maxLength: 40 }), async (commands) => {
      const both = await pair(2 + ((n += 2) % 240));
      const world = new World(both);
      try {
        for (const c of commands) {
          await world.play(c);
          await world.check();
        }
        await world.end();
        for (const { message } of world.wire) reached.set(message['step'], (reached.get(message['step']) ?? 0) + 1);
      } finally {
        both.close();
      }
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
  // The runs are worth something: swaps come to their end.
  if (RUNS >= 100)
    expect([...reached.keys()].sort()).toEqual(['accepted', 'claimed', 'funded', 'matched', 'offered', 'settled']);
});
