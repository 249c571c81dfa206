/**
 * Forms of messages, and the strict parser for a table: by type, version and step. An unknown field
 * is refused: an older reader must not sign what a newer one means by it. Faults use the words of
 * the document's author: the field, the value found and the value expected.
 */
import * as v from 'valibot';
import { MAX_SAT } from '../bitcoin/amount.ts';
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import type { Party } from './action.ts';
import { sameJson, DecimalText } from './json.ts';
import { wholeIn, type Limits } from './limit.ts';
import { passing, Refusal } from './refusal.ts';

export const FORM_LIMITS = {
  /** Contract messages are smaller, as printed: a larger one is not read. */
  message: { unit: 'bytes', most: 1_000_000 },
  hex: { unit: 'characters', most: 800_000 },
  sat: { unit: 'sat', least: 0, most: Number(MAX_SAT) },
  height: { unit: 'height', least: 0, most: LOCKTIME_THRESHOLD - 1 },
  /** Base64 text; a larger one belongs to no contract. */
  psbt: { unit: 'characters', most: 700_000 },
  text: { unit: 'characters', most: 200 },
  vout: { unit: 'number', least: 0, most: 0xffffffff },
  /** A descriptor of two keys. */
  descriptor: { unit: 'characters', most: 400 },
} satisfies Limits;
export const MESSAGE_LIMIT = FORM_LIMITS.message.most;

/** Parsed JSON object whose fields are not checked yet. */
export type Document = Readonly<Record<string, any>>;

/** Form of a number of bytes in lowercase hex. */
export const hexOf = (bytes: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `${bytes} bytes in lowercase hex`));
/** Any bytes, lowercase hex. */
export const hexText = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{2})+$/, 'bytes in lowercase hex'),
  v.maxLength(FORM_LIMITS.hex.most),
);
/** A compressed public key. */
export const pubkey = v.pipe(v.string(), v.regex(/^0[23][0-9a-f]{64}$/, 'a compressed public key in lowercase hex'));
/** Satoshis: a whole number in JSON, a bigint inside. */
export const sat = v.pipe(
  wholeIn(FORM_LIMITS.sat),
  v.transform((n: number) => BigInt(n)),
);
/** A block height, or a count of blocks. */
export const height = wholeIn(FORM_LIMITS.height);
export const psbt = v.pipe(
  v.string(),
  v.regex(/^cHNid[A-Za-z0-9+/]+=*$/, 'a PSBT in base64'),
  v.maxLength(FORM_LIMITS.psbt.most),
);
export const text = v.pipe(v.string(), v.maxLength(FORM_LIMITS.text.most));
export const descriptor = v.pipe(v.string(), v.maxLength(FORM_LIMITS.descriptor.most));
export const outpoint = v.strictObject({
  txid: hexOf(32),
  vout: wholeIn(FORM_LIMITS.vout),
});

type Entries = v.ObjectEntries;
/** A message as a parser returns it: the envelope, then the fields of its step. */
export type MessageOf<S extends Record<string, Entries>> = {
  [K in keyof S & string]: { step: K; network: string } & v.InferOutput<v.StrictObjectSchema<S[K], undefined>>;
}[keyof S & string];

/**
 * Returns the parser of one type of message from the fields of its steps. `unsealed`: steps without
 * a seal, which only ask for an answer or carry another signature.
 */
export function messageParser<const S extends Record<string, Entries>>(
  type: string,
  steps: S,
  ...unsealed: readonly (keyof S)[]
): (json: unknown) => MessageOf<S> {
  const schemas = new Map<string, v.GenericSchema>();
  return (json) => {
    const { type: found, version, step } = envelope(json);
    if (found !== type)
      throw new Refusal('unknown-type', `a document of ${named('type', found)} found, a message of ${type} expected`);
    if (version !== 1) throw new Refusal('unknown-version', `${named('version', version)} found, 1 expected`);
    if (typeof step !== 'string' || !Object.hasOwn(steps, step))
      throw new Refusal(
        'unknown-step',
        `${named('step', step)} found, one of ${Object.keys(steps).join(', ')} expected`,
      );
    let schema = schemas.get(step);
    if (!schema) {
      schema = v.strictObject({
        type: v.literal(type),
        version: v.literal(1),
        step: v.literal(step),
        network: text,
        ...steps[step]!,
        checks: v.optional(v.record(v.string(), v.string())),
        auth: unsealed.includes(step) ? v.optional(v.never()) : hexOf(64),
      });
      schemas.set(step, schema);
    }
    return parseAs(schema, json) as MessageOf<S>;
  };
}

/** Returns fields in the order of the entries, so that derived values have one serialisation. */
export const inOrder = <E extends Entries>(entries: E, all: { readonly [K in keyof E]: unknown }): object =>
  Object.fromEntries(Object.keys(entries).map((name) => [name, all[name]]));

/** @throws Refusal `malformed-message`, naming the field */
export function parseAs<T>(schema: v.GenericSchema<unknown, T>, json: unknown): T {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new Refusal('malformed-message', inWords(issue));
}

/** Returns the refusal of a server, as `curl` brings it; undefined for anything else. */
export function answeredRefusal(json: unknown): Refusal | undefined {
  const { type, error } = (json ?? {}) as Record<string, unknown>;
  if (type !== undefined || typeof error !== 'object' || error === null) return undefined;
  const { code, exit, message } = error as Record<string, unknown>;
  return new Refusal(
    passing(code, exit) ?? 'peer-refused',
    `the other side answered: ${shown(code)}: ${shown(message, 300)}`,
  );
}

/**
 * Reads type, version and step of a message.
 * @throws Refusal `malformed-message`, and as the other side has answered
 */
export function envelope(json: unknown): { type: unknown; version: unknown; step: unknown } {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Refusal('malformed-message', 'a message (a JSON object) expected');
  const refusal = answeredRefusal(json);
  if (refusal) throw refusal;
  const { type, version, step } = json as Record<string, unknown>;
  return { type, version, step };
}

const differing = (own: object, stated: object): string | undefined =>
  Object.entries(own).find(([name, value]) => !sameJson(value, (stated as Record<string, unknown>)[name] ?? null))?.[0];

/** Returns whether a message states these fields with this home's values. */
export const statesSame = (own: object, stated: object): boolean => differing(own, stated) === undefined;

/** Compares fields. @throws Refusal `terms-differ` where a stated one differs from this home's */
export function checkSame(own: object, stated: object, from: Party): void {
  const field = differing(own, stated);
  if (field)
    throw new Refusal('terms-differ', `the message states another ${field} than this home knows`, { blame: from });
}

/**
 * Refuses statements of another party about a contract or coin that do not follow from its terms.
 * @param what the contract or coin, in words
 * @param derived the values from the stated terms
 * @throws Refusal `terms-differ`
 */
export function checkDerived(what: string, derived: object, stated: object, from: Party): void {
  if (!sameJson(derived, stated))
    throw new Refusal('terms-differ', `id, address or descriptor of the ${what} do not follow from its terms`, {
      blame: from,
    });
}

/** Returns a field of the envelope with its value in words, or that it is missing. */
const named = (field: string, value: unknown): string =>
  value === undefined ? `no ${field}` : `${field} ${shown(value)}`;

const shown = (value: unknown, longest = 80): string =>
  typeof value === 'object' ? 'something else' : String(value).slice(0, longest);

type Issue = v.BaseIssue<unknown>;

/** Returns one sentence on an issue of a form. `document`: name of the whole document. */
export function inWords(issue: Issue, document = 'the message'): string {
  const field = v.getDotPath(issue);
  if (field === null) return `${document}: ${found(issue)} found, ${expected(issue)} expected`;
  if (issue.expected === 'never') return `${field} found, which ${document} does not have here`;
  // `received` is 'undefined' for a missing field that is required.
  if (issue.received === 'undefined') return `${field} is missing`;
  return `${field}: ${found(issue)} found, ${expected(issue)} expected`;
}

/** Longer text is cut: it may be a whole message. */
const LONGEST = 40;

function found({ type, input, received }: Issue): string {
  if (type.endsWith('_length')) return `${received} ${unitOf(input)}`;
  if (input instanceof DecimalText) return input.text;
  if (typeof input === 'string') return `"${input.length > LONGEST ? `${input.slice(0, LONGEST)}…` : input}"`;
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' && input !== null ? 'an object' : String(input);
}

const unitOf = (input: unknown): string => (typeof input === 'string' ? 'characters' : 'entries');

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a whole number',
  bigint: 'a whole number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  strict_tuple: 'a list',
  record: 'an object',
  object: 'an object',
  strict_object: 'an object',
};

function expected({ type, expected: wanted, message, input }: Issue): string {
  const own = message.startsWith('Invalid ') ? undefined : message;
  const [, bound, limit] = /^([<>]=)(.*)$/.exec(wanted ?? '') ?? [];
  if (limit !== undefined)
    return `${bound === '<=' ? 'at most' : 'at least'} ${limit}${type.endsWith('_length') ? ` ${unitOf(input)}` : ''}`;
  if (type === 'picklist' && wanted) return `one of ${wanted.replace(/[()"]/g, '').split(' | ').join(', ')}`;
  return own ?? TYPES[type] ?? wanted ?? 'another form';
}
