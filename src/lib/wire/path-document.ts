/**
 * Blinded paths as JSON, in the shape of BOLT4's route-blinding vectors, read and shown.
 * Not here: making and unblinding them (`onion/blinding.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import type { BlindedPath } from './path.ts';

/** A path as JSON shows it: bytes in hex. */
export interface PathJson {
  first_node_id: string;
  first_path_key: string;
  hops: { blinded_node_id: string; encrypted_data: string }[];
}

export const pathView = {
  of: (path: BlindedPath): PathJson => ({
    first_node_id: bytesToHex(path.firstNodeId),
    first_path_key: bytesToHex(path.firstPathKey),
    hops: path.hops.map(({ blindedNodeId, encryptedData }) => ({
      blinded_node_id: bytesToHex(blindedNodeId),
      encrypted_data: bytesToHex(encryptedData),
    })),
  }),
  back: (json: object): BlindedPath => {
    const path = json as PathJson;
    return {
      firstNodeId: hexToBytes(path.first_node_id),
      firstPathKey: hexToBytes(path.first_path_key),
      hops: path.hops.map((hop) => ({
        blindedNodeId: hexToBytes(hop.blinded_node_id),
        encryptedData: hexToBytes(hop.encrypted_data),
      })),
    };
  },
};

/**
 * Reads a path; `encrypted_recipient_data` is the other name that BOLT4's vectors have for `encrypted_data`.
 * @throws Refusal `malformed-message`, `wrong-key`
 */
export function parsePath(from: Fields): BlindedPath {
  const first = from.bytes('first_node_id');
  const scid = first?.length === 9 && first[0]! <= 1;
  const hops = from.objects('hops', (hop) => {
    const name = hop.has('encrypted_data') ? 'encrypted_data' : 'encrypted_recipient_data';
    return {
      blindedNodeId: pointIn(hop, 'blinded_node_id'),
      encryptedData: hop.need(name, hop.bytes(name)),
    };
  });
  return {
    firstNodeId: scid ? first : pointIn(from, 'first_node_id'),
    firstPathKey: pointIn(from, 'first_path_key'),
    hops: hops?.length ? hops : from.refuse('hops', 'a list of hops'),
  };
}
