import { door } from '../../lib/cli/door.ts';
import { pointFlag } from './shared.ts';
import { channelSpendFlags, runChannelSpend } from './spend.ts';
import { coinsFrom, contractFlags, psbtFrom } from '../../lib/cli/contract-flags.ts';
import { arg, textFlag } from '../../lib/cli/flags.ts';
import { sweepDocument } from '../../lib/channel/spend.ts';

export default door({
  summary: 'Spend what is yours of a confirmed commitment or HTLC transaction of a Lightning channel, without a node',
  description: `Reads a transaction in hex, or {transaction, channel?, number?, per_commitment_point?, htlcs?, spent?, htlc_signatures?, feerate_per_kw?}. Of a commitment of the other side it takes to_remote, and with its per-commitment point (from the peer's channel_reestablish) the HTLCs whose preimage is in htlcs or that have expired; of an own one to_local after its delay, with the seed in --keys, and with the peer's htlc_signatures, in the order of outputs, its HTLC transactions. Where these pay no fee (anchors, zero-fee, taproot) coins of --utxo do; a wallet signs them in the PSBT (exit 3), which comes back with --merge. Of an own HTLC transaction it takes the output, where number says of which commitment. HTLCs are listed as the commitment's holder has them; spent lists outputs that somebody has taken already. What becomes valid at one moment is one transaction; what is left is named with the reason.`,
  examples: [
    'The peer has closed\nbitcoin-cli getrawtransaction "$TXID" | spillway channel-sweep --channel channel.json --keys keys.json --to "$ADDRESS" --feerate 3 | jq -r ".transactions[].hex"',
    'Own commitment: from when is it valid?\nspillway channel-sweep --channel channel.json --keys keys.json --to "$ADDRESS" commitment.hex | jq ".transactions[] | {valid_from, outputs}"',
  ],
  args: { file: arg('The transaction (default: stdin)') },
  flags: {
    ...channelSpendFlags,
    point: pointFlag,
    utxo: textFlag("Coins that pay for HTLC transactions, in the shape of Bitcoin Core's listunspent", 'FILE', 'SPEND'),
    merge: contractFlags.merge,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 76, 77],
  run: async (flags, { file }) => {
    const coins = flags.utxo === undefined ? [] : await coinsFrom(flags.utxo);
    const merged = await Promise.all((flags.merge ?? []).map(psbtFrom));
    await runChannelSpend(flags, file, (channel, document, keys, paying) =>
      sweepDocument(channel, document, keys, flags.point, { ...paying, coins, merged }),
    );
  },
});
