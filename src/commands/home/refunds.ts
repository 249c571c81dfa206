/**
 * Refunds that were stored outside the home, taken back into it. An address of this home that one
 * pays is marked as used, so that its coins are found.
 * Not here: how the copies are written (`home/refunds.ts`).
 */
import * as v from 'valibot';
import type { Home } from '../../lib/home/home.ts';
import { wholeIn, type Limits } from '../../lib/protocol/limit.ts';

const Hex = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})+$/));
const Id = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
export const COPY_LIMITS = {
  address: { unit: 'characters', most: 100 },
  /** Number of an address below the hardened ones (BIP32). */
  index: { unit: 'number', least: 0, most: 2 ** 31 - 1 },
} satisfies Limits;
const Whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const RefundCopy = v.object({
  type: v.literal('refund-copy'),
  version: v.literal(1),
  network: v.string(),
  contract: Id,
  capacity_sat: Whole,
  valid_from_height: Whole,
  txid: Id,
  hex: Hex,
  address: v.pipe(v.string(), v.maxLength(COPY_LIMITS.address.most)),
  moved: v.optional(v.boolean()),
  path: v.nullable(v.object({ chain: v.picklist([0, 1]), index: wholeIn(COPY_LIMITS.index) })),
});

type RefundCopy = v.InferOutput<typeof RefundCopy>;

/** Printed line of `restore` for one refund. `ours`: it pays an address of this home. */
type RestoredRefund = Omit<RefundCopy, 'type' | 'path'> & { type: 'restore'; ours: boolean };

/** Reads the refunds for this network, and the names of files that hold no such refund. */
export function readRefunds(home: Pick<Home, 'copies' | 'network'>): { read: RefundCopy[]; unreadable: string[] } {
  const { copies, unreadable: broken } = home.copies();
  const read: RefundCopy[] = [];
  const unreadable = [...broken];
  for (const { name, body } of copies) {
    const copy = v.safeParse(RefundCopy, body);
    if (copy.success && copy.output.network === home.network) read.push(copy.output);
    else unreadable.push(`${name}.json`);
  }
  return { read, unreadable };
}

/** Returns whether it pays an address of this home. */
const isOurs = async (home: Pick<Home, 'keys'>, { path, address }: RefundCopy): Promise<boolean> =>
  path !== null && (await (await home.keys()).address(path)).address === address;

/** Takes the addresses of stored refunds into the home. */
export async function restoreRefunds(home: Home): Promise<{ refunds: RestoredRefund[]; unreadable: string[] }> {
  const { read, unreadable } = readRefunds(home);
  const refunds: RestoredRefund[] = [];
  for (const copy of read) {
    const ours = await isOurs(home, copy);
    const { type: _, path, moved, ...refund } = copy;
    if (ours) await home.store.addAddresses([path!]);
    refunds.push({ type: 'restore', ...refund, ours, ...(moved && { moved }) });
  }
  return { refunds, unreadable };
}
