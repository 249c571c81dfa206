/**
 * Plans of many documents under one root: lines of JSON, first that of the root.
 * Not here: who pays (`stamping.ts`), proofs (`prove.ts`).
 */
import { isNetwork, type Network } from '../../lib/bitcoin/network.ts';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import type { TaprootCommitment } from '../../lib/notary/records.ts';
import { committedScript, internalKeyIn } from '../../lib/notary/taproot.ts';
import {
  commitment,
  Leaves,
  makeTree,
  NONCE_SIZE,
  treeRoot,
  type DocumentLeaf,
  type StampTree,
} from '../../lib/notary/tree.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson, printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { openInput } from '../../lib/cli/input.ts';
import { linesOf } from '../../lib/cli/lines.ts';
import { fastJson, print } from '../../lib/cli/output.ts';

const LINES_AT_ONCE = 200;

/** Document of a plan. */
export interface PlannedLeaf extends DocumentLeaf {
  name: string | undefined;
}
export interface Plan {
  network: Network;
  /** Unix seconds. No block before has the commitment. */
  time: number;
  /** Key and leaf of a taproot output; null for OP_RETURN. */
  taproot: TaprootCommitment | null;
  root: Uint8Array;
  leaves: Leaves;
}

/** Returns the script of the output that commits to the root of a plan. */
export function planScript({ taproot, root }: Pick<Plan, 'taproot' | 'root'>): Hex {
  return taproot ? committedScript(taproot.internalKey, root) : commitment(root).script;
}

/** Prints a plan. @param payment words of its first line on the transaction */
export async function printPlan(plan: Plan, payment: object): Promise<void> {
  const { network, time, taproot, leaves, root } = plan;
  const head = { type: 'notarize-stamp', version: 1, network, root: bytesToHex(root), count: leaves.length };
  const bound = taproot && { internal_key: taproot.internalKey, leaf: taproot.leaf };
  await print(printJson({ ...head, time, script: planScript(plan), ...bound, ...payment }));
  await printLeaves(leaves, ({ digest, nonce, name }) => ({
    type: 'notarize-leaf',
    version: 1,
    digest: bytesToHex(digest),
    nonce: bytesToHex(nonce),
    name,
  }));
}

/** Prints many lines in few writes. */
export async function printLeaves(
  leaves: Leaves,
  line: (leaf: PlannedLeaf, i: number) => object | Promise<object>,
): Promise<void> {
  for (let from = 0; from < leaves.length; from += LINES_AT_ONCE) {
    const made: string[] = [];
    for (let i = from; i < Math.min(from + LINES_AT_ONCE, leaves.length); i++)
      made.push(fastJson(await line(leaves.at(i)!, i)));
    await print(made.join('\n'));
  }
}

/** Reads JSON objects, a line each, and skips empty lines. @throws Refusal as `parseJson` */
export async function* readObjects(file: string | undefined): AsyncGenerator<Fields> {
  for await (const line of linesOf(await openInput(file))) {
    if ('refusal' in line) throw line.refusal;
    if (line.text.trim() !== '') yield new Fields(parseJson(line.text), `line ${line.number}`);
  }
}

/** Reads a plan and checks its root. @throws Refusal `unknown-type`, `root-differs`, `malformed` */
export async function readPlan(file: string | undefined): Promise<Plan & { tree: StampTree }> {
  const leaves = new Leaves();
  let head: Omit<Plan, 'leaves'> | undefined;
  for await (const from of readObjects(file)) {
    if (!head) head = headIn(from);
    else {
      const digest = from.need('digest', from.bytes('digest', 32));
      leaves.add({ digest, nonce: from.need('nonce', from.bytes('nonce', NONCE_SIZE)) }, from.text('name'));
    }
  }
  if (!head || leaves.length === 0) throw new Refusal('malformed', 'a plan without a document found');
  const tree = makeTree(leaves);
  const found = bytesToHex(treeRoot(tree));
  if (found !== bytesToHex(head.root))
    throw new Refusal('root-differs', `the plan: its lines lead to ${found}, ${bytesToHex(head.root)} expected`);
  return { ...head, leaves, tree };
}

function headIn(from: Fields): Omit<Plan, 'leaves'> {
  if (from.text('type') !== 'notarize-stamp')
    throw new Refusal('unknown-type', 'a plan of notarize stamp expected, its line with the root first');
  const root = from.need('root', from.bytes('root', 32));
  const network = from.need('network', from.text('network'));
  if (!isNetwork(network)) from.refuse('network', 'a network');
  const internalKey = internalKeyIn(from);
  return {
    root,
    network,
    time: Number(from.need('time', from.whole('time', 0xffffffffn))),
    taproot: internalKey === undefined ? null : { internalKey, leaf: commitment(root).script },
  };
}
