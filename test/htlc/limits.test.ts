/** The limits of HTLCs: locks, the order of a swap, routes, scripts and what a claim shows. */
import { sha256 } from '@noble/hashes/sha2.js';
import { describe } from 'vitest';
import { ALONE } from '../../src/lib/contract/watcher.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { AHEAD_LIMITS, checkAhead, checkLock, LOCK_LIMITS, type Lock } from '../../src/lib/htlc/lock.ts';
import { parseRoute, planRoute, ROUTE_LIMITS } from '../../src/lib/htlc/route.ts';
import { SCRIPT_LIMITS, scriptWords } from '../../src/lib/htlc/scripts.ts';
import { SECRET_LIMITS, secretIn } from '../../src/lib/htlc/secret.ts';
import {
  checkMargin,
  checkOffer,
  checkOrder,
  checkTime,
  offerSchema,
  SWAP_LIMITS,
  type SwapOffer,
} from '../../src/lib/htlc/swap-terms.ts';
import { swapKind, type Swap } from '../../src/lib/htlc/swap-records.ts';
import { SWAP_WATCH_LIMITS, swapWatcher } from '../../src/lib/htlc/watch.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { rules, unspent } from '../contract/dutiful.ts';
import { pair, swapMessages } from './scenes.ts';
import { limits } from '../support/limits.ts';
import { key } from '../credit/things.ts';

describe('locks', () => {
  const kind = { below: 'locktime-kind', above: 'locktime-kind' } as const;
  const of = (name: Lock['kind']) => ({ takes: (value: number) => checkLock({ kind: name, value }), ...kind });
  limits(LOCK_LIMITS, {
    height: of('height'),
    time: of('time'),
    blocks: of('blocks'),
    // Only multiples of 512 are seconds that a lock can say: the next one inside is a unit away.
    seconds: {
      takes: (n: number) =>
        checkLock({ kind: 'seconds', value: n === 513 ? 1_024 : n === 33_553_919 ? 33_553_408 : n }),
      ...kind,
    },
  });
  limits(AHEAD_LIMITS, {
    lock: [
      { takes: (value: number) => checkAhead({ kind: 'height', value }, 1_000, 0), figures: [1_000], below: 'expired' },
      {
        takes: (value: number) => checkAhead({ kind: 'time', value }, 0, 1_800_000_000),
        figures: [1_800_000_000],
        below: 'expired',
      },
    ],
  });
});

describe('a swap', () => {
  const side = {
    claim_pubkey: key(1),
    claim_auth: '00'.repeat(32),
    refund_pubkey: key(2),
    refund_auth: '11'.repeat(32),
  };
  const offer = { hash: '00'.repeat(32), give_sat: 1, want_sat: 1, expiry: 2_000, margin_blocks: 36, side };
  const stated = (change: object) => ({ ...offer, ...change }) as unknown as SwapOffer;
  const unsafe = { below: 'unsafe-expiry' } as const;
  limits(SWAP_LIMITS, {
    margin: {
      takes: (n: number) => parseAs(offerSchema, { ...offer, margin_blocks: n }),
      below: 'malformed-message',
      above: 'malformed-message',
    },
    agreed: { takes: (n: number) => checkMargin(stated({ margin_blocks: n }), 36), figures: [36], ...unsafe },
    offer: { takes: (n: number) => checkOffer(stated({ expiry: n }), 1_000), figures: [1_000, 36], ...unsafe },
    order: {
      takes: (n: number) => checkOrder({ offer: stated({ expiry: n }), answer: { expiry: 1_500, side } }),
      figures: [1_500, 36],
      ...unsafe,
    },
    step: { takes: (n: number) => checkTime(n, 1_500, 'it is done'), figures: [1_500], above: 'expired' },
  });
  limits(SWAP_WATCH_LIMITS, {
    claim: {
      async takes(tip: number) {
        const both = await pair(390);
        await swapMessages(both);
        const [row] = await both.alice.home.store.list('htlc-swap');
        both.close();
        const w = swapWatcher.watched(swapKind.parse(row!.record), ALONE)!;
        const coins = new Map(w.coins.map(({ outpoint }) => [outpointText(outpoint), unspent]));
        const now = { tip, medianTime: 0, coins, feerate: 2_000, least: 1_000, relay: 1_000 };
        return w.decide(now, rules)[0]!.do === 'sign';
      },
      figures: [1_108],
      above: 'not taken',
    },
    searched: {
      takes(blocks: number) {
        const paid = { txid: '00'.repeat(32), vout: 0 };
        const s = { role: 'responder', paid, preimage: null, unspentTo: 1_000 } as Swap;
        const searched = { by: null, upTo: 1_000 + blocks, pruned: false };
        const found = { coin: 'unclear', depth: 0, spend: null, searched } as const;
        const coins = new Map([[outpointText(paid), found]]);
        return swapWatcher.learnt!(s, { tip: 9_999, coins } as never) !== undefined;
      },
      below: 'not taken',
    },
  });
});

describe('a route', () => {
  const channel = (i: number, more: object = {}) => ({
    from: `n${i}`,
    to: `n${i + 1}`,
    balance_from_msat: 1_000_000_000,
    balance_to_msat: 0,
    fee_base_msat: 0,
    fee_ppm: 0,
    cltv_delta: 40,
    ...more,
  });
  const plan = (change: object, each: object = {}, count = 2, unsafe = false) => {
    const channels = Array.from({ length: count }, (_, i) => channel(i, each));
    const json = { height: 1_000, amount_msat: 1_000_000, final_delta: 18, channels, ...change };
    return planRoute(parseRoute(new Fields(parseJson(printJson(json)))), unsafe);
  };
  const read = (change: object, each: object = {}) => {
    const json = { height: 1_000, amount_msat: 1, final_delta: 18, channels: [channel(0, each)], ...change };
    return parseRoute(new Fields(parseJson(printJson(json))));
  };
  const malformed = { above: 'malformed-message' } as const;
  const of = { minimumMsat: 500n, maximumMsat: 900n, fromMsat: 1_000n, reserveMsat: 100n };
  limits(ROUTE_LIMITS, {
    delta: { takes: (n: bigint) => plan({}, { cltv_delta: n }), below: 'unsafe-expiry' },
    finalDelta: { takes: (n: bigint) => plan({ final_delta: n }), below: 'unsafe-expiry' },
    hops: {
      takes: (n: number) => plan({}, { cltv_delta: 34 }, n),
      below: 'malformed-message',
      above: 'malformed-message',
    },
    height: [
      { takes: (n: bigint) => read({ height: n }), ...malformed },
      // The height at which the HTLC expires, the tip 18 blocks before.
      { takes: (n: bigint) => plan({ height: n - 18n }, {}, 1), above: 'route-limit' },
    ],
    ahead: { takes: (n: bigint) => plan({ final_delta: n - 1_000n }, {}, 1), figures: [1_000n], above: 'route-limit' },
    two: [
      { takes: (n: bigint) => read({ final_delta: n }), ...malformed },
      { takes: (n: bigint) => read({}, { cltv_delta: n }), ...malformed },
    ],
    four: [
      { takes: (n: bigint) => read({}, { fee_base_msat: n }), ...malformed },
      { takes: (n: bigint) => read({}, { fee_ppm: n }), ...malformed },
    ],
    amount: [
      { takes: (n: bigint) => read({ amount_msat: n }), ...malformed },
      { takes: (n: bigint) => read({}, { balance_from_msat: n }), ...malformed },
      { takes: (n: bigint) => read({}, { htlc_maximum_msat: n }), ...malformed },
    ],
    htlc: {
      takes: (n: bigint) => plan({ amount_msat: n }, { htlc_minimum_msat: 500, htlc_maximum_msat: 900 }, 1),
      figures: [of],
      below: 'route-limit',
      above: 'route-limit',
    },
    some: { takes: (n: bigint) => plan({ amount_msat: n }, {}, 1), below: 'route-limit' },
    balance: {
      takes: (n: bigint) => plan({ amount_msat: n }, { balance_from_msat: 1_000, reserve_msat: 100 }, 1),
      figures: [of],
      above: 'route-limit',
    },
  });
});

describe('what a chain shows', () => {
  // OP_1, over and over.
  limits(SCRIPT_LIMITS, {
    script: { takes: (n: number) => scriptWords(new Uint8Array(n).fill(0x51)) !== '', above: 'not taken' },
  });
  limits(SECRET_LIMITS, {
    element: {
      takes(n: number) {
        const preimage = new Uint8Array(n).fill(7);
        return secretIn([[preimage]], bytesToHex(sha256(preimage)));
      },
      above: 'no-preimage',
    },
  });
});
