/**
 * Blinded paths: `blinded_path` on the wire, and in JSON in the shape of BOLT4's vectors.
 *
 * BOLT4 (https://github.com/lightning/bolts/blob/master/04-onion-routing.md), Route Blinding. Not
 * here: making and unblinding them (`onion/blinding.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint } from '../signing/curve.ts';
import { writeUint } from './bigsize.ts';
import { point, type Codec } from './fields.ts';
import {
  counted,
  parseStruct,
  readStruct,
  struct,
  structs,
  writeStruct,
  type Member,
  type StructOf,
} from './struct.ts';

const pointNamed = (bytes: Uint8Array, name: string): string => {
  if (!parsePoint(bytes)) throw new Refusal('tlv-value', `${name} of a blinded path: bytes found that are no point`);
  return bytesToHex(bytes);
};
const pathPoint = (name: string): Member<string> => ({ ...point, read: (take) => pointNamed(take(33), name) });

const HOP = {
  blinded_node_id: pathPoint('blinded_node_id'),
  encrypted_data: {
    ...counted({ most: 0xffff }),
    // BOLT4's vectors have both names.
    parse: (from: Fields) => {
      const name = from.has('encrypted_data') ? 'encrypted_data' : 'encrypted_recipient_data';
      return bytesToHex(from.need(name, from.bytes(name)));
    },
  },
};
const PATH = {
  /** A public key, or 9 bytes: direction and short channel id. */
  first_node_id: {
    write: hexToBytes,
    read: (take) => {
      const first = take(1);
      const bytes = concatBytes(first, take(first[0]! <= 1 ? 8 : 32));
      return bytes.length === 9 ? bytesToHex(bytes) : pointNamed(bytes, 'first_node_id');
    },
    parse: (from, name) => {
      const bytes = from.bytes(name);
      return bytes?.length === 9 && bytes[0]! <= 1 ? bytesToHex(bytes) : point.parse(from, name);
    },
  } satisfies Member<string>,
  first_path_key: pathPoint('first_path_key'),
  hops: {
    write: (hops) => concatBytes(writeUint(BigInt(hops.length), 1), ...hops.map((hop) => writeStruct(HOP, hop))),
    read: (take) => {
      const [count] = take(1);
      if (count === 0) throw new Refusal('tlv-value', 'a blinded path without hops found');
      return Array.from({ length: count! }, () => readStruct(HOP, take));
    },
    parse: (from, name) => {
      const hops = from.objects(name, (hop) => parseStruct(HOP, hop));
      return hops?.length ? hops : from.refuse(name, 'a list of hops');
    },
  } satisfies Member<StructOf<typeof HOP>[]>,
};
/** Blinded path (BOLT4) with its bytes in hex, as in JSON. */
export type BlindedPath = StructOf<typeof PATH>;

export const blindedPath: Codec<BlindedPath> = struct(PATH);

/** Codec of one or more blinded paths; in JSON a list of what `onion-blind` prints. */
export const blindedPaths: Codec<BlindedPath[]> = {
  ...structs(PATH),
  read: (bytes) => (bytes.length > 0 ? structs(PATH).read(bytes) : [blindedPath.read(bytes)]),
  parse: (from, name) => {
    const made = from.objects(name, (path) => {
      path.skip('type', 'version', 'path', 'payinfo');
      return parsePath(path);
    });
    return made?.length ? made : from.refuse(name, 'a list of blinded paths');
  },
};

/** Writes a path. @throws Refusal `malformed-message` above 255 hops */
export const writePath = (path: BlindedPath): Uint8Array => blindedPath.write(path);

/** Reads one path. @throws Refusal `tlv-value`, also for bytes behind it and for no hop */
export const readPath = (bytes: Uint8Array): BlindedPath => blindedPath.read(bytes);

/** Reads a path of a document. @throws Refusal `malformed-message`, `wrong-key` */
export const parsePath = (from: Fields): BlindedPath => parseStruct(PATH, from);
