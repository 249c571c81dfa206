/**
 * Least fee of a transaction that replaces others in a node's mempool.
 *
 * It pays its own relay on top of all that they pay (BIP125, rules 3 and 4). Its feerate is higher
 * than the best of theirs. Bitcoin Core asks the same of packages (28 and newer), and of a TRUC
 * child that replaces its sibling (BIP431). Not here: fees for a place in a block (`fee.ts`,
 * `package.ts`).
 */
import { maxSat } from './amount.ts';
import { feeFor } from './fee.ts';

/** Fee and size of a transaction or package. */
export interface Paid {
  feeSat: bigint;
  vsize: number;
}
/** Transactions that would be evicted, and the packages of them that a miner might take alone. */
export interface Evicted extends Paid {
  parts: readonly Paid[];
}

/** Returns a transaction with all its descendants. */
export const withChildren = (all: Paid, own: Paid): Evicted => ({ ...all, parts: [own, all] });

/** Returns the descendants of a transaction; null if it has none. */
export function childrenOf(all: Paid, own: Paid): Evicted | null {
  const children = { feeSat: all.feeSat - own.feeSat, vsize: all.vsize - own.vsize };
  return children.vsize > 0 ? { ...children, parts: [children] } : null;
}

/** Computes the least fee of a replacement. @param relay feerate that the node asks for relay */
export function replacementFee({ feeSat, parts }: Evicted, vsize: number, relay: number): bigint {
  // Core compares by weight, and each virtual size was rounded up by as many as three units of it.
  const better = parts.map((part) => (part.feeSat * BigInt(4 * vsize)) / BigInt(4 * part.vsize - 3) + 1n);
  return better.reduce(maxSat, feeSat + feeFor(relay, vsize));
}
