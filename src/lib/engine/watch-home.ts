/**
 * Watched records of a home: read a page at a time, and anew only where they have changed. Due ones
 * of all families come first, the most at stake before others; then the rest, the nearest of each
 * family first.
 */
import type { ActionStart, Watched } from '../contract/duty.ts';
import { ALONE, type Falls, type Watcher } from '../contract/watcher.ts';
import type { ReadyTx } from '../contract/fees.ts';
import { allWatchers, tableOf } from '../families.ts';
import { change, loadRecord } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { lostOf } from '../home/lost.ts';
import type { ListedRecord, Stretch } from '../home/store.ts';
import type { Claim } from '../protocol/action.ts';
import { parseJson } from '../protocol/json.ts';
import type { Ports } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bumpAlone } from './bump.ts';
import type { Charge, Resting, Unread } from './duties.ts';
import { damaged, failureOf } from './failure.ts';
import { markFunded, lapseAll } from './upkeep.ts';
import { note } from './log.ts';
import { pagesOf, pieces, slices } from './slices.ts';
import { play, playAgain } from './play.ts';
import { homeHand } from './wallet.ts';
import type { Post } from './watch.ts';

/** Number of records that are read, and looked at, in one go. */
const AT_ONCE = 200;

/** Part of a record that is held between scans. */
interface RestingRecord extends Omit<Resting, 'open'> {
  watcher: Watcher<any>;
  claim: Claim;
  idleUntil: number;
  worth: number;
}
function heldOf(
  watcher: Watcher<any>,
  { record }: Pick<ListedRecord, 'record'>,
  restored: boolean,
): RestingRecord | undefined {
  const { kind } = watcher;
  const read: unknown = kind.parse(record);
  const found: Watched | undefined = watcher.watched(read, { ...ALONE, restored });
  if (!found) return undefined;
  const { id, role, coins, restsUntil, idleUntil = -Infinity, worthSat } = found;
  const claim = kind.key?.(read) ?? kind.claims(read)[0]!;
  const outpoints = coins.map(({ outpoint }) => outpoint);
  return { watcher, claim, id, role, outpoints, restsUntil, idleUntil, worth: Number(worthSat) };
}

/** Returns the record that holds a claim; undefined where there is none of the kind. */
async function find({ store }: Home, { kind }: Watcher<any>, claim: Claim): Promise<unknown> {
  try {
    return (await loadRecord(store, kind, claim))?.record;
  } catch (error) {
    throw damaged(error);
  }
}

const isDamage = (error: unknown): boolean => error instanceof Refusal && error.code === 'store-damaged';

/**
 * Opens one record by its claims: how many others there are does not matter.
 * @param row as it was read just now; undefined: it is read anew
 */
async function chargeOf(
  home: Home,
  { watcher, claim }: RestingRecord,
  restored: boolean,
  row: ListedRecord | undefined,
): Promise<Charge | undefined> {
  const record: unknown = row ? watcher.kind.parse(row.record) : await find(home, watcher, claim);
  if (record === undefined) return undefined;
  const next = watcher.beside?.(record);
  // What is due is done without it.
  const unless = (error: unknown): null => {
    if (!isDamage(error)) throw error;
    return null;
  };
  const beside = next === undefined ? undefined : await find(home, watcher, next).catch(unless);
  const ours = new Set((await home.store.ours(watcher.scripts?.(record) ?? [])).keys());
  const watched = watcher.watched(record, { ours, beside, restored });
  const rewrite = <T>(next: (it: object) => object, result: (it: object) => T): Promise<T> =>
    change<{ it: object }, T>(
      home.store,
      { it: watcher.kind },
      () => ({ it: claim }),
      ({ it }) => {
        if (!it) throw new Refusal('state-moved-on', 'the record is not there any more');
        const written = next(it);
        return { writes: { it: written }, result: result(written) };
      },
    );
  const nothing = (): void => {};
  return (
    watched && {
      watched,
      async learn(seen) {
        const { learnt } = watcher;
        if (learnt?.(record, seen)) await rewrite((it) => (learnt(it, seen) ?? it) as object, nothing);
      },
      async sent(tx) {
        const { sent, newest } = watcher;
        if (!sent) return tx;
        return rewrite(
          (it) => sent(it, tx) as object,
          (it) => newest?.(it, tx) ?? tx,
        );
      },
      ended: (end) => rewrite((it) => watcher.ended(it, end) as object, nothing),
      // Where what held it was settled at the same look, it is gone already.
      lapsed: () => rewrite((it) => watcher.upkeep!.lapsed(it) as object, nothing).catch(unlessCode('state-moved-on')),
    }
  );
}

/** Ignores refusals with these codes. */
const unlessCode =
  (...codes: readonly string[]) =>
  (error: unknown): undefined => {
    if (!(error instanceof Refusal) || !codes.includes(error.code)) throw error;
  };

/** Returns the post over a home's records. @param only name of the record; undefined for all */
export function homePost(home: Home, ports: Ports, only: string | undefined): Post {
  const { store } = home;
  let held: ReadonlyMap<string, RestingRecord | undefined> = new Map();

  async function* listed(tip: number, restored: boolean): AsyncGenerator<readonly (Resting | Unread)[]> {
    const watchers = await allWatchers();
    const now = new Map<string, RestingRecord | undefined>();
    const pause = slices();
    const read = (watcher: Watcher<any>, row: ListedRecord, revision?: string): RestingRecord | Unread | undefined => {
      try {
        const one = revision !== undefined && held.has(revision) ? held.get(revision) : heldOf(watcher, row, restored);
        if (revision !== undefined) now.set(revision, one);
        // Anybody may have asked for what is idle. Of a restored home, whose journal may know of payments, nothing is.
        return one && !restored && tip < one.idleUntil ? undefined : one;
      } catch (error) {
        return { id: row.name, why: damaged(error) };
      }
    };
    const opening = (one: RestingRecord | Unread, row?: ListedRecord): Resting | Unread =>
      'why' in one ? one : { ...one, open: () => chargeOf(home, one, restored, row) };
    if (only !== undefined) {
      const named = (await store.byName(only)).filter(({ name }) => name === only);
      yield named.flatMap((row) => {
        const watcher = watchers.find(({ kind }) => kind.name === row.kind);
        const one = watcher && read(watcher, row);
        return one ? [opening(one)] : [];
      });
      return;
    }
    async function* pagesIn(part: (falls: Falls) => Omit<Stretch, 'most'> | undefined) {
      for (const watcher of watchers)
        for (const [figure, falls] of Object.entries(watcher.order)) {
          const stretch = part(falls);
          if (!stretch) continue;
          for await (const page of pagesOf(store, watcher.kind, figure, { ...stretch, most: AT_ONCE })) {
            const found: [RestingRecord | Unread, ListedRecord][] = [];
            for (const row of page) {
              // Two records may have one name, and after a restore one revision.
              const one = read(watcher, row, `${watcher.kind.name} ${row.id} ${row.rev} ${restored}`);
              if (one) found.push([one, row]);
              await pause();
            }
            yield found;
          }
        }
    }
    // What a program without figures has written since this one began is counted by that.
    for (const { kind } of watchers) await home.store.totals(kind);
    // A transaction can be in the block after the tip.
    const next = BigInt(tip) + 1n;
    const due: (RestingRecord | Unread)[] = [];
    for await (const found of pagesIn((falls) => DUE[falls]?.(next))) due.push(...found.map(([one]) => one));
    const worthOf = (one: RestingRecord | Unread): number => ('why' in one ? Infinity : one.worth);
    due.sort((a, b) => (worthOf(a) === worthOf(b) ? 0 : worthOf(b) - worthOf(a)));
    const full = due.length - (due.length % AT_ONCE);
    for (const piece of pieces(due.slice(0, full), AT_ONCE)) yield piece.map((one) => opening(one));
    // What is left of them fills its piece with others, and waits for one page of these.
    let waits = due.length > full;
    const left = due.slice(full).map((one) => opening(one));
    for await (const found of pagesIn((falls) => LATER[falls]?.(next, restored))) {
      left.push(...found.map(([one, row]) => opening(one, row)));
      for (; left.length >= AT_ONCE || waits; waits = false) yield left.splice(0, AT_ONCE);
    }
    yield left;
    held = now;
  }

  return {
    network: home.network,
    async list(tip) {
      // Looked at each time: another process reconciles.
      return { listed: listed(tip, (await lostOf(store)) === 'pending'), bad: [] };
    },
    withChild: (tx, feeSat) => childAt(home, tx, feeSat),
    hand: () => homeHand(home),
    async propose({ type, over, input, again, unless }: ActionStart) {
      const table = (await tableOf(type))!;
      const kept = again ? await playAgain(table, over, ports).catch(unlessCode('nothing-to-print')) : undefined;
      const said = kept ?? (await play(table, { json: null, input, merged: [] }, ports).catch(unlessCode(...unless)));
      return said && (parseJson(said.text) as object);
    },
    async after(stopped) {
      try {
        const ended = await markFunded(home, ports.source, stopped);
        return [...ended, ...(await lapseAll(home, ports.source, stopped))];
      } catch (error) {
        // Nothing that is due waits for it: at the next look it is tried again.
        const { code, message } = failureOf(error);
        note(`no look at what was funded: ${code}: ${message}`);
        return [];
      }
    },
  };
}

type StretchPart = Omit<Stretch, 'most'>;
const from = (value: bigint): StretchPart => ({ after: { value, id: 0 } });
/** Records of a figure that are due, by the height of the next block. */
const DUE: Partial<Record<Falls, (next: bigint) => StretchPart>> = {
  now: () => ({}),
  height: (next) => ({ upTo: next }),
  wakes: (next) => ({ upTo: next - 1n }),
};
/** All other records of a figure. */
const LATER: Partial<Record<Falls, (next: bigint, restored: boolean) => StretchPart | undefined>> = {
  height: (next) => from(next + 1n),
  wakes: (next, restored) => (restored ? from(next) : undefined),
  never: () => ({}),
};

/** Returns a child that spends the anchor and an own output, at a fee within its budget. */
async function childAt(home: Home, { hex, fee }: ReadyTx, feeSat: bigint) {
  const stuck = { network: home.network, hex, feeSat: fee };
  // A tenth of what a small contract pays may be too little to save it.
  const dear = { feerate: 0, least: () => feeSat, allowFee: true };
  const { package: txs, fee_sat } = await bumpAlone(home, stuck, dear);
  return { txs, fee_sat };
}
