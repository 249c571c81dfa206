/**
 * One look at all contracts that are watched: each is decided (`credit/watch.ts`), acted on, and told. A node that does
 * not answer ends the look; a failure at one contract is told and ends nothing. Contracts that fall due first are
 * looked at first. They are looked at piece by piece, so that their number costs no memory. The node is asked of all of
 * a piece at once: of most it is enough that their coin is unspent.
 * Not here: whose contracts (`watch-home.ts`, `watch-bundle.ts`), and when to look again (`cli/watch-loop.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { feerateText, MIN_FEERATE } from '../bitcoin/fee.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import { RpcError, type Rpc } from '../chain/rpc.ts';
import { paymentsIn, type Payments } from '../chain/payments.ts';
import { recentBlocks } from '../chain/recent.ts';
import { DEFAULT_FEERATE, networkOfNode } from '../chain/source.ts';
import { spendersIn } from '../chain/spenders.ts';
import { anyMissing, spendOf, type Blocks, type Spender } from '../chain/spends.ts';
import { freezeHeight } from '../credit/checks.ts';
import type { Duty, From } from '../contract/duty.ts';
import { readyOf, type Fees, type Ready, type Rules } from '../contract/fees.ts';
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
import { judged } from '../credit/watched.ts';
import type { Settled } from '../credit/records.ts';
import type { Hex } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { lookAtDuties, type DutyPost } from './duties.ts';
import { failureOf } from './failure.ts';
import { astir, openedOf, readable, SENT_AT_ONCE, tellAll, type Acted, type Teller, type Unread } from './looking.ts';
import { doneOf, eachOf, endsLook, valueOf, withChild, type Said, type Sending, type Why } from './sending.ts';
import { pieces, slices } from './slices.ts';

/** Owner of the contracts, and what can be done for them beside sending. */
export interface Post {
  network: string;
  /** Lists the contracts to look at, in pieces, those that fall due first in front. `bad`: unreadable documents. */
  list(tip: number): Promise<{
    listed: AsyncIterable<readonly (Listed | Unread)[]> | Iterable<readonly Listed[]>;
    bad: readonly { file: string; why: Refusal }[];
  }>;
  /** Freezes the contract before an exit is sent. Returns the exit, which may be newer than the one watched. */
  freeze(w: Watched): Promise<Ready>;
  /** The transaction with a child, parents first. @throws Refusal where there can be none */
  withChild(w: Watched, tx: Ready, feeSat: bigint): Promise<{ txs: readonly Hex[]; fee_sat: bigint }>;
  /** A close for the other to sign, the same until one has come of it; undefined where there is no key, or one cannot be made yet. */
  propose(w: Watched): Promise<object | undefined>;
  settle(w: Watched, settled: Settled): Promise<void>;
  /** Gives up what was never funded, unless something was paid meanwhile. */
  lapse(w: Watched): Promise<void>;
  /** Records that their families watch by duties; absent where there are none. */
  duties?: DutyPost;
  /** Looks what else is new, once all that is due is done; absent where nothing is kept. Returns the contracts of a payee that lapsed. */
  after?(stopped: () => boolean): Promise<readonly Hex[]>;
}
export interface Node {
  rpc: Rpc;
  source: FactSource;
  /** Findings of a look for the next. */
  spenders?: ReturnType<typeof spendersIn>;
  payments?: Payments;
}
/** Event of one contract, or of a file that is to be watched. */
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
  const { listed, bad } = await post.list(tip);
  const { fees, unread } = await feesOf(node, post.network);
  let all = bad.length === 0 && unread.length === 0;
  for (const { file, why } of bad) await tell(tip, { event: 'refused', file, code: why.code, message: why.message });
  for (const { code, message } of unread) await tell(tip, { event: 'fees-unknown', code, message });
  const refused: Teller['refused'] = async ({ id, role }, error) => {
    await refuseAway(node, post.network, error);
    all = false;
    const { code, message } = failureOf(error);
    await tell(tip, { event: 'refused', contract: id, ...(role && { role }), code, message });
  };
  const said: Teller['said'] = async ({ id, role }, { event, more, short }) => {
    all &&= !short;
    if (event !== undefined) await tell(tip, { event, contract: id, role, ...more });
  };
  const teller = { said, refused };
  const many = rpc.together();
  const blocks = { recent: recentBlocks(rpc), spenders: (node.spenders ??= spendersIn(rpc)) };
  const pause = slices();
  /** Acts on contracts; the node is asked of all of them in one moment. */
  const actOn = async (watched: readonly Watched[]): Promise<void> => {
    const seen = await eachOf(watched, (w) => seenBy(many, blocks, w, tip, fees));
    for (const some of pieces([...watched.entries()], SENT_AT_ONCE)) {
      const ready: Acted<Watched>[] = [];
      for (const [i, w] of some) {
        if (stopped()) break;
        try {
          const now = valueOf(seen[i]!);
          ready.push({ w, beaten: overtakenBy(w, now), done: await act(post, w, decide(w, now, rules), tip) });
        } catch (failed) {
          ready.push({ w, done: { failed } });
        }
        await pause();
      }
      await tellAll(ready, await eachOf(ready, ({ done }) => doneOf(many, post.network, done)), teller);
    }
  };
  for await (const piece of listed) {
    const read = await astir(many, tip, await readable<Listed>(piece, teller), ({ outpoint }) => [outpoint]);
    const watched = await openedOf(read, (one) => one.open(), teller, stopped);
    for (const some of afterFunding(watched)) await actOn(some);
    if (stopped()) break;
  }
  if (post.duties && !stopped()) {
    const payments = (node.payments ??= paymentsIn(rpc));
    const at = { rpc: many, blocks: { ...blocks, payments }, network: post.network, tip, fees, rules };
    await lookAtDuties(post.duties, at, teller, stopped);
  }
  const lapsed = (await post.after?.(stopped)) ?? [];
  for (const contract of lapsed) await tell(tip, { event: 'lapsed', contract, role: 'payee' });
  return all;
}

/** A contract whose coin another one's rollover makes comes after that one: before the rollover is sent, nobody has funded it. */
function* afterFunding(watched: readonly Watched[]): Generator<readonly Watched[]> {
  for (let left = watched; left.length > 0;) {
    const made = new Set(left.map(({ pending }) => pending?.txid));
    const next = left.filter(({ outpoint }) => made.has(outpoint.txid));
    yield left.filter(({ outpoint }) => !made.has(outpoint.txid));
    // No transaction makes what it spends: each turn leaves fewer.
    left = next;
  }
}

/** Returns the node's fees. Where they cannot be read, what is due goes out at the usual rate. */
export async function feesOf(node: Node, network: string): Promise<{ fees: Fees; unread: readonly Why[] }> {
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

async function seenBy(
  rpc: Rpc,
  { recent, spenders }: Required<Blocks>,
  w: Watched,
  tip: number,
  fees: Fees,
): Promise<Seen> {
  // Of a copy that knows its refund only, every other end is one that it need not name.
  const blocks = { recent, ...(w.lapses !== true && w.contract && { spenders }) };
  const { coin, spend } = await spendOf(rpc, w.outpoint, w.ways.keys(), blocks);
  const conflicted =
    coin === 'unspent' && w.pending !== null && (await anyMissing(rpc, inputsOf(w.pending.hex), w.outpoint));
  return { tip, coin, spend: spend && spendBy(w, spend), conflicted, ...fees };
}

/** Returns the spend of the coin: a known one, or whatever it is by what it pays. */
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

/** Returns the event of a spend in the mempool that pays less than was paid; the remedy is told beside. */
function overtakenBy(w: Watched, { spend }: Seen): object | undefined {
  if (!spend || spend.confirmations > 0 || spend.paysSat === null || shortOf(w, spend.paysSat) === 0n) return undefined;
  const { by, txid, paysSat } = spend;
  return { by, txid, pays_sat: paysSat, short_sat: shortOf(w, paysSat) };
}

const inputsOf = (hex: Hex) => parseTransaction(hex).inputs.map((i) => ({ txid: bytesToHex(i.txid), vout: i.index }));

async function act(post: Post, w: Watched, due: Due, tip: number): Promise<Said | Sending> {
  const childOf = (tx: Ready) => (feeSat: bigint) => post.withChild(w, tx, feeSat);
  switch (due.do) {
    case 'wait':
      if (due.why === 'restored') return { event: due.why, short: true, more: { exits_at: lastAt(w.terms) } };
      return due.why === 'early' || due.why === 'nothing-to-exit' ? {} : { event: due.why, short: isAlarming(w, due) };
    case 'warn':
      return warning(w, tip);
    case 'propose-close': {
      const message = await post.propose(w);
      return message ? { event: 'propose-close', more: { message } } : warning(w, tip);
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
      return withChild(childOf(tx), { event: due.do, tx, why }, due.child);
    }
    case 'bump':
      return withChild(childOf(due.tx), { event: due.do, tx: due.tx }, due.child);
  }
}

/** The coin is gone, and nobody can say that it paid what was due. A copy of a refund can never say it. */
const isAlarming = ({ contract, role }: Watched, { why }: { why: Waiting }): boolean =>
  contract !== null && (why === 'not-found' || why === 'spent-otherwise' || (why === 'unfunded' && role === 'payee'));

/** A merchant is told until when it can take what its mint owes, by credit-invoice --check and sign-update. */
const warning = (w: Watched, tip: number): Said => ({
  event: 'warn',
  more: {
    deadline_height: dueAt(w),
    ...(w.warnsAt < freezeHeight(w.terms) &&
      tip < freezeHeight(w.terms) && { take_owed_before: freezeHeight(w.terms) }),
  },
});

/** A transaction that will be sent. */
export interface Planned extends Pick<Duty, 'does' | 'why' | 'tx' | 'from' | 'by' | 'worthSat'> {
  contract: Hex;
  role: string;
}

/** A rollover or close that this party has finished goes first, then its exit or refund. */
export function plannedOf(w: Watched | undefined): Planned[] {
  if (!w) return [];
  const { id: contract, role, own, pending, terms, paidSat } = w;
  const by = role === 'payee' ? terms.expiry : null;
  const planned = (tx: Ready, does: string, why: string, from: From, worthSat: bigint): Planned => ({
    contract,
    role,
    does,
    why,
    tx,
    from,
    by,
    worthSat,
  });
  return [
    ...(pending ? [planned(pending, 'rebroadcast', `the ${pending.by} was signed`, null, paidSat)] : []),
    ...(own && role === 'payee'
      ? [planned(own, 'exit', 'the payer can take a refund at the expiry', { height: dueAt(w) + 1 }, paidSat)]
      : []),
    ...(own && role === 'payer'
      ? [planned(own, 'refund', 'the contract has expired', { height: dueAt(w) + 1 }, own.paysSat)]
      : []),
  ];
}

/** The exit, frozen. It goes out where that fails too, as on a full disk: past its height no payment is accepted any more. */
const frozen = (post: Post, w: Watched, tx: Ready): Promise<{ tx: Ready; why?: Why }> =>
  post.freeze(w).then(
    (newest) => ({ tx: newest }),
    (error: unknown) => ({ tx, why: failureOf(error) }),
  );
