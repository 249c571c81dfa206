/** Credit contracts of a home, and what the chain says of all of them at once. */
import { dueList, type DueLine } from '../credit/exit.ts';
import { creditKind, isFunded, type Credit } from '../credit/records.ts';
import { followed, type ExitFacts } from '../credit/standing.ts';
import { ledgerKind, type Ledger } from '../ecash/ledger.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Claim } from '../protocol/kind.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { slices } from './slices.ts';
import { seenOf } from './status.ts';

export interface Named {
  name: string;
  record: Credit;
}

export const contractsOf = (home: Home): Promise<Named[]> => contractsReader(home)();

/** Returns the ledgers of all contracts. */
export const ledgersOf = async ({ store }: Home): Promise<Ledger[]> =>
  (await store.list(ledgerKind.name)).map(({ record }) => ledgerKind.parse(record));

/** Returns a reader for repeated looks: it reads a contract anew only where that has changed. */
export function contractsReader({ store }: Home): () => Promise<Named[]> {
  let held: ReadonlyMap<string, Named> = new Map();
  return async () => {
    const pause = slices();
    const listed = new Map<string, Named>();
    for (const row of await store.list(creditKind.name)) {
      const revision = `${row.name} ${row.rev}`;
      listed.set(revision, held.get(revision) ?? { name: row.name, record: creditKind.parse(row.record) });
      await pause();
    }
    held = listed;
    return [...held.values()];
  };
}

/**
 * Writes the credit record anew that holds a claim, where `next` gives one; whatever else writes it at the same time.
 * @returns what was written
 */
export const changeCredit = (
  { store }: Pick<Home, 'store'>,
  claim: Claim,
  next: (c: Credit) => Credit | undefined,
): Promise<Credit | undefined> =>
  change(
    store,
    { contract: creditKind },
    () => ({ contract: claim }),
    ({ contract }) => {
      const result = next(contract as Credit);
      return { writes: result ? { contract: result } : {}, result };
    },
  );

/**
 * Returns the contracts of a home whose deadline is at most so many blocks away.
 * @throws Refusal `usage` where no height is known
 */
export async function dueContracts(home: Home, source: FactSource, within: number): Promise<DueLine[]> {
  const contracts = (await contractsOf(home)).filter(({ record }) => isFunded(record));
  const { tip, ...facts } = await exitFacts(source, contracts);
  if (tip === 'not-checked')
    throw new Refusal('usage', 'no height to count from', { hint: 'give --tip HEIGHT or --chain URL' });
  return dueList(
    contracts.map(({ record }) => record),
    tip,
    within,
    facts,
  );
}

export const exitFacts = (source: FactSource, contracts: readonly Named[]): Promise<ExitFacts> =>
  seenOf(
    source,
    contracts.flatMap(({ record: c }) => (isFunded(c) ? [followed(c)] : [])),
  );
