/**
 * Ways of `decode-openassets` beside a decoder's usual ones: markers, scripts and names alone,
 * tables and drawings.
 * Not here: the protocol (`assets/openassets/`).
 */
import type { Piece } from '../../lib/assets/bytes.ts';
import { Malformed } from '../../lib/assets/bytes.ts';
import type { Decoded } from '../../lib/assets/document.ts';
import { assetNames, decodeMarker, decodeMarkerScript, OpenAssets } from '../../lib/assets/openassets/decode.ts';
import { scriptNames, readAssetId } from '../../lib/assets/openassets/ids.ts';
import { explainMarker, markerIn } from '../../lib/assets/openassets/marker.ts';
import { OP_RETURN, returned } from '../../lib/assets/script.ts';
import type { Parents } from '../../lib/assets/trace.ts';
import { bytesOfHex } from '../../lib/assets/transaction.ts';
import { addressOf } from '../../lib/bitcoin/address-text.ts';
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Asides, Decoder } from './decoding.ts';
import { aligned, tableText } from '../../lib/cli/table.ts';
import { readInput } from '../../lib/cli/input.ts';

interface Wanted {
  network: Network;
  allInputs?: boolean;
  explain?: boolean;
  definition?: string | undefined;
  graph?: 'mermaid' | undefined;
}

/** The decoder for these flags, over any parents. */
export async function openAssetsDecoder(flags: Wanted): Promise<(parents: Parents) => Decoder<Decoded>> {
  const { network, explain = false, graph } = flags;
  const definition = flags.definition === undefined ? undefined : await readInput(flags.definition);
  const options = { allInputs: flags.allInputs ?? false, explain, definition };
  return (parents) => {
    const open = new OpenAssets({ network, parents });
    return {
      decode: (tx) => open.decode(tx, options),
      show: (document, tx) =>
        explain ? tableOf(document) : graph ? (open.graph(tx) ?? 'flowchart LR\n') : printJson(document),
    };
  };
}

/** @throws Refusal `invalid-marker` with the reason */
function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Refusal('invalid-marker', `${error.reason}: ${error.message}`);
  }
}

/** A payload or a script by itself, as a document or as a byte table. @throws Refusal `invalid-marker`, `malformed` */
export function markerAlone(given: {
  marker: string | undefined;
  script: string | undefined;
  network: Network;
  explain: boolean;
}): string {
  const bytes = bytesOfHex(given.marker ?? given.script!, 'malformed');
  const isScript = given.marker === undefined;
  if (given.explain) return table(explainMarker(payloadOf(bytes, isScript)).pieces);
  return printJson(refusing(() => alone(bytes, isScript, given.network)));
}

/** No payload begins as a script that returns data does. */
const returns = (bytes: Uint8Array): boolean => bytes[0] === OP_RETURN;

function payloadOf(bytes: Uint8Array, isScript: boolean): Uint8Array {
  if (!isScript && !returns(bytes)) return bytes;
  const found = markerIn(bytes);
  if (found && !(found instanceof Malformed)) return found.payload;
  return returned(bytes)?.pushes[0] ?? new Uint8Array();
}

function alone(bytes: Uint8Array, isScript: boolean, network: Network): object {
  if (!isScript && !returns(bytes)) return decodeMarker(bytes);
  const issues = !returns(bytes) && addressOf(Buffer.from(bytes).toString('hex'), network) !== undefined;
  return issues ? scriptNames(bytes, network) : decodeMarkerScript(bytes);
}

/** `{"marker":hex}` and `{"script":hex}` in a batch. */
export const asidesOf = (network: Network): Asides => ({
  marker: (hex) => refusing(() => alone(bytesOfHex(hex, 'malformed'), false, network)),
  script: (hex) => refusing(() => alone(bytesOfHex(hex, 'malformed'), true, network)),
});

/** @throws Refusal `bad-checksum`, `malformed-address`, `wrong-network` */
export async function addressDocument(
  address: string | undefined,
  assetId: string | undefined,
  network: Network,
): Promise<object> {
  if (address === undefined) return assetNames(readAssetId(assetId!, network), network);
  const { readPayee } = await import('../../lib/assets/openassets/payee.ts');
  return scriptNames(hexToBytes(readPayee(address, network).script), network);
}

const table = (pieces: readonly Piece[]): string => {
  const cut = (hex: string): string => (hex.length > 40 ? `${hex.slice(0, 37)}...` : hex);
  const rows = pieces.map(({ offset, hex, means }) => [offset, cut(hex), means]);
  return tableText(aligned([['offset', 'bytes', 'meaning'], ...rows], new Set([0])));
};

/** The byte table of a decoded transaction's marker. */
const tableOf = (document: Decoded): string => table((document['explain'] ?? []) as Piece[]);
