/**
 * Error onions: made by the hop that fails, wrapped by hops on the way back, unwrapped by the
 * origin.
 *
 * BOLT4, Returning Errors: HMAC with the hop's um key, length, message, padding; each hop adds a
 * stream of its ammag key. Not here: the messages (`failure.ts`), attribution data
 * (`attribution.ts`).
 */
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import { attribute, checkAttribution, MAX_HOPS, unattribute } from './attribution.ts';
import { keyFor, mac, stream, xorInto } from './keys.ts';

/** Size of message and padding together that BOLT4 asks for; more is allowed. */
const MESSAGE_AND_PADDING = 256;
/** Number of hops that fit a packet of 1300 bytes. The origin always unwraps as often. */
const ROUNDS = 27;
/** Size of an HMAC and two lengths. */
const LEAST = 32 + 2 + 2;
export const ERROR_LIMITS = {
  /** Size of an error onion, whose length has two bytes on the wire. */
  onion: { unit: 'bytes', least: LEAST, most: 65535 },
  /** Size of an error onion that is built here; message and padding may both be empty. */
  made: { unit: 'bytes', most: 65535 },
  /** Size of message and padding that a document may ask for. */
  padded: { unit: 'bytes', least: MESSAGE_AND_PADDING, most: 65_000 },
  /** Time for which the HTLC was held, in units of 100 ms. */
  holdTime: { unit: 'number', most: 0xffffffffn },
} satisfies Limits;

/** Error onion as it travels back, with attribution data if any. */
export interface ErrorOnion {
  error: Uint8Array;
  attribution?: Uint8Array | undefined;
}

const cover = (error: Uint8Array, secret: Uint8Array): Uint8Array =>
  xorInto(Uint8Array.from(error), stream(keyFor('ammag', secret), error.length));

function checkSize(error: Uint8Array): void {
  const { least, most } = ERROR_LIMITS.onion;
  if (!allows(ERROR_LIMITS.onion, error.length))
    throw new Refusal('error-size', `an error onion of ${error.length} bytes found, ${least} to ${most} expected`);
}

/**
 * Builds the error onion of the erring hop.
 * @param options `holdTime`, in units of 100 ms, asks for attribution data
 * @throws Refusal `error-size` for a message that is too long
 */
export function buildError(
  secret: Uint8Array,
  message: Uint8Array,
  options: { padTo?: number; holdTime?: bigint | undefined } = {},
): ErrorOnion {
  const { padTo = MESSAGE_AND_PADDING, holdTime } = options;
  const padding = new Uint8Array(Math.max(0, padTo - message.length));
  if (!allows(ERROR_LIMITS.made, LEAST + message.length + padding.length))
    throw new Refusal('error-size', `a message of ${message.length} bytes found, too long for an error onion`);
  const body = concatBytes(
    writeUint(BigInt(message.length), 2),
    message,
    writeUint(BigInt(padding.length), 2),
    padding,
  );
  const plain = concatBytes(mac(keyFor('um', secret), body), body);
  return {
    error: cover(plain, secret),
    ...(holdTime !== undefined && { attribution: attribute(secret, plain, holdTime) }),
  };
}

/**
 * Wraps an error onion at a hop on the way back. A hold time asks for attribution data, even if
 * none came from downstream.
 * @throws Refusal `error-size`
 */
export function wrapError(secret: Uint8Array, onion: ErrorOnion, holdTime?: bigint): ErrorOnion {
  checkSize(onion.error);
  return {
    error: cover(onion.error, secret),
    ...(holdTime !== undefined && { attribution: attribute(secret, onion.error, holdTime, onion.attribution) }),
  };
}

export interface Unwrapped {
  /** Hop that failed, counted from 0; undefined if no HMAC fits. */
  hop: number | undefined;
  /** Failure message; undefined if no hop is known to have sent it. */
  message: Uint8Array | undefined;
  /** Hold times of the hops whose attribution holds, in units of 100 ms. */
  holdTimes: bigint[];
  /** First hop whose attribution does not hold. It, or the hop before it, altered the answer. */
  blamed: number | undefined;
}

/**
 * Finds out at the origin which hop failed, and why. The number of rounds does not tell the length
 * of the route or the hop.
 * @throws Refusal `error-size`
 */
export function unwrapError(secrets: readonly Uint8Array[], { error, attribution }: ErrorOnion): Unwrapped {
  checkSize(error);
  if (attribution) checkAttribution(attribution);
  const dummy = new Uint8Array(32);
  const layers: Uint8Array[] = [];
  let hop: number | undefined;
  let found: Uint8Array | undefined;
  let packet = error;
  for (let round = 0; round < Math.max(ROUNDS, secrets.length); round++) {
    const secret = secrets[round] ?? dummy;
    packet = cover(packet, secret);
    layers.push(packet);
    const fits = equalBytes(mac(keyFor('um', secret), packet.subarray(32)), packet.subarray(0, 32));
    if (fits && hop === undefined && round < secrets.length) {
      hop = round;
      found = packet;
    }
  }
  const { holdTimes, blamed } = attributed(secrets, layers, attribution, hop);
  return { hop, message: found && messageOf(found.subarray(32)), holdTimes, blamed };
}

/** Returns the message without its padding, whose length is not checked. */
function messageOf(body: Uint8Array): Uint8Array {
  const length = Number(readUint(body.subarray(0, 2)));
  return body.slice(2, 2 + length);
}

/** Reads the hold times of a payment that succeeded. @throws Refusal `error-size` */
export function unwrapSuccess(
  secrets: readonly Uint8Array[],
  attribution: Uint8Array,
): Pick<Unwrapped, 'holdTimes' | 'blamed'> {
  const none = new Uint8Array();
  return attributed(
    secrets,
    secrets.map(() => none),
    checkAttribution(attribution),
    secrets.length - 1,
  );
}

function attributed(
  secrets: readonly Uint8Array[],
  layers: readonly Uint8Array[],
  attribution: Uint8Array | undefined,
  failed: number | undefined,
): Pick<Unwrapped, 'holdTimes' | 'blamed'> {
  const holdTimes: bigint[] = [];
  // A MAC for the end of the route holds wherever the failure is: unfilled places are zero.
  const last = Math.min(secrets.length, MAX_HOPS) - 1;
  let data = attribution;
  for (let hop = 0; data && hop <= Math.min(last, failed ?? last); hop++) {
    const layer = unattribute(secrets[hop]!, layers[hop]!, data, last - hop);
    if (!layer) return { holdTimes, blamed: hop };
    holdTimes.push(layer.holdTime);
    data = layer.data;
  }
  return { holdTimes, blamed: undefined };
}
