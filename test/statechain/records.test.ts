/** Which of two records that one home has of a coin lets go of it. */
import { expect, it } from 'vitest';
import { statecoinKind, type OwnerRecord } from '../../src/lib/statechain/records.ts';
import { coinOf, opened, transferMessages } from '../support/statechain.ts';
import { parties } from './helpers.ts';

it('the one of fewer owners yields; of as many, neither does', async () => {
  const all = await parties();
  const id = await opened(all);
  await transferMessages(all.operator, all.alice, all.bob, id);
  const second = (await coinOf(all.bob, id)) as OwnerRecord;
  const first = { ...second, entries: second.entries.slice(0, 1) };
  const yields = (mine: OwnerRecord, to: OwnerRecord) => statecoinKind.yields!(mine, to);
  expect(yields(first, second)).toEqual({ ...first, superseded: true });
  expect([yields(second, second), yields(second, first)]).toEqual([undefined, undefined]);
});
