/**
 * Blocks as bytes: their transactions without witnesses, and the Merkle tree over these.
 *
 * Hashes are in the order of bytes, not in display order. A row of odd length doubles its last
 * hash. Refusals have the code of the caller. Not here: headers (`header.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { bytesToHex, concatBytes } from './bytes.ts';
import { Cursor } from './cursor.ts';

export const doubleHash = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));

export interface BlockTransaction {
  /** Serialization without witnesses. */
  bytes: Uint8Array;
  txid: Uint8Array;
  /** True for a coinbase transaction, whose one input spends no output. */
  coinbase: boolean;
  outputs: { sat: bigint; script: string }[];
}

function transactionAt(from: Cursor): BlockTransaction {
  const version = from.take(4);
  let start = from.at;
  const witness = from.bytes[from.at] === 0 && from.bytes[from.at + 1] === 1;
  if (witness) start = from.at += 2;
  const inputs = from.count(41);
  let coinbase = inputs === 1;
  for (let i = 0; i < inputs; i++) {
    const outpoint = from.take(36);
    if (!outpoint.every((byte, place) => byte === (place < 32 ? 0 : 0xff))) coinbase = false;
    from.take(from.count(1));
    from.take(4);
  }
  const outputs = Array.from({ length: from.count(9) }, () => {
    const sat = from.take(8).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    return { sat, script: bytesToHex(from.take(from.count(1))) };
  });
  const body = from.bytes.subarray(start, from.at);
  if (witness)
    for (let i = 0; i < inputs; i++) for (let items = from.count(1); items > 0; items--) from.take(from.count(1));
  const bytes = concatBytes(version, body, from.take(4));
  return { bytes, txid: doubleHash(bytes), coinbase, outputs };
}

/** Reads a transaction, with or without witnesses. @throws Refusal `code` */
export function transactionIn(bytes: Uint8Array, code: ErrorCode): BlockTransaction {
  const from = new Cursor(bytes, code);
  const made = transactionAt(from);
  if (from.at !== bytes.length) throw new Refusal(code, `${bytes.length - from.at} bytes found behind a transaction`);
  return made;
}

export interface Block {
  /** Header of 80 bytes. */
  header: Uint8Array;
  transactions: BlockTransaction[];
}

/** Reads a block of one transaction or more. @throws Refusal `code` */
export function blockIn(bytes: Uint8Array, code: ErrorCode): Block {
  const from = new Cursor(bytes, code);
  const header = from.take(80);
  const transactions = Array.from({ length: from.count(10) }, () => transactionAt(from));
  if (from.at !== bytes.length || transactions.length === 0)
    throw new Refusal(code, `a block of ${transactions.length} transactions and ${bytes.length - from.at} bytes found`);
  return { header, transactions };
}

/** Shows a hash in display order. */
export const displayHash = (hash: Uint8Array): string => bytesToHex(hash.slice().reverse());

/** Computes the row above a row of hashes. */
function above(row: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i < row.length; i += 2) next.push(doubleHash(concatBytes(row[i]!, row[i + 1] ?? row[i]!)));
  return next;
}

/** Computes the Merkle root of one leaf or more. */
export function merkleRoot(txids: readonly Uint8Array[]): Uint8Array {
  let row = txids;
  while (row.length > 1) row = above(row);
  return row[0]!;
}

/** Returns the siblings on the way from a leaf to the root. */
export function merklePath(txids: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  for (let row = [...txids], at = index; row.length > 1; row = above(row), at >>= 1) path.push(row[at ^ 1] ?? row[at]!);
  return path;
}
