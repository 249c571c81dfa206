/** Route arithmetic: BOLT7's example, the plan of `notes/lightning.md`, bounds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fields } from '../../src/lib/protocol/document.ts';
import { routingFee } from '../../src/lib/wire/fees.ts';
import { route, routeDocument } from '../../src/lib/onion/route.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { fill, hex, pubkeyOf } from '../support/onion.ts';
import { codeOf } from '../support/refusal.ts';

const document = (json: object) => new Fields(parseJson(printJson(json)) as never, '', []);
const hop = (i: number, base = 0, ppm = 0, delta = 0) => ({
  pubkey: hex(pubkeyOf(i)),
  short_channel_id: `${i}x0x0`,
  fee_base_msat: base,
  fee_proportional_millionths: ppm,
  cltv_expiry_delta: delta,
});

describe('a route', () => {
  it("costs what BOLT7's example says", () => {
    expect(routingFee(4_999_999n, 200n, 2000n)).toBe(10_199n);
    const made = routeDocument(
      document({ amount_msat: 4_999_999, final_cltv_expiry: 100, hops: [hop(0), hop(1, 200, 2000, 20)] }),
    );
    expect(made).toMatchObject({ amount_msat: 5_010_198n, cltv_expiry: 120n, fees_msat: 10_199n });
  });
  it('tells each hop what it forwards: 1.003, 1.002, 1.001, 1 BTC over four channels', () => {
    const height = 800_000;
    const hops = [hop(0), ...[1, 2, 3].map((i) => hop(i, 100_000_000, 0, 1))];
    const made = routeDocument(
      document({
        amount_msat: 100_000_000_000,
        height,
        final_cltv_delta: 7,
        payment_hash: hex(fill(5)),
        payment_secret: hex(fill(6)),
        hops,
      }),
    ) as any;
    expect(made.htlcs.map((h: any) => [h.amount_msat, Number(h.cltv_expiry) - height])).toEqual([
      [100_300_000_000n, 10],
      [100_200_000_000n, 9],
      [100_100_000_000n, 8],
      [100_000_000_000n, 7],
    ]);
    expect(made.hops.map(({ payload }: any) => [payload.amt_to_forward, payload.short_channel_id])).toEqual([
      [100_200_000_000n, '1x0x0'],
      [100_100_000_000n, '2x0x0'],
      [100_000_000_000n, '3x0x0'],
      [100_000_000_000n, undefined],
    ]);
    expect(made.hops[3].payload.payment_data).toEqual({ payment_secret: hex(fill(6)), total_msat: 100_000_000_000n });
    expect(made.associated_data).toBe(hex(fill(5)));
  });
  it('every hop gets its fee', () => {
    const fees = fc.tuple(fc.nat(100_000), fc.nat(50_000), fc.nat(200));
    fc.assert(
      fc.property(fc.array(fees, { minLength: 1, maxLength: 20 }), fc.bigInt(1n, 10n ** 14n), (all, amountMsat) => {
        const hops = all.map(([base, ppm, delta], i) => ({
          pubkey: fill(i, 33),
          shortChannelId: '1x1x1',
          fees: {
            fee_base_msat: BigInt(base),
            fee_proportional_millionths: BigInt(ppm),
            cltv_expiry_delta: BigInt(delta),
          },
        }));
        const made = route(hops, { amountMsat, finalExpiry: 1000n });
        made.htlcs.forEach((htlc, i) => {
          const next = made.htlcs[i + 1];
          if (!next) return expect(htlc).toEqual({ amountMsat, cltvExpiry: 1000n });
          const { fees } = hops[i + 1]!;
          expect(htlc.amountMsat - next.amountMsat).toBe(
            routingFee(next.amountMsat, fees.fee_base_msat, fees.fee_proportional_millionths),
          );
          expect(htlc.cltvExpiry - next.cltvExpiry).toBe(fees.cltv_expiry_delta);
        });
      }),
      { numRuns: 200 },
    );
  });
  it('outside what channels take is refused', () => {
    const made = (more: object, last: object = {}) =>
      codeOf(() =>
        routeDocument(
          document({
            amount_msat: 1000,
            final_cltv_expiry: 100,
            hops: [hop(0), { ...hop(1, 1, 1, 1), ...last }],
            ...more,
          }),
        ),
      );
    expect(made({}, { htlc_minimum_msat: 1001 })).toBe('route-limit');
    expect(made({}, { htlc_maximum_msat: 999 })).toBe('route-limit');
    expect(made({ height: 100, final_cltv_expiry: 2117 })).toBe('route-limit');
    expect(made({ final_cltv_expiry: 499_999_999 })).toBe('route-limit');
    expect(made({ amount_msat: '2100000000000000000' }, { fee_base_msat: 1 })).toBe('route-limit');
    expect(made({ amount_msat: '2100000000000000001' })).toBe('malformed-message');
    expect(made({ final_cltv_expiry: undefined })).toBe('malformed-message');
    expect(made({ hops: [] })).toBe('malformed-message');
    expect(made({}, { short_channel_id: undefined })).toBe('malformed-message');
    expect(made({}, { pubkey: '05'.repeat(33) })).toBe('wrong-key');
  });
});
