/**
 * Plans of many documents under one root, and the proofs that come of them: lines of JSON in and out.
 * Not here: the tree (`notary/tree.ts`), reading proofs (`shared.ts`).
 */
import { basename, join } from 'node:path';
import { bytesToHex, equalBytes, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { payFrom } from '../../lib/bitcoin/coins.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { writePsbt } from '../../lib/bitcoin/psbt.ts';
import { toTransaction } from '../../lib/bitcoin/transaction.ts';
import type { Rpc } from '../../lib/chain/rpc.ts';
import { parseHeader } from '../../lib/bitcoin/header.ts';
import { writeOts } from '../../lib/notary/ots.ts';
import {
  anchorIn,
  commitment,
  Leaves,
  makeTree,
  NONCE_SIZE,
  proofOf,
  readBlock,
  rootOf,
  type Anchor,
  type Leaf,
} from '../../lib/notary/tree.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson, printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { coinsFrom } from '../../lib/cli/contract-flags.ts';
import { openInput, readInput } from '../../lib/cli/input.ts';
import { linesOf } from '../../lib/cli/lines.ts';
import { digestOf } from './shared.ts';
import { createFile, print } from '../../lib/cli/output.ts';

/** Four million weight units, in hex. */
const BLOCK_LIMIT = 8_100_000;
const LINES_AT_ONCE = 1000;
/** Satoshis for 1000 vB, where nothing else is said. */
const DEFAULT_FEERATE = 2000;

interface Named extends Leaf {
  name: string | undefined;
}

export interface StampValues {
  network: Network;
  utxo?: string | undefined;
  change?: string | undefined;
  feerate?: number | undefined;
  'allow-fee'?: boolean;
}

/** Prints a plan: a line with the root, then a line a document. */
export async function stamp(files: readonly string[], flags: StampValues): Promise<void> {
  const leaves = new Leaves();
  const add = (digest: Uint8Array, name: string | undefined) =>
    leaves.add({ digest, nonce: crypto.getRandomValues(new Uint8Array(NONCE_SIZE)) }, name);
  for (const file of files) add(await digestOf(file, 'sha256'), basename(file));
  if (files.length === 0)
    for await (const from of objects(undefined)) add(from.need('digest', from.bytes('digest', 32)), from.text('name'));
  if (leaves.length === 0) throw new Refusal('malformed', 'no document and no digest found, one at least expected');
  const root = rootOf(makeTree(leaves));
  await print(
    printJson({
      type: 'notarize-stamp',
      version: 1,
      network: flags.network,
      root: bytesToHex(root),
      count: leaves.length,
      script: commitment(root).script,
      ...(await payment(root, flags)),
    }),
  );
  await printLines(leaves, ({ digest, nonce, name }) => ({
    type: 'notarize-leaf',
    version: 1,
    digest: bytesToHex(digest),
    nonce: bytesToHex(nonce),
    name,
  }));
}

async function payment(root: Uint8Array, flags: StampValues): Promise<object> {
  if (flags.utxo === undefined || flags.change === undefined) return {};
  const coins = await coinsFrom(flags.utxo);
  const template = payFrom({
    coins,
    outputs: [commitment(root)],
    change: flags.change,
    feerate: flags.feerate ?? DEFAULT_FEERATE,
    version: 2,
    network: flags.network,
    allowFee: flags['allow-fee'] ?? false,
  });
  return { psbt: writePsbt(toTransaction(template)), fee_sat: Number(template.fee) };
}

/** Prints many lines in few writes. */
async function printLines(leaves: Leaves, line: (leaf: Named, i: number) => object | Promise<object>): Promise<void> {
  for (let from = 0; from < leaves.length; from += LINES_AT_ONCE) {
    const made: string[] = [];
    for (let i = from; i < Math.min(from + LINES_AT_ONCE, leaves.length); i++)
      made.push(printJson(await line(leaves.at(i)!, i)));
    await print(made.join('\n'));
  }
}

/** Reads lines of JSON objects; empty lines are passed over. @throws Refusal of the line that is none */
async function* objects(file: string | undefined): AsyncGenerator<Fields> {
  for await (const line of linesOf(await openInput(file))) {
    if ('refusal' in line) throw line.refusal;
    if (line.text.trim() !== '') yield new Fields(parseJson(line.text), `line ${line.number}`);
  }
}

interface Plan {
  root: Uint8Array;
  leaves: Leaves;
}
/** Reads a plan. @throws Refusal `unknown-type`, `malformed-message`, `root-differs` where its lines lead to another root */
async function readPlan(file: string | undefined): Promise<Plan & { tree: ReturnType<typeof makeTree> }> {
  const leaves = new Leaves();
  let root: Uint8Array | undefined;
  for await (const from of objects(file)) {
    if (root) {
      const digest = from.need('digest', from.bytes('digest', 32));
      leaves.add({ digest, nonce: from.need('nonce', from.bytes('nonce', NONCE_SIZE)) }, from.text('name'));
      continue;
    }
    if (from.text('type') !== 'notarize-stamp')
      throw new Refusal('unknown-type', 'a plan of notarize stamp expected, its line with the root first');
    root = from.need('root', from.bytes('root', 32));
  }
  if (!root || leaves.length === 0) throw new Refusal('malformed', 'a plan without a document found');
  const tree = makeTree(leaves);
  if (!equalBytes(rootOf(tree), root))
    throw new Refusal(
      'root-differs',
      `the plan: its lines lead to ${bytesToHex(rootOf(tree))}, ${bytesToHex(root)} expected`,
    );
  return { root, leaves, tree };
}

export interface ProveValues {
  block?: string | undefined;
  height?: number | undefined;
  'min-conf': number;
  out?: string | undefined;
}

/** Prints a line with the proof of each document of a plan, or writes it into a folder. */
export async function prove(file: string | undefined, flags: ProveValues, rpc: Rpc | undefined): Promise<void> {
  const { root, leaves, tree } = await readPlan(file);
  const anchor = flags.block === undefined ? await anchorAt(root, flags, rpc) : await anchorInFile(root, flags);
  if (!anchor)
    throw new Refusal('funding-unconfirmed', `no transaction that commits to ${bytesToHex(root)} found in a block yet`);
  const written = new Map<string, number>();
  /** Only the last part of a name counts: a plan cannot write outside the folder. */
  const fileOf = ({ name, digest }: Named): string => {
    const last = basename(name ?? bytesToHex(digest));
    const number = (written.get(last) ?? 0) + 1;
    written.set(last, number);
    // Documents of one name from several folders are numbered in the order of the plan.
    return number === 1 ? `${last}.ots` : `${last}.${number}.ots`;
  };
  await printLines(leaves, async (leaf, i) => {
    const ots = writeOts(proofOf(leaf, i, tree, anchor));
    const about = {
      type: 'notarize-proof',
      version: 1,
      name: leaf.name,
      digest: bytesToHex(leaf.digest),
      txid: anchor.txid,
      height: anchor.height,
    };
    if (flags.out === undefined) return { ...about, ots: bytesToHex(ots) };
    const path = join(flags.out, fileOf(leaf));
    await createFile(path, ots, 0o644);
    return { ...about, file: path };
  });
}

async function anchorInFile(root: Uint8Array, flags: ProveValues): Promise<Anchor | undefined> {
  const bytes = await readInput(flags.block, BLOCK_LIMIT);
  const text = bytes[0]! < 0x20 ? '' : Buffer.from(bytes).toString('latin1').trim();
  const { transactions } = readBlock(/^(?:[0-9a-fA-F]{2})+$/.test(text) ? hexToBytes(text) : bytes);
  return anchorIn(transactions, root, flags.height!);
}

/** Blocks that are looked at, from the tip back, where no height is given. */
const LOOKS = 144;
async function anchorAt(root: Uint8Array, flags: ProveValues, rpc: Rpc | undefined): Promise<Anchor | undefined> {
  if (!rpc) throw new Refusal('usage', 'no block found: --block FILE with --height, or --chain URL expected');
  const { blocks: tip } = await rpc.blockchainInfo();
  const { script } = commitment(root);
  const last = flags.height ?? tip;
  let shallow: number | undefined;
  for (let height = last; height > Math.max(last - (flags.height === undefined ? LOOKS : 1), 0); height--) {
    const hex = await rpc.rawBlock(height);
    const found = hex.includes(script) ? anchorIn(readBlock(hexToBytes(hex)).transactions, root, height) : undefined;
    if (!found) continue;
    const known = await rpc.blockAt(height);
    const depth = known && equalBytes(parseHeader(hexToBytes(known.header)).root, found.root) ? known.confirmations : 0;
    if (depth >= flags['min-conf']) return found;
    // Anybody may commit to a root that was published: an older block may have it too.
    shallow ??= depth;
  }
  if (shallow === undefined) return undefined;
  throw new Refusal(
    'funding-unconfirmed',
    `a commitment with ${shallow} confirmations found, ${flags['min-conf']} expected`,
  );
}
