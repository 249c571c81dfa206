/** What a merchant reads in the home's answer about a contract: what is due, and where nothing is, nothing to do. */
import { describe, expect, it } from 'vitest';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { opened } from '../support/credit.ts';
import { parties, sealedAs } from '../credit/helpers.ts';

const MINT = 'https://mint.example.com';

describe('a merchant that asks what is owed', () => {
  it.each([
    [0, undefined],
    [1, expect.stringContaining('1 sat')],
    [2, expect.stringContaining('2 sat')],
  ])('%i sat', async (owed, hint) => {
    const both = await parties();
    const contract = await opened(both, { offer: { mint: MINT } });
    const queried = await both.payee.run(creditInvoice, { input: { contract } });
    const stated = (await both.payer.run(creditInvoice, { on: queried.message })).message;
    const on = await sealedAs(both.payer, stated, { owed_sat: owed });
    const checked = await both.payee.run(creditInvoice, { on });
    expect(checked).toMatchObject({ message: { step: 'checked', owed_sat: owed }, hint });
  });
});
