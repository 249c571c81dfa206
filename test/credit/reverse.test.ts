/** Reverse contracts: a mint that is paid by its customers pays its merchants, with the same commands and one home. */
import { afterAll, expect, it } from 'vitest';
import { exitCredit } from '../../src/lib/credit/exit.ts';
import { opened, pair, payMessages } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';

const both = await pair(71);
const merchant = await TestParty.make(73);
afterAll(() => {
  both.close();
  merchant.close();
});

it('one home is payee of one contract and payer of another', async () => {
  const { payee: mint } = both;
  const forward = await opened(both);
  const reverse = await opened({ payee: merchant, payer: mint, close: () => {} });
  await payMessages(both, forward, 5_000n);
  await payMessages({ payee: merchant, payer: mint, close: () => {} }, reverse, 3_000n);
  expect(await mint.record(forward)).toMatchObject({ role: 'payee', paidSat: 5_000n });
  expect(await mint.record(reverse)).toMatchObject({ role: 'payer', signedMaxSat: 3_000n });
  expect((await merchant.run(exitCredit, { input: { contract: reverse } })).message).toMatchObject({
    kind: 'exit',
    amount_sat: 3_000,
  });
  mint.chain.tip = 5_320;
  expect((await mint.run(exitCredit, { input: { contract: reverse } })).message).toMatchObject({
    kind: 'refund',
    valid_from_height: 5_321,
  });
  expect((await mint.run(exitCredit, { input: { contract: forward } })).message).toMatchObject({
    kind: 'exit',
    amount_sat: 5_000,
  });
});
