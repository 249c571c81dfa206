/**
 * A swap as `watch` sees it: two coins, the own HTLC and the other side's, and what of both is this
 * home's.
 *
 *   claim    by the responder once a spender of its own HTLC shows the preimage, in a block or not;
 *            by the initiator only once its own step has claimed and so shown the preimage
 *   refund   of the own HTLC at its expiry, unless the other side's HTLC is claimed
 *
 * Both are signed when they are sent, so that their fees follow the mempool, up to the budget. A
 * claim that nobody has seen is held back once its margin has begun: it could lose, and the
 * preimage with it. A restored home that may have paid, or claimed, is told to read its journal.
 * Every verdict rests on a transaction: settled by a final claim or refund of this home; lost where
 * the own HTLC is claimed and the other one is gone. Not here: the steps (`swap.ts`), copies of
 * refunds without a home (`tower.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { maxSat } from '../bitcoin/amount.ts';
import { hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { outputsOf, sumSat, txidOfHex, type Spent } from '../bitcoin/transaction.ts';
import {
  decideDuty,
  isReady,
  type CoinSeen,
  type Due,
  type Duty,
  type ChainView,
  type CoinSpend,
  type Unsigned,
  type Watched,
  type Way,
} from '../contract/duty.ts';
import type { About, Watcher } from '../contract/watcher.ts';
import { standingAt } from '../contract/outcome.ts';
import { readyTxOf, type Rules } from '../contract/fees.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { preimageOf } from './records.ts';
import { preimageShown } from './secret.ts';
import { finishSpend, signatureBy } from './sign.ts';
import { spend } from './spend.ts';
import { spentBy } from './swap-outcome.ts';
import { ownExpiry, swapKind, type PaidSwap, type Swap } from './swap-records.ts';
import { coinOf, recorded } from './swap-steps.ts';
import { claimBy, htlcsOf, SWAP_LIMITS } from './swap-terms.ts';
import type { PathName } from './scripts.ts';
import type { Htlc } from './terms.ts';
import type { Own } from '../signing/exchange.ts';

export const SWAP_WATCH_LIMITS = {
  /** Last height of a first claim: a margin before the counterparty can refund its coin. */
  claim: { unit: 'height', most: (by: number) => SWAP_LIMITS.step.most(by) },
  /** Blocks that were searched anew before that is written. */
  searched: { unit: 'blocks', least: 36 },
} satisfies Limits;

/** One HTLC of a swap. */
interface WatchedLeg {
  htlc: Htlc;
  coin: Spent;
  expiry: number;
}
const legs = (s: PaidSwap): { own: WatchedLeg; theirs: WatchedLeg | null } => {
  const { first, second } = htlcsOf(recorded(s));
  const { offer, answer } = s;
  const isFirst = s.role === 'initiator';
  const one = { htlc: first, sat: offer.give_sat, expiry: offer.expiry };
  const two = { htlc: second, sat: offer.want_sat, expiry: answer.expiry };
  const [own, theirs] = isFirst ? [one, two] : [two, one];
  const at = ({ htlc, sat, expiry }: typeof one, outpoint: Outpoint): WatchedLeg => ({
    htlc,
    coin: coinOf(htlc, outpoint, sat),
    expiry,
  });
  return { own: at(own, s.paid), theirs: s.theirs && at(theirs, s.theirs) };
};

const printed = (s: PaidSwap): Hex | undefined => ('tx' in s ? s.tx : undefined);
/** Returns the script that this home is paid at: that of a printed claim, or the record's. */
const payoutOf = (s: PaidSwap): Hex => {
  const before = printed(s);
  return before === undefined ? scriptOf(s.payout, s.network as Network) : outputsOf(before)[0]!.script;
};

/** Returns the preimage that a claim of a responder's own HTLC shows; null without one. */
function shownPreimage(s: PaidSwap, seen: ChainView): Hex | null {
  const hex = seen.coins.get(outpointText(s.paid))?.spend?.hex;
  return s.role === 'initiator' || !hex ? null : preimageShown(hex, s.offer.hash);
}

/** Returns the preimage of a claim; undefined while this home may not or cannot claim. */
function secretFor(s: PaidSwap, preimage: Hex | null): ((hand: Hand) => Uint8Array) | undefined {
  if (s.role === 'initiator') return s.state === 'claimed' ? ({ keys }) => preimageOf(keys, s) : undefined;
  const tx = printed(s);
  const known = preimage ?? s.preimage ?? (tx === undefined ? null : preimageShown(tx, s.offer.hash));
  return known === null ? undefined : () => hexToBytes(known);
}

/** A spend of this home by one key. */
interface Signing {
  htlc: Htlc;
  coin: Omit<Spent, 'script'>;
  path: PathName;
  key: Own;
  /** Script that it pays. */
  script: Hex;
  /** Least fee that it pays. */
  leastSat?: bigint;
  secret?: (hand: Hand) => Uint8Array;
}
/** Returns a claim or refund that is signed when its fee is known. */
export function unsigned({ htlc, coin, path, key, script, leastSat = 0n, secret }: Signing): Unsigned {
  const made = (fee: bigint) => spend(htlc, path, { coin, to: script, feerate: 0, fee, allowFee: true });
  return {
    by: path,
    vsize: made(0n).vsize,
    sat: coin.sat,
    dustSat: dustLimit(script),
    sign(hand, feeSat) {
      const one = made(maxSat(feeSat, leastSat));
      const signature = signatureBy(one, hand.keys.contract(key.path));
      const preimage = secret?.(hand);
      const { hex } = finishSpend(one, { signatures: { [path]: signature }, ...(preimage && { preimage }) });
      return readyTxOf(path, hex, coin.sat, script, null);
    },
  };
}

/** A claim that takes the place of the one before pays no less: other nodes may hold that. */
function signedClaim(s: PaidSwap, { htlc, coin }: WatchedLeg, secret: (hand: Hand) => Uint8Array): Unsigned {
  const before = printed(s);
  const leastSat = before === undefined ? 0n : coin.sat - sumSat(outputsOf(before));
  return unsigned({ htlc, coin, path: 'claim', key: s.own, script: payoutOf(s), leastSat, secret });
}

function claimDuty(s: PaidSwap, theirs: WatchedLeg, secret: (hand: Hand) => Uint8Array): Duty {
  return {
    id: `${s.offer.hash} claim ${outpointText(theirs.coin)}`,
    does: 'claim',
    why: `the preimage is public, and from block ${theirs.expiry + 1} on the other side can take its coin back`,
    outpoint: theirs.coin,
    tx: signedClaim(s, theirs, secret),
    from: null,
    by: theirs.expiry,
    worthSat: theirs.coin.sat,
    ...(printed(s) !== undefined && { sent: true }),
  };
}
function refundDuty(s: PaidSwap, own: WatchedLeg): Duty {
  return {
    id: `${s.offer.hash} refund ${outpointText(own.coin)}`,
    does: 'refund',
    why: 'the own HTLC has expired, and nobody has claimed it',
    outpoint: own.coin,
    tx: unsigned({ ...own, path: 'refund', key: s.refunding, script: scriptOf(s.payout, own.htlc.network) }),
    from: { height: own.expiry + 1 },
    by: null,
    worthSat: own.coin.sat,
  };
}

/** Returns the judge of an HTLC's spenders. @param mine path that pays this home */
const judging =
  (outpoint: Outpoint, sat: bigint, hash: Hex, mine: PathName) =>
  (hex: Hex): Way => {
    const by = spentBy(hex, outpoint, hash);
    // Both parties have agreed to a cooperative spend.
    return {
      by,
      paysSat: by === mine ? sumSat(outputsOf(hex)) : 0n,
      lostSat: by === mine || by === 'cooperate' ? 0n : sat,
    };
  };

/** Claim that was printed or sent, by which a node with an index finds it at any depth. */
function waysOf(s: PaidSwap): ReadonlyMap<Hex, Way> {
  const tx = printed(s);
  if (tx === undefined) return new Map();
  return new Map([[txidOfHex(tx), { by: 'claim', paysSat: sumSat(outputsOf(tx)), lostSat: 0n }]]);
}

type Told = Extract<Due, { do: 'tell' }>;

/** Tells that the journal may know of more: a payment, or that the preimage is public. */
export const RESTORED: Told = { do: 'tell', event: 'restored', short: true };

/** Returns the view of a record whose payment a restored home may have forgotten. */
export const unknownTo = (id: Hex, role: string, worthSat: bigint): Watched => ({
  id,
  role,
  restsUntil: -Infinity,
  worthSat,
  coins: [],
  duties: [],
  decide: () => [RESTORED],
});

function watchedSwap(s: Swap, { restored }: Pick<About<Swap>, 'restored'>): Watched | undefined {
  if (s.state === 'cancelled' && s.lost && restored) return unknownTo(s.offer.hash, s.role, s.offer.give_sat);
  if (!('paid' in s) || (s.state !== 'funded' && s.state !== 'claimed')) return undefined;
  const { hash, give_sat, want_sat } = s.offer;
  const [ownSat, theirSat] = s.role === 'initiator' ? [give_sat, want_sat] : [want_sat, give_sat];
  const secret = secretFor(s, null);
  const claims = s.theirs !== null && secret !== undefined;
  // A responder learns the preimage from the chain.
  const mayHaveClaimed = restored && s.role === 'initiator' && s.state === 'funded';
  // Keys are summed for both HTLCs: worked out once something is due, not for each record at rest.
  let worked: (Legs & { duties: readonly Duty[] }) | undefined;
  const work = () => (worked ??= dutiesOf(s, secret));
  return {
    id: hash,
    role: s.role,
    restsUntil: claims || mayHaveClaimed ? -Infinity : ownExpiry(s),
    worthSat: maxSat(ownSat, theirSat),
    coins: [
      {
        outpoint: s.paid,
        ways: new Map(),
        judge: judging(s.paid, ownSat, hash, 'refund'),
        ...(s.unspentTo !== null && { after: s.unspentTo }),
      },
      ...(s.theirs ? [{ outpoint: s.theirs, ways: waysOf(s), judge: judging(s.theirs, theirSat, hash, 'claim') }] : []),
    ],
    get duties() {
      return work().duties;
    },
    decide: (seen, rules) => [...(mayHaveClaimed ? [RESTORED] : []), ...decideSwap(s, work(), seen, rules)],
  };
}

function dutiesOf(s: PaidSwap, secret: ReturnType<typeof secretFor>): Legs & { duties: readonly Duty[] } {
  const { own, theirs } = legs(s);
  const refund = refundDuty(s, own);
  return { own, theirs, refund, duties: [...(theirs && secret ? [claimDuty(s, theirs, secret)] : []), refund] };
}

const REST: Due = { do: 'rest' };
const isFinal = (
  spender: CoinSpend | null | undefined,
  { confirmations }: Rules,
): spender is CoinSpend & { txid: Hex } =>
  !!spender && spender.txid !== null && spender.lostSat !== null && spender.confirmations >= confirmations;
/** Returns whether another party has taken a coin. */
const isTaken = (found: CoinSeen | undefined): boolean => (found?.spend?.lostSat ?? 0n) > 0n;

interface Legs {
  own: WatchedLeg;
  theirs: WatchedLeg | null;
  refund: Duty;
}
function decideSwap(s: PaidSwap, { own, theirs, refund }: Legs, seen: ChainView, rules: Rules): readonly Due[] {
  const mine = seen.coins.get(outpointText(own.coin))!;
  const other = theirs ? seen.coins.get(outpointText(theirs.coin)) : undefined;
  const secret = secretFor(s, shownPreimage(s, seen));
  const isClaimed = mine.spend?.by === 'claim';
  const isBack = mine.spend?.by === 'refund' || mine.spend?.by === 'cooperate';
  const isGone = isTaken(other) && isFinal(other!.spend, rules);

  // A refund by the counterparty is a loss only if it has claimed this home's coin too.
  const claims =
    theirs && other && secret && !(isGone || (isTaken(other) && other.spend!.confirmations > 0 && !isClaimed));
  const dues: Due[] = [];
  if (claims) {
    const due = decideClaim(s, theirs, secret, isClaimed, seen, rules);
    if (due.do === 'end') return [due];
    dues.push(due);
  }
  if (other?.spend?.by === 'claim') return dues.length > 0 ? dues : decideForeign(other.spend, rules);
  if (isClaimed && isGone && isFinal(mine.spend, rules))
    return [{ do: 'end', event: 'lost', by: 'claim', txid: mine.spend.txid, paysSat: 0n, lostSat: own.coin.sat }];
  // The duty outbids the counterparty's claim only if the other coin is lost for good.
  const isRace = mine.spend?.confirmations === 0 && isTaken(other) && other!.spend!.confirmations > 0;
  if (isClaimed && !isRace) return dues.length > 0 ? dues : [unclaimed(mine.spend!)];
  dues.push(decideRefund(refund, mine, seen, rules, isBack && claims === true));
  return dues;
}

/** A claim that this home's record does not know of: another copy of its keys has made it. */
function decideForeign(spender: CoinSpend, rules: Rules): Due[] {
  const { by, txid, paysSat } = spender;
  if (!isFinal(spender, rules)) return [{ do: 'tell', event: 'confirming' }];
  return [{ do: 'end', event: 'settled', by, txid: txid!, paysSat: paysSat ?? 0n, lostSat: 0n }];
}

/** Reports a claim of the own HTLC while this home cannot claim the other one. */
const unclaimed = ({ txid, by }: CoinSpend): Told => ({
  do: 'tell',
  event: 'claimed',
  short: true,
  more: { by, txid },
});

function decideClaim(
  s: PaidSwap,
  theirs: WatchedLeg,
  secret: (hand: Hand) => Uint8Array,
  isClaimed: boolean,
  seen: ChainView,
  rules: Rules,
): Due {
  const duty = claimDuty(s, theirs, secret);
  const { coin, spend: spender } = seen.coins.get(outpointText(theirs.coin))!;
  const isHidden = s.role === 'initiator' && !s.revealed && !isClaimed;
  const isLate = !allows({ most: SWAP_WATCH_LIMITS.claim.most(claimBy(recorded(s))) }, seen.tip);
  if (isHidden && isLate && (coin === 'unspent' || isTaken({ coin, spend: spender } as CoinSeen)))
    return { do: 'tell', event: 'too-late', short: true, more: { by: 'claim', deadline_height: theirs.expiry } };
  return decideDuty(duty, seen, rules);
}

function decideRefund(refund: Duty, mine: CoinSeen, seen: ChainView, rules: Rules, isOpen: boolean): Due {
  const { coin, spend: spender, searched } = mine;
  if (coin === 'absent') return { do: 'tell', event: 'unfunded' };
  // A cooperative spend was agreed on, so the watcher does not replace it.
  if (spender?.by === 'cooperate' && spender.confirmations === 0) return { do: 'tell', event: 'in-mempool' };
  if (searched?.pruned)
    return { do: 'tell', event: 'blocks-pruned', short: true, more: { searched_height: searched.upTo } };
  if (coin === 'unclear' && !isReady(refund.from, seen, mine)) return { do: 'tell', event: 'not-found' };
  const due = decideDuty(refund, seen, rules);
  return due.do === 'end' && isOpen ? REST : due;
}

export const swapWatcher: Watcher<Swap> = {
  kind: swapKind,
  // Claims are due at once, refunds at their height.
  order: { claims: 'now', refunds: 'height', unknown: 'never' },
  watched: watchedSwap,
  learnt(s, seen) {
    if (!('paid' in s)) return undefined;
    const { searched } = seen.coins.get(outpointText(s.paid)) ?? {};
    const unspentTo = searched ? Math.min(searched.upTo, standingAt(seen.tip)) : -Infinity;
    if (allows(SWAP_WATCH_LIMITS.searched, unspentTo - (s.unspentTo ?? 0))) return { ...s, unspentTo };
    if (s.role === 'initiator') {
      const isSeen = s.theirs && seen.coins.get(outpointText(s.theirs))?.spend?.by === 'claim';
      return isSeen && !s.revealed ? { ...s, revealed: true } : undefined;
    }
    if (s.preimage !== null) return undefined;
    const preimage = shownPreimage(s, seen);
    return preimage === null ? undefined : { ...s, preimage };
  },
  sent(s, { by, hex }) {
    if (!('paid' in s) || s.state === 'ended' || s.state === 'settled')
      throw new Refusal('state-moved-on', `the swap is '${s.state}' by now: nothing of it is sent`);
    return by === 'claim' ? { ...s, state: 'claimed', tx: hex, revealed: true } : s;
  },
  ended(s, { by, lostSat }) {
    if (!('paid' in s)) return s;
    if (by === 'claim' && lostSat === 0n && 'tx' in s) return { ...s, state: 'settled' };
    return { ...s, state: 'ended', ...(lostSat > 0n && { lostSat }) };
  },
};
