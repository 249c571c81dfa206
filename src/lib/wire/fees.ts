/**
 * Fees of hops and whole paths, the blocks that they add to an expiry, and bounds of an HTLC.
 *
 * BOLT4 (`payment_relay`), BOLT7 (HTLC Fees), BOLT11 (tag `r`), BOLT12 (`blinded_payinfo`).
 */
import { MAX_U64 } from '../bitcoin/bytes.ts';
import type { Limits } from '../protocol/limit.ts';
import { uint, type StructOf } from './struct.ts';

export const RELAY_LIMITS = {
  fee_base_msat: { unit: 'msat', most: 0xffff_ffffn },
  fee_proportional_millionths: { unit: 'number', most: 0xffff_ffffn },
  cltv_expiry_delta: { unit: 'blocks', most: 0xffffn },
  /** Smallest and largest HTLC that a path takes. */
  htlc_msat: { unit: 'msat', most: MAX_U64 },
} satisfies Limits;

export const FEES = {
  fee_base_msat: uint(4, RELAY_LIMITS.fee_base_msat),
  fee_proportional_millionths: uint(4, RELAY_LIMITS.fee_proportional_millionths),
  cltv_expiry_delta: uint(2, RELAY_LIMITS.cltv_expiry_delta),
};
/** Fees in millisatoshis and millionths, and a delta in blocks. */
export type Relay = StructOf<typeof FEES>;
export const NO_FEES: Relay = { fee_base_msat: 0n, fee_proportional_millionths: 0n, cltv_expiry_delta: 0n };

/** Number of blocks from the tip within which an HTLC expires (BOLT4). */
export const MAX_HTLC_CLTV = 2016n;
/** Largest amount in millisatoshis: 21 million bitcoin. */
export const MOST_MSAT = 2_100_000_000_000_000_000n;

/**
 * Returns the fee of a channel for an amount that leaves through it, in msat, rounded down.
 * @example
 * ```ts
 * routingFee(5_000_000n, 1_000n, 100n); // 1500n
 * ```
 */
export const routingFee = (amountMsat: bigint, base: bigint, millionths: bigint): bigint =>
  base + (amountMsat * millionths) / 1_000_000n;
