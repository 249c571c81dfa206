/**
 * Payments over blinded paths: what a path costs, what a hop forwards, and whether it may.
 *
 * BOLT4, `payload` format, Requirements. Amounts are in millisatoshis, fees in millisatoshis and
 * millionths, expiries and deltas in blocks.
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { type Relay } from '../wire/fees.ts';
import type { PaymentConstraints, RecipientData } from './recipient-data.ts';

const MILLION = 1_000_000n;

/** Adds up the fees and deltas of all hops but the last. @param finalDelta delta of the last hop */
export function aggregate(relays: readonly Relay[], finalDelta = 0n): Relay {
  let [base, proportional, delta] = [0n, 0n, finalDelta];
  // From the recipient towards the introduction node; each step rounds up.
  for (const hop of [...relays].reverse()) {
    const rate = hop.fee_proportional_millionths;
    base = (hop.fee_base_msat * MILLION + base * (MILLION + rate) + MILLION - 1n) / MILLION;
    proportional = ((proportional + rate) * MILLION + proportional * rate + MILLION - 1n) / MILLION;
    delta += hop.cltv_expiry_delta;
  }
  return { cltv_expiry_delta: delta, fee_proportional_millionths: proportional, fee_base_msat: base };
}

/** HTLC that carries a packet. */
export interface PacketHtlc {
  amountMsat: bigint;
  cltvExpiry: bigint;
}
/** Limits of an HTLC that carries a packet. */
export const HTLC_LIMITS = {
  /** Expiry as a number of 4 bytes. */
  expiry: { unit: 'height', most: 0xffffffffn },
  /** Amount at a forwarding hop of a blinded path: more than its fee. */
  relayed: { unit: 'msat', least: ({ fee_base_msat }: Relay) => fee_base_msat + 1n },
  ahead: { unit: 'height', least: ({ cltv_expiry_delta }: Relay) => cltv_expiry_delta },
  /** Amount and expiry by the constraints of a blinded path. */
  allowed: { unit: 'msat', least: ({ htlc_minimum_msat }: PaymentConstraints) => htlc_minimum_msat },
  until: { unit: 'height', most: ({ max_cltv_expiry }: PaymentConstraints) => max_cltv_expiry },
  /** Amount and expiry by the payload. */
  amount: { unit: 'msat', least: (promised: PacketHtlc) => promised.amountMsat },
  held: { unit: 'height', least: (promised: PacketHtlc) => promised.cltvExpiry },
} satisfies Limits;

/**
 * Returns the HTLC that a hop of a blinded path forwards.
 * @throws Refusal `blinding-constraint` for an amount up to the fee, or an expiry below the delta
 */
export function relayed({ amountMsat, cltvExpiry }: PacketHtlc, relay: Relay): PacketHtlc {
  const rate = relay.fee_proportional_millionths;
  const pays = allows({ least: HTLC_LIMITS.relayed.least(relay) }, amountMsat);
  if (!pays || !allows({ least: HTLC_LIMITS.ahead.least(relay) }, cltvExpiry))
    throw new Refusal('blinding-constraint', `${amountMsat} msat until ${cltvExpiry} found, less than fee and delta`);
  const after = amountMsat - relay.fee_base_msat;
  return {
    amountMsat: (after * MILLION + MILLION + rate - 1n) / (MILLION + rate),
    cltvExpiry: cltvExpiry - relay.cltv_expiry_delta,
  };
}

/**
 * Refuses a payment that the recipient's data does not allow. No feature is known.
 * @throws Refusal `blinding-feature`, `blinding-constraint`
 */
export function checkAllowed(data: RecipientData, htlc: PacketHtlc | undefined): void {
  if (data.allowed_features !== undefined && /[1-9a-f]/.test(data.allowed_features))
    throw new Refusal('blinding-feature', `allowed_features ${data.allowed_features} found, no known feature`);
  const limits = data.payment_constraints;
  if (!limits || !htlc) return;
  const most = HTLC_LIMITS.until.most(limits);
  if (!allows({ most }, htlc.cltvExpiry))
    throw new Refusal('blinding-constraint', `expiry ${htlc.cltvExpiry} found, at most ${most} expected`);
  const least = HTLC_LIMITS.allowed.least(limits);
  if (!allows({ least }, htlc.amountMsat))
    throw new Refusal('blinding-constraint', `${htlc.amountMsat} msat found, at least ${least} expected`);
}
