/**
 * Outcomes of a coin, each told by the transaction that shows it and never by the coin's absence.
 *
 *   unseen       nobody looked, the node does not know it, or it is gone and its spender is unknown
 *   unconfirmed  its transaction is in the mempool
 *   live         its transaction is in a block, and nothing spends it
 *   spending     a transaction in the mempool spends it
 *   spent        a transaction in a block spends it
 *   replaced     a block holds another transaction that spends what would have paid for it
 *
 * `gettxout` answers alike for a coin that was spent, replaced, never sent or not yet seen. A
 * missing coin is therefore `unseen` until a transaction is found that spends it or its funding.
 * Each family reads its verdicts off an outcome.
 * Not here: how the node is asked (`chain/spends.ts`), what a verdict says of a contract (each
 * family).
 */
import { outpointText, type Gone, type Outpoint } from '../bitcoin/outpoint.ts';
import { outputsOf, type Output } from '../bitcoin/transaction.ts';
import type { Facts, Hex, SpentBy } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';

export const OUTCOME_LIMITS = {
  /** Depth from which a transaction is final by default. */
  final: { unit: 'confirmations', least: 6 },
} satisfies Limits;

/** Returns a height up to which every block counts as final: one below the newest such block. */
export const standingAt = (tip: number): number => Math.max(tip - OUTCOME_LIMITS.final.least, 0);

/** A coin whose outcome is looked up. */
export interface TrackedCoin extends Gone {
  /** Outpoints that the coin's transaction spends, where they are known. */
  funding?: readonly Outpoint[];
}
/** Chain facts for an outcome. Without `spends` or `known` more coins stay `unseen`. */
export type ChainFacts = Pick<Facts, 'coins'> & Partial<Pick<Facts, 'spends' | 'known'>>;

/** Transaction that proves an outcome. */
export interface OutcomeTx extends SpentBy {
  /** Outputs that it pays; null where they are not shown. */
  pays: readonly Output[] | null;
}
export type Outcome =
  /** absent: unknown to a node with a transaction index · unclear: gone, or never there */
  | { is: 'unseen'; why: 'not-checked' | 'absent' | 'unclear' }
  | { is: 'unconfirmed' }
  | { is: 'live'; depth: number }
  | ({ is: 'spending' | 'spent' | 'replaced' } & OutcomeTx);

/** Returns the chain queries for the outcomes of these coins. */
export const outcomeNeeds = (coins: readonly TrackedCoin[]) => {
  const spends = coins.flatMap((coin): Gone[] => [
    coin,
    ...(coin.funding ?? []).map((outpoint) => ({ outpoint, ways: [coin.outpoint.txid] })),
  ]);
  return { coins: [...new Set(spends.map(({ outpoint }) => outpointText(outpoint)))], spends };
};

export function outcome({ outpoint, funding = [] }: TrackedCoin, { coins, spends, known }: ChainFacts): Outcome {
  const at = outpointText(outpoint);
  const coin = coins === 'not-checked' ? undefined : coins.get(at);
  if (coin === undefined) return { is: 'unseen', why: 'not-checked' };
  if (coin !== 'missing')
    return coin.confirmations > 0 ? { is: 'live', depth: coin.confirmations } : { is: 'unconfirmed' };
  const by = outcomeTxOf(spends?.get(at));
  if (by) return { is: by.confirmations > 0 ? 'spent' : 'spending', ...by };
  for (const input of funding) {
    const taken = outcomeTxOf(spends?.get(outpointText(input)));
    if (taken && taken.confirmations > 0 && taken.txid !== outpoint.txid) return { is: 'replaced', ...taken };
  }
  return { is: 'unseen', why: isAbsent(outpoint.txid, known) ? 'absent' : 'unclear' };
}

const isAbsent = (txid: Hex, known: ChainFacts['known'] = 'not-checked'): boolean =>
  known !== 'not-checked' && known.get(txid) === false;

const outcomeTxOf = (spend: SpentBy | undefined): OutcomeTx | undefined =>
  spend && { ...spend, pays: spend.hex === null ? null : outputsOf(spend.hex) };

/** Returns whether the outcome is proven by a transaction with enough confirmations. */
export const isFinal = (o: Outcome): o is Extract<Outcome, OutcomeTx> =>
  (o.is === 'spent' || o.is === 'replaced') && allows(OUTCOME_LIMITS.final, o.confirmations);

/** Describes the transaction that proves an outcome, with its confirmations. */
export const outcomeTxText = ({ txid, confirmations: n }: OutcomeTx): string =>
  `${txid ?? 'a transaction'}${n > 0 ? `, ${n} confirmation${n === 1 ? '' : 's'}` : ' in the mempool'}`;
