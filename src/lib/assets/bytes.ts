/**
 * Reading payloads that anybody may have written: a cursor that never goes past its bytes. What is cut short or out of
 * bounds throws `Malformed`, whose `reason` is a word for documents; decoders catch it and answer, so no payload ends a run.
 * Not here: scripts (`script.ts`), transactions (`transaction.ts`).
 */
import { minSat } from '../bitcoin/amount.ts';

/** Error of a payload that does not follow its protocol; `reason` is in kebab-case. */
export class Malformed extends Error {
  readonly reason: string;
  constructor(reason: string, text: string) {
    super(text);
    this.reason = reason;
  }
}

/** A piece of a payload with its meaning, for byte tables. */
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
  /** `count` bytes, not copied. @throws Malformed `truncated` */
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
  /** A big-endian whole number of 1 to 8 bytes. */
  be(count: number, what: string): bigint {
    return this.take(count, what).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
  /** A big-endian whole number of up to 6 bytes. */
  num(count: number, what: string): number {
    return this.take(count, what).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  /** Bitcoin's CompactSize, in any of its forms. A count that no input can hold is the largest safe number. */
  compactSize(what: string): number {
    const first = this.u8(what);
    if (first < 0xfd) return first;
    const size = first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
    const value = this.take(size, what).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return Number(minSat(value, BigInt(Number.MAX_SAFE_INTEGER)));
  }
  /** @throws Malformed `trailing-bytes` */
  end(): void {
    if (this.left > 0) throw new Malformed('trailing-bytes', `${this.left} bytes found behind the end of the payload`);
  }
}

/** A result, or why the payload is none. */
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
