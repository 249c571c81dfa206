/**
 * Outcome of a swap's two HTLCs on the chain, and what may be promised, signed away or ended
 * because of it. Every rule here rests on a transaction that is final (`contract/outcome.ts`): a
 * coin that nobody finds proves nothing.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText, parseOutpoint, type Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction, txidOfHex, type Spent } from '../bitcoin/transaction.ts';
import {
  isFinal,
  outcome,
  OUTCOME_LIMITS,
  outcomeNeeds,
  outcomeTxText,
  type OutcomeTx,
  type TrackedCoin,
  type Outcome,
  type ChainFacts,
} from '../contract/outcome.ts';
import type { Facts, Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { withoutAnnex } from './identify.ts';
import { preimageIn, shownBy } from './secret.ts';
import { ownSide, type PaidSwap, type Swap } from './swap-records.ts';
import { htlcsOf } from './swap-terms.ts';
import { build, type Htlc } from './terms.ts';

const FINAL = `${OUTCOME_LIMITS.final.least} confirmations`;

/** The home's own HTLC, and what it was paid with. */
export const ownLeg = ({ paid, coins }: PaidSwap): TrackedCoin => ({
  outpoint: paid,
  ways: [],
  funding: coins.map((at) => parseOutpoint(at)!),
});
/** The other side's HTLC; null while this home has not gone on from it. */
export const theirLeg = (swap: PaidSwap): TrackedCoin | null =>
  swap.theirs && { outpoint: swap.theirs, ways: 'tx' in swap && swap.tx !== undefined ? [txidOfHex(swap.tx)] : [] };

/** The other HTLC of the swap that this one belongs to; null where it is not known. */
export function otherLeg(swap: Swap | undefined, { refund }: Pick<Htlc, 'refund'>): TrackedCoin | null {
  if (!swap || !('paid' in swap)) return null;
  return refund === ownSide(swap)!.refund_pubkey ? theirLeg(swap) : ownLeg(swap);
}

/**
 * Returns the path by which a transaction spends an HTLC. Only a claim shows the preimage, and a
 * spend that both have signed shows nothing but one signature.
 */
export function spentBy(hex: Hex, { txid, vout }: Outpoint, hash: Hex): 'claim' | 'refund' | 'cooperate' {
  const index = parseTransaction(hex).inputs.findIndex((i) => bytesToHex(i.txid) === txid && i.index === vout);
  // Whoever drew the preimage can show it in the annex of a refund.
  const shown = withoutAnnex(shownBy(hex)[index] ?? []);
  if (preimageIn(shown, hash)) return 'claim';
  return shown.length === 1 ? 'cooperate' : 'refund';
}

const open = (swap: Swap, why: string, hint: string): Refusal =>
  new Refusal('swap-open', `this HTLC belongs to the swap ${swap.offer.hash}, which is '${swap.state}': ${why}`, {
    hint,
  });

/**
 * Refuses to sign this home's path of an HTLC away, with a key of that swap, before that is safe.
 * Its refund may go only once its claim of the other HTLC is final. Its claim may go only once its
 * own payment is back, or can never be made. Until then whoever gets both coins costs it one.
 * @throws Refusal `swap-open`
 */
export function checkOtherLeg(swap: Swap | undefined, htlc: Pick<Htlc, 'claim' | 'refund'>, seen: ChainFacts): void {
  if (!swap || (swap.state === 'cancelled' && !swap.lost)) return;
  if (swap.state === 'cancelled')
    throw open(swap, 'its record was restored', 'spillway reconcile --journal tells whether it went on');
  const side = ownSide(swap)!;
  if (htlc.claim !== side.claim_pubkey && htlc.refund !== side.refund_pubkey) return;
  if (!('paid' in swap)) throw open(swap, 'it may still go on', 'give the swap up first: spillway htlc swap --cancel');
  const other = otherLeg(swap, htlc);
  if (!other) throw open(swap, 'where its other HTLC lies is not known', 'claim and refund are safer');
  const found = outcome(other, seen);
  const path = found.is === 'spent' ? pathOf(found, other, swap.offer.hash) : undefined;
  const refunds = htlc.refund === side.refund_pubkey;
  const wanted = refunds ? 'its claim' : 'its refund, or another use of what would pay it,';
  const stands = refunds ? path === 'claim' : path === 'refund' || isReplaced(found, swap);
  if (stands && isFinal(found)) return;
  throw open(
    swap,
    `its other HTLC at ${outpointText(other.outpoint)} is ${'txid' in found ? `${found.is} by ${outcomeTxText(found)}` : found.is}, ${wanted} with ${FINAL} expected`,
    path === 'claim'
      ? 'it was claimed: claim this one too (spillway htlc swap, or spillway htlc secret and htlc claim)'
      : found.is === 'unseen'
        ? 'give --chain URL; a payment that was never sent can still be sent by whoever has its PSBT: spend one of its coins elsewhere first'
        : 'until then claim and refund are safer',
  );
}

/** Returns the path of an HTLC's spender; undefined if it is not shown. */
const pathOf = ({ txid, hex }: OutcomeTx, { outpoint, ways }: TrackedCoin, hash: Hex) =>
  txid !== null && ways.includes(txid) ? 'claim' : hex === null ? undefined : spentBy(hex, outpoint, hash);

/** Returns whether the payment can never be made: a coin of it was spent otherwise. */
function isReplaced(found: Outcome, swap: PaidSwap): boolean {
  const { first, second } = htlcsOf({ ...swap, network: swap.network as Network });
  const own = build(swap.role === 'initiator' ? first : second).output;
  return found.is === 'replaced' && found.pays !== null && !found.pays.some(({ script }) => script === own);
}

/** Returns the questions that tell whether a swap which this home has paid for is over. */
export const endNeeds = (swap: Swap | undefined) => {
  const legs = swap && 'paid' in swap ? [ownLeg(swap), theirLeg(swap)] : [];
  return outcomeNeeds(legs.filter((leg) => leg !== null));
};

/** End of a swap: whether it was never paid, and what is lost if the peer has both coins. */
interface SwapEnd {
  unsent: boolean;
  lostSat: bigint;
}

/**
 * Refuses a swap that this home has paid for and that is not over.
 * @throws Refusal `funding-unchecked`, `wrong-state`, `swap-open`
 */
export function checkOver(swap: PaidSwap, seen: ChainFacts): SwapEnd {
  const mine = outcome(ownLeg(swap), seen);
  const at = outpointText(swap.paid);
  switch (mine.is) {
    case 'live':
    case 'unconfirmed':
      throw new Refusal('wrong-state', `the own HTLC at ${at} is unspent`, {
        hint: 'take it back at its expiry: spillway htlc refund --home',
      });
    case 'unseen':
      if (mine.why === 'not-checked' || seen.coins === 'not-checked')
        throw new Refusal('funding-unchecked', 'no node says what became of the coins of the swap', {
          hint: 'give --chain URL',
        });
      // One of its coins is still there: the payment is in no block and no mempool.
      if (swap.coins.some((coin) => typeof (seen.coins as ReadonlyMap<string, unknown>).get(coin) === 'object'))
        return { unsent: true, lostSat: 0n };
      throw new Refusal('swap-open', `nothing says what became of the own HTLC at ${at}`, {
        hint: 'ask a node that keeps an index of transactions (txindex), or that still has the blocks in question',
      });
    case 'spending':
    case 'spent':
    case 'replaced':
      if (!isFinal(mine) || (mine.is === 'replaced' && !isReplaced(mine, swap)))
        throw new Refusal(
          'swap-open',
          `the own HTLC at ${at} is ${mine.is} by ${outcomeTxText(mine)}, ${FINAL} expected`,
          {
            hint: 'run it again when it is deeper',
          },
        );
  }
  const { hash, give_sat, want_sat } = swap.offer;
  const isClaimed = mine.is === 'spent' && pathOf(mine, ownLeg(swap), hash) === 'claim';
  const theirs = theirLeg(swap);
  // Who does not know where the other one lies has nothing to wait for, unless the own one was claimed.
  if (mine.is !== 'spent' || (!theirs && !isClaimed)) return { unsent: false, lostSat: 0n };
  const other = theirs ? outcome(theirs, seen) : undefined;
  if (!other || !isFinal(other))
    throw new Refusal(
      'swap-open',
      `the other HTLC${theirs ? ` at ${outpointText(theirs.outpoint)}` : ''} is not known to be spent for good`,
      {
        hint: 'it is claimed with what the claim of the own one shows (spillway htlc secret, or the message of it); where the own one was taken back, the swap ends once the other side takes this one back too',
      },
    );
  const isLost = isClaimed && pathOf(other, theirs!, hash) === 'refund';
  return { unsent: false, lostSat: isLost ? (swap.role === 'initiator' ? give_sat : want_sat) : 0n };
}

/** Standing of this home's claim of the counterparty's HTLC. `settled` and `lost` are final. */
export type ClaimStands =
  | { is: 'settled'; by: OutcomeTx }
  | { is: 'lost'; words: string }
  /** `doubt`: reason why the claim may fail. */
  | { is: 'open'; seen: 'not-checked' | 'chain' | 'confirmed'; doubt?: string };

/** @param claim txid of the own claim @param expiry from this height on the refund is valid too */
export function claimStands(
  { tip, ...seen }: Pick<Facts, 'tip'> & ChainFacts,
  { coin, claim, hash, expiry }: { coin: Spent; claim: Hex; hash: Hex; expiry: number },
  unchecked = false,
): ClaimStands {
  const leg: TrackedCoin = { outpoint: coin, ways: [claim] };
  const found = outcome(leg, seen);
  const doubted = (doubt: string): ClaimStands => ({ is: 'open', seen: 'chain', doubt });
  if (found.is === 'spent' || found.is === 'spending') {
    const path = pathOf(found, leg, hash);
    // This home has signed a cooperative spend.
    const own = path === 'claim' || path === 'cooperate';
    if (isFinal(found) && path) {
      if (own) return { is: 'settled', by: found };
      return { is: 'lost', words: `${coin.sat} sat are lost: ${path} ${outcomeTxText(found)} has taken the coin` };
    }
    if (!own)
      return doubted(`${path ?? 'another transaction'} ${outcomeTxText(found)} spends the coin: the higher fee wins`);
    if (found.is === 'spent' || tip === 'not-checked' || tip < expiry) return { is: 'open', seen: 'confirmed' };
  }
  if (tip !== 'not-checked' && tip >= expiry)
    return doubted(
      `at height ${tip} the refund is valid too, since block ${expiry + 1}: whichever confirms first has the coin`,
    );
  const looked = seen.coins === 'not-checked' ? undefined : seen.coins.get(outpointText(coin));
  if (tip === 'not-checked' || looked === undefined)
    return {
      is: 'open',
      seen: 'not-checked',
      ...(!unchecked && {
        doubt:
          'no node says that the coin is there and the height in time; broadcast it now, then give --chain URL, or --unchecked',
      }),
    };
  if (looked === 'missing')
    return doubted(`the coin ${outpointText(coin)} is not there, and nothing is found that spent it`);
  if (looked.sat !== coin.sat || looked.script !== coin.script) return doubted('the coin is not the one of the swap');
  return { is: 'open', seen: 'confirmed' };
}
