/**
 * Onion messages (type 513), as bytes and as documents of `onion-message`.
 *
 * BOLT4, Onion Messages: a path key, and a packet whose hops are all blinded. There is no
 * associated data; 1300 or 32768 bytes of payloads are usual. Not here: contents of BOLT12
 * (`offer/`), rate limits.
 */
import { concatBytes, hexToBytes, bytesToHex } from '../bitcoin/bytes.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import { blindedPath, parsePath, type BlindedPath } from '../wire/path.ts';
import { blindingFor, unblind, blindPath, type Unblinded } from './blinding.ts';
import { checkAllowed } from './blinded-payment.ts';
import { field, hexBytes, readFields, writeFields, parseFields, type ValuesOf } from '../wire/fields.ts';
import { withLength } from './payload.ts';
import {
  buildPacket,
  cutLayer,
  LARGE_MESSAGE_SIZE,
  openPacket,
  PACKET_LIMITS,
  PAYMENT_SIZE,
  type BuiltPacket,
} from './packet.ts';
import { parsePoint } from '../signing/curve.ts';
import { Fields, pointIn } from '../protocol/document.ts';
import { RECIPIENT_DATA } from './recipient-data.ts';

const MESSAGE_TYPE = 513;
const NOTHING = new Uint8Array();

const MESSAGE_PAYLOAD = {
  reply_path: field(2n, blindedPath),
  encrypted_recipient_data: field(4n, hexBytes()),
  invoice_request: field(64n, hexBytes()),
  invoice: field(66n, hexBytes()),
  invoice_error: field(68n, hexBytes()),
};
export type MessagePayload = ValuesOf<typeof MESSAGE_PAYLOAD>;
const CONTENTS = ['invoice_request', 'invoice', 'invoice_error'] as const;

/** Writes a message: type, path key, length, packet. */
export const writeOnionMessage = (pathKey: Uint8Array, onion: Uint8Array): Uint8Array =>
  concatBytes(writeUint(BigInt(MESSAGE_TYPE), 2), pathKey, writeUint(BigInt(onion.length), 2), onion);

/** Reads a message. @throws Refusal `onion-size`, `malformed`, `wrong-key` */
export function readOnionMessage(bytes: Uint8Array): { pathKey: Uint8Array; onion: Uint8Array } {
  if (bytes.length < 37 || Number(readUint(bytes.subarray(0, 2))) !== MESSAGE_TYPE)
    throw new Refusal('malformed', `no message of type ${MESSAGE_TYPE} with a path key and a length found`);
  const pathKey = bytes.slice(2, 35);
  if (!parsePoint(pathKey)) throw new Refusal('wrong-key', 'the path key is no point of the curve');
  const length = Number(readUint(bytes.subarray(35, 37)));
  if (bytes.length !== 37 + length)
    throw new Refusal('onion-size', `${bytes.length - 37} bytes of packet found, ${length} expected`);
  return { pathKey, onion: bytes.slice(37) };
}

/**
 * Builds a message along a blinded path. Its size is 1300 where that is enough, else 32768.
 * @throws Refusal `onion-overflow`, `onion-size`, `wrong-key`, `tlv-duplicate`
 */
export function buildOnionMessage(
  to: BlindedPath,
  contents: MessagePayload,
  options: { sessionKey: Uint8Array; size?: number | undefined },
): BuiltPacket & { message: Uint8Array; size: number } {
  const last = to.hops.length - 1;
  const hops = to.hops.map(({ blinded_node_id, encrypted_data }, i) => ({
    pubkey: hexToBytes(blinded_node_id),
    payload: withLength(
      writeFields(MESSAGE_PAYLOAD, {
        ...(i === last && contents),
        encrypted_recipient_data: encrypted_data,
      }),
    ),
  }));
  const used = hops.reduce((sum, { payload }) => sum + payload.length + 32, 0);
  if (options.size !== undefined && !allows(PACKET_LIMITS.message, options.size))
    throw new Refusal(
      'onion-size',
      `${options.size} bytes of hop payloads found, at most ${PACKET_LIMITS.message.most} fit`,
    );
  const size = options.size ?? (used <= PAYMENT_SIZE ? PAYMENT_SIZE : LARGE_MESSAGE_SIZE);
  const built = buildPacket(hops, { sessionKey: options.sessionKey, associatedData: NOTHING, size });
  return { ...built, size, message: writeOnionMessage(hexToBytes(to.first_path_key), built.onion) };
}

export interface PeeledMessage {
  payload: MessagePayload;
  payloadBytes: Uint8Array;
  secret: Uint8Array;
  unblinded: Unblinded;
  next: { pathKey: Uint8Array; onion: Uint8Array; message: Uint8Array } | undefined;
}

/**
 * Peels one layer with a node's secret scalar. Messages that BOLT4 ignores are refused here.
 * @throws Refusal as `openPacket`, `cutLayer`, `unblind`; `onion-field-missing`,
 *   `onion-field-forbidden`
 */
export function peelOnionMessage(
  { pathKey, onion }: { pathKey: Uint8Array; onion: Uint8Array },
  key: bigint,
  known: readonly bigint[] = [],
): PeeledMessage {
  const blinding = blindingFor(key, pathKey);
  const opened = openPacket(onion, blinding.blindedKey, NOTHING, Math.max(0, onion.length - 66));
  const layer = cutLayer(opened);
  const { values: payload, places } = readFields(MESSAGE_PAYLOAD, layer.payload, known);
  if (payload.encrypted_recipient_data === undefined)
    throw new Refusal('onion-field-missing', 'a message payload without encrypted_recipient_data');
  const unblinded = unblind(blinding, hexToBytes(payload.encrypted_recipient_data));
  const { data } = unblinded;
  checkAllowed(data, undefined);
  const base = { payload, payloadBytes: layer.payload, secret: opened.secret, unblinded };
  if (layer.next === undefined) {
    const contents = CONTENTS.filter((name) => payload[name] !== undefined);
    if (contents.length > 1)
      throw new Refusal('onion-field-forbidden', `${contents.join(' and ')} found in one message, one expected`);
    return { ...base, next: undefined };
  }
  const other = [...places.keys()].find((name) => name !== 'encrypted_recipient_data');
  if (other !== undefined)
    throw new Refusal('onion-field-forbidden', `${other} found at a forwarding hop of a message`);
  if (data.path_id !== undefined)
    throw new Refusal('onion-field-forbidden', 'path_id found in the recipient data of a forwarding hop');
  if (data.next_node_id === undefined && data.short_channel_id === undefined)
    throw new Refusal(
      'onion-field-missing',
      'recipient data of a forwarding hop without next_node_id or short_channel_id',
    );
  const next = { pathKey: unblinded.nextPathKey, onion: layer.next };
  return { ...base, next: { ...next, message: writeOnionMessage(next.pathKey, next.onion) } };
}

/** Makes a blinded path over nodes that the sender knows. */
function pathAlong(nodes: readonly Uint8Array[], sessionKey: Uint8Array): BlindedPath {
  const hops = nodes.map((nodeId, i) => ({
    nodeId,
    data: writeFields(RECIPIENT_DATA, i + 1 < nodes.length ? { next_node_id: bytesToHex(nodes[i + 1]!) } : {}),
  }));
  return blindPath(hops, sessionKey).path;
}

/**
 * Builds a message from a document: `path` of `onion-blind make`, or `nodes` for a path made here.
 * @param random 32 bytes for the packet, and 32 for a path
 * @throws Refusal `malformed-message`, `wrong-key`, `onion-overflow`
 */
export function buildMessageDocument(
  from: Fields,
  random: { session: Uint8Array; path: Uint8Array },
  flags: { size?: number | undefined; secrets?: boolean } = {},
): object {
  const sessionKey = from.bytes('session_key', 32) ?? random.session;
  const nodes = from.list('nodes', (value, where) => pointIn(new Fields({ node: value }, where, from.unread), 'node'));
  const inner = from.object('path');
  const to = inner ? parsePath(inner) : nodes?.length ? pathAlong(nodes, random.path) : undefined;
  inner?.skip('type', 'version', 'path', 'payinfo', 'comment');
  inner?.end();
  if (!to) from.refuse('path', 'a blinded path, or nodes: a list of public keys,');
  const contents = from.object('message');
  const reply = from.object('reply_path');
  const values = contents ? parseFields(MESSAGE_PAYLOAD, contents) : {};
  if (values.encrypted_recipient_data !== undefined)
    throw new Refusal('malformed-message', 'message.encrypted_recipient_data: found, which the path has already');
  if (reply) {
    values.reply_path = MESSAGE_PAYLOAD.reply_path.parse(
      new Fields({ reply_path: from.json('reply_path')! }, '', []),
      'reply_path',
    );
  }
  from.skip('type', 'version');
  from.end();
  const { onion, message, size, shared } = buildOnionMessage(to!, values, { sessionKey, size: flags.size });
  return {
    type: 'onion-message',
    version: 1,
    first_node_id: to!.first_node_id,
    onion_message: bytesToHex(message),
    path_key: to!.first_path_key,
    onion: bytesToHex(onion),
    size,
    ...(flags.secrets && { shared_secrets: shared.map(({ secret }) => bytesToHex(secret)) }),
  };
}

/**
 * Peels a message: a document of `onion-message`, its `next`, or `onion_message` alone.
 * @throws Refusal as `readOnionMessage`, `peelOnionMessage`; `nothing-follows` behind the final
 *   node
 */
export function peelMessageDocument(document: Fields, key: bigint, known: readonly bigint[], secrets = false): object {
  if (document.names().includes('next') && !document.has('next'))
    throw new Refusal('nothing-follows', 'the document of the final node found: no message comes out of it');
  const from = document.object('next') ?? document;
  const whole = from.bytes('onion_message');
  from.skip(
    'path_key',
    'onion',
    'type',
    'version',
    'size',
    'first_node_id',
    'node_id',
    'short_channel_id',
    'shared_secrets',
  );
  const packet = whole
    ? readOnionMessage(whole)
    : {
        pathKey: pointIn(from, 'path_key'),
        onion: from.need('onion', from.bytes('onion', undefined), 'a packet in hex'),
      };
  from.end();
  const most = PACKET_LIMITS.message.most + 66;
  if (!allows({ most }, packet.onion.length))
    throw new Refusal('onion-size', `a packet of ${packet.onion.length} bytes found, at most ${most} expected`);
  const { payload, payloadBytes, secret, unblinded, next } = peelOnionMessage(packet, key, known);
  const { data } = unblinded;
  return {
    type: 'onion-message',
    version: 1,
    payload,
    payload_hex: bytesToHex(withLength(payloadBytes)),
    recipient_data: data,
    recipient_data_hex: bytesToHex(unblinded.plain),
    final: next === undefined,
    ...(secrets && { shared_secret: bytesToHex(secret) }),
    next: next
      ? {
          ...(data.next_node_id !== undefined
            ? { node_id: data.next_node_id }
            : { short_channel_id: data.short_channel_id }),
          onion_message: bytesToHex(next.message),
        }
      : null,
  };
}
