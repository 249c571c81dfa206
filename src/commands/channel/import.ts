import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { importFlags, importLnd, importSeed } from './backup.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary:
    "Channels out of a node's backup: lnd's channel.backup, Core Lightning's hsm_secret, eclair's channel_seed.dat",
  description: `Writes for each channel a public file (NAME.channel.json) and a file with its keys (NAME.keys.json, mode 600) into --out, and prints what it found. lnd: FILE is channel.backup or a backup of one channel, with the wallet's root key. Core Lightning: --hsm-secret with --peer and --dbid; eclair: --eclair-seed with --funding-pubkey, one of the two keys in the witness of what spent the first funding (a sweep that finds no output says that it was the other); and what neither holds: --outpoint, --format, --opener. LDK keeps a random id of each channel in its database, without which the seed finds no key: it is not served. Words of an lnd seed (aezeed) are not read either: chantools showrootkey makes the root key of them.`,
  examples: [
    'lnd\nspillway channel-import --network mainnet --root-key-file root.key --out channels channel.backup | jq ".channels[]"',
    'Core Lightning\nspillway channel-import --network mainnet --hsm-secret hsm_secret --peer "$PEER" --dbid 1 --outpoint "$TXID:0:1000000" --format anchors --opener local --out channels',
  ],
  args: { file: arg('The backup of lnd (default: stdin)') },
  flags: importFlags,
  exits: [0, 2, 3, 65, 66, 70, 73, 77],
  run: (flags, { file }) => {
    if (flags.hsmSecret === undefined && flags.eclairSeed === undefined) return importLnd(flags, file);
    if (file !== undefined)
      throw new Refusal('usage', 'a backup of lnd and the secret of another node found, one of them expected');
    return importSeed(flags);
  },
});
