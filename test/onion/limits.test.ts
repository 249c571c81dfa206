/** The limits of routes, of packets and the HTLCs that carry them, of what the hops of a path are told, and of error onions. */
import { describe } from 'vitest';
import { checkAllowed, HTLC_LIMITS, relayed } from '../../src/lib/onion/blinded-payment.ts';
import { blindDocument, payinfoDocument, unblindDocument, blindPath } from '../../src/lib/onion/blinding.ts';
import { buildPacketDocument, parseBuild } from '../../src/lib/onion/build-document.ts';
import { buildErrorDocument, wrapErrorDocument } from '../../src/lib/onion/error-document.ts';
import { buildError, ERROR_LIMITS, unwrapError, wrapError } from '../../src/lib/onion/error.ts';
import { parseFields } from '../../src/lib/wire/fields.ts';
import { buildOnionMessage, peelMessageDocument } from '../../src/lib/onion/message.ts';
import { buildPacket, cutLayer, openPacket, PACKET_LIMITS } from '../../src/lib/onion/packet.ts';
import { peel, parsePacket } from '../../src/lib/onion/peel.ts';
import { hasLength, PAYLOAD_LIMITS, withLength } from '../../src/lib/onion/payload.ts';
import { RECIPIENT_DATA, RECIPIENT_LIMITS } from '../../src/lib/onion/recipient-data.ts';
import { PATH_LIMITS, route, routeDocument, type RouteHop } from '../../src/lib/onion/route.ts';
import { payinfos } from '../../src/lib/offer/codecs.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { RELAY_LIMITS } from '../../src/lib/wire/fees.ts';
import { AD, fill, hex, keyOf, packetAround, packetOf, pubkeyOf, SESSION, typed } from '../support/onion.ts';
import { PAYINFO } from '../support/offer.ts';
import { codeOf } from '../support/refusal.ts';
import { limits } from '../support/limits.ts';

const json = (members: object): Fields => new Fields(members as never, '', []);
const malformed = { below: 'malformed-message', above: 'malformed-message' } as const;
/** A payload of so many bytes, in hex, without its length. */
const raw = (length: number): string => 'aa'.repeat(length);

describe('a route', () => {
  // The hop before charges 1 msat and takes 1 block.
  const FEES = { fee_base_msat: 1n, fee_proportional_millionths: 0n, cltv_expiry_delta: 1n };
  const hop = (i: number, more: Partial<RouteHop> = {}): RouteHop => ({
    pubkey: pubkeyOf(i),
    shortChannelId: `1x1x${i}`,
    fees: FEES,
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
  const shared_secret = hex(fill(1));
  const erring = (more: object) =>
    buildErrorDocument(json({ shared_secret, failure: 'temporary_node_failure', ...more }));
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
    padded: { takes: (n: number) => erring({ pad_to: n }), below: 'malformed-message', above: 'malformed-message' },
    holdTime: [
      { takes: (n: bigint) => erring({ hold_time: n }), above: 'malformed-message' },
      {
        takes: (n: bigint) => wrapErrorDocument(json({ shared_secret, error: raw(292), hold_time: n })),
        above: 'malformed-message',
      },
    ],
  });
});

describe('a packet', () => {
  const { path } = blindPath([{ nodeId: pubkeyOf(0), data: new Uint8Array() }], SESSION);
  const built = (payload: string, size?: number) => {
    const hops = [{ pubkey: hex(pubkeyOf(0)), payload, prefixed: false }];
    return buildPacketDocument(parseBuild(json({ hops, ...(size && { size }) }), {}), SESSION, {});
  };
  limits(PACKET_LIMITS, {
    size: [
      { takes: (n: number) => built(raw(2), n), ...malformed },
      { takes: (n: number) => parsePacket(json({ onion: '00', size: n })), ...malformed },
    ],
    message: [
      { takes: (n: number) => buildOnionMessage(path, {}, { sessionKey: SESSION, size: n }), above: 'onion-size' },
      {
        takes(n: number) {
          const packet = json({ path_key: path.first_path_key, onion: `01${raw(n + 65)}` });
          // Its version is none: what is refused for that has come past its size.
          return codeOf(() => peelMessageDocument(packet, keyOf(0), [])) === 'onion-version';
        },
        above: 'not taken',
      },
    ],
  });
  limits(PAYLOAD_LIMITS, {
    length: [
      { takes: (n: number) => built(raw(n)), below: 'malformed-message' },
      {
        takes: (n: number) => cutLayer(openPacket(packetAround(withLength(fill(1, n))), keyOf(0), AD)),
        below: 'onion-length',
      },
      { takes: (n: number) => hasLength(withLength(fill(1, n))), below: 'not taken' },
    ],
  });
});

describe('the HTLC of a packet', () => {
  const relay = { fee_base_msat: 7n, fee_proportional_millionths: 0n, cltv_expiry_delta: 9n };
  const constraints = { htlc_minimum_msat: 7n, max_cltv_expiry: 9n };
  const said = { amountMsat: 7n, cltvExpiry: 9n };
  const payload = { amt_to_forward: 7n, outgoing_cltv_value: 9n };
  const final = typed(payload);
  const forwarding = typed({ ...payload, short_channel_id: '1x1x1' });
  const last = packetOf(final);
  const options = { sessionKey: SESSION, associatedData: AD };
  const hops = [forwarding, final].map((bytes, i) => ({ pubkey: pubkeyOf(i), payload: bytes }));
  const first = buildPacket(hops, options).onion;
  /** Peeled, it goes on only if it is as it should be. */
  const carried = (onion: Uint8Array, htlc: object) => {
    const found = peel({ onion, associatedData: AD, htlc: { ...said, ...htlc } }, keyOf(0));
    if ('refusal' in found) throw found.refusal;
  };
  const allowed = (htlc: object) => checkAllowed({ payment_constraints: constraints }, { ...said, ...htlc });
  limits(HTLC_LIMITS, {
    expiry: [
      {
        takes: (n: bigint) => parsePacket(json({ onion: '00', amount_msat: 1, cltv_expiry: n })),
        above: 'malformed-message',
      },
      { takes: (n: bigint) => unblinded({ amount_msat: 1, cltv_expiry: n }), above: 'malformed-message' },
    ],
    relayed: {
      takes: (n: bigint) => relayed({ amountMsat: n, cltvExpiry: 100n }, relay),
      figures: [relay],
      below: 'blinding-constraint',
    },
    ahead: {
      takes: (n: bigint) => relayed({ amountMsat: 100n, cltvExpiry: n }, relay),
      figures: [relay],
      below: 'blinding-constraint',
    },
    allowed: {
      takes: (amountMsat: bigint) => allowed({ amountMsat }),
      figures: [constraints],
      below: 'blinding-constraint',
    },
    until: {
      takes: (cltvExpiry: bigint) => allowed({ cltvExpiry }),
      figures: [constraints],
      above: 'blinding-constraint',
    },
    amount: [first, last].map((onion) => ({
      takes: (amountMsat: bigint) => carried(onion, { amountMsat }),
      figures: [said],
      below: 'onion-amount' as const,
    })),
    held: [first, last].map((onion) => ({
      takes: (cltvExpiry: bigint) => carried(onion, { cltvExpiry }),
      figures: [said],
      below: 'onion-expiry' as const,
    })),
  });
});

/** A hop's data of nothing, unblinded with what a document says besides. */
function unblinded(more: object): object {
  const { path } = blindPath([{ nodeId: pubkeyOf(0), data: new Uint8Array() }], SESSION);
  const encrypted_recipient_data = path.hops[0]!.encrypted_data;
  return unblindDocument(json({ path_key: path.first_path_key, encrypted_recipient_data, ...more }), keyOf(0));
}

describe('what the hops of a path are told', () => {
  const relay = { fee_base_msat: 1n, fee_proportional_millionths: 1n, cltv_expiry_delta: 1n };
  const constraints = { max_cltv_expiry: 1n, htlc_minimum_msat: 1n };
  const above = 'malformed-message';
  const told = (fields: object) => parseFields(RECIPIENT_DATA, json(fields));
  const blinded = blindDocument(json({ hops: [{ pubkey: hex(pubkeyOf(1)), tlvs: {} }] }), SESSION);
  const routed = (more: object) => routeDocument(json({ amount_msat: 1, final_cltv_expiry: 100, ...more }));
  const [first, second] = [{ pubkey: hex(pubkeyOf(0)) }, { pubkey: hex(pubkeyOf(1)), short_channel_id: '1x1x1' }];
  /** Where fees stand: in a hop's data, in what a path costs, in a route's hops, in the path behind them, in an invoice. */
  const relays = (name: keyof typeof relay) =>
    [
      (one: object) => told({ payment_relay: one }),
      (one: object) => payinfoDocument(json({ hops: [one] })),
      (one: object) => routed({ hops: [{ ...first, ...one }, second] }),
      (one: object) => routed({ hops: [first, second], blinded_path: { ...blinded, payinfo: one } }),
      (one: object) => payinfos.parse(json({ x: [{ ...PAYINFO, ...one }] }), 'x'),
    ].map((takes) => ({ takes: (n: bigint) => takes({ ...relay, [name]: n }), above }) as const);
  const costs = (name: string) => (n: bigint) => payinfos.parse(json({ x: [{ ...PAYINFO, [name]: n }] }), 'x');
  const last = (n: bigint) => ({ min_final_cltv_expiry_delta: n });
  limits(RELAY_LIMITS, {
    fee_base_msat: relays('fee_base_msat'),
    fee_proportional_millionths: relays('fee_proportional_millionths'),
    cltv_expiry_delta: [
      ...relays('cltv_expiry_delta'),
      { takes: (n: bigint) => payinfoDocument(json({ hops: [relay], ...last(n) })), above },
      { takes: (n: bigint) => blindDocument(json({ hops: [{ ...first, tlvs: {} }], ...last(n) }), SESSION), above },
    ],
    htlc_msat: [
      {
        takes: (n: bigint) => told({ payment_constraints: { ...constraints, htlc_minimum_msat: n } }),
        above,
      },
      ...['htlc_minimum_msat', 'htlc_maximum_msat'].map((name) => ({ takes: costs(name), above }) as const),
    ],
  });
  limits(RECIPIENT_LIMITS, {
    max_cltv_expiry: {
      takes: (n: bigint) => told({ payment_constraints: { ...constraints, max_cltv_expiry: n } }),
      above,
    },
    feature: { takes: (n: number) => told({ allowed_features: { features: [n] } }), ...malformed },
  });
});
