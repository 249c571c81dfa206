/**
 * Blocks as bytes: their transactions without witnesses, and the Merkle tree over the transactions' ids.
 *
 * Hashes stand here as they are in bytes (not in display order). A row of odd length doubles its last hash. Refusals carry
 * the code of whoever reads. Not here: headers and their work, proofs of single transactions.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { ErrorCode } from '../protocol/refusal.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, concatBytes } from './bytes.ts';
import { Cursor } from './cursor.ts';

export const doubleHash = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));

export interface BareTransaction {
  /** Serialization without witness. */
  bytes: Uint8Array;
  txid: Uint8Array;
  /** True for a coinbase transaction, whose one input spends no output. */
  coinbase: boolean;
  outputs: { sat: bigint; script: string }[];
}

function transactionAt(from: Cursor): BareTransaction {
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

/** Reads a whole transaction, with or without witness. @throws Refusal `code` */
export function transactionIn(bytes: Uint8Array, code: ErrorCode): BareTransaction {
  const from = new Cursor(bytes, code);
  const made = transactionAt(from);
  if (from.at !== bytes.length) throw new Refusal(code, `${bytes.length - from.at} bytes found behind a transaction`);
  return made;
}

export interface Block {
  /** 80 bytes. */
  header: Uint8Array;
  transactions: BareTransaction[];
}

/** Cuts a whole block into header and transactions, at least one. @throws Refusal `code` */
export function blockIn(bytes: Uint8Array, code: ErrorCode): Block {
  const from = new Cursor(bytes, code);
  const header = from.take(80);
  const transactions = Array.from({ length: from.count(10) }, () => transactionAt(from));
  if (from.at !== bytes.length || transactions.length === 0)
    throw new Refusal(code, `a block of ${transactions.length} transactions and ${bytes.length - from.at} bytes found`);
  return { header, transactions };
}

/** A hash as people read it. */
export const display = (hash: Uint8Array): string => bytesToHex(hash.slice().reverse());

/** Hashes of the row above. */
function above(row: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i < row.length; i += 2) next.push(doubleHash(concatBytes(row[i]!, row[i + 1] ?? row[i]!)));
  return next;
}

/** Returns the Merkle root of at least one leaf. */
export function merkleRoot(txids: readonly Uint8Array[]): Uint8Array {
  let row = txids;
  while (row.length > 1) row = above(row);
  return row[0]!;
}

/** The siblings of a leaf, from the leaf upwards. */
export function merklePath(txids: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  for (let row = [...txids], at = index; row.length > 1; row = above(row), at >>= 1) path.push(row[at ^ 1] ?? row[at]!);
  return path;
}
