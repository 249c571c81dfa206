/**
 * Offers that recur: which period a request pays, when it may be paid, and what is due.
 *
 * bolts#1240 (https://github.com/lightning/bolts/pull/1240), a draft, under its own field numbers
 * and under those of Core Lightning. Times are Unix seconds. Months are those of the UTC calendar,
 * counted from the day of the base.
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { FieldName, OfferValues } from './fields.ts';
import type { OfferProblem } from './message.ts';
import type { BaseJson, PaywindowJson, PeriodJson } from './codecs.ts';
import type { OfferKind } from './string.ts';

export type Numbering = 'draft' | 'cln';

export const PERIOD_LIMITS = {
  /** Number of a period of an offer with a last one. */
  index: { unit: 'number', most: (last: bigint) => last },
  length: { unit: 'number', least: 1n },
  /** Time at which a period may be paid. */
  window: { unit: 'Unix seconds', least: ({ from }: PayWindow) => from, most: ({ until }: PayWindow) => until },
  /** Shortest window of the first period of an offer without a base. */
  first: { unit: 'seconds', least: 60n },
  /** Start of period 0 of an offer by months. */
  base: { unit: 'Unix seconds', most: 253_402_300_799n },
  /** Last year up to which months are counted. */
  year: { unit: 'number', most: 200_000 },
} satisfies Limits;

export interface PayWindow {
  from: bigint;
  until: bigint;
}
export interface OfferRecurrence {
  numbering: Numbering;
  compulsory: boolean;
  period: PeriodJson;
  base: BaseJson | undefined;
  paywindow: PaywindowJson | undefined;
  limit: bigint | undefined;
  counter: bigint | undefined;
  start: bigint | undefined;
  cancel: boolean;
  /** Start of period 0, by the offer's base or by the invoice. */
  basetime: bigint | undefined;
}

const FIELD_NAMES = [
  'offer_recurrence_compulsory',
  'offer_recurrence_optional',
  'offer_recurrence_base',
  'offer_recurrence_paywindow',
  'offer_recurrence_limit',
  'invreq_recurrence_counter',
  'invreq_recurrence_start',
  'invreq_recurrence_cancel',
  'invoice_recurrence_basetime',
] as const;
type RecurrenceField = (typeof FIELD_NAMES)[number];
/** Returns the name of a field under a numbering. */
export const fieldNamed = (numbering: Numbering, name: RecurrenceField): FieldName =>
  numbering === 'cln' ? `cln_${name}` : name;

const hasAny = (f: OfferValues, numbering: Numbering): boolean =>
  FIELD_NAMES.some((name) => f[fieldNamed(numbering, name)] !== undefined);

/** Reads the recurrence of an offer; undefined if it has none. */
export function recurrenceOf(f: OfferValues): OfferRecurrence | undefined {
  const numbering = hasAny(f, 'cln') ? 'cln' : 'draft';
  const get = <N extends RecurrenceField>(name: N): OfferValues[N] => f[fieldNamed(numbering, name)] as OfferValues[N];
  const compulsory = get('offer_recurrence_compulsory');
  const period = compulsory ?? get('offer_recurrence_optional');
  if (!period) return undefined;
  const base = get('offer_recurrence_base');
  return {
    numbering,
    compulsory: compulsory !== undefined,
    period,
    base,
    paywindow: get('offer_recurrence_paywindow'),
    limit: get('offer_recurrence_limit'),
    counter: get('invreq_recurrence_counter'),
    start: get('invreq_recurrence_start'),
    cancel: get('invreq_recurrence_cancel') === true,
    basetime: base?.basetime ?? get('invoice_recurrence_basetime'),
  };
}

/** Returns the number of the period that is paid; undefined for a request that does not recur. */
export const periodIndex = ({ counter, start = 0n }: OfferRecurrence): bigint | undefined =>
  counter === undefined ? undefined : counter + start;

/** Lists the rules that fields of recurrence break. */
export function checkRecurrence(kind: OfferKind, f: OfferValues): OfferProblem[] {
  const found: OfferProblem[] = [];
  const [draft, cln] = [hasAny(f, 'draft'), hasAny(f, 'cln')];
  if (!draft && !cln) return found;
  const numbering = cln ? 'cln' : 'draft';
  const say = (name: RecurrenceField, text: string) =>
    found.push({ code: 'offer-field', field: fieldNamed(numbering, name), text });
  if (draft && cln) say('offer_recurrence_optional', 'both numberings found in one message');
  const r = recurrenceOf(f);
  if (!r) {
    say('offer_recurrence_optional', 'nothing found beside other fields of recurrence');
    return found;
  }
  const both = FIELD_NAMES.slice(0, 2).every((name) => f[fieldNamed(numbering, name)] !== undefined);
  if (both) say('offer_recurrence_optional', 'found beside a compulsory recurrence');
  if (!allows(PERIOD_LIMITS.length, r.period.period)) say('offer_recurrence_optional', 'a period of length 0 found');
  if (kind === 'offer') return found;
  if (r.counter === undefined) {
    if (r.compulsory) say('invreq_recurrence_counter', 'nothing found, the offer recurs');
    if (r.start !== undefined || r.cancel)
      say('invreq_recurrence_counter', 'nothing found beside other fields of recurrence');
    return found;
  }
  if ((r.start !== undefined) !== (r.base !== undefined))
    say('invreq_recurrence_start', r.base ? 'nothing found, the offer has a base' : 'found, the offer has no base');
  const index = periodIndex(r)!;
  if (r.limit !== undefined && !allows({ most: PERIOD_LIMITS.index.most(r.limit) }, index))
    say('invreq_recurrence_counter', `period ${index} found, ${r.limit} is the last one`);
  if (kind === 'invoice' && f[fieldNamed(numbering, 'invoice_recurrence_basetime')] === undefined)
    say('invoice_recurrence_basetime', 'nothing found, the request recurs');
  return found;
}

const DAY = 86_400n;

/** Computes the start of period `n`. @throws Refusal `offer-field` beyond the calendar */
export function periodStart({ unit, period }: PeriodJson, basetime: bigint, n: bigint): bigint {
  const steps = n * period;
  if (unit !== 'months') return basetime + steps * (unit === 'days' ? DAY : 1n);
  if (!allows(PERIOD_LIMITS.base, basetime)) throw new Refusal('offer-field', `a base time of ${basetime} found`);
  const date = new Date(Number(basetime) * 1000);
  const months = BigInt(date.getUTCMonth()) + steps;
  const year = Number(months / 12n) + date.getUTCFullYear();
  if (!allows(PERIOD_LIMITS.year, year)) throw new Refusal('offer-field', `a period in the year ${year} found`);
  const month = Number(months % 12n);
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const day = Date.UTC(year, month, Math.min(date.getUTCDate(), last)) / 1000;
  return BigInt(day) + (basetime % DAY);
}

/** Computes the window of period `n`, both ends included. @throws Refusal as `periodStart` */
export function periodWindow(r: OfferRecurrence, basetime: bigint, n: bigint): PayWindow {
  const start = periodStart(r.period, basetime, n);
  if (!r.paywindow) {
    const from = n === 0n ? 0n : periodStart(r.period, basetime, n - 1n);
    return { from, until: periodStart(r.period, basetime, n + 1n) - 1n };
  }
  const { seconds_before: before, seconds_after: after } = r.paywindow;
  const short = n === 0n && !r.base && after < PERIOD_LIMITS.first.least;
  return { from: before > start ? 0n : start - before, until: start + (short ? PERIOD_LIMITS.first.least : after) };
}

/** Computes the amount due for period `n`: of a proportional one for its rest, rounded up. */
export function dueFor(r: OfferRecurrence, basetime: bigint, n: bigint, amount: bigint, at: bigint): bigint {
  const [start, end] = [periodStart(r.period, basetime, n), periodStart(r.period, basetime, n + 1n)];
  if (!r.base?.proportional || at <= start || at >= end) return amount;
  return (amount * (end - at) + (end - start) - 1n) / (end - start);
}

/** Lists the problem of a message that is paid at a time. @throws Refusal `offer-field` */
export function checkPeriod(kind: OfferKind, f: OfferValues, at: bigint): OfferProblem[] {
  const r = kind === 'offer' ? undefined : recurrenceOf(f);
  const index = r && periodIndex(r);
  if (!r || index === undefined || r.basetime === undefined || r.cancel) return [];
  const window = periodWindow(r, r.basetime, index);
  const bounds = { least: PERIOD_LIMITS.window.least(window), most: PERIOD_LIMITS.window.most(window) };
  const field = fieldNamed(r.numbering, 'invreq_recurrence_counter');
  const text = `period ${index} can be paid from ${window.from} to ${window.until}`;
  if (!allows(bounds, at)) return [{ code: 'period-closed', field, text }];
  const { invoice_created_at: created, invoice_relative_expiry: seconds = 7200n } = f;
  if (kind === 'invoice' && created !== undefined && created + seconds > window.until)
    return [
      { code: 'offer-field', field: 'invoice_relative_expiry', text: `the invoice outlasts its period: ${text}` },
    ];
  return [];
}

export const CALENDAR_LIMITS = { count: { unit: 'items', least: 1, most: 10_000 } } satisfies Limits;

/**
 * Shows the calendar of an offer that recurs, from one period on.
 * @throws Refusal `offer-field` if it does not recur; `usage` without a start of period 0
 */
export function calendarDocument(f: OfferValues, from: bigint, count: number, given?: bigint): object {
  const r = recurrenceOf(f);
  if (!r) throw new Refusal('offer-field', 'offer_recurrence_optional: nothing found, an offer that recurs expected');
  const basetime = r.basetime ?? given;
  if (basetime === undefined)
    throw new Refusal('usage', 'an offer without a base time found', { hint: 'give --basetime UNIX' });
  return {
    type: 'offer-periods',
    version: 1,
    numbering: r.numbering,
    ...r.period,
    basetime,
    periods: Array.from({ length: count }, (_, i) => from + BigInt(i))
      .filter((n) => r.limit === undefined || allows({ most: PERIOD_LIMITS.index.most(r.limit) }, n))
      .map((index) => ({
        index,
        start: periodStart(r.period, basetime, index),
        end: periodStart(r.period, basetime, index + 1n),
        pay: periodWindow(r, basetime, index),
      })),
  };
}
