/** A contract from its first message to its settlement; once its payee has dropped it, everything that was said is given again. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCredit } from '../../src/lib/credit/open.ts';
import { closeCredit, exitCredit } from '../../src/lib/ecash/credit.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { creditKind, settledAs, type FundedCredit } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { ecashMessages, opened, openedMint, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import { pruneAll } from '../support/prune.ts';
import { outcomesOf, Story } from '../support/replayed.ts';

const settle = ({ payee }: Pair, id: string): Promise<void> =>
  change(
    payee.home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => ({
      writes: {
        contract: settledAs(contract as FundedCredit, { by: 'other', txid: 'ab'.repeat(32), paysSat: 10_000_000n }),
      },
      result: undefined,
    }),
  );

let both: Pair;
let story: Story;
const backups: string[] = [];
beforeAll(async () => {
  both = await pair(161);
  const { payee, payer } = both;
  story = new Story([payee, payer]);
  const backUp = async () => void backups.push(await payee.backUp());
  const offered = await payee.run(openCredit, { input: { as: 'payee' } });
  await payee.run(openCredit, { on: offered.message, cancel: true });
  const goods = await opened(both);
  await payMessages(both, goods, 50_000n);
  await backUp();
  const rolled = await rollMessages(both, goods);
  const next = rolled.at(-1)!['next_contract'].id as string;
  await payMessages(both, next, 5_000n);
  await backUp();
  const closing = await payer.run(closeCredit, { input: { contract: next } });
  const signed = await payee.run(closeCredit, { on: closing.message });
  await payer.run(closeCredit, { on: signed.message });
  const ecash = await openedMint(both);
  await ecashMessages(both, ecash, 1_000n);
  const keyset = (await payer.home.store.list('keyset'))[0]!.name.split('/')[1]!;
  const asked = await payer.run(ecashRestore, { input: { contract: ecash, keyset } });
  await payer.run(ecashRestore, { on: (await payee.run(ecashRestore, { on: asked.message })).message });
  await payee.run(exitCredit, { input: { contract: ecash } });
  await backUp();
  for (const id of [goods, next, ecash]) await settle(both, id);
});
afterAll(() => both.close());

const records = async () => (await both.payee.home.store.list('credit')).length;

it('once the payee has dropped it, all that was ever said is refused or answered as before', async () => {
  const asBefore = await story.again(both.payer);
  expect(await pruneAll(both.payee)).toMatchObject({ records: { credit: 4 }, unseen: 0 });
  expect(await records()).toBe(0);
  const { 'sign-update signed': signed, ...outcomes } = await story.again(both.payee);
  // The last ecash is also the last of its keyset, which stays.
  expect(signed).toBe('as before, unknown-contract');
  expect(outcomes).toMatchObject({ 'open-credit offered': 'usage', 'open-credit cancelled': 'unknown-step' });
  expect(outcomes).toMatchObject({ 'open-credit proposed': 'unknown-contract', 'rollover signed': 'unknown-contract' });
  expect(outcomesOf(outcomes)).toEqual(['unknown-contract', 'unknown-step', 'usage']);
  // The payer, that keeps its own, answers as it did.
  expect(await story.again(both.payer)).toEqual(asBefore);
});

it('in a home made of any earlier backup, before and after its journal is read, nothing is answered anew', async () => {
  const { payee } = both;
  for (const backup of backups) {
    await payee.lose(backup);
    await expect(pruneAll(payee)).rejects.toMatchObject({ code: 'home-restored' });
    for (const read of [false, true]) {
      if (read) await payee.home.reconcile(payee.journal());
      const outcomes = await story.again(payee);
      expect(outcomesOf(outcomes).filter((said) => said.startsWith('anew'))).toEqual([]);
      expect(outcomes['rollover signed']).toMatch(/^(as before|wrong-state|home-restored)$/);
    }
    // What the journal has brought back is in doubt, and stays; an offer that was taken back goes again.
    const kept = await records();
    expect((await pruneAll(payee)).records).toEqual(kept > 3 ? { credit: 1 } : {});
    expect(await records()).toBe(3);
  }
});
