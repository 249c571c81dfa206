/** Messages of version 2 made from a document: signed here, with a signature from elsewhere, or waiting for one. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Fields } from '../protocol/document.ts';
import { lineOf, type Line } from './line.ts';
import { KINDS_2, parseMessage2, readMessage2, writeMessage2 } from './message-2.ts';
import { signingOf, signMessage2, withSignature } from './verify-2.ts';

export interface Announced extends Line {
  /** The bytes, hex; unsigned where `signing` says what is wanted. */
  message: string;
  signing?: { message: string; key?: string };
}

/**
 * Makes the message that a document describes, in the names that `gossip decode` prints.
 * @param given all secrets that sign, or a signature of 64 bytes in hex
 * @throws Refusal `malformed-message`, `wrong-key`; of records as `readMessage2`
 */
export function announceDocument(
  from: Fields,
  given: { secrets?: readonly Uint8Array[]; signature?: string | undefined },
): Announced {
  const kind = from.text('kind');
  const type = Number(Object.keys(KINDS_2).find((each) => KINDS_2[Number(each)]!.kind === kind) ?? 0);
  if (type === 0) from.refuse('kind', 'channel_announcement_2, channel_update_2 or node_announcement_2');
  const bare = parseMessage2(from, type);
  from.end();
  const signature = given.signature ?? (given.secrets ? signMessage2(type, bare, given.secrets) : undefined);
  const records = signature === undefined ? bare : withSignature(bare, signature);
  const message = writeMessage2(type, records);
  const signed = readMessage2(message).values['signature'] !== undefined;
  return { ...lineOf(message), message: bytesToHex(message), ...(!signed && { signing: signingOf(type, bare) }) };
}
