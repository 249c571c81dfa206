/**
 * Least fees of a transaction that takes the place of others in a node's mempool. It pays its own
 * relay on top of all that they pay (BIP125, rules 3 and 4). Its feerate is higher than the best of
 * theirs. Bitcoin Core asks the same of packages (28 and newer), and of a TRUC child that replaces
 * its sibling (BIP431).
 * Not here: what a transaction or child costs to confirm soon (`fee.ts`, `package.ts`).
 */
import { maxSat } from './amount.ts';
import { feeFor } from './fee.ts';

/** Satoshis paid for virtual bytes. */
export interface Paid {
  feeSat: bigint;
  vsize: number;
}
/**
 * Transactions that would be evicted, and the packages of them that a miner might take alone: each
 * must be bettered.
 */
export interface Evicted extends Paid {
  parts: readonly Paid[];
}

/** A transaction with all that spend it. */
export const withChildren = (all: Paid, own: Paid): Evicted => ({ ...all, parts: [own, all] });

/** Returns fees and size of the descendants of a transaction; null if it has none. */
export function childrenOf(all: Paid, own: Paid): Evicted | null {
  const children = { feeSat: all.feeSat - own.feeSat, vsize: all.vsize - own.vsize };
  return children.vsize > 0 ? { ...children, parts: [children] } : null;
}

/**
 * The least that so many virtual bytes must pay in its place.
 * @param relay what the node asks for the relay of a replacement, satoshis for 1000 vB
 */
export function replacementFee({ feeSat, parts }: Evicted, vsize: number, relay: number): bigint {
  // Core compares by weight, and each virtual size was rounded up by as many as three units of it.
  const better = parts.map((part) => (part.feeSat * BigInt(4 * vsize)) / BigInt(4 * part.vsize - 3) + 1n);
  return better.reduce(maxSat, feeSat + feeFor(relay, vsize));
}
