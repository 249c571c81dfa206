/**
 * Identity of a store: the check that it is the one its home had last. A copied, restored or
 * rolled-back store holds nonces that the original may have used. A secret nonce used twice reveals
 * the contract's key.
 *
 * A store has a *life*: 16 random hex digits, drawn when it is made and again whenever the check
 * fails. Everything outside that refers to the store names its life: tide, journal, shares. An
 * opened copy, a drill next to the original, or a dump in another database begins a life of its
 * own. It leaves the original's alone.
 *
 * Each opening checks the place and two tides:
 * - The place: the inode of `store.db`, and inode, ctime and mtime of its identity file, which is
 *   never written again. A copy has other inodes; a restore into the same files has another ctime.
 *   A reboot changes only the device number, a move of the home only the path: where both differ,
 *   the disk was cloned. Each day and each backup replace the identity file, which exposes files of
 *   another day put back over these.
 * - In PostgreSQL (`postgres.ts`): the cluster's system identifier, its timeline (new after a
 *   promotion or recovery), the database and the table `meta` (new after a dump).
 * - The tides (`tide.ts`), in the refunds folder and next to the journal: a store whose counter is
 *   below either was put back.
 *
 * `chmod`, `chown`, an ACL or a hard link change only a ctime. Where inodes, mtime and disk are the
 * same and both tides end where the store does, the place is recorded anew. Open nonces end then,
 * for home, refunds and journal may have been put back together over themselves. They also end
 * where a program set the times of `store.db`: `rsync --inplace` leaves an unchanged identity file
 * alone. A home whose files are opened by another name (`cp -al`) is refused: that is no copy, and
 * both names would write one file.
 *
 * Not found: an image of the machine, or a snapshot of all disks that hold home, refunds and
 * journal, put back together. Nor, within a day, such files put back over themselves: their
 * payments are lost. A move to another disk is a copy and so counts as a restore: safe, but the
 * owner must confirm it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { syncDirectory, writePrivate } from './files.ts';
import type { Lost } from './lost.ts';
import type { HomeStore } from './sql-store.ts';
import type { Provenance } from './life.ts';
import type { Tides } from './tide.ts';

export const STORE_FILE = 'store.db';
export const IDENTITY_FILE = 'identity';

/** Returns the text of the file `identity`, for people who find it. */
export const identityText = (homeId: string): string =>
  `${homeId}\nNever write to this file: its time stamp tells this home from a restored copy.\n`;

export const newLife = (): string => randomBytes(8).toString('hex');

/** Place of a store. `set`: a program set the times of its file, as when it puts the file back. */
export interface StorePlace {
  /** Returns the text of the place for the store. @param kept the stored text */
  text(kept: string): string;
  /**
   * Compares the place with the stored one.
   * @throws Refusal `store-unsafe` where the home is opened by another name of its files
   */
  compare(kept: string): 'same' | 'set' | 'touched' | 'other';
}

const PLACE =
  /^(store \d+ mark (?:none|\d+)) (\d+) wrote (\d+) set (\d+) disk (\d+) path (\w+) file (identity(?:-[0-9a-f]{8})?)$/;
const markFile = (kept: string): string => PLACE.exec(kept)?.[7] ?? IDENTITY_FILE;
/** Largest difference of the two times that one write gives a file, in nanoseconds. */
const SET_NS = 1_000_000_000n;

/**
 * Returns the place of a store with this file of its identity.
 * @throws as `statSync` where there is no store
 */
function placeText(dir: string, file: string): string {
  const mark = statSync(join(dir, file), { bigint: true, throwIfNoEntry: false });
  const { ino, dev, ctimeNs, mtimeNs } = statSync(join(dir, STORE_FILE), { bigint: true });
  // A program that puts the file back sets its times: `rsync --inplace` leaves the unchanged mark alone.
  const set = ctimeNs - mtimeNs > SET_NS ? ctimeNs : 0;
  const path = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  const times = mark ? `${mark.ino} ${mark.ctimeNs} wrote ${mark.mtimeNs}` : 'none 0 wrote 0';
  return `store ${ino} mark ${times} set ${set} disk ${dev} path ${path} file ${file}`;
}

/** Returns the place of a store in a file. */
export const filePlace = (dir: string): StorePlace => ({
  text: (kept) => placeText(dir, existsSync(join(dir, markFile(kept))) ? markFile(kept) : IDENTITY_FILE),
  compare(kept) {
    const { nlink } = statSync(join(dir, STORE_FILE), { bigint: true });
    const [, inodes, changed, wrote, set, disk, path] = PLACE.exec(placeText(dir, markFile(kept)))!;
    const [, keptInodes, keptChanged, keptWrote, keptSet, keptDisk, keptPath] = PLACE.exec(kept) ?? [];
    if (keptInodes !== inodes) return 'other';
    if (nlink > 1n && keptPath !== path) throw linked(dir, nlink);
    const isHere = keptDisk === disk || keptPath === path;
    if (keptChanged === changed) return !isHere ? 'other' : set === '0' || set === keptSet ? 'same' : 'set';
    return keptWrote === wrote && keptDisk === disk ? 'touched' : 'other';
  },
});

const DAY_MS = 24 * 3_600_000;
export const IDENTITY_LIMITS = {
  /** Age at which the file that identifies the store is replaced. */
  age: { unit: 'milliseconds', most: DAY_MS },
} satisfies Limits;

/** Returns whether the file of a store's identity is so old that another is due. */
export function isWorn(dir: string, kept: string, now: number): boolean {
  const mark = statSync(join(dir, markFile(kept)), { throwIfNoEntry: false });
  return mark !== undefined && !allows(IDENTITY_LIMITS.age, now - mark.mtimeMs);
}

/**
 * Replaces the store's identity file in one step: older files put back over it identify another
 * store. Does nothing where the store is not itself, or the disk takes no file.
 */
export async function renewIdentity(dir: string, homeId: string, store: HomeStore): Promise<void> {
  const place = filePlace(dir);
  const file = `${IDENTITY_FILE}-${randomBytes(4).toString('hex')}`;
  let left: string | undefined;
  try {
    writePrivate(join(dir, file), identityText(homeId));
    syncDirectory(dir);
    const isSame = ({ identity }: Provenance): boolean => {
      if (place.compare(identity) !== 'same') return false;
      left = markFile(identity);
      return true;
    };
    if (!(await store.placed(() => placeText(dir, file), isSame))) left = file;
  } catch {
    left = file;
  }
  rmSync(join(dir, left!), { force: true });
}

/** Returns the refusal of a hard link: locks and a log for each name would damage the file. */
const linked = (dir: string, names: bigint): Refusal =>
  new Refusal(
    'store-unsafe',
    `${join(dir, STORE_FILE)} is a file with ${names} names, and not by this one its home was used`,
    {
      hint: 'hard links (cp -al) are no copy: open the home where it was, or remove its files there first; spillway backup makes a copy',
    },
  );

/** Numbers of commits in the two tides. */
interface TideMarks {
  kept: number;
  journal: number;
}
const highest = ({ kept, journal }: TideMarks): number => Math.max(kept, journal);
const agree = (marks: TideMarks, commits: number): boolean =>
  highest(marks) === commits && (marks.journal > 0 || commits === 0);

type StoreVerdict = 'held' | 'touched' | 'lost';

function judge(place: StorePlace, { identity, commits }: Provenance, marks: TideMarks): StoreVerdict {
  const lies = place.compare(identity);
  if (lies === 'other' || highest(marks) > commits) return 'lost';
  if (lies === 'same') return 'held';
  if (lies === 'set') return 'touched';
  return agree(marks, commits) ? 'touched' : 'lost';
}

/** Time to wait for a run that has committed and writes its journal and tides next. */
const BEHIND_MS = 1_000;
/** Returns whether the tides come to agree with the store. Awaits nothing: its lock is held. */
function agreeSoon(commits: number, marks: () => TideMarks): boolean {
  for (const since = performance.now(); ;) {
    const now = marks();
    if (agree(now, commits)) return true;
    if (highest(now) > commits || performance.now() - since > BEHIND_MS) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

const TOUCHED =
  'modes, owner or links of this home have changed, or its files were put back over themselves; its store is the last one by both of its tides and goes on, but payments that were asked for and not signed are to be asked for anew';

export interface Checks {
  place: StorePlace;
  store: HomeStore;
  /** Tides in the refunds folder, and next to the journal. */
  tides: Pick<Tides, 'kept' | 'journal'>;
  /** Loads the families, only for a store that was copied or put back: others need none. */
  kinds: () => Promise<readonly Kind<any>[]>;
  /** Prints a note to the owner. */
  tell: (note: string) => void;
}

export interface StoreIdentity {
  /** Life of the store, from now on. */
  life: string;
  lost: Lost | undefined;
  /** True if it was itself at this start. */
  held: boolean;
}

/** Checks whether the store is itself; if not, makes it harmless (`HomeStore.settle`). */
export async function checkIdentity({ place, store, tides, kinds, tell }: Checks): Promise<StoreIdentity> {
  const { kept, journal } = tides;
  const marksOf = (life: string): TideMarks => ({ kept: kept.read(life), journal: journal.read(life) });
  const follow = (life: string): void => [kept, journal].forEach((tide) => tide.follow(life));
  for (;;) {
    const seen = await store.provenance();
    const marks = marksOf(seen.life);
    // A commit between the two reads has raised both: the counter that was read last counts.
    const now = judge(place, seen, marks) === 'held' ? seen : await store.provenance();
    const { life, identity, restored } = now;
    if (life !== seen.life) continue;
    const verdict = judge(place, now, marks);
    if (verdict === 'held') {
      const text = place.text(identity);
      if (identity !== text) await store.placed(place.text, (found) => found.identity === identity);
      follow(life);
      return { life, lost: restored, held: true };
    }
    const isTouched = (found: Provenance): boolean => {
      const lies = place.compare(found.identity);
      if (found.life !== life) return false;
      if (lies === 'set') return highest(marksOf(life)) <= found.commits;
      return lies === 'touched' && agreeSoon(found.commits, () => marksOf(life));
    };
    const mayBe = verdict === 'touched' || place.compare(identity) === 'touched';
    if (mayBe && (await store.placed(place.text, isTouched, { nonces: 'end' }))) {
      tell(TOUCHED);
      follow(life);
      return { life, lost: restored, held: true };
    }
    const next = newLife();
    const above = highest(marks);
    const still = (found: Provenance): boolean => found.life === life && judge(place, found, marksOf(life)) === 'lost';
    const number = await store.settle({ identity: place.text, life: next, above, still }, await kinds());
    if (number === undefined) continue;
    // A store of the ended life that is put back lies below its tides. Those of a copy are not its own.
    for (const tide of [kept, journal]) if (place.compare(identity) !== 'other') tide.end(life, number);
    follow(next);
    for (const tide of [kept, journal]) {
      tide.ready();
      tide.rise(number);
    }
    return { life: next, lost: 'pending', held: false };
  }
}
