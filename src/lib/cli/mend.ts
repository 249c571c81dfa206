/**
 * `reconcile --mend`: finds in a home what older programs left behind, gives up what nobody can need any more, and names what
 * only its owner can settle; strikes off, at its owner's word, what was counted twice. Not here: what is wrong with a record
 * (`credit/orphans.ts`, `mint/leftovers.ts`).
 */
import { minSat } from '../bitcoin/amount.ts';
import { orphanOf, type Orphan } from '../credit/orphans.ts';
import { struckBy } from '../credit/owed.ts';
import { creditKind, released, type Credit } from '../credit/records.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { leftoverOf, owedTwice } from '../mint/leftovers.ts';
import { invoiceKind, tabClaim, tabKind, type InvoiceRecord, type Tab } from '../mint/records.ts';
import type { Hex } from '../protocol/action.ts';
import { parseJson } from '../protocol/json.ts';
import { idClaim } from '../protocol/claims.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { isOurs, readRefunds, type RefundCopy } from './refunds.ts';

export interface Mended {
  documents: object[];
  /** Something is left for its owner. */
  look: boolean;
}

/** A document for each record that was mended or is named, and one that sums up. */
export async function mend(home: Home): Promise<Mended> {
  const { store, network } = home;
  const head = { type: 'reconcile', version: 1, network } as const;
  const listed = async (): Promise<Credit[]> =>
    (await store.list(creditKind.name)).map(({ record }) => creditKind.parse(record));
  const invoices = await invoicesIn(store);
  const documents: object[] = [];
  const count = { mended: 0, look: 0 };
  const all = await listed();
  for (const record of all) {
    const orphan = await orphanIn(home, record, all);
    const found = orphan ?? leftoverOf(record, invoices);
    if (!found) continue;
    const { why, command } = found;
    const { name, kind } = { ...creditKind.row(record), kind: creditKind.name };
    if (orphan?.command === null && !(await giveUp(home, orphan, listed))) continue;
    const outcome = command === null ? 'mended' : 'look';
    count[outcome] += 1;
    documents.push({ ...head, kind, name, outcome, why, ...(command !== null && { command }) });
  }
  for (const { contract, valid_from_height: from } of await lostRefunds(home)) {
    count.look += 1;
    const why = `a refund is kept, valid from block ${from}, and no record of its contract is left, which an older rollover --cancel could erase: send it, unless its coin is spent; then its file may go`;
    documents.push({
      ...head,
      kind: creditKind.name,
      name: contract,
      outcome: 'look',
      why,
      command: 'spillway restore',
    });
  }
  return { documents: [...documents, { ...head, ...count }], look: count.look > 0 };
}

const orphanIn = ({ store, mayRepeat }: Home, record: Credit, all: readonly Credit[]): Promise<Orphan | undefined> =>
  orphanOf(record, all, async (action, row) => {
    // What came back of a journal has no replies.
    const [claim] = creditKind.claims(record);
    return mayRepeat || (claim !== undefined && (await store.last(action, claim))?.row === row);
  });

/** Refunds of this home's whose contract it has no record of, but for those of rollovers that came to nothing. */
async function lostRefunds(home: Home): Promise<readonly RefundCopy[]> {
  const { store } = home;
  const rolled = new Set<string>();
  for (const { record } of await store.list(creditKind.name)) {
    const [claim] = creditKind.claims(creditKind.parse(record));
    const reply = claim && (await store.last('rollover', claim));
    const { next_contract: next } = parseJson(reply?.text ?? '{}') as { next_contract?: { id: string } };
    if (next) rolled.add(next.id);
  }
  const lost: RefundCopy[] = [];
  for (const copy of readRefunds(home).read)
    if (!rolled.has(copy.contract) && (await store.byName(copy.contract)).length === 0 && (await isOurs(home, copy)))
      lost.push(copy);
  return lost;
}

/** Whether it was still so when it was given up. */
const giveUp = (home: Home, { claim }: Orphan, listed: () => Promise<Credit[]>): Promise<boolean> =>
  change<{ contract: Credit }, boolean>(
    home.store,
    { contract: creditKind },
    () => ({ contract: claim }),
    async ({ contract }) => {
      if (!contract || !(await orphanIn(home, contract, await listed()))) return { writes: {}, result: false };
      return { writes: { contract: released(contract) }, result: true };
    },
  );

const invoicesIn = async (store: Home['store']): Promise<InvoiceRecord[]> =>
  (await store.list(invoiceKind.name)).map(({ record }) => invoiceKind.parse(record));

/**
 * The operator has agreed with the merchant what of a contract's debt had been counted twice: from now on it is not owed.
 * @throws Refusal `home-restored`, `unknown-contract`; `amount-differs` for more than neither signatures nor invoices account for
 */
export async function strike(
  { store, network, restored }: Pick<Home, 'store' | 'network' | 'restored'>,
  contract: Hex,
  sat: bigint,
): Promise<Mended> {
  if (restored) throw homeRestored('its journal may know of more that is owed');
  return change<{ contract: Credit; tab: Tab }, Mended>(
    store,
    { contract: creditKind, tab: tabKind },
    () => ({ contract: idClaim(contract), tab: tabClaim(contract) }),
    async ({ contract: c, tab }) => {
      if (c?.role !== 'payer' || !('owedSat' in c) || c.owedSat === null)
        throw new Refusal('unknown-contract', 'a contract expected over which this home owes what invoices say');
      const most = owedTwice(c, await invoicesIn(store));
      if (sat <= 0n || sat > most)
        throw new Refusal(
          'amount-differs',
          `${sat} sat found, at most the ${most} sat that may be owed twice expected`,
        );
      const left = struckBy({ ...c, owedSat: c.owedSat }, sat);
      const due = tab?.due.map((d) => ({ ...d, owedSat: minSat(d.owedSat, left.owedSat) }));
      return {
        writes: { contract: left as Credit, ...(tab && { tab: { ...tab, due: due! } }) },
        result: {
          documents: [
            {
              type: 'reconcile',
              version: 1,
              network,
              kind: creditKind.name,
              name: c.id,
              outcome: 'struck',
              struck_sat: left.struckSat,
              owed_sat: left.owedSat,
            },
          ],
          look: false,
        },
      };
    },
  );
}
