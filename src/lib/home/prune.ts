/**
 * Pruning: the end of records, replies and notes that a home needs no more. Pruned are
 *
 *   replies  once a later one of the same action over the same record is old; one that stands for
 *            good only behind another such. The last one stays until its record is over.
 *   notes    that lapse (`Note.lapses`), once they are old
 *   records  that have been over (`RecordRow.over`), unchanged, for the whole retention. What was
 *            settled on the chain (`Kind.spent`) needs each coin spent, with as many blocks on top.
 *   parts    records that go with another (`Kind.part`), right before it, once all have ended and
 *            none was written for as long
 *
 * Age needs both the home's clock and the chain's height, by the `mark`s of the store: a clock set
 * forward or a node that is ahead makes nothing old. Without a height no record goes. What holds
 * money, owes any or may be asked for again is not over: each family decides it (`row`), and the
 * schema refuses to delete anything else.
 *
 * What was pruned is refused afterwards by the state of its record, or for want of its record,
 * hence of its key. Small transactions let a run end or die after each. Not here: the statements
 * (`prune-sql.ts`).
 */
import { outpointText, type Gone } from '../bitcoin/outpoint.ts';
import type { Kind } from '../protocol/action.ts';
import { parseJson } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { knownKind } from './change.ts';
import {
  addMark,
  dropFollowed,
  dropMarks,
  dropNotes,
  dropParts,
  dropRecord,
  lastBefore,
  mayMark,
  ofKinds,
  overAfter,
  repliesAfter,
  type MarkTime,
  type OldRecord,
  type ReplyCursor,
} from './prune-sql.ts';
import type { HomeStore } from './sql-store.ts';
import { setMeta } from './life.ts';

const DAY = { seconds: 86_400, blocks: 144 };
export const PRUNE_LIMITS = {
  /** Least depth of what ended, however few days are retained. */
  deep: { unit: 'blocks', least: (keepDays: number) => Math.max(DAY.blocks, Math.ceil(keepDays * DAY.blocks)) },
  /** Time for which a record that came to nothing is retained. */
  nothing: { unit: 'seconds', least: DAY.seconds },
  /** Spacing of two marks. */
  marks: {
    unit: 'seconds',
    least: (keepDays: number) => Math.min(DAY.seconds / 4, (keepDays * DAY.seconds) / 16),
  },
} satisfies Limits;
/** Number of rows in one transaction. */
const SLICE = 100;
const LAST_LOOK = 'pruned';

export interface PruneOptions {
  store: HomeStore;
  kinds: readonly Kind<any>[];
  source: FactSource;
  keepDays: number;
  /** True does nothing where another run has begun less than a mark's spacing ago. */
  spaced?: boolean;
  /** Only counts what would go, and notes nothing. */
  dry?: boolean;
  /** Called after each transaction with the number of deleted rows, to give others their turn. */
  pause?: (gone: number) => Promise<void>;
  stopped?: () => boolean;
}
export interface Pruned {
  replies: number;
  notes: number;
  /** Number of deleted records of each kind. */
  records: Readonly<Record<string, number>>;
  /** Number of old ended records that stay: their coins lack confirmations, or a part is open. */
  unseen: number;
}

/** Options of a run, with its time and height. */
interface PruneRun extends Required<Omit<PruneOptions, 'pause' | 'spaced'>> {
  /**
   * Runs after each transaction.
   * @param more rows deleted by it
   */
  pause: (more: number) => Promise<void>;
  /** Present time, Unix seconds. */
  at: number;
  height: number | null;
}

/**
 * Deletes what is no longer needed.
 * @throws Refusal `store-newer` for a record of an unknown kind, and as the store and the source do
 */
export async function prune({
  dry = false,
  spaced = false,
  pause = async () => {},
  stopped = () => false,
  ...rest
}: PruneOptions): Promise<Pruned> {
  const { facts } = await rest.source.facts({ tip: true, now: true });
  if (facts.now === undefined) throw new Refusal('bug', 'nothing is pruned without a clock');
  const { tip = 'not-checked' } = facts;
  let gone = 0;
  const work: PruneRun = {
    ...rest,
    dry,
    pause: (more) => pause((gone += more)),
    stopped,
    at: facts.now,
    height: tip === 'not-checked' ? null : tip,
  };
  const { store, keepDays } = work;
  const spacing = PRUNE_LIMITS.marks.least(keepDays);
  if (spaced && !(await store.snapshot(() => mayMark(work, spacing))))
    return { replies: 0, notes: 0, records: {}, unseen: 0 };
  if (!dry) await store.prune([], (counter) => addMark(counter, work, spacing));
  const before = await store.snapshot(() => lastBefore(ago(work, keepDays * DAY.seconds, keepDays * DAY.blocks)));
  const replies = await pruneReplies(work, before);
  const notes = await pruneNotes(work, before);
  const { ended, nothing } = await limitsOf(work);
  const { records, unseen } = await pruneRecords(work, ended, nothing);
  if (!dry) await store.prune([], () => dropMarks(Math.min(before, ended, nothing)));
  return { replies, notes, records, unseen };
}

/**
 * Returns the last prunable commits: of ended records, and of those that came to nothing. None
 * without a height.
 */
async function limitsOf(work: PruneRun): Promise<{ ended: number; nothing: number }> {
  const oldest = (days: number): Promise<number> =>
    work.store.snapshot(() => lastBefore(ago(work, days * DAY.seconds, PRUNE_LIMITS.deep.least(days))));
  if (work.height === null) return { ended: -1, nothing: -1 };
  const soon = Math.min(work.keepDays, PRUNE_LIMITS.nothing.least / DAY.seconds);
  return { ended: await oldest(work.keepDays), nothing: await oldest(soon) };
}

/** Returns the moment so long before another. */
const ago = ({ at, height }: MarkTime, seconds: number, blocks: number): MarkTime => ({
  at: at - seconds,
  height: height === null ? null : height - Math.ceil(blocks),
});

async function pruneReplies({ store, dry, pause, stopped }: PruneRun, upTo: number): Promise<number> {
  let last: ReplyCursor = JSON.parse((await store.meta(LAST_LOOK)) ?? '{"number":-1,"key":""}') as ReplyCursor;
  const gone = new Set<string>();
  while (!stopped()) {
    const some = await store.snapshot(() => repliesAfter(last, upTo, SLICE));
    if (some.length === 0) break;
    const keys = some.map(({ key }) => key);
    last = some.at(-1)!;
    const place = JSON.stringify({ number: last.number, key: last.key });
    const names = [`meta:${LAST_LOOK}`, ...keys.map((key) => `reply:${key}`)];
    const dropped = await (dry
      ? store.snapshot(() => dropFollowed(keys, upTo, true))
      : store.prune(names, function* () {
          yield* setMeta(LAST_LOOK, place);
          return yield* dropFollowed(keys, upTo, false);
        }));
    const before = gone.size;
    for (const key of dropped) gone.add(key);
    await pause(gone.size - before);
  }
  return gone.size;
}

async function pruneNotes({ store, dry, pause, stopped }: PruneRun, upTo: number): Promise<number> {
  if (dry) return store.snapshot(() => dropNotes(upTo, SLICE, true));
  for (let gone = 0; ;) {
    const dropped = await store.prune([], () => dropNotes(upTo, SLICE, false));
    gone += dropped;
    await pause(dropped);
    if (dropped < SLICE || stopped()) return gone;
  }
}

async function pruneRecords(
  work: PruneRun,
  ended: number,
  nothing: number,
): Promise<Pick<Pruned, 'records' | 'unseen'>> {
  const { store, dry, pause, stopped } = work;
  const kinds = new Map(work.kinds.map((kind) => [kind.name, kind]));
  const records: Record<string, number> = {};
  const count = async (kind: string, gone: number): Promise<void> => {
    if (gone === 0) return;
    records[kind] = (records[kind] ?? 0) + gone;
    await pause(gone);
  };
  const old: DueRecord[] = [];
  let unseen = 0;
  for (let last = { rev: -1, id: -1 }; !stopped(); await pause(0)) {
    const some = await store.snapshot(() => overAfter(last, nothing, SLICE));
    if (some.length === 0) break;
    last = some.at(-1)!;
    const due = some.flatMap((row) => dueOf(row, kinds, ended));
    const spent = await spentDeep(
      work,
      due.flatMap(({ coins }) => coins),
    );
    for (const one of due)
      if (one.coins.every(({ outpoint }) => spent.has(outpointText(outpoint)))) old.push(one);
      else unseen += 1;
  }
  const parts = await partsOf(work, kinds, old);
  for (const { row, claims } of old) {
    const own = claims.flatMap((claim) => parts.get(claim) ?? []);
    if (stopped()) break;
    if (own.some(({ over, rev }) => !over || rev > ended)) unseen += 1;
    else {
      for (const [kind, some] of bySlices(own))
        await count(kind, dry ? some.length : await store.pruneRecords(claims, () => dropParts(some)));
      await count(row.kind, dry ? 1 : await store.pruneRecords(claims, () => dropOne(row)));
    }
  }
  return { records, unseen };
}

interface PartRecord extends Pick<OldRecord, 'id' | 'kind' | 'rev'> {
  /** True if nothing more can come of it. */
  over: boolean;
}

/** Returns the records pruned with these, by a claim of theirs. Slow: reads all of such kinds. */
async function partsOf(
  { store, pause, stopped }: PruneRun,
  kinds: ReadonlyMap<string, Kind<any>>,
  old: readonly DueRecord[],
): Promise<ReadonlyMap<string, readonly PartRecord[]>> {
  const found = new Map(old.flatMap(({ claims }) => claims).map((claim) => [claim, [] as PartRecord[]]));
  const names = [...kinds.values()].filter(({ part }) => part).map(({ name }) => name);
  if (old.length === 0 || names.length === 0) return found;
  for (let last = -1; !stopped(); await pause(0)) {
    const rows = await store.snapshot(() => ofKinds(names, last, SLICE));
    for (const { id, kind: name, rev, body } of rows) {
      const kind = knownKind(kinds, name, 'this store', 'prune');
      const { of, over } = kind.part!(kind.parse(parseJson(body)));
      found.get(of)?.push({ id, kind: name, rev, over });
    }
    if (rows.length < SLICE) break;
    last = rows.at(-1)!.id;
  }
  return found;
}

/** Yields slices of one kind each, of limited length. */
function* bySlices(parts: readonly PartRecord[]): Generator<readonly [kind: string, some: readonly PartRecord[]]> {
  for (const [kind, all] of Map.groupBy(parts, ({ kind }) => kind))
    for (let from = 0; from < all.length; from += SLICE) yield [kind, all.slice(from, from + SLICE)];
}

function* dropOne(row: Pick<OldRecord, 'id' | 'rev'>) {
  return (yield* dropRecord(row)) ? 1 : 0;
}

interface DueRecord {
  row: Pick<OldRecord, 'id' | 'kind' | 'rev'>;
  claims: readonly string[];
  coins: readonly Gone[];
}
/** Returns the record if it has ended by its kind, and is old enough. */
function dueOf(row: OldRecord, kinds: ReadonlyMap<string, Kind<any>>, ended: number): DueRecord[] {
  const kind = knownKind(kinds, row.kind, 'this store', 'prune');
  const record: unknown = kind.parse(parseJson(row.body));
  const { over } = kind.row(record);
  if (over === undefined || (over === 'ended' && row.rev > ended)) return [];
  const { id, kind: name, rev } = row;
  return [{ row: { id, kind: name, rev }, claims: kind.claims(record), coins: kind.spent?.(record) ?? [] }];
}

/** Returns the outpoints that the node shows spent, too deep for a reorganisation. */
async function spentDeep({ source, keepDays }: PruneRun, coins: readonly Gone[]): Promise<ReadonlySet<string>> {
  if (coins.length === 0) return new Set();
  const at = coins.map(({ outpoint }) => outpointText(outpoint));
  const { coins: found } = (await source.facts({ coins: at })).facts;
  if (found === undefined || found === 'not-checked') return new Set();
  const gone = coins.filter((_, i) => found.get(at[i]!) === 'missing');
  const spends = await source.spends?.(gone);
  const deep = { least: PRUNE_LIMITS.deep.least(keepDays) };
  return new Set(
    [...(spends ?? [])].flatMap(([outpoint, { confirmations }]) => (allows(deep, confirmations) ? [outpoint] : [])),
  );
}
