/**
 * Core Lightning's gossip_store, versions 9 to 16, as a stream of messages with flags.
 *
 * After common/gossip_store.h of Core Lightning. A record is u16 flags, u16 length, u32 CRC32C of
 * the message seeded with the time, u32 time, message; big-endian. Not here: messages
 * (`message.ts`).
 */
import { concatBytes } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { Refusal } from '../protocol/refusal.ts';
import { typeOf } from './message.ts';

/** Flags and time of a message in a store. */
export interface StoreRecord {
  deleted: boolean;
  dying: boolean;
  time: number;
}
/** Message of a dump; `record` has what a store adds. */
export interface FoundMessage {
  message: Uint8Array;
  record?: StoreRecord;
}
/** Reader of messages from the pieces of a dump. */
export interface MessageReader {
  /** Yields the messages whole by now. @throws Refusal `malformed-dump`, `malformed-gossip` */
  push(piece: Uint8Array): Iterable<FoundMessage>;
  /** Yields what is left at the end. @throws Refusal as `push` */
  end(): Iterable<FoundMessage>;
}

const DELETED = 0x8000;
const COMPLETE = 0x2000;
const DYING = 0x0800;
const HEADER = 12;
const DELETE_CHANNEL = 4103;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});
/** Returns the CRC32C of bytes, continued from `start`. */
export function crc32c(bytes: Uint8Array, start: number): number {
  let crc = ~start;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}

/** Reader of a store in pieces. */
export class StoreReader implements MessageReader {
  #rest: Uint8Array = new Uint8Array();
  #version: number | undefined;
  #place = 0;
  /** True after a record that was not written to its end; nothing after it counts. */
  #ended = false;

  *push(piece: Uint8Array): Generator<FoundMessage> {
    if (this.#ended) return;
    let bytes = this.#rest.length === 0 ? piece : concatBytes(this.#rest, piece);
    if (this.#version === undefined && bytes.length > 0) {
      const [first] = bytes;
      if (first! < 9 || first! > 16)
        throw new Refusal('malformed-dump', `version byte ${first} found, a gossip_store of version 9 to 16 expected`);
      this.#version = first!;
      this.#place = 1;
      bytes = bytes.subarray(1);
    }
    let at = 0;
    while (!this.#ended && bytes.length - at >= HEADER) {
      const from = new Cursor(bytes, 'malformed-dump', at);
      const [flags, length, crc, time] = [from.u16(), from.u16(), from.u32(), from.u32()];
      if (this.#version! >= 15 && (flags & COMPLETE) === 0) {
        this.#ended = true;
        break;
      }
      if (from.left < length) break;
      const message = from.take(length);
      // Core Lightning has written deletions with the checksum of another time.
      if (typeOf(message) !== DELETE_CHANNEL && crc32c(message, time) !== crc)
        throw new Refusal('malformed-dump', `byte ${this.#place}: a record whose checksum is wrong`);
      at += HEADER + length;
      this.#place += HEADER + length;
      yield { message, record: { deleted: (flags & DELETED) !== 0, dying: (flags & DYING) !== 0, time } };
    }
    this.#rest = bytes.slice(at);
  }

  /** Yields nothing. @throws Refusal `malformed-dump` if a record is cut off */
  end(): FoundMessage[] {
    if (this.#version === undefined) throw new Refusal('malformed-dump', 'nothing found, a gossip_store expected');
    if (!this.#ended && this.#rest.length > 0)
      throw new Refusal(
        'malformed-dump',
        `byte ${this.#place}: ${this.#rest.length} bytes found, a whole record expected`,
      );
    return [];
  }
}
