/**
 * Route blinding: a path whose hops know only their neighbours, made by the recipient, unblinded hop by hop.
 *
 * BOLT4, Route Blinding. Not here: what the hops are told (`recipient-data.ts`), fees (`blinded-payment.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { pointBytes, publicTimes, secretTimes, toNumber, type Point } from '../signing/curve.ts';
import { ecdh } from '../signing/ecdh.ts';
import type { BlindedPath } from '../wire/path.ts';
import { blindingFactor, keyFor, publicPoint, sharedAlong } from './keys.ts';
import { blindedSecret } from './packet.ts';
import { decryptData, encryptData, type RecipientData } from './recipient-data.ts';

export interface PathNode {
  nodeId: Uint8Array;
  /** The `encrypted_data_tlv` in plain. */
  data: Uint8Array;
  /** Begins a path of its own here, whose first path key the hop before is told by `next_path_key_override`. */
  sessionKey?: Uint8Array | undefined;
}
/** Secrets of a hop that only the maker of a path knows. */
export interface PathSecret {
  pathKey: Uint8Array;
  pathSecret: bigint;
  secret: Uint8Array;
  rho: Uint8Array;
}

/**
 * Blinds a path.
 * @throws Refusal `wrong-key`, `malformed-message`
 */
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

/** HMAC256("blinded_node_id", secret) · node id. */
const blindedId = (nodeId: Uint8Array, secret: Uint8Array): Uint8Array =>
  pointBytes(secretTimes(publicPoint(nodeId, 'a node id'), toNumber(keyFor('blinded_node_id', secret))));

/** Keys that a hop derives from the path key that comes with an onion. */
export interface Blinding {
  pathKey: Point;
  secret: Uint8Array;
  /** The key that its onion is made for. */
  blindedKey: bigint;
}

/** @throws Refusal `wrong-key` */
export function blindingFor(key: bigint, pathKey: Uint8Array): Blinding {
  const found = publicPoint(pathKey, 'the path key');
  const secret = ecdh(key, found);
  return { pathKey: found, secret, blindedKey: blindedSecret(key, secret) };
}

export interface Unblinded {
  data: RecipientData;
  plain: Uint8Array;
  /** The path key for the next hop: the derived one, or the one that the data names. */
  nextPathKey: Uint8Array;
  derivedPathKey: Uint8Array;
}

/**
 * Decrypts what a hop is told.
 * @throws Refusal `blinding-failed`; RecordRefusal as `readFields`
 */
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
