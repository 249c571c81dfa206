/**
 * A running mint through one generation of contracts: customers pay for ecash and a merchant is paid while the backend is
 * started anew at random, the merchant may come back from a backup, contracts end by closes and by the exits that `watch`
 * sends, and `prune` drops them a hundred days later. Every satoshi is looked for at the mint, in the records and on the chain.
 */
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import { deadlineHeight } from '../../src/lib/credit/checks.ts';
import { creditKind } from '../../src/lib/credit/records.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { totalOf } from '../../src/lib/protocol/figures.ts';
import { FakeChain } from '../support/chain.ts';
import { startFakeNode, type FakeNode } from '../support/fake-node.ts';
import { playGeneration, type Generation } from '../support/mint-generations.ts';
import { Market } from '../support/mint-home.ts';
import type { TestParty } from '../support/party.ts';

const KEEP_DAYS = 90;
const LATER_DAYS = 100;
const KINDS = ['credit', 'quote', 'invoice', 'melt', 'tab'] as const;

export class RunningMint {
  readonly #market: Market;
  readonly #chain: FakeChain;
  readonly #node: FakeNode;
  readonly #rpc: Rpc;
  /** Paid by customers over contracts that have ended. */
  #settledSat = 0n;
  /** Contracts that `watch` has told as settled. */
  readonly #settled = new Set<string>();
  readonly counts = { payments: 0, restarts: 0, restores: 0, closes: 0, exits: 0, pruned: 0, sat: 0n };

  private constructor(market: Market, chain: FakeChain, node: FakeNode) {
    this.#market = market;
    this.#chain = chain;
    this.#node = node;
    this.#rpc = new Rpc({ url: node.url });
  }
  static async open(): Promise<RunningMint> {
    const chain = new FakeChain(1_000);
    return new RunningMint(await Market.make(140), chain, await startFakeNode(chain.answers()));
  }
  async close(): Promise<void> {
    await this.#market.close();
    this.#node.close();
  }

  /** One generation of contracts, from opening to pruning. @throws where a satoshi is missing */
  async generation(payments: number): Promise<void> {
    const { counts } = this;
    const { merchant } = this.#market;
    const backup = await merchant.backUp();
    const made = await playGeneration(this.#market, payments, async () => {
      if (Math.random() > 0.1) return;
      await this.#market.restart();
      counts.restarts += 1;
    });
    counts.payments += payments;
    this.#arrived(made);
    if (Math.random() < 0.5) {
      await merchant.lose(backup);
      await merchant.home.reconcile(merchant.journal());
      counts.restores += 1;
    }
    for (const id of [made.customer, made.merchant]) await this.#fund(id);
    await this.#end(made.merchant, merchant, made.meltedSat);
    if (Math.random() < 0.5) await this.#end(made.customer, this.#market.user, made.paidSat);
    else await this.#exit(made.customer, made.paidSat);
    this.#chain.mine(6);
    await this.#watch();
    for (const id of [made.customer, made.merchant])
      if (!this.#settled.has(id)) throw new Error(`contract ${id} is not told as settled`);
    this.#settledSat += made.paidSat;
    counts.sat += made.paidSat + made.meltedSat;
    await this.#prune();
  }

  /** What the mint counts on all quotes is what was paid. */
  #arrived({ paidSat }: Generation): void {
    const { quotes } = this.#market.mint.state;
    const sum = quotes.reduce((sat, { paid }) => sat + BigInt(paid), 0n);
    const expected = this.#settledSat + paidSat;
    if (sum !== expected) throw new Error(`the mint counts ${sum} sat on its quotes, ${expected} were paid`);
  }

  async #fund(id: string): Promise<void> {
    const { terms, outpoint } = await this.#market.payee(id);
    this.#chain.give({ ...outpoint, sat: terms.capacity_sat, script: keysOf(terms).script });
  }

  /** The other side closes with the operator, and the chain pays the payee what it was paid. */
  async #end(contract: string, other: TestParty, paidSat: bigint): Promise<void> {
    const opener = await other.run(closeCredit, { input: { contract } });
    const signed = await this.#market.operator.run(closeCredit, { on: opener.text });
    const { message } = await other.run(closeCredit, { on: signed.text });
    const hex = message['hex'] as string;
    const refused = this.#chain.accept([hex]);
    if (refused !== undefined) throw new Error(`contract ${contract}: ${refused}`);
    this.#pays(contract, hex, paidSat);
    this.counts.closes += 1;
  }

  /** Nobody closes: at the deadline `watch` sends the exit. */
  async #exit(contract: string, paidSat: bigint): Promise<void> {
    const { terms, outpoint } = await this.#market.payee(contract);
    this.#chain.mine(deadlineHeight(terms) - this.#chain.tip);
    const events = await this.#watch();
    if (!events.some((e) => e.event === 'exit' && e.contract === contract))
      throw new Error(`contract ${contract}: no exit at its deadline: ${events.map(({ event }) => event).join(', ')}`);
    const sent = this.#chain.mempool.find(({ inputs }) => inputs.some(({ txid }) => txid === outpoint.txid));
    this.#pays(contract, sent!.hex, paidSat);
    this.counts.exits += 1;
  }

  #pays(contract: string, hex: string, paidSat: bigint): void {
    const outputs = parseTransaction(hex).outputs.map(({ amount }) => amount);
    if (!outputs.includes(paidSat))
      throw new Error(`contract ${contract}: pays ${outputs.join(' and ')}, ${paidSat} was paid`);
  }

  /** A look of the operator's `watch`, at the height of the chain. */
  async #watch(): Promise<WatchEvent[]> {
    const { operator, user, merchant } = this.#market;
    for (const party of [operator, user, merchant]) party.chain.tip = this.#chain.tip;
    const events: WatchEvent[] = [];
    const node = { rpc: this.#rpc, source: this.#source() };
    const post = homePost(operator.home, operator.ports(), undefined);
    await look(post, node, { confirmations: 6, feeBudgetSat: null }, async (_, e) => void events.push(e));
    for (const { event, contract } of events) if (event === 'settled') this.#settled.add(contract!);
    return events;
  }
  #source(): ReturnType<typeof factSource> {
    const { now } = this.#market.operator.chain;
    return factSource({ network: 'regtest', rpc: this.#rpc, now: () => now });
  }

  /** What has ended is pruned once it is old, with all that belongs to it, and stays in the sums. */
  async #prune(): Promise<void> {
    const { operator, user, merchant } = this.#market;
    await operator.home.prune({ source: this.#source(), keepDays: KEEP_DAYS });
    this.#chain.mine(LATER_DAYS * 144);
    for (const { chain } of [operator, user, merchant]) {
      chain.now += LATER_DAYS * 86_400;
      chain.tip = this.#chain.tip;
    }
    const { records } = await operator.home.prune({ source: this.#source(), keepDays: KEEP_DAYS });
    this.counts.pruned += Object.values(records).reduce((all, n) => all + n, 0);
    for (const kind of KINDS) {
      const left = await operator.home.store.list(kind);
      if (left.length > 0)
        throw new Error(`${left.length} ${kind} are left: ${left.map(({ name }) => name).join(', ')}`);
    }
    const settled = totalOf(await operator.home.store.totals(creditKind), 'settled_sat').sum;
    if (settled !== this.#settledSat) throw new Error(`${settled} sat in the sums, ${this.#settledSat} were settled`);
  }
}
