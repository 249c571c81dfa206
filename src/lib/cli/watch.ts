/**
 * One look at all contracts that are watched: what is due is decided for each (`credit/watch.ts`), done, and told.
 *
 * A node that does not answer ends the look; what fails of one contract is told and ends nothing. What falls due first is
 * looked at first. Not here: whose contracts (`watch-home.ts`, `watch-bundle.ts`), and when to look again (`watch-loop.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { feerateText, MIN_FEERATE } from '../bitcoin/fee.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import { isStarting, RpcError, type Rpc } from '../chain/rpc.ts';
import { recentBlocks } from '../chain/recent.ts';
import { send } from '../chain/send.ts';
import { DEFAULT_FEERATE, networkOfNode } from '../chain/source.ts';
import { spendersIn } from '../chain/spenders.ts';
import { anyMissing, spendOf, type Blocks, type Spender } from '../chain/spends.ts';
import type { Fees, Paying, Ready, Rules } from '../credit/fees.ts';
import {
  decide,
  dueAt,
  lastAt,
  shortOf,
  type Due,
  type Listed,
  type Seen,
  type Spend,
  type Waiting,
  type Watched,
} from '../credit/watch.ts';
import { judged, readyOf } from '../credit/watched.ts';
import type { Settled } from '../credit/records.ts';
import type { Hex } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { failureOf, type Failure } from './errors.ts';
import { slices } from './slices.ts';

/** Whose contracts they are, and what can be done for them beside sending. */
export interface Post {
  network: string;
  /** `bad`: documents that cannot be read. */
  list(): Promise<{ listed: readonly Listed[]; bad: readonly { file: string; why: Refusal }[] }>;
  /** Before an exit is sent. @returns the exit, which may be newer than what was watched */
  freeze(w: Watched): Promise<Ready>;
  /** The transaction with a child, parents first. @throws Refusal where there can be none */
  withChild(w: Watched, tx: Ready, feeSat: bigint): Promise<{ txs: readonly Hex[]; fee_sat: bigint }>;
  /** A close for the other to sign, the same until one has come of it; undefined where there is no key, or one cannot be made yet. */
  propose(w: Watched): Promise<object | undefined>;
  settle(w: Watched, settled: Settled): Promise<void>;
  /** Gives up what was never funded, unless something was paid meanwhile. */
  lapse(w: Watched): Promise<void>;
}
export interface Node {
  rpc: Rpc;
  source: FactSource;
  /** What a look may find out for the next. */
  spenders?: ReturnType<typeof spendersIn>;
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
  node: Node,
  rules: Rules,
  tell: Tell,
  stopped = (): boolean => false,
): Promise<boolean> {
  const { rpc } = node;
  const { facts } = await node.source.facts({ tip: true });
  const tip = facts.tip as number;
  const { listed, bad } = await post.list();
  const { fees, unread } = await feesOf(node, post.network);
  let all = bad.length === 0 && unread.length === 0;
  for (const { file, why } of bad) await tell(tip, { event: 'refused', file, code: why.code, message: why.message });
  for (const { code, message } of unread) await tell(tip, { event: 'fees-unknown', code, message });
  const spenders = (node.spenders ??= spendersIn(rpc));
  const refused = async ({ id, role }: Pick<Listed, 'id' | 'role'>, error: unknown): Promise<void> => {
    await refuseAway(node, post.network, error);
    all = false;
    const { code, message } = failureOf(error);
    await tell(tip, { event: 'refused', contract: id, role, code, message });
  };
  // What is due does not wait until all the others are worked out.
  const [due, rest] = inTurn(listed, tip);
  for (const turn of [due, rest]) {
    const watched = await opened(turn, stopped, refused);
    const recent = recentBlocks(rpc, new Set(watched.flatMap(({ ways }) => [...ways.keys()])));
    for (const w of watched) {
      if (stopped()) break;
      const about = { contract: w.id, role: w.role };
      try {
        // Of a copy that knows its refund only, every other end is one that it need not name.
        const seen = await seenBy(rpc, w.lapses || !w.contract ? { recent } : { recent, spenders }, w, tip, fees);
        const beaten = overtakenBy(w, seen);
        if (beaten) await tell(tip, { event: 'overtaken', ...about, ...beaten });
        all &&= !beaten;
        const said = await act(post, rpc, w, decide(w, seen, rules));
        all &&= !said.short;
        if (said.event !== undefined) await tell(tip, { event: said.event, ...about, ...said.more });
      } catch (error) {
        await refused(w, error);
      }
    }
  }
  return all;
}

/** What is due, and the rest, both by when they fall due. Over a contract that was never paid over nothing can be done before its expiry: anybody may have asked for it. */
function inTurn(listed: readonly Listed[], tip: number): [due: Listed[], rest: Listed[]] {
  const at = (c: Listed): number => (c.sends ? dueAt(c) : Infinity);
  const all = listed.filter((c) => !c.lapses || c.behind || tip >= c.terms.expiry).sort((a, b) => at(a) - at(b));
  return [all.filter((c) => at(c) <= tip), all.filter((c) => at(c) > tip)];
}

async function opened(
  listed: readonly Listed[],
  stopped: () => boolean,
  refused: (one: Listed, error: unknown) => Promise<void>,
): Promise<Watched[]> {
  const all: Watched[] = [];
  const pause = slices();
  for (const one of listed) {
    if (stopped()) break;
    try {
      all.push(one.open());
    } catch (error) {
      await refused(one, error);
    }
    await pause();
  }
  return all;
}

/** What the node says of fees. Where that cannot be read, what is due goes out at the usual rate rather than not at all. */
async function feesOf(node: Node, network: string): Promise<{ fees: Fees; unread: readonly Why[] }> {
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

/** A call may fail that only one contract needs, or none. @throws the error where the node itself is away */
async function refuseAway(node: Node, network: string, error: unknown): Promise<void> {
  if (!(error instanceof Refusal) || !endsLook(error)) return;
  if (error instanceof RpcError || !(await isThere(node, network))) throw error;
}
const isThere = (node: Node, network: string): Promise<boolean> =>
  node.rpc.blockchainInfo().then(
    ({ chain }) => networkOfNode(chain) === network,
    () => false,
  );

/** Without the node, its cookie or its chain no contract can be looked at. Another answer with an error is about one contract. */
const endsLook = (error: Refusal): boolean =>
  error instanceof RpcError
    ? isStarting(error)
    : ['chain-unavailable', 'chain-stale', 'wrong-network', 'no-input'].includes(error.code);

async function seenBy(rpc: Rpc, blocks: Blocks, w: Watched, tip: number, fees: Fees): Promise<Seen> {
  const { coin, spend } = await spendOf(rpc, w.outpoint, w.ways.keys(), blocks);
  const conflicted =
    coin === 'unspent' && w.pending !== null && (await anyMissing(rpc, inputsOf(w.pending.hex), w.outpoint));
  return { tip, coin, spend: spend && spendBy(w, spend), conflicted, ...fees };
}

/** What spends the coin: one that is known, or whatever it is by what it pays. */
function spendBy(w: Watched, { txid, hex, confirmations, paying }: Spender): Spend {
  const known = txid === null ? undefined : w.ways.get(txid);
  const read = hex !== null && w.contract ? judged(w.contract, hex, w.script) : undefined;
  const { by, paysSat } = known ?? read ?? { by: 'other', paysSat: null };
  const fee = paying?.own.feeSat ?? 0n;
  return {
    by,
    txid,
    paysSat,
    confirmations,
    paying: paying && { all: paying, own: paying.own },
    tx: hex === null ? null : { ...readyOf(by, hex, 0n, w.script, w.own?.children === null ? null : []), fee },
  };
}

/** In the mempool, and it pays less than was paid: what is done about it is told beside. */
function overtakenBy(w: Watched, { spend }: Seen): object | undefined {
  if (!spend || spend.confirmations > 0 || spend.paysSat === null || shortOf(w, spend.paysSat) === 0n) return undefined;
  const { by, txid, paysSat } = spend;
  return { by, txid, pays_sat: paysSat, short_sat: shortOf(w, paysSat) };
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
      return due.why === 'early' || due.why === 'nothing-to-exit' ? {} : { event: due.why, short: isAlarming(w, due) };
    case 'warn':
      return warning(w);
    case 'propose-close': {
      const message = await post.propose(w);
      return message ? { event: 'propose-close', more: { message } } : warning(w);
    }
    case 'lapse':
      await post.lapse(w);
      return { event: 'lapsed' };
    case 'settled':
    case 'lost':
    case 'overtaken': {
      const { by, txid, paysSat } = due;
      if (due.do !== 'overtaken') await post.settle(w, { by, txid, paysSat });
      if (due.do === 'settled') return { event: due.do, more: { by, txid } };
      const lost = due.do === 'lost' ? { lost_sat: due.lostSat } : { short_sat: due.lostSat };
      return { event: due.do, short: true, more: { by, txid, pays_sat: paysSat, ...lost } };
    }
    case 'over-budget':
    case 'needs-bump': {
      const { by, txid } = due.tx;
      const needs = due.do === 'over-budget' && { needs_sat: due.needsSat };
      return {
        event: due.do,
        short: true,
        more: { by, txid, wanted: feerateText(due.wanted), ...needs, expiry: w.terms.expiry },
      };
    }
    case 'exit':
    case 'refund':
    case 'rebroadcast': {
      const { tx, why } = due.do === 'exit' ? await frozen(post, w, due.tx) : { tx: due.tx };
      return sendOut(post, rpc, w, due.do, { tx, child: due.child, why });
    }
    case 'bump':
      return sendOut(post, rpc, w, 'bump', due);
  }
}

/** The coin is gone, and nobody can say that it paid what was due. A copy of a refund can never say it. */
const isAlarming = ({ contract, role }: Watched, { why }: { why: Waiting }): boolean =>
  contract !== null && (why === 'not-found' || why === 'spent-otherwise' || (why === 'unfunded' && role === 'payee'));

const warning = (w: Watched): Said => ({ event: 'warn', more: { deadline_height: dueAt(w) } });

/** Why something was not done as it should be. */
type Why = Pick<Failure, 'code' | 'message'>;

/** The exit, frozen. It goes out where that fails too, as on a full disk: past its height no payment is accepted any more. */
const frozen = (post: Post, w: Watched, tx: Ready): Promise<{ tx: Ready; why?: Why }> =>
  post.freeze(w).then(
    (newest) => ({ tx: newest }),
    (error: unknown) => ({ tx, why: failureOf(error) }),
  );

/** @param out `why`: what failed before */
async function sendOut(
  post: Post,
  rpc: Rpc,
  w: Watched,
  event: string,
  out: { tx: Ready; child: Paying | null; why?: Why | undefined },
): Promise<Said> {
  const { tx, child } = out;
  const { made, why = out.why } = child === null ? {} : await withChild(post, rpc, w, event, tx, child.feeSat);
  const txids = made?.txids ?? (await send(rpc, post.network, [tx.hex]));
  const paid = made && { child_txid: txids[1], child_fee_sat: made.fee_sat, feerate: feerateText(child!.feerate) };
  const alone = why && { code: why.code, message: why.message };
  return { event, short: why !== undefined, more: { by: tx.by, txid: tx.txid, ...paid, ...alone } };
}

/** Sends both. What is not in the mempool yet is rather sent without its child than not at all: then it is said why. */
async function withChild(
  post: Post,
  rpc: Rpc,
  w: Watched,
  event: string,
  tx: Ready,
  feeSat: bigint,
): Promise<{ made?: { txids: string[]; fee_sat: bigint }; why?: Why }> {
  try {
    const { txs, fee_sat } = await post.withChild(w, tx, feeSat);
    return { made: { txids: await send(rpc, post.network, txs), fee_sat } };
  } catch (error) {
    if (event === 'bump' || !(error instanceof Refusal) || endsLook(error)) throw error;
    return { why: error };
  }
}
