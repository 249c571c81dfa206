/** How much a payment leaves behind, that pruning leaves no more of many than of few, and that it may die anywhere. Many payments: `npm run bench`. */
import { afterEach, expect, it } from 'vitest';
import { openCredit } from '../../src/lib/credit/open.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, pair, payMessages, type Pair } from '../support/credit.ts';
import { journalBytes, payForDays, rows, storeBytes } from '../support/growth.ts';
import { DAY, pruneAt } from '../support/prune.ts';

const open: Pair[] = [];
afterEach(() => open.splice(0).forEach((both) => both.close()));
async function begun(seed: number): Promise<{ both: Pair; id: string }> {
  const both = await pair(seed);
  open.push(both);
  return { both, id: await opened(both) };
}

it('an honest payment leaves no more than 6 kB in store and journal, until it is pruned', async () => {
  const { both, id } = await begun(189);
  const bytes = () => storeBytes(both.payee) + journalBytes(both.payee);
  for (let i = 0; i < 5; i++) await payMessages(both, id, 1_000n);
  const before = bytes();
  const PAYMENTS = 40;
  for (let i = 0; i < PAYMENTS; i++) await payMessages(both, id, 1_000n);
  expect((bytes() - before) / PAYMENTS).toBeLessThanOrEqual(6_000);
});

it('where one day is kept, twice the payments leave as many rows, and a file that is no larger', async () => {
  const { both, id } = await begun(191);
  await payMessages(both, id, 1_000n);
  const day = await payForDays(both, id, 8, 4);
  const few = { rows: rows(both.payee), bytes: storeBytes(both.payee) };
  await payForDays(both, id, 8, 4, day);
  expect(rows(both.payee)).toEqual(few.rows);
  expect(storeBytes(both.payee) / few.bytes).toBeLessThanOrEqual(1.1);
});

it('a run that dies after any of its transactions leaves a home that is right, and the next one goes on', async () => {
  /** Payments, a wish, and offers that were taken back, a day ago. */
  const old = async (seed: number) => {
    const { both, id } = await begun(seed);
    for (let i = 0; i < 3; i++) await payMessages(both, id, 1_000n);
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 1_000n } });
    const requested = await both.payee.run(signUpdate, { on: asked.message });
    await both.payee.run(signUpdate, { on: (await both.payer.run(signUpdate, { on: requested.message })).message });
    for (let i = 0; i < 3; i++) {
      const { message } = await both.payee.run(openCredit, { input: { as: 'payee' } });
      await both.payee.run(openCredit, { on: message, cancel: true });
    }
    const last = await payMessages(both, id, 1_000n);
    await pruneAt(both.payee, { days: 1 });
    return { both, last };
  };
  const later = { days: 1, seconds: DAY, blocks: 144 };
  const whole = await old(193);
  expect(await pruneAt(whole.both.payee, later)).toMatchObject({ notes: 1, records: { credit: 3 } });

  const { both, last } = await old(195);
  const { payee } = both;
  let deaths = 0;
  for (let died = true; died && deaths < 20;) {
    const die = async (gone: number) => (gone > 0 ? Promise.reject(new Error('killed')) : undefined);
    died = await pruneAt(payee, { ...later, pause: die }).then(
      () => false,
      (error: Error) => error.message === 'killed',
    );
    if (died) deaths += 1;
    await payee.reopen();
    expect((await payee.run(signUpdate, { on: last[1]! })).message).toEqual(last[2]);
  }
  // After the replies, the note, and each of the records.
  expect(deaths).toBe(5);
  expect(rows(payee)).toEqual(rows(whole.both.payee));
});
