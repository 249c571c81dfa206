/**
 * One look at all that families watch by duties: the chain is asked for each coin, the family decides (`contract/duty.ts`), and
 * what it says is done. Of most it is enough that their coins are unspent and that nothing is due at this height. A failure at
 * one record is told and ends nothing.
 * Not here: whose records (`duties-home.ts`, `watch-bundle.ts`), credit contracts (`watch.ts`), when to look again.
 */
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { Payments } from '../chain/payments.ts';
import { spendOf, type Blocks } from '../chain/spends.ts';
import type { CoinSeen, Due, Seen, Watched, WatchedCoin } from '../contract/duty.ts';
import type { Fees, Ready, Rules } from '../contract/fees.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { failureOf } from './failure.ts';
import { pieces, slices } from './slices.ts';
import { astir, openedOf, readable, SENT_AT_ONCE, tellAll, type Acted, type Teller, type Unread } from './looking.ts';
import { doneOf, eachOf, valueOf, withChild, type Said, type Sending } from './sending.ts';

/** Part of a record that is held of it between looks. */
export interface Resting {
  id: Hex;
  role: string;
  outpoints: readonly Outpoint[];
  restsUntil: number;
  /** undefined: nothing is watched of it any more. */
  open(): Promise<Charge | undefined>;
}
/** A record that is watched, and what is written of it. */
export interface Charge {
  watched: Watched;
  /** Writes what a look has shown, before anything is done. */
  learn?(seen: Seen): Promise<void>;
  /** Writes that a transaction of its own is sent, before it is. @throws Refusal `state-moved-on` where it may not be */
  sent(tx: Ready): Promise<void>;
  ended(end: Extract<Due, { do: 'end' }>): Promise<void>;
}
/** Owner of the records. */
export interface DutyPost {
  resting(): AsyncIterable<readonly (Resting | Unread)[]> | Iterable<readonly (Resting | Unread)[]>;
  withChild(tx: Ready, feeSat: bigint): Promise<{ txs: readonly Hex[]; fee_sat: bigint }>;
  /** Keys for a transaction that is signed when it is sent; absent where there are none. */
  hand?(): Promise<Hand>;
}
interface At {
  rpc: Rpc;
  blocks: Required<Blocks> & { payments: Payments };
  network: string;
  tip: number;
  fees: Fees;
  rules: Rules;
}
export async function lookAtDuties(post: DutyPost, at: At, teller: Teller, stopped: () => boolean): Promise<void> {
  for await (const piece of post.resting()) {
    const read = await astir(at.rpc, at.tip, await readable<Resting>(piece, teller), ({ outpoints }) => outpoints);
    // A family may work duties out where they are asked for, and find its record damaged there.
    const open = async (one: Resting) => {
      const charge = await one.open();
      return charge && { charge, worth: worthOf(charge.watched) };
    };
    const opened = await openedOf(read, open, teller, stopped);
    if (stopped()) return;
    // What would lose the most goes first.
    opened.sort((a, b) => b.worth - a.worth);
    const dearest = opened.map(({ charge }) => charge);
    await actOn(post, dearest, at, teller, stopped);
    if (stopped()) return;
  }
}

const worthOf = ({ duties }: Watched): number => Math.max(0, ...duties.map(({ worthSat }) => Number(worthSat)));

async function actOn(
  post: DutyPost,
  charges: readonly Charge[],
  at: At,
  teller: Teller,
  stopped: () => boolean,
): Promise<void> {
  const pause = slices();
  const seen = await eachOf(charges, ({ watched }) => seenBy(at, watched));
  for (const some of pieces([...charges.entries()], SENT_AT_ONCE)) {
    const ready: Acted<Watched>[] = [];
    for (const [i, charge] of some) {
      if (stopped()) break;
      const w = charge.watched;
      try {
        const now = valueOf(seen[i]!);
        await charge.learn?.(now).catch((error: unknown) => teller.refused(w, error));
        for (const due of w.decide(now, at.rules))
          ready.push({
            w,
            beaten: 'beaten' in due ? due.beaten : undefined,
            done: await act(post, charge, due).catch((failed: unknown) => ({ failed })),
          });
      } catch (failed) {
        ready.push({ w, done: { failed } });
      }
      await pause();
    }
    const done = await eachOf(ready, ({ done: one }) => doneOf(at.rpc, at.network, one));
    await tellAll(ready, done, teller);
  }
}

async function seenBy({ rpc, blocks, tip, fees }: At, { coins, duties, goal }: Watched): Promise<Seen> {
  const needs = (what: string): boolean => duties.some(({ from }) => from !== null && what in from);
  const needsDepth = needs('confirmations') || goal?.after === null;
  const medianTime = needs('median_time') ? ((await rpc.blockchainInfo()).medianTime ?? 0) : 0;
  const seen = await Promise.all(
    coins.map(async (coin) => [outpointText(coin.outpoint), await coinSeen(rpc, blocks, coin, needsDepth)] as const),
  );
  const found = new Map(seen);
  const { coin, depth = 0 } = (goal && found.get(outpointText(goal.without))) ?? {};
  const payment =
    goal && coin === 'unspent' ? await blocks.payments({ ...goal, after: goal.after ?? tip - depth }, tip) : undefined;
  return { tip, medianTime, coins: found, ...(payment && { payment }), ...fees };
}

async function coinSeen(
  rpc: Rpc,
  { recent, spenders }: Required<Blocks>,
  { outpoint, ways, judge }: WatchedCoin,
  needsDepth: boolean,
): Promise<CoinSeen> {
  const { coin, spend } = await spendOf(rpc, outpoint, ways.keys(), { recent, ...(judge && { spenders }) });
  const depth = coin === 'unspent' && needsDepth ? ((await rpc.txOut(outpoint))?.confirmations ?? 0) : 0;
  if (!spend) return { coin, depth, spend };
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

async function act(post: DutyPost, charge: Charge, due: Due): Promise<Said | Sending> {
  switch (due.do) {
    case 'rest':
      return {};
    case 'tell':
      return { event: due.event, ...(due.more && { more: due.more }), short: due.short ?? false };
    case 'end': {
      const { event, by, txid, paysSat, lostSat } = due;
      await charge.ended(due);
      if (event === 'settled') return { event, more: { by, txid } };
      return { event, short: true, more: { by, txid, pays_sat: paysSat, lost_sat: lostSat } };
    }
    case 'send':
    case 'bump': {
      const { tx, child } = due;
      const event = due.do === 'bump' ? due.do : due.event;
      const why = event === 'rebroadcast' || event === 'bump' ? undefined : await stored(charge, tx);
      return withChild((feeSat) => post.withChild(tx, feeSat), { event, tx, why }, child);
    }
    case 'sign': {
      if (!post.hand) return { event: 'needs-bump', short: true, more: { by: due.tx.by } };
      const tx = due.tx.sign(await post.hand(), due.feeSat);
      return { event: due.event, tx, why: await stored(charge, tx) };
    }
  }
}

/** Writes before it is sent. It goes out where that fails too, as on a full disk, but not where the record says otherwise by now. */
const stored = (charge: Charge, tx: Ready): Promise<ReturnType<typeof failureOf> | undefined> =>
  charge.sent(tx).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof Refusal && error.code === 'state-moved-on') throw error;
      return failureOf(error);
    },
  );
