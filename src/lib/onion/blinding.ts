/**
 * Route blinding: the recipient makes a path whose hops know only their neighbours.
 *
 * BOLT4, Route Blinding. Not here: recipient data (`recipient-data.ts`), fees
 * (`blinded-payment.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { pointBytes, publicTimes, secretTimes, toNumber, ecdh, needPoint, type Point } from '../signing/curve.ts';
import type { BlindedPath } from '../wire/path.ts';
import { blindingFactor, keyFor, sharedAlong } from './keys.ts';
import { blindedSecret } from './packet.ts';
import { decryptData, encryptData, type RecipientData } from './recipient-data.ts';

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
