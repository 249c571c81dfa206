/** Credit contracts whose deadline is near: for `exit-credit --due`. */
import { dueList, type DueLine } from '../../lib/credit/exit.ts';
import { creditKind, isFunded } from '../../lib/credit/records.ts';
import { exitFacts } from '../../lib/engine/contracts.ts';
import type { Home } from '../../lib/home/home.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/**
 * Returns the contracts of a home whose deadline is at most so many blocks away.
 * @throws Refusal `usage` where no height is known
 */
export async function dueContracts(home: Home, source: FactSource, within: number): Promise<DueLine[]> {
  const listed = await home.store.list(creditKind.name);
  const contracts = listed
    .map(({ name, record }) => ({ name, record: creditKind.parse(record) }))
    .filter(({ record }) => isFunded(record));
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
