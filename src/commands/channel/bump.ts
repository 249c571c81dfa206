import { door } from '../../lib/cli/door.ts';
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { parseCoins } from '../../lib/bitcoin/coins.ts';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { bumpChild, bumpDocument } from '../../lib/channel/bump.ts';
import { chainOf, factsFor } from '../../lib/cli/chain.ts';
import { contractFlags, feeFlags, psbtFrom } from '../../lib/cli/contract-flags.ts';
import { arg, chainFlags, choiceFlag, satFlag, textFlag } from '../../lib/cli/flags.ts';
import { readInput, TRANSACTION_LIMIT } from '../../lib/cli/input.ts';
import { runStateless, Unfinished } from '../../lib/cli/stateless.ts';
import { leastChild } from '../../lib/engine/bump.ts';
import { note } from '../../lib/engine/log.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { channelFlag, channelFrom, keysFlag, keysFrom, pointFlag, rawTransaction } from './shared.ts';

export default door({
  summary: 'Pay for a stuck commitment, or any parent with an anchor, with any coin: the array for submitpackage',
  description: `Reads a finished parent in hex: a version 3 transaction with P2A, or a commitment with an anchor of the own key (--channel and --keys). Makes a child that spends the anchor and coins of --utxo and pays to --change, so that both together reach --feerate. Prints the PSBT of the child with exit 3 until a wallet has signed the coins; give it back with --merge and the same flags. A second child with a higher fee rate replaces the first. With --chain it also pays for what it takes the place of, such as a child of the peer's.`,
  examples: [
    'A commitment of version 3, paid for by Bitcoin Core\nbitcoin-cli listunspent 1 > coins.json; spillway channel-bump --network regtest --utxo coins.json --change "$ADDRESS" --feerate 20 commitment.hex | jq -r .psbt | xargs bitcoin-cli walletprocesspsbt > signed.json',
    'Then both at once\nspillway channel-bump --network regtest --utxo coins.json --change "$ADDRESS" --feerate 20 --merge signed.json commitment.hex | jq -c .package | xargs -0 bitcoin-cli submitpackage',
  ],
  args: { file: arg('The parent (default: stdin)') },
  flags: {
    network: choiceFlag(NETWORKS, 'Network (default: that of the channel)'),
    channel: channelFlag,
    keys: keysFlag,
    point: pointFlag,
    utxo: textFlag("Coins that pay, in the shape of Bitcoin Core's listunspent", 'FILE', { required: true }),
    change: textFlag('Address for what is left', 'ADDRESS', { required: true }),
    merge: contractFlags.merge,
    'parent-fee': satFlag('What the parent pays itself (default: of a commitment its fee, else 0 for version 3)'),
    ...feeFlags,
    ...chainFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 76, 77],
  run: async (flags, { file }) => {
    const keys = await keysFrom(flags.keys);
    const json = parseJson(utf8(await readInput(flags.utxo, 64_000_000)));
    const merged = await Promise.all((flags.merge ?? []).map(psbtFrom));
    await runStateless({ file, raw: rawTransaction, limit: TRANSACTION_LIMIT }, async (document) => {
      const channel = flags.channel === undefined ? undefined : await channelFrom(flags.channel);
      const network = channel?.network ?? flags.network;
      if (!network) throw new Refusal('usage', 'no network found: --network or --channel expected');
      const parent = bytesToHex(document.need('transaction', document.bytes('transaction'), 'a transaction in hex'));
      document.end();
      if (parent.startsWith('03000000')) checkConfirmed(json);
      const { facts, checks } = await factsFor(flags, network);
      const { rpc } = await chainOf(flags);
      const { least = () => 0n } = rpc ? await leastChild(rpc, parent) : {};
      const owner = channel && keys && { channel, keys, point: flags.point };
      const child = bumpChild(parent, flags.parentFee, owner, {
        coins: parseCoins(json),
        payTo: scriptOf(flags.change, network),
        feerate: facts.feerate,
        allowFee: flags.allowFee ?? false,
        least,
      });
      const bumped = bumpDocument(parent, child, merged);
      if (bumped.package) return { ...bumped, network, checks };
      note('sign the PSBT in the wallet that owns the coins, and give it back with --merge FILE');
      return new Unfinished({ ...bumped, network, checks });
    });
  },
});

/** Refuses unconfirmed coins: a child has one parent (BIP431). @throws Refusal `truc-limit` */
function checkConfirmed(json: Json): void {
  for (const coin of Array.isArray(json) ? json : [])
    if ((coin as { confirmations?: Json } | null)?.confirmations === 0)
      throw new Refusal('truc-limit', 'an unconfirmed coin found: a child of a version 3 parent has no other', {
        hint: 'list confirmed coins: listunspent 1',
      });
}
