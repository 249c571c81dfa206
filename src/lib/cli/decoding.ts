/**
 * The one runner of every decoder: read a transaction (hex, PSBT, JSON, or a line of each with `--batch`), find its
 * parents, decode, print. Decoders are pure and stand still where a parent is missing; here it is fetched, or named.
 * Not here: protocols (`assets/`), the flags of single decoders (`commands/`).
 */
import * as Flags from '@oclif/core/flags';
import type { Decoded } from '../assets/document.ts';
import { ofJson, ofPsbt, type Subject } from '../assets/subject.ts';
import type { Parents } from '../assets/trace.ts';
import { readTx } from '../assets/transaction.ts';
import { NETWORKS, type Network } from '../bitcoin/network.ts';
import { readPsbt } from '../bitcoin/psbt.ts';
import { parseJson, printJson, type Json } from '../protocol/json.ts';
import { BaseCommand } from './base.ts';
import { errorObject, failureOf } from './errors.ts';
import { chainFlags } from './flags.ts';
import { openInput, readInput } from './input.ts';
import { linesOf } from './lines.ts';
import { note, print } from './output.ts';
import { parentSource, type Fetch } from './parents.ts';
import { sniff } from './sniff.ts';

export const DECODER_LIMIT = 256_000_000;
const group = 'PARENTS';

export const inputFlags = {
  network: Flags.option({ options: NETWORKS, default: 'mainnet' as const })({
    summary: 'For the forms of addresses and asset ids',
  }),
  'max-input': Flags.integer({
    summary: 'Read at most so many bytes',
    default: DECODER_LIMIT,
    min: 1,
    helpValue: 'BYTES',
  }),
};
export const parentFlags = {
  prev: Flags.string({
    summary: 'Parent transactions: a file with one a line (hex or JSON), or a folder of TXID.hex',
    helpValue: 'FILE|DIR',
    helpGroup: group,
    multiple: true,
    multipleNonGreedy: true,
  }),
  'prev-fd': Flags.integer({
    summary: 'Parent transactions on this file descriptor, one a line',
    min: 0,
    helpValue: 'N',
    helpGroup: group,
  }),
  chain: chainFlags.chain,
  'chain-cookie': chainFlags['chain-cookie'],
};
export const decodeFlags = {
  ...inputFlags,
  ...parentFlags,
  batch: Flags.boolean({ summary: 'Read one transaction a line (hex, PSBT or JSON), write one document a line' }),
  'emit-missing': Flags.boolean({
    summary: 'Print only the ids of parents that are needed, one a line',
    helpGroup: group,
  }),
};

export interface DecodeValues {
  network: Network;
  'max-input': number;
  prev?: string[] | undefined;
  'prev-fd'?: number | undefined;
  chain?: string | undefined;
  'chain-cookie'?: string | undefined;
  batch?: boolean;
  'emit-missing'?: boolean;
}

/** What every answer of a decoder has: the parents that it still needs. */
export type Answer = Pick<Decoded, 'missing'>;
/** One transaction's decoder: asked again after each parent that was fetched. */
export type Decoder<A extends Answer = Answer> = (subject: Subject) => A;

/** One decoder for all transactions that share parents: what was traced for one is known for the next. */
export function perParents<D>(make: (parents: Parents) => D): (subject: Subject) => D {
  const made = new WeakMap<Parents, D>();
  return ({ parents }) => {
    const known = made.get(parents) ?? make(parents);
    made.set(parents, known);
    return known;
  };
}

/** Answers a line of a batch that is no transaction; undefined where it is one. */
export type Aside = (json: Json) => object | undefined;

export abstract class DecodeCommand extends BaseCommand {
  /** Reads one input, or each line of a batch, and prints what `decoder` makes of it. */
  protected async decode<A extends Answer>(
    flags: DecodeValues,
    file: string | undefined,
    decoder: Decoder<A>,
    aside: Aside = () => undefined,
    show: (document: A, subject: Subject) => string = (document) => printJson(document),
  ): Promise<void> {
    const source = await parentSource(flags);
    const run = async (subject: Subject): Promise<A> => {
      const first = decoder(subject);
      return first.missing.length > 0 && source.fetch ? fetching(subject, decoder, first, source.fetch) : first;
    };
    if (flags.batch) return batch(await openInput(file), flags, source.shared, source.fetch ? run : decoder, aside);
    const subject = await readSubject(flags, file, source.shared);
    const document = await run(subject);
    if (flags['emit-missing']) {
      if (document.missing.length > 0) await print(document.missing.join('\n'));
    } else await print(show(document, subject));
    process.exitCode = document.missing.length > 0 ? 3 : 0;
  }
}

/** Fetches what is missing until nothing is, or the node knows it as little. */
export async function fetching<A extends Answer>(
  subject: Subject,
  decoder: Decoder<A>,
  first: A,
  fetch: Fetch,
): Promise<A> {
  let document = first;
  while (document.missing.length > 0) {
    const found = await Promise.all(document.missing.map(fetch));
    if (found.every((bytes) => bytes === undefined)) return document;
    found.forEach((bytes, i) => bytes && subject.parents.add(bytes, document.missing[i]!));
    document = decoder(subject);
  }
  return document;
}

/** A transaction from a file or stdin, with the parents that come with it and those that all share. */
export async function readSubject(
  flags: Pick<DecodeValues, 'max-input'>,
  file: string | undefined,
  shared: Parents,
): Promise<Subject> {
  return subjectFrom(await readInput(file, flags['max-input']), flags['max-input'], shared);
}

const unknownField = (field: string): void => note(`field ${JSON.stringify(field)} is not known and was ignored`);

function subjectFrom(bytes: Uint8Array, limit: number, shared: Parents): Subject {
  const input = sniff(bytes, { transaction: true });
  if (input.form === 'json') return ofJson(parseJson(input.text), unknownField, shared);
  if (input.form === 'transaction') return { tx: readTx(input.bytes), parents: shared };
  return ofPsbt(readPsbt(Buffer.from(input.bytes).toString('base64'), { longest: limit * 2 }), shared);
}

/** As `printJson`, by the engine where it can: it refuses only the bigint of an absurd amount. */
function fastJson(document: object): string {
  try {
    return JSON.stringify(document);
  } catch {
    return printJson(document);
  }
}

/** An object of one field in hex, as most lines are, needs no parser. */
const ONE_FIELD = /^\{"(tx|marker|script|payload)": ?"([0-9a-f]*)"\}$/;

/** As many characters as one write takes; a stream that waits for its input gets each line at once all the same. */
const CHUNK = 65_536;

async function batch(
  from: AsyncIterable<Uint8Array>,
  flags: DecodeValues,
  shared: Parents,
  run: (subject: Subject) => Answer | Promise<Answer>,
  aside: Aside,
): Promise<void> {
  let first: number | undefined;
  let held = '';
  let writing: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => {
    const text = held;
    held = '';
    if (text !== '') writing = writing.then(() => print(text));
    return writing;
  };
  let waiting: NodeJS.Immediate | undefined;
  const put = (text: string): void => {
    held += `${text}\n`;
    waiting ??= setImmediate(() => {
      waiting = undefined;
      void flush();
    });
  };
  for await (const line of linesOf(from, flags['max-input'])) {
    try {
      if ('refusal' in line) throw line.refusal;
      const one = ONE_FIELD.exec(line.text);
      const json = one ? { [one[1]!]: one[2]! } : /^\s*[{["]/.test(line.text) ? parseJson(line.text) : undefined;
      const answer = json === undefined ? undefined : aside(json);
      if (answer) put(fastJson(answer));
      else {
        const subject =
          json === undefined
            ? subjectFrom(Buffer.from(line.text), flags['max-input'], shared)
            : ofJson(json, unknownField, shared);
        const answered = run(subject);
        const document = answered instanceof Promise ? await answered : answered;
        if (document.missing.length > 0) first ??= 3;
        if (!flags['emit-missing']) put(fastJson(document));
        else if (document.missing.length > 0) put(document.missing.join('\n'));
      }
    } catch (error) {
      const failure = failureOf(error);
      put(printJson(errorObject(failure)));
      first ??= failure.exit;
    }
    if (held.length > CHUNK) await flush();
  }
  await flush();
  process.exitCode = first ?? 0;
}
