/**
 * Blinded paths on the wire: `blinded_path` of BOLT4, as offers, invoices and reply paths hold it.
 *
 * BOLT4 (https://github.com/lightning/bolts/blob/master/04-onion-routing.md), Route Blinding. Not here: making and
 * unblinding them (`onion/blinding.ts`), their form in JSON (`path-document.ts`).
 */
import { concatBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint } from '../signing/curve.ts';
import { writeUint } from './bigsize.ts';

export interface BlindedHop {
  blindedNodeId: Uint8Array;
  encryptedData: Uint8Array;
}
/** Blinded path (BOLT4). */
export interface BlindedPath {
  /** A public key, or 9 bytes of direction and short channel id. */
  firstNodeId: Uint8Array;
  firstPathKey: Uint8Array;
  hops: BlindedHop[];
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
  const { path, end } = pathAt(bytes, 0);
  if (end !== bytes.length) throw new Refusal('tlv-value', `${bytes.length - end} bytes found behind a blinded path`);
  return path;
}

/** Reads paths that follow one another to the end, at least one. @throws Refusal `tlv-value` */
export function readPaths(bytes: Uint8Array): BlindedPath[] {
  const paths: BlindedPath[] = [];
  let at = 0;
  do {
    const { path, end } = pathAt(bytes, at);
    paths.push(path);
    at = end;
  } while (at < bytes.length);
  return paths;
}

function pathAt(bytes: Uint8Array, start: number): { path: BlindedPath; end: number } {
  let at = start;
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length)
      throw new Refusal('tlv-value', `a blinded path found that ends at byte ${bytes.length}`);
    return bytes.slice(at, (at += length));
  };
  const takePoint = (name: string): Uint8Array => {
    const found = take(33);
    if (!parsePoint(found)) throw new Refusal('tlv-value', `${name} of a blinded path: bytes found that are no point`);
    return found;
  };
  const firstNodeId = bytes[at] === 0 || bytes[at] === 1 ? take(9) : takePoint('first_node_id');
  const firstPathKey = takePoint('first_path_key');
  const count = take(1)[0]!;
  if (count === 0) throw new Refusal('tlv-value', 'a blinded path without hops found');
  const hops: BlindedHop[] = [];
  for (let i = 0; i < count; i++) {
    const blindedNodeId = takePoint('blinded_node_id');
    const [high, low] = take(2);
    hops.push({ blindedNodeId, encryptedData: take(high! * 256 + low!) });
  }
  return { path: { firstNodeId, firstPathKey, hops }, end: at };
}
