/**
 * Looks at a home's records of one kind: what a node knows beyond them, of coins that are spent, or not
 * there. The store has added up what the records say (`Kind.figures`). Records that stand otherwise
 * are kept here and put in their place. Those whose end no record knows are gone through in the
 * order of their heights, a page at a time and in slices. A server so answers messages meanwhile,
 * and memory does not grow with their number. Without a node only the height tells more than the
 * records, of those that have expired.
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

/** Records whose coins are asked for at a time. */
const PAGE = 200;

export interface Look {
  tip: CoinFacts['tip'];
  /** Source of the coins: whether a node was asked. */
  coins: 'chain' | 'not-checked';
  /** The records that stand otherwise than they say, by the store's numbers. */
  otherwise: ReadonlyMap<number, Otherwise>;
}

/** Figures of the records that may yet be settled, which say the height from which each is due. */
const heightsOf = ({ order }: Pick<Watcher<any>, 'order'>): string[] =>
  Object.keys(order).filter((figure) => order[figure] === 'height');

/**
 * Looks at all records, each time it is called. A record whose coin is there stands as it says.
 * Only its outpoint is kept from one look to the next; it is read again once it has changed.
 * @param visit is handed every contract, also where there is nothing to ask a node
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
    /** Returns the contracts of a page of which more is to be known than that their coin is there. */
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

/** Returns the nearest height at which this home must act; undefined where it has nothing to act with. */
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
