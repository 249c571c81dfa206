/**
 * Random histories of a customer and a merchant at a running mint: payments, tokens that cannot be printed, lost answers,
 * refusals that are none, runs at once, another keyset, melts that are cut off, older copies of either home put back, prunes.
 * After each, every satoshi that the mint has issued and not taken back is printed by `ecash-mint --again`, or lies in a file
 * of `ecash-melt`; and every satoshi that ecash has paid to the merchant is in its contract, or in the close of the mint's home.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getDecodedToken } from '@cashu/cashu-ts';
import { expect, it } from 'vitest';
import { printInHand } from '../../src/lib/cashu/in-hand.ts';
import { giveUpMelt, meltEcash } from '../../src/lib/cashu/melt.ts';
import { mintEcash } from '../../src/lib/cashu/mint.ts';
import { changeFile, fileJournal } from '../../src/commands/ecash/melt.ts';
import { outputsOf, sumSat } from '../../src/lib/bitcoin/transaction.ts';
import { payoutScript } from '../../src/lib/credit/terms.ts';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { backUp } from '../credit/helpers.ts';
import { isNamed, KEYSET, MintError, NEXT_KEYSET } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';
import { pruneAt } from '../support/prune.ts';

class Cut extends Error {}

class World {
  readonly market: Market;
  readonly contract: string;
  readonly reverse: string;
  readonly dir = mkdtempSync(join(tmpdir(), 'spillway-history-'));
  quote = '';
  /** Tokens that were printed, and have reached their owner. */
  readonly hand: string[] = [];
  /** Melts under way, by the file of their token, with the file of their change. */
  readonly melts: { token: string; change: string; invoice: string }[] = [];
  /** So often was the merchant's home lost. */
  losses = 0;
  #copy: string | undefined;
  #merchantsCopy: string | undefined;
  #files = 0;
  #givenAway = 0;
  readonly #next: () => number;

  constructor(market: Market, contract: string, reverse: string, next: () => number) {
    this.market = market;
    this.contract = contract;
    this.reverse = reverse;
    this.#next = next;
  }
  static async make(seed: number): Promise<World> {
    const market = await Market.make(seed % 200);
    const world = new World(market, await market.forward(), await market.reverse(), random(seed));
    world.quote = await market.bind(world.contract);
    // Something is in hand from the start.
    await world.pay();
    await mintEcash({ home: market.user.home, contract: world.contract, isNamed, point: () => {}, print: world.#took });
    return world;
  }
  async close(): Promise<void> {
    await this.market.close();
    rmSync(this.dir, { recursive: true });
  }

  #took = async (token: string): Promise<void> => void this.hand.push(token);
  #below = (n: number): number => Math.floor(this.#next() * n);
  #pick = <T>(list: readonly T[]): T | undefined => list[this.#below(list.length)];
  /** What may happen to a run: nothing, a full stdout, its death at a point. */
  #fate() {
    const fate = this.#below(5);
    const print = async (token: string): Promise<void> => {
      if (fate === 1) throw new Cut('stdout is full');
      await this.#took(token);
    };
    const point = (label: string): void => {
      const at = ['', '', 'mint-prepared', 'mint-kept'][fate];
      if (label === at) throw new Cut(label);
    };
    return { print, point };
  }

  async step(): Promise<string> {
    const ops = [
      'pay',
      'pay',
      'mint',
      'mint',
      'mint',
      'lost',
      'refused',
      'two',
      'spend',
      'melt',
      'melt',
      'melt',
      'again',
      'copy',
      'rare',
      'settle',
      'merchantLost',
      'merchantLost',
    ];
    const op = this.#pick(ops)!;
    try {
      await (this as unknown as Record<string, () => Promise<void>>)[op]!();
    } catch (error) {
      if (!(error instanceof Cut) && !(error instanceof Refusal && error.code !== 'bug')) throw error;
    }
    return op;
  }
  get #paid(): number {
    return this.market.mint.state.quotes.find(({ id }) => id === this.quote)!.paid;
  }
  async pay(): Promise<void> {
    const amount = 1_000 + this.#below(3_000);
    const before = this.#paid;
    await this.market.pay(this.contract, BigInt(amount));
    await this.market.arrived(this.quote, before + amount);
  }
  async mint(): Promise<void> {
    const { home } = this.market.user;
    const amountSat = this.#below(2) === 0 ? undefined : BigInt(1 + this.#below(900));
    await mintEcash({ home, contract: this.contract, isNamed, amountSat, ...this.#fate() });
  }
  /** The mint signs, and says that it does not. */
  async lost(): Promise<void> {
    const real = this.market.mint.mint;
    this.market.mint.mint = async (body) => {
      await real.call(this.market.mint, body);
      throw new MintError('Quote pending', 20_005);
    };
    await this.mint().finally(() => (this.market.mint.mint = real));
  }
  /** The mint refuses, and may sign later what it was sent. */
  async refused(): Promise<void> {
    const real = this.market.mint.mint;
    let sent: Parameters<typeof real>[0] | undefined;
    this.market.mint.mint = async (body) => {
      sent = body;
      throw new MintError('Quote pending', 20_005);
    };
    await this.mint().catch(() => {});
    this.market.mint.mint = real;
    if (sent && this.#below(2) === 0) await real.call(this.market.mint, sent).catch(() => {});
  }
  async two(): Promise<void> {
    await Promise.allSettled([this.mint(), this.mint()]);
  }
  /** Its owner gives a token away. */
  async spend(): Promise<void> {
    const token = this.#pick(this.hand);
    if (token) this.#spend(token);
  }
  #spend(token: string): void {
    const { state } = this.market.mint;
    for (const { secret, amount } of proofsOf(token))
      if (!state.spent.includes(secret) && !state.pending.includes(secret)) {
        state.spent.push(secret);
        this.#givenAway += Number(amount.toString());
      }
  }
  async melt(): Promise<void> {
    const again = this.#below(2) === 0 ? this.#pick(this.melts) : undefined;
    const token = this.#pick(this.hand);
    if (!again && !token) return;
    const name = `${(this.#files += 1)}`;
    const run = again ?? {
      token: join(this.dir, `token-${name}`),
      change: join(this.dir, `change-${name}`),
      // Less than the dust limit comes to nothing.
      invoice: await this.market.invoice(this.reverse, BigInt(300 + this.#below(300))),
    };
    if (!again) {
      writeFileSync(run.token, token!);
      this.melts.push(run);
    }
    const fate = this.#below(5);
    const cutAt = ['melt-quoted', 'melt-swapped', 'melt-sent'][fate];
    const real = this.market.mint.melt;
    if (fate === 3)
      this.market.mint.melt = async () => {
        throw new MintError('Invoice expired', 20_007);
      };
    const point = (label: string): void => {
      if (label === cutAt) throw new Cut(label);
    };
    const print = async (): Promise<void> => {
      if (fate === 4) throw new Cut('stdout is full');
    };
    const paying = meltEcash({ ...this.#at(run), invoice: run.invoice, point, print });
    await paying.finally(() => (this.market.mint.melt = real));
  }
  #at({ token, change }: { token: string; change: string }) {
    return {
      mint: this.market.mint.url,
      token: readFileSync(token, 'utf8').trim(),
      journal: fileJournal(`${token}.melting`),
      change: changeFile(change, false),
      print: async () => {},
    };
  }
  async again(): Promise<void> {
    await printInHand({ home: this.market.user.home, isNamed, print: this.#fate().print });
  }
  async copy(): Promise<void> {
    this.#copy = backUp(this.market.user);
  }
  async rare(): Promise<void> {
    const which = this.#below(3);
    if (which === 0) this.market.mint.rotate();
    else if (which === 1)
      await pruneAt(this.market.user, { days: 0, seconds: 86_400 * 400, blocks: 60_000, deep: 60_000 });
    else if (this.#copy !== undefined) {
      await this.market.user.reopen(this.#copy);
      await this.market.user.home.acceptRestore();
      this.#copy = undefined;
    }
  }

  /** The merchant takes what is owed, or the last message of that is lost. */
  async settle(): Promise<void> {
    const { merchant, operator } = this.market;
    const { owedSat, signedMaxSat } = await this.market.payer(this.reverse);
    const input = { contract: this.reverse, amount: owedSat! - signedMaxSat };
    const requested = await merchant.run(signUpdate, { input });
    const signed = await operator.run(signUpdate, { on: requested.message });
    if (this.#below(3) > 0) await merchant.run(signUpdate, { on: signed.message });
  }
  /** Its home comes back of an older copy, with its journal; or that copy is made, or what is old is dropped. */
  async merchantLost(): Promise<void> {
    const { merchant } = this.market;
    if (this.#merchantsCopy === undefined) return void (this.#merchantsCopy = await merchant.backUp());
    if (this.#below(3) === 0)
      return void (await pruneAt(merchant, { days: 0, seconds: 86_400 * 400, blocks: 60_000, deep: 60_000 }));
    await merchant.lose(this.#merchantsCopy);
    await merchant.home.reconcile(merchant.journal());
    this.losses += 1;
  }
  /** What ecash has paid to the merchant. */
  melted(): bigint {
    return this.market.mint.state.melts.reduce((sum, m) => (m.state === 'PAID' ? sum + BigInt(m.amount) : sum), 0n);
  }
  /** What the close of the mint's home pays to the merchant. */
  async closed(): Promise<bigint> {
    const { merchant, operator } = this.market;
    const proposed = await operator.run(closeCredit, { input: { contract: this.reverse } });
    const signed = await merchant.run(closeCredit, { on: proposed.message });
    const { hex } = (await operator.run(closeCredit, { on: signed.message })).message as unknown as { hex: string };
    const script = payoutScript((await this.market.payer(this.reverse)).terms, 'payee');
    return sumSat(outputsOf(hex).filter((output) => output.script === script));
  }

  unminted(): number {
    return this.market.mint.state.quotes.reduce((sum, q) => sum + q.paid - q.issued, 0);
  }
  /** What documented commands bring to light in the end. */
  async reachable(): Promise<number> {
    const { home } = this.market.user;
    for (const melt of this.melts) await giveUpMelt(this.#at(melt)).catch(refusedOnly);
    const printed: string[] = [];
    await printInHand({ home, isNamed, print: async (token) => void printed.push(token) });
    const files = readdirSync(this.dir).filter((name) => !name.endsWith('.melting'));
    const lines = files.flatMap((name) => readFileSync(join(this.dir, name), 'utf8').trim().split('\n'));
    const { spent } = this.market.mint.state;
    const coins = new Map([...printed, ...lines].flatMap(proofsOf).map((p) => [p.secret, Number(p.amount.toString())]));
    const twice = printed.flatMap(proofsOf).map(({ secret }) => secret);
    expect(new Set(twice).size).toBe(twice.length);
    return [...coins].reduce((sum, [secret, sat]) => (spent.includes(secret) ? sum : sum + sat), 0);
  }
  /** What the mint has issued, and neither taken back nor seen given away. */
  outstanding(): number {
    const { quotes, melts } = this.market.mint.state;
    const issued = quotes.reduce((sum, q) => sum + q.issued, 0);
    const melted = melts.reduce((sum, m) => (m.state === 'PAID' ? sum + m.amount : sum), 0);
    return issued - melted - this.#givenAway;
  }
}
const refusedOnly = (error: unknown): void => {
  if (!(error instanceof Refusal) || error.code === 'bug') throw error;
};
const proofsOf = (token: string) => getDecodedToken(token, [KEYSET.id, NEXT_KEYSET.id]).proofs;
/** Numbers from 0 to 1, the same for a seed (mulberry32). */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

let [losses, melted] = [0, 0n];
it.each([1, 7, 10, 12])('history %i: every satoshi in ecash is within reach of a command', async (seed) => {
  const world = await World.make(seed);
  const steps: string[] = [];
  try {
    for (let i = 0; i < 24; i++) steps.push(await world.step());
    expect(await world.reachable(), steps.join(' ')).toBe(world.outstanding());
    // And what was paid and never minted is minted by runs without --amount.
    const { home } = world.market.user;
    const rest = { home, contract: world.contract, isNamed, print: async () => {}, point: () => {} };
    for (let i = 0; i < 40 && world.unminted() > 0; i++) await mintEcash(rest).catch(refusedOnly);
    expect(world.unminted(), steps.join(' ')).toBe(0);
    expect(await world.reachable(), steps.join(' ')).toBe(world.outstanding());
    expect((await world.market.payer(world.reverse)).owedSat, steps.join(' ')).toBe(world.melted());
    if (world.melted() > 0n) expect(await world.closed(), steps.join(' ')).toBe(world.melted());
    losses += world.losses;
    melted += world.melted();
  } finally {
    await world.close();
  }
});

it('and merchants were paid, and lost their homes', () => {
  expect([losses > 0, melted > 0n]).toEqual([true, true]);
});
