/**
 * Block headers: their 80 bytes and their work (`pow.cpp` of Bitcoin Core).
 *
 * Not here: chains of headers (`notary/headers.ts`), blocks (`block.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { bytesToHex } from './bytes.ts';

export const HEADER_SIZE = 80;

export interface Header {
  /** Display order. */
  hash: string;
  previous: string;
  /** Merkle root in the order of the header. */
  root: Uint8Array;
  /** Time that the miner states, in Unix seconds. */
  time: number;
  bits: number;
}

/** Reads a header. @throws Refusal `code` for another size */
export function parseHeader(bytes: Uint8Array, code: ErrorCode = 'header-invalid'): Header {
  if (bytes.length !== HEADER_SIZE)
    throw new Refusal(code, `a header of ${bytes.length} bytes found, ${HEADER_SIZE} expected`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    hash: bytesToHex(sha256(sha256(bytes)).reverse()),
    previous: bytesToHex(bytes.slice(4, 36).reverse()),
    root: bytes.slice(36, 68),
    time: view.getUint32(68, true),
    bits: view.getUint32(72, true),
  };
}

/** Returns the target of compact bits; 0 for bits without a target below 2^256. */
export function targetOf(bits: number): bigint {
  const [size, mantissa] = [bits >>> 24, BigInt(bits & 0x7fffff)];
  if ((bits & 0x800000) !== 0) return 0n;
  const target = size <= 3 ? mantissa >> BigInt(8 * (3 - size)) : mantissa << BigInt(8 * (size - 3));
  return target >> 256n ? 0n : target;
}

/** Tells whether a header's hash lies at or below its own target. */
export const hasWork = ({ hash, bits }: Header): boolean =>
  targetOf(bits) > 0n && BigInt(`0x${hash}`) <= targetOf(bits);
