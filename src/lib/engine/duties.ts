/**
 * Acts of a scan over given records, piece by piece. Those at rest are left alone. For the others
 * the chain is queried for each coin, the family decides (`contract/duty.ts`), and its acts are
 * done. For most it is enough that their coins are unspent and nothing is due at this height. A
 * failure at one record is reported and ends nothing.
 * Not here: whose records (`watch-home.ts`, `watch-bundle.ts`), sending (`sending.ts`), the whole
 * scan (`watch.ts`).
 */
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { BlockSearch } from '../chain/payments.ts';
import { medianTimeAt } from '../chain/blocks.ts';
import { anyMissing, spendOf, type Blocks } from '../chain/spends.ts';
import type { Act, CoinSeen, ActionStart, ChainView, Watched, WatchedCoin } from '../contract/duty.ts';
import type { Fees, ReadyTx, Rules } from '../contract/fees.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { failureOf } from './failure.ts';
import { doneOf, eachOf, valueOf, withChild, type Results, type Said, type Sending, type Why } from './sending.ts';
import { pieces, slices } from './slices.ts';

/** Part of a record that is held between scans. */
export interface Resting extends Pick<Watched, 'id' | 'role' | 'restsUntil'> {
  outpoints: readonly Outpoint[];
  /** undefined: nothing is watched of it any more. */
  open(): Promise<Charge | undefined>;
}
/** A record that cannot be read. */
export interface Unread {
  id: Hex;
  why: Refusal;
}
/** A record that is watched, and what is written of it. */
export interface Charge {
  watched: Watched;
  /** Stores what a scan has shown, before anything is done. */
  learn?(seen: ChainView): Promise<void>;
  /**
   * Writes that its own transaction is sent, before sending. Returns it as the record now has it.
   * @throws Refusal `state-moved-on` where it may not be sent
   */
  sent(tx: ReadyTx): Promise<ReadyTx>;
  ended(end: Extract<Act, { do: 'end' }>): Promise<void>;
  /** Gives up what was never funded, unless something came of it meanwhile. */
  lapsed(): Promise<void>;
}
type ListedRecords = AsyncIterable<readonly (Resting | Unread)[]> | Iterable<readonly Resting[]>;
/** Owner of the records, and what can be done for them besides sending. */
export interface Post {
  network: string;
  /** Lists the records to scan, in pieces, due ones first. `bad`: unreadable documents. */
  list(tip: number): Promise<{
    listed: ListedRecords;
    bad: readonly { file: string; why: Refusal }[];
  }>;
  /** The transaction with a child, parents first. @throws Refusal where there can be none */
  withChild(tx: ReadyTx, feeSat: bigint): Promise<{ txs: readonly Hex[]; fee_sat: bigint }>;
  /** Keys for a transaction that is signed when it is sent; absent where there are none. */
  hand?(): Promise<Hand>;
  /**
   * Makes a message for the other side, the same until that one has had an effect; undefined if
   * none can be made yet. Absent without a key.
   */
  propose?(opening: ActionStart): Promise<object | undefined>;
  /** Scans for other news once all due is done; absent if nothing is stored. Returns lapsed ids. */
  after?(stopped: () => boolean): Promise<readonly Hex[]>;
}
/** Listener of a scan. */
export interface Teller {
  said(about: { id: Hex; role: string }, said: Said): Promise<void>;
  refused(about: { id: Hex; role?: string }, error: unknown): Promise<void>;
}
interface LookContext {
  rpc: Rpc;
  blocks: Required<Blocks> & { payments: BlockSearch };
  tip: number;
  fees: Fees;
  rules: Rules;
}
/** Act for one record, and the transaction that threatens it meanwhile. */
interface Acted {
  w: Watched;
  beaten?: object | undefined;
  done: Said | Sending | { failed: unknown };
}

/** Number of transactions that are made ready before they are sent, in one request. */
const SENT_AT_ONCE = 25;

export async function lookOver(
  listed: ListedRecords,
  post: Post,
  at: LookContext,
  teller: Teller,
  stopped: () => boolean,
): Promise<void> {
  for await (const piece of listed) {
    const charges = await openedOf(await astir(at, await readable(piece, teller)), teller, stopped);
    for (const some of afterFunding(charges)) await actOn(post, some, at, teller, stopped);
    if (stopped()) return;
  }
}

/** Returns the records of a piece; reports those that cannot be read. */
async function readable(piece: readonly (Resting | Unread)[], { refused }: Teller): Promise<Resting[]> {
  const read: Resting[] = [];
  for (const one of piece)
    if ('why' in one) await refused(one, one.why);
    else read.push(one);
  return read;
}

/** Returns those of which more is to be known than that their coins are unspent. */
async function astir({ rpc, tip }: LookContext, records: readonly Resting[]): Promise<Resting[]> {
  const unspent = await eachOf(records, async ({ outpoints }) => {
    const coins = await Promise.all(outpoints.map((outpoint) => rpc.txOut(outpoint)));
    return coins.every((coin) => coin !== undefined);
  });
  const rests = ({ restsUntil }: Resting, found: (typeof unspent)[number]): boolean =>
    tip < restsUntil && found.status === 'fulfilled' && found.value;
  return records.filter((one, i) => !rests(one, unspent[i]!));
}

/** Opens records one by one until stopped; reports those that cannot be opened or worked out. */
async function openedOf(
  records: readonly Resting[],
  { refused }: Teller,
  stopped: () => boolean,
): Promise<readonly OpenedCharge[]> {
  const all: OpenedCharge[] = [];
  const pause = slices();
  for (const one of records) {
    if (stopped()) break;
    try {
      const charge = await one.open();
      if (charge) all.push({ charge, makes: madeBy(charge.watched) });
    } catch (error) {
      await refused(one, error);
    }
    await pause();
  }
  return all;
}
interface OpenedCharge {
  charge: Charge;
  /** Ids of its own transactions. */
  makes: readonly Hex[];
}
const madeBy = ({ duties }: Watched): Hex[] => duties.flatMap(({ tx }) => ('txid' in tx ? [tx.txid] : []));

/** Yields groups in which each record follows the one whose transaction funds it. */
function* afterFunding(opened: readonly OpenedCharge[]): Generator<readonly Charge[]> {
  for (let left = opened; left.length > 0;) {
    const maker = new Map(left.flatMap((one) => one.makes.map((txid) => [txid, one] as const)));
    const waits = (one: OpenedCharge): boolean =>
      one.charge.watched.coins.some(({ outpoint }) => (maker.get(outpoint.txid) ?? one) !== one);
    const later = left.filter(waits);
    // Of those that wait for each other none goes first.
    const isRing = later.length === left.length;
    yield (isRing ? left : left.filter((one) => !waits(one))).map(({ charge }) => charge);
    left = isRing ? [] : later;
  }
}

/** Acts on records; queries the node for all of them at once. */
async function actOn(
  post: Post,
  charges: readonly Charge[],
  at: LookContext,
  teller: Teller,
  stopped: () => boolean,
): Promise<void> {
  const pause = slices();
  const seen = await eachOf(charges, ({ watched }) => seenBy(at, watched));
  for (const some of pieces([...charges.entries()], SENT_AT_ONCE)) {
    const ready: Acted[] = [];
    for (const [i, charge] of some) {
      if (stopped()) break;
      const w = charge.watched;
      try {
        const now = valueOf(seen[i]!);
        await charge.learn?.(now).catch((error: unknown) => teller.refused(w, error));
        for (const due of w.decide(now, at.rules))
          ready.push({
            w,
            beaten: due.beaten,
            done: await act(post, charge, due).catch((failed: unknown) => ({ failed })),
          });
      } catch (failed) {
        ready.push({ w, done: { failed } });
      }
      await pause();
    }
    const done = await eachOf(ready, ({ done: one }) => doneOf(at.rpc, post.network, one));
    await tellAll(ready, done, teller);
  }
}

async function seenBy({ rpc, blocks, tip, fees }: LookContext, { coins, duties, goal }: Watched): Promise<ChainView> {
  const needs = (what: string): boolean => duties.some(({ from }) => from !== null && what in from);
  const needsAge = needs('seconds');
  const needsDepth = needsAge || needs('confirmations') || goal?.after === null;
  const medianTime =
    needsAge || needs('median_time')
      ? ((await rpc.blockchainInfo()).medianTime ?? (await medianTimeAt(rpc, tip)) ?? 0)
      : 0;
  const seen = await Promise.all(
    coins.map(async (coin) => [outpointText(coin.outpoint), await coinSeen(rpc, blocks, coin, needsDepth)] as const),
  );
  const aged = async ([at, one]: (typeof seen)[number]) => [at, await ageOf(rpc, tip, medianTime, one)] as const;
  const found = new Map(needsAge ? await Promise.all(seen.map(aged)) : seen);
  const { coin, depth = 0 } = (goal && found.get(outpointText(goal.without))) ?? {};
  const payment =
    goal && coin === 'unspent'
      ? await blocks.payments.payment({ ...goal, after: goal.after ?? tip - depth })
      : undefined;
  return { tip, medianTime, coins: found, ...(payment && { payment }), ...fees };
}

/** Returns a coin with its age: BIP68 counts from the median time of the block before its own. */
async function ageOf(rpc: Rpc, tip: number, medianTime: number, found: CoinSeen): Promise<CoinSeen> {
  if (found.depth === 0) return found;
  const before = await medianTimeAt(rpc, Math.max(tip - found.depth, 0));
  return before === undefined ? found : { ...found, age: medianTime - before };
}

async function coinSeen(
  rpc: Rpc,
  { recent, spenders, payments }: LookContext['blocks'],
  { outpoint, ways, judge, unsearched, after, beside }: WatchedCoin,
  needsDepth: boolean,
): Promise<CoinSeen> {
  const found = await spendOf(rpc, outpoint, ways.keys(), {
    recent,
    ...(judge && !unsearched && { spenders }),
  });
  const isLost = !found.spend && (found.coin === 'spent' || found.coin === 'unclear');
  const searched = isLost && after !== undefined ? await payments.spender(outpoint, after) : undefined;
  const spend = searched?.by ? { ...searched.by, paying: null } : found.spend;
  const coin = searched?.by ? 'spent' : found.coin;
  const isThere = coin === 'unspent';
  const depth = isThere && needsDepth ? ((await rpc.txOut(outpoint))?.confirmations ?? 0) : 0;
  const conflicted = isThere && beside !== undefined && (await anyMissing(rpc, beside));
  if (!spend) return { coin, depth, spend, ...(conflicted && { conflicted }), ...(searched && { searched }) };
  const { txid, hex, confirmations, paying } = spend;
  const way = (txid === null ? undefined : ways.get(txid)) ?? (hex === null ? undefined : judge?.(hex));
  return {
    coin,
    depth,
    spend: {
      ...(way ?? { by: 'other', paysSat: null, lostSat: null }),
      txid,
      hex,
      confirmations,
      paying: paying && { all: paying, own: paying.own },
    },
  };
}

async function act(post: Post, charge: Charge, due: Act): Promise<Said | Sending> {
  switch (due.do) {
    case 'rest':
      return {};
    case 'tell':
      return { event: due.event, ...(due.more && { more: due.more }), short: due.short ?? false };
    case 'propose': {
      const message = await post.propose?.(due.opening);
      return message ? { event: due.event, more: { message } } : act(post, charge, due.instead);
    }
    case 'lapse':
      await charge.lapsed();
      return { event: 'lapsed' };
    case 'end': {
      const { event, by, txid, paysSat, lostSat } = due;
      await charge.ended(due);
      if (event === 'settled') return { event, more: { by, txid } };
      return { event, short: true, more: { by, txid, pays_sat: paysSat, lost_sat: lostSat } };
    }
    case 'send':
    case 'bump': {
      const event = due.do === 'bump' ? due.do : due.event;
      const isNew = event !== 'rebroadcast' && event !== 'bump';
      const written = isNew ? await stored(charge, due.tx) : { tx: due.tx };
      return withChild((feeSat) => post.withChild(written.tx, feeSat), { event, ...written }, due.child);
    }
    case 'sign': {
      if (!post.hand) return { event: 'needs-bump', short: true, more: { by: due.tx.by } };
      return { event: due.event, ...(await stored(charge, due.tx.sign(await post.hand(), due.feeSat))) };
    }
  }
}

/** Writes before sending. A failed write (full disk) stops nothing; a record moved on does. */
const stored = (charge: Charge, tx: ReadyTx): Promise<{ tx: ReadyTx; why?: Why }> =>
  charge.sent(tx).then(
    (newest) => ({ tx: newest }),
    (error: unknown) => {
      if (error instanceof Refusal && error.code === 'state-moved-on') throw error;
      return { tx, why: failureOf(error) };
    },
  );

/** Reports all of them, also if the node goes away in between: what was done stays done. */
async function tellAll(acted: readonly Acted[], done: Results<Said>, { said, refused }: Teller): Promise<void> {
  let away: { error: unknown } | undefined;
  for (const [i, { w, beaten }] of acted.entries()) {
    if (beaten) await said(w, { event: 'overtaken', more: beaten, short: true });
    const result = done[i]!;
    if (result.status === 'fulfilled') await said(w, result.value);
    else if (!away) await refused(w, result.reason).catch((error: unknown) => (away = { error }));
  }
  if (away) throw away.error;
}
