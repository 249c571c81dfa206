import { door } from '../../lib/cli/door.ts';
import { actionArg, arg, nodeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { readInput } from '../../lib/cli/input.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { hexLine } from '../../lib/gossip/dump.ts';
import { parseSpvProof, verifySpvProof, makeSpvProof, type SpvProof } from '../../lib/gossip/spv.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { parseHeader } from '../../lib/bitcoin/header.ts';
import { scidBytes, scidParts, scidText } from '../../lib/wire/fields.ts';
import { rpcOf, type ChainValues } from '../../lib/cli/chain.ts';

export default door({
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

/** Most bytes of a block in hex: four megabytes and a line end. */
const BLOCK_LIMIT = 8_000_100;
/** Most bytes of known headers: a million of them. */
const HEADERS_LIMIT = 162_000_000;

type MakeValues = ChainValues & { channel?: string | undefined; block?: string | undefined };
/** Makes the proof of a channel by flags. @throws Refusal `usage`, `malformed-spv`, `no-input` */
async function proofOfChannel({ channel = '', block, ...chain }: MakeValues): Promise<SpvProof> {
  const bytes = scidBytes(channel);
  if (!bytes) throw new Refusal('usage', '--channel: a short channel id like 700000x5x1 expected');
  const scid = scidText(bytes);
  const rpc = await rpcOf(chain);
  const hex =
    block === undefined
      ? await rpc?.blockHex(await rpc.blockHash(scidParts(scid)[0]))
      : await textOf(block, BLOCK_LIMIT);
  if (hex === undefined) throw new Refusal('usage', 'no block found: give --block FILE or --chain URL');
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(hex)) throw new Refusal('malformed-spv', 'a block found that is not hex');
  return makeSpvProof(hexToBytes(hex), scid);
}
const textOf = async (file: string, limit: number): Promise<string> => utf8(await readInput(file, limit)).trim();

type AnchorValues = ChainValues & { headerHash?: string | undefined; headers?: string | undefined };
/** Returns the hashes of known blocks of the best chain. @throws Refusal `malformed-spv` */
async function spvAnchors({ headerHash, headers, ...chain }: AnchorValues, height: number): Promise<string[]> {
  const known = headerHash === undefined ? [] : [headerHash.toLowerCase()];
  for (const line of headers === undefined ? [] : (await textOf(headers, HEADERS_LIMIT)).split('\n'))
    if (line.trim() !== '') known.push(parseHeader(hexLine(line), 'malformed-spv').hash);
  const rpc = await rpcOf(chain);
  if (rpc && height <= (await rpc.blockchainInfo()).blocks) known.push(await rpc.blockHash(height));
  return known;
}
