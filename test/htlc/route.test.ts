/** Routes: the textbook's five, BOLT7's worked example, and every bound. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { Fields } from '../../src/lib/protocol/document.ts';
import { onionHops, parseRoute, planRoute, routePlanDocument } from '../../src/lib/htlc/route.ts';
import { drawMermaid, drawText } from '../../src/lib/htlc/route-drawing.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { PUBKEYS } from '../support/htlc.ts';

const BTC = 100_000_000_000;
/** What Alice has to send. */
const SENT = 100_300_000_000;
const NAMES = ['Alice', 'Bob', 'Carol', 'Diana', 'Eric'];
const channel = (i: number, more: object = {}) => ({
  from: NAMES[i],
  to: NAMES[i + 1],
  balance_from_msat: 2 * BTC,
  balance_to_msat: 2 * BTC,
  fee_base_msat: 100_000_000,
  fee_ppm: 0,
  cltv_delta: 1,
  ...more,
});
/** The textbook's payment of one coin from Alice to Eric. */
const textbook = (more: object = {}, each: object = {}) => ({
  height: 1000,
  amount_msat: BTC,
  final_delta: 7,
  channels: [0, 1, 2, 3].map((i) => channel(i, each)),
  ...more,
});
const plan = (json: object) => parseRoute(new Fields(parseJson(printJson(json))));
const routed = (json: object, unsafe = true) => planRoute(plan(json), unsafe);
const document = (json: object): any => parseJson(printJson(routePlanDocument(plan(json), routed(json))));

describe("the textbook's five", () => {
  it('amounts, expiries and balances', () => {
    const { hops, fees_msat } = document(textbook());
    expect(hops.map((h: any) => [h.from, h.to, h.amount_msat / BTC, h.expiry - 1000])).toEqual([
      ['Alice', 'Bob', 1.003, 10],
      ['Bob', 'Carol', 1.002, 9],
      ['Carol', 'Diana', 1.001, 8],
      ['Diana', 'Eric', 1, 7],
    ]);
    expect(fees_msat).toBe(0.003 * BTC);
    const sides = (b: any) => [b.from_msat / BTC, b.htlc_msat / BTC, b.to_msat / BTC];
    expect(hops.map((h: any) => sides(h.balances.locked))).toEqual([
      [0.997, 1.003, 2],
      [0.998, 1.002, 2],
      [0.999, 1.001, 2],
      [1, 1, 2],
    ]);
    expect(hops.map((h: any) => sides(h.balances.after))).toEqual([
      [0.997, 0, 3.003],
      [0.998, 0, 3.002],
      [0.999, 0, 3.001],
      [1, 0, 3],
    ]);
    for (const { balances } of hops) {
      expect(sides(balances.before)).toEqual([2, 0, 2]);
      expect(balances.failed).toEqual(balances.before);
    }
  });

  it('is refused without --unsafe-deltas: a block is no time to react', () => {
    expect(codeOf(() => routed(textbook(), false))).toBe('unsafe-expiry');
    const safe = textbook({ final_delta: 18 }, { cltv_delta: 34 });
    expect(routed(safe, false).map(({ expiry }) => expiry)).toEqual([1120n, 1086n, 1052n, 1018n]);
    expect(codeOf(() => routed(textbook({ final_delta: 18 }, { cltv_delta: 33 }), false))).toBe('unsafe-expiry');
    expect(codeOf(() => routed(textbook({ final_delta: 17 }, { cltv_delta: 34 }), false))).toBe('unsafe-expiry');
  });

  it('drawn for a terminal', () => {
    expect(drawText(plan(textbook()), routed(textbook()))).toBe(
      `               htlc   expiry  before  pending        settled      failed
Alice → Bob    1.003  +10     2:2     0.997:1.003:2  0.997:3.003  2:2
Bob → Carol    1.002  +9      2:2     0.998:1.002:2  0.998:3.002  2:2
Carol → Diana  1.001  +8      2:2     0.999:1.001:2  0.999:3.001  2:2
Diana → Eric   1      +7      2:2     1:1:2          1:3          2:2`,
    );
  });
  it('drawn as a sequence', () => {
    const lines = drawMermaid(plan(textbook()), routed(textbook())).split('\n');
    expect(lines[0]).toBe('sequenceDiagram');
    expect(lines).toContain('  n0->>n1: HTLC 1.003 BTC, expires +10');
    expect(lines.at(-1)).toBe('  n1-->>n0: preimage, then 0.997:3.003');
  });
  it('as the hops of onion-build', () => {
    const each = { to_pubkey: PUBKEYS.claim, short_channel_id: '1x2x3' };
    const json = textbook({ payment_hash: '66'.repeat(32), payment_secret: '77'.repeat(32) }, each);
    const made: any = parseJson(printJson(onionHops(plan(json), routed(json))));
    expect(made.hops.map((h: any) => [h.payload.amt_to_forward, h.payload.outgoing_cltv_value])).toEqual([
      [100_200_000_000, 1009],
      [100_100_000_000, 1008],
      [BTC, 1007],
      [BTC, 1007],
    ]);
    expect(made.hops.map((h: any) => h.payload.short_channel_id)).toEqual(['1x2x3', '1x2x3', '1x2x3', undefined]);
    expect(made.hops[3].payload.payment_data.total_msat).toBe(BTC);
    expect(made).toMatchObject({ associated_data: '66'.repeat(32), amount_msat: 100_300_000_000, cltv_expiry: 1010 });
    expect(codeOf(() => onionHops(plan(textbook()), routed(textbook())))).toBe('malformed-message');
  });
});

it("BOLT7's worked example: B pays 10199 msat, A sends 5010198", () => {
  const each = { fee_base_msat: 200, fee_ppm: 2000 };
  const json = { ...textbook({ amount_msat: 4_999_999 }, each), channels: [0, 1].map((i) => channel(i, each)) };
  expect(routed(json).map(({ amountMsat }) => amountMsat)).toEqual([5_010_198n, 4_999_999n]);
});

describe('refused', () => {
  const first = (more: object) => textbook({ channels: [channel(0, more), channel(1), channel(2), channel(3)] });
  it.each<[string, object, string]>([
    ['too little on our side', first({ balance_from_msat: SENT - 1 }), 'route-limit'],
    ['too little beside the reserve', first({ balance_from_msat: SENT, reserve_msat: 1 }), 'route-limit'],
    ['below the least HTLC', first({ htlc_minimum_msat: SENT + 1 }), 'route-limit'],
    ['above the largest HTLC', first({ htlc_maximum_msat: SENT - 1 }), 'route-limit'],
    ['an expiry too far ahead', textbook({ final_delta: 2014 }), 'route-limit'],
    ['an expiry past heights', textbook({ height: 499_999_999 }), 'route-limit'],
    ['nothing to send', textbook({ amount_msat: 0 }), 'route-limit'],
    ['no channel', textbook({ channels: [] }), 'malformed-message'],
    [
      '28 channels',
      textbook({ channels: Array.from({ length: 28 }, (_, i) => channel(0, { from: `n${i}`, to: `n${i + 1}` })) }),
      'malformed-message',
    ],
    ['channels that do not meet', textbook({ channels: [channel(0), channel(2)] }), 'malformed-message'],
    ['a node twice', textbook({ channels: [channel(0), channel(1, { to: 'Alice' })] }), 'malformed-message'],
    ['a name that draws', first({ from: 'A\nend' }), 'malformed-message'],
    ['a fraction', first({ fee_base_msat: '1.5' }), 'malformed-message'],
    ['more than all coins', textbook({ amount_msat: '2100000000000000001' }), 'malformed-message'],
    ['a key that is no point', first({ to_pubkey: `02${'00'.repeat(31)}05` }), 'wrong-key'],
  ])('%s', (_, json, code) => expect(codeOf(() => routed(json))).toBe(code));
  it.each<[string, object, string | null]>([
    // msat of the HTLC to Bob: SENT; blocks; channels
    ['the least HTLC', first({ htlc_minimum_msat: SENT - 1 }), null],
    ['the least HTLC', first({ htlc_minimum_msat: SENT }), null],
    ['the least HTLC', first({ htlc_minimum_msat: SENT + 1 }), `at least ${SENT + 1} expected`],
    ['the largest HTLC', first({ htlc_maximum_msat: SENT + 1 }), null],
    ['the largest HTLC', first({ htlc_maximum_msat: SENT }), null],
    ['the largest HTLC', first({ htlc_maximum_msat: SENT - 1 }), `at most ${SENT - 1} expected`],
    ['a reserve', first({ balance_from_msat: SENT + 5, reserve_msat: 4 }), null],
    ['a reserve', first({ balance_from_msat: SENT + 5, reserve_msat: 5 }), null],
    ['a reserve', first({ balance_from_msat: SENT + 5, reserve_msat: 6 }), `at most ${SENT - 1} of Alice's`],
    ['a balance below the reserve', first({ balance_from_msat: 5, reserve_msat: 4 }), "at most 1 of Alice's"],
    ['a balance below the reserve', first({ balance_from_msat: 5, reserve_msat: 5 }), "at most 0 of Alice's"],
    ['a balance below the reserve', first({ balance_from_msat: 5, reserve_msat: 6 }), "at most 0 of Alice's"],
    // three deltas of 1 and a final one of 7
    ['heights end', textbook({ height: 499_999_988 }), null],
    ['heights end', textbook({ height: 499_999_989 }), null],
    ['heights end', textbook({ height: 499_999_990 }), 'expiry 500000000 found, a height expected'],
    ['2016 blocks ahead', textbook({ final_delta: 2012 }), null],
    ['2016 blocks ahead', textbook({ final_delta: 2013 }), null],
    ['2016 blocks ahead', textbook({ final_delta: 2014 }), 'at most 2016 blocks'],
  ])('at the limit: %s', (_, json, words) => {
    if (words === null) expect(routed(json)).toHaveLength(4);
    else
      expect(refusal(() => routed(json))).toMatchObject({
        code: 'route-limit',
        message: expect.stringContaining(words),
      });
  });
  it.each([26, 27, 28])('%i channels, of at most 27', (count) => {
    const each = { fee_base_msat: 0 };
    const channels = Array.from({ length: count }, (_, i) => channel(0, { ...each, from: `n${i}`, to: `n${i + 1}` }));
    if (count <= 27) expect(routed(textbook({ channels }))).toHaveLength(count);
    else expect(codeOf(() => routed(textbook({ channels })))).toBe('malformed-message');
  });
  it('the exact balance is enough', () => {
    expect(routed(first({ balance_from_msat: SENT }))[0]!.after.from).toBe(0n);
  });
});

it('for any route: nothing is lost, every node but the last earns its fee, expiries fall', () => {
  const hop = fc.record({
    fee_base_msat: fc.integer({ min: 0, max: 1_000_000 }),
    fee_ppm: fc.integer({ min: 0, max: 100_000 }),
    cltv_delta: fc.integer({ min: 34, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(hop, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: BTC }), (each, amount) => {
      const json = textbook({
        amount_msat: amount,
        final_delta: 18,
        channels: each.map((more, i) => channel(i, more)),
      });
      const hops = routed(json, false);
      hops.forEach(({ before, locked, after, amountMsat, expiry }, i) => {
        const sum = (b: typeof before) => b.from + b.pending + b.to;
        expect([sum(locked), sum(after)]).toEqual([sum(before), sum(before)]);
        const next = hops[i + 1];
        if (!next) return expect(amountMsat).toBe(BigInt(amount));
        const { fee_base_msat, fee_ppm, cltv_delta } = each[i + 1]!;
        const fee = BigInt(fee_base_msat) + (next.amountMsat * BigInt(fee_ppm)) / 1_000_000n;
        expect([amountMsat - next.amountMsat, expiry - next.expiry]).toEqual([fee, BigInt(cltv_delta)]);
      });
    }),
  );
});
