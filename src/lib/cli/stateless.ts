/**
 * Runner of commands that store nothing: a JSON document in, one out; with `--batch` a line each.
 * Fields that a command does not know are ignored with a warning. Not here: what is done to them.
 */
import { Fields } from '../protocol/document.ts';
import { parseJson, printJson, type Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { MESSAGE_LIMIT } from '../protocol/message.ts';
import { note } from '../engine/log.ts';
import { beginning, sniff } from '../engine/sniff.ts';
import { countFlag, switchFlag } from './flags.ts';
import { openInput, readInput } from './input.ts';
import { answerLines } from './lines.ts';
import { print } from './output.ts';
import { secretFlags } from './secrets.ts';

export const batchFlag = switchFlag('Read and write one document a line (NDJSON)');

/** The key of this node, for commands that decrypt. */
export const nodeKeyFlags = secretFlags('key', "The node's secret key");
/** Bytes of one document at most, where documents are large. */
export const maxInputFlag = countFlag('Bytes of input at most', [1], { helpValue: 'BYTES', default: 256_000_000 });
export const secretsFlag = switchFlag('Also print shared secrets');

export interface StatelessInput {
  file: string | undefined;
  batch?: boolean;
  /** Bytes of one document at most. */
  limit?: number;
  /** Reads a text other than JSON; undefined if it cannot. */
  raw?: (text: string) => Json | undefined;
}
/** Document that needs another step: it is printed, and the run exits with 3. */
export class Unfinished {
  readonly document: object;
  constructor(document: object) {
    this.document = document;
  }
}
/** Text is printed unchanged, an object as JSON. */
export type StatelessWork = (document: Fields) => object | string | Promise<object | string>;

/**
 * Runs a stateless command on its input and prints the result. Sets the exit code of a batch.
 * @throws Refusal whatever `work` refuses
 */
export async function runStateless(
  { file, batch = false, raw, limit = MESSAGE_LIMIT }: StatelessInput,
  work: StatelessWork,
): Promise<void> {
  const warned = new Set<string>();
  const one = async (json: Json): Promise<{ text: string; exit: number }> => {
    const unread: string[] = [];
    const made = await work(new Fields(json, '', unread));
    // Of a list, and of a stream, each name once.
    const names = unread.map((name) => name.replace(/\[\d+\]/g, '[]')).filter((name) => !warned.has(name));
    const fresh = [...new Set(names)].slice(0, 100 - warned.size);
    fresh.forEach((name) => warned.add(name));
    if (fresh.length > 0) note(`not known, and ignored: ${fresh.join(', ')}`);
    if (made instanceof Unfinished) return { text: printJson(made.document), exit: 3 };
    return { text: typeof made === 'string' ? made : printJson(made), exit: 0 };
  };
  if (!batch) {
    const { text, exit } = await one(await document(file, raw, limit));
    await print(text);
    if (exit !== 0) process.exitCode = exit;
    return;
  }
  const each = (line: string) => one(raw?.(line.trim()) ?? parseJson(line));
  await answerLines(await openInput(file), each, limit);
}

/** Reads a second document of a run. @throws Refusal as `runStateless` */
export const readDocument = async (file: string | undefined, limit = MESSAGE_LIMIT): Promise<Fields> =>
  new Fields(await document(file, undefined, limit));

/** @throws Refusal `malformed`, `malformed-json` */
async function document(file: string | undefined, raw: StatelessInput['raw'], limit: number): Promise<Json> {
  const bytes = await readInput(file, limit);
  const text = Buffer.from(bytes).toString('latin1').trim();
  const found = raw?.(text);
  if (found !== undefined) return found;
  if (/^[^{[\u0080-\u00ff]/.test(text))
    throw new Refusal('malformed', `${beginning(bytes)} found, a JSON document expected`);
  const input = sniff(bytes);
  // A PSBT begins with a letter or a digit in each of its forms.
  if (input.form !== 'json') throw new Refusal('bug', 'a PSBT passed for the start of a JSON document');
  return parseJson(input.text);
}
