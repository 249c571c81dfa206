/**
 * The journal of a home: what its commits wrote, appended outside the store after each commit and synced before anything is
 * printed. A home that was restored from a backup learns from it what came after the backup (`reconcile.ts`).
 *
 * A process writes one file, made with its first line; beside the home (HOME.journal) unless told otherwise, best on another
 * disk. Each file is text: a header, then a line a commit, encrypted (AES-256-GCM, key from the seed, bound to the number of
 * the line), for an old finished update is worth money to its payer. So a line that was altered, moved or taken from the
 * middle is noticed; what is missing at the end of a file is not.
 *
 * A line holds whole records as the commit wrote them, and the versions of others that the process has read before: so what
 * is shown to anybody is in the journal even where the process that wrote it died between its commit and its line.
 * Open nonces are in no line. Not here: merging lines into a store (`reconcile.ts`).
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Note, WalletPath } from '../protocol/action.ts';
import { canonicalJson, parseJson, type Json } from '../protocol/json.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { isMissing, readPlain, syncDirectory, syncParent, writePrivate } from './files.ts';
import { lock, unlock } from './nonce-box.ts';

/** Where a home's journal lies unless told otherwise. */
export const journalBeside = (home: string): string => `${home.replace(/\/+$/, '')}.journal`;

/** A record as the commit `rev` wrote it. */
export interface JournalRecord {
  kind: string;
  name: string;
  rev: number;
  record: unknown;
}
export interface JournalLine {
  /** Of the commit; 0 where only what was read is in it. */
  commit: number;
  /** Unix time. */
  at: number;
  records: readonly JournalRecord[];
  notes: readonly Note[];
  addresses: readonly WalletPath[];
}

const VERSION = 1;
/** A file as old as this, or as large, is followed by another, so that a backup soon covers it. */
const ROTATE_MS = 24 * 3_600_000;
const ROTATE_BYTES = 64_000_000;
/** Versions that a process remembers to have written: more would only be written twice. */
const REMEMBERED = 20_000;

const ENDS = '.journal';
/** Sealed by a backup: whoever has it open begins another. */
const SEALED = `.sealed${ENDS}`;
const HEADER_BEGINS = '{"type":"journal"';
interface Header {
  type: 'journal';
  version: number;
  /** Tells journals of other seeds apart, 8 bytes. */
  of: string;
  /** 16 random bytes: every file has its own key. */
  salt: string;
}

const derived = (key: Uint8Array, salt: string, what: string, bytes: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, Buffer.from(salt, 'hex'), `spillway/journal/${what}`, bytes));
const markOf = (key: Uint8Array): string => Buffer.from(derived(key, '', 'mark', 8)).toString('hex');
const place = (line: number): Uint8Array => Buffer.from(`line|${line}`);

export interface JournalOptions {
  dir: string;
  /** 32 bytes. */
  key: () => Promise<Uint8Array>;
  point?: ((label: string) => void) | undefined;
}

interface OpenFile {
  path: string;
  /** A number, not a FileHandle: a process may end without closing it. */
  fd: number;
  key: Uint8Array;
  lines: number;
  bytes: number;
  since: number;
}

export class Journal {
  readonly dir: string;
  readonly #key: () => Promise<Uint8Array>;
  readonly #point: (label: string) => void;
  #file: OpenFile | undefined;
  #opening: Promise<OpenFile> | undefined;
  /** Newest version of each record that is in this process's files, or on its way there. */
  readonly #versions = new Map<string, number>();
  /** Versions and notes that were read and are in none of them. */
  readonly #read = new Map<string, JournalRecord | Note>();
  #lines: JournalLine[] = [];
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor({ dir, key, point }: JournalOptions) {
    this.dir = dir;
    this.#key = key;
    this.#point = point ?? (() => {});
  }

  /** Remembers what was read: it is written with the next line, unless that has a newer version. */
  saw(thing: JournalRecord | Note): void {
    const id = idOf(thing);
    if ((this.#versions.get(id) ?? -1) < revOf(thing)) this.#read.set(id, thing);
  }

  /** Before a commit: it can be followed by its line. @throws Refusal `cannot-write` */
  async ready(): Promise<void> {
    if (this.#file === undefined) await this.#guard(async () => void (await this.#open()));
  }

  /** The line of a commit, written and synced. @throws Refusal `cannot-write`, and keeps the line for the next try */
  async append(line: Omit<JournalLine, 'at'>): Promise<void> {
    const { records, notes, addresses } = line;
    for (const thing of [...records, ...notes]) {
      const read = this.#read.get(idOf(thing));
      if (read && revOf(read) <= revOf(thing)) this.#read.delete(idOf(thing));
      this.#remember(thing);
    }
    if (records.length + notes.length + addresses.length > 0) this.#lines.push({ ...line, at: now() });
    await this.flush();
  }

  /** All that was read or could not be written yet. Whoever comes while a sync is under way shares the next. */
  async flush(): Promise<void> {
    if (this.#lines.length + this.#read.size === 0) return this.#writing;
    this.#next ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return (this.#writing = this.#guard(() => this.#write()));
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    const read = [...this.#read.values()];
    const lines = [...this.#lines];
    if (read.length > 0)
      lines.push({
        commit: 0,
        at: now(),
        records: read.filter((thing) => 'rev' in thing),
        notes: read.filter((thing): thing is Note => !('rev' in thing)),
        addresses: [],
      });
    if (lines.length === 0) return;
    const file = await this.#current();
    const text = lines.map((line) => {
      file.lines += 1;
      return `${Buffer.from(lock(Buffer.from(canonicalJson(line)), place(file.lines), file.key)).toString('base64')}\n`;
    });
    try {
      const bytes = Buffer.from(text.join(''));
      for (let done = 0; done < bytes.length;) done += (await written(file.fd, bytes, done)).bytesWritten;
      file.bytes += bytes.length;
      this.#point('in-journal');
      await synced(file.fd);
    } catch (error) {
      // What of it is on disk nobody knows: the file ends here, and the lines come again in another.
      this.#file = undefined;
      closeSync(file.fd);
      throw error;
    }
    // A backup that began meanwhile may tell that this file can go: then the lines go into one that it does not know.
    if (!existsSync(file.path)) return this.#write();
    this.#lines = this.#lines.filter((line) => !lines.includes(line));
    for (const thing of read) {
      if (this.#read.get(idOf(thing)) === thing) this.#read.delete(idOf(thing));
      this.#remember(thing);
    }
  }

  #remember(thing: JournalRecord | Note): void {
    const id = idOf(thing);
    const rev = Math.max(revOf(thing), this.#versions.get(id) ?? 0);
    this.#versions.delete(id);
    this.#versions.set(id, rev);
    if (this.#versions.size > REMEMBERED) this.#versions.delete(this.#versions.keys().next().value!);
  }

  /** The file to write to: not one that was removed or sealed, or is full. */
  async #current(): Promise<OpenFile> {
    const file = this.#file;
    if (file) {
      const worn = file.bytes > ROTATE_BYTES || performance.now() - file.since > ROTATE_MS;
      if (!worn && existsSync(file.path)) return file;
      this.#file = undefined;
      closeSync(file.fd);
    }
    return this.#open();
  }

  /** A new file: one, also for those that ask for it at the same time. */
  #open(): Promise<OpenFile> {
    this.#opening ??= this.#begin()
      .then((file) => (this.#file = file))
      .finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #begin(): Promise<OpenFile> {
    const home = await this.#key();
    if (mkdirSync(this.dir, { recursive: true, mode: 0o700 }) !== undefined) syncParent(this.dir);
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const path = join(this.dir, `${time}-${randomBytes(6).toString('hex')}${ENDS}`);
    const salt = randomBytes(16).toString('hex');
    const header: Header = { type: 'journal', version: VERSION, of: markOf(home), salt };
    writePrivate(path, `${JSON.stringify(header)}\n`);
    syncDirectory(this.dir);
    let fd: number;
    try {
      fd = openSync(path, constants.O_WRONLY | constants.O_APPEND);
    } catch (error) {
      if (isMissing(error)) return this.#begin(); // sealed already
      throw error;
    }
    const bytes = fstatSync(fd).size;
    const key = derived(home, salt, 'file', 32);
    return { path, fd, key, lines: 0, bytes, since: performance.now() };
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal('cannot-write', `the journal in ${this.dir} cannot be written: ${(error as Error).message}`, {
        hint: 'run the same command again with --journal-dir DIR: it prints only once the journal has it',
      });
    }
  }

  /**
   * Ends all files of this home, before a backup reads the store. What was written into one, and not once more into another,
   * was committed before: a process that writes looks afterwards whether its file was sealed.
   * @returns the files that are ended, oldest first: the backup holds every line of them
   * @throws Refusal `cannot-write`
   */
  async seal(): Promise<string[]> {
    let sealed: string[] = [];
    await this.#guard(async () => {
      for (const path of (await this.files()).filter((path) => !path.endsWith(SEALED)))
        unlessGone(() => renameSync(path, path.slice(0, -ENDS.length) + SEALED));
      sealed = (await this.files()).filter((path) => path.endsWith(SEALED));
    });
    return sealed;
  }

  /** All files of this home in the folder, oldest first. */
  async files(): Promise<string[]> {
    if (!existsSync(this.dir)) return [];
    const begins = `${HEADER_BEGINS},"version":${VERSION},"of":"${markOf(await this.#key())}"`;
    return readdirSync(this.dir, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(ENDS))
      .map(({ name }) => join(this.dir, name))
      .filter((path) => unlessGone(() => beginOf(path, begins.length)) === begins)
      .sort();
  }

  /** But for the one that this process writes. */
  async others(): Promise<string[]> {
    return (await this.files()).filter((path) => path !== this.#file?.path);
  }

  /** After what is being written. */
  close(): void {
    void this.#writing
      .catch(() => {})
      .then(() => {
        if (this.#file) closeSync(this.#file.fd);
        this.#file = undefined;
      });
  }
}

/** undefined where the file is gone: another backup has sealed it, or its owner removed it. */
function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const written = promisify(write<Buffer>);
const synced = promisify(fdatasync);
const idOf = (thing: JournalRecord | Note): string => ('rev' in thing ? `${thing.kind} ${thing.name}` : thing.name);
/** A note has one version. */
const revOf = (thing: JournalRecord | Note): number => ('rev' in thing ? thing.rev : 0);
const now = (): number => Math.floor(Date.now() / 1000);

export interface JournalFile {
  lines: readonly JournalLine[];
  /** The last line is not whole: its process died over it, or the file was cut. */
  cut: boolean;
}

/**
 * Reads a file as a home of these keys wrote it.
 * @throws Refusal `no-input`, `malformed` for another file, `unknown-version`, `journal-foreign`, `journal-altered`
 */
export function readJournal(path: string, key: Uint8Array): JournalFile {
  const [first, ...rest] = textOf(path).split('\n');
  if (rest.length === 0 && HEADER_BEGINS.startsWith(first!.slice(0, HEADER_BEGINS.length)))
    return { lines: [], cut: true };
  const { salt } = headerOf(first!, path, key);
  // A power cut may leave zeros where the end was.
  const cut = rest.pop() !== '' || (rest.at(-1)?.includes('\0') ?? false);
  if (rest.at(-1)?.includes('\0')) rest.pop();
  const fileKey = derived(key, salt, 'file', 32);
  const lines = rest.map((text, i): JournalLine => {
    try {
      const plain = unlock(Buffer.from(text, 'base64'), place(i + 1), fileKey);
      return parseJson(Buffer.from(plain).toString()) as unknown as JournalLine;
    } catch {
      throw new Refusal('journal-altered', `line ${i + 2} of ${path} was altered, or one before it is missing`, {
        hint: `bring the file from another copy of the journal; without one, its lines before that: head -n ${i + 1}`,
      });
    }
  });
  return { lines, cut };
}

function beginOf(path: string, bytes: number): string {
  const file = openSync(path, 'r');
  try {
    const begin = new Uint8Array(bytes);
    return Buffer.from(begin.subarray(0, readSync(file, begin))).toString('latin1');
  } finally {
    closeSync(file);
  }
}

function textOf(path: string): string {
  try {
    return readPlain(path, 'latin1');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function headerOf(line: string, path: string, key: Uint8Array): Header {
  let found: Json = null;
  try {
    found = parseJson(line);
  } catch {
    // Says below what was expected.
  }
  const header = (found ?? {}) as unknown as Partial<Header>;
  if (header.type !== 'journal' || !/^[0-9a-f]{32}$/.test(String(header.salt)))
    throw new Refusal('malformed', `${path} is no journal of a home`);
  if (header.version !== VERSION)
    throw new Refusal('unknown-version', `${path} has version ${String(header.version)}, ${VERSION} expected`);
  if (header.of !== markOf(key))
    throw new Refusal('journal-foreign', `${path} is the journal of another home than this one`);
  return header as Header;
}
