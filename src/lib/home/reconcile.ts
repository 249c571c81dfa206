/**
 * Reconciliation: brings the journal of a home into its restored store. Each record of the journal
 * is taken as a restored one (`Kind.restored`). It is merged over all its versions and then with
 * that of the store (`Kind.merged`). The order of files and lines does not matter, and doing it
 * twice changes nothing. Records that the store has lost come back, but none that it has dropped;
 * notes and used addresses are united. Records that a merged one no longer holds end with it. A
 * missing end of a journal cannot be detected; records show what follows from that (`restored`,
 * `unconfirmed`).
 * Not here: reading files (`journal.ts`), what a family makes of its record.
 */
import type { Claim, Kind, Note, WalletPath } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { change, knownKind, plainCommit, releasedBy, writeOf } from './change.ts';
import { readJournal } from './journal.ts';
import type { SettledStore } from './lost.ts';
import type { HomeStore } from './sql-store.ts';

type Kinds = readonly Kind<any>[];

interface Merged {
  kind: Kind<any>;
  name: string;
  record: unknown;
  /** Commit that wrote the newest version, the version's file, and whether it had ended then. */
  rev: number;
  path: string;
  over: boolean;
  /** All versions, if the kind holds others: what one held and the last does not was released. */
  versions: readonly unknown[];
}
/** Content of journals. */
export interface Gathered {
  /** Records by kind and by key or name, each merged over its versions. */
  records: ReadonlyMap<string, Merged>;
  notes: ReadonlyMap<string, Note>;
  addresses: ReadonlyMap<string, WalletPath>;
  lines: number;
  /** Files whose last line is not whole. */
  cut: readonly string[];
  /** Files that another home of the same words has written. */
  others: readonly string[];
  /** Highest number of a commit, and the time of its line (Unix seconds). */
  newest: { commit: number; at: number };
}

/**
 * Reads journals.
 * @param key of this home, or of another with the same words
 * @throws Refusal as `readJournal`; `store-newer` for an unknown kind
 */
export function gather(paths: readonly string[], key: Uint8Array, kinds: Kinds, home: string): Gathered {
  const versions: Merged[] = [];
  const notes = new Map<string, Note>();
  const addresses = new Map<string, WalletPath>();
  const cut: string[] = [];
  const others: string[] = [];
  let lines = 0;
  let newest = { commit: 0, at: 0 };
  const known = new Map(kinds.map((kind) => [kind.name, kind]));
  for (const path of paths) {
    const file = readJournal(path, key);
    if (file.cut) cut.push(path);
    const foreign = file.home !== undefined && file.home !== home;
    if (foreign) others.push(path);
    for (const line of file.lines) {
      lines += 1;
      for (const { kind: sort, name, rev, record: written } of line.records) {
        const kind = knownKind(known, sort, path, 'read');
        const parsed: unknown = kind.parse(written);
        const record = kind.restored(parsed);
        // The doubts of a restored record may have ended since.
        const settled: unknown = kind.completed?.(parsed) ?? parsed;
        const over = !foreign && (kind.row(settled).over !== undefined || (kind.part?.(settled).over ?? false));
        versions.push({ kind, name, record, rev, path, over, versions: kind.holds ? [record] : [] });
        if (rev > newest.commit) newest = { commit: rev, at: line.at };
      }
      for (const note of line.notes) notes.set(note.name, note);
      for (const path of line.addresses) addresses.set(`${path.chain}/${path.index}`, path);
      // Other files may have its records earlier: its own line has the time.
      if (line.commit >= newest.commit) newest = { commit: line.commit, at: line.at };
    }
  }
  return { records: mergedVersions(versions), notes, addresses, lines, cut, others, newest };
}

/**
 * Merges the versions of each record in the order of writing. Of two equal ones the newer counts.
 */
function mergedVersions(versions: readonly Merged[]): ReadonlyMap<string, Merged> {
  const records = new Map<string, Merged>();
  for (const version of versions.toSorted((a, b) => a.rev - b.rev)) {
    const { kind, name, record } = version;
    const id = `${kind.name} ${kind.key?.(record) ?? name}`;
    const known = records.get(id);
    if (!known) records.set(id, version);
    else {
      const all = [...known.versions, ...version.versions];
      records.set(id, { ...version, record: merge(kind, known.record, record), versions: all });
    }
  }
  return records;
}

/** Merges two versions, the later one last; without a rule the one further by its row wins. */
function merge<R>(kind: Kind<R>, earlier: R, later: R): R {
  if (kind.merged) return kind.merged(earlier, later);
  const [a, b] = [kind.row(earlier), kind.row(later)];
  if (a.left !== b.left) return a.left ? earlier : later;
  return a.highSat > b.highSat ? earlier : later;
}

export interface Reconciliation {
  kind: string;
  name: string;
  /** Effect. `conflict`: the store, which has another record or left this one, is unchanged. */
  outcome: 'added' | 'raised' | 'same' | 'conflict';
  /** Merged record; in a conflict the journal's. */
  record: unknown;
}

/**
 * Brings journals into the store, one record a commit. If interrupted, run it again from the start.
 * @param settled state of the store when it was found to be restored: its records are no newer
 * @param hasAll returns whether the store has, or had, all of a journal file
 */
export async function reconcile(
  store: HomeStore,
  { records, notes, addresses, newest }: Gathered,
  settled?: SettledStore,
  hasAll: (path: string) => boolean = () => false,
): Promise<readonly Reconciliation[]> {
  // No later commit repeats a number of the lost store.
  await store.atLeast(newest.commit);
  const outcomes: Reconciliation[] = [];
  const lost: Merged[] = [];
  // Lost records come last: by then others have released the claims that these take over. Those with most
  // claims come first, so that an opening finds the contract that it became.
  const claimsOf = ({ kind, record }: Merged): number => kind.claims(record).length;
  const stuck: Merged[] = [];
  const gone = new Set<Claim>();
  for (const entry of records.values()) {
    const outcome = await into(store, entry, settled, false);
    if (!outcome) lost.push(entry);
    else if (outcome.outcome === 'conflict') stuck.push(entry);
    else outcomes.push(outcome);
    if (!outcome && wasDropped(entry, settled, hasAll))
      for (const claim of entry.kind.claims(entry.record)) gone.add(claim);
  }
  // A record that was merged later may have released what one of these needs.
  // A dropped record takes the opening that it began with along.
  const isGone = ({ kind, record }: Merged): boolean => kind.claims(record).every((claim) => gone.has(claim));
  const missed = lost.filter((entry) => !isGone(entry));
  for (const entry of lost) if (isGone(entry)) outcomes.push(asItWas(entry));
  for (const entry of [...missed.sort((a, b) => claimsOf(b) - claimsOf(a)), ...stuck])
    outcomes.push((await into(store, entry, settled, true))!);
  const back = new Set(missed.flatMap(({ kind, record }) => kind.claims(record)));
  for (const entry of records.values()) if (back.size > 0) await endLetGo(store, entry, back);
  await unite(store, [...notes.values()]);
  await store.addAddresses(await usedBefore(store, [...addresses.values()]));
  return outcomes;
}

/**
 * Returns whether a record was dropped (`prune.ts`): it was over, and the store no longer has it
 * although it had. It stays so: its sums are in the store, and would count twice.
 */
const wasDropped = (
  { rev, path, over }: Merged,
  settled: SettledStore | undefined,
  hasAll: (path: string) => boolean,
) => over && (rev <= (settled?.had ?? 0) || hasAll(path));
const asItWas = ({ kind, name, record }: Merged): Reconciliation => ({
  kind: kind.name,
  name,
  outcome: 'same',
  record,
});

/** Brings in one record; undefined where the store has none such and `add` is false. */
async function into(
  store: HomeStore,
  entry: Merged,
  settled: SettledStore | undefined,
  add: boolean,
): Promise<Reconciliation | undefined> {
  const { kind, name, record, rev } = entry;
  const claims = kind.claims(record);
  for (let again = false; ; again = true) {
    const { found } = await store.load(claims);
    const same = [...found].find(([, hit]) => hit.kind === kind.name && isSame(kind, kind.parse(hit.record), record));
    if (!same && !add) return undefined;
    const mine = same && kind.parse(same[1].record);
    const isNewer = same !== undefined && rev <= (same[1].rev === settled?.number ? settled.had : same[1].rev);
    const both = (own: unknown): unknown => (isNewer ? merge(kind, record, own) : merge(kind, own, record));
    const merged = same ? both(mine) : record;
    if (same && (sameJson(merged, mine) || isCovered(kind, mine, both)))
      return { kind: kind.name, name, outcome: 'same', record: mine };
    if (same && kind.row(mine).left && !kind.row(merged).left)
      return { kind: kind.name, name, outcome: 'conflict', record };
    const write = same ? writeOf(kind, merged, same[0], same[1].rev) : writeOf(kind, merged, null, 0);
    const yielding = [...found].flatMap(([claim, hit]) => {
      const left = hit.kind === kind.name && hit !== same?.[1] && kind.yields?.(kind.parse(hit.record), merged);
      return left ? [writeOf(kind, left, claim, hit.rev)] : [];
    });
    try {
      const ended = same ? await releasedBy(store, kind, [mine], merged) : [];
      if (await store.commit(plainCommit({ reads: [], writes: [...yielding, write, ...ended] })))
        return { kind: kind.name, name, outcome: same ? 'raised' : 'added', record: merged };
    } catch (error) {
      refuseUnlessKnown(error);
      // Another run may have added the very same: then the next round finds it.
      if (!again) continue;
      const beside = kind.beside?.(record) ?? record;
      if (sameJson(beside, record)) return { kind: kind.name, name, outcome: 'conflict', record };
      return into(store, { ...entry, record: beside }, settled, add);
    }
  }
}

/**
 * Ends records that came back from the journal, but that their holder had released before.
 * @param back claims of all that came back
 */
async function endLetGo(store: HomeStore, { kind, record, versions }: Merged, back: ReadonlySet<Claim>): Promise<void> {
  const held = versions.flatMap((version) => kind.holds?.(version) ?? []).filter(({ claim }) => back.has(claim));
  for (let done = held.length === 0; !done;) {
    const { found } = await store.load(kind.claims(record));
    const mine = [...found.values()].find(
      (hit) => hit.kind === kind.name && isSame(kind, kind.parse(hit.record), record),
    );
    const all = mine ? await releasedBy(store, kind, versions, kind.parse(mine.record)) : [];
    const writes = all.filter(({ claim }) => claim !== null && back.has(claim));
    done = writes.length === 0 || (await store.commit(plainCommit({ reads: [], writes })));
  }
}

/**
 * Returns whether the store's record, had it been lost too, would learn nothing from the journal's.
 * It then stays unchanged: reading a journal again casts no doubt on facts made since the loss.
 */
function isCovered(kind: Kind<any>, mine: unknown, both: (own: unknown) => unknown): boolean {
  const lost = kind.restored(mine);
  return sameJson(both(lost), lost);
}

/**
 * Returns the known addresses and, for commits that died, the gap between the store's and these.
 */
async function usedBefore(store: HomeStore, known: readonly WalletPath[]): Promise<readonly WalletPath[]> {
  const own = await store.addresses();
  const last = (paths: readonly WalletPath[], chain: number): number =>
    Math.max(-1, ...paths.filter((path) => path.chain === chain).map(({ index }) => index));
  const between = ([0, 1] as const).flatMap((chain) => {
    const [from, to] = [last(own, chain) + 1, last(known, chain)];
    return Array.from({ length: Math.max(0, to - from) }, (_, i): WalletPath => ({ chain, index: from + i }));
  });
  return [...new Map([...between, ...known].map((path) => [`${path.chain}/${path.index}`, path])).values()];
}

/**
 * Ends doubts that come only from the journal's unknown end: its owner declares it complete.
 * @returns the number of records
 */
export async function endDoubts(store: HomeStore, kinds: Kinds): Promise<number> {
  let done = 0;
  for (const kind of kinds.filter(({ completed }) => completed))
    for (const { record } of await store.list(kind.name)) {
      const [claim] = kind.claims(kind.parse(record));
      const find = () => ({ it: claim });
      const take = ({ it }: { it?: object }) =>
        it
          ? { writes: { it: kind.completed!(it) as object }, result: !sameJson(kind.completed!(it), it) }
          : { writes: {}, result: false };
      // A part of another record does not count.
      if ((await change<{ it: object }, boolean>(store, { it: kind }, find, take)) && !kind.part) done += 1;
    }
  return done;
}

/** Checks that nothing is known to be missing. @throws Refusal `journal-incomplete` */
export function refuseIncomplete(
  { newest, cut }: Gathered,
  notGiven: readonly string[],
  settled: SettledStore | undefined,
): void {
  const last = settled?.above ?? 0;
  if (cut.length > 0)
    throw new Refusal('journal-incomplete', `the last line of ${cut.join(', ')} is not whole`, {
      hint: 'bring that file from another copy of the journal, or leave --complete out',
    });
  if (notGiven.length > 0)
    throw new Refusal('journal-incomplete', `${notGiven.join(', ')} found beside what was given`, {
      hint: 'give the whole folder of the journal, or leave --complete out',
    });
  if (newest.commit < last)
    throw new Refusal('journal-incomplete', `commit ${newest.commit} found at its end, ${last} expected`, {
      hint: "the home's refunds folder or its own journal knows of later ones: bring the rest of the journal, or leave --complete out",
    });
}

/**
 * Returns whether two records are versions of one. Names stay, except for an opening that went on:
 * then the claims of one include all of the other's.
 */
function isSame(kind: Kind<any>, mine: unknown, other: unknown): boolean {
  if (kind.key) return kind.key(mine) === kind.key(other);
  if (kind.row(mine).name === kind.row(other).name) return true;
  const [a, b] = [kind.claims(mine), kind.claims(other)];
  return a.every((claim) => b.includes(claim)) || b.every((claim) => a.includes(claim));
}

/** Throws every error but that a record or note is there already. */
function refuseUnlessKnown(error: unknown): void {
  if (!(error instanceof Refusal) || error.code !== 'already-known') throw error;
}

const NOTES_AT_ONCE = 500;

async function unite(store: HomeStore, notes: readonly Note[]): Promise<void> {
  for (let from = 0; from < notes.length; from += NOTES_AT_ONCE) {
    const some = notes.slice(from, from + NOTES_AT_ONCE);
    for (let done = false; !done;) {
      const known = await store.notes(some.map(({ name }) => name));
      const lost = some.filter(({ name }) => !known.has(name));
      // A lost race, or notes that came meanwhile: load again.
      const commit = () => store.commit(plainCommit({ reads: [], writes: [], notes: lost }));
      done = lost.length === 0 || ((await commit().catch(refuseUnlessKnown)) ?? false);
    }
  }
}
