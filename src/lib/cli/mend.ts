/**
 * `reconcile --mend`: finds in a home what older programs left behind, gives up what nobody can need any more, and names what
 * only its owner can settle. Not here: what is wrong (`credit/orphans.ts`, `mint/leftovers.ts`).
 */
import { orphanOf, type Orphan } from '../credit/orphans.ts';
import { cancelled, creditKind, isOpening, type Credit } from '../credit/records.ts';
import { refundNonce } from '../credit/refund.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { leftoverOf } from '../mint/leftovers.ts';
import { invoiceKind } from '../mint/records.ts';

export interface Mended {
  documents: object[];
  /** Something is left for its owner. */
  look: boolean;
}

/** A document for each record that was mended or is named, and one that sums up. */
export async function mend({ store, network }: Pick<Home, 'store' | 'network'>): Promise<Mended> {
  const head = { type: 'reconcile', version: 1, network } as const;
  const listed = async (): Promise<Credit[]> =>
    (await store.list(creditKind.name)).map(({ record }) => creditKind.parse(record));
  const invoices = (await store.list(invoiceKind.name)).map(({ record }) => invoiceKind.parse(record));
  const documents: object[] = [];
  const count = { mended: 0, look: 0 };
  for (const record of await listed()) {
    const orphan = orphanOf(record, await listed());
    const found = orphan ?? leftoverOf(record, invoices);
    if (!found) continue;
    const { why, command } = found;
    const { name, kind } = { ...creditKind.row(record), kind: creditKind.name };
    if (orphan?.command === null && !(await giveUp(store, orphan, listed))) continue;
    const outcome = command === null ? 'mended' : 'look';
    count[outcome] += 1;
    documents.push({ ...head, kind, name, outcome, why, ...(command !== null && { command }) });
  }
  return { documents: [...documents, { ...head, ...count }], look: count.look > 0 };
}

/** Whether it was still so when it was given up. */
const giveUp = (store: Home['store'], { claim }: Orphan, listed: () => Promise<Credit[]>): Promise<boolean> =>
  change<{ contract: Credit }, boolean>(
    store,
    { contract: creditKind },
    () => ({ contract: claim }),
    async ({ contract }) => {
      if (!isOpening(contract) || !orphanOf(contract, await listed())) return { writes: {}, result: false };
      return { writes: { contract: cancelled(contract) }, voids: refundNonce(contract), result: true };
    },
  );
