/** The limits of routes and of error onions. */
import { describe } from 'vitest';
import { buildError, ERROR_LIMITS, unwrapError, wrapError } from '../../src/lib/onion/error.ts';
import { PATH_LIMITS, route, type RouteHop } from '../../src/lib/onion/route.ts';
import { fill, pubkeyOf } from '../support/onion.ts';
import { limits } from '../support/limits.ts';

describe('a route', () => {
  // The hop before charges 1 msat and takes 1 block.
  const FEE = { feeBaseMsat: 1n, feeProportionalMillionths: 0n, cltvExpiryDelta: 1n };
  const hop = (i: number, more: Partial<RouteHop> = {}): RouteHop => ({
    pubkey: pubkeyOf(i),
    shortChannelId: `1x1x${i}`,
    ...FEE,
    ...more,
  });
  const paid = (amountMsat: bigint, finalExpiry: bigint, more: Partial<RouteHop> = {}, height?: bigint) =>
    route([hop(0), hop(1, more)], { amountMsat, finalExpiry, height });
  const bounds = { htlcMinimumMsat: 500n, htlcMaximumMsat: 900n };
  const above = 'route-limit';
  limits(PATH_LIMITS, {
    htlc: { takes: (n: bigint) => paid(n, 100n, bounds), figures: [bounds], below: 'route-limit', above },
    // Of the HTLC to the first hop.
    height: { takes: (n: bigint) => paid(1_000n, n - 1n), above },
    ahead: { takes: (n: bigint) => paid(1_000n, n - 1n, {}, 100n), figures: [100n], above },
  });
});

describe('an error onion', () => {
  const refused = { below: 'error-size', above: 'error-size' } as const;
  limits(ERROR_LIMITS, {
    onion: [
      { takes: (n: number) => wrapError(fill(1), { error: new Uint8Array(n) }), ...refused },
      { takes: (n: number) => unwrapError([fill(1)], { error: new Uint8Array(n) }), ...refused },
    ],
    // 36 bytes are the HMAC and two lengths.
    made: [
      { takes: (n: number) => buildError(fill(1), new Uint8Array(n - 36), { padTo: 0 }), above: 'error-size' },
      { takes: (n: number) => buildError(fill(1), new Uint8Array(2), { padTo: n - 36 }), above: 'error-size' },
    ],
  });
});
