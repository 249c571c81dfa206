/**
 * What of the payments of a contract waits for a quote of its running mint, and where the places of the others are kept.
 * Not here: which quote a payment belongs to (`quotes.ts`).
 */
import type { Inflight, FundedCredit, PayeeCredit, PayerCredit } from './states.ts';
import { put, upTo, within, type Span } from './spans.ts';

export const waitingOf = (c: PayeeCredit): bigint =>
  c.terms.ecash === 'cdk' ? c.paidSat - within(c.quoted, c.paidSat) : 0n;

/** What a payee is told, also where the contract ends: what waits does so through its end. */
export function waits(c: FundedCredit): { hint?: string } {
  const sat = c.role === 'payee' ? waitingOf(c) : 0n;
  return sat > 0n ? { hint: `${sat} sat wait for a quote of the mint: the payer runs ecash-quote` } : {};
}

export const placesOf = ({ paidSat, amountSat, quote }: Inflight): Span => ({
  fromSat: paidSat - amountSat,
  toSat: paidSat,
  ...(quote !== null && { foreign: true }),
});

/** As 0.1.0 kept them: sums without the places that they are made of. */
interface Sums {
  waitingSat?: bigint;
  offsetSat?: bigint;
  foreignSat?: bigint;
}

/** A record with sums only: what waits is what was paid last, and what went to the reusable quote is said of all that was signed. */
export function withPlaces(c: FundedCredit & Sums): FundedCredit {
  const { waitingSat = 0n, offsetSat = 0n, foreignSat = 0n, ...rest } = c;
  if (rest.role === 'payee') {
    const before = rest.terms.ecash === 'cdk' ? upTo(rest.paidSat - waitingSat) : [];
    return { ...rest, quoted: rest.quoted ?? before } as PayeeCredit;
  }
  const { inflight, signedMaxSat } = rest;
  return {
    ...rest,
    inflight: inflight.map(({ paidSat, amountSat, quote }) => ({ paidSat, amountSat, quote })),
    went: rest.went ?? inflight.map(placesOf).reduce(put, []),
    bound: rest.bound ?? { paidSat: signedMaxSat, quoteSat: signedMaxSat - foreignSat - offsetSat },
  } as PayerCredit;
}
