/**
 * A file of a journal: its header, and its lines as a home of the same seed wrote them.
 *
 * The header is plain text. A mark of the seed, the home and the life of the store (`identity.ts`)
 * identify the file among others in the folder. It proves nothing else, for no key covers it.
 * Not here: writing lines, and the folder (`journal.ts`).
 */
import { hkdfSync } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Note, WalletPath } from '../protocol/action.ts';
import { parseJson, type Json } from '../protocol/json.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { isMissing, readPlain, unlessMissing } from './files.ts';
import { decrypt } from './at-rest.ts';

/** Record in the version that the commit `rev` wrote. */
export interface JournalRecord {
  kind: string;
  name: string;
  rev: number;
  record: unknown;
}
export interface JournalLine {
  /** Number of the commit; 0 for a line of mere reads. The line is empty if it wrote no record. */
  commit: number;
  /** Unix time. */
  at: number;
  records: readonly JournalRecord[];
  notes: readonly Note[];
  addresses: readonly WalletPath[];
}

const VERSION = 1;
export const ENDS = '.journal';
/** End of the name of a sealed file. A process that has it open begins another. */
export const SEALED = `.sealed${ENDS}`;
const HEADER_BEGINS = '{"type":"journal"';
export interface JournalHeader {
  type: 'journal';
  version: number;
  /** Mark of the seed, 8 bytes. */
  of: string;
  /** Salt of the key of this file, 16 random bytes. */
  salt: string;
  home: string;
  life: string;
}

export const derived = (key: Uint8Array, salt: string, what: string, bytes: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, Buffer.from(salt, 'hex'), `spillway/journal/${what}`, bytes));
export const markOf = (key: Uint8Array): string => Buffer.from(derived(key, '', 'mark', 8)).toString('hex');
/** Returns the data that a line is bound to. */
export const lineAad = (line: number): Uint8Array => Buffer.from(`line|${line}`);

/** Returns the header of a new file. */
export const headerText = (named: Pick<JournalHeader, 'of' | 'salt' | 'home' | 'life'>): string =>
  `${JSON.stringify({ type: 'journal', version: VERSION, ...named } satisfies JournalHeader)}\n`;

/** Number of bytes that are read for a header, more than any has. */
const HEADER_BYTES = 512;

/** Reads the header of a file; undefined if the file is gone or no journal. */
export function readHeader(path: string): JournalHeader | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const begin = new Uint8Array(HEADER_BYTES);
      const text = Buffer.from(begin.subarray(0, readSync(file, begin))).toString('latin1');
      if (!text.startsWith(HEADER_BEGINS) || !text.includes('\n')) return undefined;
      const header = JSON.parse(text.slice(0, text.indexOf('\n'))) as JournalHeader;
      return header.version === VERSION ? header : undefined;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Returns the files in a folder that are named as journals, oldest first; none without a folder.
 */
export function filesIn(dir: string): string[] {
  const all = unlessMissing(() => readdirSync(dir, { withFileTypes: true })) ?? [];
  return all
    .filter((entry) => entry.isFile() && entry.name.endsWith(ENDS))
    .map(({ name }) => join(dir, name))
    .sort();
}

export interface JournalFile {
  lines: readonly JournalLine[];
  /** True if the last line is not whole: its process died over it, or the file was cut. */
  cut: boolean;
  /** Home that wrote it. */
  home?: string;
}

/**
 * Reads a file with the key of a home.
 * @throws Refusal `no-input`, `malformed` for another file, `unknown-version`, `journal-foreign`,
 * `journal-altered`
 */
export function readJournal(path: string, key: Uint8Array): JournalFile {
  const [first, ...rest] = textOf(path).split('\n');
  if (rest.length === 0 && HEADER_BEGINS.startsWith(first!.slice(0, HEADER_BEGINS.length)))
    return { lines: [], cut: true };
  const { salt, home } = headerOf(first!, path, key);
  // A power cut may leave zeros where the end was.
  const cut = rest.pop() !== '' || (rest.at(-1)?.includes('\0') ?? false);
  if (rest.at(-1)?.includes('\0')) rest.pop();
  const fileKey = derived(key, salt, 'file', 32);
  const lines = rest.map((text, i): JournalLine => {
    try {
      const plain = decrypt(Buffer.from(text, 'base64'), lineAad(i + 1), fileKey);
      return parseJson(Buffer.from(plain).toString()) as unknown as JournalLine;
    } catch {
      throw new Refusal('journal-altered', `line ${i + 2} of ${path} was altered, or one before it is missing`, {
        hint: `bring the file from another copy of the journal; without one, its lines before that: head -n ${i + 1}`,
      });
    }
  });
  return { lines, cut, home };
}

function textOf(path: string): string {
  try {
    return readPlain(path, 'latin1');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function headerOf(line: string, path: string, key: Uint8Array): JournalHeader {
  let found: Json = null;
  try {
    found = parseJson(line);
  } catch {
    // The check below reports what was expected.
  }
  const header = (found ?? {}) as unknown as Partial<JournalHeader>;
  if (header.type !== 'journal' || !/^[0-9a-f]{32}$/.test(String(header.salt)))
    throw new Refusal('malformed', `${path} is no journal of a home`);
  if (header.version !== VERSION)
    throw new Refusal('unknown-version', `${path} has version ${String(header.version)}, ${VERSION} expected`);
  if (header.of !== markOf(key))
    throw new Refusal('journal-foreign', `${path} is the journal of another home than this one`);
  return header as JournalHeader;
}
