/** Offers that recur, in both numberings, and chains of preimages. */
import { describe, expect, it } from 'vitest';
import { makeInvoice, makeRequest, signWith } from '../../src/lib/offer/build.ts';
import { offerProblems } from '../../src/lib/offer/document.ts';
import type { OfferMessage } from '../../src/lib/offer/message.ts';
import { checkInvoicePreimage, preimageChain, PREIMAGE_CHAIN_LIMITS } from '../../src/lib/offer/preimages.ts';
import { calendarDocument, dueFor, recurrenceOf, periodStart, periodWindow } from '../../src/lib/offer/recurrence.ts';
import { verifyMessage } from '../../src/lib/offer/verify.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { fill, hex } from '../support/onion.ts';
import { AT, PAYINFO, pubkey, theOffer, thePath } from '../support/offer.ts';
import { codeOf } from '../support/refusal.ts';

const MONTH = { unit: 'months', period: 1 };
const BASE = 1_706_659_200; // 2024-01-31
const recurring = (more: object = {}) =>
  theOffer({ offer_quantity_max: undefined, offer_recurrence_optional: MONTH, ...more });
const ask = (offer: OfferMessage, counter?: bigint, start?: bigint, cancel = false): OfferMessage =>
  signWith(
    makeRequest(offer, {
      metadata: fill(7, 16),
      payerId: pubkey(0x42),
      fields: {},
      recurrence: { counter, start, cancel },
    }),
    fill(0x42),
  );
const answer = (request: OfferMessage, createdAt: bigint, more: Partial<Parameters<typeof makeInvoice>[1]> = {}) =>
  signWith(
    makeInvoice(request, {
      paymentHash: '11'.repeat(32),
      createdAt,
      nodeId: pubkey(0x41),
      ...more,
      fields: { invoice_paths: [thePath()], invoice_blindedpay: [PAYINFO] },
    }),
    fill(0x41),
  );

describe('a period', () => {
  it('of months begins on the day of the base, or on the last of a shorter month', () => {
    const start = (n: bigint) => periodStart({ unit: 'months', period: 1n }, BigInt(BASE), n);
    expect([0n, 1n, 2n, 13n].map(start)).toEqual([1706659200n, 1709164800n, 1711843200n, 1740700800n]);
    // The time of day stays.
    expect(periodStart({ unit: 'months', period: 2n }, BigInt(BASE) + 86_399n, 1n)).toBe(1711843200n + 86_399n);
    expect(codeOf(() => periodStart({ unit: 'months', period: 1n << 31n }, BigInt(BASE), 1n << 31n))).toBe(
      'offer-field',
    );
  });
  it('of days and seconds is a sum', () => {
    expect(periodStart({ unit: 'days', period: 7n }, 100n, 3n)).toBe(100n + 21n * 86_400n);
    expect(periodStart({ unit: 'seconds', period: 7n }, 100n, 3n)).toBe(121n);
  });
  it('can be paid within its window, else from the period before to its end', () => {
    const r = recurrenceOf(recurring({ offer_recurrence_optional: { unit: 'seconds', period: 1000 } }).fields)!;
    expect(periodWindow(r, 5000n, 0n)).toEqual({ from: 0n, until: 5999n });
    expect(periodWindow(r, 5000n, 2n)).toEqual({ from: 6000n, until: 7999n });
    const short = { ...r, paywindow: { seconds_before: 10n, seconds_after: 5n } };
    // The first of an offer without a base is open for a minute at least.
    expect([0n, 1n].map((n) => periodWindow(short, 5000n, n))).toEqual([
      { from: 4990n, until: 5060n },
      { from: 5990n, until: 6005n },
    ]);
    const based = { ...short, base: { proportional: false, basetime: 5000n } };
    expect(periodWindow(based, 5000n, 0n)).toEqual({ from: 4990n, until: 5005n });
    expect([5n, 10n, 11n].map((base) => periodWindow(based, base, 0n).from)).toEqual([0n, 0n, 1n]);
  });
  it('that has begun costs its rest, rounded up', () => {
    const base = { proportional: true, basetime: 1000n };
    const r = {
      ...recurrenceOf(recurring({ offer_recurrence_optional: { unit: 'seconds', period: 300 } }).fields)!,
      base,
    };
    const due = (at: bigint) => dueFor(r, 1000n, 0n, 100n, at);
    expect([900n, 1000n, 1001n, 1100n, 1299n, 1300n].map(due)).toEqual([100n, 100n, 100n, 67n, 1n, 100n]);
    expect(dueFor({ ...r, base: { ...base, proportional: false } }, 1000n, 0n, 100n, 1100n)).toBe(100n);
  });
});

describe.each(['', 'cln_'] as const)('an offer that recurs, numbered by %j', (prefix) => {
  const named = (fields: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [`${prefix}${name}`, value]));
  const offered = (fields: Record<string, unknown>) =>
    recurring({ offer_recurrence_optional: undefined, ...named(fields) });
  const seconds = { unit: 'seconds', period: 10_000 };
  const based = offered({
    offer_recurrence_compulsory: seconds,
    offer_recurrence_base: { proportional: true, basetime: Number(AT) },
    offer_recurrence_paywindow: { seconds_before: 100, seconds_after: 9000 },
    offer_recurrence_limit: 11,
  });
  it('is asked for by counter and start, and its invoice says when it began', () => {
    const request = ask(based, 1n, 3n);
    expect(request.fields).toMatchObject(named({ invreq_recurrence_counter: 1n, invreq_recurrence_start: 3n }));
    const open = AT + 40_000n;
    const invoice = answer(request, open - 100n);
    expect(invoice.fields).toMatchObject({ ...named({ invoice_recurrence_basetime: AT }), invoice_amount: 100_000n });
    verifyMessage(invoice, open + 9000n - 3000n, request);
    expect(codeOf(() => verifyMessage(invoice, open + 9001n))).toBe('invoice-expired');
    expect(codeOf(() => verifyMessage(request, open - 101n))).toBe('period-closed');
    expect(codeOf(() => verifyMessage(request, open + 9001n))).toBe('period-closed');
    expect(codeOf(() => answer(request, open - 101n))).toBe('period-closed');
    // What has begun costs less, and no invoice outlasts the window.
    expect(answer(request, open + 5000n).fields).toMatchObject({
      invoice_amount: 50_000n,
      invoice_relative_expiry: 4000n,
    });
    expect(codeOf(() => answer(request, open + 5000n, { expiry: 4001n }))).toBe('offer-field');
    expect(offerProblems(invoice)).toEqual([]);
  });
  it('begins with the first invoice where it has no base', () => {
    const free = offered({ offer_recurrence_optional: seconds });
    expect(answer(ask(free, 0n), AT).fields).toMatchObject(named({ invoice_recurrence_basetime: AT }));
    expect(codeOf(() => answer(ask(free, 1n), AT))).toBe('usage');
    expect(answer(ask(free, 1n), AT + 10_000n, { basetime: AT }).fields.invoice_amount).toBe(100_000n);
    expect(codeOf(() => answer(ask(free, 5n), AT, { basetime: AT }))).toBe('period-closed');
    expect(codeOf(() => answer(ask(free, 1n), AT + 30_000n, { basetime: AT }))).toBe('period-closed');
    // Who does not recur pays once.
    expect(offerProblems(answer(ask(free), AT))).toEqual([]);
  });
  it.each<[string, () => unknown]>([
    ['a compulsory one without a counter', () => ask(based)],
    ['without a start beside a base', () => ask(based, 1n)],
    ['a start without a base', () => ask(offered({ offer_recurrence_optional: seconds }), 1n, 1n)],
    ['a start without a counter', () => ask(offered({ offer_recurrence_optional: seconds }), undefined, 1n)],
    ['a period behind the last', () => ask(based, 9n, 3n)],
    ['a period of no length', () => offered({ offer_recurrence_optional: { unit: 'days', period: 0 } })],
    ['other fields without a period', () => offered({ offer_recurrence_limit: 3 })],
    [
      'compulsory and optional',
      () => offered({ offer_recurrence_optional: seconds, offer_recurrence_compulsory: seconds }),
    ],
    ['the end of it is answered', () => answer(ask(based, 1n, 3n, true), AT)],
  ])('is refused: %s', (_, work) => {
    expect(codeOf(work)).toBe('offer-field');
  });
  it('ends with its last period', () => {
    expect(calendarDocument(based.fields, 10n, 5)).toMatchObject({
      unit: 'seconds',
      basetime: AT,
      periods: [
        { index: 10n, start: AT + 100_000n, end: AT + 110_000n, pay: { from: AT + 99_900n, until: AT + 109_000n } },
        { index: 11n },
      ],
    });
    expect(ask(based, 8n, 3n).fields.invreq_metadata).toBeDefined();
  });
});

describe('recurrence', () => {
  it('is in one numbering', () => {
    expect(codeOf(() => recurring({ cln_offer_recurrence_limit: 3 }))).toBe('offer-field');
  });
  it('has a calendar only where it is, and where its begin is known', () => {
    expect(codeOf(() => calendarDocument(theOffer().fields, 0n, 1))).toBe('offer-field');
    expect(codeOf(() => calendarDocument(recurring().fields, 0n, 1))).toBe('usage');
  });
});

describe('a chain of preimages', () => {
  const salt = fill(2);
  const chain = preimageChain(salt, fill(1), 4);
  it('is that of another writer', () => {
    expect(hex(chain[3]!)).toBe(hex(fill(1)));
    expect(hex(chain[2]!)).toMatch(/^fe1e333c.*edbf$/);
    expect(hex(chain[0]!)).toMatch(/^43e3e7c9.*54e6$/);
    expect(hex(sha256(chain[0]!))).toMatch(/^84e59adc.*edd8$/);
  });
  it('proves with one preimage all periods up to its own', () => {
    const fields = (index: number) => ({
      invoice_payment_hash: hex(sha256(chain[index]!)),
      proposal_preimage_chain: { salt: hex(salt), index: BigInt(index) },
    });
    for (let paid = 0; paid < 4; paid++)
      for (let shown = 0; shown < 4; shown++) {
        const check = () => checkInvoicePreimage(fields(paid), chain[shown]!, BigInt(shown));
        if (shown >= paid) check();
        else expect(codeOf(check)).toBe('chain-differs');
      }
    expect(codeOf(() => checkInvoicePreimage(fields(1), fill(3), 2n))).toBe('chain-differs');
    expect(
      codeOf(() =>
        checkInvoicePreimage(
          { ...fields(1), proposal_preimage_chain: { salt: hex(fill(3)), index: 1n } },
          chain[2]!,
          2n,
        ),
      ),
    ).toBe('chain-differs');
    expect(codeOf(() => checkInvoicePreimage(fields(1), chain[2]!))).toBe('wrong-preimage');
    expect(codeOf(() => checkInvoicePreimage(theOffer().fields, chain[2]!))).toBe('usage');
    expect(codeOf(() => checkInvoicePreimage(fields(1), chain[3]!, 1n << 60n))).toBe('chain-differs');
  });
  it('is followed through as many periods as one chain has', () => {
    const { most } = PREIMAGE_CHAIN_LIMITS.count;
    const [before, first] = preimageChain(salt, fill(1), most + 1) as [Uint8Array, Uint8Array];
    const check = (paid: Uint8Array, index: number) =>
      checkInvoicePreimage(
        { invoice_payment_hash: hex(sha256(paid)), proposal_preimage_chain: { salt: hex(salt), index: 0n } },
        fill(1),
        BigInt(index),
      );
    check(first, most - 1);
    expect(codeOf(() => check(before, most))).toBe('chain-differs');
  });
});
