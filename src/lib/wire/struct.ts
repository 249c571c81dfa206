/**
 * Values made of parts, one after the other: a table of parts writes, reads and shows them.
 *
 * BOLT1, Fundamental Types; subtypes of BOLT4 and BOLT12. Not here: typed records (`fields.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Fields } from '../protocol/document.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readTruncated, readUint, writeTruncated, writeUint } from './bigsize.ts';
import type { Kind } from './fields.ts';

/** Takes the next bytes, or all that are left. @throws Refusal `tlv-value` for fewer */
type Take = (length?: number) => Uint8Array;
/** A kind of value that takes its bytes from a longer one. */
export interface Part<T> extends Omit<Kind<T>, 'read'> {
  read(take: Take): T;
}

/** A part of `length` bytes; without a length, all that are left. */
export const part = <T>(kind: Kind<T>, length?: number): Part<T> => ({
  ...kind,
  read: (take) => kind.read(take(length)),
});

const upTo =
  (most: bigint, absent?: bigint) =>
  (from: Fields, name: string): bigint =>
    from.need(name, from.whole(name, most) ?? absent, `a whole number up to ${most}`);

/** A number of `size` bytes. */
export const uint = (size: number, { most }: { most: bigint }): Part<bigint> => ({
  write: (value) => writeUint(value, size),
  read: (take) => readUint(take(size)),
  parse: upTo(most),
});
/** A truncated integer at the end of a value. @param absent stands for a missing number in JSON */
export const truncatedEnd = (size: 2 | 4 | 8, { most }: { most: bigint }, absent?: bigint): Part<bigint> => ({
  write: (value) => writeTruncated(value, size),
  read: (take) => readTruncated(take(), size),
  parse: upTo(most, absent),
});
/** Bytes in hex behind their number, which has 2 bytes. */
export const counted = (limit: { most: number }): Part<string> => ({
  write: (hex) => concatBytes(writeUint(BigInt(hex.length / 2), 2), hexToBytes(hex)),
  read: (take) => bytesToHex(take(Number(readUint(take(2))))),
  parse: (from, name) => {
    const bytes = from.need(name, from.bytes(name), 'hex');
    if (!allows(limit, bytes.length)) from.refuse(name, `at most ${limit.most} bytes`);
    return bytesToHex(bytes);
  },
});

export type Parts = Readonly<Record<string, Part<any>>>;
export type StructOf<P extends Parts> = { -readonly [K in keyof P]: P[K] extends Part<infer T> ? T : never };

export const writeStruct = <P extends Parts>(parts: P, value: StructOf<P>): Uint8Array =>
  concatBytes(...Object.entries(parts).map(([name, each]) => each.write(value[name])));

export const readStruct = <P extends Parts>(parts: P, take: Take): StructOf<P> =>
  Object.fromEntries(Object.entries(parts).map(([name, each]) => [name, each.read(take)])) as StructOf<P>;

/** Reads the parts of an object. @param missing stands for absent ones. @throws as their `parse` */
export const parseStruct = <P extends Parts>(parts: P, from: Fields, missing: Partial<StructOf<P>> = {}): StructOf<P> =>
  Object.fromEntries(
    Object.entries(parts).map(([name, each]) => [
      name,
      !from.has(name) && missing[name] !== undefined ? missing[name] : each.parse(from, name),
    ]),
  ) as StructOf<P>;

/** Reads the values that `one` takes until all bytes are taken. */
function cut<T>(bytes: Uint8Array, one: (take: Take) => T): T[] {
  const made: T[] = [];
  let at = 0;
  const take: Take = (length = bytes.length - at) => {
    if (at + length > bytes.length)
      throw new Refusal('tlv-value', `${bytes.length - at} bytes found, ${length} expected`);
    return bytes.slice(at, (at += length));
  };
  do made.push(one(take));
  while (at < bytes.length);
  return made;
}

/** One value, an object in JSON. */
export const struct = <P extends Parts>(parts: P): Kind<StructOf<P>> => ({
  write: (value) => writeStruct(parts, value),
  read: (bytes) => {
    const [value, ...more] = cut(bytes, (take) => readStruct(parts, take));
    if (more.length > 0) throw new Refusal('tlv-value', `${1 + more.length} values found, one expected`);
    return value!;
  },
  parse: (from, name) => {
    const inner = from.need(name, from.object(name), `an object with ${Object.keys(parts).join(', ')}`);
    const value = parseStruct(parts, inner);
    inner.end();
    return value;
  },
});
/** Any number of values, a list of objects in JSON. @param missing parts that may be absent */
export const structs = <P extends Parts>(parts: P, missing?: Partial<StructOf<P>>): Kind<StructOf<P>[]> => ({
  write: (values) => concatBytes(...values.map((value) => writeStruct(parts, value))),
  read: (bytes) => (bytes.length === 0 ? [] : cut(bytes, (take) => readStruct(parts, take))),
  parse: (from, name) =>
    from.need(
      name,
      from.objects(name, (each) => parseStruct(parts, each, missing)),
      `a list of objects with ${Object.keys(parts).join(', ')}`,
    ),
});
