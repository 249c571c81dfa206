/**
 * Amounts and expiries of a route, from the payee back, and each hop's payload; `onion-route`.
 *
 * BOLT7 (https://github.com/lightning/bolts/blob/master/07-routing-gossip.md), HTLC Fees: base +
 * amount · millionths / 1000000, rounded down. Amounts are in millisatoshis, expiries in blocks. A
 * channel stands with the hop that it leads *to*, and its fees go to the hop before; the first
 * hop's are not charged. Not here: finding routes, balances and reserves.
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { EXPIRY_LIMITS } from '../bitcoin/locktime.ts';
import { MAX_HTLC_CLTV, MOST_MSAT, routingFee, RELAY_LIMITS, FEES, NO_FEES, type Relay } from '../wire/fees.ts';
import { parsePath, type BlindedPath } from '../wire/path.ts';
import type { HopPayload } from './payload.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { shortChannelId } from '../wire/fields.ts';
import { parseStruct } from '../wire/struct.ts';

/** Hop of a route, and the channel that leads to it. */
export interface RouteHop {
  pubkey: Uint8Array;
  shortChannelId?: string | undefined;
  fees: Relay;
  htlcMinimumMsat?: bigint | undefined;
  htlcMaximumMsat?: bigint | undefined;
}
export const PATH_LIMITS = {
  /** Amount that the channel to a hop takes. */
  htlc: {
    unit: 'msat',
    least: ({ htlcMinimumMsat = 0n }: Pick<RouteHop, 'htlcMinimumMsat'>) => htlcMinimumMsat,
    most: ({ htlcMaximumMsat = MOST_MSAT }: Pick<RouteHop, 'htlcMaximumMsat'>) => htlcMaximumMsat,
  },
  /** Expiry of an HTLC; a higher number would be a time. */
  height: { unit: 'height', most: BigInt(EXPIRY_LIMITS.height.most) },
  /** The same, if the chain's height is known. */
  ahead: { unit: 'height', most: (height: bigint) => height + MAX_HTLC_CLTV },
} satisfies Limits;
/** Payment that a route is computed for. */
export interface RoutePayment {
  amountMsat: bigint;
  /** Expiry of the payee's HTLC. */
  finalExpiry: bigint;
  /** Height of the chain, for the bound of 2016 blocks. */
  height?: bigint | undefined;
  paymentSecret?: string | undefined;
  /** Amount of all parts of the payment; `amountMsat` by default. */
  totalMsat?: bigint | undefined;
  paymentMetadata?: string | undefined;
  keysend?: string | undefined;
  /** Blinded path behind the last hop of the route, which is its introduction node. */
  blinded?: { path: BlindedPath; fees: Relay } | undefined;
}
export interface Routed {
  hops: { pubkey: Uint8Array; payload: HopPayload }[];
  /** Amount of the first hop's HTLC. */
  amountMsat: bigint;
  cltvExpiry: bigint;
  feesMsat: bigint;
  /** HTLC of each hop. */
  htlcs: { amountMsat: bigint; cltvExpiry: bigint }[];
}

/** Computes a route. @throws Refusal `route-limit`, `malformed-message` */
export function route(hops: readonly RouteHop[], payment: RoutePayment): Routed {
  const last = hops.length - 1;
  if (last < 0) throw new Refusal('malformed-message', 'hops: no hop found, at least one expected');
  const { blinded } = payment;
  let amount = payment.amountMsat;
  let expiry = payment.finalExpiry;
  if (blinded) {
    amount += routingFee(amount, blinded.fees.fee_base_msat, blinded.fees.fee_proportional_millionths);
    expiry += blinded.fees.cltv_expiry_delta;
  }
  const made: Routed['hops'] = blinded
    ? blindedHops(hops[last]!, blinded.path, payment)
    : [finalHop(hops[last]!, payment)];
  const htlcs: Routed['htlcs'] = [];
  for (let i = last; i >= 0; i--) {
    const hop = hops[i]!;
    checkLimits(hop, i, amount, expiry, payment.height);
    htlcs.unshift({ amountMsat: amount, cltvExpiry: expiry });
    if (i === 0) break;
    if (hop.shortChannelId === undefined)
      throw new Refusal(
        'malformed-message',
        `hops[${i}].short_channel_id: nothing found, the channel that leads there expected`,
      );
    made.unshift({
      pubkey: hops[i - 1]!.pubkey,
      payload: { amt_to_forward: amount, outgoing_cltv_value: expiry, short_channel_id: hop.shortChannelId },
    });
    amount += routingFee(amount, hop.fees.fee_base_msat, hop.fees.fee_proportional_millionths);
    expiry += hop.fees.cltv_expiry_delta;
  }
  return { hops: made, amountMsat: amount, cltvExpiry: expiry, feesMsat: amount - payment.amountMsat, htlcs };
}

function finalHop(hop: RouteHop, payment: RoutePayment): Routed['hops'][number] {
  const { amountMsat, finalExpiry, paymentSecret, totalMsat, paymentMetadata, keysend } = payment;
  return {
    pubkey: hop.pubkey,
    payload: {
      amt_to_forward: amountMsat,
      outgoing_cltv_value: finalExpiry,
      ...(paymentSecret !== undefined && {
        payment_data: { payment_secret: paymentSecret, total_msat: totalMsat ?? amountMsat },
      }),
      ...(paymentMetadata !== undefined && { payment_metadata: paymentMetadata }),
      ...(keysend !== undefined && { keysend }),
    },
  };
}

/** Makes the blinded path's hops. The introduction node is addressed by its own key. */
function blindedHops(last: RouteHop, path: BlindedPath, payment: RoutePayment): Routed['hops'] {
  const { first_node_id: first, hops } = path;
  if (first.length !== 66)
    throw new Refusal(
      'malformed-message',
      'blinded_path.first_node_id: a short channel id found, a public key expected',
    );
  if (first !== bytesToHex(last.pubkey))
    throw new Refusal(
      'malformed-message',
      `blinded_path.first_node_id: ${first} found, the key of the last hop expected: the route ends where the path begins`,
    );
  return hops.map(({ blinded_node_id, encrypted_data }, i) => ({
    pubkey: hexToBytes(i === 0 ? first : blinded_node_id),
    payload: {
      ...(i === hops.length - 1 && {
        amt_to_forward: payment.amountMsat,
        outgoing_cltv_value: payment.finalExpiry,
        total_amount_msat: payment.totalMsat ?? payment.amountMsat,
      }),
      encrypted_recipient_data: encrypted_data,
      ...(i === 0 && { current_path_key: path.first_path_key }),
    },
  }));
}

function checkLimits(hop: RouteHop, i: number, amount: bigint, expiry: bigint, height: bigint | undefined): void {
  const least = PATH_LIMITS.htlc.least(hop);
  const most = PATH_LIMITS.htlc.most(hop);
  const refuse = (text: string) => {
    throw new Refusal('route-limit', `the HTLC to hop ${i}: ${text}`);
  };
  if (!allows({ least }, amount)) refuse(`${amount} msat found, at least ${least} expected`);
  if (!allows({ most }, amount)) refuse(`${amount} msat found, at most ${most} expected`);
  if (!allows(PATH_LIMITS.height, expiry))
    refuse(`expiry ${expiry} found, a height below ${PATH_LIMITS.height.most + 1n} expected`);
  if (height !== undefined && !allows({ most: PATH_LIMITS.ahead.most(height) }, expiry))
    refuse(`expiry ${expiry} found, at most ${MAX_HTLC_CLTV} blocks above ${height} expected`);
}

/** Reads the fees of a blinded path, as `onion-blind` prints them. */
function payinfo(from: Fields): Relay {
  for (const name of Object.keys(FEES)) from.need(name, from.json(name));
  const made = parseStruct(FEES, from);
  from.end();
  return made;
}

/**
 * Plans the route of a document, and prints the hops of `onion-build`.
 * @throws Refusal `malformed-message`, `wrong-key`, `route-limit`
 */
export function routeDocument(from: Fields): object {
  const hops =
    from.objects('hops', (hop) => ({
      pubkey: pointIn(hop, 'pubkey'),
      shortChannelId: hop.has('short_channel_id') ? shortChannelId.parse(hop, 'short_channel_id') : undefined,
      fees: parseStruct(FEES, hop, NO_FEES),
      htlcMinimumMsat: hop.whole('htlc_minimum_msat'),
      htlcMaximumMsat: hop.whole('htlc_maximum_msat'),
    })) ?? from.refuse('hops', 'a list of hops');
  const hash = from.bytes('payment_hash', 32);
  const height = from.whole('height', PATH_LIMITS.height.most);
  const finalDelta = from.whole('final_cltv_delta', RELAY_LIMITS.cltv_expiry_delta.most);
  const expiry = from.whole('final_cltv_expiry', PATH_LIMITS.height.most);
  const finalExpiry = expiry ?? (height !== undefined && finalDelta !== undefined ? height + finalDelta : undefined);
  const path = from.object('blinded_path');
  const blinded = path && {
    path: parsePath(path),
    fees: payinfo(path.has('payinfo') ? path.object('payinfo')! : from.need('payinfo', from.object('payinfo'))),
  };
  path?.skip('type', 'version', 'path');
  path?.end();
  const hex = (name: string, length?: number) => {
    const bytes = from.bytes(name, length);
    return bytes && bytesToHex(bytes);
  };
  const payment: RoutePayment = {
    amountMsat: from.need('amount_msat', from.whole('amount_msat', MOST_MSAT), 'millisatoshis'),
    finalExpiry: from.need('final_cltv_expiry', finalExpiry, 'a height, or height and final_cltv_delta,'),
    height,
    paymentSecret: hex('payment_secret', 32),
    totalMsat: from.whole('total_msat', MOST_MSAT),
    paymentMetadata: hex('payment_metadata'),
    keysend: hex('keysend', 32),
    blinded,
  };
  from.skip('type', 'version');
  from.end();
  const made = route(hops, payment);
  return {
    type: 'onion-route',
    version: 1,
    associated_data: hash ? bytesToHex(hash) : '',
    hops: made.hops.map(({ pubkey, payload }) => ({ pubkey: bytesToHex(pubkey), payload })),
    amount_msat: made.amountMsat,
    cltv_expiry: made.cltvExpiry,
    fees_msat: made.feesMsat,
    htlcs: made.htlcs.map(({ amountMsat, cltvExpiry }) => ({ amount_msat: amountMsat, cltv_expiry: cltvExpiry })),
  };
}
