/**
 * Verification of a token's proofs by the mint's public keys.
 *
 * The keyset must be known and of the token's unit, and have a key for the amount. The DLEQ proof
 * must show that the mint signed with that key. NUT-12
 * (https://github.com/cashubtc/nuts/blob/main/12.md), by @cashu/cashu-ts. `token.ts` has checked
 * that secrets are unique. Not here: whether a proof is spent, and whether its spending conditions
 * allow it (only the mint knows).
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, pointBytes } from '../signing/curve.ts';
import { hashToCurve } from './blind.ts';
import { cashu } from './library.ts';
import { keysetById, type MintKeys } from './mint-keys.ts';
import type { Proof, Token } from './token.ts';

/** Finding about one proof; a check that could not be made is named. */
export interface Finding {
  proof: Proof;
  /** Keyset; undefined if it is not among the given ones. */
  keyset: MintKeys | undefined;
  dleq: 'valid' | 'missing' | 'not-checked';
}

/** Returns the point of a secret, hex: what mints store of spent proofs (NUT-07), and no secret. */
export const secretPoint = (secret: string): string => bytesToHex(pointBytes(hashToCurve(utf8ToBytes(secret))));

/**
 * Checks every proof.
 * @throws Refusal for the first reason against it: `keyset-ambiguous`, `unit-differs`,
 * `amount-unknown`, `dleq-invalid`
 */
export function verifyToken(token: Token, keysets: readonly MintKeys[]): Finding[] {
  return token.proofs.map((proof, i) => {
    const keyset = keysetById(proof.id, keysets);
    const against = (code: 'unit-differs' | 'amount-unknown' | 'dleq-invalid', why: string): Refusal =>
      new Refusal(code, `proof ${i}: ${why}`, { blame: 'sender' });
    if (!keyset) return { proof, keyset, dleq: 'not-checked' };
    if (keyset.unit !== token.unit)
      throw against('unit-differs', `the unit of its keyset is ${keyset.unit}, and the token says ${token.unit}`);
    if (!Object.hasOwn(keyset.keys, String(proof.amount)))
      throw against('amount-unknown', `its keyset has no key for the amount ${proof.amount}`);
    if (proof.dleq?.r === undefined) return { proof, keyset, dleq: 'missing' };
    const { e, s, r } = proof.dleq;
    if (!cashu().hasValidDleq({ ...proof, amount: cashu().Amount.from(proof.amount), dleq: { e, s, r } }, keyset))
      throw against('dleq-invalid', "its DLEQ proof does not show that the mint's key for this amount signed it");
    return { proof, keyset, dleq: 'valid' };
  });
}
