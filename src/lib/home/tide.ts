/**
 * A tide: the commit counter of a store, written after each commit into a folder outside the home.
 * A home has two, in its recorded refunds folder and next to its journal. A store whose counter is
 * below either was put back.
 *
 * A tide belongs to one life of one store (`identity.ts`): a copy of the home, wherever it is
 * opened, writes another. A key from the seed authenticates it, so nobody else can write one. It is
 * never above the counter of a healthy store, for it is written once the commit is durable.
 * Parallel writers may leave it too low until the next commit: weaker for a moment, never wrong. It
 * is not synced: a power cut may cut its end or leave zeros, which count as no tide.
 */
import { createHmac } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../protocol/refusal.ts';
import { isMissing, refuseWritable } from './files.ts';
import { JOURNAL_HINT } from './journal.ts';
import type { CommitWatch } from './store.ts';
import { allows, type Limits } from '../protocol/limit.ts';

export const COMMIT_LIMITS = {
  /** Number of commits. No home makes more, and larger numbers would lose their last digits. */
  commit: { unit: 'number', least: 0, most: 10 ** 15 - 1 },
} satisfies Limits;

/** Number of a commit as a tide writes it. */
export const digits = (commit: number): string => String(commit).padStart(20, '0');

/**
 * Reads the number of a commit; undefined for any other text. Refuses a number without room to
 * count, since a home goes on counting from the highest.
 */
export function commitIn(text: string): number | undefined {
  const commit = /^\d{20}$/.test(text) ? Number(text) : NaN;
  return allows(COMMIT_LIMITS.commit, commit) ? commit : undefined;
}

export interface TideOptions {
  /** Folder of the tide file. */
  dir: string;
  /** Folders in which the tide may have been written before. */
  also?: readonly string[];
  home: string;
  /** Key that signs the tide, 32 bytes. */
  key: Uint8Array;
  /** Advice where the folder cannot be written. */
  hint: string;
}

/** Length in bytes: 20 digits, a space, 16 hex digits and the end of the line. */
const BYTES = 38;
/** Flags against a link, which would redirect the write, and a pipe, which would block it. */
const SAFE = constants.O_NOFOLLOW | constants.O_NONBLOCK;

class Tide implements CommitWatch {
  readonly #options: TideOptions;
  #life = '';
  #file: number | undefined;

  constructor(options: TideOptions) {
    this.#options = options;
  }

  #path(dir: string, life: string): string {
    return join(dir, `.tide-${this.#options.home}-${life}`);
  }

  /** Reads the highest counter of a life in all folders; 0 if there is none that is whole. */
  read(life: string): number {
    const { dir, also = [] } = this.#options;
    return Math.max(...[...new Set([dir, ...also])].map((folder) => this.#readIn(this.#path(folder, life), life)));
  }

  #readIn(path: string, life: string): number {
    let file: number;
    try {
      file = openSync(path, constants.O_RDONLY | SAFE);
    } catch (error) {
      if (isMissing(error) || isLink(error)) return 0;
      throw new Refusal('cannot-write', `${path} cannot be read: ${(error as Error).message}`, {
        hint: this.#options.hint,
      });
    }
    try {
      // A reader may see half of another process's write; a second read sees the whole.
      for (let look = 0; look < 3; look += 1) {
        const commits = this.#commitsIn(file, life);
        if (commits !== undefined) return commits;
      }
      return 0;
    } finally {
      closeSync(file);
    }
  }

  #commitsIn(file: number, life: string): number | undefined {
    const bytes = Buffer.alloc(BYTES);
    const text = bytes.toString('latin1', 0, readSync(file, bytes, 0, BYTES, 0));
    const commits = commitIn(text.slice(0, 20));
    return commits !== undefined && text === this.#line(commits, life) ? commits : undefined;
  }

  #line(commits: number, life: string): string {
    const number = digits(commits);
    const seal = createHmac('sha256', this.#options.key).update(`tide|${this.#options.home}|${life}|${number}`);
    return `${number} ${seal.digest('hex').slice(0, 16)}\n`;
  }

  /** Ends the tide of a life at a number that is above all that may be put back of it. */
  end(life: string, commits: number): void {
    try {
      const file = openSync(this.#path(this.#options.dir, life), constants.O_WRONLY | SAFE);
      try {
        writeSync(file, this.#line(commits, life), 0);
      } finally {
        closeSync(file);
      }
    } catch {
      // There was none.
    }
  }

  /** Follows another life from now on. */
  follow(life: string): void {
    this.close();
    this.#life = life;
  }

  ready(): void {
    if (this.#file !== undefined) return;
    const { dir, hint } = this.#options;
    const path = this.#path(dir, this.#life);
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      refuseWritable(dir);
      this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT | SAFE, 0o600);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal('cannot-write', `${path} cannot be written: ${(error as Error).message}`, { hint });
    }
  }

  rise(commits: number): void {
    try {
      if ((this.#commitsIn(this.#file!, this.#life) ?? 0) < commits)
        writeSync(this.#file!, this.#line(commits, this.#life), 0);
    } catch {
      // The commit stands and must be reported as such; the next one writes a higher tide.
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

const isLink = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ELOOP';

/** The two tides of a home. */
export interface Tides {
  /** Tide in the refunds folder that the home has recorded. */
  kept: Tide;
  /** Tide next to its journal. */
  journal: Tide;
  /** Writes both. */
  watch: CommitWatch;
  close(): void;
}

/**
 * Returns the two tides of a home.
 * @param journals the folder that the journal is written to, and others where it may lie
 */
export function tidesOf(
  home: string,
  key: Uint8Array,
  refunds: string,
  journals: readonly [string, ...string[]],
): Tides {
  const [dir, ...also] = journals;
  const hint = 'the home keeps its refunds there; another folder is recorded as "refunds" in its config.json';
  const kept = new Tide({ dir: refunds, home, key, hint });
  const journal = new Tide({ dir, also, home, key, hint: JOURNAL_HINT });
  const each = (use: (tide: Tide) => void): void => [kept, journal].forEach(use);
  return {
    kept,
    journal,
    watch: { ready: () => each((tide) => tide.ready()), rise: (commits) => each((tide) => tide.rise(commits)) },
    close: () => each((tide) => tide.close()),
  };
}
