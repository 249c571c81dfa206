/**
 * Scans a home's records of one kind for what only a node knows: coins that are spent, or not
 * there. The store has added up what the records state (`Kind.figures`). Records that differ from
 * that are held here and counted instead. Those whose end no record knows are read in the order of
 * their heights, a page at a time and in slices. A server thus answers messages meanwhile, and
 * memory does not grow with their number. Without a node only the height adds to the records: which
 * have expired.
 */
import { outpointText } from '../bitcoin/outpoint.ts';
import type { FamilyGauges } from '../contract/gauges.ts';
import type { CoinFacts, Watcher } from '../contract/watcher.ts';
import type { Otherwise } from '../home/figures.ts';
import type { Home } from '../home/home.ts';
import type { HomeStore } from '../home/sql-store.ts';
import type { Ordered } from '../home/store.ts';
import type { Totals } from '../protocol/figures.ts';
import { sameJson } from '../protocol/json.ts';
import type { FactSource } from '../protocol/ports.ts';
import { seenOf } from './status.ts';
import { pagesOf, slices } from './slices.ts';

/** Records whose coins are queried at a time. */
const PAGE = 200;

export interface Look {
  tip: CoinFacts['tip'];
  /** Source of the coins: whether a node was queried. */
  coins: 'chain' | 'not-checked';
  /** Records that differ from what is stored, by the store's numbers. */
  otherwise: ReadonlyMap<number, Otherwise>;
}

/** Figures of the records that may yet be settled, with the height from which each is due. */
const heightsOf = ({ order }: Pick<Watcher<any>, 'order'>): string[] =>
  Object.keys(order).filter((figure) => order[figure] === 'height');

/**
 * Scans all records at each call. A record whose coin is there counts as written. Only its outpoint
 * is held from one scan to the next, and it is not read again before it has changed.
 * @param visit receives every contract, also if there is nothing to ask a node
 */
export function lookingOver<R>(
  store: Pick<HomeStore, 'inOrder'>,
  source: FactSource,
  watcher: Watcher<R>,
  visit?: (record: R, facts: CoinFacts) => void,
): () => Promise<Look> {
  const { kind } = watcher;
  const upkeep = watcher.upkeep!;
  /** Outpoints, by number and revision of the record. */
  let held: ReadonlyMap<string, string> = new Map();
  return async () => {
    const { tip = 'not-checked', coins: asked = 'not-checked' } = (await source.facts({ tip: true, coins: [] })).facts;
    const asks = asked !== 'not-checked';
    const otherwise = new Map<number, Otherwise>();
    const seen = new Map<string, string>();
    const pause = slices();
    /** Returns the contracts of a page whose coin is missing, or all if coins are not checked. */
    const astir = async (page: readonly Ordered[]): Promise<readonly Ordered[]> => {
      if (!asks || visit) return page;
      const at: string[] = [];
      for (const { id, rev, record } of page) {
        const key = `${id} ${rev}`;
        const outpoint = held.get(key) ?? outpointText(upkeep.coin(kind.parse(record))!.outpoint);
        seen.set(key, outpoint);
        at.push(outpoint);
        await pause();
      }
      const { coins = 'not-checked' } = (await source.facts({ coins: at })).facts;
      return coins === 'not-checked' ? page : page.filter((_, i) => coins.get(at[i]!) === 'missing');
    };
    for (const figure of heightsOf(watcher)) {
      const all = asks || visit !== undefined;
      if (!all && (tip === 'not-checked' || !Object.hasOwn(upkeep.lapses, figure))) continue;
      const upTo = all ? {} : { upTo: BigInt(tip) };
      for await (const page of pagesOf(store, kind, figure, { ...upTo, most: PAGE })) {
        const rows = await astir(page);
        const records: R[] = [];
        for (const { record } of rows) {
          records.push(kind.parse(record));
          await pause();
        }
        if (records.length === 0) continue;
        const coins = records.flatMap((record) => upkeep.coin(record) ?? []);
        const facts = await seenOf(source, coins);
        for (const [i, record] of records.entries()) {
          const { id, rev } = rows[i]!;
          const [was, is] = [kind.figures!(record), upkeep.figures(record, facts)];
          if (!sameJson(was, is)) otherwise.set(id, { rev, was, is });
          visit?.(record, facts);
          await pause();
        }
      }
    }
    held = seen;
    return { tip, coins: asks ? 'chain' : 'not-checked', otherwise };
  };
}

/** Returns the sums over all records of a family's gauges. */
export const homeTotals = async (
  { store }: Pick<Home, 'store'>,
  { watcher, beside }: Pick<FamilyGauges, 'watcher' | 'beside'>,
  otherwise?: Look['otherwise'],
): Promise<Totals> => {
  const sums = [...beside.map((kind) => store.totals(kind)), store.totals(watcher.kind, otherwise)];
  return new Map((await Promise.all(sums)).flatMap((totals) => [...totals]));
};

/** Returns the nearest height at which this home must act; undefined if it has no means to act. */
export async function nextDeadline(
  store: Pick<HomeStore, 'inOrder'>,
  watcher: Watcher<any>,
  { otherwise }: Pick<Look, 'otherwise'>,
): Promise<number | undefined> {
  const [deadline = ''] = heightsOf(watcher);
  for await (const page of pagesOf(store, watcher.kind, deadline, { most: PAGE })) {
    const next = page.find(({ id, rev }) => {
      const known = otherwise.get(id);
      return known?.rev !== rev || deadline in known.is;
    });
    if (next) return Number(next.value);
  }
  return undefined;
}
