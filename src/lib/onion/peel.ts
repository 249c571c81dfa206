/**
 * One hop's work on a payment packet: open, cut, read, check, and hand on.
 *
 * BOLT4, Onion Decryption and `payload` format. A refusal comes as a value, with what is known at that point, because a
 * node must answer it (`answer.ts`). Not here: whether the packet was seen before (the caller keeps that).
 */
import { Refusal } from '../protocol/refusal.ts';
import type { PathPosition } from './answer.ts';
import type { Htlc } from './blinded-payment.ts';
import { blindingFor, type Blinding, type Unblinded } from './blinding.ts';
import { readFields } from '../wire/fields.ts';
import { readLegacy } from './legacy.ts';
import { PAYLOAD, type Payload } from './payload.ts';
import { cutLayer, openPacket, type PeeledPacket } from './packet.ts';
import { placePayload } from './position.ts';

/** Onion packet as a node receives it. */
export interface Packet {
  onion: Uint8Array;
  associatedData: Uint8Array;
  size?: number | undefined;
  /** Path key that came with the packet, for a hop inside a blinded path. */
  pathKey?: Uint8Array | undefined;
  htlc?: Htlc | undefined;
}
export interface PeelOptions {
  /** Reads the historic frame of realm 0. */
  legacy?: boolean;
  /** Even types to be accepted beyond BOLT4's. */
  known?: readonly bigint[];
}
/** Peeled layer: the hop's payload, and the packet for the next hop. */
export interface Peeled {
  payload: Payload;
  payloadBytes: Uint8Array;
  legacy: boolean;
  secret: Uint8Array;
  hmac: Uint8Array;
  unblinded: Unblinded | undefined;
  next: Packet | undefined;
}
/** Packet that a node refuses, with what its answer needs. */
export interface Refused {
  refusal: Refusal;
  /** The shared secret, once the HMAC was right. */
  secret: Uint8Array | undefined;
  hmac: Uint8Array | undefined;
  final: boolean;
  standing: PathPosition;
}

/** Peels one layer with a node's secret scalar. */
export function peel(packet: Packet, key: bigint, options: PeelOptions = {}): Peeled | Refused {
  const { onion, associatedData, size, pathKey, htlc } = packet;
  let opened: PeeledPacket | undefined;
  let final = false;
  let standing: PathPosition = pathKey ? 'inside' : 'outside';
  try {
    const blinding: Blinding | undefined = pathKey && blindingFor(key, pathKey);
    opened = openPacket(onion, blinding?.blindedKey ?? key, associatedData, size);
    const layer = cutLayer(opened, options.legacy);
    final = layer.next === undefined;
    const read = layer.legacy
      ? { values: readLegacy(layer.payload, final), places: new Map<string, { type: bigint; offset: number }>() }
      : readFields(PAYLOAD, layer.payload, options.known);
    if (!pathKey && !final && read.values.current_path_key !== undefined) standing = 'introduction';
    const placed = placePayload(read, { final, key, blinding, htlc });
    return {
      payload: placed.payload,
      payloadBytes: layer.payload,
      legacy: layer.legacy,
      secret: opened.secret,
      hmac: opened.hmac,
      unblinded: placed.unblinded,
      next: layer.next && {
        onion: layer.next,
        associatedData,
        size,
        pathKey: placed.unblinded?.nextPathKey,
        htlc: htlc && placed.forward,
      },
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { refusal: error, secret: opened?.secret, hmac: opened?.hmac, final, standing };
  }
}
