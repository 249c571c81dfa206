import { door } from '../../lib/cli/door.ts';
import { Epobc } from '../../lib/assets/epobc/decode.ts';
import { decode, decoderTable } from './decoding.ts';

export default door({
  summary: 'Read a transaction as EPOBC: tag, padding, and what the kernel gives each output',
  description: `A tag is only a sequence number, so nothing is called colored that does not lead back to a genesis. The kernel is that of the wallets; where it gives outputs more than the inputs brought, "conservation" is false. Missing parents: status "undetermined", exit code 3.`,
  examples: [
    'One transaction, parents from your node\nbitcoin-cli getrawtransaction "$TXID" | spillway decode-epobc --chain http://127.0.0.1:8332',
    'Where the kernel made units from nothing\nspillway decode-epobc --batch --prev parents.hex < txs.hex | jq -r "select(.conservation == false) | .txid"',
  ],
  ...decoderTable,
  run: (flags, { file }) => decode(flags, file, (parents) => new Epobc({ network: flags.network, parents })),
});
