/** Reverse contracts: a mint that is paid by its customers pays its merchants, with the same commands and one home. */
import { afterAll, describe, expect, it } from 'vitest';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { creditKind, type PayerCredit } from '../../src/lib/credit/records.ts';
import { raisedBy } from '../../src/lib/credit/owed.ts';
import { statusOf } from '../../src/lib/credit/status.ts';
import { change } from '../../src/lib/home/change.ts';
import { opened, pair, payMessages } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { refused, sealedAs } from './helpers.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';

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

/** As a melt does it: others raise what the mint's home owes. */
const owe = (home: TestParty, id: string, sat: bigint): Promise<void> =>
  change(
    home.home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => {
      const c = contract as PayerCredit;
      return { writes: { contract: { ...c, owedSat: c.owedSat! + sat } }, result: undefined };
    },
  );

describe('what is owed over a reverse contract', () => {
  const served = {};
  const reverse = async () => {
    const pair = { payee: await TestParty.make(75), payer: await TestParty.make(76), close: () => {} };
    const id = await opened(pair, { offer: { mint: 'http://127.0.0.1:3338' } });
    return {
      ...pair,
      id,
      request: (amount: bigint) => pair.payee.run(signUpdate, { input: { contract: id, amount } }),
    };
  };
  it('is signed without a person, to the satoshi; beyond it waits for one', async () => {
    const { payee, payer, id, request } = await reverse();
    await owe(payer, id, 3_000n);
    const signed = await payer.run(signUpdate, { on: (await request(3_000n)).message, served });
    await payee.run(signUpdate, { on: signed.message });
    const beyond = await request(1n);
    await refused(() => payer.run(signUpdate, { on: beyond.message, served }), 'not-agreed', payer);
    const agreed = await payer.run(signUpdate, { on: beyond.message, amount: 1n });
    await payee.run(signUpdate, { on: agreed.message });
    // What a person agreed to is owed, too.
    expect(await payer.record(id)).toMatchObject({ signedMaxSat: 3_001n, owedSat: 3_001n });
  });
  it('is paid by what the home proposes; by no close of the payee: owed-unsettled', async () => {
    const { payee, payer, id, request } = await reverse();
    await owe(payer, id, 3_000n);
    const offered = await payee.run(rollover, { input: { contract: id } });
    const input = { expires: { blocks: 4_320 } };
    const paying = await payer.run(rollover, { on: offered.message, input });
    expect(paying.message).toMatchObject({ paid_sat: 3_000 });
    await payer.run(rollover, { input: { contract: id }, cancel: true });
    const closing = await payer.run(closeCredit, { input: { contract: id } });
    expect(closing.message).toMatchObject({ paid_sat: 3_000 });
    await payer.run(closeCredit, { input: { contract: id }, cancel: true });
    const close = await payee.run(closeCredit, { input: { contract: id } });
    await refused(() => payer.run(closeCredit, { on: close.message }), 'owed-unsettled', payer);
    await payee.run(closeCredit, { input: { contract: id }, cancel: true });
    const signed = await payer.run(signUpdate, { on: (await request(3_000n)).message, served });
    await payee.run(signUpdate, { on: signed.message });
    const again = await payee.run(rollover, { input: { contract: id } });
    const proposed = await payer.run(rollover, { on: again.message, input });
    const accepted = await payee.run(rollover, { on: proposed.message });
    // Raised between proposal and signature: not signed either.
    await owe(payer, id, 1n);
    await refused(() => payer.run(rollover, { on: accepted.message }), 'owed-unsettled', payer);
  });
  it('is counted once where the receipt of a rollover that came to nothing is shown after a loss', async () => {
    const { payee, payer, id } = await reverse();
    await change(
      payer.home.store,
      { contract: creditKind },
      () => ({ contract: idClaim(id) }),
      ({ contract }) => {
        // As a restored home keeps it: all was paid since the loss.
        const c = { ...(contract as PayerCredit), owedSat: 0n, freshSat: 0n };
        return { writes: { contract: raisedBy(c, 2_000n) }, result: undefined };
      },
    );
    const input = { expires: { blocks: 4_320 } };
    const offered = await payee.run(rollover, { input: { contract: id } });
    const { message: proposed } = await payer.run(rollover, { on: offered.message, input });
    await payer.run(rollover, { input: { contract: id }, cancel: true });
    await payee.run(rollover, { input: { contract: id }, cancel: true });
    const { message: again } = await payee.run(rollover, { input: { contract: id } });
    const { paid_sat, receipt } = proposed;
    const shown = await payer.run(rollover, { on: await sealedAs(payee, again, { paid_sat, receipt }), input });
    expect(shown.message).toMatchObject({ paid_sat: 2_000 });
    expect(await payer.record(id)).toMatchObject({ signedMaxSat: 2_000n, owedSat: 2_000n });
  });
  it('is a debt once the contract has ended otherwise, and status says so', async () => {
    const { payer, id } = await reverse();
    await owe(payer, id, 3_000n);
    const facts = { tip: 5_320, coins: 'not-checked', known: 'not-checked' } as const;
    expect(statusOf(id, await payer.record(id), facts)).toMatchObject({
      owed_sat: 3_000n,
      notes: ['3000 sat are owed and not signed'],
    });
  });
});
