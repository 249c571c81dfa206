import { filter } from '../../lib/cli/filter.ts';
import { choiceFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { addressDocument, asidesOf, markerAlone, openAssetsDecoder } from './openassets.ts';
import { decode, decoderTable, decodeFlags } from './decoding.ts';

export default filter({
  summary: 'Read a transaction as Open Assets: which outputs carry how many units of which asset',
  description: `Follows units back through parent transactions to where they were issued. Where a needed parent is not there the status is "undetermined", its id is in "missing", and the exit code is 3: it is never called uncolored by guess. Nothing is fetched but from your own node.`,
  examples: [
    'One transaction, parents from your node\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-openassets --chain http://127.0.0.1:8332',
    'Which parents are needed next?\nspillway decode-openassets --emit-missing --prev parents.hex < tx.hex | xargs -n1 bitcoin-cli getrawtransaction >> parents.hex',
    'A marker by itself\nspillway decode-openassets --marker 4f41010001141b753d68747470733a2f2f6370722e736d2f466f796b777248365559 | jq -r .metadata_text',
  ],
  ...decoderTable,
  flags: {
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
  },
  run: async (flags, { file }) => {
    const { marker, script, address, assetId, network, explain } = flags;
    if (marker !== undefined || script !== undefined) return markerAlone({ marker, script, network, explain });
    if (address !== undefined || assetId !== undefined) return addressDocument(address, assetId, network);
    return decode(flags, file, await openAssetsDecoder(flags), asidesOf(network));
  },
});
