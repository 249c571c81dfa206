/**
 * JSON as contracts need it: read strictly, written canonically (for signatures) or readably.
 *
 * Strict: one document, no repeated key, no `__proto__`, whole numbers up to 2^53 - 1. Any other
 * number becomes a `DecimalText`: a reader of decimals (BTC amounts) sees the text, every other one
 * refuses it.
 * Canonical: RFC 8785 for the values that messages hold (whole numbers, strings, lists, objects):
 * keys sorted by UTF-16 code unit, no white space. A bigint is written as a whole number.
 */
import type { Limits } from './limit.ts';
import { Refusal } from './refusal.ts';

/** JSON value; a number that is not a whole one within 2^53 - 1 keeps its text. */
export type Json =
  null | boolean | number | bigint | string | DecimalText | readonly Json[] | { readonly [key: string]: Json };

/** A number that is not a whole one within 2^53 - 1, as it was written. */
export class DecimalText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Limits of JSON that this program reads. */
export const JSON_LIMITS = { depth: { unit: 'levels', most: 32 } } satisfies Limits;
const ESCAPED = /[\\\u0000-\u001f]/;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;

/**
 * Reads exactly one JSON document. Whole numbers beyond 2^53 are bigint, decimals keep their text.
 * @throws Refusal `malformed-json`
 * @example
 * ```ts
 * parseJson('{"sat":2100}'); // { sat: 2100 }
 * ```
 */
export function parseJson(text: string): Json {
  let at = 0;
  const token = (form: RegExp): RegExpExecArray | null => {
    form.lastIndex = at;
    const found = form.exec(text);
    if (found) at += found[0].length;
    return found;
  };
  const fail = (expected: string): never => {
    const seen = at < text.length ? JSON.stringify(text.slice(at, at + 12)) : 'the end of the input';
    throw new Refusal('malformed-json', `${seen} found at character ${at}, ${expected} expected`);
  };
  const space = (): void => {
    for (let code = text.charCodeAt(at); code === 32 || code === 9 || code === 10 || code === 13;) {
      at += 1;
      code = text.charCodeAt(at);
    }
  };
  // Most texts have nothing to unescape; a long string costs a pattern much more than a search.
  const isPlain = !ESCAPED.test(text);
  const string = (expected: string): string => {
    const end = text[at] === '"' ? text.indexOf('"', at + 1) : -1;
    const plain = end === -1 ? undefined : text.slice(at + 1, end);
    if (plain !== undefined && (isPlain || !ESCAPED.test(plain))) {
      at = end + 1;
      return plain;
    }
    const found = token(STRING) ?? fail(expected);
    return JSON.parse(found[0]) as string;
  };
  /** Returns the value of a literal and moves behind it. */
  const word = (seen: string, made: Json): Json => {
    at += seen.length;
    return made;
  };
  const number = (): Json => {
    const found = token(NUMBER) ?? fail('a value');
    const made = Number(found[0]);
    const whole = found[1] === undefined && found[2] === undefined && Number.isSafeInteger(made) && found[0] !== '-0';
    return whole ? made : new DecimalText(found[0]);
  };
  const bare = (depth: number): Json => {
    if (text[at] === '{') return object(depth);
    if (text[at] === '[') return list(depth);
    if (text[at] === '"') return string('a string');
    if (text.startsWith('true', at)) return word('true', true);
    if (text.startsWith('false', at)) return word('false', false);
    if (text.startsWith('null', at)) return word('null', null);
    return number();
  };
  const value = (depth: number): Json => {
    if (depth > JSON_LIMITS.depth.most) fail(`at most ${JSON_LIMITS.depth.most} levels`);
    space();
    const made = bare(depth);
    space();
    return made;
  };
  const object = (depth: number): Json => {
    const made: Record<string, Json> = {};
    at += 1;
    space();
    if (text[at] === '}') return word('}', made);
    for (;;) {
      space();
      const key = string('a key');
      if (key === '__proto__') fail('another key than __proto__');
      if (Object.hasOwn(made, key)) throw new Refusal('malformed-json', `the key ${JSON.stringify(key)} is repeated`);
      space();
      if (text[at] !== ':') fail('":"');
      at += 1;
      made[key] = value(depth + 1);
      if (text[at] === ',') at += 1;
      else if (text[at] === '}') return word('}', made);
      else fail('"," or "}"');
    }
  };
  const list = (depth: number): Json => {
    const made: Json[] = [];
    at += 1;
    space();
    if (text[at] === ']') return word(']', made);
    for (;;) {
      made.push(value(depth + 1));
      if (text[at] === ',') at += 1;
      else if (text[at] === ']') return word(']', made);
      else fail('"," or "]"');
    }
  };
  const made = value(0);
  if (at !== text.length) fail('nothing more');
  return made;
}

/**
 * Prints one line: keys in the order in which they were put, bigint as whole numbers. Fields that
 * are `undefined` are left out.
 */
export function printJson(value: unknown, indent = ''): string {
  return write(value, false, indent, '\n');
}

/**
 * Returns the one text that stands for a value, for hashing and comparing: keys sorted, no spaces.
 * @example
 * ```ts
 * canonicalJson({ b: 1n, a: [true] }); // '{"a":[true],"b":1}'
 * ```
 */
export function canonicalJson(value: unknown): string {
  return write(value, true, '', '');
}

/** Returns whether two values have the same canonical text. */
export const sameJson = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);

function write(value: unknown, sorted: boolean, indent: string, lead: string): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'string':
      return JSON.stringify(value);
    case 'bigint':
      return value.toString();
    case 'number':
      if (!Number.isSafeInteger(value)) throw new Refusal('bug', `${value} cannot be written as a whole number`);
      return String(value);
    case 'object':
      break;
    default:
      throw new Refusal('bug', `a ${typeof value} cannot be written as JSON`);
  }
  if (value instanceof DecimalText) return value.text;
  const inner = indent ? lead + indent : '';
  const colon = indent ? ': ' : ':';
  const next = ',' + inner;
  let parts = '';
  if (Array.isArray(value)) for (const v of value) parts += next + write(v, sorted, indent, inner);
  else {
    const names = Object.keys(value as object);
    // By UTF-16 code unit, as RFC 8785 asks.
    if (sorted) names.sort();
    for (const name of names) {
      const field = (value as Record<string, unknown>)[name];
      if (field !== undefined) parts += next + JSON.stringify(name) + colon + write(field, sorted, indent, inner);
    }
  }
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}${parts.slice(1)}${indent && parts && lead}${close}`;
}

/** Restores a printed record: fields named `sat`, `…Sat` or `…_sat` are bigint again. */
export function withSats(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSats);
  if (typeof value !== 'object' || value === null) return value;
  // No record has a field that would set a prototype: `parseJson` refuses it.
  const made: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value))
    made[key] = typeof field === 'number' && /(?:^s|S|_s)at$/.test(key) ? BigInt(field) : withSats(field);
  return made;
}
