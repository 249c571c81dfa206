/**
 * Payloads of Colu ("Colored Coins"), with their amounts in SFFC, a small float of whole numbers.
 *
 * 4343 · version · opcode · [SHA1][SHA256] · issuance: amount · payments · issuance: flags
 * Source: npm cc-transaction 1.2.1 and its encoders, which the network ran; the wiki is older. Not
 * here: which output gets what (`colour.ts`).
 */
import { bytesToHex } from '../../bitcoin/bytes.ts';
import { PayloadCursor, Malformed } from '../bytes.ts';

/** Sizes of an amount by its first three bits: bytes in all, and bits of the exponent. */
const CLASSES: readonly (readonly [bytes: number, exponent: number])[] = [
  [1, 0],
  [2, 4],
  [3, 4],
  [4, 4],
  [5, 3],
  [6, 3],
  [7, 0],
  [7, 0],
];

/** Reads an amount in SFFC; each has several encodings. @throws Malformed `truncated` */
export function readSffc(cursor: PayloadCursor): bigint {
  const first = cursor.bytes[cursor.at] ?? 0;
  const [size, exponentBits] = CLASSES[first >> 5]!;
  const value = cursor.be(size, 'amount');
  if (size === 1) return value;
  // The largest class is told by two bits, so that its mantissa has 54.
  const bits = size * 8 - (size === 7 ? 2 : 3);
  const body = value & ((1n << BigInt(bits)) - 1n);
  const exponent = body & ((1n << BigInt(exponentBits)) - 1n);
  return (body >> BigInt(exponentBits)) * 10n ** exponent;
}

export interface ColuPayment {
  /** True if the next payment takes from the next input. */
  skip: boolean;
  range: boolean;
  percent: boolean;
  burn: boolean;
  /** Index of the output; with `range`, of the last one. */
  output: number;
  amount: bigint;
}
const BURN = 0x1f;

/** Reads a payment. @throws Malformed `truncated` */
export function readColuPayment(cursor: PayloadCursor, burns: boolean): ColuPayment {
  const first = cursor.u8('payment');
  const range = (first & 0x40) !== 0;
  const output = range ? (first & 0x1f) * 256 + cursor.u8('output of a range') : first & 0x1f;
  const burn = burns && !range && output === BURN;
  return {
    skip: (first & 0x80) !== 0,
    range,
    percent: (first & 0x20) !== 0,
    burn,
    output,
    amount: readSffc(cursor),
  };
}

const POLICIES = ['aggregatable', 'hybrid', 'dispersed', 'reserved'] as const;
export type AggregationPolicy = (typeof POLICIES)[number];
export interface IssuanceFlags {
  divisibility: number;
  locked: boolean;
  policy: AggregationPolicy;
}
export const readFlags = (byte: number): IssuanceFlags => ({
  divisibility: byte >> 5,
  locked: (byte & 0x10) !== 0,
  policy: POLICIES[(byte >> 2) & 3]!,
});

/** Hashes of metadata: in the payload, or hidden in the keys of a multisig output. */
export interface Metadata {
  torrent: { in: 'op_return' | 'multisig'; key?: number; hash: string | null };
  sha256: { in: 'op_return' | 'multisig'; key?: number; hash: string | null } | null;
}
interface PayloadHead {
  version: number;
  opcode: number;
  /** True if the metadata may have rules; null if the opcode does not tell. */
  rules: boolean | null;
  metadata: Metadata | null;
  payments: readonly ColuPayment[];
}
export interface Issuance extends PayloadHead, IssuanceFlags {
  kind: 'issuance';
  amount: bigint;
}
export interface Transfer extends PayloadHead {
  kind: 'transfer' | 'burn';
}
export type ColuPayload = Issuance | Transfer;

const KINDS = ['issuance', 'transfer', 'burn'] as const;
/** Places of hashes, by the lower half of a transfer's opcode. */
const HASHES = ['both', 'one', 'none', 'sha1', 'sha1', ''] as const;

function readMetadata(cursor: PayloadCursor, where: string): Metadata | null {
  if (where === '') return null;
  const here = (size: number, what: string) =>
    ({ in: 'op_return', hash: bytesToHex(cursor.take(size, what)) }) as const;
  const hidden = (key: number) => ({ in: 'multisig', key, hash: null }) as const;
  const torrent = where === 'none' ? hidden(2) : here(20, 'hash of the torrent');
  if (where === 'sha1') return { torrent, sha256: null };
  return { torrent, sha256: where === 'both' ? here(32, 'hash of the metadata') : hidden(1) };
}

/**
 * Reads a payload.
 * @throws Malformed `no-tag`, `unknown-version`, `unknown-opcode`, `truncated`, `reserved-policy`,
 *   `fractional-amount`
 */
export function readColuPayload(bytes: Uint8Array): ColuPayload {
  if (bytes[0] !== 0x43 || bytes[1] !== 0x43)
    throw new Malformed('no-tag', `${bytesToHex(bytes.subarray(0, 4)) || 'nothing'} found, 4343 expected`);
  const cursor = new PayloadCursor(bytes);
  cursor.take(2, 'tag');
  const version = cursor.u8('version');
  if (version !== 1 && version !== 2)
    throw new Malformed('unknown-version', `version ${version} found, 1 or 2 expected`);
  const opcode = cursor.u8('opcode');
  const kind = KINDS[opcode >> 4];
  const low = (opcode & 0x0f) - (kind === 'issuance' ? 1 : 0);
  if (kind === undefined || low < 0 || low > 5)
    throw new Malformed('unknown-opcode', `opcode ${opcode.toString(16).padStart(2, '0')} found`);
  return kind === 'issuance' ? issuance(bytes, version, opcode) : transfer(cursor, version, opcode, kind);
}

function paymentsTo(cursor: PayloadCursor, burns: boolean): ColuPayment[] {
  const payments: ColuPayment[] = [];
  while (cursor.left > 0) payments.push(readColuPayment(cursor, burns));
  return payments;
}

function transfer(cursor: PayloadCursor, version: number, opcode: number, kind: 'transfer' | 'burn'): Transfer {
  const low = opcode & 0x0f;
  const metadata = readMetadata(cursor, HASHES[low]!);
  const rules = low === 3 ? true : low === 4 ? false : null;
  return { kind, version, opcode, rules, metadata, payments: paymentsTo(cursor, kind === 'burn') };
}

const ISSUANCE_HASHES = ['', 'both', 'one', 'none', 'sha1', '', ''] as const;

function issuance(bytes: Uint8Array, version: number, opcode: number): Issuance {
  if (bytes.length < 6) throw new Malformed('truncated', `${bytes.length} bytes found, amount and flags expected`);
  const cursor = new PayloadCursor(bytes.subarray(0, -1));
  cursor.at = 4;
  const flags = readFlags(bytes[bytes.length - 1]!);
  if (flags.policy === 'reserved') throw new Malformed('reserved-policy', 'aggregation policy 3 found');
  const metadata = readMetadata(cursor, ISSUANCE_HASHES[opcode]!);
  const written = readSffc(cursor);
  const unit = version === 1 ? 10n ** BigInt(flags.divisibility) : 1n;
  if (written % unit !== 0n)
    throw new Malformed('fractional-amount', `amount ${written} found, a multiple of ${unit} expected`);
  const rules = opcode === 5 ? false : opcode === 6 ? true : null;
  return {
    kind: 'issuance',
    version,
    opcode,
    rules,
    metadata,
    ...flags,
    amount: written / unit,
    payments: paymentsTo(cursor, false),
  };
}
