import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { door } from '../../lib/cli/door.ts';
import { arg, hexFlag, textFlag } from '../../lib/cli/flags.ts';
import { readKeyList } from '../../lib/cli/secrets.ts';
import { runStateless, Unfinished } from '../../lib/cli/stateless.ts';
import { announceDocument } from '../../lib/gossip/announce.ts';

export default door({
  summary: 'A gossip message of version 2, made and signed',
  description: `Reads {kind: channel_announcement_2 | channel_update_2 | node_announcement_2, …} with the fields that gossip decode prints. --keys signs: the key of the node, or for a channel those of both nodes and both bitcoin keys (without bitcoin keys, the key of the output). Without keys it prints what must be signed (BIP340; for a channel by MuSig2 of the sorted keys), and ends with 3; --signature takes the result. Version 2 is a draft (bolts#1059), in the bytes of lnd 0.21.`,
  examples: [
    'Signed here\nspillway gossip announce --keys node.key < update.json | jq -r .message',
    'Signed elsewhere\nspillway gossip announce < channel.json | jq .signing\nspillway gossip announce --signature $SIG < channel.json',
  ],
  args: { file: arg('The fields (default: stdin)') },
  flags: {
    keys: textFlag('The secret keys: a line of hex each, or a JSON list; nobody else may read the file', 'FILE', {
      exclusive: ['signature'],
    }),
    signature: hexFlag('A signature of 64 bytes that was made elsewhere', { length: 64 }),
  },
  exits: [0, 2, 3, 65, 66, 70, 77],
  run: async ({ keys, signature }, { file }) => {
    const secrets = keys === undefined ? undefined : await readKeyList(keys);
    const given = { ...(secrets && { secrets }), ...(signature && { signature: bytesToHex(signature) }) };
    await runStateless({ file }, (from) => {
      const made = announceDocument(from, given);
      return made.signing ? new Unfinished(made) : made;
    });
  },
});
