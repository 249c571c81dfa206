/** Pieces of true messages of another moment, put together so that they fit each other and sealed anew by who said them. */
import { describe, expect, it } from 'vitest';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashMessages, openedMint } from '../support/credit.ts';
import { parties, payerOf, sealedAs } from './helpers.ts';

describe('an earlier payment, told as what the payer has asked for now', () => {
  it('is signed again and pays nothing; its ecash came, and none is waited for', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await openedMint(both);
    const first = (await ecashMessages(both, contract, 2_100n))[1]!;
    const asked = await payer.run(signUpdate, { input: { contract, amount: 2_100n } });
    const requested = (await payee.run(signUpdate, { on: asked.message })).message;
    const { previous_paid_sat, paid_sat, receipt, psbt } = first;
    const lie = await sealedAs(payee, requested, { previous_paid_sat, paid_sat, receipt, psbt });
    const signed = await payer.run(signUpdate, { on: lie, input: { ecash: true } });
    expect(signed.message).toMatchObject({ paid_sat: 2_100, ecash: null });
    expect(await payerOf(both, contract)).toMatchObject({ signedMaxSat: 2_100n });
    const come = { arrived: [{ fromSat: 0n, toSat: 2_100n }], awaited: [] };
    expect(await both.payer.ledger(contract)).toMatchObject(come);
    // Nothing is in its way: it pays on, and closes.
    await ecashMessages(both, contract, 900n);
    expect((await payer.run(closeCredit, { input: { contract } })).message).toMatchObject({ paid_sat: 3_000 });
  });
});
