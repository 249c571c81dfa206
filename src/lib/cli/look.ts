/**
 * What a node knows of a home's credit contracts beyond their records: coins that are spent, or not there. What the records
 * say the store has added up (`credit/figures.ts`); what stands otherwise is kept here, a contract each, and put in its place.
 *
 * The contracts whose end no record knows are gone through in the order of their heights, a page at a time and in slices, so
 * that a server answers messages meanwhile and memory does not grow with their number. Without a node only the height tells
 * more than the records, of those that have expired.
 */
import { figuresOf } from '../credit/figures.ts';
import { creditKind, type Credit } from '../credit/records.ts';
import type { ExitFacts } from '../credit/standing.ts';
import type { Otherwise } from '../home/figures.ts';
import type { HomeStore } from '../home/store.ts';
import { sameJson } from '../protocol/json.ts';
import type { FactSource } from '../protocol/ports.ts';
import { exitFacts } from './contracts.ts';
import { pagesOf } from './pages.ts';
import { slices } from './slices.ts';

/** Contracts that are read, and whose coins are asked for, at a time. */
const PAGE = 100;

export interface Look {
  tip: ExitFacts['tip'];
  /** Whether a node was asked for the coins. */
  coins: 'chain' | 'not-checked';
  /** The contracts that stand otherwise than their records say, by the store's numbers. */
  otherwise: ReadonlyMap<number, Otherwise>;
}

/** @param visit is handed every contract, also where there is nothing to ask a node */
export async function lookOver(
  store: Pick<HomeStore, 'inOrder'>,
  source: FactSource,
  visit?: (contract: Credit, facts: ExitFacts) => void,
): Promise<Look> {
  const { tip = 'not-checked', coins = 'not-checked' } = (await source.facts({ tip: true, coins: [] })).facts;
  const asks = coins !== 'not-checked';
  const otherwise = new Map<number, Otherwise>();
  const pause = slices();
  for (const figure of ['deadline', 'expiry']) {
    const all = asks || visit !== undefined;
    if (!all && (tip === 'not-checked' || figure === 'deadline')) continue;
    const upTo = all ? {} : { upTo: BigInt(tip) };
    for await (const page of pagesOf(store, creditKind, figure, { ...upTo, most: PAGE })) {
      const contracts: { name: string; record: Credit }[] = [];
      for (const { name, record } of page) {
        contracts.push({ name, record: creditKind.parse(record) });
        await pause();
      }
      const facts = await exitFacts(source, contracts);
      for (const [i, { record }] of contracts.entries()) {
        const [was, is] = [figuresOf(record), figuresOf(record, facts)];
        if (!sameJson(was, is)) otherwise.set(page[i]!.id, { rev: page[i]!.rev, was, is });
        visit?.(record, facts);
        await pause();
      }
    }
  }
  return { tip, coins: asks ? 'chain' : 'not-checked', otherwise };
}

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
