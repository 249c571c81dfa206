/**
 * TLV records with names: a codec for each writes its value in bytes and in JSON.
 *
 * A namespace, such as `onion/payload.ts`, is a table of codecs. Types that it does not name go
 * into `custom`. BOLT1, Fundamental Types. Not here: which fields a message needs.
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Fields, pointIn } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint } from '../signing/curve.ts';
import {
  safeNumber,
  readBigSize,
  readTruncated,
  readUint,
  writeBigSize,
  writeTruncated,
  writeUint,
} from './bigsize.ts';
import { atRecord, readStream, RecordRefusal, writeStream } from './tlv.ts';

/** Codec of one value. `T` is the value in JSON: numbers as bigint, bytes as hex. */
export interface Codec<T> {
  write(value: T): Uint8Array;
  /** @throws Refusal `tlv-value` */
  read(bytes: Uint8Array): T;
  /** @throws Refusal `malformed-message` */
  parse(from: Fields, name: string): T;
}
export interface TlvField<T> extends Codec<T> {
  type: bigint;
}
export const field = <T>(type: bigint, kind: Codec<T>): TlvField<T> => ({ type, ...kind });

export type Namespace = Readonly<Record<string, TlvField<any>>>;
export type ValuesOf<N extends Namespace> = {
  -readonly [K in keyof N]?: N[K] extends TlvField<infer T> ? T : never;
} & { custom?: Record<string, string> };

/** Returns the bytes. @throws Refusal `tlv-value` unless there are `length` of them */
export const exactly = (bytes: Uint8Array, length: number): Uint8Array => {
  if (bytes.length !== length) throw new Refusal('tlv-value', `${bytes.length} bytes found, ${length} expected`);
  return bytes;
};

export const truncated = (most: 2 | 4 | 8): Codec<bigint> => ({
  write: (value) => writeTruncated(value, most),
  read: (bytes) => readTruncated(bytes, most),
  parse: (from, name) => from.need(name, from.whole(name, (1n << BigInt(8 * most)) - 1n), 'a whole number'),
});
export const hexBytes = (length?: number): Codec<string> => ({
  write: (value) => hexToBytes(value),
  read: (bytes) => bytesToHex(length === undefined ? bytes : exactly(bytes, length)),
  parse: (from, name) =>
    bytesToHex(from.need(name, from.bytes(name, length), length === undefined ? 'hex' : `${length} bytes in hex`)),
});
/** Codec of a number of a fixed size. */
export const uintOf = (size: 1 | 2 | 4 | 8): Codec<number | bigint> => ({
  write: (value) => writeUint(BigInt(value), size),
  read: (bytes) => safeNumber(readUint(exactly(bytes, size))),
  parse: (from, name) => safeNumber(from.need(name, from.whole(name, (1n << BigInt(8 * size)) - 1n), 'a whole number')),
});
/** Codec of a BigSize number that fills a whole value. */
export const bigSize: Codec<number | bigint> = {
  write: (value) => writeBigSize(BigInt(value)),
  read: (bytes) => {
    const { value, end } = readBigSize(bytes);
    exactly(bytes, end);
    return safeNumber(value);
  },
  parse: (from, name) => safeNumber(from.need(name, from.whole(name), 'a whole number')),
};
/** Codec of a record without a value: it is true where it stands. */
export const present: Codec<boolean> = {
  write: () => new Uint8Array(),
  read: (bytes) => exactly(bytes, 0).length === 0,
  parse: (from, name) => from.flag(name) || from.refuse(name, 'true, or no such field'),
};
/** Codec of a compressed point of the curve. */
export const point: Codec<string> = {
  ...hexBytes(33),
  read: (bytes) => {
    if (!parsePoint(bytes)) throw new Refusal('tlv-value', 'bytes found that are no point of the curve');
    return bytesToHex(bytes);
  },
  parse: (from, name) => bytesToHex(pointIn(from, name)),
};

const SCID = /^(0|[1-9]\d{0,7})x(0|[1-9]\d{0,7})x(0|[1-9]\d{0,4})$/;

/** Returns the text `BLOCKxTRANSACTIONxOUTPUT` of the 8 bytes of a short channel id (BOLT7). */
export const scidText = (bytes: Uint8Array): string =>
  `${readUint(bytes.subarray(0, 3))}x${readUint(bytes.subarray(3, 6))}x${readUint(bytes.subarray(6, 8))}`;

/** Returns block, transaction and output of a short channel id. */
export const scidParts = (scid: string): [block: number, transaction: number, output: number] =>
  scid.split('x').map(Number) as [number, number, number];

/** Returns the 8 bytes of a short channel id in text or hex; undefined for other text. */
export function scidBytes(text: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{16}$/.test(text)) return hexToBytes(text);
  const [block, transaction, output] = (SCID.exec(text) ?? []).slice(1).map(BigInt);
  if (block === undefined || block >> 24n || transaction! >> 24n || output! >> 16n) return undefined;
  return concatBytes(writeUint(block, 3), writeUint(transaction!, 3), writeUint(output!, 2));
}

export const shortChannelId: Codec<string> = {
  write: (value) => scidBytes(value)!,
  read: (bytes) => scidText(exactly(bytes, 8)),
  parse: (from, name) => {
    const bytes = scidBytes(from.text(name) ?? '');
    return scidText(bytes ?? from.refuse(name, 'a short channel id like 800000x12x1'));
  },
};

/** Writes the fields of a namespace as a TLV stream. `custom` maps types to hex. */
export function writeFields<N extends Namespace>(namespace: N, values: ValuesOf<N>): Uint8Array {
  const named = Object.entries(namespace).flatMap(([name, kind]) => {
    const value = (values as Record<string, unknown>)[name];
    return value === undefined ? [] : [{ type: kind.type, value: kind.write(value) }];
  });
  const custom = Object.entries(values.custom ?? {}).map(([type, hex]) => ({
    type: BigInt(type),
    value: hexToBytes(hex),
  }));
  return writeStream([...named, ...custom]);
}

export interface ReadFields<N extends Namespace> {
  values: ValuesOf<N>;
  /** Type and offset of each record, by the name of its field, or by its type. */
  places: Map<string, { type: bigint; offset: number }>;
}

/**
 * Reads a stream. A type without a name goes into `custom` if it is odd, or in `known`.
 * @throws RecordRefusal as `readStream`, and `tlv-unknown-even`, `tlv-value`
 */
export function readFields<N extends Namespace>(
  namespace: N,
  bytes: Uint8Array,
  known: readonly bigint[] | 'any' = [],
): ReadFields<N> {
  const names = new Map(Object.entries(namespace).map(([name, { type }]) => [type, name]));
  const values: Record<string, unknown> = {};
  const custom: Record<string, string> = {};
  const places: ReadFields<N>['places'] = new Map();
  for (const { type, value, offset } of readStream(bytes)) {
    const name = names.get(type);
    places.set(name ?? String(type), { type, offset });
    if (name !== undefined) values[name] = atRecord(type, offset, () => namespace[name]!.read(value));
    else if (type % 2n === 1n || known === 'any' || known.includes(type)) custom[String(type)] = bytesToHex(value);
    else throw new RecordRefusal('tlv-unknown-even', `type ${type} at byte ${offset} is not known`, type, offset);
  }
  return {
    values: { ...values, ...(Object.keys(custom).length > 0 && { custom }) } as ValuesOf<N>,
    places,
  };
}

/** Reads fields from JSON. @throws Refusal `malformed-message`, `wrong-key` */
export function parseFields<N extends Namespace>(namespace: N, from: Fields): ValuesOf<N> {
  const values: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(namespace)) if (from.has(name)) values[name] = kind.parse(from, name);
  const custom = from.object('custom');
  const records: Record<string, string> = {};
  for (const type of custom?.names() ?? []) {
    if (!/^(?:0|[1-9]\d{0,19})$/.test(type) || BigInt(type) >> 64n)
      throw new Refusal('malformed-message', `${custom!.path(type)}: a TLV type as a decimal number expected`);
    records[type] = bytesToHex(custom!.need(type, custom!.bytes(type)));
  }
  from.end();
  return { ...values, ...(custom && { custom: records }) } as ValuesOf<N>;
}
