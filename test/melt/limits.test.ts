/** The limits of invoices, and of what a merchant leaves unsettled. */
import { describe, expect, it } from 'vitest';
import { INVOICE_LIMITS, parseInvoice, signInvoice } from '../../src/lib/mint/invoice.ts';
import { checkDue, checkOwable, checkQuotable, MELT_LIMITS } from '../../src/lib/mint/melt.ts';
import { newInvoice, TAB_LIMITS } from '../../src/lib/mint/records.ts';
import { limits } from '../support/limits.ts';
import { contractWith, secret } from '../credit/things.ts';

const terms = {
  network: 'regtest',
  mint: 'https://mint.example',
  contract: 'ab'.repeat(32),
  payerAuth: 'cd'.repeat(32),
  amountSat: 1n,
  id: '00'.repeat(16),
  expiry: 2_000,
};
const signed = (mint: string, memo: string) => signInvoice({ ...terms, mint, memo }, secret(1));
/** An invoice of so many bytes: the memo and the mint's name fill it. */
const sized = (n: number) => signed(`https://${'m'.repeat(n - signed('https://', '').length)}`, '');

describe('invoices', () => {
  limits(INVOICE_LIMITS, {
    line: [
      { takes: (n: number) => sized(n), above: 'usage' },
      // As bytes, not characters; spaces in front are counted too.
      { takes: (n: number) => parseInvoice(signed(terms.mint, '').padStart(n)), above: 'malformed-invoice' },
    ],
    memo: { takes: (n: number) => parseInvoice(signed(terms.mint, 'x'.repeat(n))), above: 'malformed-invoice' },
  });
});

describe('a payment by a mint', () => {
  const c = { ...contractWith(), role: 'payer', state: 'open', restored: false, owedSat: 1_000n };
  const quotable = contractWith({ mint_url: terms.mint, ecash: 'none' });
  const named = { contract: quotable.id, payerAuth: quotable.terms.payer_auth };
  const invoice = parseInvoice(signInvoice({ ...terms, ...named, amountSat: 1_000n }, secret(102)));
  const here = { network: 'regtest', mint: terms.mint, facts: { now: 0 } };
  const paid = (now: number) => checkOwable(c as never, 1_000n, 2_000, { ...here, facts: { now } });
  limits(MELT_LIMITS, {
    payable: {
      takes: paid,
      figures: [2_000],
      above: 'invoice-expired',
    },
    quotes: {
      takes: (n: number) => {
        const contract = { ...c, ...quotable } as never;
        checkQuotable({ contract, invoice: { ...newInvoice(invoice), quoted: n - 1 } }, 'm', invoice, here);
      },
      above: 'too-many-quotes',
    },
  });
  it.each([
    [1_999, undefined],
    [2_000, 'invoice-expired'],
  ])('of an invoice that ends at 2000, at %i: %s', (now, code) => {
    const pay = () => paid(now);
    if (code) expect(pay).toThrow(expect.objectContaining({ code }));
    else expect(pay).not.toThrow();
  });
  const due = (n: number) => Array.from({ length: n }, (_, i) => ({ id: 'ab', amountSat: 1n, owedSat: BigInt(i + 1) }));
  limits(TAB_LIMITS, {
    due: [
      { takes: (n: number) => checkDue(due(n - 1) as never, 0n), above: 'invoices-unsettled' },
      // Settled ones make room: of 600, so many are left that one more may come.
      { takes: (n: number) => checkDue(due(600) as never, BigInt(601 - n)), above: 'invoices-unsettled' },
    ],
  });
});
