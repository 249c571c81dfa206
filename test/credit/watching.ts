/** Contracts that are watched, what the chain shows of them, and what is due: for tests of `credit/watch.ts`. */
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { txidOfHex, unsignedHex } from '../../src/lib/bitcoin/transaction.ts';
import type { ChainView, CoinSeen, CoinSpend } from '../../src/lib/contract/duty.ts';
import type { ReadyTx, Rules } from '../../src/lib/contract/fees.ts';
import { decide } from '../../src/lib/credit/watch.ts';
import { shortOf, type WatchedCredit } from '../../src/lib/credit/watched.ts';

export type By = 'exit' | 'refund' | 'close' | 'rollover' | 'other';
export const TX = { vsize: 154, fee: 308n, paysSat: 50_000n, spareSat: 49_670n, childVsize: 111, children: null };
export const ready = (by: By, more: object = {}) => ({
  by,
  hex: by,
  txid: `${by}-txid`,
  ...TX,
  ...more,
});
const OUTPOINT = { txid: 'ff'.repeat(32), vout: 0 };
const SCRIPT = `5120${'aa'.repeat(32)}`;
/** Freeze at 712, deadline 856, last 928, expiry 1000. */
export const terms = { expiry: 1_000, freeze_blocks: 288, margin_blocks: 144 } as WatchedCredit['terms'];
export const ways: WatchedCredit['ways'] = new Map();
export const payee = (more: Partial<WatchedCredit> = {}): WatchedCredit => ({
  id: 'aa',
  role: 'payee',
  terms,
  outpoint: OUTPOINT,
  contract: {} as never,
  script: SCRIPT,
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
/** What the chain shows of one contract's coin. What its spender leaves out follows from the contract. */
export interface Seen extends Pick<ChainView, 'tip' | 'feerate' | 'least' | 'relay'> {
  coin: CoinSeen['coin'];
  spend: Omit<CoinSpend, 'lostSat'> | null;
  conflicted: boolean;
}
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
/** A transaction, whole, that pays so much to the party that watches. */
export const paying = (sat: bigint): string =>
  unsignedHex({
    version: 3,
    locktime: 0,
    inputs: [{ ...OUTPOINT, sequence: 0 }],
    outputs: [{ sat, script: SCRIPT }],
  });
/** What each pays the payee; what nobody knows pays as much, where it is shown. */
export const pays = (by: By): bigint => (by === 'refund' ? 0n : 50_000n);
/** @param feerate of it and its child, where that is not its own */
export const spent = (by: By, confirmations: number, feerate = 2_000, vsize = 265) => {
  const own = { feeSat: 308n, vsize: 154 };
  const all = feerate === 2_000 ? own : { feeSat: BigInt(Math.ceil((feerate * vsize) / 1_000)), vsize };
  const txid = by === 'other' ? 'dd' : `${by}-txid`;
  const spend = { by, txid, hex: paying(pays(by)), paysSat: pays(by), confirmations };
  return { coin: 'spent', spend: { ...spend, paying: confirmations ? null : { all, own } } } as const;
};
export const rules: Rules = { confirmations: 6, feeBudgetSat: 20_000n };

/** An act under the name of its event, with what the event says, and the transaction that it is about. */
export interface Decided {
  do: string;
  tx?: ReadyTx;
  child?: { feeSat: bigint; feerate: number } | null;
  [more: string]: unknown;
}
/** Decides a contract; a payer cannot say what another transaction should have paid it. */
export function decided(w: WatchedCredit, { coin, spend, conflicted, ...chain }: Seen, r = rules): Decided {
  const isKnown = spend && spend.paysSat !== null && !(spend.by === 'other' && w.role === 'payer');
  const way = isKnown ? { lostSat: shortOf(w, spend.paysSat!) } : { paysSat: null, lostSat: null };
  const isMine = [w.own, w.pending].some((tx) => tx?.txid === spend?.txid);
  const whole = spend?.hex && !isMine ? { txid: txidOfHex(spend.hex) } : {};
  const found: CoinSeen = { coin, depth: 0, spend: spend && { ...spend, ...way, ...whole }, conflicted };
  const { more, ...due } = {
    more: {},
    ...decide(w, { ...chain, medianTime: 0, coins: new Map([[outpointText(w.outpoint), found]]) }, r),
  };
  const { event, ...rest } = { event: due.do, ...due };
  return { ...rest, ...more, do: event } as Decided;
}
export const due = (w: WatchedCredit, s: Seen, r = rules): string => decided(w, s, r).do;

/** What is due, with the feerate that a child brings it to; null: alone. */
export const told = (w: WatchedCredit, s: Seen, r: Rules = rules) => {
  const d = decided(w, s, r);
  return { ...d, feerate: d.child ? d.child.feerate : null };
};
