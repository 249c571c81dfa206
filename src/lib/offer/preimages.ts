/**
 * Chains of preimages, a proposal of this project: the newest proves all payments before it.
 *
 * P(i-1) = taggedHash("spillway/preimage-chain", salt ‖ P(i)), and SHA256(P(i)) is the payment hash
 * of period i. The salt keeps payment hashes from being preimages themselves: periods would be
 * linkable, and a hop that saw P(i+1) could take the payment of period i.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, equalBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedHash } from '../signing/curve.ts';
import type { OfferValues } from './fields.ts';

export const PREIMAGE_CHAIN_LIMITS = { count: { unit: 'items', least: 1, most: 100_000 } } satisfies Limits;

const before = (salt: Uint8Array, preimage: Uint8Array): Uint8Array =>
  taggedHash('spillway/preimage-chain', concatBytes(salt, preimage));

/** Computes all preimages of a chain, from period 0 on. @param last preimage of the last period */
export function preimageChain(salt: Uint8Array, last: Uint8Array, count: number): Uint8Array[] {
  const chain = [last];
  while (chain.length < count) chain.push(before(salt, chain.at(-1)!));
  return chain.reverse();
}

/**
 * Checks that a preimage pays an invoice: its own, or that of a later period of the same chain.
 * @param index period of the preimage, in a chain
 * @throws Refusal `wrong-preimage`, `chain-differs`; `usage` for a message without a payment hash
 */
export function checkInvoicePreimage(f: OfferValues, preimage: Uint8Array, index?: bigint): void {
  if (f.invoice_payment_hash === undefined)
    throw new Refusal('usage', 'no payment hash found, an invoice or a proof expected');
  const hash = hexToBytes(f.invoice_payment_hash);
  const place = f.proposal_preimage_chain;
  const pays = (found: Uint8Array) => equalBytes(sha256(found), hash);
  if (index === undefined || !place) {
    if (!pays(preimage)) throw new Refusal('wrong-preimage', `the preimage does not hash to ${f.invoice_payment_hash}`);
    return;
  }
  const steps = index - place.index;
  const reach = steps >= 0n && steps < BigInt(PREIMAGE_CHAIN_LIMITS.count.most);
  const found = reach ? preimageChain(hexToBytes(place.salt), preimage, Number(steps) + 1)[0]! : undefined;
  if (!found || !pays(found))
    throw new Refusal(
      'chain-differs',
      `the preimage of period ${index} does not lead to that of period ${place.index}`,
    );
}

/** Returns a chain as a document of secrets: each preimage pays its period. */
export const chainDocument = (salt: Uint8Array, last: Uint8Array, count: number): object => ({
  type: 'preimage-chain',
  version: 1,
  proposal: 'preimages',
  salt: bytesToHex(salt),
  periods: preimageChain(salt, last, count).map((preimage, index) => ({
    index,
    payment_hash: bytesToHex(sha256(preimage)),
    preimage: bytesToHex(preimage),
  })),
});
