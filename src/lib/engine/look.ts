/**
 * Looks at a home's credit contracts: what a node knows beyond their records, of coins that are
 * spent, or not there. The store has added up what the records say (`credit/figures.ts`). Contracts
 * that stand otherwise are kept here and put in their place. The contracts whose end no record
 * knows are gone through in the order of their heights, a page at a time and in slices. A server so
 * answers messages meanwhile, and memory does not grow with their number. Without a node only the
 * height tells more than the records, of those that have expired.
 */
import { outpointText } from '../bitcoin/outpoint.ts';
import { figuresOf } from '../credit/figures.ts';
import { creditKind, type Credit, type FundedCredit } from '../credit/records.ts';
import type { ExitFacts } from '../credit/standing.ts';
import { ledgerKind } from '../ecash/ledger.ts';
import type { Otherwise } from '../home/figures.ts';
import type { Home } from '../home/home.ts';
import type { HomeStore } from '../home/sql-store.ts';
import type { Ordered } from '../home/store.ts';
import type { Totals } from '../protocol/figures.ts';
import { sameJson } from '../protocol/json.ts';
import type { FactSource } from '../protocol/ports.ts';
import { exitFacts } from './contracts.ts';
import { pagesOf, slices } from './slices.ts';

/** Contracts whose coins are asked for at a time. */
const PAGE = 200;

export interface Look {
  tip: ExitFacts['tip'];
  /** Source of the coins: whether a node was asked. */
  coins: 'chain' | 'not-checked';
  /** The contracts that stand otherwise than their records say, by the store's numbers. */
  otherwise: ReadonlyMap<number, Otherwise>;
}

/**
 * Looks at all contracts, each time it is called. A contract whose coin is there stands as its
 * record says. Only its outpoint is kept from one look to the next, and its record is not read again
 * before it has changed.
 * @param visit is handed every contract, also where there is nothing to ask a node
 */
export function lookingOver(
  store: Pick<HomeStore, 'inOrder'>,
  source: FactSource,
  visit?: (contract: Credit, facts: ExitFacts) => void,
): () => Promise<Look> {
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
        const outpoint = held.get(key) ?? outpointText((creditKind.parse(record) as FundedCredit).outpoint);
        seen.set(key, outpoint);
        at.push(outpoint);
        await pause();
      }
      const { coins = 'not-checked' } = (await source.facts({ coins: at })).facts;
      return coins === 'not-checked' ? page : page.filter((_, i) => coins.get(at[i]!) === 'missing');
    };
    for (const figure of ['deadline', 'expiry']) {
      const all = asks || visit !== undefined;
      if (!all && (tip === 'not-checked' || figure === 'deadline')) continue;
      const upTo = all ? {} : { upTo: BigInt(tip) };
      for await (const page of pagesOf(store, creditKind, figure, { ...upTo, most: PAGE })) {
        const rows = await astir(page);
        const contracts: { name: string; record: Credit }[] = [];
        for (const { name, record } of rows) {
          contracts.push({ name, record: creditKind.parse(record) });
          await pause();
        }
        if (contracts.length === 0) continue;
        const facts = await exitFacts(source, contracts);
        for (const [i, { record }] of contracts.entries()) {
          const { id, rev } = rows[i]!;
          const [was, is] = [figuresOf(record), figuresOf(record, facts)];
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

/** Returns the sums over all contracts and their ledgers. */
export const homeTotals = async ({ store }: Pick<Home, 'store'>, otherwise?: Look['otherwise']): Promise<Totals> =>
  new Map([...(await store.totals(ledgerKind)), ...(await store.totals(creditKind, otherwise))]);

/** The nearest height at which this home must exit; undefined where it has nothing to exit with. */
export async function nextDeadline(
  store: Pick<HomeStore, 'inOrder'>,
  { otherwise }: Pick<Look, 'otherwise'>,
): Promise<number | undefined> {
  for await (const page of pagesOf(store, creditKind, 'deadline', { most: PAGE })) {
    const next = page.find(({ id, rev }) => {
      const known = otherwise.get(id);
      return known?.rev !== rev || 'deadline' in known.is;
    });
    if (next) return Number(next.value);
  }
  return undefined;
}
