/**
 * Route blinding: a path whose hops know only their neighbours, made by the recipient, unblinded hop by hop.
 *
 * BOLT4, Route Blinding. Not here: what the hops are told (`recipient-data.ts`), fees (`blinded-payment.ts`).
 */
import { concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { pointBytes, publicTimes, secretTimes, toNumber, type Point } from '../signing/curve.ts';
import { ecdh } from '../signing/ecdh.ts';
import { writeUint } from './bigsize.ts';
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
export interface BlindedHop {
  blindedNodeId: Uint8Array;
  encryptedData: Uint8Array;
}
export interface BlindedPath {
  /** A public key, or 9 bytes of direction and short channel id. */
  firstNodeId: Uint8Array;
  firstPathKey: Uint8Array;
  hops: BlindedHop[];
}
/** What only the maker of a path knows of each hop. */
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
    blindedNodeId: blindedId(nodeId, secrets[i]!.secret),
    encryptedData: encryptData(data, secrets[i]!.secret),
  }));
  return { path: { firstNodeId: nodes[0]!.nodeId, firstPathKey: secrets[0]!.pathKey, hops }, secrets };
}

/** HMAC256("blinded_node_id", secret) · node id. */
const blindedId = (nodeId: Uint8Array, secret: Uint8Array): Uint8Array =>
  pointBytes(secretTimes(publicPoint(nodeId, 'a node id'), toNumber(keyFor('blinded_node_id', secret))));

/** What a hop derives from the path key that comes with an onion. */
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

/** A path as `blinded_path` on the wire, for offers and reply paths. @throws Refusal `malformed-message` above 255 hops */
export function writePath({ firstNodeId, firstPathKey, hops }: BlindedPath): Uint8Array {
  return concatBytes(
    firstNodeId,
    firstPathKey,
    writeUint(BigInt(hops.length), 1),
    ...hops.flatMap(({ blindedNodeId, encryptedData }) => [
      blindedNodeId,
      writeUint(BigInt(encryptedData.length), 2),
      encryptedData,
    ]),
  );
}

/** Reads one. @throws Refusal `tlv-value`, also for bytes behind it and for no hop */
export function readPath(bytes: Uint8Array): BlindedPath {
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length)
      throw new Refusal('tlv-value', `a blinded path found that ends at byte ${bytes.length}`);
    return bytes.slice(at, (at += length));
  };
  const takePoint = (name: string): Uint8Array => {
    const found = take(33);
    try {
      publicPoint(found, name);
    } catch {
      throw new Refusal('tlv-value', `${name} of a blinded path: bytes found that are no point`);
    }
    return found;
  };
  const firstNodeId = bytes[0] === 0 || bytes[0] === 1 ? take(9) : takePoint('first_node_id');
  const firstPathKey = takePoint('first_path_key');
  const count = take(1)[0]!;
  if (count === 0) throw new Refusal('tlv-value', 'a blinded path without hops found');
  const hops: BlindedHop[] = [];
  for (let i = 0; i < count; i++) {
    const blindedNodeId = takePoint('blinded_node_id');
    const [high, low] = take(2);
    hops.push({ blindedNodeId, encryptedData: take(high! * 256 + low!) });
  }
  if (at !== bytes.length) throw new Refusal('tlv-value', `${bytes.length - at} bytes found behind a blinded path`);
  return { firstNodeId, firstPathKey, hops };
}
