/**
 * How a home stands, as gauges: its credit contracts by state, the sums of `liquidity`, and the next deadline. What store or
 * node do not tell is left out: a gauge that is missing cannot be mistaken for a good one.
 *
 * Pure. Not here: looking (`metrics.ts`), what a sum means (`credit/liquidity.ts`).
 */
import { deadlineHeight } from '../credit/checks.ts';
import { exitable, liquidity, type Liquidity } from '../credit/liquidity.ts';
import type { Credit } from '../credit/records.ts';
import type { ExitFacts } from '../credit/standing.ts';
import type { Role } from '../credit/terms.ts';

export interface GaugeNow {
  name: string;
  help: string;
  values: readonly { labels?: Readonly<Record<string, string>>; value: number }[];
}
/** What a look has found; undefined: store or node did not answer. */
export interface Looked {
  network: string;
  records: readonly Credit[] | undefined;
  facts: ExitFacts | undefined;
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
const UNKNOWN: ExitFacts = { tip: 'not-checked', coins: 'not-checked', known: 'not-checked' };

export function gaugesOf({ network, records, facts }: Looked): GaugeNow[] {
  return [
    one('store_up', 'Whether the store of the home answers.', Number(records !== undefined)),
    one('chain_up', 'Whether the node answers; 1 with a fixed height.', Number(facts !== undefined)),
    ...(facts && facts.tip !== 'not-checked' ? [one('tip_height', 'Height of the newest block.', facts.tip)] : []),
    ...(records ? [contracts(records), ...sums(liquidity(network, records, UNKNOWN), OF_STORE)] : []),
    ...(records && facts ? [...sums(liquidity(network, records, facts), OF_CHAIN), ...deadline(records, facts)] : []),
  ];
}

const one = (name: string, help: string, value: number): GaugeNow => ({
  name: `spillway_${name}`,
  help,
  values: [{ value }],
});

const sums = (found: Liquidity, of: Readonly<Partial<Record<Sum, string>>>): GaugeNow[] =>
  Object.entries(of).map(([field, help]) => one(`${field}s`, help, Number(found[field as Sum])));

function contracts(records: readonly Credit[]): GaugeNow {
  const of = Map.groupBy(records, ({ role, state }) => `${role} ${state}`);
  const values = Object.entries(STATES).flatMap(([state, roles]) =>
    roles.map((role) => ({ labels: { role, state }, value: of.get(`${role} ${state}`)?.length ?? 0 })),
  );
  return { name: 'spillway_contracts', help: 'Credit contracts of this home, by its role and their state.', values };
}

/** Of the contracts that have something to exit with; none without one. */
function deadline(records: readonly Credit[], facts: ExitFacts): GaugeNow[] {
  const { tip } = facts;
  const heights = exitable(records, facts).map(({ terms }) => deadlineHeight(terms));
  if (tip === 'not-checked' || heights.length === 0) return [];
  const next = heights.reduce((a, b) => Math.min(a, b));
  const help = 'Blocks until the next height at which this home must exit; negative once it has passed.';
  return [one('next_deadline_blocks', help, next - tip)];
}
