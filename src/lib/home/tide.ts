/**
 * The tide: the commit counter of a store, written after each commit into the refunds folder that the home has recorded,
 * outside the home. A store whose counter is below its tide was put back.
 *
 * It belongs to one life of one store (`identity.ts`): a copy of the home, wherever it is opened, writes another. It is never
 * above the counter of a healthy store, for it is written once the commit is durable. Parallel writers may leave it too low
 * until the next commit: weaker for a moment, never wrong. It is not synced, so a power cut may lose its end, or leave zeros,
 * which count as no tide.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../protocol/refusal.ts';
import { commitIn, digits } from './commit-number.ts';
import { isMissing } from './files.ts';
import type { CommitWatch } from './store.ts';

/** The highest counter seen: 20 digits and a checksum, written in place. */
export class Tide implements CommitWatch {
  readonly #dir: string;
  readonly #homeId: string;
  #life = '';
  #file: number | undefined;

  /** @param dir the folder that the home has recorded, whatever a single run says */
  constructor(dir: string, homeId: string) {
    this.#dir = dir;
    this.#homeId = homeId;
  }

  #path(life: string): string {
    return join(this.#dir, `.tide-${this.#homeId}-${life}`);
  }

  /** 0 where there is none, or none that is whole. */
  read(life: string): number {
    const path = this.#path(life);
    // A reader may see half of another process's write; a second look sees the whole.
    for (let look = 0; look < 3; look += 1) {
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (error) {
        if (isMissing(error)) return 0;
        throw new Refusal('cannot-write', `${path} cannot be read: ${(error as Error).message}`);
      }
      const commits = commitIn(text.slice(0, 20));
      if (commits !== undefined && text === line(commits)) return commits;
    }
    return 0;
  }

  /** A life that has ended in its own place: whatever is put back of it is below this. */
  end(life: string, commits: number): void {
    try {
      writeFileSync(this.#path(life), line(commits), { flag: 'r+' });
    } catch {
      // There was none.
    }
  }

  /** From now on it tells of this life. */
  follow(life: string): void {
    this.close();
    this.#life = life;
  }

  ready(): void {
    if (this.#file !== undefined) return;
    const path = this.#path(this.#life);
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      this.#file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    } catch (error) {
      throw new Refusal('cannot-write', `${path} cannot be written: ${(error as Error).message}`, {
        hint: `the home keeps its refunds there; another folder is recorded as "refunds" in its config.json`,
      });
    }
  }

  rise(commits: number): void {
    try {
      writeSync(this.#file!, line(commits), 0);
    } catch {
      // The commit stands and must be reported as such; the next one writes a higher tide.
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function line(commits: number): string {
  const number = digits(commits);
  return `${number} ${createHash('sha256').update(number).digest('hex').slice(0, 16)}\n`;
}
