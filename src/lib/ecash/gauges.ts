/**
 * Gauges of credit contracts and their ledgers: contracts by state, the sums of `liquidity`, the
 * next deadline.
 * Not here: what a sum means (`credit/liquidity.ts`).
 */
import { gauge, type FamilyGauges, type GaugeNow } from '../contract/gauges.ts';
import { liquidityOf, type Liquidity } from '../credit/liquidity.ts';
import type { Credit } from '../credit/records.ts';
import type { Role } from '../credit/terms.ts';
import { creditWatcher } from '../credit/watch.ts';
import { totalOf, type Totals } from '../protocol/figures.ts';
import { ledgerKind } from './ledger.ts';

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
/** Every state of a contract, and for whom, so that each has a gauge from the start. */
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

const sums = (found: Liquidity, of: Readonly<Partial<Record<Sum, string>>>): GaugeNow[] =>
  Object.entries(of).map(([field, help]) => gauge(`${field}s`, help, Number(found[field as Sum])));

function contracts(stored: Totals): GaugeNow {
  const values = Object.entries(STATES).flatMap(([state, roles]) =>
    roles.map((role) => ({ labels: { role, state }, value: totalOf(stored, `${role} ${state}`).records })),
  );
  return { name: 'spillway_contracts', help: 'Credit contracts of this home, by its role and their state.', values };
}

const ofChain: FamilyGauges['ofChain'] = (network, { at, totals, deadline }, tip) => {
  const all = sums(liquidityOf(network, at, totals), OF_CHAIN);
  const looked = 'Height at which the node was asked for the coins of all contracts, for the sums that need it.';
  if (typeof at === 'number') all.push(gauge('coins_height', looked, at));
  const next = 'Blocks until the next height at which this home must exit; negative once it has passed.';
  if (deadline !== undefined && typeof tip === 'number') all.push(gauge('next_deadline_blocks', next, deadline - tip));
  return all;
};

export const creditGauges: FamilyGauges = {
  watcher: creditWatcher,
  beside: [ledgerKind],
  ofStore: (network, totals) => [contracts(totals), ...sums(liquidityOf(network, 'not-checked', totals), OF_STORE)],
  ofChain,
};
