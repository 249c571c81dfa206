/** A statecoin from its opening to its withdrawal: what was said, given again once the operator has dropped it. */
import { expect, it } from 'vitest';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { pruneAll } from '../support/prune.ts';
import { outcomesOf, Story } from '../support/replayed.ts';
import { openMessages, POLICY, transferMessages, withdrawMessages } from '../support/statechain.ts';
import { parties } from './helpers.ts';

it('once the operator has dropped a coin, and in a home made of any earlier backup, nothing is answered anew', async () => {
  const all = await parties();
  const { operator, alice, bob, carol } = all;
  const story = new Story(all.all);
  const backups: string[] = [];
  const backUp = async () => void backups.push(await operator.backUp());
  const offer = await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
  await operator.run(openStatechain, { on: offer.message, cancel: true });
  const id = (await openMessages(all))[3]!['coin'].id as string;
  await backUp();
  const begun = await transferMessages(operator, alice, carol, id, 'offered');
  await alice.run(transferStatechain, { on: begun[1]!, cancel: true });
  await transferMessages(operator, alice, bob, id);
  await backUp();
  await withdrawMessages(operator, bob, id);
  await backUp();
  expect((await pruneAll(operator)).records).toEqual({ statecoin: 2 });
  expect(await operator.home.store.list()).toEqual([]);
  const outcomes = await story.again(operator);
  expect(outcomesOf(outcomes)).toEqual(['malformed-message', 'unknown-contract', 'unknown-step', 'usage']);
  expect(outcomes).toMatchObject({
    'statechain-transfer moved': 'unknown-contract',
    'statechain-open proposed': 'unknown-contract',
  });
  for (const backup of backups) {
    await operator.lose(backup);
    await expect(pruneAll(operator)).rejects.toMatchObject({ code: 'home-restored' });
    const before = await story.again(operator);
    await operator.home.reconcile(operator.journal());
    const after = await story.again(operator);
    await pruneAll(operator);
    const pruned = await story.again(operator);
    expect([before, after, pruned].flatMap(outcomesOf).filter((said) => said.startsWith('anew'))).toEqual([]);
  }
});
