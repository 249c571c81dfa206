/**
 * Runner of every decoder: reads a transaction (hex, PSBT or JSON, or one a line), finds its
 * parents, decodes and prints. A decoder is pure: what it misses is fetched here, or named.
 * Not here: protocols (`lib/assets`), the flags of single decoders.
 */
import type { Decoded } from '../../lib/assets/document.ts';
import { subjectOfJson, type DecodeSubject } from '../../lib/assets/subject.ts';
import type { Parents } from '../../lib/assets/trace.ts';
import type { Tx } from '../../lib/assets/transaction.ts';
import { parseJson, printJson, type Json } from '../../lib/protocol/json.ts';
import { allows, type Limits } from '../../lib/protocol/limit.ts';
import { errorObject, failureOf } from '../../lib/engine/failure.ts';
import { arg, switchFlag, type Values } from '../../lib/cli/flags.ts';
import { openInput, readInput } from '../../lib/cli/input.ts';
import { groupsOf, type InputLine } from '../../lib/cli/lines.ts';
import { fastJson, print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { sniff } from '../../lib/engine/sniff.ts';
import { PARENTS, parentSource, sourceFlags, type Fetch, type SourceValues } from './parents.ts';

export const decodeFlags = {
  ...sourceFlags,
  batch: switchFlag('Read one transaction a line (hex, PSBT or JSON), write one document a line'),
  'emit-missing': switchFlag('Print only the ids of parents that are needed, one a line', PARENTS),
};

/** Arguments, flags and exit codes of all decoders of protocols with parents. */
export const decoderTable = {
  args: { file: arg('The transaction: hex, PSBT, or {"tx":hex,"prev":{txid:hex}} (default: stdin)') },
  flags: decodeFlags,
  exits: [0, 2, 3, 65, 66, 69, 70],
} as const;

type DecodeValues = Values<typeof decodeFlags>;

/** Part of every answer of a decoder: the parents that it still needs. */
export type Answer = Pick<Decoded, 'missing'>;
/** Decodes transactions that share parents: what was traced for one is known for the next. */
export interface Decoder<A extends Answer = Answer> {
  /** Decodes as far as parents are known; called again after each that was fetched. */
  decode(tx: Tx): A;
  /** Returns the text to be printed, where it is not the document itself. */
  show?(document: A, tx: Tx): string;
}

/** Answers, by field, to a line of a batch that is no transaction but `{field: hex}`. */
export type Asides = { readonly [field: string]: (hex: string) => object };

/** Reads one input, or each line of a batch, and prints what a decoder makes of it. */
export async function decode<A extends Answer>(
  flags: DecodeValues,
  file: string | undefined,
  make: (parents: Parents) => Decoder<A>,
  asides: Asides = {},
): Promise<void> {
  const { shared, fetch } = await parentSource(flags);
  const common = make(shared);
  const over = (parents: Parents): Decoder<A> => (parents === shared ? common : make(parents));
  if (flags.batch) return batch(await openInput(file), flags, shared, over, fetch, asides);
  const { tx, parents } = await readSubject(flags, file, shared);
  const decoder = over(parents);
  const document = await fetching(parents, () => decoder.decode(tx), fetch);
  if (flags.emitMissing) {
    if (document.missing.length > 0) await print(document.missing.join('\n'));
  } else await print(decoder.show?.(document, tx) ?? printJson(document));
  process.exitCode = document.missing.length > 0 ? 3 : 0;
}

/** Decodes and fetches missing parents, until none is missing or the node has none of them. */
export async function fetching<A extends Answer>(
  parents: Parents,
  look: () => A,
  fetch: Fetch | undefined,
): Promise<A> {
  let found = look();
  while (fetch && found.missing.length > 0) {
    const { missing } = found;
    const fetched = await Promise.all(missing.map(fetch));
    if (fetched.every((bytes) => bytes === undefined)) break;
    fetched.forEach((bytes, i) => bytes && parents.add(bytes, missing[i]!));
    found = look();
  }
  return found;
}

/** Reads a transaction with its own parents, and those that all share. */
export async function readSubject(
  flags: Pick<SourceValues, 'maxInput'>,
  file: string | undefined,
  shared: Parents,
): Promise<DecodeSubject> {
  return subjectFrom(await readInput(file, flags.maxInput), flags.maxInput, shared);
}

const unknownField = (field: string): void => note(`field ${JSON.stringify(field)} is not known and was ignored`);

function subjectFrom(bytes: Uint8Array, limit: number, shared: Parents): DecodeSubject | Promise<DecodeSubject> {
  const input = sniff(bytes, { transaction: true });
  if (input.form === 'json') return subjectOfJson(parseJson(input.text), unknownField, shared);
  if (input.form === 'transaction') return { tx: shared.read(input.bytes), parents: shared };
  return fromPsbt(input.bytes, limit, shared);
}

async function fromPsbt(bytes: Uint8Array, limit: number, shared: Parents): Promise<DecodeSubject> {
  const [{ readPsbt }, { subjectOfPsbt }] = await Promise.all([
    import('../../lib/bitcoin/psbt.ts'),
    import('../../lib/assets/psbt.ts'),
  ]);
  return subjectOfPsbt(readPsbt(Buffer.from(bytes).toString('base64'), { longest: limit * 2 }), shared);
}

/** Object of one field in hex, read without a parser. */
const ONE_FIELD = /^\{"([a-z]+)": ?"([0-9a-f]*)"\}$/;

/** Returns the answer to a document that is no transaction; undefined where it may be one. */
function answerAside(json: Json, asides: Asides): object | undefined {
  for (const [field, answer] of Object.entries(asides)) {
    const hex = (json as { [field: string]: Json } | null)?.[field];
    if (typeof hex === 'string') return answer(hex);
  }
  return undefined;
}

export const BATCH_LIMITS = {
  /** Size of the answers that are held back for one write. */
  held: { unit: 'characters', most: 65_536 },
} satisfies Limits;

async function batch(
  from: AsyncIterable<Uint8Array>,
  flags: DecodeValues,
  shared: Parents,
  over: (parents: Parents) => Decoder,
  fetch: Fetch | undefined,
  asides: Asides,
): Promise<void> {
  let first: number | undefined;
  let held = '';
  const flush = async (): Promise<void> => {
    const text = held;
    held = '';
    if (text !== '') await print(text);
  };
  const text = (document: Answer): string => {
    const { missing } = document;
    if (missing.length > 0) first ??= 3;
    return flags.emitMissing ? missing.map((txid) => `${txid}\n`).join('') : `${fastJson(document)}\n`;
  };
  const decoded = ({ tx, parents }: DecodeSubject): string | Promise<string> => {
    const decoder = over(parents);
    return fetch ? fetching(parents, () => decoder.decode(tx), fetch).then(text) : text(decoder.decode(tx));
  };
  /** Returns the answer to a line: a document, or ids that are missing. */
  const answer = (line: InputLine): string | Promise<string> => {
    if ('refusal' in line) throw line.refusal;
    const [, field = '', hex = ''] = (line.text.endsWith('"}') && ONE_FIELD.exec(line.text)) || [];
    if (Object.hasOwn(asides, field)) return `${fastJson(asides[field]!(hex))}\n`;
    const json = /^\s*[{["]/.test(line.text) ? parseJson(line.text) : undefined;
    const known = json === undefined ? undefined : answerAside(json, asides);
    if (known) return `${fastJson(known)}\n`;
    const subject =
      json === undefined
        ? subjectFrom(Buffer.from(line.text), flags.maxInput, shared)
        : subjectOfJson(json, unknownField, shared);
    return subject instanceof Promise ? subject.then(decoded) : decoded(subject);
  };
  for await (const lines of groupsOf(from, flags.maxInput)) {
    for (const line of lines) {
      try {
        const text = answer(line);
        held += typeof text === 'string' ? text : await text;
      } catch (error) {
        const failure = failureOf(error);
        held += `${printJson(errorObject(failure))}\n`;
        first ??= failure.exit;
      }
      if (fetch || !allows(BATCH_LIMITS.held, held.length)) await flush();
    }
    await flush();
  }
  process.exitCode = first ?? 0;
}
