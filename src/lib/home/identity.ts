/**
 * Is this the store that its home had last? A copied, restored or rolled-back store holds nonces that the other one may
 * have used, and a secret nonce used twice gives the contract's key away.
 *
 * A store has a *life*: 16 random hex digits in it, drawn when it is made and anew whenever it is found not to be itself. All
 * that lies outside and speaks of it names its life: tide, journal, shares. So a copy that is opened, a drill beside the
 * original, or a dump in another database begins a life of its own and leaves the original's as it was.
 *
 * Looked at at every opening, in three places:
 * - Its place: the inode of `store.db`, and inode, ctime and mtime of the file `identity`, which is never written again. A copy
 *   has other inodes; a restore into the same files has another ctime. The device number alone changes on reboot and the path
 *   when the home is moved: where both differ it is a clone of the disk.
 *   In PostgreSQL (`postgres.ts`): the cluster's system identifier, its timeline (a promotion or a recovery begins another),
 *   the database and the table `meta` (a dump makes new ones).
 * - Its tide (`tide.ts`), and the last commit of its journal (`journal-file.ts`): above its counter, it was put back.
 *
 * `chmod`, `chown`, an ACL or a hard link change a ctime and nothing else. Where inodes, mtime and disk are the same, and tide
 * and journal end where the store does, the place is noted anew and nothing is given up. A home is refused where another name
 * of its files is opened (`cp -al`): those are no copy, and both would write one file.
 * Not found: an image of the machine, or a snapshot of all disks that hold home, refunds and journal, put back together. Taken
 * for a restore though it is none: a move to another disk, which is a copy. That is safe, but the owner must say so.
 */
import { createHash, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Lost } from './lost.ts';
import type { SqlStore } from './sql-store.ts';
import type { Standing } from './standing.ts';
import type { Tide } from './tide.ts';

export const STORE_FILE = 'store.db';
export const IDENTITY_FILE = 'identity';

/** What the file `identity` says to whoever finds it. */
export const identityText = (homeId: string): string =>
  `${homeId}\nNever write to this file: its time stamp tells this home from a restored copy.\n`;

export const newLife = (): string => randomBytes(8).toString('hex');

/** Where a store lies. */
export interface Place {
  /** What the store keeps of it. */
  text: string;
  /** How it lies now, against what it has kept. @throws Refusal `store-unsafe` where it is opened by another name of its files */
  compare(kept: string): 'same' | 'touched' | 'other';
}

const PLACE = /^(store \d+ mark (?:none|\d+)) (\d+) wrote (\d+) disk (\d+) path (\w+)$/;

/** Of a store in a file. @throws as `statSync` where there is none */
export function filePlace(dir: string): Place {
  const mark = statSync(join(dir, IDENTITY_FILE), { bigint: true, throwIfNoEntry: false });
  const { ino, dev, nlink } = statSync(join(dir, STORE_FILE), { bigint: true });
  const path = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  const times = mark ? `${mark.ino} ${mark.ctimeNs} wrote ${mark.mtimeNs}` : 'none 0 wrote 0';
  const text = `store ${ino} mark ${times} disk ${dev} path ${path}`;
  const [, inodes, changed, wrote, disk] = PLACE.exec(text)!;
  return {
    text,
    compare(kept) {
      const [, keptInodes, keptChanged, keptWrote, keptDisk, keptPath] = PLACE.exec(kept) ?? [];
      if (keptInodes !== inodes) return 'other';
      if (nlink > 1n && keptPath !== path) throw linked(dir, nlink);
      if (keptChanged === changed) return keptDisk === disk || keptPath === path ? 'same' : 'other';
      return keptWrote === wrote && keptDisk === disk ? 'touched' : 'other';
    },
  };
}

/** Each name has locks and a write-ahead log of its own: used by two of them, the one file would be damaged. */
const linked = (dir: string, names: bigint): Refusal =>
  new Refusal(
    'store-unsafe',
    `${join(dir, STORE_FILE)} is a file with ${names} names, and not by this one its home was used`,
    {
      hint: 'hard links (cp -al) are no copy: open the home where it was, or remove its files there first; spillway backup makes a copy',
    },
  );

/** What lies outside the store and tells how far it had come. */
interface Marks {
  tide: number;
  journal: number;
}

type Verdict = 'held' | 'touched' | 'lost';

function judge(place: Place, { identity, commits }: Standing, { tide, journal }: Marks): Verdict {
  const lies = place.compare(identity);
  if (lies === 'other' || Math.max(tide, journal) > commits) return 'lost';
  if (lies === 'same') return 'held';
  return Math.max(tide, journal) === commits && (journal > 0 || commits === 0) ? 'touched' : 'lost';
}

const TOUCHED =
  'modes, owner or links of this home have changed; its store is the last one by its tide and its journal, and goes on';

export interface Checks {
  place: Place;
  store: SqlStore;
  tide: Tide;
  /** The last commit that the journal has of this life. */
  journal: (life: string) => number;
  /** Asked for only where the store is not itself, so that a healthy home loads no family. */
  kinds: () => Promise<readonly Kind<any>[]>;
  /** What its owner should know. */
  tell: (note: string) => void;
}

export interface Held {
  /** Of the store, from now on. */
  life: string;
  lost: Lost | undefined;
  /** It was itself at this start. */
  held: boolean;
}

/** Finds out whether the store is itself, and makes it harmless where it is not (`SqlStore.settle`). */
export async function checkIdentity({ place, store, tide, journal, kinds, tell }: Checks): Promise<Held> {
  for (;;) {
    const seen = await store.standing();
    const marks = { tide: tide.read(seen.life), journal: journal(seen.life) };
    // A commit between the two looks has raised both: it is the counter that was read last that counts.
    const now = judge(place, seen, marks) === 'held' ? seen : await store.standing();
    const verdict = judge(place, now, marks);
    const still = (found: Standing): boolean => found.life === seen.life && judge(place, found, marks) === verdict;
    const { life, restored } = now;
    if (verdict !== 'lost') {
      if (now.identity !== place.text && !(await store.placed(place.text, still))) continue;
      if (verdict === 'touched') tell(TOUCHED);
      tide.follow(life);
      return { life, lost: restored, held: true };
    }
    const next = newLife();
    const above = Math.max(marks.tide, marks.journal);
    const number = await store.settle({ identity: place.text, life: next, above, still }, await kinds());
    if (number === undefined) continue;
    // What is put back of the life that ended here is below its tide. That of a copy is not its own.
    if (place.compare(now.identity) !== 'other') tide.end(life, number);
    tide.follow(next);
    tide.ready();
    tide.rise(number);
    return { life: next, lost: 'pending', held: false };
  }
}
