/**
 * The gossip_store of Core Lightning, versions 9 to 16, as a stream: each record with its flags, and its message.
 *
 * Sources: common/gossip_store.h and gossipd/gossip_store_wire.csv of Core Lightning. A record is u16 flags, u16 length,
 * u32 CRC32C of the message started at the record's time, u32 time, message; big-endian.
 * Not here: messages of peers (`message.ts`).
 */
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import { scidText } from '../wire/fields.ts';
import { Refusal } from '../protocol/refusal.ts';
import { plain, Reader, type Value } from './reader.ts';

export interface StoreRecord {
  deleted: boolean;
  dying: boolean;
  time: number;
  message: Uint8Array;
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
/** CRC32C that goes on from `start`. */
export function crc32c(bytes: Uint8Array, start: number): number {
  let crc = ~start;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}

/** Cuts a store as it comes in. */
export class StoreReader {
  #rest: Uint8Array = new Uint8Array();
  #version: number | undefined;
  #place = 0;
  /** A record that was not written to its end: nothing behind it counts. */
  #ended = false;

  /** The records that are whole with this piece. @throws Refusal `malformed-dump` */
  push(piece: Uint8Array): StoreRecord[] {
    if (this.#ended) return [];
    let bytes = this.#rest.length === 0 ? piece : concatBytes(this.#rest, piece);
    if (this.#version === undefined && bytes.length > 0) {
      const [first] = bytes;
      if (first! >> 5 !== 0 || first! < 9 || first! > 16)
        throw new Refusal('malformed-dump', `version byte ${first} found, a gossip_store of version 9 to 16 expected`);
      this.#version = first!;
      this.#place = 1;
      bytes = bytes.subarray(1);
    }
    const records: StoreRecord[] = [];
    let at = 0;
    while (!this.#ended && bytes.length - at >= HEADER) {
      const from = new Reader(bytes, 'malformed-dump', at);
      const [flags, length, crc, time] = [from.u16(), from.u16(), from.u32(), from.u32()];
      if (this.#version! >= 15 && (flags & COMPLETE) === 0) {
        this.#ended = true;
        break;
      }
      if (from.left < length) break;
      const message = from.take(length);
      this.#check(message, crc, time);
      records.push({ deleted: (flags & DELETED) !== 0, dying: (flags & DYING) !== 0, time, message });
      at += HEADER + length;
      this.#place += HEADER + length;
    }
    this.#rest = bytes.slice(at);
    return records;
  }

  /** Says that nothing more comes. @throws Refusal `malformed-dump` where a record is cut off */
  end(): void {
    if (this.#version === undefined) throw new Refusal('malformed-dump', 'nothing found, a gossip_store expected');
    if (!this.#ended && this.#rest.length > 0)
      throw new Refusal(
        'malformed-dump',
        `byte ${this.#place}: ${this.#rest.length} bytes found, a whole record expected`,
      );
  }

  #check(message: Uint8Array, crc: number, time: number): void {
    // Core Lightning has written deletions with a checksum of another time.
    const type = message.length < 2 ? 0 : (message[0]! << 8) | message[1]!;
    if (type === DELETE_CHANNEL || crc32c(message, time) === crc) return;
    throw new Refusal('malformed-dump', `byte ${this.#place}: a record whose checksum is wrong`);
  }
}

/** Records that only a store has, by their type; undefined for any other message. @throws Refusal `malformed-dump` */
export function storeValues(message: Uint8Array): ({ kind: string } & Record<string, Value>) | undefined {
  const from = new Reader(message, 'malformed-dump');
  const scid = () => scidText(from.take(8));
  switch (from.u16()) {
    case 4101:
      return { kind: 'store_channel_amount', capacity_sat: plain(from.u64()) };
    case DELETE_CHANNEL:
      return { kind: 'store_delete_channel', short_channel_id: scid() };
    case 4105:
      return { kind: 'store_ended', equivalent_offset: plain(from.u64()) };
    case 4106:
      return { kind: 'store_channel_dying', short_channel_id: scid(), height: from.u32() };
    case 4107:
      return { kind: 'store_uuid', uuid: bytesToHex(from.take(32)) };
    default:
      return undefined;
  }
}
