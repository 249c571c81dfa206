import { filter } from '../../lib/cli/filter.ts';
import { actionArg, arg, nodeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { readInput } from '../../lib/cli/input.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { hexLine } from '../../lib/gossip/dump.ts';
import { parseSpvProof, verifySpvProof } from '../../lib/gossip/spv.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { proofOfChannel, spvAnchors } from './spv.ts';

export default filter({
  summary: 'Prove that the output of a channel is in a block, and check such a proof without a node',
  description: `make takes a channel and its block (--block: hex, as getblock HASH 0 prints it, or --chain), and prints the proof: header, transaction, its path to the Merkle root, and that of the coinbase, which shows how deep the tree is. verify checks it: place, paths, work, and with --announcement the output's script and the signatures. That the block is in the best chain, only an anchor says: --header-hash, --headers or --chain; without one, anchored is false. A proof with only merkle_block (gettxoutproof) is read too.`,
  examples: [
    'Made at a node\nspillway gossip spv-proof make --channel 700000x5x1 --chain http://127.0.0.1:8332 > proof.json',
    'Checked without one\nspillway gossip spv-proof verify --announcement channel.hex --header-hash $HASH --require-anchor < proof.json',
  ],
  args: {
    action: actionArg(['make', 'verify']),
    file: arg('The proof to verify (default: stdin)'),
  },
  flags: {
    channel: textFlag('make: the channel', 'SCID'),
    block: textFlag('make: its block in hex', 'FILE', { exclusive: ['chain'] }),
    announcement: textFlag('verify: the announcement of the channel in hex', 'FILE'),
    'header-hash': textFlag('verify: the hash of the block, known from elsewhere', 'HASH'),
    headers: textFlag('verify: known headers in hex, a line each', 'FILE'),
    'require-anchor': switchFlag('verify: refuse a proof in a block that is not known'),
    ...nodeFlags,
  },
  exits: [0, 2, 65, 66, 69, 70, 76, 77],
  run: async (flags, { action, file }) => {
    if (action === 'make') return proofOfChannel(flags);
    const { announcement: name } = flags;
    const announcement = name === undefined ? undefined : hexLine(utf8(await readInput(name)));
    return runStateless({ file, limit: 8_000_000 }, async (from) => {
      const proof = parseSpvProof(from);
      const made = verifySpvProof(proof, await spvAnchors(flags, proof.height), announcement);
      if (!made.anchored && flags.requireAnchor)
        throw new Refusal('spv-unanchored', `block ${made.block_hash} found, a known one expected`, {
          hint: 'give --header-hash, --headers or --chain',
        });
      return made;
    });
  },
});
