/**
 * Documents of `ecash-token`: tokens as JSON, with or without secrets, and their verification by
 * the mint's public keys. Proofs have the names of NUT-00, so that wallets take them as they are.
 *
 * To be valid, a proof's keyset must be known and of the token's unit, and have a key for the
 * amount. The DLEQ proof must show that the mint signed with that key. NUT-12
 * (https://github.com/cashubtc/nuts/blob/main/12.md), by @cashu/cashu-ts. `token.ts` has checked
 * that secrets are unique. Not here: whether a proof is spent, and whether its spending conditions
 * allow it (only the mint knows).
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Fact } from '../signing/description.ts';
import { keysetById, type MintKeys } from './mint-keys.ts';
import {
  isShortId,
  proofsOf,
  readToken,
  tokenTotal,
  writeToken,
  type Proof,
  type Token,
  type TokenFormat,
} from './token.ts';
import { bytesToHex, pointBytes } from '../signing/curve.ts';
import { hashToCurve } from './blind.ts';
import { cashu } from './library.ts';

/** Finding about one proof; a check that could not be made is named. */
export interface TokenFinding {
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
export function verifyToken(token: Token, keysets: readonly MintKeys[]): TokenFinding[] {
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

const envelope = { type: 'ecash-token', version: 1 };
const head = (token: Token): object => ({
  mint: token.mint,
  unit: token.unit,
  memo: token.memo ?? null,
  [token.unit === 'sat' ? 'total_sat' : 'total']: tokenTotal(token),
});

/** Returns a proof with the points of its secrets in their place. */
const redacted = ({ id, amount, secret, dleq, witness }: Proof): object => ({
  id,
  amount,
  Y: secretPoint(secret),
  has_dleq: dleq !== undefined,
  has_witness: witness !== undefined,
});

/** Returns a token with full keyset ids, if known. @throws Refusal `keyset-ambiguous` */
const resolved = (token: Token, keysets: readonly MintKeys[]): Token => ({
  ...token,
  proofs: token.proofs.map((proof) => ({ ...proof, id: keysetById(proof.id, keysets)?.id ?? proof.id })),
});

/**
 * Reads a token as text or as its document.
 * @throws Refusal `malformed-message`, `malformed-token`, `duplicate-secret`
 */
function tokenIn(document: Fields): Token {
  const written = document.text('token');
  if (written !== undefined) {
    document.end();
    return readToken(written);
  }
  if (document.json('valid') === false)
    throw new Refusal('malformed-message', 'the document of a token that is not valid found');
  const mint = document.need('mint', document.text('mint') || undefined, 'the URL of the mint');
  const unit = document.text('unit') || 'sat';
  const memo = document.text('memo');
  const proofs = proofsOf(document.need('proofs', document.json('proofs'), 'a list'));
  document.skip('type', 'version', 'format', 'total_sat', 'total', 'short_ids');
  document.end();
  return { format: 'V4', mint, unit, ...(memo && { memo }), proofs };
}

/** Describes a token without its secrets. @throws Refusal `malformed-token`, `duplicate-secret` */
export function describeToken(text: string): { of: string; facts: Fact[] } {
  const token = readToken(text);
  const facts: Fact[] = [
    ['mint', token.mint],
    ['amount', `${tokenTotal(token)} ${token.unit}`],
    ['coins', `${token.proofs.map(({ amount }) => String(amount)).join(' + ')}, their secrets not shown`],
    ['keysets', [...new Set(token.proofs.map(({ id }) => id))].join(', ')],
  ];
  if (token.memo !== undefined) facts.push(['memo', token.memo]);
  return { of: `a Cashu token (${token.format}): whoever has it has the money`, facts };
}

export interface DecodeOptions {
  redact?: boolean | undefined;
  /** Explains an invalid token in place of a refusal. */
  explain?: boolean | undefined;
}

/**
 * Returns the contents of a token.
 * @throws Refusal `malformed-message`; `malformed-token`, `duplicate-secret`, `keyset-ambiguous`
 * without `explain`
 */
export function decodeToken(
  document: Fields,
  keysets: readonly MintKeys[],
  { redact = false, explain = false }: DecodeOptions,
): object {
  const text = document.need('token', document.text('token'), 'a token');
  document.end();
  let token: Token;
  try {
    token = resolved(readToken(text), keysets);
  } catch (error) {
    if (!explain || !(error instanceof Refusal) || error.code === 'bug') throw error;
    return { ...envelope, valid: false, reason: error.code, found: error.message };
  }
  const short = [...new Set(token.proofs.map(({ id }) => id).filter(isShortId))];
  return {
    ...envelope,
    valid: true,
    format: token.format,
    ...head(token),
    proofs: redact ? token.proofs.map(redacted) : token.proofs,
    ...(short.length > 0 && { short_ids: short }),
  };
}

/** Writes a token, or a document of one, in a format. @throws Refusal as `tokenIn`, `writeToken` */
export function encodeToken(document: Fields, keysets: readonly MintKeys[], format: TokenFormat): string {
  return writeToken(resolved(tokenIn(document), keysets), format);
}

/**
 * Returns the findings about each proof, without its secret, and what could not be checked.
 * @throws Refusal as `tokenIn` and `verifyToken`
 */
export function tokenFindings(document: Fields, keysets: readonly MintKeys[]): { document: object; complete: boolean } {
  const token = tokenIn(document);
  const found = verifyToken(token, keysets);
  const missing = {
    keysets: [...new Set(found.filter(({ keyset }) => !keyset).map(({ proof }) => proof.id))],
    dleq: found.flatMap(({ dleq }, i) => (dleq === 'missing' ? [i] : [])),
  };
  const complete = found.every(({ dleq }) => dleq === 'valid');
  const findings = found.map(({ proof, keyset, dleq }) => ({
    id: keyset?.id ?? proof.id,
    amount: proof.amount,
    Y: secretPoint(proof.secret),
    keyset: keyset ? 'known' : 'missing',
    dleq,
  }));
  const status = complete ? 'verified' : 'undetermined';
  return { complete, document: { ...envelope, status, ...head(token), findings, missing } };
}
