/**
 * A chain in memory behind the fake node: coins, a mempool, blocks that a test mines and takes back, and a fee market that
 * the test sets. Its mempool weighs replacements as Bitcoin Core does (BIP125's sums, a better feerate, one child for each
 * transaction); what else a node would refuse, consensus kernel and bitcoind say elsewhere.
 */
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { feeFor } from '../../src/lib/bitcoin/fee.ts';
import { parseTransaction, sumSat, txidOfHex, vsizeOfHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { btcFromSat } from '../../src/lib/bitcoin/amount.ts';
import { outpointText, type Outpoint } from '../../src/lib/bitcoin/outpoint.ts';
import type { Answer, Answers } from './fake-node.ts';

interface Tx {
  txid: string;
  hex: string;
  inputs: Outpoint[];
  outputs: { sat: bigint; script: string }[];
}
const read = (hex: string): Tx => {
  const { inputs, outputs } = parseTransaction(hex);
  return {
    txid: txidOfHex(hex),
    hex,
    inputs: inputs.map((i) => ({ txid: bytesToHex(i.txid), vout: i.index })),
    outputs: outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) })),
  };
};
const sizeOf = (txs: readonly Tx[]): number => txs.reduce((sum, { hex }) => sum + vsizeOfHex(hex), 0);
const refuse = (code: number, message: string): Answer => ({ error: { code, message } });

export class FakeChain {
  tip: number;
  /** Satoshis for 1000 vB that a block takes at least; also the node's estimate. */
  feerate = 2_000;
  /** Satoshis for 1000 vB below which the mempool takes nothing. */
  least = 1_000;
  /** Height of the last block that the node has no more. */
  pruned = -1;
  /** Heights of the blocks that were asked for. */
  readonly read: number[] = [];
  /** Seconds from the median time of a block (BIP113) to that of the next. */
  seconds = 600;
  /** Whether the node states median times: btcd does not, beside a header. */
  tellsMedian = true;
  /** Whether the node answers at all. */
  up = true;
  /** After so many calls the node says once that it is starting. */
  starting = Infinity;
  readonly #roots = new Map<string, Spent>();
  readonly #blocks: { height: number; txs: Tx[] }[] = [];
  /** In blocks that were taken back, which an index goes on to know. */
  readonly #stale = new Set<string>();
  /** Each branch has blocks of its own. */
  #branch: { from: number; name: number }[] = [{ from: 0, name: 0 }];
  mempool: Tx[] = [];

  constructor(tip: number) {
    this.tip = tip;
  }

  /** A coin that is there from the beginning. */
  give(coin: Spent): void {
    this.#roots.set(outpointText(coin), coin);
  }

  #coin({ txid, vout }: Outpoint): { sat: bigint; script: string } | undefined {
    const made = [...this.#mined(), ...this.mempool].find((tx) => tx.txid === txid)?.outputs[vout];
    return made ?? this.#roots.get(`${txid}:${vout}`);
  }
  #known = (txid: string): Tx | undefined => [...this.#mined(), ...this.mempool].find((tx) => tx.txid === txid);
  #mined = (): Tx[] => this.#blocks.flatMap(({ txs }) => txs);
  #spender = (o: Outpoint, among: readonly Tx[]): Tx | undefined =>
    among.find((tx) => tx.inputs.some((i) => outpointText(i) === outpointText(o)));

  fee(tx: Tx): bigint {
    return sumSat(tx.inputs.map((i) => this.#coin(i)!)) - sumSat(tx.outputs);
  }
  /** Of a transaction with its children, satoshis for 1000 vB. */
  #package(tx: Tx): number {
    const all = [tx, ...this.mempool.filter((c) => c.inputs.some((i) => i.txid === tx.txid))];
    const fee = all.reduce((sum, one) => sum + this.fee(one), 0n);
    return Number((fee * 1000n) / BigInt(all.reduce((sum, one) => sum + vsizeOfHex(one.hex), 0)));
  }

  /** Median time at a height, the tip's by default. */
  medianTime(height = this.tip): number {
    return 1_700_000_000 + height * this.seconds;
  }

  /** As the node says it. */
  #median = (height = this.tip): string => (this.tellsMedian ? `,"mediantime":${this.medianTime(height)}` : '');
  /** A header of which only the time counts: the sixth of eleven is their median. */
  #header(height: number): string {
    const header = Buffer.alloc(80);
    header.writeUInt32LE(this.medianTime(height + 5), 68);
    return header.toString('hex');
  }

  confirmations(txid: string): number | undefined {
    const block = this.#blocks.find(({ txs }) => txs.some((tx) => tx.txid === txid));
    if (block) return this.tip - block.height + 1;
    return this.mempool.some((tx) => tx.txid === txid) ? 0 : undefined;
  }

  /** Blocks of whatever pays the feerate, with its children. */
  mine(blocks = 1): void {
    for (let n = 0; n < blocks; n++) {
      this.tip += 1;
      const paying = this.mempool.filter((tx) => this.#package(tx) >= this.feerate);
      const txs = this.mempool.filter(
        (tx) => paying.includes(tx) || paying.some((p) => tx.inputs.some((i) => i.txid === p.txid)),
      );
      this.mempool = this.mempool.filter((tx) => !txs.includes(tx));
      if (txs.length > 0) this.#blocks.push({ height: this.tip, txs });
    }
  }
  /** Another branch, as long, without the last blocks' transactions; `forget`: neither in its mempool. */
  reorganise(depth: number, forget = false): void {
    const gone = this.#blocks.filter(({ height }) => height > this.tip - depth);
    this.#blocks.splice(this.#blocks.length - gone.length, gone.length);
    for (const { txs } of gone) for (const { txid } of txs) this.#stale.add(txid);
    this.#branch.push({ from: this.tip - depth + 1, name: this.#branch.length });
    if (!forget) this.mempool = [...gone.flatMap(({ txs }) => txs), ...this.mempool];
  }

  #hash = (height: number): string => `${height}.${this.#branch.findLast(({ from }) => from <= height)!.name}`;
  #childrenOf = (of: readonly Tx[]): Tx[] =>
    this.mempool.filter((m) => m.inputs.some((i) => of.some(({ txid }) => txid === i.txid)));

  /** Takes transactions, a child with its parent, in place of those that they conflict with where they pay for that. @returns why not */
  accept(hexes: readonly string[]): string | undefined {
    const had = this.mempool;
    const txs = hexes.map(read).filter((tx) => !this.#isKnown(tx));
    // A package of which the first is good alone counts one by one.
    const [parent, ...children] = txs;
    if (!parent) return undefined;
    if (children.length === 0 || this.#enter([parent]) === undefined) {
      const why = txs.filter((tx) => !this.mempool.includes(tx)).map((tx) => this.#enter([tx]));
      if (why.every((one) => one === undefined)) return undefined;
      return why.find((one) => one !== undefined);
    }
    const why = this.#enter(txs);
    if (why !== undefined) this.mempool = had;
    return why;
  }
  /** Of what is in a block a node knows the outputs that are not spent. */
  #isKnown({ txid, outputs }: Tx): boolean {
    const isUnspent = (_: unknown, vout: number) => !this.#spender({ txid, vout }, this.#mined());
    return this.confirmations(txid) === 0 || (this.confirmations(txid) !== undefined && outputs.some(isUnspent));
  }
  #enter(txs: readonly Tx[]): string | undefined {
    const had = this.mempool;
    const isOwn = (i: Outpoint): boolean => txs.some(({ txid }) => txid === i.txid);
    const inputs = txs.flatMap((tx) => tx.inputs).filter((i) => !isOwn(i));
    if (inputs.some((i) => !this.#coin(i) || this.#spender(i, this.#mined()))) return 'bad-txns-inputs-missingorspent';
    const rivals = had.filter((m) => m.inputs.some((j) => inputs.some((i) => outpointText(i) === outpointText(j))));
    // TRUC: one child for each parent.
    const siblings = this.#childrenOf(had.filter((m) => inputs.some((i) => i.txid === m.txid)));
    const gone = [...new Set([...rivals, ...siblings, ...this.#childrenOf(rivals)])];
    this.mempool = [...had, ...txs];
    const [fee, size] = [this.#paid(txs), sizeOf(txs)];
    const paid = this.#paid(gone);
    const best = [...rivals, ...siblings].map((tx) => [
      [tx],
      [tx, ...this.#childrenOf([tx]).filter((c) => gone.includes(c))],
    ]);
    const better = best.flat().every((of) => fee * BigInt(sizeOf(of)) > this.#paid(of) * BigInt(size));
    this.mempool = had;
    if (fee < feeFor(this.least, size)) return 'mempool min fee not met';
    if (gone.length > 0 && (fee < paid + feeFor(1_000, size) || !better))
      return 'insufficient fee, rejecting replacement';
    this.mempool = [...had.filter((m) => !gone.includes(m)), ...txs];
    return undefined;
  }
  #paid = (txs: readonly Tx[]): bigint => txs.reduce((sum, tx) => sum + this.fee(tx), 0n);

  /** For `fakeNode`. `index`: the node keeps an index of transactions. */
  answers(index = true): Answers {
    const up = (answer: (params: any[]) => Answer) => (params: unknown[]) => {
      if (!this.up) return { status: 503, body: 'starting' };
      if (this.starting-- > 0) return answer(params as any[]);
      this.starting = Infinity;
      return refuse(-28, 'Loading block index…');
    };
    return {
      getblockchaininfo: up(
        () =>
          `{"chain":"regtest","blocks":${this.tip},"bestblockhash":"${this.#hash(this.tip)}","initialblockdownload":false,"time":1${this.#median()}}`,
      ),
      // Blocks are called by their heights and branches.
      getblockhash: up(([height]) =>
        height > this.tip ? refuse(-8, 'Block height out of range') : JSON.stringify(this.#hash(height)),
      ),
      getblock: up(([hash, verbosity = 1]) => {
        const height = Number.parseInt(hash);
        if (height <= this.pruned) return refuse(-1, 'Block not available (pruned data)');
        this.read.push(height);
        const txs = this.#blocks.filter((block) => block.height === height).flatMap((block) => block.txs);
        if (verbosity === 0) return JSON.stringify(txs.map(({ hex }) => hex).join(''));
        const shown = verbosity === 2 ? txs.map(({ txid, hex }) => ({ txid, hex })) : txs.map(({ txid }) => txid);
        return JSON.stringify({ tx: shown, previousblockhash: this.#hash(height - 1) });
      }),
      getblockheader: up(([hash, verbose]) => {
        const height = Number.parseInt(hash);
        const confirmations = this.#hash(height) === hash ? this.tip - height + 1 : -1;
        if (verbose === false) return `"${this.#header(height)}"`;
        return `{"confirmations":${confirmations},"previousblockhash":"${this.#hash(height - 1)}"${this.#median(height)}}`;
      }),
      getmempoolinfo: up(() => `{"mempoolminfee":${btcFromSat(BigInt(this.least))},"incrementalrelayfee":0.00001}`),
      estimatesmartfee: up(() => `{"feerate":${btcFromSat(BigInt(this.feerate))}}`),
      gettxout: up(([txid, vout, mempool]) => {
        const coin = this.#coin({ txid, vout });
        const n = this.confirmations(txid) ?? (coin ? 6 : 0);
        const spent = this.#spender({ txid, vout }, mempool ? [...this.#mined(), ...this.mempool] : this.#mined());
        if (!coin || spent || (n === 0 && !mempool)) return 'null';
        return `{"value":${btcFromSat(coin.sat)},"confirmations":${n},"scriptPubKey":{"hex":"${coin.script}"}}`;
      }),
      getrawtransaction: up(([txid, verbose]) => {
        const n = this.confirmations(txid) ?? ([...this.#roots.values()].some((c) => c.txid === txid) ? 6 : undefined);
        if (n === undefined && index && this.#stale.has(txid)) return `{"blockhash":"ff","confirmations":0}`;
        if (n === undefined || (n > 0 && !index)) return refuse(-5, 'No such mempool or blockchain transaction');
        return verbose === 1
          ? `{"txid":"${txid}"${n > 0 ? `,"blockhash":"ff","confirmations":${n}` : ''}}`
          : `"${this.#known(txid)?.hex ?? '00'}"`;
      }),
      getindexinfo: up(() => (index ? '{"txindex":{"synced":true}}' : '{}')),
      gettxspendingprevout: up(([[{ txid, vout }]]) => {
        const by = this.#spender({ txid, vout }, this.mempool);
        return JSON.stringify([{ txid, vout, ...(by && { spendingtxid: by.txid }) }]);
      }),
      getmempoolentry: up(([txid]) => {
        const tx = this.mempool.find((m) => m.txid === txid);
        if (!tx) return refuse(-5, 'Transaction not in mempool');
        const all = [tx, ...this.#childrenOf([tx])];
        const fees = { base: btcFromSat(this.fee(tx)), descendant: btcFromSat(this.#paid(all)) };
        return `{"vsize":${sizeOf([tx])},"descendantsize":${sizeOf(all)},"fees":{"base":${fees.base},"descendant":${fees.descendant}}}`;
      }),
      sendrawtransaction: up(([hex]) => {
        const why = this.accept([hex]);
        return why === undefined ? `"${txidOfHex(hex)}"` : refuse(-26, why);
      }),
      submitpackage: up(([hexes]) => {
        const why = this.accept(hexes);
        const results = hexes.map((hex: string) => [
          txidOfHex(hex),
          { txid: txidOfHex(hex), ...(why !== undefined && { error: why }) },
        ]);
        return JSON.stringify({ package_msg: why ?? 'success', 'tx-results': Object.fromEntries(results) });
      }),
    };
  }
}
