/**
 * A hop's work on a payment packet: open, cut, read, check, and hand on; documents of `onion-peel`.
 *
 * BOLT4, Onion Decryption and `payload` format. A refusal is returned with what is known by then,
 * since a node must answer it (`answer.ts`). Not here: the log against replays
 * (`commands/onion/peel.ts`).
 */
import { Refusal } from '../protocol/refusal.ts';
import { answerTo, type PathPosition } from './answer.ts';
import { HTLC_LIMITS, type PacketHtlc } from './blinded-payment.ts';
import { blindingFor, type Blinding, type Unblinded } from './blinding.ts';
import { readFields } from '../wire/fields.ts';
import { readLegacyFrame, PAYLOAD, withLength, type HopPayload } from './payload.ts';
import { cutLayer, openPacket, PAYMENT_SIZE, sizeIn, type PeeledPacket } from './packet.ts';
import { placePayload } from './position.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { allows } from '../protocol/limit.ts';

/** Onion packet as a node receives it. */
export interface Packet {
  onion: Uint8Array;
  associatedData: Uint8Array;
  size?: number | undefined;
  /** Path key beside the packet, for a hop inside a blinded path. */
  pathKey?: Uint8Array | undefined;
  htlc?: PacketHtlc | undefined;
}
export interface PeelOptions {
  /** Reads historic frames of realm 0. */
  legacy?: boolean;
  /** Even types that are accepted beyond BOLT4's. */
  known?: readonly bigint[];
}
/** Peeled layer: the hop's payload, and the packet for the next hop. */
export interface Peeled {
  payload: HopPayload;
  payloadBytes: Uint8Array;
  legacy: boolean;
  secret: Uint8Array;
  hmac: Uint8Array;
  unblinded: Unblinded | undefined;
  next: Packet | undefined;
}
/** Refusal of a packet, with what its answer needs. */
export interface Refused {
  refusal: Refusal;
  /** Shared secret, once the HMAC was right. */
  secret: Uint8Array | undefined;
  hmac: Uint8Array | undefined;
  final: boolean;
  position: PathPosition;
}

/** Peels one layer with a node's secret scalar. */
export function peel(packet: Packet, key: bigint, options: PeelOptions = {}): Peeled | Refused {
  const { onion, associatedData, size, pathKey, htlc } = packet;
  let opened: PeeledPacket | undefined;
  let final = false;
  let position: PathPosition = pathKey ? 'inside' : 'outside';
  try {
    const blinding: Blinding | undefined = pathKey && blindingFor(key, pathKey);
    opened = openPacket(onion, blinding?.blindedKey ?? key, associatedData, size);
    const layer = cutLayer(opened, options.legacy);
    final = layer.next === undefined;
    const read = layer.legacy
      ? { values: readLegacyFrame(layer.payload, final), places: new Map<string, { type: bigint; offset: number }>() }
      : readFields(PAYLOAD, layer.payload, options.known);
    if (!pathKey && !final && read.values.current_path_key !== undefined) position = 'introduction';
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
    return { refusal: error, secret: opened?.secret, hmac: opened?.hmac, final, position };
  }
}

/** Flags that stand in for fields of the document. */
export interface PacketFlags {
  associatedData?: Uint8Array | undefined;
  size?: number | undefined;
  pathKey?: Uint8Array | undefined;
  amountMsat?: bigint | undefined;
  cltvExpiry?: bigint | undefined;
}

/**
 * Reads a packet: a document of `onion-build`, or what `onion-peel` printed.
 * @throws Refusal `malformed-message`, `wrong-key`; `nothing-follows` behind the final hop
 */
export function parsePacket(document: Fields, flags: PacketFlags = {}): Packet {
  if (document.names().includes('next') && !document.has('next'))
    throw new Refusal('nothing-follows', 'the document of the final hop found: no packet comes out of it');
  const from = document.object('next') ?? document;
  const onion = from.need('onion', from.bytes('onion'), 'a packet in hex');
  const associatedData = flags.associatedData ?? from.bytes('associated_data') ?? new Uint8Array();
  const size = sizeIn(from, flags.size);
  const pathKey = from.has('path_key') ? pointIn(from, 'path_key') : undefined;
  const amountMsat = flags.amountMsat ?? from.whole('amount_msat');
  const cltvExpiry = flags.cltvExpiry ?? from.whole('cltv_expiry');
  if (cltvExpiry !== undefined && !allows(HTLC_LIMITS.expiry, cltvExpiry))
    throw new Refusal('malformed-message', `cltv_expiry: ${cltvExpiry} found, a height expected`);
  if ((amountMsat === undefined) !== (cltvExpiry === undefined))
    throw new Refusal('malformed-message', 'amount_msat and cltv_expiry: one found without the other');
  from.skip('type', 'version', 'used', 'payload_lengths', 'shared_secrets', 'ephemeral_keys', 'session_key');
  from.end();
  return {
    onion,
    associatedData,
    size,
    pathKey: flags.pathKey ?? pathKey,
    htlc: amountMsat !== undefined && cltvExpiry !== undefined ? { amountMsat, cltvExpiry } : undefined,
  };
}

const packetDocument = ({ onion, associatedData, size, pathKey, htlc }: Packet): object => ({
  onion: bytesToHex(onion),
  associated_data: bytesToHex(associatedData),
  ...(size !== undefined && size !== PAYMENT_SIZE && { size }),
  ...(pathKey && { path_key: bytesToHex(pathKey) }),
  ...(htlc && { amount_msat: htlc.amountMsat, cltv_expiry: htlc.cltvExpiry }),
});

/** Returns a peeled layer as a document; with its shared secret if `secrets` is set. */
export function layerDocument(peeled: Peeled, secrets: boolean): object {
  const { payload, payloadBytes, legacy, secret, unblinded, next } = peeled;
  return {
    payload,
    payload_hex: bytesToHex(legacy ? payloadBytes : withLength(payloadBytes)),
    ...(legacy && { legacy }),
    ...(unblinded && { recipient_data: unblinded.data, recipient_data_hex: bytesToHex(unblinded.plain) }),
    final: next === undefined,
    ...(secrets && { shared_secret: bytesToHex(secret) }),
    next: next ? packetDocument(next) : null,
  };
}

/** Refusal of a packet of `peelPath`, by the place of its hop. */
export interface RefusedPacket extends Refused {
  packet: Packet;
  hop: number;
}
export type PathResult = { layers: Peeled[] } | RefusedPacket;

/**
 * Peels as many layers as there are keys.
 * @param seen notes an HMAC and tells whether it came before; it is asked once the first key fits
 * @throws Refusal `nothing-follows` for a key too many
 */
export function peelPath(
  packet: Packet,
  keys: readonly bigint[],
  options: PeelOptions,
  seen: (hmac: Uint8Array) => boolean = () => false,
): PathResult {
  const layers: Peeled[] = [];
  const hmacs: { hmac: Uint8Array; secret: Uint8Array | undefined; packet: Packet }[] = [];
  let refused: RefusedPacket | undefined;
  let current: Packet | undefined = packet;
  for (const [hop, key] of keys.entries()) {
    if (!current)
      throw new Refusal('nothing-follows', `${keys.length} keys found for a packet whose final hop is ${hop - 1}`);
    const done = peel(current, key, options);
    if (done.hmac) hmacs.push({ hmac: done.hmac, secret: done.secret, packet: current });
    if ('refusal' in done) {
      refused = { ...done, packet: current, hop };
      break;
    }
    layers.push(done);
    current = done.next;
  }
  // Under a wrong key no packet was peeled, so no HMAC is noted.
  if (refused && !refused.hmac) return refused;
  const hop = hmacs.findIndex(({ hmac }) => seen(hmac));
  return hop < 0 ? (refused ?? { layers }) : { ...replayed(hmacs[hop]!), hop };
}

function replayed({ hmac, secret, packet }: { hmac: Uint8Array; secret: Uint8Array | undefined; packet: Packet }) {
  const refusal = new Refusal('onion-replay', `a packet with the HMAC ${bytesToHex(hmac)} was peeled before`);
  return { refusal, secret, hmac, final: false, position: packet.pathKey ? 'inside' : 'outside', packet } as const;
}

export function refusalDocument({ refusal, secret, position, final, packet, hop }: RefusedPacket): object {
  return {
    type: 'onion-failure',
    version: 1,
    refused: refusal.code,
    hop,
    ...answerTo(refusal, packet.onion, secret, { position, final, htlc: packet.htlc }),
  };
}
