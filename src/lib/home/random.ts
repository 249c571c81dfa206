/**
 * Randomness of a home: the operating system's, or for snapshots of test runs a repeatable stream.
 *
 * The insecure stream depends on seed, home and commit counter: two runs with a commit between them
 * differ, two attempts at the same counter repeat. It gives no secrecy; homes that use it work on
 * regtest only (`home.ts`).
 */
import { createHash, randomFillSync } from 'node:crypto';
import { Refusal } from '../protocol/refusal.ts';

export type Random = (bytes: number) => Uint8Array;

export const realRandom: Random = (bytes) => randomFillSync(new Uint8Array(bytes));

/** Reads the 32 bytes of `--insecure-seed HEX`. @throws Refusal `usage` */
export function parseInsecureSeed(hex: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw new Refusal('usage', 'the insecure seed is something else, 64 lowercase hex digits expected');
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** Returns a repeatable stream: blocks of sha256(tag ‖ seed ‖ home ‖ commits ‖ call ‖ block). */
export function insecureRandom(seed: Uint8Array, home: string, commits: number): Random {
  let call = 0;
  return (bytes) => {
    call += 1;
    const made = new Uint8Array(bytes);
    for (let block = 0; block * 32 < bytes; block += 1) {
      const hash = createHash('sha256')
        .update('spillway/insecure')
        .update(seed)
        .update(`/${home}/${commits}/${call}/${block}`)
        .digest();
      made.set(hash.subarray(0, bytes - block * 32), block * 32);
    }
    return made;
  };
}
