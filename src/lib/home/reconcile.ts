/**
 * What the journal of a home knows and its restored store does not, brought into the store.
 *
 * Each record of the journal is taken as a restored one (`Kind.restored`), merged over all its versions and then with that
 * of the store (`Kind.merged`): the order of files and lines does not matter, and doing it twice changes nothing. Records
 * that the store has lost come back, notes and used addresses are united.
 * Nobody can tell whether the end of a journal is missing; what follows from that is in the records (`restored`,
 * `unconfirmed`). Not here: reading files (`journal.ts`), what a family makes of its record.
 */
import type { Kind, Note, WalletPath } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { plainCommit, writeOf } from './change.ts';
import { readJournal } from './journal.ts';
import type { HomeStore } from './store.ts';

type Kinds = readonly Kind<any>[];

interface Merged {
  kind: Kind<any>;
  name: string;
  record: unknown;
}
/** All that some journals say. */
export interface Gathered {
  /** By kind and key or name, merged over their versions. */
  records: ReadonlyMap<string, Merged>;
  notes: ReadonlyMap<string, Note>;
  addresses: ReadonlyMap<string, WalletPath>;
  lines: number;
  /** Files whose last line is not whole. */
  cut: readonly string[];
  /** The highest number of a commit, and when its line was written (Unix time). */
  newest: { commit: number; at: number };
}

/** @throws Refusal as `readJournal`; `store-newer` for a kind that this program does not know */
export function gather(paths: readonly string[], key: Uint8Array, kinds: Kinds): Gathered {
  const records = new Map<string, Merged>();
  const notes = new Map<string, Note>();
  const addresses = new Map<string, WalletPath>();
  const cut: string[] = [];
  let lines = 0;
  let newest = { commit: 0, at: 0 };
  for (const path of paths) {
    const file = readJournal(path, key);
    if (file.cut) cut.push(path);
    for (const line of file.lines) {
      lines += 1;
      for (const { kind: sort, name, rev, record: written } of line.records) {
        const kind = kindOf(sort, kinds, path);
        const record = kind.restored(kind.parse(written));
        const id = `${sort} ${kind.key?.(record) ?? name}`;
        const known = records.get(id);
        records.set(id, { kind, name, record: known ? merge(kind, known.record, record) : record });
        if (rev > newest.commit) newest = { commit: rev, at: line.at };
      }
      for (const note of line.notes) notes.set(note.name, note);
      for (const path of line.addresses) addresses.set(`${path.chain}/${path.index}`, path);
      if (line.commit > newest.commit) newest = { commit: line.commit, at: line.at };
    }
  }
  return { records, notes, addresses, lines, cut, newest };
}

function kindOf(name: string, kinds: Kinds, path: string): Kind<any> {
  const kind = kinds.find((k) => k.name === name);
  if (!kind)
    throw new Refusal('store-newer', `${path} holds a record of the unknown kind '${name}'`, {
      hint: 'read it with the version of spillway that wrote it',
    });
  return kind;
}

/** What neither may lose; a kind that does not say it keeps the one that is further. */
function merge<R>(kind: Kind<R>, mine: R, other: R): R {
  if (kind.merged) return kind.merged(mine, other);
  const [a, b] = [kind.row(mine), kind.row(other)];
  return !a.left && (b.left || b.highSat > a.highSat) ? other : mine;
}

export interface Outcome {
  kind: string;
  name: string;
  /** `conflict`: the store holds another record in its place, or has left for good what the journal has not, and keeps that. */
  outcome: 'added' | 'raised' | 'same' | 'conflict';
  /** As it is now; in a conflict as the journal has it. */
  record: unknown;
}

/** Brings it all into the store, a record a commit; where it is interrupted, it is done once more from the start. */
export async function reconcile(
  store: HomeStore,
  { records, notes, addresses, newest }: Gathered,
): Promise<readonly Outcome[]> {
  // From now on no commit has a number that one of a lost store had.
  await store.atLeast(newest.commit);
  const outcomes: Outcome[] = [];
  const lost: Merged[] = [];
  // What the store has lost comes last: by then others have let go of the claims that it takes over. Of that, what holds most
  // claims comes first, so that an opening finds the contract that it became.
  const claimsOf = ({ kind, record }: Merged): number => kind.claims(record).length;
  const stuck: Merged[] = [];
  for (const entry of records.values()) {
    const outcome = await into(store, entry.kind, entry.name, entry.record, false);
    if (!outcome) lost.push(entry);
    else if (outcome.outcome === 'conflict') stuck.push(entry);
    else outcomes.push(outcome);
  }
  // A record that was looked at later may have let go of what one of these needs.
  for (const { kind, name, record } of [...lost.sort((a, b) => claimsOf(b) - claimsOf(a)), ...stuck])
    outcomes.push((await into(store, kind, name, record, true))!);
  await unite(store, [...notes.values()]);
  await store.addAddresses([...addresses.values()]);
  return outcomes;
}

/** One record; undefined where the store has none such and `add` is not given. */
async function into(
  store: HomeStore,
  kind: Kind<any>,
  name: string,
  record: unknown,
  add: boolean,
): Promise<Outcome | undefined> {
  const claims = kind.claims(record);
  for (let again = false; ; again = true) {
    const { found } = await store.load(claims);
    const same = [...found].find(([, hit]) => hit.kind === kind.name && isSame(kind, kind.parse(hit.record), record));
    if (!same && !add) return undefined;
    const mine = same && kind.parse(same[1].record);
    const merged = same ? merge(kind, mine, record) : record;
    if (same && (sameJson(merged, mine) || isCovered(kind, mine, record)))
      return { kind: kind.name, name, outcome: 'same', record: mine };
    if (same && kind.row(mine).left && !kind.row(merged).left)
      return { kind: kind.name, name, outcome: 'conflict', record };
    const write = same ? writeOf(kind, merged, same[0], same[1].rev) : writeOf(kind, merged, null, 0);
    try {
      if (await store.commit(plainCommit({ reads: [], writes: [write] })))
        return { kind: kind.name, name, outcome: same ? 'raised' : 'added', record: merged };
    } catch (error) {
      refuseUnlessKnown(error);
      // Another run may have added the very same: then the next look finds it.
      if (!again) continue;
      const beside = kind.beside?.(record) ?? record;
      if (sameJson(beside, record)) return { kind: kind.name, name, outcome: 'conflict', record };
      return into(store, kind, name, beside, add);
    }
  }
}

/**
 * Would the store's record, had it been lost too, learn nothing from that of the journal? Then it stays as it is: what was
 * confirmed or made since the home was lost is not in doubt because a journal is read again.
 */
function isCovered(kind: Kind<any>, mine: unknown, record: unknown): boolean {
  const lost = kind.restored(mine);
  return sameJson(merge(kind, lost, record), lost);
}

/** A record keeps its name, but for an opening that went on: then one's claims hold all of the other's. */
function isSame(kind: Kind<any>, mine: unknown, other: unknown): boolean {
  if (kind.key) return kind.key(mine) === kind.key(other);
  if (kind.row(mine).name === kind.row(other).name) return true;
  const [a, b] = [kind.claims(mine), kind.claims(other)];
  return a.every((claim) => b.includes(claim)) || b.every((claim) => a.includes(claim));
}

/** Throws what is more than that the store has got something meanwhile that was about to be added. */
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
      // A race that was lost, or notes that came meanwhile: look again.
      const commit = () => store.commit(plainCommit({ reads: [], writes: [], notes: lost }));
      done = lost.length === 0 || ((await commit().catch(refuseUnlessKnown)) ?? false);
    }
  }
}
