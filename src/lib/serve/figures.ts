/**
 * Standing of a home, as gauges: its credit contracts by state, the sums of `liquidity`, and the
 * next deadline. Gauges that store or node do not tell are left out: a missing one cannot be
 * mistaken for a good one. Pure.
 * Not here: looking (`metrics.ts`), what a sum means (`credit/liquidity.ts`).
 */
import { liquidityOf, type Liquidity } from '../credit/liquidity.ts';
import type { Credit } from '../credit/records.ts';
import type { Role } from '../credit/terms.ts';
import { totalOf, type Totals } from '../protocol/figures.ts';

export interface GaugeNow {
  name: string;
  help: string;
  values: readonly { labels?: Readonly<Record<string, string>>; value: number }[];
}
/** Findings of a look. */
export interface HomeFigures {
  network: string;
  /** Sums over the records; undefined: the store did not answer. */
  stored: Totals | undefined;
  /** Height of the newest block; undefined: the node did not answer. */
  tip: number | 'not-checked' | undefined;
  /** Sums with the node's view of the coins; undefined until all were looked up. */
  chain: ByChain | undefined;
}
export interface ByChain {
  /** Height of the look. */
  at: number | 'not-checked';
  totals: Totals;
  /** Nearest height at which the home must exit; undefined without a finished exit. */
  deadline: number | undefined;
}

type Sum = Extract<keyof Liquidity, `${string}_sat`>;
/** Sums that the records alone give. */
const OF_STORE = {
  issued_sat: 'Ecash over all contracts, issued or reported to its issuer.',
  unissued_sat: 'Paid over contracts with ecash, and not issued yet: owed as ecash.',
} as const satisfies Partial<Record<Sum, string>>;
/** Sums that need to know which coins are spent. */
const OF_CHAIN: Readonly<Record<Exclude<Sum, keyof typeof OF_STORE>, string>> = {
  locked_sat: 'Capacity of the contracts over which this home is paid and whose coin is not spent.',
  holds_sat: 'Paid to this home over contracts whose coin is not spent: what its exits bring.',
  settle_now_sat: 'What of it exits would bring that a node takes now.',
  pending_sat: 'Paid to this home over contracts whose coin is spent, not finally or not known by what.',
  settled_sat: 'Paid to this home, and paid out by the chain for good.',
  lost_sat: 'Paid to this home over contracts whose coin was spent for good by what pays it less: lost.',
  signed_sat: 'As payer: signed away over contracts whose coin is not spent.',
  owed_sat: 'As payer of reverse contracts: owed to merchants and not signed yet.',
  left_sat: 'As payer: what comes back at expiry.',
};

const BOTH: readonly Role[] = ['payee', 'payer'];
/** Every state in which a contract can be, and for whom, so that each has a gauge from the start. */
const STATES: Readonly<Record<Credit['state'], readonly Role[]>> = {
  offered: ['payee'],
  addressed: ['payer'],
  proposed: ['payer'],
  accepted: ['payee'],
  open: BOTH,
  closing: BOTH,
  closed: BOTH,
  rolled: BOTH,
  exiting: BOTH,
  cancelled: BOTH,
};

export function gaugesOf({ network, stored, tip, chain }: HomeFigures): GaugeNow[] {
  return [
    one('store_up', 'Whether the store of the home answers.', Number(stored !== undefined)),
    one('chain_up', 'Whether the node answers; 1 with a fixed height.', Number(tip !== undefined)),
    ...(typeof tip === 'number' ? [one('tip_height', 'Height of the newest block.', tip)] : []),
    ...(stored ? [contracts(stored), ...sums(liquidityOf(network, 'not-checked', stored), OF_STORE)] : []),
    ...(chain ? ofChain(network, chain, tip) : []),
  ];
}

const one = (name: string, help: string, value: number): GaugeNow => ({
  name: `spillway_${name}`,
  help,
  values: [{ value }],
});

const sums = (found: Liquidity, of: Readonly<Partial<Record<Sum, string>>>): GaugeNow[] =>
  Object.entries(of).map(([field, help]) => one(`${field}s`, help, Number(found[field as Sum])));

function contracts(stored: Totals): GaugeNow {
  const values = Object.entries(STATES).flatMap(([state, roles]) =>
    roles.map((role) => ({ labels: { role, state }, value: totalOf(stored, `${role} ${state}`).records })),
  );
  return { name: 'spillway_contracts', help: 'Credit contracts of this home, by its role and their state.', values };
}

function ofChain(network: string, { at, totals, deadline }: ByChain, tip: HomeFigures['tip']): GaugeNow[] {
  const all = sums(liquidityOf(network, at, totals), OF_CHAIN);
  const looked = 'Height at which the node was asked for the coins of all contracts, for the sums that need it.';
  if (typeof at === 'number') all.push(one('coins_height', looked, at));
  const next = 'Blocks until the next height at which this home must exit; negative once it has passed.';
  if (deadline !== undefined && typeof tip === 'number') all.push(one('next_deadline_blocks', next, deadline - tip));
  return all;
}
