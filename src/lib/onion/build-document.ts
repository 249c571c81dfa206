/**
 * Documents of `onion-build`: hops in the shape of BOLT4's test files and of `createonion`.
 *
 * A payload is hex, with or without its length in front, or an object of named fields. Not here:
 * the packet (`packet.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { allows } from '../protocol/limit.ts';
import { toBytes } from '../signing/curve.ts';
import { parseFields, writeFields } from '../wire/fields.ts';
import { writeLegacyFrame, hasLength, PAYLOAD, PAYLOAD_LIMITS, withLength, type HopPayload } from './payload.ts';
import { buildPacket, checkBudget, sizeIn, type Hop } from './packet.ts';

export interface BuildFlags {
  size?: number | undefined;
  legacy?: boolean;
  filler?: 'pad' | 'zero';
  /** Prints shared secrets and ephemeral keys too. */
  secrets?: boolean;
  revealSessionKey?: boolean;
}

/** Form of a payload: `typed`, `legacy`, or hex whose length was `given` or `added`. */
export type PayloadForm = 'typed' | 'legacy' | 'given' | 'added';
export interface GivenHop extends Hop {
  given: PayloadForm;
  fields: HopPayload | undefined;
}
export interface BuildInput {
  sessionKey: Uint8Array | undefined;
  associatedData: Uint8Array;
  size: number;
  hops: GivenHop[];
  /** HTLC that will carry the packet, from `onion-route`. */
  htlc: Record<string, bigint>;
}

/**
 * Reads the document, or a whole BOLT4 test file, whose input is under `generate`.
 * @throws Refusal `malformed-message`, `wrong-key`, `tlv-duplicate`
 */
export function parseBuild(document: Fields, flags: BuildFlags): BuildInput {
  const from = !document.has('hops') && document.has('generate') ? document.object('generate')! : document;
  const size = sizeIn(from, flags.size);
  const hops = from.objects('hops', (hop) => parseHop(hop, flags.legacy ?? false));
  const input: BuildInput = {
    sessionKey: from.bytes('session_key', 32),
    associatedData: from.bytes('associated_data') ?? new Uint8Array(),
    size,
    hops: hops ?? from.refuse('hops', 'a list of hops'),
    htlc: {},
  };
  for (const name of ['amount_msat', 'cltv_expiry']) {
    const value = from.whole(name);
    if (value !== undefined) input.htlc[name] = value;
  }
  from.skip('type', 'version', 'fees_msat', 'htlcs', 'comment');
  from.end();
  return input;
}

function parseHop(hop: Fields, legacy: boolean): GivenHop {
  const pubkey = pointIn(hop, 'pubkey');
  const raw = hop.json('payload');
  const name = ['legacy', 'tlv', 'payload'].find((key) => hop.has(key));
  if (name === undefined) hop.refuse('payload', 'hex, or an object of fields');
  if (name === 'legacy' && !legacy) hop.refuse('legacy', '--legacy, which builds the historic frames,');
  if (name === 'payload' && typeof raw === 'string') {
    if (legacy) hop.refuse('payload', 'an object of fields for the historic frame');
    const bytes = hop.need('payload', hop.bytes('payload'));
    // `prefixed` hex stays as it is, so that readers can be tried out with what they must refuse.
    const given = hop.has('prefixed') ? hop.flag('prefixed') : hasLength(bytes);
    if (!given && !allows(PAYLOAD_LIMITS.length, bytes.length)) hop.refuse('payload', '2 bytes or more');
    return { pubkey, payload: given ? bytes : withLength(bytes), given: given ? 'given' : 'added', fields: undefined };
  }
  const fields = parseFields(PAYLOAD, hop.object(name!)!);
  if (Object.keys(fields).length === 0) hop.refuse(name!, 'at least one field');
  return legacy
    ? { pubkey, payload: writeLegacyFrame(fields, hop.path(name!)), given: 'legacy', fields }
    : { pubkey, payload: withLength(writeFields(PAYLOAD, fields)), given: 'typed', fields };
}

/**
 * Builds the packet. @param sessionKey 32 random bytes, for a document without `session_key`
 * @throws Refusal `onion-overflow`, `wrong-key`, `malformed-message`
 */
export function buildPacketDocument(input: BuildInput, sessionKey: Uint8Array, flags: BuildFlags): object {
  const { associatedData, size, hops, htlc } = input;
  const used = checkBudget(
    hops.map(({ payload }) => payload),
    size,
  );
  const { onion, shared } = buildPacket(hops, { sessionKey, associatedData, size, filler: flags.filler ?? 'pad' });
  return {
    type: 'onion-build',
    version: 1,
    onion: bytesToHex(onion),
    associated_data: bytesToHex(associatedData),
    size,
    used,
    payload_lengths: hops.map(({ given }) => given),
    ...htlc,
    ...(flags.secrets && {
      shared_secrets: shared.map(({ secret }) => bytesToHex(secret)),
      ephemeral_keys: shared.map(({ ephemeralKey }) => bytesToHex(ephemeralKey)),
    }),
    ...(flags.revealSessionKey && { session_key: bytesToHex(toBytes(shared[0]!.ephemeralSecret)) }),
  };
}
