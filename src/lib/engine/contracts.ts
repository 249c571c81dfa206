/** Credit contracts of a home: written anew, and what the chain says of several at once. */
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

export const exitFacts = (source: FactSource, contracts: readonly NamedContract[]): Promise<ExitFacts> =>
  seenOf(
    source,
    contracts.flatMap(({ record: c }) => (isFunded(c) ? [followed(c)] : [])),
  );
