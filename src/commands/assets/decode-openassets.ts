import { door } from '../../lib/cli/door.ts';
import { choiceFlag, switchFlag, textFlag, type Values } from '../../lib/cli/flags.ts';
import { decode, decoderTable, decodeFlags, type Asides, type Decoder } from './decoding.ts';
import { type Piece, Malformed } from '../../lib/assets/bytes.ts';
import type { Decoded } from '../../lib/assets/document.ts';
import { assetNames, decodeMarker, decodeMarkerScript, OpenAssets } from '../../lib/assets/openassets/decode.ts';
import { scriptNames, readAssetId } from '../../lib/assets/openassets/ids.ts';
import { explainMarker, markerIn } from '../../lib/assets/openassets/marker.ts';
import { OP_RETURN, opReturnPushes } from '../../lib/assets/script.ts';
import type { Parents } from '../../lib/assets/trace.ts';
import { bytesOfHex } from '../../lib/assets/transaction.ts';
import { addressOf } from '../../lib/bitcoin/address-text.ts';
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { aligned, tableText } from '../../lib/cli/table.ts';
import { readInput } from '../../lib/cli/input.ts';

const flags = {
  ...decodeFlags,
  'all-inputs': switchFlag('Want the parents of every input, so that all destroyed units are known'),
  definition: textFlag('Check this asset definition file against the pointer', 'FILE'),
  explain: switchFlag('Print the marker byte by byte instead'),
  graph: choiceFlag(['mermaid'], "Print the asset's path instead"),
  marker: textFlag('Decode this payload alone, from 4f41 on, or the OP_RETURN script that holds it', 'HEX', {
    exclusive: ['script', 'address', 'asset-id'],
  }),
  script: textFlag('Decode the marker in this output script, or name the asset that it issues', 'HEX', {
    exclusive: ['address', 'asset-id'],
  }),
  address: textFlag('Convert an Open Assets or Bitcoin address', 'ADDRESS', { exclusive: ['asset-id'] }),
  'asset-id': textFlag('Convert an asset id', 'ID'),
};

export default door({
  summary: 'Read a transaction as Open Assets: which outputs carry how many units of which asset',
  description: `Follows units back through parent transactions to where they were issued. Where a needed parent is not there the status is "undetermined", its id is in "missing", and the exit code is 3: it is never called uncolored by guess. Nothing is fetched but from your own node.`,
  examples: [
    'One transaction, parents from your node\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-openassets --chain http://127.0.0.1:8332',
    'Which parents are needed next?\nspillway decode-openassets --emit-missing --prev parents.hex < tx.hex | xargs -n1 bitcoin-cli getrawtransaction >> parents.hex',
    'A marker by itself\nspillway decode-openassets --marker 4f41010001141b753d68747470733a2f2f6370722e736d2f466f796b777248365559 | jq -r .metadata_text',
  ],
  ...decoderTable,
  flags,
  run: async (flags, { file }) => {
    const { marker, script, address, assetId, network, explain } = flags;
    if (marker !== undefined || script !== undefined) return markerAlone({ marker, script, network, explain });
    if (address !== undefined || assetId !== undefined) return addressDocument(address, assetId, network);
    return decode(flags, file, await openAssetsDecoder(flags), asidesOf(network));
  },
});

/** Returns the decoder for these flags, over any parents. */
async function openAssetsDecoder({
  network,
  explain,
  graph,
  allInputs,
  definition: file,
}: Values<typeof flags>): Promise<(parents: Parents) => Decoder<Decoded>> {
  const definition = file === undefined ? undefined : await readInput(file);
  const options = { allInputs, explain, definition };
  return (parents) => {
    const open = new OpenAssets({ network, parents });
    return {
      decode: (tx) => open.decode(tx, options),
      show: (document, tx) =>
        explain ? tableOf(document) : graph ? (open.graph(tx) ?? 'flowchart LR\n') : printJson(document),
    };
  };
}

/** Turns a reader's error into a refusal. @throws Refusal `invalid-marker` */
function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Refusal('invalid-marker', `${error.reason}: ${error.message}`);
  }
}

/** Decodes a payload or a script alone. @throws Refusal `invalid-marker`, `malformed` */
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

/** Returns whether the bytes are a script that returns data; no payload begins so. */
const returns = (bytes: Uint8Array): boolean => bytes[0] === OP_RETURN;

function payloadOf(bytes: Uint8Array, isScript: boolean): Uint8Array {
  if (!isScript && !returns(bytes)) return bytes;
  const found = markerIn(bytes);
  if (found && !(found instanceof Malformed)) return found.payload;
  return opReturnPushes(bytes)?.pushes[0] ?? new Uint8Array();
}

function alone(bytes: Uint8Array, isScript: boolean, network: Network): object {
  if (!isScript && !returns(bytes)) return decodeMarker(bytes);
  const issues = !returns(bytes) && addressOf(Buffer.from(bytes).toString('hex'), network) !== undefined;
  return issues ? scriptNames(bytes, network) : decodeMarkerScript(bytes);
}

/** Answers to `{"marker":hex}` and `{"script":hex}` in a batch. */
const asidesOf = (network: Network): Asides => ({
  marker: (hex) => refusing(() => alone(bytesOfHex(hex, 'malformed'), false, network)),
  script: (hex) => refusing(() => alone(bytesOfHex(hex, 'malformed'), true, network)),
});

/** Converts an address or asset id. @throws Refusal `bad-checksum`, `wrong-network` */
async function addressDocument(
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

/** Returns the byte table of a decoded transaction's marker. */
const tableOf = (document: Decoded): string => table((document['explain'] ?? []) as Piece[]);
