/**
 * A change of a home's records that no message asks for: load by claims, decide, commit once. It
 * starts again where another process was faster. `engine/play.ts` plays what messages ask for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim, HeldRecord, Kind, Records } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import type { Commit, EncryptedNonce, Store } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { storedFigures } from './figures.ts';
import type { ListedRecord } from './store.ts';

export type KindsOf<Rs extends Records> = { [K in keyof Rs]: Kind<Rs[K]> };
export type FindOf<Rs extends Records> = (records: Partial<Rs>) => { [K in keyof Rs]?: Claim | undefined };

/** Record that a loaded one holds (`Kind.holds`). */
interface LoadedHeld {
  claim: Claim;
  rev: number;
  kind: Kind<any>;
  record: object;
}
export interface LoadedRecords<Rs extends Records> {
  records: Partial<Rs>;
  reads: readonly { role: string; claim: Claim; rev: number }[];
  held: readonly LoadedHeld[];
  nonces: readonly EncryptedNonce[];
}

/** Record that --contract names, with its role in the action. */
interface NamedRecord<Rs extends Records> {
  claim: Claim;
  roleOf?: ((record: unknown) => keyof Rs & string) | undefined;
}

async function roleFor<Rs extends Records>(
  store: Pick<Store, 'load'>,
  kinds: KindsOf<Rs>,
  { claim, roleOf }: NamedRecord<Rs>,
): Promise<Record<string, Claim>> {
  const hit = (await store.load([claim])).found.get(claim);
  const role = Object.keys(kinds).find((name) => kinds[name]!.name === hit?.kind);
  if (role === undefined) throw new Refusal('unknown-contract', 'the record that was named is none of this action');
  return { [roleOf?.(kinds[role]!.parse(hit!.record)) ?? role]: claim };
}

/** Returns the record of this kind behind a claim; undefined where there is none. */
export async function loadRecord<R>(
  store: Pick<Store, 'load'>,
  { name, parse }: Kind<R>,
  claim: Claim,
): Promise<{ record: R; rev: number } | undefined> {
  const hit = (await store.load([claim])).found.get(claim);
  return hit?.kind === name ? { record: parse(hit.record), rev: hit.rev } : undefined;
}
/** Returns the records of a kind, oldest first. @param state their state; undefined for any */
export const listRecords = async <R>(
  store: { list(kind: string, state?: string): Promise<readonly ListedRecord[]> },
  { name, parse }: Kind<R>,
  state?: string,
): Promise<R[]> => (await store.list(name, state)).map(({ record }) => parse(record));

/** Loads the records that `find` names, until it names no others; then the records they hold. */
export async function loadRecords<Rs extends Records>(
  store: Pick<Store, 'load'>,
  kinds: KindsOf<Rs>,
  find: FindOf<Rs>,
  named?: NamedRecord<Rs>,
): Promise<LoadedRecords<Rs>> {
  const over = named && (await roleFor(store, kinds, named));
  let records: Partial<Rs> = {};
  for (let known = ''; ;) {
    const roles = Object.entries({ ...find(records), ...over }).filter(
      (role): role is [string, Claim] => role[1] !== undefined,
    );
    const { found, nonces } = await store.load(roles.map(([, claim]) => claim));
    records = {};
    for (const [role, claim] of roles) {
      const hit = found.get(claim);
      if (!hit) continue;
      const { name, parse } = kinds[role as keyof Rs];
      if (hit.kind !== name)
        throw new Refusal('unknown-contract', `a record of kind ${hit.kind} found there, one of kind ${name} expected`);
      records[role as keyof Rs] = parse(hit.record);
    }
    const now = roles.map(([role, claim]) => `${role}=${claim}`).join();
    if (now === known) {
      const holders = Object.entries(records).map(([role, record]) => ({ kind: kinds[role]!, record }));
      return {
        records,
        reads: roles.map(([role, claim]) => ({ role, claim, rev: found.get(claim)?.rev ?? 0 })),
        held: await loadHeld(store, holders),
        nonces,
      };
    }
    known = now;
  }
}

/**
 * Returns the kind of this name.
 * @param where words for what holds such a record
 * @param use verb of the hint
 * @throws Refusal `store-newer` for a kind that this program does not know
 */
export function knownKind(kinds: ReadonlyMap<string, Kind<any>>, name: string, where: string, use: string): Kind<any> {
  const kind = kinds.get(name);
  if (kind) return kind;
  throw new Refusal('store-newer', `${where} holds a record of the unknown kind '${name}'`, {
    hint: `${use} it with the version of spillway that wrote it`,
  });
}

const heldBy = (kind: Kind<any>, record: unknown): readonly HeldRecord[] =>
  record === undefined ? [] : (kind.holds?.(record) ?? []);

/** Returns the records that `before` holds and `after` does not. */
export function noLongerHeld(kind: Kind<any>, before: unknown, after: unknown): readonly HeldRecord[] {
  const still = new Set(heldBy(kind, after).map(({ claim }) => claim));
  return heldBy(kind, before).filter(({ claim }) => !still.has(claim));
}

/** Loads held records, with the records that these hold in turn. */
async function loadHeld(
  store: Pick<Store, 'load'>,
  holders: readonly { kind: Kind<any>; record: unknown }[],
): Promise<LoadedHeld[]> {
  const all: LoadedHeld[] = [];
  for (let next = holders; next.length > 0;) {
    const held = next
      .flatMap(({ kind, record }) => heldBy(kind, record))
      .filter(({ claim }) => !all.some((known) => known.claim === claim));
    const { found } = await store.load(held.map(({ claim }) => claim));
    const loaded = held.flatMap(({ claim, kind }) => {
      const hit = found.get(claim);
      return hit?.kind === kind.name ? [{ claim, kind, rev: hit.rev, record: kind.parse(hit.record) as object }] : [];
    });
    all.push(...loaded);
    next = loaded;
  }
  return all;
}

/**
 * Returns the writes of records that are released when one record becomes `after`.
 * @param before every version that it may have had
 */
export async function releasedBy(
  store: Pick<Store, 'load'>,
  kind: Kind<any>,
  before: readonly unknown[],
  after: unknown,
): Promise<Commit['writes']> {
  const held = await loadHeld(
    store,
    before.map((record) => ({ kind, record })),
  );
  const pairs = before.map((record) => ({ kind, before: record as object, after: after as object }));
  return releases(pairs, held);
}

/**
 * Returns the writes of released records, and of those that these held in turn, each once. Leaves
 * out records that are written or held anyway.
 * @param pairs each written record, before and after
 */
function releases(
  pairs: readonly { kind: Kind<any>; before: object | undefined; after: object }[],
  held: readonly LoadedHeld[],
): Commit['writes'] {
  const kept = new Set(
    pairs.flatMap(({ kind, after }) => [...heldBy(kind, after).map(({ claim }) => claim), ...kind.claims(after)]),
  );
  const writes = new Map<Claim, Commit['writes'][number]>();
  for (const queue = [...pairs]; queue.length > 0;) {
    const { kind: holder, before, after: left } = queue.shift()!;
    const released = noLongerHeld(holder, before, left).map(({ claim }) => claim);
    const gone = new Set(released.filter((claim) => !kept.has(claim)));
    for (const { claim, kind, rev, record } of held.filter((one) => gone.has(one.claim) && !writes.has(one.claim))) {
      const after = kind.released?.(record) as object | undefined;
      if (after === undefined || sameJson(after, record)) continue;
      writes.set(claim, writeOf(kind, after, claim, rev));
      queue.push({ kind, before: record, after });
    }
  }
  return [...writes.values()];
}

/** Returns the write of a record. @param claim that found it, at `rev`; null and 0 if new */
export const writeOf = <R>(kind: Kind<R>, record: R, claim: Claim | null, rev: number): Commit['writes'][number] => ({
  kind: kind.name,
  claim,
  rev,
  record: record as object,
  row: kind.row(record),
  claims: kind.claims(record),
  nonces: kind.nonces?.(record) ?? [],
  figures: storedFigures(kind, record),
});

/** Returns true if a restored home drops the difference: nonces, open requests and wishes. */
const isPassing = <R>(kind: Kind<R>, before: R, after: unknown): boolean =>
  sameJson(kind.restored(before), kind.restored(after as R));

/** Returns the writes of a commit: changed records, and held ones that are released. */
export function writesOf<Rs extends Records>(
  kinds: KindsOf<Rs>,
  { records, reads, held }: Pick<LoadedRecords<Rs>, 'records' | 'reads' | 'held'>,
  writes: Partial<Rs>,
): Commit['writes'] {
  const changed = (Object.entries(writes) as [keyof Rs & string, object][]).filter(
    ([role, record]) => !sameJson(record, records[role] ?? null),
  );
  const own = changed.map(([role, record]) => {
    const before = records[role];
    const read = before === undefined ? undefined : reads.find((r) => r.role === role);
    const write = writeOf(kinds[role], record as never, read?.claim ?? null, read?.rev ?? 0);
    return before !== undefined && isPassing(kinds[role], before, record) ? { ...write, passing: true } : write;
  });
  const pairs = changed.map(([role, after]) => ({ kind: kinds[role], before: records[role], after }));
  return [...own, ...releases(pairs, held)];
}

/** Empty reply of a change that answers no message. */
export const NO_REPLY: Commit['reply'] = { text: '', exit: 0, type: '', row: '', stands: false, flags: '', copies: [] };

/** Returns a commit without message, reply or nonces. */
export const plainCommit = (parts: Pick<Commit, 'reads' | 'writes'> & Partial<Pick<Commit, 'notes'>>): Commit => ({
  key: null,
  reply: NO_REPLY,
  opens: [],
  shows: [],
  spends: [],
  notes: [],
  addresses: [],
  ...parts,
});

interface ChangeResult<Rs extends Records, T> {
  writes: Partial<Rs>;
  result: T;
}

/**
 * Changes records: loads what `find` names, lets `take` decide, commits. Retries a lost race.
 * @param take may query services: the commit stands only if no record moved on meanwhile
 * @throws Refusal `concurrent` where others are faster again and again, and whatever `take` throws
 */
export async function change<Rs extends Records, T>(
  store: Pick<Store, 'load' | 'commit' | 'flush'>,
  kinds: KindsOf<Rs>,
  find: FindOf<Rs>,
  take: (records: Partial<Rs>) => Promise<ChangeResult<Rs, T>> | ChangeResult<Rs, T>,
): Promise<T> {
  const { result } = await retryRace(async () => {
    const loaded = await loadRecords(store, kinds, find);
    const changed = await take(loaded.records);
    const writes = writesOf(kinds, loaded, changed.writes);
    const reads = loaded.reads.map(({ claim, rev }) => ({ claim, rev }));
    if (writes.length === 0) {
      await store.flush();
      return changed;
    }
    return (await store.commit(plainCommit({ reads, writes }))) ? changed : undefined;
  });
  return result;
}

const ATTEMPTS = 8;

/**
 * Runs `work` again from the start while another run of the home is faster, at most eight times.
 * @param work gets the attempt's number, from 1; resolves to undefined if another run was faster
 * @throws Refusal `concurrent` where others are faster again and again, and whatever `work` throws
 */
export async function retryRace<T extends object | string | number | boolean>(
  work: (attempt: number) => Promise<T | undefined>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const done = await work(attempt);
    if (done !== undefined) return done;
    if (attempt === ATTEMPTS)
      throw new Refusal('concurrent', `other runs of this home were faster ${ATTEMPTS} times`, {
        hint: 'run it again',
      });
    await sleep(Math.random() * 20 * attempt);
  }
}
