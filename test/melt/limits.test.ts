/** The limits of invoices, and of what a merchant leaves unsettled. */
import { describe, expect, it } from 'vitest';
import { INVOICE_LIMITS, parseInvoice, signInvoice } from '../../src/lib/mint/invoice.ts';
import { checkDue, checkPayable, MELT_LIMITS } from '../../src/lib/mint/melt.ts';
import { TAB_LIMITS } from '../../src/lib/mint/records.ts';
import { limits } from '../support/limits.ts';
import { contractWith, secret } from '../credit/things.ts';

const terms = {
  network: 'regtest',
  mint: 'https://mint.example',
  contract: 'ab'.repeat(32),
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
  const facts = { tip: 1_000, coins: 'not-checked' };
  limits(MELT_LIMITS, {
    payable: {
      takes: (now: number) => checkPayable(c as never, 1_000n, 2_000, { facts: { ...facts, now } } as never),
      figures: [2_000],
      above: 'invoice-expired',
    },
  });
  it.each([
    [1_999, undefined],
    [2_000, 'invoice-expired'],
  ])('of an invoice that ends at 2000, at %i: %s', (now, code) => {
    const pay = () => checkPayable(c as never, 1_000n, 2_000, { facts: { ...facts, now } } as never);
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
