/**
 * Fees and locks of a payment over channels: BOLT7 (HTLC Fees) and BOLT4. Amounts are
 * millisatoshis.
 * Not here: planning a route (`onion/route.ts` for packets, `htlc/route.ts` for balances).
 */

/** BOLT4: how many blocks ahead an HTLC may expire. */
export const MAX_HTLC_CLTV = 2016n;
/** 21 million bitcoin. */
export const MOST_MSAT = 2_100_000_000_000_000_000n;
const MILLION = 1_000_000n;

/**
 * Returns the fee of a channel for an amount that leaves through it, in millisatoshis, rounded
 * down. BOLT7, HTLC Fees.
 * @example
 * ```ts
 * routingFee(5_000_000n, 1_000n, 100n); // 1500n
 * ```
 */
export const routingFee = (amountMsat: bigint, base: bigint, millionths: bigint): bigint =>
  base + (amountMsat * millionths) / MILLION;
