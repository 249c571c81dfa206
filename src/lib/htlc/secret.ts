/**
 * The preimage that a claim reveals, found by its hash: in any witness element or push of any
 * input, whatever the script is. Not here: which script it was (`identify.ts`).
 */
import { hash160, sha256 } from '@scure/btc-signer/utils.js';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { pushesOf } from './identify.ts';

/** Preimage found in a transaction. */
export interface Secret {
  preimage: Hex;
  /** Hash as it was asked for. */
  hash: Hex;
  /** Only a claim reveals it. */
  path: 'claim';
  input: number;
}

export const SECRET_LIMITS = {
  /** Consensus takes no longer element in these scripts. */
  element: { unit: 'bytes', most: 520 },
} satisfies Limits;

/** Returns whether it is the preimage of this hash: SHA256 of 32 bytes, HASH160 of 20. */
const opens = (preimage: Uint8Array, hash: Hex): boolean =>
  bytesToHex(hash.length === 64 ? sha256(preimage) : hash160(preimage)) === hash;

/** Data that an input shows: elements of its witness, pushes of its scriptSig. */
export type InputData = readonly Uint8Array[];

export const preimageIn = (elements: InputData, hash: Hex): Uint8Array | undefined =>
  elements.find((element) => allows(SECRET_LIMITS.element, element.length) && opens(element, hash));

/** Returns the preimage (hex) that an input of a transaction shows; null where none does. */
export function preimageShown(hex: Hex, hash: Hex): Hex | null {
  const found = preimageIn(shownBy(hex).flat(), hash);
  return found ? bytesToHex(found) : null;
}

/** @throws Refusal `no-preimage` */
export function secretIn(shown: readonly InputData[], hash: Hex): Secret {
  for (const [input, elements] of shown.entries()) {
    const preimage = preimageIn(elements, hash);
    if (preimage) return { preimage: bytesToHex(preimage), hash, path: 'claim', input };
  }
  throw new Refusal('no-preimage', `${shown.length} inputs found, none of which reveals a preimage of ${hash}`, {
    hint: 'a refund or a cooperative spend reveals none',
  });
}

/**
 * Returns the data that the inputs of a transaction (hex) show.
 * @throws Refusal `malformed-transaction`
 */
export function shownBy(hex: Hex): InputData[] {
  const { inputs, witnesses } = parseTransaction(hex);
  return inputs.map(({ finalScriptSig }, i) => [
    ...(witnesses?.[i] ?? []),
    ...pushesOf(finalScriptSig ?? new Uint8Array()),
  ]);
}
