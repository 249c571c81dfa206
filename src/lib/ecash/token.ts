/**
 * Cashu tokens as text: `cashuA…` (V3, JSON) and `cashuB…` (V4, CBOR), read strictly and written.
 *
 * NUT-00 (https://github.com/cashubtc/nuts/blob/main/00.md), short keyset ids NUT-02, DLEQ NUT-12,
 * blinded keys NUT-28. @cashu/cashu-ts writes them. Its reader accepts trailing bytes, repeated
 * keys, amounts as text, letters outside base64, and text that is not UTF-8. So two programs could
 * see two tokens in one text, and reading is done here. Unknown fields are ignored, as NUT-00
 * wants. Not here: whether the mint signed (`token-document.ts`) or the token is spent (only the
 * mint knows), BLS keysets (ids `02…`).
 */
import { base64url, base64urlnopad } from '@scure/base';
import { decode, Tokenizer, Type, type DecodeOptions } from 'cborg';
import * as v from 'valibot';
import { hexToBytes } from '../bitcoin/bytes.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { amount, formed, inBytes, inHex, list, object, someText, cashuText } from './forms.ts';
import { cashu } from './library.ts';

/**
 * DLEQ proof of the mint's signature, scalars in hex. Without `r` only the customer can check it.
 */
export interface Dleq {
  e: string;
  s: string;
  r?: string;
}
/** Coin, with the names of NUT-00. `secret` and `C` together are the money. */
export interface Proof {
  /** Keyset id: hex of 8 bytes (V1, short V2) or 33 (V2); before 2023, 12 characters of base64. */
  id: string;
  /** Amount in the token's unit. */
  amount: bigint;
  secret: string;
  /** Signature of the mint: a compressed point in hex. */
  C: string;
  dleq?: Dleq;
  /** Witness of the secret's spending condition (NUT-11, NUT-14): JSON as text. */
  witness?: string;
  p2pk_e?: string;
}
/** Serialization of a token: JSON (V3) or CBOR (V4). */
export type TokenFormat = 'V3' | 'V4';
/** Cashu token (NUT-00). */
export interface Token {
  format: TokenFormat;
  mint: string;
  unit: string;
  memo?: string;
  proofs: readonly Proof[];
}

/** Returns the sum of a token's proofs. */
export const tokenTotal = ({ proofs }: Pick<Token, 'proofs'>): bigint =>
  proofs.reduce((sum, { amount }) => sum + amount, 0n);

/** Returns whether this id of a V2 keyset was cut to 8 bytes and needs a list of keysets. */
export const isShortId = (id: string): boolean => /^01[0-9a-f]{14}$/.test(id);

// ── the fields ────────────────────────────────────────────────────────────────────────────────────────────────────────

const OLD_ID = /^[A-Za-z0-9+/]{12}$/;
const dleqIn = ({ scalar }: typeof inHex) => v.nullish(object({ e: scalar, s: scalar, r: v.nullish(scalar) }));
const proofJson = object({
  id: v.union([inHex.id, v.pipe(v.string(), v.regex(OLD_ID))], 'a keyset id of version 00 or 01, or of 12 characters'),
  amount,
  secret: someText,
  C: inHex.point,
  dleq: dleqIn(inHex),
  witness: v.nullish(cashuText),
  p2pk_e: v.nullish(inHex.point),
});
const tokenJson = object({
  token: list(object({ mint: someText, proofs: list(proofJson) })),
  unit: v.nullish(someText),
  memo: v.nullish(cashuText),
});
const proofCbor = object({
  a: amount,
  s: someText,
  c: inBytes.point,
  d: dleqIn(inBytes),
  w: v.nullish(cashuText),
  pe: v.nullish(inBytes.point),
});
const tokenCbor = object({
  m: someText,
  u: someText,
  d: v.nullish(cashuText),
  t: list(object({ i: inBytes.id, p: list(proofCbor) })),
});

/** Returns the fields of a proof in one order, without empty ones. */
function proofOf({ id, amount, secret, C, dleq, witness, p2pk_e }: v.InferOutput<typeof proofJson>): Proof {
  return {
    id,
    amount,
    secret,
    C,
    ...(dleq && { dleq: { e: dleq.e, s: dleq.s, ...(dleq.r && { r: dleq.r }) } }),
    ...(witness && { witness }),
    ...(p2pk_e && { p2pk_e }),
  };
}

/** Checks a token's proofs. @throws Refusal `duplicate-secret`, or `code` if there is none */
function checkProofs(proofs: readonly Proof[], code: ErrorCode): void {
  if (proofs.length === 0) throw new Refusal(code, 'no proof found, at least one expected');
  const first = new Map<string, number>();
  for (const [i, { secret }] of proofs.entries()) {
    const before = first.get(secret);
    if (before !== undefined)
      throw new Refusal('duplicate-secret', `the secret of proof ${before} found again in proof ${i}`);
    first.set(secret, i);
  }
}

/** Reads the proofs of a JSON document. @throws Refusal `malformed-message`, `duplicate-secret` */
export function proofsOf(value: unknown): Proof[] {
  const proofs = formed(list(proofJson), value, 'malformed-message', 'proofs').map(proofOf);
  checkProofs(proofs, 'malformed-message');
  return proofs;
}

// ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Reads a token: with or without `cashu:` in front, or a binary token (`craw…`) in hex.
 * @throws Refusal `malformed-token`, `duplicate-secret`
 */
export function readToken(input: string): Token {
  const token = parseToken(input);
  checkProofs(token.proofs, 'malformed-token');
  return token;
}

function parseToken(input: string): Token {
  const written = input.replace(/^(?:web\+)?cashu:(?:\/\/)?/i, '');
  const raw = /^6372617742((?:[0-9a-f]{2})*)$/i.exec(written);
  if (raw) return readCbor(hexToBytes(raw[1]!));
  if (written.startsWith('cashuA')) return readJson(fromBase64(written.slice(6)));
  if (written.startsWith('cashuB')) return readCbor(fromBase64(written.slice(6)));
  throw malformed('no cashuA or cashuB in front');
}

const malformed = (why: string): Refusal => new Refusal('malformed-token', why);

function fromBase64(text: string): Uint8Array {
  try {
    return (text.endsWith('=') ? base64url : base64urlnopad).decode(text);
  } catch {
    throw malformed('broken base64url found: it was cut, or letters were changed');
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readJson(bytes: Uint8Array): Token {
  let document: unknown;
  try {
    document = parseJson(UTF8.decode(bytes));
  } catch {
    throw malformed('the JSON inside is broken, or has a key twice'); // its parser's words would quote the token
  }
  const { token, unit, memo } = formed(tokenJson, document, 'malformed-token');
  const mint = token[0]?.mint ?? '';
  if (token.some((entry) => entry.mint !== mint)) throw malformed('proofs of several mints found, of one expected');
  const proofs = token.flatMap((entry) => entry.proofs.map(proofOf));
  return { format: 'V3', mint, unit: unit ?? 'sat', ...(memo && { memo }), proofs };
}

const CBOR: DecodeOptions = {
  allowBigInt: true,
  allowIndefinite: false,
  allowUndefined: false,
  rejectDuplicateMapKeys: true,
  retainStringBytes: true,
};

/** Tokenizer of CBOR without numbers that are not whole, and with text decoded strictly. */
class StrictTokenizer extends Tokenizer {
  override next(): ReturnType<Tokenizer['next']> {
    const token = super.next();
    if (Type.equals(token.type, Type.float)) throw new Error('a number that is not whole');
    if (Type.equals(token.type, Type.string)) token.value = UTF8.decode(token.byteValue);
    return token;
  }
}

function readCbor(bytes: Uint8Array): Token {
  let document: unknown;
  try {
    document = decode(bytes, { ...CBOR, tokenizer: new StrictTokenizer(bytes, CBOR) });
  } catch {
    throw malformed('the CBOR inside is broken, or has a key twice');
  }
  const { m, u, d, t } = formed(tokenCbor, document, 'malformed-token');
  const proofs = t.flatMap(({ i, p }) =>
    p.map(({ a, s, c, d, w, pe }) => proofOf({ id: i, amount: a, secret: s, C: c, dleq: d, witness: w, p2pk_e: pe })),
  );
  return { format: 'V4', mint: m, unit: u, ...(d && { memo: d }), proofs };
}

// ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Writes a token; V4 shortens V2 keyset ids. @throws Refusal `malformed-message` if impossible */
export function writeToken(token: Omit<Token, 'format'>, format: TokenFormat): string {
  const mint = token.mint.replace(/\/+$/, '');
  return format === 'V3' ? writeJson({ ...token, mint }) : writeCbor({ ...token, mint });
}

function writeJson({ mint, unit, memo, proofs }: Omit<Token, 'format'>): string {
  const short = proofs.findIndex(({ id }) => isShortId(id));
  if (short >= 0)
    throw new Refusal(
      'malformed-message',
      `proofs.${short}.id: a short id found, the whole id of the keyset expected`,
      {
        hint: 'a V3 token holds whole ids; --keyset FILE completes them',
      },
    );
  const document = {
    token: [{ mint, proofs: proofs.map(({ amount, id, ...rest }) => ({ amount, id, ...rest })) }],
    unit,
    memo,
  };
  return `cashuA${base64urlnopad.encode(new TextEncoder().encode(printJson(document)))}`;
}

function writeCbor({ mint, unit, memo, proofs }: Omit<Token, 'format'>): string {
  return cashu().getEncodedToken({
    mint,
    unit,
    ...(memo && { memo }),
    proofs: proofs.map(({ amount, dleq, witness, ...rest }, i) => {
      if (OLD_ID.test(rest.id))
        throw new Refusal('malformed-message', `proofs.${i}.id: base64 found, an id in hex expected in a V4 token`);
      if (dleq && dleq.r === undefined)
        throw new Refusal('malformed-message', `proofs.${i}.dleq.r: nothing found, 32 bytes expected in a V4 token`);
      return {
        ...rest,
        amount: cashu().Amount.from(amount),
        ...(dleq && { dleq: { e: dleq.e, s: dleq.s, r: dleq.r! } }),
        // The library writes a witness as JSON, even if it is JSON already.
        ...(witness !== undefined && { witness: witnessOf(witness, i) }),
      };
    }),
  });
}

function witnessOf(witness: string, i: number): string {
  try {
    return JSON.parse(witness) as string;
  } catch {
    throw new Refusal('malformed-message', `proofs.${i}.witness: text found, JSON expected`);
  }
}
