/**
 * The historic frame of a hop, realm 0: 65 bytes, 20 of them in a packet of 1300.
 *
 * 1 byte 0, short channel id (8), amount to forward (8, msat), outgoing expiry (4), 12 zero bytes, HMAC (32). BOLT4 had
 * it until 2022; of it only remains that a payload of length 0 is refused. The HMAC is the packet's (`packet.ts`).
 */
import { concatBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import { scidBytes, scidText } from '../wire/fields.ts';
import type { Payload } from './payload.ts';

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
