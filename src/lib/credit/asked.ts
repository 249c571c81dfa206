/**
 * Payment requests by the payer. A request is the payer's consent to one payment of one amount, for
 * ten minutes. The first signature fixes the new total, and later signatures repeat it. A restore
 * drops them (`records.ts`).
 */
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { PaymentAsked, PaymentRequest, PayerCredit } from './records.ts';
import type { UpdateAt } from './update-messages.ts';

export const ASKED_LIMITS = {
  /** Lifetime of a payment request, in seconds. */
  lasts: { unit: 'seconds', most: 600 },
  /** Last second in which the request is valid. */
  until: { unit: 'Unix seconds', most: (asked: PaymentAsked) => asked.until },
  /** Largest number of requests that wait beside a new one; the oldest is dropped. */
  waiting: { unit: 'items', most: 16 },
} satisfies Limits;
export const ASKED_SECONDS = ASKED_LIMITS.lasts.most;

/** Returns when a wish ends for the payee: after at most ten minutes by its own clock. */
export const lapsesAt = (asked: PaymentAsked, now: number): number => Math.min(asked.until, now + ASKED_SECONDS);

/** Returns the requests to keep: those still to be signed, and the last signed one. */
const stillAsked = (asked: readonly PaymentRequest[], now: number, signedMaxSat: bigint): PaymentRequest[] =>
  asked.filter((a) => (a.paidSat === null ? a.until >= now : a.paidSat >= signedMaxSat));

export const withAsking = (
  c: PayerCredit,
  amountSat: bigint,
  { id, until, quote }: PaymentAsked,
  now: number,
): PaymentRequest[] => [...stillAsked(c.asked, now, c.signedMaxSat), { id, amountSat, until, quote, paidSat: null }];

/** @throws Refusal `asked-expired` */
export function checkUntil(asked: PaymentAsked, now: number): void {
  if (now > ASKED_LIMITS.until.most(asked))
    throw new Refusal('asked-expired', `what the payer asked for ended ${now - asked.until} seconds ago`, {
      hint: 'ask again: sign-update --contract ID --amount SAT',
    });
}

/**
 * Marks the payer's own request as used, before the payee's answer to it is signed.
 * @returns the requests to keep, the used one included
 * @throws Refusal `asked-unknown` where there is none, or it was for another amount, quote or sum;
 * `asked-expired`
 */
export function consume(c: PayerCredit, m: UpdateAt<'requested'>, now: number): PaymentRequest[] {
  const { asked } = m;
  const mine = c.asked.find((a) => a.id === asked!.id);
  if (!mine || mine.amountSat !== m.amount_sat || mine.quote !== asked!.quote || mine.until !== asked!.until)
    throw new Refusal('asked-unknown', `a request for ${m.amount_sat} sat found that this home has not asked for`, {
      blame: 'payee',
      hint: 'a restored home forgets what it asked for: ask again',
    });
  if (mine.paidSat === null) checkUntil(mine, now);
  else if (mine.paidSat !== m.paid_sat)
    throw new Refusal(
      'asked-unknown',
      `what was asked for came to ${mine.paidSat} sat in all when it was signed; ${m.paid_sat} sat found`,
      { hint: 'ask again' },
    );
  return stillAsked(c.asked, now, c.signedMaxSat).map((a) => (a.id === mine.id ? { ...a, paidSat: m.paid_sat } : a));
}

/** Returns the payer requests that end, because they have lapsed or exceed the limit. */
export function lapsed<L extends { asked: PaymentAsked | null; lapses?: number }>(
  live: readonly L[],
  now: number,
): L[] {
  const asked = live.filter((l) => l.asked !== null);
  return asked.filter((l, i) => (l.lapses ?? l.asked!.until) < now || i < asked.length - ASKED_LIMITS.waiting.most);
}

export const sameAsked = (a: PaymentAsked | null, b: PaymentAsked | null): boolean =>
  a === b || (a !== null && b !== null && a.id === b.id && a.until === b.until && a.quote === b.quote);
