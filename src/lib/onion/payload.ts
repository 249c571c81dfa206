/**
 * Payloads of hops in payment onions, and the historic frames that they replaced.
 *
 * BOLT4 (https://github.com/lightning/bolts/blob/master/04-onion-routing.md), `payload` format;
 * keysend is bLIP-3. A historic frame (realm 0, in BOLT4 until 2022) has 65 bytes: 0, short channel
 * id (8), amount (8, msat), expiry (4), 12 zero bytes, and the HMAC (32) of the packet. Not here:
 * which fields a position needs (`position.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readBigSize, readTruncated, writeBigSize, writeTruncated, readUint, writeUint } from '../wire/bigsize.ts';
import {
  field,
  hexBytes,
  point,
  shortChannelId,
  truncated,
  scidBytes,
  scidText,
  type Codec,
  type ValuesOf,
} from '../wire/fields.ts';

interface PaymentData {
  payment_secret: string;
  total_msat: bigint;
}
const paymentData: Codec<PaymentData> = {
  write: ({ payment_secret, total_msat }) => concatBytes(hexToBytes(payment_secret), writeTruncated(total_msat, 8)),
  read: (bytes) => {
    if (bytes.length < 32)
      throw new Refusal('tlv-value', `${bytes.length} bytes found, a payment secret of 32 expected`);
    return {
      payment_secret: bytesToHex(bytes.subarray(0, 32)),
      total_msat: readTruncated(bytes.subarray(32), 8),
    };
  },
  parse: (from, name) => {
    const inner = from.need(name, from.object(name));
    const made = {
      payment_secret: bytesToHex(inner.need('payment_secret', inner.bytes('payment_secret', 32))),
      total_msat: inner.need('total_msat', inner.whole('total_msat')),
    };
    inner.end();
    return made;
  },
};

/** Fields of a payload: amounts in millisatoshis, expiries in blocks, bytes in hex. */
export const PAYLOAD = {
  amt_to_forward: field(2n, truncated(8)),
  outgoing_cltv_value: field(4n, truncated(4)),
  short_channel_id: field(6n, shortChannelId),
  payment_data: field(8n, paymentData),
  encrypted_recipient_data: field(10n, hexBytes()),
  current_path_key: field(12n, point),
  payment_metadata: field(16n, hexBytes()),
  total_amount_msat: field(18n, truncated(8)),
  keysend: field(5482373484n, hexBytes(32)),
};
/** Payload of a hop in a payment onion. */
export type HopPayload = ValuesOf<typeof PAYLOAD>;

/** Size of a payload without its length: 0 and 1 are no sizes. */
export const PAYLOAD_LIMITS = { length: { unit: 'bytes', least: 2 } } satisfies Limits;

/** Puts the length in front of a payload, as in a packet. */
export const withLength = (payload: Uint8Array): Uint8Array =>
  concatBytes(writeBigSize(BigInt(payload.length)), payload);

/** Tells whether these bytes begin with their own length. */
export function hasLength(bytes: Uint8Array): boolean {
  try {
    const { value, end } = readBigSize(bytes);
    return allows(PAYLOAD_LIMITS.length, value) && value === BigInt(bytes.length - end);
  } catch {
    return false;
  }
}

/** Size of a historic frame without its HMAC. */
export const LEGACY_LENGTH = 33;
const FIELDS = ['amt_to_forward', 'outgoing_cltv_value', 'short_channel_id'];

/**
 * Writes a historic frame without its HMAC. A final hop has no channel.
 * @throws Refusal `malformed-message` without amount or expiry, or with other fields than these and
 *   channel
 */
export function writeLegacyFrame(payload: HopPayload, where: string): Uint8Array {
  const other = Object.keys(payload).filter((name) => !FIELDS.includes(name));
  if (other.length > 0)
    throw new Refusal(
      'malformed-message',
      `${where}: ${other.join(', ')} found, which the historic frame has no room for`,
    );
  const { amt_to_forward: amount, outgoing_cltv_value: expiry, short_channel_id: channel } = payload;
  if (amount === undefined || expiry === undefined)
    throw new Refusal('malformed-message', `${where}: amt_to_forward and outgoing_cltv_value expected`);
  const scid = channel === undefined ? new Uint8Array(8) : scidBytes(channel)!;
  return concatBytes(new Uint8Array(1), scid, writeUint(amount, 8), writeUint(expiry, 4), new Uint8Array(12));
}

/**
 * Reads a historic frame.
 * @param final leaves out the channel
 * @throws Refusal `tlv-value` for padding that is not zero
 */
export function readLegacyFrame(frame: Uint8Array, final: boolean): HopPayload {
  if (frame.subarray(21, LEGACY_LENGTH).some((byte) => byte !== 0))
    throw new Refusal('tlv-value', 'padding found in a historic frame that is not zero');
  return {
    amt_to_forward: readUint(frame.subarray(9, 17)),
    outgoing_cltv_value: readUint(frame.subarray(17, 21)),
    ...(!final && { short_channel_id: scidText(frame.subarray(1, 9)) }),
  };
}
