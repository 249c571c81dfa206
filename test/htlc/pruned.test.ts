/** Swaps from the offer to the end, and one that was never paid: what was said, given again once both homes have dropped what goes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { pruneAll } from '../support/prune.ts';
import { outcomesOf, Story } from '../support/replayed.ts';
import { cooperation, OFFER, pair, straight, swapMessages, unsent, type Pair, type Stage } from './scenes.ts';

const isAnew = (said: string): boolean => said.startsWith('anew');

let both: Pair;
let story: Story;
const backups: { alice: string; bob: string }[] = [];
beforeAll(async () => {
  both = await pair(185);
  const { alice, bob } = both;
  story = new Story([alice, bob]);
  const backUp = async () => void backups.push({ alice: await alice.backUp(), bob: await bob.backUp() });
  const { message } = await alice.run(htlcSwap, { input: OFFER });
  await alice.run(htlcSwap, { on: message, cancel: true });
  let said = 0;
  const stage: Stage = async (...run) => {
    const printed = await straight(both)(...run);
    if ((said += 1) === 2 || said === 4) await backUp();
    return printed;
  };
  await swapMessages(both, stage);
  await unsent(both, straight(both));
  await cooperation(both, straight(both), 'claimer');
  await backUp();
});
afterAll(() => both.close());

it('once it is dropped, everything is refused or answered as before', async () => {
  expect((await pruneAll(both.alice)).records).toEqual({ 'htlc-swap': 2 });
  // Who took an offer up keeps its swap: it would take the offer up anew.
  expect((await pruneAll(both.bob)).records).toEqual({});
  const outcomes = await story.again(both.alice);
  const swapped = { 'htlc-swap accepted': 'as before', 'htlc-swap claimed': 'unknown-contract' };
  expect(outcomes).toMatchObject({ ...swapped, 'htlc-swap funded': 'not-your-turn, unknown-contract' });
  const others = await story.again(both.bob);
  expect(others).toMatchObject({ 'htlc-swap claimed': 'as before', 'htlc-cooperate proposed': 'not-your-turn' });
  expect([...outcomesOf(outcomes), ...outcomesOf(others)].filter((said) => isAnew(said) || said === 'again')).toEqual(
    [],
  );
});

it('in homes made of any earlier backup, before and after their journals are read, nothing is said that was not said before', async () => {
  for (const of of backups)
    for (const who of ['alice', 'bob'] as const) {
      const party = both[who];
      await party.lose(of[who]);
      await expect(pruneAll(party)).rejects.toMatchObject({ code: 'home-restored' });
      const before = await story.again(party);
      await party.home.reconcile(party.journal());
      const after = await story.again(party);
      await pruneAll(party);
      const pruned = await story.again(party);
      expect([before, after, pruned].flatMap(outcomesOf).filter(isAnew)).toEqual([]);
    }
});
