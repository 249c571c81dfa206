/**
 * One look at all contracts that are watched: what is due is decided for each (`credit/watch.ts`), done, and told.
 *
 * A node that does not answer ends the look; what a node refuses of one contract is told and ends nothing. Not here: whose
 * contracts (`watch-home.ts`, `watch-bundle.ts`), and when to look again (`watch-loop.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { feerateText } from '../bitcoin/fee.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import { isStarting, RpcError, type Rpc } from '../chain/rpc.ts';
import { recentBlocks, type Recent } from '../chain/recent.ts';
import { send } from '../chain/send.ts';
import { anyMissing, spendOf } from '../chain/spends.ts';
import { decide, dueAt, lastAt, type Due, type Ready, type Rules, type Seen, type Watched } from '../credit/watch.ts';
import type { Settled } from '../credit/records.ts';
import type { Hex } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Whose contracts they are, and what can be done for them beside sending. */
export interface Post {
  network: string;
  /** `bad`: documents that cannot be read. */
  list(): Promise<{ watched: readonly Watched[]; bad: readonly { file: string; why: Refusal }[] }>;
  /** Before an exit is sent. @returns the exit, which may be newer than what was watched */
  freeze(w: Watched): Promise<Ready>;
  /** The transaction with a child, parents first. @throws Refusal where there can be none */
  withChild(w: Watched, tx: Ready, feerate: number): Promise<{ txs: readonly Hex[]; fee_sat: bigint }>;
  /** A close for the payer to sign; undefined where there is no key. */
  propose(w: Watched): Promise<object | undefined>;
  settle(w: Watched, settled: Settled): Promise<void>;
}
export interface Node {
  rpc: Rpc;
  source: FactSource;
}
/** What is told of one contract, or of a file that is to be watched. */
export interface WatchEvent {
  event: string;
  contract?: Hex;
  role?: string;
  file?: string;
  [more: string]: unknown;
}
export type Tell = (tip: number, event: WatchEvent) => Promise<void>;

/** @returns whether all that was due could be done @throws Refusal `chain-unavailable`, `chain-stale`, `wrong-network` */
export async function look(
  post: Post,
  { rpc, source }: Node,
  rules: Rules,
  tell: Tell,
  stopped = (): boolean => false,
): Promise<boolean> {
  const { facts } = await source.facts({ tip: true, feerate: true });
  const tip = facts.tip as number;
  const { watched, bad } = await post.list();
  let all = bad.length === 0;
  for (const { file, why } of bad) await tell(tip, { event: 'refused', file, code: why.code, message: why.message });
  const recent = recentBlocks(rpc, new Set(watched.flatMap(({ ways }) => [...ways.keys()])));
  for (const w of watched) {
    if (stopped()) break;
    const about = { contract: w.id, role: w.role };
    try {
      const due = decide(w, await seenBy(rpc, recent, w, tip, facts.feerate!), rules);
      const said = await act(post, rpc, w, due);
      all &&= !said.short;
      if (said.event !== undefined) await tell(tip, { event: said.event, ...about, ...said.more });
    } catch (error) {
      if (!(error instanceof Refusal) || endsLook(error)) throw error;
      all = false;
      await tell(tip, { event: 'refused', ...about, code: error.code, message: error.message });
    }
  }
  return all;
}

/** Without the node, its cookie or its chain no contract can be looked at. Another answer with an error is about one contract. */
const endsLook = (error: Refusal): boolean =>
  error instanceof RpcError
    ? isStarting(error)
    : ['chain-unavailable', 'chain-stale', 'wrong-network', 'no-input'].includes(error.code);

async function seenBy(rpc: Rpc, recent: Recent, w: Watched, tip: number, feerate: number): Promise<Seen> {
  const { coin, spend } = await spendOf(rpc, w.outpoint, w.ways.keys(), recent);
  const by = (spend?.txid != null && w.ways.get(spend.txid)) || 'other';
  const conflicted =
    coin === 'unspent' && w.pending !== null && (await anyMissing(rpc, inputsOf(w.pending.hex), w.outpoint));
  return { tip, coin, spend: spend && { ...spend, by }, conflicted, feerate };
}

const inputsOf = (hex: Hex) => parseTransaction(hex).inputs.map((i) => ({ txid: bytesToHex(i.txid), vout: i.index }));

interface Said {
  /** undefined: nothing worth a line. */
  event?: string;
  more?: object;
  /** Something is due that could not be done. */
  short?: boolean;
}

async function act(post: Post, rpc: Rpc, w: Watched, due: Due): Promise<Said> {
  switch (due.do) {
    case 'wait':
      if (due.why === 'restored') return { event: due.why, short: true, more: { exits_at: lastAt(w.terms) } };
      return due.why === 'early' || due.why === 'nothing-to-exit' ? {} : { event: due.why };
    case 'warn':
      return warning(w);
    case 'propose-close': {
      const message = await post.propose(w);
      return message ? { event: 'propose-close', more: { message } } : warning(w);
    }
    case 'settled':
      await post.settle(w, { by: due.by, txid: due.txid });
      return { event: 'settled', more: { by: due.by, txid: due.txid } };
    case 'over-budget':
    case 'needs-bump': {
      const { by, txid } = due.tx;
      const wanted = feerateText(due.wanted);
      return { event: due.do, short: true, more: { by, txid, wanted, expiry: w.terms.expiry } };
    }
    case 'exit':
    case 'refund':
    case 'rebroadcast': {
      const tx = due.do === 'exit' ? await post.freeze(w) : due.tx;
      return sendOut(post, rpc, w, due.do, tx, due.feerate);
    }
    case 'bump':
      return sendOut(post, rpc, w, 'bump', due.tx, due.feerate);
  }
}

const warning = (w: Watched): Said => ({ event: 'warn', more: { deadline_height: dueAt(w) } });

async function sendOut(
  post: Post,
  rpc: Rpc,
  w: Watched,
  event: string,
  tx: Ready,
  feerate: number | null,
): Promise<Said> {
  const { made, why } = feerate === null ? {} : await withChild(post, rpc, w, event, tx, feerate);
  const txids = made?.txids ?? (await send(rpc, post.network, [tx.hex]));
  const child = made && { child_txid: txids[1], child_fee_sat: made.fee_sat, feerate: feerateText(feerate!) };
  const alone = why && { code: why.code, message: why.message };
  return { event, short: why !== undefined, more: { by: tx.by, txid: tx.txid, ...child, ...alone } };
}

/** Sends both. What is not in the mempool yet is rather sent without its child than not at all: then it is said why. */
async function withChild(
  post: Post,
  rpc: Rpc,
  w: Watched,
  event: string,
  tx: Ready,
  feerate: number,
): Promise<{ made?: { txids: string[]; fee_sat: bigint }; why?: Refusal }> {
  try {
    const { txs, fee_sat } = await post.withChild(w, tx, feerate);
    return { made: { txids: await send(rpc, post.network, txs), fee_sat } };
  } catch (error) {
    if (event === 'bump' || !(error instanceof Refusal) || endsLook(error)) throw error;
    return { why: error };
  }
}
