/**
 * Calls to a Bitcoin node, with answers of known form: Bitcoin Core 28 and newer, and btcd 0.26 for
 * the calls it has. btcd has no estimatesmartfee, scantxoutset, generatetoaddress or package relay:
 * it answers -32601 or -32602.
 *
 * Spec: https://bitcoincore.org/en/doc/. Fields that nobody reads are not checked. Not here:
 * transport (`json-rpc.ts`), conclusions from the answers (`source.ts`).
 */
import { satFromBtc } from '../bitcoin/amount.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import type { Utxo, Hex } from '../protocol/action.ts';
import { DecimalText, type Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { JsonRpc, RpcError } from './json-rpc.ts';

export { RpcError, type RpcOptions } from './json-rpc.ts';

/** Time to wait for a scan, which reads all unspent outputs of the chain. */
const SCAN_MS = 600_000;
/** Feerate above which a node refuses, BTC per 1000 vB: Core's default, which btcd needs. */
const MAX_FEERATE = new DecimalText('0.10');
const NOT_FOUND = -5;
const OUT_OF_RANGE = -8;
const NO_SUCH_METHOD = -32601;
const IN_WARMUP = -28;

/** Returns whether the node reports that it is still starting. */
export const isStarting = (error: RpcError): boolean => error.rpcCode === IN_WARMUP;

/** Returns undefined if the node judged the call, as for a pruned block. @throws any other error */
export function unlessJudged(error: unknown): undefined {
  if (!(error instanceof RpcError) || isStarting(error)) throw error;
}
/** Returns a handler that returns undefined for this error number. @throws any other error */
const unlessCode =
  (code: number) =>
  (error: unknown): undefined => {
    if (!(error instanceof RpcError) || error.rpcCode !== code) throw error;
  };

export interface ChainInfo {
  /** Network as the node names it: main, test, testnet4, signet, regtest; mainnet … for btcd. */
  chain: string;
  blocks: number;
  bestBlock: Hex;
  initialDownload: boolean;
  /** Newest block's time (Unix seconds; btcd: only in the header) and median of eleven (BIP113). */
  time: number | undefined;
  medianTime: number | undefined;
}
/** Descriptor that ends in `*`, with the first and last number to put in its place. */
export type RangedDescriptor = { desc: string; range: readonly [number, number] };
export interface ScannedCoin extends Outpoint {
  script: Hex;
  /** Descriptor of the script with its derivation index, as the node states it. */
  desc: string;
  sat: bigint;
  height: number;
  coinbase: boolean;
}
export interface Acceptance {
  txid: Hex;
  allowed: boolean;
  reason?: string;
}
export interface PackageResult {
  /** `success`, or why the package as a whole was refused. */
  message: string;
  transactions: readonly { txid: Hex; error?: string }[];
}

/** Block with the facts that the node states; null for missing ones (btcd). */
export interface KnownBlock {
  header: Hex;
  confirmations: number;
  medianTime: number | null;
  transactions: number | null;
}

/** Fees and sizes of a mempool transaction by itself, and together with all that spend it. */
export interface MempoolFees {
  feeSat: bigint;
  vsize: number;
  own: { feeSat: bigint; vsize: number };
}

export class Rpc extends JsonRpc {
  async blockchainInfo(): Promise<ChainInfo> {
    const info = new NodeAnswer('getblockchaininfo', await this.call('getblockchaininfo'));
    return {
      chain: info.text('chain'),
      blocks: info.whole('blocks'),
      bestBlock: info.text('bestblockhash'),
      initialDownload: info.has('initialblockdownload') && info.yes('initialblockdownload'),
      time: info.has('time') ? info.whole('time') : undefined,
      medianTime: info.has('mediantime') ? info.whole('mediantime') : undefined,
    };
  }

  /**
   * Returns the transactions of a block that have these bytes (hex), where it has them.
   * @throws RpcError where it is pruned
   */
  async blockWith(hash: Hex, bytes: Hex): Promise<readonly { txid: Hex; hex: Hex }[]> {
    if (!(await this.blockHex(hash)).includes(bytes)) return [];
    const block = new NodeAnswer('getblock', await this.call('getblock', hash, 2));
    // btcd calls them otherwise.
    return block
      .list(block.has('rawtx') ? 'rawtx' : 'tx')
      .map((tx) => ({ txid: tx.text('txid'), hex: tx.text('hex') }))
      .filter(({ hex }) => hex.includes(bytes));
  }

  /**
   * Returns the depth of a block, from 1 on, and the block before it; a depth below 1 for one that
   * was taken back.
   */
  async blockDepth(hash: Hex): Promise<{ depth: number; previous: Hex | undefined }> {
    const header = new NodeAnswer('getblockheader', await this.call('getblockheader', hash, true));
    return { depth: header.whole('confirmations'), previous: header.may('previousblockhash').previousblockhash };
  }

  /** Returns the txids of a block, and the block before it. @throws RpcError where it is pruned */
  async block(hash: Hex): Promise<{ txids: readonly Hex[]; previous: Hex | undefined }> {
    const block = new NodeAnswer('getblock', await this.call('getblock', hash, 1));
    return { txids: block.texts('tx'), previous: block.may('previousblockhash').previousblockhash };
  }

  /** Returns the hash of the block at a height. @throws RpcError above the tip */
  async blockHash(height: number): Promise<Hex> {
    return text('getblockhash', await this.call('getblockhash', height));
  }

  /** Returns a block in hex. @throws RpcError where it is pruned */
  async blockHex(hash: Hex): Promise<Hex> {
    return text('getblock', await this.call('getblock', hash, 0));
  }

  /** Returns the time in the header of a block, Unix seconds. */
  async blockTime(hash: Hex): Promise<number> {
    return new NodeAnswer('getblockheader', await this.call('getblockheader', hash, true)).whole('time');
  }

  /** Returns the header at a height with the node's facts of it; undefined above the tip. */
  async blockAt(height: number): Promise<KnownBlock | undefined> {
    const hash = await this.blockHash(height).catch(unlessCode(OUT_OF_RANGE));
    if (hash === undefined) return undefined;
    const header = text('getblockheader', await this.call('getblockheader', hash, false));
    const known = new NodeAnswer('getblockheader', await this.call('getblockheader', hash, true));
    const may = (key: string) => (known.has(key) ? known.whole(key) : null);
    return {
      header,
      confirmations: known.whole('confirmations'),
      medianTime: may('mediantime'),
      transactions: may('nTx'),
    };
  }

  /**
   * Returns an unspent output; undefined if it is spent or unknown.
   * @param mempool false counts spenders in the chain only
   */
  async txOut({ txid, vout }: Outpoint, mempool = true): Promise<Utxo | undefined> {
    const result = await this.call('gettxout', txid, vout, mempool);
    if (result === null) return undefined;
    const out = new NodeAnswer('gettxout', result);
    return {
      sat: out.sat('value'),
      script: out.inner('scriptPubKey').text('hex'),
      confirmations: out.whole('confirmations'),
      ...(out.has('coinbase') && out.yes('coinbase') && { coinbase: true }),
    };
  }

  /** Returns the estimate, satoshis per 1000 vB; undefined if there is none (young chain, btcd). */
  async feerate(blocks: number): Promise<number | undefined> {
    const found = await this.call('estimatesmartfee', blocks).catch(unlessJudged);
    if (found === undefined) return undefined;
    const answer = new NodeAnswer('estimatesmartfee', found);
    return answer.has('feerate') ? Number(answer.sat('feerate')) : undefined;
  }

  /**
   * Returns the mempool's least feerates in satoshis per 1000 vB: of any transaction, and the
   * increment of a replacement (`relay`). Undefined if the node does not report them (btcd).
   */
  async mempoolRates(): Promise<{ least?: number; relay?: number }> {
    const found = await this.call('getmempoolinfo').catch(unlessJudged);
    if (found === undefined) return {};
    const info = new NodeAnswer('getmempoolinfo', found);
    return {
      ...(info.has('mempoolminfee') && { least: Number(info.sat('mempoolminfee')) }),
      ...(info.has('incrementalrelayfee') && { relay: Number(info.sat('incrementalrelayfee')) }),
    };
  }

  /** Sends a transaction and returns its txid. @throws RpcError -25 to -27 if it is not accepted */
  async sendTransaction(tx: Hex): Promise<Hex> {
    return text('sendrawtransaction', await this.call('sendrawtransaction', tx));
  }

  /** Sends a package, parents first. */
  async submitPackage(txs: readonly Hex[]): Promise<PackageResult> {
    const answer = new NodeAnswer('submitpackage', await this.call('submitpackage', txs));
    const transactions = answer
      .inner('tx-results')
      .parts()
      .map((tx) => ({ txid: tx.text('txid'), ...tx.may('error') }));
    return { message: answer.text('package_msg'), transactions };
  }

  async testAccept(txs: readonly Hex[]): Promise<readonly Acceptance[]> {
    const answer = await this.call('testmempoolaccept', txs, MAX_FEERATE);
    return list('testmempoolaccept', answer).map((tx) => {
      const { 'reject-reason': reason } = tx.may('reject-reason');
      // A transaction that was not reached, because another of the package failed, has no `allowed`.
      return {
        txid: tx.text('txid'),
        allowed: tx.has('allowed') && tx.yes('allowed'),
        ...(reason !== undefined && { reason }),
      };
    });
  }

  /** Finds the coins of descriptors on the chain, without the mempool. Takes minutes on mainnet. */
  async scan(descriptors: readonly RangedDescriptor[]): Promise<{ height: number; coins: readonly ScannedCoin[] }> {
    const found = new NodeAnswer('scantxoutset', await this.callWithin(SCAN_MS, 'scantxoutset', 'start', descriptors));
    const coins = found.list('unspents').map((coin) => ({
      txid: coin.text('txid'),
      vout: coin.whole('vout'),
      script: coin.text('scriptPubKey'),
      desc: coin.text('desc'),
      sat: coin.sat('amount'),
      height: coin.whole('height'),
      coinbase: coin.has('coinbase') && coin.yes('coinbase'),
    }));
    return { height: found.whole('height'), coins };
  }

  /** Returns a transaction's hex; undefined if unknown (no txindex: not in mempool or `block`). */
  async transaction(txid: Hex, block?: Hex): Promise<Hex | undefined> {
    const named = block === undefined ? [] : [false, block];
    const found = await this.call('getrawtransaction', txid, ...named).catch(unlessCode(NOT_FOUND));
    return found === undefined ? undefined : text('getrawtransaction', found);
  }

  /**
   * Returns the depth of a transaction, 0 for the mempool; undefined where the node does not know
   * it (without txindex: outside the mempool).
   */
  async confirmations(txid: Hex): Promise<number | undefined> {
    const found = await this.call('getrawtransaction', txid, 1).catch(unlessCode(NOT_FOUND));
    if (found === undefined) return undefined;
    const tx = new NodeAnswer('getrawtransaction', found);
    if (!tx.has('blockhash')) return 0;
    // The index still knows blocks that a reorganisation took back: there, confirmations are 0.
    return tx.whole('confirmations') || undefined;
  }

  /**
   * Returns the spender of an output: in the mempool, or in a block where the node keeps an index
   * of spenders. Undefined if there is none, or the node does not report it (btcd).
   */
  async spender({ txid, vout }: Outpoint): Promise<{ txid: Hex; block: Hex | undefined } | undefined> {
    const answer = await this.call('gettxspendingprevout', [{ txid, vout }]).catch(unlessJudged);
    const [found] = answer === undefined ? [] : list('gettxspendingprevout', answer);
    const { spendingtxid } = found?.may('spendingtxid') ?? {};
    return spendingtxid === undefined ? undefined : { txid: spendingtxid, block: found!.may('blockhash').blockhash };
  }

  /** Returns the fees of a mempool transaction; undefined if the node does not report them. */
  async mempoolFee(txid: Hex): Promise<MempoolFees | undefined> {
    const found = await this.call('getmempoolentry', txid).catch(unlessJudged);
    if (found === undefined) return undefined;
    const entry = new NodeAnswer('getmempoolentry', found);
    const fees = entry.inner('fees');
    return {
      feeSat: fees.sat('descendant'),
      vsize: entry.whole('descendantsize'),
      own: { feeSat: fees.sat('base'), vsize: entry.whole('vsize') },
    };
  }

  /**
   * Returns whether the node knows every transaction of its chain: false while its index is being
   * made. btcd refuses `transaction` without one.
   */
  async hasIndex(): Promise<boolean> {
    const found = await this.call('getindexinfo').catch(unlessCode(NO_SUCH_METHOD));
    if (found === undefined) return true;
    const info = new NodeAnswer('getindexinfo', found);
    return info.has('txindex') && info.inner('txindex').yes('synced');
  }

  /** Mines on regtest, and returns the hashes of the blocks. btcd has another method. */
  async generate(blocks: number, address: string): Promise<readonly Hex[]> {
    return texts('generatetoaddress', await this.call('generatetoaddress', blocks, address));
  }
}

/** Object of an answer, with typed reads of its fields. @throws Refusal `chain-unavailable` */
class NodeAnswer {
  readonly #method: string;
  readonly #fields: { readonly [key: string]: Json };

  constructor(method: string, value: Json | undefined) {
    const plain =
      typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof DecimalText);
    if (!plain) throw odd(method, 'an object');
    this.#method = method;
    this.#fields = value as { readonly [key: string]: Json };
  }
  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key) && this.#fields[key] !== null;
  }
  text(key: string): string {
    return text(this.#method, this.#fields[key], key);
  }
  may<K extends string>(key: K): { [k in K]?: string } {
    return this.has(key) ? ({ [key]: this.text(key) } as { [k in K]?: string }) : {};
  }
  whole(key: string): number {
    const value = this.#fields[key];
    if (typeof value !== 'number') throw odd(this.#method, `a whole number ${key}`);
    return value;
  }
  yes(key: string): boolean {
    const value = this.#fields[key];
    if (typeof value !== 'boolean') throw odd(this.#method, `true or false as ${key}`);
    return value;
  }
  sat(key: string): bigint {
    const value = this.#fields[key];
    if (typeof value === 'number') return satFromBtc(String(value));
    if (value instanceof DecimalText) return satFromBtc(withoutExponent(value.text));
    throw odd(this.#method, `an amount ${key}`);
  }
  inner(key: string): NodeAnswer {
    return new NodeAnswer(this.#method, this.#fields[key]);
  }
  list(key: string): NodeAnswer[] {
    return list(this.#method, this.#fields[key]);
  }
  texts(key: string): string[] {
    return texts(this.#method, this.#fields[key]);
  }
  parts(): NodeAnswer[] {
    return Object.values(this.#fields).map((part) => new NodeAnswer(this.#method, part));
  }
}

function parts(method: string, value: Json | undefined): Json[] {
  if (!Array.isArray(value)) throw odd(method, 'a list');
  return value;
}
const list = (method: string, value: Json | undefined): NodeAnswer[] =>
  parts(method, value).map((part) => new NodeAnswer(method, part));
const texts = (method: string, value: Json | undefined): string[] =>
  parts(method, value).map((part) => text(method, part));
function text(method: string, value: Json | undefined, key = ''): string {
  if (typeof value !== 'string') throw odd(method, `a text ${key}`.trimEnd());
  return value;
}
const odd = (method: string, expected: string): Refusal =>
  new Refusal('chain-unavailable', `${method}: the node's answer is of another form, ${expected} expected`);

/** Writes a decimal without an exponent: btcd has 5.4e-7 for amounts below 100 sat. */
function withoutExponent(decimal: string): string {
  const found = /^(\d)(?:\.(\d+))?e-0?(\d)$/i.exec(decimal);
  return found ? `0.${'0'.repeat(Number(found[3]) - 1)}${found[1]}${found[2] ?? ''}` : decimal;
}
