/**
 * Input of `broadcast`, `bump` and `inspect`: any document that this program prints, a PSBT, or a
 * transaction. For a way out in several steps, also which are in a block and which is next.
 */
import { finalHex } from '../bitcoin/wallet-inputs.ts';
import { parseTransaction, parseBareTransaction, txidOfHex, type BareTransaction } from '../bitcoin/transaction.ts';
import { copySettlement, type FinishedTx, type Settlement } from '../contract/copy.ts';
import { FAMILIES } from '../families.ts';
import { parseJson } from '../protocol/json.ts';
import { envelope, type Document } from '../protocol/message.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { sniff } from './sniff.ts';

export type ReadDocument = { document: Document } | { psbt: string } | { hex: string };

/** Returns the document that these bytes are. @throws Refusal as `sniff` and `parseJson` do */
export function documentIn(bytes: Uint8Array): ReadDocument {
  const input = sniff(bytes, { transaction: true });
  if (input.form === 'psbt') return { psbt: Buffer.from(input.bytes).toString('base64') };
  if (input.form === 'transaction') return { hex: Buffer.from(input.bytes).toString('hex') };
  const document = parseJson(input.text) as Document;
  envelope(document);
  return { document };
}

/** Transactions to be sent, parents first; the network if the document states it. */
export interface Sendable {
  network?: string;
  txs: readonly string[];
  /** Transactions that are sent after these, group by group, each once it is valid. */
  later?: readonly (readonly string[])[];
}

/**
 * Returns the transactions to send.
 * @throws Refusal `not-signed`, `not-final`; `malformed-message` for a document without one
 */
export async function sendable(read: ReadDocument): Promise<Sendable> {
  if ('psbt' in read) return { txs: [finalHex(read.psbt).hex] };
  if ('hex' in read) {
    parseTransaction(read.hex);
    return { txs: [read.hex] };
  }
  const { document } = read;
  if (document['type'] === 'bump' && Array.isArray(document['package']))
    return { network: document['network'], txs: checked(document['package']) };
  const { network, later, ...first } = await settlement(document);
  const txsOf = ({ hex, package: together = [hex] }: FinishedTx) => checked(together);
  return { network, txs: txsOf(first), ...(later && { later: later.map(txsOf) }) };
}

const checked = (txs: readonly unknown[]): string[] =>
  txs.map((hex) => {
    parseTransaction(String(hex));
    return String(hex);
  });

/** Returns the transaction in a document. @throws Refusal `malformed-message` if it has none */
export async function settlement(document: Document): Promise<Settlement> {
  const carriers = await Promise.all(FAMILIES.map(({ carries }) => carries?.()));
  let found: Settlement | undefined;
  try {
    found = copySettlement(document);
    for (const carries of carriers) found ??= carries?.(document);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('malformed-message', 'a document of the right kind found, with fields missing');
  }
  if (!found)
    throw new Refusal(
      'malformed-message',
      `a document of type ${String(document['type']).slice(0, 40)} at '${String(document['step']).slice(0, 40)}' found, one with a transaction expected`,
      {
        hint: 'ready, complete, owned, a claim, a refund, an exit or bump',
      },
    );
  parseTransaction(found.hex);
  return found;
}

/**
 * Returns the indexes of the groups in a block. A node may forget one whose outputs are spent; then
 * its child, or a later one, proves it.
 * @param groups each with its child behind it
 */
export async function minedSteps(rpc: Rpc, groups: readonly (readonly Hex[])[]): Promise<ReadonlySet<number>> {
  const mined = new Set<number>();
  if (groups.length === 1) return mined;
  const found = groups.map((hexes) => hexes.map(parseBareTransaction));
  const makers = new Map(found.map(([step], i) => [step!.txid, i]));
  const hasOutput = async (txs: readonly BareTransaction[]): Promise<boolean> => {
    for (const { txid, outputs } of txs)
      for (const vout of outputs.keys()) if (await rpc.txOut({ txid, vout }, false)) return true;
    return false;
  };
  for (const [i, txs] of [...found.entries()].reverse()) {
    if (!mined.has(i) && !(await hasOutput(txs))) continue;
    mined.add(i);
    for (const { txid } of txs[0]!.inputs) mined.add(makers.get(txid) ?? i);
  }
  return mined;
}

/**
 * Returns the step that needs a fee: first in the mempool, else first that the node shows in no
 * block.
 * @param rpc undefined returns the first step
 * @throws Refusal `nothing-to-bump` where all are in a block
 */
export async function nextStep(rpc: Rpc | undefined, { later, ...first }: Settlement): Promise<FinishedTx> {
  if (!rpc || !later) return first;
  const steps = [first, ...later];
  const mined = await minedSteps(
    rpc,
    steps.map(({ hex, package: together = [hex] }) => together),
  );
  const open = steps.filter((_, i) => !mined.has(i));
  for (const step of open) if (await rpc.mempoolFee(txidOfHex(step.hex))) return step;
  if (!open[0]) throw new Refusal('nothing-to-bump', `all ${steps.length} steps of the package are in a block`);
  return open[0];
}
