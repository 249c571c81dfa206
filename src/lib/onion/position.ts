/**
 * Checks of a payment payload against its position: final or forwarding, blinded or not, its HTLC.
 *
 * BOLT4, `payload` format, Requirements, "The reader". Not here: whether a channel, payment hash or
 * secret is known.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { checkAllowed, HTLC_LIMITS, relayed, type PacketHtlc } from './blinded-payment.ts';
import { blindingFor, unblind, type Blinding, type Unblinded } from './blinding.ts';
import type { ReadFields } from '../wire/fields.ts';
import { PAYLOAD, type HopPayload } from './payload.ts';
import { RecordRefusal } from '../wire/tlv.ts';

export interface HopSecrets {
  final: boolean;
  /** Secret scalar of this node, not tweaked. */
  key: bigint;
  /** Keys of the path key beside the packet. */
  blinding?: Blinding | undefined;
  /** HTLC that carries the packet, if it is known. */
  htlc?: PacketHtlc | undefined;
}
export interface HopPosition {
  payload: HopPayload;
  unblinded?: Unblinded;
  /** Next HTLC: by the payload, or by the recipient's relay. */
  forward?: PacketHtlc;
}

const FORWARD_BLINDED = ['encrypted_recipient_data', 'current_path_key'];
const FINAL_BLINDED = [...FORWARD_BLINDED, 'amt_to_forward', 'outgoing_cltv_value', 'total_amount_msat'];

/**
 * Checks a payload against its position.
 * @throws Refusal `onion-field-missing`, `onion-field-forbidden`, `path-key-twice`,
 *   `path-key-missing`, `path-key-unexpected`, `blinding-failed`, `blinding-feature`,
 *   `blinding-constraint`, `onion-amount`, `onion-expiry`
 */
export function placePayload(read: ReadFields<typeof PAYLOAD>, place: HopSecrets): HopPosition {
  const { values: payload } = read;
  return payload.encrypted_recipient_data === undefined ? placePlain(read, place) : placeBlinded(read, place);
}

/** Refuses a field, or the lack of one, by its type and offset. */
function refuse(code: ErrorCode, { places }: ReadFields<typeof PAYLOAD>, name: string, text: string): never {
  const type = PAYLOAD[name as keyof typeof PAYLOAD]?.type ?? places.get(name)?.type ?? 0n;
  throw new RecordRefusal(code, `${name} (type ${type}): ${text}`, type, places.get(name)?.offset ?? 0);
}
function needed(read: ReadFields<typeof PAYLOAD>, names: readonly (keyof typeof PAYLOAD)[], who: string): void {
  for (const name of names)
    if (read.values[name] === undefined) refuse('onion-field-missing', read, name, `${who} must have it`);
}
function only(read: ReadFields<typeof PAYLOAD>, names: readonly string[], who: string): void {
  for (const name of read.places.keys())
    if (!names.includes(name)) refuse('onion-field-forbidden', read, name, `${who} must not have it`);
}

const pays = (htlc: PacketHtlc, promised: PacketHtlc): boolean =>
  allows({ least: HTLC_LIMITS.amount.least(promised) }, htlc.amountMsat);
const holds = (htlc: PacketHtlc, promised: PacketHtlc): boolean =>
  allows({ least: HTLC_LIMITS.held.least(promised) }, htlc.cltvExpiry);

function placePlain(read: ReadFields<typeof PAYLOAD>, { final, blinding, htlc }: HopSecrets): HopPosition {
  const { values: payload } = read;
  if (blinding)
    throw new Refusal('path-key-unexpected', 'a path key came with the packet, whose payload has no recipient data');
  if (payload.current_path_key !== undefined)
    refuse('path-key-unexpected', read, 'current_path_key', 'found without recipient data');
  const who = final ? 'the final hop' : 'a forwarding hop';
  needed(read, ['amt_to_forward', 'outgoing_cltv_value'], who);
  const forward = { amountMsat: payload.amt_to_forward!, cltvExpiry: payload.outgoing_cltv_value! };
  if (final) {
    if (payload.short_channel_id !== undefined)
      refuse('onion-field-forbidden', read, 'short_channel_id', `${who} has no next channel`);
    checkFinal(forward, htlc);
    return { payload };
  }
  needed(read, ['short_channel_id'], who);
  for (const name of ['payment_data', 'payment_metadata', 'total_amount_msat', 'keysend'])
    if (read.places.has(name)) refuse('onion-field-forbidden', read, name, `${who} is not paid`);
  if (htlc && !pays(htlc, forward))
    throw new Refusal('onion-amount', `${htlc.amountMsat} msat came, ${forward.amountMsat} to be forwarded`);
  if (htlc && !holds(htlc, forward))
    throw new Refusal(
      'onion-expiry',
      `an HTLC until ${htlc.cltvExpiry} came, one until ${forward.cltvExpiry} to be forwarded`,
    );
  return { payload, forward };
}

function placeBlinded(
  read: ReadFields<typeof PAYLOAD>,
  { final, key, blinding: beside, htlc }: HopSecrets,
): HopPosition {
  const { values: payload } = read;
  const inside = payload.current_path_key;
  if (beside && inside !== undefined)
    refuse('path-key-twice', read, 'current_path_key', 'found, and another path key came with the packet');
  if (!beside && inside === undefined)
    refuse('path-key-missing', read, 'encrypted_recipient_data', 'found, and no path key to decrypt it');
  const blinding = beside ?? blindingFor(key, hexToBytes(inside!));
  const unblinded = unblind(blinding, hexToBytes(payload.encrypted_recipient_data!));
  const { data } = unblinded;
  checkAllowed(data, htlc);
  if (data.short_channel_id !== undefined && data.next_node_id !== undefined)
    throw new Refusal('onion-field-forbidden', 'recipient data with both short_channel_id and next_node_id found');
  const who = final ? 'the final hop of a blinded path' : 'a forwarding hop of a blinded path';
  only(read, final ? FINAL_BLINDED : FORWARD_BLINDED, who);
  if (final) {
    needed(read, ['amt_to_forward', 'outgoing_cltv_value', 'total_amount_msat'], who);
    checkFinal({ amountMsat: payload.amt_to_forward!, cltvExpiry: payload.outgoing_cltv_value! }, htlc);
    return { payload, unblinded };
  }
  if (data.short_channel_id === undefined && data.next_node_id === undefined)
    throw new Refusal(
      'onion-field-missing',
      'recipient data of a forwarding hop without short_channel_id or next_node_id',
    );
  if (!data.payment_relay)
    throw new Refusal('onion-field-missing', 'recipient data of a forwarding hop without payment_relay');
  return { payload, unblinded, ...(htlc && { forward: relayed(htlc, data.payment_relay) }) };
}

function checkFinal(stated: PacketHtlc, htlc: PacketHtlc | undefined): void {
  if (!htlc) return;
  if (!pays(htlc, stated))
    throw new Refusal('onion-amount', `${htlc.amountMsat} msat came, the onion says ${stated.amountMsat}`);
  if (!holds(htlc, stated))
    throw new Refusal('onion-expiry', `an HTLC until ${htlc.cltvExpiry} came, the onion says ${stated.cltvExpiry}`);
}
