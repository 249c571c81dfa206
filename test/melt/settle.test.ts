/** What a home answers about a contract over which it owes, and what a merchant reads in it: what is due, or nothing to do. */
import { describe, expect, it } from 'vitest';
import { viewOf } from '../../src/lib/credit/terms.ts';
import { parseInvoice, signInvoice, signInvoiceReceipt } from '../../src/lib/mint/invoice.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { opened } from '../support/credit.ts';
import { parties, payeeOf, payerOf, refused, says, sealedAs } from '../credit/helpers.ts';

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

describe('a home that is asked what it owes', () => {
  it('over a contract that no mint pays over states nothing: wrong-state', async () => {
    const both = await parties();
    const c = await payeeOf(both, await opened(both));
    const asked = { contract: viewOf(c), id: 'ab'.repeat(16), paid_sat: 0n, shown: null };
    const on = await says(both.payee, c.id, { type: 'credit-invoice', step: 'queried', ...asked });
    await refused(() => both.payer.run(creditInvoice, { on }), 'wrong-state', both.payer);
  });

  it('counts no invoice whose seal was altered, whatever receipt is shown with it', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both, { offer: { mint: MINT } });
    const [ours, theirs] = [await payerOf(both, contract), await payeeOf(both, contract)];
    const named = { mint: MINT, contract, payerAuth: ours.terms.payer_auth };
    const of = { network: 'regtest', ...named, amountSat: 1_000n, id: '01'.repeat(16), expiry: 2_000 };
    const text = signInvoice(of, (await payee.home.keys()).auth(theirs.own.path));
    const { auth, ...body } = JSON.parse(text) as { auth: string };
    const altered = JSON.stringify({ ...body, auth: auth.slice(0, -1) + (auth.endsWith('0') ? '1' : '0') });
    // The receipt is of what the invoice says, not of its seal.
    const { digest } = parseInvoice(altered);
    const receipt = signInvoiceReceipt(digest, contract, (await payer.home.keys()).auth(ours.own.path));
    const ask = async (line: string) => {
      const on = (await payee.run(creditInvoice, { input: { contract, shown: { text: line, receipt } } })).message;
      return () => payer.run(creditInvoice, { on });
    };
    await refused(await ask(altered), 'bad-seal', payer);
    expect((await (await ask(text))()).message).toMatchObject({ step: 'stated', owed_sat: 1_000 });
  });
});
