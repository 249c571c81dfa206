/**
 * Schemas of Cashu's fields, and a reader whose refusals never quote a value, since it may be
 * money. Source: NUT-00, NUT-02. Not here: which fields there are (`token.ts`, `mint-keys.ts`).
 */
import * as v from 'valibot';
import { bytesToHex, hexToBytes, MAX_U64 } from '../bitcoin/bytes.ts';
import { DecimalText } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { parsePoint } from '../signing/curve.ts';

export const PROOF_LIMITS = { amount: { unit: 'number', least: 1n, most: MAX_U64 } } satisfies Limits;

const amountIn = (digits: string): bigint | undefined =>
  /^(?:0|[1-9][0-9]{0,19})$/.test(digits) && allows(PROOF_LIMITS.amount, BigInt(digits)) ? BigInt(digits) : undefined;
/** Reads an amount: JSON has numbers and, above 2^53, text; CBOR has numbers and bigints. */
function amountOf(value: unknown): bigint | undefined {
  if (value instanceof DecimalText) return amountIn(value.text);
  return typeof value === 'number' || typeof value === 'bigint' ? amountIn(String(value)) : undefined;
}
const AMOUNT = 'a whole amount from 1 to 2^64 - 1';
export const amount = v.pipe(
  v.custom<unknown>((value) => amountOf(value) !== undefined, AMOUNT),
  v.transform((value) => amountOf(value)!),
);
/** Schema of an amount that is the name of a field. */
export const amountText = v.pipe(
  v.string(),
  v.check((digits) => amountIn(digits) !== undefined, AMOUNT),
);

/** Schema of text. Lone surrogates would all be hashed as one character: two secrets, one coin. */
export const cashuText = v.pipe(
  v.string('text'),
  v.check((value) => value.isWellFormed(), 'text in Unicode'),
);
export const someText = v.pipe(cashuText, v.nonEmpty('text that is not empty'));
export const list = <T>(item: v.GenericSchema<unknown, T>) => v.array(item, 'a list');
export const object = <const E extends v.ObjectEntries>(entries: E) => v.object(entries, 'an object');

/** Returns the schemas of byte strings: hex in JSON, raw in CBOR. */
function forms(bytes: v.GenericSchema<unknown, string>) {
  const sized = (length: number) => v.pipe(bytes, v.length(2 * length, `${length} bytes`));
  return {
    /** Compressed point of the curve. */
    point: v.pipe(
      sized(33),
      v.check((hex) => parsePoint(hexToBytes(hex)) !== undefined, 'a point of the curve'),
    ),
    scalar: sized(32),
    id: v.pipe(bytes, v.regex(/^(?:0[01][0-9a-f]{14}|01[0-9a-f]{64})$/, 'a keyset id of version 00 or 01')),
  };
}
export const inHex = forms(v.pipe(v.string('hex'), v.toLowerCase(), v.regex(/^(?:[0-9a-f]{2})*$/, 'hex')));
export const inBytes = forms(
  v.pipe(
    v.instance(Uint8Array, 'a byte string'),
    v.transform((bytes): string => bytesToHex(bytes)),
  ),
);

/** Parses a value. @throws Refusal `code`, naming the field and its schema */
export function formed<T>(schema: v.GenericSchema<unknown, T>, value: unknown, code: ErrorCode, at = ''): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = [at, v.getDotPath(issue)].filter(Boolean).join('.') || 'the document';
  const missing = issue.received === 'undefined';
  const wanted = issue.message.startsWith('Invalid') ? 'a value' : issue.message;
  throw new Refusal(code, `${path}: ${missing ? 'nothing found, ' : ''}${wanted} expected`);
}
