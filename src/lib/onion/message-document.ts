/**
 * Documents of `onion-message`. `path` is what `onion-blind make` printed; `nodes` makes a plain
 * one here.
 * Not here: the messages (`message.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Fields, pointIn } from '../protocol/document.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePath, type BlindedPath } from '../wire/path.ts';
import { blindPath } from './blinding.ts';
import { parseFields, writeFields } from '../wire/fields.ts';
import { buildMessage, MESSAGE_PAYLOAD, peelMessage, readMessage } from './message.ts';
import { PACKET_LIMITS } from './packet.ts';
import { withLength } from './payload.ts';
import { RECIPIENT_DATA } from './recipient-data.ts';

/** A path of which the sender knows all nodes: each is told the next. */
function pathAlong(nodes: readonly Uint8Array[], sessionKey: Uint8Array): BlindedPath {
  const hops = nodes.map((nodeId, i) => ({
    nodeId,
    data: writeFields(RECIPIENT_DATA, i + 1 < nodes.length ? { next_node_id: bytesToHex(nodes[i + 1]!) } : {}),
  }));
  return blindPath(hops, sessionKey).path;
}

/**
 * Builds a message. `random`: two times 32 bytes, for the packet and for a path made here.
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
  const { onion, message, size, shared } = buildMessage(to!, values, { sessionKey, size: flags.size });
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
 * @throws Refusal as `readMessage` and `peelMessage`; `nothing-follows` for the document of the final node
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
    ? readMessage(whole)
    : {
        pathKey: pointIn(from, 'path_key'),
        onion: from.need('onion', from.bytes('onion', undefined), 'a packet in hex'),
      };
  from.end();
  const most = PACKET_LIMITS.message.most + 66;
  if (!allows({ most }, packet.onion.length))
    throw new Refusal('onion-size', `a packet of ${packet.onion.length} bytes found, at most ${most} expected`);
  const { payload, payloadBytes, secret, unblinded, next } = peelMessage(packet, key, known);
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
