/**
 * The wallet's side of a payment that becomes ecash: outputs, their signature, and the token.
 *
 * NUT-00, NUT-12 (DLEQ), NUT-13 (secrets derived from seed and counter), NUT-20:
 * https://github.com/cashubtc/nuts. The payer signs its outputs for one request, so that no relay
 * can replace them. Not here: the mint's side (`promise.ts`), tokens of others (`token.ts`).
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import type { Hex } from '../protocol/action.ts';
import { hexOf, pubkey, sat } from '../protocol/message.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash } from '../signing/bip340.ts';
import { bytesToHex, hexToBytes, parsePoint, pointBytes, type Point } from '../signing/curve.ts';
import { blinded, isBlindSignature, unblinded } from './blind.ts';
import { keysetId, type Keyset } from './keyset.ts';
import { cashu } from './library.ts';

export const output = v.strictObject({ amount_sat: sat, id: keysetId, B_: pubkey });
/** Blinded message of NUT-00. */
export type BlindedOutput = v.InferOutput<typeof output>;
export const OUTPUT_LIMITS = { outputs: { unit: 'items', least: 1, most: 64 } } satisfies Limits;
const { least, most } = OUTPUT_LIMITS.outputs;
export const outputs = v.pipe(v.array(output), v.minLength(least), v.maxLength(most));

export const promise = v.strictObject({
  amount_sat: sat,
  id: keysetId,
  C_: pubkey,
  dleq: v.strictObject({ e: hexOf(32), s: hexOf(32) }),
});
/** Blind signature of NUT-00 with its proof of NUT-12, which is required here. */
export type BlindPromise = v.InferOutput<typeof promise>;
export const promises = v.pipe(v.array(promise), v.minLength(least), v.maxLength(most));

/** Place of a secret; the amount is not part of it. */
export interface OutputPlace {
  counter: number;
  amountSat: bigint;
}
/** Returns the places of one payment: counters from the first on, with the amounts in order. */
export const placesFrom = (counter: number, amounts: readonly bigint[]): OutputPlace[] =>
  amounts.map((amountSat, i) => ({ counter: counter + i, amountSat }));

/**
 * Splits an amount into powers of two of the keyset, smallest first, so that the order reveals
 * nothing.
 * @throws Refusal `over-capacity` if the keyset lacks such amounts
 */
export function amountsFor(amount: bigint, keyset: Keyset): bigint[] {
  const amounts: bigint[] = [];
  const known = Object.keys(keyset.keys)
    .map(BigInt)
    .sort((a, b) => (a < b ? 1 : -1));
  let left = amount;
  for (const each of known) for (; left >= each && amounts.length < most; left -= each) amounts.push(each);
  if (left !== 0n || amounts.length < least)
    throw new Refusal('over-capacity', `no ${most} amounts of keyset ${keyset.id} make ${amount} sat`);
  return amounts.reverse();
}

interface OutputData {
  amountSat: bigint;
  /** Secret of the coin, as text. */
  secret: string;
  /** Blinding factor, 32 bytes. */
  r: Uint8Array;
  B_: Point;
}
/** Returns the deterministic secrets and blinded messages of NUT-13. */
const dataOf = (seed: Uint8Array, keyset: Hex, places: readonly OutputPlace[]): OutputData[] =>
  places.map(({ counter, amountSat }) => {
    const made = cashu().deriveSecretAndBlindingFactor(seed, keyset, counter);
    const secret = bytesToHex(made.secret);
    const r = made.blindingFactor;
    return { amountSat, secret, r, B_: blinded(utf8ToBytes(secret), r) };
  });

/** Returns the outputs of these places, the same each time. @param seed 64 bytes */
export const blindedOutputs = (seed: Uint8Array, keyset: Hex, places: readonly OutputPlace[]): BlindedOutput[] =>
  dataOf(seed, keyset, places).map(({ amountSat, B_ }) => ({
    amount_sat: amountSat,
    id: keyset,
    B_: bytesToHex(pointBytes(B_)),
  }));

const asMessages = (outs: readonly BlindedOutput[]) =>
  outs.map(({ amount_sat, id, B_ }) => ({ amount: cashu().Amount.from(amount_sat), id, B_ }));

/** Signs a quote with all its outputs (NUT-20); deterministic, so that a retry repeats it. */
export const signOutputs = (secret: Uint8Array, quote: string, outs: readonly BlindedOutput[]): Hex =>
  signHash(cashu().computeMessageDigest(quote + outs.map(({ B_ }) => B_).join('')), secret);

/** Checks the payer's signature of its outputs. @throws Refusal `outputs-unsigned` */
export function checkOutputsSigned(key: Hex, quote: string, outs: readonly BlindedOutput[], signature: Hex): void {
  if (!cashu().verifyMintQuoteSignature(key, quote, asMessages(outs), signature))
    throw new Refusal('outputs-unsigned', 'the blinded outputs are not signed by the ecash key of the contract', {
      blame: 'payer',
    });
}

/**
 * Makes the token of signed outputs. Each blind signature is checked by the keyset's key (DLEQ) and
 * unblinded.
 * @returns a `cashuB…` text (V4) with the DLEQ of its proofs, for the next receiver
 * @throws Refusal `promises-differ` for other amounts or another keyset, `dleq-invalid` for a
 * signature by another key
 */
export function tokenOf(
  seed: Uint8Array,
  places: readonly OutputPlace[],
  keyset: Keyset,
  signed: readonly BlindPromise[],
  mint: string,
): string {
  const blame = { blame: 'payee' };
  const data = dataOf(seed, keyset.id, places);
  if (signed.length !== data.length)
    throw new Refusal('promises-differ', `${signed.length} blind signatures found, ${data.length} expected`, blame);
  const proofs = data.map((one, i) => {
    const promise = signed[i]!;
    const { amount_sat, id } = promise;
    if (amount_sat !== one.amountSat || id !== keyset.id)
      throw new Refusal(
        'promises-differ',
        `a blind signature for ${amount_sat} sat of keyset ${id} found, ${one.amountSat} sat of ${keyset.id} expected`,
        blame,
      );
    const proof = proofOf(one, promise, keyset);
    if (!proof)
      throw new Refusal(
        'dleq-invalid',
        `the blind signature for ${amount_sat} sat is not by the mint's key for it`,
        blame,
      );
    return proof;
  });
  return cashu().getEncodedToken({ mint, unit: keyset.unit, proofs });
}

/** Returns the coin of a blind signature; undefined if it is malformed or by another key. */
function proofOf({ secret, r, B_ }: OutputData, { amount_sat, id, C_, dleq }: BlindPromise, keyset: Keyset) {
  try {
    const [C, A] = [C_, keyset.keys[String(amount_sat)]!].map((hex) => parsePoint(hexToBytes(hex)));
    if (!C || !A || !isBlindSignature(C, B_, A, dleq)) return undefined;
    const [e, s] = [dleq.e, dleq.s].map((hex) => hex.toLowerCase()) as [Hex, Hex];
    return {
      id,
      amount: cashu().Amount.from(amount_sat),
      secret,
      C: bytesToHex(pointBytes(unblinded(C, A, r))),
      dleq: { e, s, r: bytesToHex(r) },
    };
  } catch {
    // A mint's answer over HTTP is not parsed yet: a field may be no hex, or no text.
    return undefined;
  }
}
