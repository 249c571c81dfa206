/**
 * Repeatable random-looking numbers from a seed, for samplings and simulations, and their figures.
 * The stream is ChaCha20 (RFC 8439) with nonce and counter 0, read as little-endian numbers of 64
 * bits. Its key is SHA256("spillway/" ‖ label ‖ 0x00 ‖ seed).
 * Not here: secrets, which are never drawn like this.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

const BLOCK = 64;
const BLOCKS = 64;
const NONCE = new Uint8Array(12);
const TWO_64 = 1n << 64n;

/** Deterministic stream of random numbers from a seed. */
export class Draws {
  readonly #key: Uint8Array;
  #blocks = 0;
  #view = new DataView(new ArrayBuffer(0));
  #at = 0;

  /** @param label purpose of the draws; two purposes with one seed draw different bytes */
  constructor(label: string, seed: string) {
    this.#key = sha256(utf8ToBytes(`spillway/${label}\0${seed}`));
  }
  #next(): bigint {
    if (this.#at === this.#view.byteLength) {
      const stream = chacha20(this.#key, NONCE, new Uint8Array(BLOCK * BLOCKS), undefined, this.#blocks);
      this.#blocks += BLOCKS;
      this.#view = new DataView(stream.buffer, stream.byteOffset, stream.length);
      this.#at = 0;
    }
    this.#at += 8;
    return this.#view.getBigUint64(this.#at - 8, true);
  }
  /** Draws a whole number from 0 below `most`, each with the same chance. @param most 1 to 2^53 */
  below(most: number): number {
    const size = BigInt(most);
    const limit = TWO_64 - (TWO_64 % size);
    for (;;) {
      const drawn = this.#next();
      if (drawn < limit) return Number(drawn % size);
    }
  }
}

/** Writes a part of one as percent, rounded to two places (or more). Decimals travel as text. */
export function percent(part: number, places = 2): string {
  const digits = String(Math.round(part * 10 ** (places + 2))).padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Returns quantiles of rising values, each named like p50, the half; null without values. */
export const quantiles = (rising: ArrayLike<number>, parts: readonly number[]): Record<string, number | null> =>
  Object.fromEntries(
    parts.map((part) => [
      `p${Math.round(100 * part)}`,
      rising[Math.min(rising.length - 1, Math.floor(part * rising.length))] ?? null,
    ]),
  );
