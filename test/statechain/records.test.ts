/** By which keys a record of a coin is found, and which of two that one home has of it lets go. */
import { expect, it } from 'vitest';
import { keyClaim } from '../../src/lib/protocol/claims.ts';
import { statecoinKind, type OwnerRecord } from '../../src/lib/statechain/records.ts';
import { coinOf, opened, transferMessages } from '../support/statechain.ts';
import { parties } from './helpers.ts';

/** Bob's record of a coin that came to him, and the same as its first owner would have it. */
async function owners(): Promise<{ first: OwnerRecord; second: OwnerRecord }> {
  const all = await parties();
  const id = await opened(all);
  await transferMessages(all.operator, all.alice, all.bob, id);
  const second = (await coinOf(all.bob, id)) as OwnerRecord;
  return { first: { ...second, entries: second.entries.slice(0, 1) }, second };
}

it('the share of its opening finds the record of whoever has opened it, and of no later owner', async () => {
  const { first, second } = await owners();
  const share = keyClaim(first.terms.operator_pubkey);
  expect([first, second].map((c) => statecoinKind.claims(c).includes(share))).toEqual([true, false]);
});

it('the record of fewer owners yields; of as many, neither does', async () => {
  const { first, second } = await owners();
  const yields = (mine: OwnerRecord, to: OwnerRecord) => statecoinKind.yields!(mine, to);
  expect(yields(first, second)).toEqual({ ...first, superseded: true });
  expect([yields(second, second), yields(second, first)]).toEqual([undefined, undefined]);
});
