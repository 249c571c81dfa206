/** The limits of BOLT12 messages: strings, values, quantities and amounts, time, periods, chains. */
import { describe } from 'vitest';
import OfferPeriod from '../../src/commands/offer/period.ts';
import OfferPreimages from '../../src/commands/offer/preimages.ts';
import { checkFields, BOLT12_LIMITS } from '../../src/lib/offer/check.ts';
import type { OfferValues } from '../../src/lib/offer/fields.ts';
import {
  bip353Name,
  fallbacks,
  payinfos,
  VALUE_LIMITS,
  base,
  chainPlace,
  paywindow,
  period,
  RECURRENCE_LIMITS,
} from '../../src/lib/offer/codecs.ts';
import { makeOfferMessage } from '../../src/lib/offer/message.ts';
import { PREIMAGE_CHAIN_LIMITS } from '../../src/lib/offer/preimages.ts';
import {
  CALENDAR_LIMITS,
  checkPeriod,
  PERIOD_LIMITS,
  recurrenceOf,
  periodStart,
  periodWindow,
} from '../../src/lib/offer/recurrence.ts';
import { readString, STRING_LIMITS } from '../../src/lib/offer/string.ts';
import { verifyMessage } from '../../src/lib/offer/verify.ts';
import { BOLT11_LIMITS, readBolt11, writeBolt11 } from '../../src/lib/offer/bolt11.ts';
import { BOLT11_TIME_LIMITS, encodeBolt11, invoiceIn, verifyBolt11 } from '../../src/lib/offer/bolt11-document.ts';
import { limits } from '../support/limits.ts';
import { fill } from '../support/onion.ts';
import { codeOf } from '../support/refusal.ts';
import { AT, document, PAYINFO, run, theInvoice, theOffer, theRequest } from '../support/offer.ts';

const above = 'malformed-message';

describe('a string', () => {
  limits(STRING_LIMITS, {
    letters: { takes: (n: number) => readString(`lno1${'q'.repeat(n - 4)}`), above: 'too-large' },
  });
});

describe('a value', () => {
  const info = (name: string) => (n: unknown) => payinfos.parse(document({ x: [{ ...PAYINFO, [name]: n }] }), 'x');
  limits(VALUE_LIMITS, {
    bytes: [
      { takes: (n: number) => info('features')('00'.repeat(n)), above },
      { takes: (n: number) => fallbacks.parse(document({ x: [{ version: 1, program: '00'.repeat(n) }] }), 'x'), above },
    ],
    name: [
      { takes: (n: number) => bip353Name.parse(document({ x: { name: 'a'.repeat(n), domain: 'b' } }), 'x'), above },
      { takes: (n: number) => bip353Name.parse(document({ x: { name: 'a', domain: 'b'.repeat(n) } }), 'x'), above },
    ],
    version: { takes: (n: bigint) => fallbacks.parse(document({ x: [{ version: n, program: '' }] }), 'x'), above },
  });
});

describe('a message', () => {
  const [offer, request] = [theOffer(), theRequest()];
  const sound = (kind: 'offer' | 'invoice_request', fields: OfferValues) =>
    checkFields(makeOfferMessage(kind, fields)).length === 0;
  const free = theRequest(theOffer({ offer_quantity_max: 0, offer_amount: undefined }));
  const until = theOffer({ offer_absolute_expiry: 1000 });
  const invoice = theInvoice();
  limits(BOLT12_LIMITS, {
    amount: { takes: (n: bigint) => sound('offer', { ...offer.fields, offer_amount: n }), below: 'not taken' },
    quantity: [
      {
        takes: (n: bigint) =>
          sound('invoice_request', { ...request.fields, invreq_quantity: n, invreq_amount: 500_000n }),
        figures: [request.fields],
        below: 'not taken',
        above: 'not taken',
      },
      {
        takes: (n: bigint) => sound('invoice_request', { ...free.fields, invreq_quantity: n }),
        figures: [free.fields],
        below: 'not taken',
        // No number on the wire is larger.
        above: 'malformed-message',
      },
    ],
    requested: {
      takes: (n: bigint) => sound('invoice_request', { ...request.fields, invreq_amount: n }),
      figures: [request.fields],
      below: 'not taken',
    },
    offer: { takes: (n: bigint) => verifyMessage(until, n), figures: [until.fields], above: 'offer-expired' },
    invoice: { takes: (n: bigint) => verifyMessage(invoice, n), figures: [invoice.fields], above: 'invoice-expired' },
  });
});

describe('recurrence', () => {
  limits(RECURRENCE_LIMITS, {
    period: { takes: (n: bigint) => period.parse(document({ x: { unit: 'days', period: n } }), 'x'), above },
    basetime: { takes: (n: bigint) => base.parse(document({ x: { proportional: true, basetime: n } }), 'x'), above },
    window: [
      { takes: (n: bigint) => paywindow.parse(document({ x: { seconds_before: n, seconds_after: 0 } }), 'x'), above },
      { takes: (n: bigint) => paywindow.parse(document({ x: { seconds_before: 0, seconds_after: n } }), 'x'), above },
    ],
    index: { takes: (n: bigint) => chainPlace.parse(document({ x: { salt: '00'.repeat(32), index: n } }), 'x'), above },
  });
  const recurs = (more: object) =>
    theOffer({ offer_recurrence_optional: { unit: 'seconds', period: 100 }, ...more }).fields;
  const r = recurrenceOf(recurs({ offer_recurrence_paywindow: { seconds_before: 10, seconds_after: 70 } }))!;
  const based: OfferValues = {
    ...recurs({ offer_recurrence_base: { proportional: false, basetime: Number(AT) } }),
    invreq_recurrence_counter: 1n,
    invreq_recurrence_start: 1n,
  };
  limits(PERIOD_LIMITS, {
    index: {
      takes: (n: bigint) =>
        sound({ ...theRequest().fields, ...recurs({ offer_recurrence_limit: 9 }), invreq_recurrence_counter: n }),
      figures: [9n],
      above: 'not taken',
    },
    length: {
      takes: (n: bigint) => sound({ ...theRequest().fields, offer_recurrence_optional: { unit: 'days', period: n } }),
      below: 'not taken',
    },
    window: {
      takes: (at: bigint) => checkPeriod('invoice_request', based, at).length === 0,
      figures: [{ from: AT + 100n, until: AT + 299n }],
      below: 'not taken',
      above: 'not taken',
    },
    first: {
      takes: (n: bigint) =>
        periodWindow({ ...r, paywindow: { seconds_before: 0n, seconds_after: n } }, AT, 0n).until - AT === n,
      below: 'not taken',
    },
    base: { takes: (n: bigint) => periodStart({ unit: 'months', period: 1n }, n, 1n), above: 'offer-field' },
    year: {
      takes: (n: number) => periodStart({ unit: 'months', period: 12n }, 0n, BigInt(n - 1970)),
      above: 'offer-field',
    },
  });
  function sound(fields: OfferValues): boolean {
    return checkFields(makeOfferMessage('invoice_request', fields)).length === 0;
  }
  const text = {
    hex: Buffer.from(makeOfferMessage('offer', { ...theOffer().fields, ...recurs({}) }).bytes).toString('hex'),
    kind: 'offer',
  };
  limits(CALENDAR_LIMITS, {
    count: {
      takes: async (n: number) =>
        (await run(OfferPeriod, ['--basetime', '0', '--count', String(n)], text)).code === undefined,
      below: 'not taken',
      above: 'not taken',
    },
  });
  limits(PREIMAGE_CHAIN_LIMITS, {
    count: {
      takes: async (n: number) =>
        (await run(OfferPreimages, ['--proposal', 'preimages', '--count', String(n)])).code === undefined,
      below: 'not taken',
      above: 'not taken',
    },
  });
});

describe('an invoice of BOLT11', () => {
  const fields = [
    { tag: 'p', payment_hash: '11'.repeat(32) },
    { tag: 's', payment_secret: '22'.repeat(32) },
    { tag: 'd', description: 'tea' },
  ];
  const encode = (more: object): any => encodeBolt11(document({ timestamp: 1, fields, ...more }), fill(0x41), 0n);
  // Fields of 1026 letters each, but for the last one, which fills up.
  const empty = encode({}).string.length;
  const sized = (letters: number) => {
    const rest = letters - empty;
    const whole = Array.from({ length: Math.floor(rest / 1026) - 1 }, () => ({ tag: 'v', letters: 'q'.repeat(1023) }));
    const left = rest - 1026 * whole.length;
    const half = Math.floor(left / 2);
    return [
      ...fields,
      ...whole,
      { tag: 'v', letters: 'q'.repeat(half - 3) },
      { tag: 'v', letters: 'q'.repeat(left - half - 3) },
    ];
  };
  limits(BOLT11_LIMITS, {
    letters: [
      { takes: (n: number) => encode({ fields: sized(n) }), above: 'malformed-bolt11' },
      {
        takes: (n: number) => codeOf(() => readBolt11(`lnbc1${'q'.repeat(n - 5)}`)) !== 'too-large',
        above: 'not taken',
      },
    ],
    timestamp: { takes: (n: bigint) => encode({ timestamp: n }), above },
    field: [
      { takes: (n: number) => encode({ fields: [...fields, { tag: 'v', letters: 'q'.repeat(n) }] }), above },
      {
        takes: (n: number) =>
          writeBolt11(
            { prefix: 'lnbc', timestamp: 1n, tagged: [{ tag: 'v', words: Array<number>(n).fill(0) }] },
            fill(0x41),
          ),
        above: 'malformed-bolt11',
      },
    ],
  });
  const { invoice } = invoiceIn(document({ string: encode({}).string }));
  limits(BOLT11_TIME_LIMITS, {
    until: { takes: (at: bigint) => verifyBolt11(invoice, { at }), figures: [3601n], above: 'invoice-expired' },
  });
});
