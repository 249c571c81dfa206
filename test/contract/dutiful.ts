/** Duties, and what the chain shows of their coins: for tests of `contract/duty.ts`. */
import type { CoinSeen, Duty, ChainView, CoinSpend, Unsigned } from '../../src/lib/contract/duty.ts';
import type { ReadyTx, Rules } from '../../src/lib/contract/fees.ts';

export const OUTPOINT = { txid: 'ff', vout: 0 };
export const ready: ReadyTx = {
  by: 'exit',
  hex: 'exit',
  txid: 'exit-txid',
  vsize: 150,
  fee: 300n,
  paysSat: 50_000n,
  spareSat: 49_670n,
  childVsize: 111,
  children: null,
};
export const unsigned: Unsigned = { by: 'claim', vsize: 150, sat: 50_000n, dustSat: 330n, sign: () => ready };
export const duty = (more: Partial<Duty> = {}): Duty => ({
  id: 'exit ff:0',
  does: 'exit',
  why: 'the owner leaves',
  outpoint: OUTPOINT,
  tx: ready,
  from: { height: 100 },
  by: 120,
  worthSat: 50_000n,
  ...more,
});
export const unspent: CoinSeen = { coin: 'unspent', depth: 3, spend: null };
const own = { feeSat: 300n, vsize: 150 };
export const spent = (more: Partial<CoinSpend> = {}): CoinSeen => {
  const spend: CoinSpend = {
    by: 'exit',
    txid: 'exit-txid',
    hex: null,
    paysSat: 50_000n,
    lostSat: 0n,
    confirmations: 0,
    paying: { all: own, own },
    ...more,
  };
  return {
    coin: 'spent',
    depth: 0,
    spend: spend.confirmations > 0 ? { ...spend, paying: null } : spend,
  };
};
/** A rival's transaction, which leaves the party that watches nothing. */
export const rival = (more: Partial<CoinSpend> = {}) =>
  spent({ by: 'former', txid: 'dd', paysSat: 0n, lostSat: 50_000n, ...more });
export const seen = (coin: CoinSeen, more: Partial<ChainView> = {}): ChainView => ({
  tip: 110,
  medianTime: 1_700_000_000,
  coins: new Map([['ff:0', coin]]),
  feerate: 2_000,
  least: 1_000,
  relay: 1_000,
  ...more,
});
export const rules: Rules = { confirmations: 6, feeBudgetSat: null };
