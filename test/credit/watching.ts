/** Contracts that are watched, what the chain shows of them, and what is due: for tests of `credit/watch.ts`. */
import type { Rules } from '../../src/lib/contract/fees.ts';
import { decide, type Seen, type WatchedCredit } from '../../src/lib/credit/watch.ts';

export type By = 'exit' | 'refund' | 'close' | 'rollover' | 'other';
export const TX = { vsize: 154, fee: 308n, paysSat: 50_000n, spareSat: 49_670n, childVsize: 111, children: null };
export const ready = (by: By, more: object = {}) => ({
  by,
  hex: by,
  txid: `${by}-txid`,
  ...TX,
  ...more,
});
/** Freeze at 712, deadline 856, last 928, expiry 1000. */
export const terms = { expiry: 1_000, freeze_blocks: 288, margin_blocks: 144 } as WatchedCredit['terms'];
export const ways: WatchedCredit['ways'] = new Map();
export const payee = (more: Partial<WatchedCredit> = {}): WatchedCredit => ({
  id: 'aa',
  role: 'payee',
  terms,
  outpoint: { txid: 'ff', vout: 0 },
  contract: null,
  script: '5120' + 'aa'.repeat(32),
  paidSat: 50_000n,
  own: ready('exit'),
  pending: null,
  exiting: false,
  offers: true,
  ways,
  knowsAll: true,
  lapses: false,
  warnsAt: 712,
  behind: false,
  ...more,
});
export const payer = (more: Partial<WatchedCredit> = {}) => payee({ role: 'payer', own: ready('refund'), ...more });
export const seen = (height: number, more: Partial<Seen> = {}): Seen => ({
  tip: height,
  coin: 'unspent',
  spend: null,
  conflicted: false,
  feerate: 2_000,
  least: 1_000,
  relay: 1_000,
  ...more,
});
/** What each pays the payee; what nobody knows pays as much, where it is shown. */
export const pays = (by: By): bigint => (by === 'refund' ? 0n : 50_000n);
/** @param feerate of it and its child, where that is not its own */
export const spent = (by: By, confirmations: number, feerate = 2_000, vsize = 265) => {
  const own = { feeSat: 308n, vsize: 154 };
  const all = feerate === 2_000 ? own : { feeSat: BigInt(Math.ceil((feerate * vsize) / 1_000)), vsize };
  const txid = by === 'other' ? 'dd' : `${by}-txid`;
  const paying = confirmations ? null : { all, own };
  const tx = { ...ready(by), txid };
  return { coin: 'spent', spend: { by, txid, paysSat: pays(by), confirmations, paying, tx } } as const;
};
export const rules: Rules = { confirmations: 6, feeBudgetSat: 20_000n };
export const due = (w: WatchedCredit, s: Seen, r = rules) => {
  const d = decide(w, s, r);
  return d.do === 'wait' ? d.why : d.do;
};

/** What is due, with the feerate that a child brings it to; null: alone. */
export const told = (w: WatchedCredit, s: Seen, r: Rules = rules) => {
  const d = decide(w, s, r);
  return { ...d, feerate: 'child' in d && d.child ? d.child.feerate : null };
};
