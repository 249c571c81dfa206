/** What the payer of a reverse contract owes, by its own receipts and the invoices that it has paid. */
import { expect, it } from 'vitest';
import { nothingOwed, paidUpTo, raisedBy, signedUpTo } from '../../src/lib/credit/owed.ts';
import { termsWith } from './things.ts';

const terms = termsWith({ mint_url: 'https://mint.example' });
/** A restored home that has signed all that it owes: 300 of its 1,000 sat are an invoice that it paid since. */
const restored = paidUpTo(
  raisedBy({ ...nothingOwed(terms), terms, signedMaxSat: 700n, owedSat: 700n, freshSat: 0n }, 300n),
  1_000n,
);

it.each([
  // sat that its receipt says it had signed for, and what it owes then: what was paid since the loss comes on top
  [999n, 1_000n],
  [1_000n, 1_000n],
  [1_001n, 1_301n],
])('a receipt over %i sat of 1,000 signed: it owes %i sat', (sat, owedSat) => {
  const signedMaxSat = sat > 1_000n ? sat : 1_000n;
  expect(signedUpTo(restored, sat)).toEqual({ ...restored, signedMaxSat, owedSat });
});
