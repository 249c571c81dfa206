/**
 * Cursor over payloads that anybody may have written; it never goes past its bytes.
 *
 * A payload that is cut short or out of bounds throws `Malformed`. Decoders catch it and answer
 * with its `reason`, so that no payload ends a run. Not here: scripts (`script.ts`), transactions
 * (`transaction.ts`).
 */
import { minSat } from '../bitcoin/amount.ts';

/** Error of a payload that breaks its protocol. `reason` is in kebab-case, for documents. */
export class Malformed extends Error {
  readonly reason: string;
  constructor(reason: string, text: string) {
    super(text);
    this.reason = reason;
  }
}

/** Bytes of a payload and their meaning, for byte tables. */
export interface Piece {
  offset: number;
  hex: string;
  means: string;
}

export class PayloadCursor {
  readonly bytes: Uint8Array;
  at = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get left(): number {
    return this.bytes.length - this.at;
  }
  /** Takes `count` bytes, not copied. @throws Malformed `truncated` */
  take(count: number, what: string): Uint8Array {
    if (count > this.left)
      throw new Malformed('truncated', `${what}: ${this.left} bytes left at offset ${this.at}, ${count} expected`);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
  rest(): Uint8Array {
    return this.take(this.left, 'the rest');
  }
  u8(what: string): number {
    if (this.at >= this.bytes.length)
      throw new Malformed('truncated', `${what}: nothing left at offset ${this.at}, a byte expected`);
    return this.bytes[this.at++]!;
  }
  /** Takes a big-endian number of 1 to 8 bytes. */
  be(count: number, what: string): bigint {
    return this.take(count, what).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
  /** Takes a big-endian number of up to 6 bytes. */
  num(count: number, what: string): number {
    return this.take(count, what).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  /** Takes a CompactSize in any of its forms; a number above 2^53 − 1 as that number. */
  compactSize(what: string): number {
    const first = this.u8(what);
    if (first < 0xfd) return first;
    const size = first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
    const value = this.take(size, what).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return Number(minSat(value, BigInt(Number.MAX_SAFE_INTEGER)));
  }
  /** Checks that no bytes are left. @throws Malformed `trailing-bytes` */
  end(): void {
    if (this.left > 0) throw new Malformed('trailing-bytes', `${this.left} bytes found behind the end of the payload`);
  }
}

/** Returns the result, or the `Malformed` that was thrown. */
export function orMalformed<T>(read: () => T): T | Malformed {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return error;
    throw error;
  }
}

export const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean =>
  bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
