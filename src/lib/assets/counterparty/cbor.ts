/**
 * Counterparty messages as CBOR arrays, from block 902000 on. A body is taken for CBOR only where
 * number and kinds of its fields are those of its type. Some packed structures also decode as CBOR.
 * Source: counterparty-core messages/* (taproot_support). Encoding: RFC 8949, by cborg.
 */
import { decode } from 'cborg';
import type { Network } from '../../bitcoin/network.ts';
import { allows, type Limits } from '../../protocol/limit.ts';
import { hexOf, Malformed } from '../bytes.ts';
import { memoOf, SWEEP_BINARY_MEMO, textOrHex, type Fields } from './fields.ts';
import { assetName, packedAddress, subassetName } from './names.ts';

/** Depth to which a list of another shape is shown. */
export const CBOR_LIMITS = { depth: { unit: 'levels', most: 16 } } satisfies Limits;

/** A list of what CBOR can hold; undefined where the bytes are none. */
export function cborList(bytes: Uint8Array): unknown[] | undefined {
  // An array of up to 23, or with its length in the next byte. Deeper input than a message has is not worth the stack.
  if (bytes.length === 0 || bytes[0]! < 0x80 || bytes[0]! > 0x98) return undefined;
  const found = decoded(bytes);
  return Array.isArray(found) ? found : undefined;
}

/** The list in an inscription's metadata: all of it, or `xcp` in a map of what ordinals show (`ordinals_metadata_support`). */
export function metadataList(bytes: Uint8Array): unknown[] | undefined {
  const found = decoded(bytes);
  const list = found instanceof Map ? (found.get('xcp') as unknown) : found;
  return Array.isArray(list) ? list : undefined;
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { allowBigInt: true, useMaps: true, rejectDuplicateMapKeys: true });
  } catch {
    return undefined;
  }
}

type Kind = 'int' | 'bool' | 'bytes' | 'text' | 'data' | 'number' | 'any';

const isInt = (value: unknown): boolean =>
  ((typeof value === 'number' && Number.isSafeInteger(value)) || typeof value === 'bigint') && value >= 0;
const IS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  int: isInt,
  bool: (value) => typeof value === 'boolean',
  bytes: (value) => value instanceof Uint8Array,
  text: (value) => typeof value === 'string',
  /** Text or bytes or nothing. */
  data: (value) => value === null || typeof value === 'string' || value instanceof Uint8Array,
  number: (value) => typeof value === 'number' || typeof value === 'bigint',
  any: () => true,
};

interface Shape {
  kinds: readonly Kind[];
  read(values: any[], network: Network): Fields;
}
const big = (value: number | bigint): bigint => BigInt(value);
const asset = (value: number | bigint): string => assetName(big(value));
const text = (value: string | Uint8Array | null): unknown => (value instanceof Uint8Array ? textOrHex(value) : value);
const memo = (value: string | Uint8Array | null, asText = false): unknown =>
  value instanceof Uint8Array ? memoOf(value, asText) : value === '' ? null : value;
const mime = (value: string): string => value || 'text/plain';
/** Hundred-millionths as a decimal. */
const fraction = (value: number | bigint): string => {
  const digits = String(value).padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
};

const issuance: Shape = {
  kinds: ['int', 'int', 'bool', 'bool', 'bool', 'text', 'data'],
  read: ([id, amount, divisible, lock, reset, type, description]) => ({
    asset: asset(id),
    quantity: big(amount),
    divisible,
    lock,
    reset,
    mime_type: mime(type),
    description: text(description),
  }),
};

const SHAPES: Readonly<Record<number, Shape>> = {
  2: {
    kinds: ['int', 'int', 'bytes', 'data'],
    read: ([id, amount, to, note], network) => ({
      asset: asset(id),
      quantity: big(amount),
      ...packedAddress(to, network),
      memo: memo(note),
    }),
  },
  4: {
    kinds: ['bytes', 'int', 'data'],
    read: ([to, flags, note], network) => {
      const { address, script } = packedAddress(to, network);
      return { destination: address, script, flags, memo: memo(note, (Number(flags) & SWEEP_BINARY_MEMO) === 0) };
    },
  },
  20: issuance,
  22: issuance,
  21: {
    kinds: ['int', 'int', 'bool', 'bool', 'bool', 'int', 'bytes', 'text', 'data'],
    read: ([id, amount, divisible, lock, reset, , name, type, description]) => ({
      asset: asset(id),
      quantity: big(amount),
      divisible,
      lock,
      reset,
      asset_longname: subassetName(name),
      mime_type: mime(type),
      description: text(description),
    }),
  },
  30: {
    kinds: ['int', 'number', 'int', 'text', 'data'],
    read: ([timestamp, value, fee, type, said]) => ({
      timestamp,
      value: String(value),
      fee_fraction_int: fee,
      mime_type: mime(type),
      text: text(said),
    }),
  },
  90: {
    kinds: [
      ...Array.from({ length: 12 }, (): Kind => 'int'),
      'int',
      ...Array.from({ length: 4 }, (): Kind => 'bool'),
      'text',
      'data',
    ],
    read: (v) => ({
      asset: asset(v[0]),
      asset_parent: big(v[1]) === 0n ? '' : asset(v[1]),
      price: big(v[2]),
      quantity_by_price: big(v[3]),
      max_mint_per_tx: big(v[4]),
      max_mint_per_address: big(v[5]),
      hard_cap: big(v[6]),
      premint_quantity: big(v[7]),
      start_block: v[8],
      end_block: v[9],
      soft_cap: big(v[10]),
      soft_cap_deadline_block: v[11],
      minted_asset_commission: fraction(v[12]),
      burn_payment: v[13],
      lock_description: v[14],
      lock_quantity: v[15],
      divisible: v[16],
      mime_type: mime(v[17]),
      description: text(v[18]),
    }),
  },
  91: { kinds: ['int', 'int'], read: ([id, amount]) => ({ asset: asset(id), quantity: big(amount) }) },
};
const SAME: Readonly<Record<number, number>> = { 23: 21 };

/** The fields of a list; undefined where their number or kinds are not the type's. @throws Malformed for a bad name */
export function readCbor(type: number, values: readonly unknown[], network: Network): Fields | undefined {
  const shape = SHAPES[SAME[type] ?? type];
  if (!shape || values.length !== shape.kinds.length) return undefined;
  if (!shape.kinds.every((kind, i) => IS[kind](values[i]))) return undefined;
  return shape.read([...values], network);
}

/** Values of any kind as JSON: bytes as hex, whole numbers as decimal strings. */
export function plain(value: unknown, depth = 0): unknown {
  if (!allows(CBOR_LIMITS.depth, depth))
    throw new Malformed('too-deep', `more than ${CBOR_LIMITS.depth.most} levels found`);
  if (value instanceof Uint8Array) return { hex: hexOf(value) };
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map((inner) => plain(inner, depth + 1));
  if (value instanceof Map) return [...value].map(([key, inner]) => [plain(key, depth + 1), plain(inner, depth + 1)]);
  return value === null || typeof value === 'boolean' || typeof value === 'string' ? value : null;
}
