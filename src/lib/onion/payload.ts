/**
 * The payload of a hop in a payment onion, typed or raw, with its length in front.
 *
 * BOLT4 (https://github.com/lightning/bolts/blob/master/04-onion-routing.md), `payload` format; keysend is bLIP-3.
 * Not here: which fields a position needs (`position.ts`), the historic frame (`legacy.ts`).
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
  type Kind,
  type ValuesOf,
} from '../wire/fields.ts';

interface PaymentData {
  payment_secret: string;
  /** Millisatoshis. */
  total_msat: bigint;
}
const paymentData: Kind<PaymentData> = {
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

/** Amounts in millisatoshis, expiries in blocks, bytes in hex. */
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
/** Fields of a hop's payload. */
export type Payload = ValuesOf<typeof PAYLOAD>;

/** Length of a payload, itself not counted: 0 and 1 are no lengths. */
export const PAYLOAD_LIMITS = { length: { unit: 'bytes', least: 2 } } satisfies Limits;

/** A payload with its length in front, as it stands in the packet. */
export const withLength = (payload: Uint8Array): Uint8Array =>
  concatBytes(writeBigSize(BigInt(payload.length)), payload);

/** Returns whether these bytes begin with their own length. */
export function hasLength(bytes: Uint8Array): boolean {
  try {
    const { value, end } = readBigSize(bytes);
    return allows(PAYLOAD_LIMITS.length, value) && value === BigInt(bytes.length - end);
  } catch {
    return false;
  }
}

/** Bytes of a frame without its HMAC. */
export const LEGACY_LENGTH = 33;
const FIELDS = ['amt_to_forward', 'outgoing_cltv_value', 'short_channel_id'];

/**
 * The 33 bytes of a frame; a final hop has no channel.
 * @throws Refusal `malformed-message` for other fields than amount, expiry and channel, or without the first two
 */
export function writeLegacy(payload: Payload, where: string): Uint8Array {
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

/** Reads such a frame; `final`: its channel, all zero, is left out. @throws Refusal `tlv-value` for padding other than zero */
export function readLegacy(frame: Uint8Array, final: boolean): Payload {
  if (frame.subarray(21, LEGACY_LENGTH).some((byte) => byte !== 0))
    throw new Refusal('tlv-value', 'padding found in a historic frame that is not zero');
  return {
    amt_to_forward: readUint(frame.subarray(9, 17)),
    outgoing_cltv_value: readUint(frame.subarray(17, 21)),
    ...(!final && { short_channel_id: scidText(frame.subarray(1, 9)) }),
  };
}
