/**
 * Sphinx packets: built by the origin, opened by one hop.
 *
 * BOLT4, Packet Structure, Packet Construction, Onion Decryption, Filler Generation; Danezis and
 * Goldberg, "Sphinx: A Compact and Provably Secure Mix Format". Version byte, ephemeral key (33),
 * hop payloads (1300 or another size), HMAC. Not here: payloads (`payload.ts`), and whether they
 * fit their position (`position.ts`).
 */
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import type { Fields } from '../protocol/document.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { mod, parsePoint, pointBytes, secretTimes, toNumber, type Point, ecdh } from '../signing/curve.ts';
import { readBigSize } from '../wire/bigsize.ts';
import { blindingFactor, keyFor, mac, sharedAlong, stream, xorInto, type Shared } from './keys.ts';
import { LEGACY_LENGTH, PAYLOAD_LIMITS } from './payload.ts';

export const PAYMENT_SIZE = 1300;
/** Size of the payloads in a large onion message (BOLT4). */
export const LARGE_MESSAGE_SIZE = 32768;
const HMAC = 32;
/** Total size of all hop payloads in a packet. */
export const PACKET_LIMITS = {
  /** Sizes from one payload of two bytes up to what a message of Lightning's transport holds. */
  size: { unit: 'bytes', least: 3 + HMAC, most: 65535 - 66 },
  /** The same within an onion message, behind type, path key and length. */
  message: { unit: 'bytes', most: 65535 - 66 - 37 },
} satisfies Limits;

/** Returns the size of all payloads of a document's packet. @throws Refusal `malformed-message` */
export function sizeIn(document: Fields, flag: number | undefined): number {
  const { least, most } = PACKET_LIMITS.size;
  const size = flag ?? Number(document.whole('size', BigInt(most)) ?? PAYMENT_SIZE);
  if (!allows(PACKET_LIMITS.size, size))
    throw new Refusal('malformed-message', `size: ${size} found, ${least} or more expected`);
  return size;
}

/** Hop of a packet: public key and payload. */
export interface Hop {
  pubkey: Uint8Array;
  /** Payload behind its length, as it stands in the packet. */
  payload: Uint8Array;
}
export interface BuildOptions {
  sessionKey: Uint8Array;
  associatedData: Uint8Array;
  /** Total size of all hop payloads, in bytes; 1300 by default. */
  size?: number;
  /** Bytes behind the last payload: a stream from the session key, or zeros as in old packets. */
  filler?: 'pad' | 'zero';
}
export interface BuiltPacket {
  onion: Uint8Array;
  shared: Shared[];
}

/**
 * Returns the sum of the payloads over all hops, each with its HMAC, in bytes.
 * @throws Refusal `onion-overflow`, which names the first hop that does not fit
 */
export function checkBudget(payloads: readonly Uint8Array[], size: number): number {
  let used = 0;
  const total = payloads.reduce((sum, payload) => sum + payload.length + HMAC, 0);
  payloads.forEach((payload, hop) => {
    used += payload.length + HMAC;
    if (used > size)
      throw new Refusal(
        'onion-overflow',
        `hop ${hop} of ${payloads.length} ends at byte ${used} of ${size}; all hops need ${total} bytes`,
        { hint: `${total - size} bytes too many: shorten payloads or the route, or give --size` },
      );
  });
  return total;
}

/** Builds a packet. @throws Refusal `onion-overflow`, `wrong-key`, `malformed-message` */
export function buildPacket(hops: readonly Hop[], options: BuildOptions): BuiltPacket {
  const { sessionKey, associatedData, size = PAYMENT_SIZE, filler: kind = 'pad' } = options;
  if (hops.length === 0) throw new Refusal('malformed-message', 'hops: no hop found, at least one expected');
  const payloads = hops.map(({ payload }) => payload);
  checkBudget(payloads, size);
  const shared = sharedAlong(
    sessionKey,
    hops.map(({ pubkey }) => pubkey),
  );
  // A hop shifts in as many bytes as its payload and HMAC have, so its stream is longer by these.
  const streams = shared.map(({ secret }, i) => stream(keyFor('rho', secret), size + payloads[i]!.length + HMAC));
  const filler = fillerOf(payloads, streams, size);

  let frame = kind === 'pad' ? stream(keyFor('pad', sessionKey), size) : new Uint8Array(size);
  let hmac: Uint8Array = new Uint8Array(HMAC);
  for (let i = hops.length - 1; i >= 0; i--) {
    const payload = payloads[i]!;
    const next = new Uint8Array(size);
    next.set(payload);
    next.set(hmac, payload.length);
    next.set(frame.subarray(0, size - payload.length - HMAC), payload.length + HMAC);
    frame = xorInto(next, streams[i]!.subarray(0, size));
    if (i === hops.length - 1) frame.set(filler, size - filler.length);
    hmac = mac(keyFor('mu', shared[i]!.secret), frame, associatedData);
  }
  return { onion: concatBytes(new Uint8Array(1), shared[0]!.ephemeralKey, frame, hmac), shared };
}

/** Computes the filler: bytes that hops before the last shift in, encrypted by those behind. */
function fillerOf(payloads: readonly Uint8Array[], streams: readonly Uint8Array[], size: number): Uint8Array {
  const lengths = payloads.slice(0, -1).map((payload) => payload.length + HMAC);
  const filler = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let used = 0;
  lengths.forEach((length, i) => {
    xorInto(filler.subarray(0, used + length), streams[i]!.subarray(size - used, size + length));
    used += length;
  });
  return filler;
}

/** Packet whose HMAC was right, decrypted. */
export interface PeeledPacket {
  secret: Uint8Array;
  ephemeralKey: Point;
  hmac: Uint8Array;
  /** Decrypted payloads, then the bytes that the hop shifts in; together twice the size. */
  plain: Uint8Array;
  size: number;
}

/**
 * Checks a packet and decrypts it.
 * @param key the hop's secret scalar; for a blinded hop, `blindedSecret` of it
 * @throws Refusal `onion-size`, `onion-version`, `onion-point`, `onion-hmac`
 */
export function openPacket(
  onion: Uint8Array,
  key: bigint,
  associatedData: Uint8Array,
  size = PAYMENT_SIZE,
): PeeledPacket {
  if (onion.length !== size + 66)
    throw new Refusal('onion-size', `a packet of ${onion.length} bytes found, ${size + 66} expected`, {
      hint: '--size names another size of the hop payloads',
    });
  if (onion[0] !== 0) throw new Refusal('onion-version', `version ${onion[0]} found, 0 expected`);
  const ephemeralKey = parsePoint(onion.subarray(1, 34));
  if (!ephemeralKey) throw new Refusal('onion-point', 'the ephemeral key is not a compressed point of the curve');
  const secret = ecdh(key, ephemeralKey);
  const frame = onion.subarray(34, 34 + size);
  const hmac = onion.subarray(34 + size);
  if (!equalBytes(mac(keyFor('mu', secret), frame, associatedData), hmac))
    throw new Refusal('onion-hmac', 'the HMAC does not fit the packet', {
      hint: 'another key, path key or associated data than it was made for, or altered on the way',
    });
  const plain = stream(keyFor('rho', secret), 2 * size);
  xorInto(plain, frame);
  return { secret, ephemeralKey, hmac, plain, size };
}

/** Payload of one hop, and the packet for the next. */
export interface Layer {
  payload: Uint8Array;
  /** True if `payload` holds the 33 bytes of a historic frame (realm 0). */
  legacy: boolean;
  /** Packet for the next hop; undefined at the final one. */
  next: Uint8Array | undefined;
}

/**
 * Cuts the hop's payload from an opened packet.
 * @param legacy reads a first byte of 0 as a historic frame
 * @throws Refusal `onion-legacy`, `onion-length`, `bigsize-not-canonical`, `onion-beyond`,
 *   `onion-no-hmac`
 */
export function cutLayer(opened: PeeledPacket, legacy = false): Layer {
  const { plain, size, secret, ephemeralKey } = opened;
  // Behind the packet's own bytes lies the stream that this hop shifts in.
  const frame = plain.subarray(0, size);
  const old = legacy && frame[0] === 0;
  const { start, end } = old ? { start: 0, end: LEGACY_LENGTH } : extent(frame);
  if (end > size) throw new Refusal('onion-beyond', `a payload up to byte ${end} found in ${size} bytes`);
  if (end + HMAC > size)
    throw new Refusal('onion-no-hmac', `${size - end} bytes found behind the payload, ${HMAC} of an HMAC expected`);
  const hmac = frame.subarray(end, end + HMAC);
  const payload = frame.subarray(start, end);
  if (equalBytes(hmac, new Uint8Array(HMAC))) return { payload, legacy: old, next: undefined };
  const factor = blindingFactor(pointBytes(ephemeralKey), secret);
  const nextKey = pointBytes(secretTimes(ephemeralKey, factor));
  const shifted = plain.subarray(end + HMAC, end + HMAC + size);
  return { payload, legacy: old, next: concatBytes(new Uint8Array(1), nextKey, shifted, hmac) };
}

function extent(frame: Uint8Array): { start: number; end: number } {
  let length: { value: bigint; end: number };
  try {
    length = readBigSize(frame);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'tlv-truncated')
      throw new Refusal('onion-length', 'a packet too short for the length of its payload');
    throw error;
  }
  if (length.value === 0n)
    throw new Refusal('onion-legacy', 'a payload of length 0 found: the historic frame of realm 0', {
      hint: '--legacy reads it',
    });
  if (!allows(PAYLOAD_LIMITS.length, length.value))
    throw new Refusal('onion-length', `a payload of length ${length.value} found, 2 or more expected`);
  // Compared as bigint: a length of 2^64 − 1 is no number of bytes.
  if (length.value > BigInt(frame.length - length.end))
    throw new Refusal(
      'onion-beyond',
      `a payload of ${length.value} bytes found, of which ${frame.length - length.end} are in the packet`,
    );
  return { start: length.end, end: length.end + Number(length.value) };
}

/** Tweaks a node's secret key for a blinded hop: HMAC256("blinded_node_id", secret) · key. */
export const blindedSecret = (key: bigint, secret: Uint8Array): bigint =>
  mod(key * toNumber(keyFor('blinded_node_id', secret)));
