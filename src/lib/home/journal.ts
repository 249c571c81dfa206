/**
 * The journal of a home: what its commits wrote, appended outside the store after each commit and
 * synced before printing. From it, a home restored from a backup learns what came after the backup
 * (`reconcile.ts`).
 *
 * A process writes one file, made with its first line, by default in HOME.journal next to the home,
 * best on another disk. Each file is text: a header (`journal-file.ts`), then a line for each
 * commit. Lines are encrypted, since an old finished update is worth money to its payer:
 * AES-256-GCM, key from the seed, bound to the line's number. A line altered, moved or taken from
 * the middle is detected; lines missing at the end of a file are not.
 *
 * A line holds whole records as the commit wrote them, and the versions of others that the process
 * read before. Everything shown to anybody is therefore in the journal, even if its writer died
 * between its commit and its line. No line holds open nonces.
 * Not here: merging lines into a store (`reconcile.ts`).
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  write,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Note, WalletPath } from '../protocol/action.ts';
import { canonicalJson } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { refuseWritable, syncDirectory, syncParent, unlessMissing } from './files.ts';
import {
  derived,
  ENDS,
  filesIn,
  headerText,
  markOf,
  lineAad,
  readHeader,
  SEALED,
  type JournalLine,
  type JournalRecord,
} from './journal-file.ts';
import { encrypt } from './at-rest.ts';

export { readJournal, type JournalLine, type JournalRecord } from './journal-file.ts';

/** Returns the default journal folder of a home. */
export const journalBeside = (home: string): string => `${home.replace(/\/+$/, '')}.journal`;

export const JOURNAL_HINT = 'run the same command again with --journal-dir DIR: it prints only once the journal has it';

const WORN = { ms: 24 * 3_600_000, bytes: 64_000_000 };
type Worn = typeof WORN;
export const JOURNAL_LIMITS = {
  /** Age and size at which a new file is begun, so that a backup soon covers the old one. */
  age: { unit: 'milliseconds', most: ({ ms }: Worn = WORN) => ms },
  size: { unit: 'bytes', most: ({ bytes }: Worn = WORN) => bytes },
  /** Number of written versions that a process remembers. A forgotten one is only written twice. */
  remembered: { unit: 'items', most: 20_000 },
} satisfies Limits;

export interface JournalOptions {
  dir: string;
  /** Id of the home that writes. */
  home: string;
  /** 32 bytes. */
  key: () => Promise<Uint8Array>;
  point?: ((label: string) => void) | undefined;
  worn?: Worn;
  /** Called when an old file is followed by a new one. Never rejects. */
  daily?: () => Promise<void>;
}

interface OpenFile {
  path: string;
  /** File descriptor. A number, not a FileHandle, because a process may end without closing it. */
  fd: number;
  key: Uint8Array;
  lines: number;
  bytes: number;
  since: number;
}

export interface FoundFile {
  path: string;
  /** Writer: this life of the store, an earlier life or copy, or another home of these words. */
  by: 'this' | 'lost' | 'another';
}

export class Journal {
  readonly dir: string;
  readonly #home: string;
  /** Life of the store that it follows (`identity.ts`). */
  #life = '';
  readonly #key: () => Promise<Uint8Array>;
  readonly #point: (label: string) => void;
  readonly #worn: Worn;
  readonly #daily: () => Promise<void>;
  #file: OpenFile | undefined;
  #opening: Promise<OpenFile> | undefined;
  /** Newest version of each record that this process has written, or is writing. */
  readonly #versions = new Map<string, number>();
  /** Versions, notes and addresses that were read from the store and not written yet. */
  readonly #read = new Map<string, JournalEntry>();
  #lines: JournalLine[] = [];
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor({ dir, home, key, point, worn = WORN, daily = async () => {} }: JournalOptions) {
    this.dir = dir;
    this.#home = home;
    this.#key = key;
    this.#point = point ?? (() => {});
    this.#worn = worn;
    this.#daily = daily;
  }

  /** Sets the life of the store that writes from now on. */
  follow(life: string): void {
    this.#life = life;
  }

  /** Remembers a version that was read. The next line holds it, unless a newer one was written. */
  saw(thing: JournalEntry): void {
    const id = idOf(thing);
    if ((this.#versions.get(id) ?? -1) < revOf(thing)) this.#read.set(id, thing);
  }

  /** Marks a version that needs no line: earlier lines give a restored home as much. */
  skips({ id: number, rev }: Pick<WrittenRecord, 'id' | 'rev'>): void {
    const id = `record ${number}`;
    if (this.#versions.has(id) || this.#read.has(id)) this.#versions.set(id, rev);
  }

  /**
   * Refuses before a commit whose line could not be written.
   * @throws Refusal `cannot-write`
   */
  async ready(): Promise<void> {
    if (this.#file === undefined) await this.#guard(async () => void (await this.#open()));
  }

  /** Writes and syncs a commit's line. @throws Refusal `cannot-write`; the next call retries it */
  async append(line: Written): Promise<void> {
    const { records, notes, addresses } = line;
    for (const thing of [...records, ...notes, ...addresses]) {
      const read = this.#read.get(idOf(thing));
      if (read && revOf(read) <= revOf(thing)) this.#read.delete(idOf(thing));
      this.#remember(thing);
    }
    this.#lines.push({ ...line, records: records.map(({ id: _, ...record }) => record), at: now() });
    await this.flush();
  }

  /** Writes all that is not written yet. Calls during a sync share the next one. */
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
        records: read.filter(isRecord).map(({ id: _, ...record }) => record),
        notes: read.filter((thing): thing is Note => !isRecord(thing) && !isPlace(thing)),
        addresses: read.filter(isPlace),
      });
    if (lines.length === 0) return;
    const file = await this.#current();
    const text = lines.map((line) => {
      file.lines += 1;
      return `${Buffer.from(encrypt(Buffer.from(canonicalJson(line)), lineAad(file.lines), file.key)).toString('base64')}\n`;
    });
    try {
      const bytes = Buffer.from(text.join(''));
      for (let done = 0; done < bytes.length;)
        done += (await written(file.fd, bytes, done, bytes.length - done, file.bytes + done)).bytesWritten;
      file.bytes += bytes.length;
      this.#point('in-journal');
      await synced(file.fd);
    } catch (error) {
      // The disk may have any part of it: the file ends here, and another repeats the lines.
      this.#file = undefined;
      closeSync(file.fd);
      throw error;
    }
    // A backup that began meanwhile may cover this file, which can then be removed: the lines go into another.
    if (!isThere(file)) return this.#write();
    this.#lines = this.#lines.filter((line) => !lines.includes(line));
    for (const thing of read) {
      if (this.#read.get(idOf(thing)) === thing) this.#read.delete(idOf(thing));
      this.#remember(thing);
    }
  }

  #remember(thing: JournalEntry): void {
    const id = idOf(thing);
    const rev = Math.max(revOf(thing), this.#versions.get(id) ?? 0);
    this.#versions.delete(id);
    this.#versions.set(id, rev);
    if (!allows(JOURNAL_LIMITS.remembered, this.#versions.size))
      this.#versions.delete(this.#versions.keys().next().value!);
  }

  /** Returns the file to write to, a new one if the present one is removed, sealed or full. */
  async #current(): Promise<OpenFile> {
    const file = this.#file;
    if (file) {
      const fresh = allows({ most: JOURNAL_LIMITS.age.most(this.#worn) }, performance.now() - file.since);
      const small = allows({ most: JOURNAL_LIMITS.size.most(this.#worn) }, file.bytes);
      if (fresh && small && isThere(file)) return file;
      if (!fresh) await this.#daily();
      this.#file = undefined;
      closeSync(file.fd);
    }
    return this.#open();
  }

  /** Opens a new file; calls at the same time share it. */
  #open(): Promise<OpenFile> {
    this.#opening ??= this.#begin()
      .then((file) => (this.#file = file))
      .finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #begin(): Promise<OpenFile> {
    const home = await this.#key();
    if (mkdirSync(this.dir, { recursive: true, mode: 0o700 }) !== undefined) syncParent(this.dir);
    refuseWritable(this.dir);
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const path = join(this.dir, `${time}-${randomBytes(6).toString('hex')}${ENDS}`);
    const salt = randomBytes(16).toString('hex');
    const text = headerText({ of: markOf(home), salt, home: this.#home, life: this.#life });
    // All lines go to this descriptor, even if another file takes the name.
    const fd = openSync(path, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
      syncDirectory(this.dir);
    } catch (error) {
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
    const key = derived(home, salt, 'file', 32);
    return { path, fd, key, lines: 0, bytes: text.length, since: performance.now() };
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal('cannot-write', `the journal in ${this.dir} cannot be written: ${(error as Error).message}`, {
        hint: JOURNAL_HINT,
      });
    }
  }

  /**
   * Ends files before a backup reads the store. A process that writes checks afterwards whether its
   * file was sealed, and if so repeats the lines in another.
   * @param ends selects the files
   * @returns the ended files, oldest first
   * @throws Refusal `cannot-write`
   */
  async seal(ends = ({ by }: FoundFile): boolean => by === 'this'): Promise<string[]> {
    let sealed: string[] = [];
    await this.#guard(async () => {
      for (const { path } of (await this.files()).filter((file) => ends(file) && !file.path.endsWith(SEALED)))
        unlessMissing(() => renameSync(path, path.slice(0, -ENDS.length) + SEALED));
      const ended = (await this.files()).filter((file) => ends(file) && file.path.endsWith(SEALED));
      sealed = ended.map(({ path }) => path);
    });
    return sealed;
  }

  /** Returns all files of this seed in the folder, oldest first. */
  async files(): Promise<readonly FoundFile[]> {
    const paths = filesIn(this.dir);
    const mark = paths.length > 0 ? markOf(await this.#key()) : '';
    return paths.flatMap((path) => {
      const header = readHeader(path);
      if (header?.of !== mark) return [];
      const { home, life } = header;
      const by = home !== this.#home ? 'another' : life === this.#life ? 'this' : 'lost';
      return [{ path, by }];
    });
  }

  /** Closes the file, after the line under way. */
  close(): void {
    void this.#writing
      .catch(() => {})
      .then(() => {
        if (this.#file) closeSync(this.#file.fd);
        this.#file = undefined;
      });
  }
}

/** Returns whether the file has its name: it may have been sealed, removed or replaced. */
function isThere({ path, fd }: OpenFile): boolean {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  const own = fstatSync(fd, { bigint: true });
  return found !== undefined && found.ino === own.ino && found.dev === own.dev;
}

const written = promisify(write<Buffer>);
const synced = promisify(fdatasync);
/** Version of a record, with its row number: two records of one kind may have one name. */
export interface WrittenRecord extends JournalRecord {
  id: number;
}
/** Line of a commit, before it is written. */
export interface Written extends Omit<JournalLine, 'at' | 'records'> {
  records: readonly WrittenRecord[];
}
/** Content of a line. */
type JournalEntry = WrittenRecord | Note | WalletPath;
const isRecord = (thing: JournalEntry): thing is WrittenRecord => 'rev' in thing;
const isPlace = (thing: JournalEntry): thing is WalletPath => 'chain' in thing;
const idOf = (thing: JournalEntry): string =>
  isRecord(thing) ? `record ${thing.id}` : isPlace(thing) ? `${thing.chain}/${thing.index}` : thing.name;
/** Returns the revision of a record; 0 for a note or an address, which never change. */
const revOf = (thing: JournalEntry): number => (isRecord(thing) ? thing.rev : 0);
const now = (): number => Math.floor(Date.now() / 1000);
