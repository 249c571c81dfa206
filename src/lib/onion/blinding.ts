/**
 * Route blinding: the recipient makes a path whose hops know only their neighbours; `onion-blind`.
 *
 * BOLT4, Route Blinding. Not here: recipient data (`recipient-data.ts`), fees
 * (`blinded-payment.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  pointBytes,
  publicTimes,
  secretTimes,
  toNumber,
  ecdh,
  needPoint,
  toBytes,
  type Point,
} from '../signing/curve.ts';
import { writePath, type BlindedPath } from '../wire/path.ts';
import { blindingFactor, keyFor, sharedAlong } from './keys.ts';
import { blindedSecret } from './packet.ts';
import { decryptData, encryptData, RECIPIENT_DATA, type RecipientData } from './recipient-data.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { aggregate, HTLC_LIMITS, relayed } from './blinded-payment.ts';
import { parseFields, readFields, writeFields } from '../wire/fields.ts';
import { RELAY_LIMITS, FEES, NO_FEES, type Relay } from '../wire/fees.ts';
import { parseStruct } from '../wire/struct.ts';

export interface PathNode {
  nodeId: Uint8Array;
  /** `encrypted_data_tlv` before its encryption. */
  data: Uint8Array;
  /** Starts another path here; the hop before names its path key in `next_path_key_override`. */
  sessionKey?: Uint8Array | undefined;
}
/** Secrets of a hop, which only the maker of the path knows. */
export interface PathSecret {
  pathKey: Uint8Array;
  pathSecret: bigint;
  secret: Uint8Array;
  rho: Uint8Array;
}

/** Blinds a path. @throws Refusal `wrong-key`, `malformed-message` */
export function blindPath(
  nodes: readonly PathNode[],
  sessionKey: Uint8Array,
): { path: BlindedPath; secrets: PathSecret[] } {
  if (nodes.length === 0) throw new Refusal('malformed-message', 'hops: no hop found, at least one expected');
  const secrets: PathSecret[] = [];
  for (let start = 0; start < nodes.length;) {
    let end = start + 1;
    while (end < nodes.length && nodes[end]!.sessionKey === undefined) end++;
    const ids = nodes.slice(start, end).map(({ nodeId }) => nodeId);
    for (const { ephemeralKey, ephemeralSecret, secret } of sharedAlong(nodes[start]!.sessionKey ?? sessionKey, ids))
      secrets.push({ pathKey: ephemeralKey, pathSecret: ephemeralSecret, secret, rho: keyFor('rho', secret) });
    start = end;
  }
  const hops = nodes.map(({ nodeId, data }, i) => ({
    blinded_node_id: bytesToHex(blindedId(nodeId, secrets[i]!.secret)),
    encrypted_data: bytesToHex(encryptData(data, secrets[i]!.secret)),
  }));
  const [first_node_id, first_path_key] = [bytesToHex(nodes[0]!.nodeId), bytesToHex(secrets[0]!.pathKey)];
  return { path: { first_node_id, first_path_key, hops }, secrets };
}

/** Computes HMAC256("blinded_node_id", secret) · node id. */
const blindedId = (nodeId: Uint8Array, secret: Uint8Array): Uint8Array =>
  pointBytes(secretTimes(needPoint(nodeId, 'a node id'), toNumber(keyFor('blinded_node_id', secret))));

/** Keys that a hop derives from the path key that comes with an onion. */
export interface Blinding {
  pathKey: Point;
  secret: Uint8Array;
  /** Secret key for which the hop's onion is made. */
  blindedKey: bigint;
}

/** Derives a hop's keys from its secret key and a path key. @throws Refusal `wrong-key` */
export function blindingFor(key: bigint, pathKey: Uint8Array): Blinding {
  const found = needPoint(pathKey, 'the path key');
  const secret = ecdh(key, found);
  return { pathKey: found, secret, blindedKey: blindedSecret(key, secret) };
}

export interface Unblinded {
  data: RecipientData;
  plain: Uint8Array;
  /** Path key for the next hop: the derived one, or the one that the data names. */
  nextPathKey: Uint8Array;
  derivedPathKey: Uint8Array;
}

/** Decrypts a hop's data. @throws Refusal `blinding-failed`; RecordRefusal as `readFields` */
export function unblind(blinding: Blinding, encrypted: Uint8Array): Unblinded {
  const { values, plain } = decryptData(encrypted, blinding.secret);
  const factor = blindingFactor(pointBytes(blinding.pathKey), blinding.secret);
  const derived = pointBytes(publicTimes(blinding.pathKey, factor));
  const override = values.next_path_key_override;
  return {
    data: values,
    plain,
    derivedPathKey: derived,
    nextPathKey: override === undefined ? derived : hexToBytes(override),
  };
}

interface GivenNode {
  nodeId: Uint8Array;
  data: Uint8Array;
  sessionKey: Uint8Array | undefined;
  fields: RecipientData;
}

/** Reads a hop: its key, and its recipient data as fields (`tlvs`) or bytes (`encoded_tlvs`). */
function parseNode(hop: Fields): GivenNode {
  const nodeId = pointIn(hop, hop.has('node_id') ? 'node_id' : 'pubkey');
  const sessionKey = hop.bytes('session_key', 32);
  const encoded = hop.bytes('encoded_tlvs');
  if (encoded) {
    hop.skip('tlvs');
    // Unreadable bytes would make a path that fails; records without a name may stay.
    return { nodeId, sessionKey, data: encoded, fields: readFields(RECIPIENT_DATA, encoded).values };
  }
  const fields = parseFields(RECIPIENT_DATA, hop.need('tlvs', hop.object('tlvs'), 'an object of fields'));
  return { nodeId, sessionKey, fields, data: writeFields(RECIPIENT_DATA, fields) };
}

/**
 * Makes a path, and prints `payinfo` if all hops but the last have a `payment_relay`.
 * @param sessionKey 32 random bytes, for a document without `session_key`
 * @param options `pad` fills all recipient data to one length
 * @throws Refusal `malformed-message`, `wrong-key`; RecordRefusal for unreadable `encoded_tlvs`
 */
export function blindDocument(
  document: Fields,
  sessionKey: Uint8Array,
  options: { secrets?: boolean; pad?: boolean } = {},
): object {
  const from = !document.has('hops') && document.has('generate') ? document.object('generate')! : document;
  const given = from.bytes('session_key', 32);
  const finalDelta = from.whole('min_final_cltv_expiry_delta', RELAY_LIMITS.cltv_expiry_delta.most);
  let nodes = from.objects('hops', parseNode) ?? from.refuse('hops', 'a list of hops');
  from.skip('type', 'version', 'comment');
  from.end();
  if (options.pad) nodes = padded(nodes);
  const { path, secrets } = blindPath(nodes, given ?? sessionKey);
  const relays = nodes.slice(0, -1).map(({ fields }) => fields.payment_relay);
  return {
    type: 'onion-blind',
    version: 1,
    ...path,
    path: bytesToHex(writePath(path)),
    ...(relays.length > 0 &&
      relays.every((relay) => relay !== undefined) && {
        payinfo: aggregate(relays as Relay[], finalDelta),
      }),
    ...(options.secrets && {
      path_keys: secrets.map(({ pathKey }) => bytesToHex(pathKey)),
      path_privkeys: secrets.map(({ pathSecret }) => bytesToHex(toBytes(pathSecret))),
      shared_secrets: secrets.map(({ secret }) => bytesToHex(secret)),
    }),
  };
}

/** Pads recipient data to one length, so that it does not tell which hop it is for. */
function padded(nodes: readonly GivenNode[]): GivenNode[] {
  const bare = nodes.map(({ fields: { padding: _, ...fields } }) => writeFields(RECIPIENT_DATA, fields));
  const room = Math.max(...bare.map((data) => data.length)) + 2;
  return nodes.map((node, i) => {
    // From 253 bytes on, padding has a longer length in front, which leaves out some sizes.
    for (let size = Math.max(0, room - bare[i]!.length - 6); ; size++) {
      const data = writeFields(RECIPIENT_DATA, { ...node.fields, padding: '00'.repeat(size) });
      if (data.length >= room) return { ...node, data };
    }
  });
}

/**
 * Unblinds a hop's recipient data, and computes the HTLC that it forwards if one is given.
 * @throws Refusal `malformed-message`, `wrong-key`, `blinding-failed`, `blinding-constraint`
 */
export function unblindDocument(from: Fields, key: bigint, secrets = false): object {
  const pathKey = pointIn(from, 'path_key');
  const name = from.has('encrypted_recipient_data') ? 'encrypted_recipient_data' : 'encrypted_data';
  const encrypted = from.need(name, from.bytes(name), 'hex');
  const amountMsat = from.whole('amount_msat');
  const cltvExpiry = from.whole('cltv_expiry', HTLC_LIMITS.expiry.most);
  from.skip('type', 'version');
  from.end();
  const blinding = blindingFor(key, pathKey);
  const { data, plain, nextPathKey, derivedPathKey } = unblind(blinding, encrypted);
  const relay = data.payment_relay;
  const forward =
    relay && amountMsat !== undefined && cltvExpiry !== undefined
      ? relayed({ amountMsat, cltvExpiry }, relay)
      : undefined;
  return {
    type: 'onion-unblind',
    version: 1,
    recipient_data: data,
    recipient_data_hex: bytesToHex(plain),
    path_key: bytesToHex(pointBytes(blinding.pathKey)),
    next_path_key: bytesToHex(nextPathKey),
    ...(data.next_path_key_override !== undefined && { derived_path_key: bytesToHex(derivedPathKey) }),
    ...(forward && { forward: { amount_msat: forward.amountMsat, cltv_expiry: forward.cltvExpiry } }),
    ...(secrets && {
      shared_secret: bytesToHex(blinding.secret),
      blinded_privkey: bytesToHex(toBytes(blinding.blindedKey)),
    }),
  };
}

/** Adds up the fees and deltas of a path's hops. @throws Refusal `malformed-message` */
export function payinfoDocument(from: Fields): object {
  const relays = from.objects('hops', (hop) => parseStruct(FEES, hop, NO_FEES));
  const finalDelta = from.whole('min_final_cltv_expiry_delta', RELAY_LIMITS.cltv_expiry_delta.most);
  from.skip('type', 'version');
  from.end();
  if (!relays?.length) throw new Refusal('malformed-message', 'hops: a list of fees and deltas expected');
  return { type: 'onion-payinfo', version: 1, ...aggregate(relays, finalDelta) };
}
