import { door } from '../../lib/cli/door.ts';
import { AnyAsset } from '../../lib/assets/guess.ts';
import { decode, decoderTable, decodeFlags } from './decoding.ts';
import { heightFlag } from '../../lib/cli/flags.ts';

export default door({
  summary: 'Which colored-coin protocols a transaction could belong to, and why',
  description: `Asks the decoders of Open Assets, Colu, EPOBC and Counterparty, and prints each verdict (yes, possible, no) with its reason and, where it is not no, the decoder's document.`,
  examples: [
    'One transaction\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-assets | jq -c ".protocols[] | [.protocol, .verdict, .why]"',
    'Candidates in a block\nbitcoin-cli getblock "$HASH" 2 | jq -r ".tx[].hex" | spillway decode-assets --batch | jq -r "select(any(.protocols[]; .verdict != \\"no\\")) | .txid"',
  ],
  ...decoderTable,
  flags: {
    ...decodeFlags,
    height: heightFlag('Block of the transaction, which decides between forms of Counterparty messages'),
  },
  run: (flags, { file }) =>
    decode(flags, file, (parents) => new AnyAsset({ network: flags.network, parents }, flags.height)),
});
