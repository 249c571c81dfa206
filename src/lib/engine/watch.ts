/**
 * One scan of all that is watched: the chain is queried, the families decide, and their acts are
 * done and reported (`duties.ts`). A node that does not answer ends the scan; a failure at one
 * record is reported and ends nothing. Due records come first. Records are read piece by piece, so
 * their number costs no memory.
 * Not here: whose records (`watch-home.ts`, `watch-bundle.ts`), and when to scan again
 * (`cli/watch-loop.ts`).
 */
import { MIN_FEERATE } from '../bitcoin/fee.ts';
import { RpcError, type Rpc } from '../chain/rpc.ts';
import { paymentsIn, type PaymentSearch } from '../chain/payments.ts';
import { recentBlocks, spendersIn } from '../chain/blocks.ts';
import { DEFAULT_FEERATE, networkOfNode } from '../chain/source.ts';
import type { Fees, Rules } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { lookOver, type Post, type Teller } from './duties.ts';
import { failureOf } from './failure.ts';
import { endsLook, type Why } from './sending.ts';

export type { Post };
export interface WatchedNode {
  rpc: Rpc;
  source: FactSource;
  /** Findings that the next scan uses too. */
  spenders?: ReturnType<typeof spendersIn>;
  payments?: PaymentSearch;
}
/** Event of one record, or of a file that is to be watched. */
export interface WatchEvent {
  event: string;
  contract?: Hex;
  role?: string;
  file?: string;
  [more: string]: unknown;
}
export type Tell = (tip: number, event: WatchEvent) => Promise<void>;

/**
 * Scans all that is watched once.
 * @returns true if all that was due could be done
 * @throws Refusal `chain-unavailable`, `chain-stale`, `wrong-network`
 */
export async function look(
  post: Post,
  node: WatchedNode,
  rules: Rules,
  tell: Tell,
  stopped = (): boolean => false,
): Promise<boolean> {
  const { facts } = await node.source.facts({ tip: true });
  const tip = facts.tip as number;
  const { listed, bad } = await post.list(tip);
  const { fees, unread } = await nodeFees(node, post.network);
  let all = bad.length === 0 && unread.length === 0;
  for (const { file, why } of bad) await tell(tip, { event: 'refused', file, code: why.code, message: why.message });
  for (const { code, message } of unread) await tell(tip, { event: 'fees-unknown', code, message });
  const teller: Teller = {
    async refused({ id, role }, error) {
      await refuseAway(node, post.network, error);
      all = false;
      const { code, message } = failureOf(error);
      await tell(tip, { event: 'refused', contract: id, ...(role && { role }), code, message });
    },
    async said({ id, role }, { event, more, short }) {
      all &&= !short;
      if (event !== undefined) await tell(tip, { event, contract: id, role, ...more });
    },
  };
  const rpc = node.rpc.together();
  const payments = (node.payments ??= paymentsIn(node.rpc));
  // A look is one moment: a block is at its height for all who ask.
  const hashes = new Map<number, Promise<Hex>>();
  const hashAt = (height: number): Promise<Hex> => {
    const asked = hashes.get(height) ?? node.rpc.blockHash(height);
    hashes.set(height, asked);
    asked.catch(() => hashes.delete(height));
    return asked;
  };
  const blocks = {
    recent: recentBlocks(node.rpc),
    spenders: (node.spenders ??= spendersIn(node.rpc)),
    payments: payments(tip, hashAt),
  };
  await lookOver(listed, post, { rpc, blocks, tip, fees, rules }, teller, stopped);
  const lapsed = (await post.after?.(stopped)) ?? [];
  for (const contract of lapsed) await tell(tip, { event: 'lapsed', contract, role: 'payee' });
  return all;
}

/** Returns the node's fees. Where they cannot be read, what is due goes out at the usual rate. */
export async function nodeFees(node: WatchedNode, network: string): Promise<{ fees: Fees; unread: readonly Why[] }> {
  const unread: Why[] = [];
  const read = <T>(answer: Promise<T>): Promise<T | undefined> =>
    answer.catch(async (error: unknown) => {
      await refuseAway(node, network, error);
      unread.push(failureOf(error));
      return undefined;
    });
  const asked = await read(node.source.facts({ feerate: true }));
  const { least = 0, relay = 0 } = (await read(node.rpc.mempoolRates())) ?? {};
  const feerate = asked?.facts.feerate ?? Math.max(DEFAULT_FEERATE, least);
  return { fees: { feerate, least, relay: Math.max(relay, MIN_FEERATE) }, unread };
}

/** Throws an error again if the node itself is away, and not one call. */
async function refuseAway(node: WatchedNode, network: string, error: unknown): Promise<void> {
  if (!(error instanceof Refusal) || !endsLook(error)) return;
  if (error instanceof RpcError || !(await isThere(node, network))) throw error;
}
const isThere = (node: WatchedNode, network: string): Promise<boolean> =>
  node.rpc.blockchainInfo().then(
    ({ chain }) => networkOfNode(chain) === network,
    () => false,
  );
