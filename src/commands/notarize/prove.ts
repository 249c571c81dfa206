import { filter } from '../../lib/cli/filter.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { arg, countFlag, heightFlag, nodeFlags, textFlag } from '../../lib/cli/flags.ts';
import { prove } from './proving.ts';

export default filter({
  summary: 'Make the proofs of a plan, once a block has the transaction: an .ots file a document',
  description: `Reads the plan of notarize stamp and finds the transaction that commits to its root: at a node (--chain) in the block at --height, else in all blocks since the plan was made; or in a raw block (--block). Prints a line {digest, txid, height, ots} a document, the proof in hex, or writes NAME.ots files into --out, where none of that name may be (NAME.2.ots for a second document of that name). Proofs of a taproot commitment are JSON, NAME.proof.json. With a node the block needs --min-conf confirmations: too few, or no such block yet, end with 69. Where the node no longer has all these blocks and the commitment is in none of the others, exit 3.`,
  examples: [
    'Files beside each other\nspillway notarize prove plan.ndjson --chain http://127.0.0.1:8332 --out proofs',
    'Without a node\nbitcoin-cli getblock "$HASH" 0 > block.hex && spillway notarize prove plan.ndjson --block block.hex --height 800000 | head -n 1 | jq -r .ots | spillway notarize show',
  ],
  args: { file: arg('The plan (default: stdin)') },
  flags: {
    ...nodeFlags,
    block: textFlag('A raw block, as bytes or in hex', 'FILE', { dependsOn: ['height'] }),
    height: heightFlag('The height of the block'),
    'min-conf': countFlag('Confirmations at a node', [1], { helpValue: 'N', default: 6 }),
    out: textFlag('Write the proofs into this folder', 'DIR'),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 76, 77],
  run: async (flags, { file }) => prove(file, flags, (await chainOf(flags)).rpc),
});
