/** Credit contracts of a home: changes outside any action, and chain facts of several contracts at once. */
import { creditKind, isFunded, type Credit } from '../credit/records.ts';
import { followed, type ExitFacts } from '../credit/standing.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Claim } from '../protocol/kind.ts';
import type { FactSource } from '../protocol/ports.ts';
import { seenOf } from './status.ts';

export interface NamedContract {
  name: string;
  record: Credit;
}

/**
 * Replaces the credit record of a claim by `next` of it, unless that is undefined. Retries after lost races.
 * @returns the written record
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

export const exitFacts = (source: FactSource, contracts: readonly NamedContract[]): Promise<ExitFacts> =>
  seenOf(
    source,
    contracts.flatMap(({ record: c }) => (isFunded(c) ? [followed(c)] : [])),
  );
