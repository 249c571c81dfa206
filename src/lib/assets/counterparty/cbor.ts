/**
 * Counterparty messages as CBOR lists, from block 902000 on.
 *
 * Some packed bodies also decode as CBOR. A body counts as CBOR only if number and types of its
 * items are those of its message. Source: counterparty-core messages/* (taproot_support). Encoding:
 * RFC 8949, by cborg.
 */
import { decode } from 'cborg';
import type { Network } from '../../bitcoin/network.ts';
import { allows, type Limits } from '../../protocol/limit.ts';
import { bytesToHex } from '../../bitcoin/bytes.ts';
import { Malformed } from '../bytes.ts';
import {
  memoOf,
  SWEEP_BINARY_MEMO,
  textOrHex,
  assetName,
  packedAddress,
  subassetName,
  type MessageFields,
} from './names.ts';

/** Depth to which an unknown list is shown. */
export const CBOR_LIMITS = { depth: { unit: 'levels', most: 16 } } satisfies Limits;

/** Decodes a CBOR list; undefined for other bytes. */
export function cborList(bytes: Uint8Array): unknown[] | undefined {
  // Lists of up to 23 items, or with their number in the next byte. Longer ones are no message.
  if (bytes.length === 0 || bytes[0]! < 0x80 || bytes[0]! > 0x98) return undefined;
  const found = decoded(bytes);
  return Array.isArray(found) ? found : undefined;
}

/** Decodes the list of an inscription's metadata: all of it, or `xcp` of a map. */
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

const isInt = (value: unknown): boolean =>
  ((typeof value === 'number' && Number.isSafeInteger(value)) || typeof value === 'bigint') && value >= 0;
const CHECKS = {
  int: isInt,
  bool: (value: unknown) => typeof value === 'boolean',
  bytes: (value: unknown) => value instanceof Uint8Array,
  text: (value: unknown) => typeof value === 'string',
  data: (value: unknown) => value === null || typeof value === 'string' || value instanceof Uint8Array,
  number: (value: unknown) => typeof value === 'number' || typeof value === 'bigint',
};

/** Item of a list: its type, and the fields that it gives. */
interface ListItem {
  type: keyof typeof CHECKS;
  read(value: any, network: Network, all: readonly any[]): MessageFields;
}
const item = (name: string, type: ListItem['type'], show = (value: any): unknown => value): ListItem => ({
  type,
  read: (value) => ({ [name]: show(value) }),
});
const int = (name: string): ListItem => item(name, 'int');
const amount = (name: string): ListItem => item(name, 'int', BigInt);
const bool = (name: string): ListItem => item(name, 'bool');

const assetOf = (id: number | bigint): string => assetName(BigInt(id));
const shown = (value: string | Uint8Array | null): unknown => (value instanceof Uint8Array ? textOrHex(value) : value);
const memoIn = (value: string | Uint8Array | null, asText = false): unknown =>
  value instanceof Uint8Array ? memoOf(value, asText) : value === '' ? null : value;
/** Writes hundred-millionths as a decimal. */
const fraction = (value: number | bigint): string => {
  const digits = String(value).padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
};

const asset = item('asset', 'int', assetOf);
const quantity = amount('quantity');
const flags = [bool('divisible'), bool('lock'), bool('reset')];
const mime = item('mime_type', 'text', (type) => type || 'text/plain');
const description = item('description', 'data', shown);
const issuance = [asset, quantity, ...flags, mime, description];
const subasset = [
  asset,
  quantity,
  ...flags,
  { type: 'int', read: () => ({}) } as const,
  item('asset_longname', 'bytes', subassetName),
  mime,
  description,
];

const LISTS: Readonly<Record<number, readonly ListItem[]>> = {
  2: [
    asset,
    quantity,
    { type: 'bytes', read: (to, network) => ({ ...packedAddress(to, network) }) },
    item('memo', 'data', memoIn),
  ],
  4: [
    {
      type: 'bytes',
      read: (to, network) => {
        const { address, script } = packedAddress(to, network);
        return { destination: address, script };
      },
    },
    int('flags'),
    {
      type: 'data',
      read: (note, _, [, bits]) => ({ memo: memoIn(note, (Number(bits) & SWEEP_BINARY_MEMO) === 0) }),
    },
  ],
  20: issuance,
  21: subasset,
  22: issuance,
  23: subasset,
  30: [int('timestamp'), item('value', 'number', String), int('fee_fraction_int'), mime, item('text', 'data', shown)],
  90: [
    asset,
    item('asset_parent', 'int', (id) => (BigInt(id) === 0n ? '' : assetOf(id))),
    ...['price', 'quantity_by_price', 'max_mint_per_tx', 'max_mint_per_address', 'hard_cap'].map(amount),
    amount('premint_quantity'),
    int('start_block'),
    int('end_block'),
    amount('soft_cap'),
    int('soft_cap_deadline_block'),
    item('minted_asset_commission', 'int', fraction),
    ...['burn_payment', 'lock_description', 'lock_quantity', 'divisible'].map(bool),
    mime,
    description,
  ],
  91: [asset, quantity],
};

/** Reads the fields of a list; undefined for a list of another message. @throws Malformed */
export function readCbor(type: number, values: readonly unknown[], network: Network): MessageFields | undefined {
  const items = LISTS[type];
  if (values.length !== items?.length || !items.every((each, i) => CHECKS[each.type](values[i]))) return undefined;
  return Object.assign({}, ...items.map((each, i) => each.read(values[i], network, values))) as MessageFields;
}

/** Shows any value as JSON: bytes as hex, numbers as decimal strings. */
export function cborJson(value: unknown, depth = 0): unknown {
  if (!allows(CBOR_LIMITS.depth, depth))
    throw new Malformed('too-deep', `more than ${CBOR_LIMITS.depth.most} levels found`);
  if (value instanceof Uint8Array) return { hex: bytesToHex(value) };
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map((inner) => cborJson(inner, depth + 1));
  if (value instanceof Map)
    return [...value].map(([key, inner]) => [cborJson(key, depth + 1), cborJson(inner, depth + 1)]);
  return value === null || typeof value === 'boolean' || typeof value === 'string' ? value : null;
}
