/**
 * Documents of `onion-route`: hops with fees and an amount in, the hops of `onion-build` out.
 * Not here: the arithmetic (`route.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { MOST_MSAT } from '../bitcoin/routing.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { shortChannelId } from '../wire/fields.ts';
import { parsePath } from '../wire/path.ts';
import { RELAY_LIMITS, FEES, NO_FEES, type Relay } from '../wire/fees.ts';
import { parseStruct } from '../wire/struct.ts';
import { PATH_LIMITS, route, type Payment } from './route.ts';

/** Cost of the whole blinded path, as `onion-blind` prints it and BOLT12 invoices say it. */
function payinfo(from: Fields): Relay {
  for (const name of Object.keys(FEES)) from.need(name, from.json(name));
  const made = parseStruct(FEES, from);
  from.end();
  return made;
}

/** @throws Refusal `malformed-message`, `wrong-key`, `route-limit` */
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
  const payment: Payment = {
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
