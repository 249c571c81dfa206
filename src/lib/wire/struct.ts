/**
 * Structs: values of several members, one after the other.
 *
 * A table of members writes, reads and parses a value. BOLT1, Fundamental Types; subtypes of BOLT4
 * and BOLT12. Not here: TLV records (`fields.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Fields } from '../protocol/document.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readTruncated, readUint, writeTruncated, writeUint } from './bigsize.ts';
import type { Codec } from './fields.ts';

/** Takes the next bytes, or all that are left. @throws Refusal `tlv-value` for fewer */
type Take = (length?: number) => Uint8Array;
/** Codec of a member, which reads its bytes from those of the whole struct. */
export interface Member<T> extends Omit<Codec<T>, 'read'> {
  read(take: Take): T;
}

/** Makes a member of a codec, with `length` bytes; without a length it has all that are left. */
export const member = <T>(kind: Codec<T>, length?: number): Member<T> => ({
  ...kind,
  read: (take) => kind.read(take(length)),
});

const upTo =
  (most: bigint, absent?: bigint) =>
  (from: Fields, name: string): bigint =>
    from.need(name, from.whole(name, most) ?? absent, `a whole number up to ${most}`);

/** Member with a number of `size` bytes. */
export const uint = (size: number, { most }: { most: bigint }): Member<bigint> => ({
  write: (value) => writeUint(value, size),
  read: (take) => readUint(take(size)),
  parse: upTo(most),
});
/** Last member of a struct: a truncated integer. @param absent the number where JSON has none */
export const truncatedEnd = (size: 2 | 4 | 8, { most }: { most: bigint }, absent?: bigint): Member<bigint> => ({
  write: (value) => writeTruncated(value, size),
  read: (take) => readTruncated(take(), size),
  parse: upTo(most, absent),
});
/** Member with bytes behind their number, which has 2 bytes. */
export const counted = (limit: { most: number }): Member<string> => ({
  write: (hex) => concatBytes(writeUint(BigInt(hex.length / 2), 2), hexToBytes(hex)),
  read: (take) => bytesToHex(take(Number(readUint(take(2))))),
  parse: (from, name) => {
    const bytes = from.need(name, from.bytes(name), 'hex');
    if (!allows(limit, bytes.length)) from.refuse(name, `at most ${limit.most} bytes`);
    return bytesToHex(bytes);
  },
});

export type StructMembers = Readonly<Record<string, Member<any>>>;
export type StructOf<P extends StructMembers> = { -readonly [K in keyof P]: P[K] extends Member<infer T> ? T : never };

export const writeStruct = <P extends StructMembers>(parts: P, value: StructOf<P>): Uint8Array =>
  concatBytes(...Object.entries(parts).map(([name, each]) => each.write(value[name])));

export const readStruct = <P extends StructMembers>(parts: P, take: Take): StructOf<P> =>
  Object.fromEntries(Object.entries(parts).map(([name, each]) => [name, each.read(take)])) as StructOf<P>;

/**
 * Parses the members of an object.
 * @param missing values of absent members
 * @throws as their `parse`
 */
export const parseStruct = <P extends StructMembers>(
  parts: P,
  from: Fields,
  missing: Partial<StructOf<P>> = {},
): StructOf<P> =>
  Object.fromEntries(
    Object.entries(parts).map(([name, each]) => [
      name,
      !from.has(name) && missing[name] !== undefined ? missing[name] : each.parse(from, name),
    ]),
  ) as StructOf<P>;

/** Reads values until no bytes are left, at least one. */
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

/** Codec of one struct, an object in JSON. */
export const struct = <P extends StructMembers>(parts: P): Codec<StructOf<P>> => ({
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
/** Codec of any number of structs, a list in JSON. @param missing values of absent members */
export const structs = <P extends StructMembers>(parts: P, missing?: Partial<StructOf<P>>): Codec<StructOf<P>[]> => ({
  write: (values) => concatBytes(...values.map((value) => writeStruct(parts, value))),
  read: (bytes) => (bytes.length === 0 ? [] : cut(bytes, (take) => readStruct(parts, take))),
  parse: (from, name) =>
    from.need(
      name,
      from.objects(name, (each) => parseStruct(parts, each, missing)),
      `a list of objects with ${Object.keys(parts).join(', ')}`,
    ),
});
