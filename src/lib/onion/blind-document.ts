/**
 * Documents of `onion-blind`: make a path, unblind a hop of it, add up its fees.
 *
 * Not here: the path (`blinding.ts`), the arithmetic (`blinded-payment.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { pointBytes, toBytes } from '../signing/curve.ts';
import { aggregate, HTLC_LIMITS, relayed } from './blinded-payment.ts';
import { writePath } from '../wire/path.ts';
import { blindingFor, blindPath, unblind } from './blinding.ts';
import { parseFields, readFields, writeFields } from '../wire/fields.ts';
import { RELAY_LIMITS, FEES, NO_FEES, type Relay } from '../wire/fees.ts';
import { parseStruct } from '../wire/struct.ts';
import { RECIPIENT_DATA, type RecipientData } from './recipient-data.ts';

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
