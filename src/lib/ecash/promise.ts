/**
 * The mint's side: which blinded outputs it signs, and its blind signatures with proofs (NUT-00,
 * NUT-12).
 *
 * The nonce of a proof derives from its inputs, so the same outputs always get the same bytes. Not
 * here: that an output is signed once (a note in the commit), and for how much (`credit/`).
 */
import * as v from 'valibot';
import { hexToBytes } from '../bitcoin/bytes.ts';
import type { Hex, Keys, Note, Path } from '../protocol/action.ts';
import { parseAs } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint, type Point } from '../signing/curve.ts';
import { blindSignature, isBlindSignature } from './blind.ts';
import { MINTS, type Keyset } from './keyset.ts';
import { promises, type BlindedOutput, type BlindPromise } from './outputs.ts';

const pointOf = (hex: Hex): Point | undefined => parsePoint(hexToBytes(hex));

export const outputNote = (B_: Hex): string => `output/${B_}`;

/**
 * Checks the outputs of a payment of exactly `amount`.
 * @throws Refusal `keyset-unknown`, `outputs-differ` (sum or amounts), `outputs-repeated`,
 * `wrong-key` for no point
 */
export function checkOutputs(outs: readonly BlindedOutput[], keyset: Keyset, amount: bigint): void {
  const blame = { blame: 'payer' };
  const other = outs.find((o) => o.id !== keyset.id);
  if (other) throw new Refusal('keyset-unknown', `an output of keyset ${other.id} found, ${keyset.id} expected`, blame);
  const odd = outs.find((o) => !Object.hasOwn(keyset.keys, String(o.amount_sat)));
  if (odd)
    throw new Refusal(
      'outputs-differ',
      `an output of ${odd.amount_sat} sat found, which the keyset has no key for`,
      blame,
    );
  const sum = outs.reduce((all, o) => all + o.amount_sat, 0n);
  if (sum !== amount) throw new Refusal('outputs-differ', `outputs of ${sum} sat found, ${amount} sat are paid`, blame);
  if (new Set(outs.map((o) => o.B_)).size !== outs.length)
    throw new Refusal('outputs-repeated', 'the same blinded output found twice', blame);
  for (const { B_ } of outs)
    if (!pointOf(B_)) throw new Refusal('outputs-differ', `${B_} found, a point of the curve expected`, blame);
}

/** Refuses outputs that were signed before, by any request. @throws Refusal `outputs-repeated` */
export function checkUnsigned(outs: readonly BlindedOutput[], notes: ReadonlyMap<string, unknown>): void {
  const known = outs.find(({ B_ }) => notes.has(outputNote(B_)));
  if (known)
    throw new Refusal('outputs-repeated', `the blinded output ${known.B_} was signed before, under another request`, {
      blame: 'payer',
      hint: 'a restored wallet first finds what it used: spillway ecash-restore',
    });
}

/** Signs each output with the key of its amount. */
export function signBlindly(keys: Pick<Keys, 'secret'>, path: Path, outs: readonly BlindedOutput[]): BlindPromise[] {
  return outs.map(({ amount_sat, id, B_ }) => {
    const secret = keys.secret(path, MINTS, amount_sat.toString(2).length - 1);
    return { amount_sat, id, ...blindSignature(pointOf(B_)!, secret) };
  });
}

/**
 * Reads the answer of a signer outside, checked by the public keys.
 * @throws Refusal `malformed-message`, `promises-differ`, `dleq-invalid`
 */
export function readSigned(answer: unknown, keyset: Keyset, outs: readonly BlindedOutput[]): BlindPromise[] {
  const { signatures } = parseAs(v.looseObject({ signatures: promises }), answer);
  if (signatures.length !== outs.length)
    throw new Refusal('promises-differ', `the signer gave ${signatures.length} signatures, ${outs.length} expected`);
  signatures.forEach(({ amount_sat, id, C_, dleq }, i) => {
    const { B_, amount_sat: asked } = outs[i]!;
    if (amount_sat !== asked || id !== keyset.id)
      throw new Refusal(
        'promises-differ',
        `the signer signed ${amount_sat} sat of ${id}, ${asked} sat of ${keyset.id} expected`,
      );
    if (!provenBy({ B_, C_, dleq, key: keyset.keys[String(amount_sat)]! }))
      throw new Refusal('dleq-invalid', `the signer's signature for ${amount_sat} sat is not by the key of the keyset`);
  });
  return signatures;
}

/** Returns whether one secret is behind the public key and the blind signature (NUT-12). */
function provenBy({ B_, C_, dleq, key }: { B_: Hex; C_: Hex; dleq: { e: Hex; s: Hex }; key: Hex }): boolean {
  const [C, B, A] = [C_, B_, key].map(pointOf);
  return C !== undefined && isBlindSignature(C, B!, A!, dleq);
}

/** Returns a note for each signed output, by which a lost reply is found again. */
export const promiseNotes = (contract: Hex, outs: readonly BlindedOutput[], signed: readonly BlindPromise[]): Note[] =>
  outs.map(({ B_ }, i) => ({ name: outputNote(B_), body: { contract, ...signed[i]! } }));
