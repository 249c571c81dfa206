import { door } from '../../lib/cli/door.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { arg, countFlag, heightFlag, nodeFlags, textFlag, type Values } from '../../lib/cli/flags.ts';
import { basename, join } from 'node:path';
import { bytesToHex, equalBytes, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { parseHeader } from '../../lib/bitcoin/header.ts';
import { unlessJudged, type Rpc } from '../../lib/chain/rpc.ts';
import { factSource } from '../../lib/chain/source.ts';
import { anchorIn, proofWriter, readBlock, siblingsOf, type Anchor } from '../../lib/notary/tree.ts';
import { taprootFields } from '../../lib/notary/taproot.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { note } from '../../lib/engine/log.ts';
import { readInput } from '../../lib/cli/input.ts';
import { createFile, print } from '../../lib/cli/output.ts';
import { progress } from '../../lib/cli/progress.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { printLeaves, readPlan, planScript, type PlannedLeaf, type Plan } from './plan.ts';
import { bytesOrHex } from './shared.ts';

const flags = {
  ...nodeFlags,
  block: textFlag('A raw block, as bytes or in hex', 'FILE', { dependsOn: ['height'] }),
  height: heightFlag('The height of the block'),
  'min-conf': countFlag('Confirmations at a node', [1], { helpValue: 'N', default: 6 }),
  out: textFlag('Write the proofs into this folder', 'DIR'),
};
type ProveValues = Values<typeof flags>;

export default door({
  summary: 'Make the proofs of a plan, once a block has the transaction: an .ots file a document',
  description: `Reads the plan of notarize stamp and finds the transaction that commits to its root: at a node (--chain) in the block at --height, else in all blocks since the plan was made; or in a raw block (--block). Prints a line {digest, txid, height, ots} a document, the proof in hex, or writes NAME.ots files into --out, where none of that name may be (NAME.2.ots for a second document of that name). Proofs of a taproot commitment are JSON, NAME.proof.json. With a node the block needs --min-conf confirmations: too few, or no such block yet, end with 69. Where the node no longer has all these blocks and the commitment is in none of the others, exit 3.`,
  examples: [
    'Files beside each other\nspillway notarize prove plan.ndjson --chain http://127.0.0.1:8332 --out proofs',
    'Without a node\nbitcoin-cli getblock "$HASH" 0 > block.hex && spillway notarize prove plan.ndjson --block block.hex --height 800000 | head -n 1 | jq -r .ots | spillway notarize show',
  ],
  args: { file: arg('The plan (default: stdin)') },
  flags,
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 76, 77],
  run: async (flags, { file }) => {
    const plan = await readPlan(file);
    const anchor =
      flags.block === undefined
        ? await anchorAt(plan, flags, (await chainOf(flags)).rpc)
        : await anchorInFile(plan, flags);
    if (anchor === 'unknown') return;
    if (!anchor)
      throw new Refusal(
        'funding-unconfirmed',
        `no transaction that commits to ${bytesToHex(plan.root)} found in a block yet`,
      );
    const { leaves, taproot, tree, network } = plan;
    const written = new Map<string, number>();
    /** Returns a file name by the last part of a name: a plan cannot write outside the folder. */
    const fileOf = ({ name, digest }: PlannedLeaf): string => {
      const last = basename(name ?? bytesToHex(digest));
      const number = (written.get(last) ?? 0) + 1;
      written.set(last, number);
      // Documents of one name from several folders are numbered in the order of the plan.
      return `${number === 1 ? last : `${last}.${number}`}.${taproot ? 'proof.json' : 'ots'}`;
    };
    const ots = taproot ? undefined : proofWriter(tree, anchor);
    await printLeaves(leaves, async (leaf, i) => {
      const head = { type: 'notarize-proof', version: 1, network, name: leaf.name };
      const about = { ...head, digest: bytesToHex(leaf.digest), txid: anchor.txid, height: anchor.height };
      const bound = taproot && { ...head, ...taprootFields(leaf, siblingsOf(tree, i), taproot, anchor) };
      if (flags.out === undefined) return bound ?? { ...about, ots: Buffer.from(ots!(i)).toString('hex') };
      const path = join(flags.out, fileOf(leaf));
      await createFile(path, bound ? `${printJson(bound)}\n` : ots!(i), 0o644);
      return { ...about, file: path };
    });
  },
});

/** Four million weight units, in hex. */
const BLOCK_LIMIT = 8_100_000;

async function anchorInFile(plan: Plan, flags: ProveValues): Promise<Anchor | undefined> {
  const bytes = await readInput(flags.block, BLOCK_LIMIT);
  const { transactions } = readBlock(bytesOrHex(bytes));
  return anchorIn(transactions, planScript(plan), flags.height!);
}

/**
 * Seconds by which a later block may state an earlier time than the plan. Its time exceeds the
 * median of the eleven before it, so six blocks in a row would have to take longer.
 */
const SLACK = 4 * 60 * 60;

/** Searches the node's blocks for the commitment; `unknown` where some are pruned. */
async function anchorAt(plan: Plan, flags: ProveValues, rpc: Rpc | undefined): Promise<Anchor | undefined | 'unknown'> {
  if (!rpc) throw new Refusal('usage', 'no block found: --block FILE with --height, or --chain URL expected');
  const { facts } = await factSource({ network: plan.network, rpc }).facts({ tip: true });
  const last = flags.height ?? (facts.tip as number);
  const first = flags.height ?? (await firstSince(rpc, plan.time - SLACK, last));
  const script = planScript(plan);
  const line = progress('looking for the commitment …');
  let unread = 0;
  try {
    // The oldest block is the deepest: anybody may commit to a published root once more.
    for (let height = first; height <= last; height++) {
      line.say(`looking for the commitment in block ${height} of ${first} to ${last} …`);
      const block = rpc.blockHash(height).then((hash) => rpc.blockHex(hash));
      const hex = await block.catch(unlessJudged);
      if (hex === undefined) unread += 1;
      const found = hex?.includes(script)
        ? anchorIn(readBlock(hexToBytes(hex)).transactions, script, height)
        : undefined;
      if (!found) continue;
      const known = await rpc.blockAt(height);
      const isSame = known && equalBytes(parseHeader(hexToBytes(known.header)).root, found.root);
      const depth = isSame ? known.confirmations : 0;
      if (depth >= flags.minConf) return found;
      throw new Refusal(
        'funding-unconfirmed',
        `a commitment with ${depth} confirmations found, ${flags.minConf} expected`,
      );
    }
  } finally {
    line.stop();
  }
  return unread > 0 ? unknown(plan, { first, last, unread }) : undefined;
}

/** Returns the height of the first block of that time or later. */
async function firstSince(rpc: Rpc, time: number, tip: number): Promise<number> {
  let [low, high] = [0, tip];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((await rpc.blockTime(await rpc.blockHash(middle))) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Reports that the node could not be queried for every block. */
async function unknown({ network, root }: Plan, searched: object): Promise<'unknown'> {
  note('the node no longer has all these blocks: ask another one, or name the block with --height and --block');
  process.exitCode = 3;
  const about = { type: 'notarize-prove', version: 1, network, status: 'unknown' };
  await print({ ...about, root: bytesToHex(root), searched });
  return 'unknown';
}
