/**
 * Attribution data: how long each hop held the HTLC, and MACs that show who altered an error.
 *
 * BOLT4, Returning Errors (attribution), Hold times for successful payments; BOLT2, TLV 1 of
 * `update_fail_htlc` and `update_fulfill_htlc`. It has 20 hold times of 4 bytes, in units of 100
 * ms. Behind them stand 20 + 19 + … + 1 = 210 MACs of 4 bytes: each hop has one for each position
 * at which it could stand. Hops behind the 20th have none.
 */
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import { keyFor, mac, stream, xorInto } from './keys.ts';

export const MAX_HOPS = 20;
const MAC = 4;
const TIMES = MAX_HOPS * 4;
const MACS = ((MAX_HOPS * (MAX_HOPS + 1)) / 2) * MAC;
export const ATTRIBUTION_SIZE = TIMES + MACS;

/** Returns attribution data. @throws Refusal `error-size` */
export function checkAttribution(data: Uint8Array): Uint8Array {
  if (data.length !== ATTRIBUTION_SIZE)
    throw new Refusal('error-size', `attribution data of ${data.length} bytes found, ${ATTRIBUTION_SIZE} expected`);
  return data;
}

/** Returns the offset of the 20 − x MACs of the hop `x` places downstream, farthest first. */
const blockAt = (x: number): number => TIMES + MAC * (x * MAX_HOPS - (x * (x - 1)) / 2);
/** Returns the offset of that hop's MAC for a place `y` hops before the erring one. */
const macAt = (x: number, y: number): number => blockAt(x) + MAC * (MAX_HOPS - 1 - x - y);

/** Computes the first hop's MAC for a place `y` hops before the erring one. */
function macOf(um: Uint8Array, error: Uint8Array, data: Uint8Array, y: number): Uint8Array {
  const downstream: Uint8Array[] = [];
  for (let x = 1; x <= y; x++) downstream.push(data.subarray(macAt(x, y - x), macAt(x, y - x) + MAC));
  return mac(um, error, data.subarray(0, 4 * (y + 1)), ...downstream).subarray(0, MAC);
}

/** Adds or removes a hop's own encryption, which is an XOR. */
const cover = (data: Uint8Array, secret: Uint8Array): Uint8Array =>
  xorInto(Uint8Array.from(data), stream(keyFor('ammagext', secret), ATTRIBUTION_SIZE));

/** Moves all hops one place downstream, and drops MACs of positions beyond the 20th. */
function shifted(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(ATTRIBUTION_SIZE);
  out.set(data.subarray(0, TIMES - 4), 4);
  for (let x = 0; x < MAX_HOPS - 1; x++) {
    // The first MAC of a block is that of its farthest position.
    const kept = data.subarray(blockAt(x) + MAC, blockAt(x + 1));
    out.set(kept, blockAt(x + 1));
  }
  return out;
}

/**
 * Adds a hop's hold time and MACs in front of the data from downstream, and encrypts all.
 * @param error return packet before this hop's encryption; empty for a payment that succeeded
 * @param data attribution data from downstream; undefined at the erring hop
 * @throws Refusal `error-size`; `malformed-message` for a hold time of more than 4 bytes
 */
export function attribute(secret: Uint8Array, error: Uint8Array, holdTime: bigint, data?: Uint8Array): Uint8Array {
  const out = data ? shifted(checkAttribution(data)) : new Uint8Array(ATTRIBUTION_SIZE);
  out.set(writeUint(holdTime, 4));
  const um = keyFor('um', secret);
  for (let y = 0; y < MAX_HOPS; y++) out.set(macOf(um, error, out, y), macAt(0, y));
  return cover(out, secret);
}

export interface Attributed {
  /** Time for which the HTLC was held, in units of 100 ms. */
  holdTime: bigint;
  /** Attribution data as the next hop downstream sent it. */
  data: Uint8Array;
}

/**
 * Removes one hop's layer at the origin; undefined if its MAC is wrong.
 * @param position number of hops between this one and the last that the MACs are for
 */
export function unattribute(
  secret: Uint8Array,
  error: Uint8Array,
  data: Uint8Array,
  position: number,
): Attributed | undefined {
  const plain = cover(data, secret);
  const found = plain.subarray(macAt(0, position), macAt(0, position) + MAC);
  if (!equalBytes(macOf(keyFor('um', secret), error, plain, position), found)) return undefined;
  return { holdTime: readUint(plain.subarray(0, 4)), data: unshifted(plain) };
}

/** Returns the data that the hop downstream sent, with zeros in place of the dropped MACs. */
function unshifted(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(ATTRIBUTION_SIZE);
  out.set(concatBytes(data.subarray(4, TIMES), new Uint8Array(4)));
  for (let x = 1; x < MAX_HOPS; x++) {
    const end = x + 1 < MAX_HOPS ? blockAt(x + 1) : ATTRIBUTION_SIZE;
    out.set(data.subarray(blockAt(x), end), blockAt(x - 1) + MAC);
  }
  return out;
}
