/**
 * Transactions in blocks from a height upwards: payments of given outputs, all in order and nothing
 * else, for what is over once somebody has paid; and spenders of coins deeper than the newest
 * blocks. One scan reads a bounded number of blocks, each once for all who ask at the same time. A
 * search continues where it ended while the process lives; the newest blocks are scanned again, as
 * they may be taken back.
 */
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { outputsOf, unsignedHex, type Output } from '../bitcoin/transaction.ts';
import type { Goal, Payment, Searched } from '../contract/duty.ts';
import { standingAt } from '../contract/outcome.ts';
import type { Hex } from '../protocol/action.ts';
import { allows } from '../protocol/limit.ts';
import { inTurn, KEPT_BLOCKS, outpointHex, RECENT_LIMITS, spends } from './blocks.ts';
import { unlessJudged, type Rpc } from './rpc.ts';

type HashAt = (height: number) => Promise<Hex>;
/** Search of blocks, as they stand at one tip. */
export interface BlockSearch {
  /** Searches for the payment of a goal, of which `after` is a height here. */
  payment(goal: Goal & { after: number }): Promise<Payment>;
  /** Searches for a coin's spender. @param after height of the last block that need not be read */
  spender(outpoint: Outpoint, after: number): Promise<Searched>;
}
/** @param hashAt returns the hash of the block at a height; absent to query the node */
export type PaymentSearch = (tip: number, hashAt?: HashAt) => BlockSearch;

/** Serializes outputs with their count, as a transaction has them. */
const bytesOf = (outputs: readonly Output[]): Hex =>
  unsignedHex({ version: 2, locktime: 0, inputs: [], outputs }).slice(2 * 5, -2 * 4);

/** Transaction that is searched for. */
interface Sought {
  key: string;
  /** Bytes that it holds, hex. */
  bytes: Hex;
  is(hex: Hex): boolean;
  after: number;
}

export function paymentsIn(rpc: Rpc): PaymentSearch {
  const wanted = new Set<Hex>();
  /** Transactions by block and by the bytes that they hold. */
  const read = new Map<Hex, ReadonlyMap<Hex, readonly { txid: Hex; hex: Hex }[]>>();
  /** Heights up to which nothing was found, by outputs or coin. */
  const searched = new Map<string, number>();

  async function having(block: Hex, bytes: Hex): Promise<readonly { txid: Hex; hex: Hex }[] | undefined> {
    const known = read.get(block)?.get(bytes);
    if (known) return known;
    const hex = await rpc.blockHex(block).catch(unlessJudged);
    if (hex === undefined) return undefined;
    const found = new Map<Hex, readonly { txid: Hex; hex: Hex }[]>();
    for (const one of wanted) found.set(one, hex.includes(one) ? await rpc.blockWith(block, one) : []);
    read.set(block, found);
    if (read.size > KEPT_BLOCKS) read.delete(read.keys().next().value!);
    return found.get(bytes);
  }

  async function search({ key, bytes, is, after }: Sought, tip: number, hashAt: HashAt): Promise<Searched> {
    let upTo = Math.min(Math.max(after, searched.get(key) ?? 0), standingAt(tip));
    for (let n = 1; upTo < tip && allows(RECENT_LIMITS.blocks, n); n += 1) {
      const block = await hashAt(upTo + 1);
      const txs = await having(block, bytes);
      if (!txs) return { by: null, upTo, pruned: true };
      const hit = txs.find(({ hex }) => is(hex));
      if (hit) return { by: { ...hit, confirmations: tip - upTo }, upTo, pruned: false };
      upTo += 1;
    }
    searched.set(key, Math.min(upTo, standingAt(tip)));
    return { by: null, upTo, pruned: false };
  }
  // Reads one block at a time, since blocks are large, and each for all that is sought by then.
  const turn = inTurn();
  return (tip, hashAt = (height) => rpc.blockHash(height)) => {
    const find = (sought: Sought): Promise<Searched> => {
      wanted.add(sought.bytes);
      return turn(() => search(sought, tip, hashAt));
    };
    return {
      payment({ outputs, without, after }) {
        const bytes = bytesOf(outputs);
        const is = (hex: Hex): boolean => pays(hex, bytes) && !spends(hex, without);
        return find({ key: outpointText(without), bytes, is, after });
      },
      spender(outpoint, after) {
        const is = (hex: Hex): boolean => spends(hex, outpoint);
        return find({ key: `spender ${outpointText(outpoint)}`, bytes: outpointHex(outpoint), is, after });
      },
    };
  };
}

const pays = (hex: Hex, bytes: Hex): boolean => bytesOf(outputsOf(hex)) === bytes;
