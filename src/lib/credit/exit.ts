/**
 * exit-credit: the unilateral exit. The payee's latest update, or the payer's refund, printed from
 * the store: no key, no counterparty. Printing the payee's exit freezes the contract for good; an
 * export for a watchtower does not.
 */
import type { Hex } from '../protocol/action.ts';
import { outcomeNeeds } from '../contract/outcome.ts';
import type { Verdict } from '../contract/status.ts';
import { idClaim } from '../protocol/claims.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { earlyHint } from '../bitcoin/locktime.ts';
import { sumSat, txidOfHex, type Template } from '../bitcoin/transaction.ts';
import { deadlineHeight, freezeHeight } from './checks.ts';
import {
  creditKind,
  exitingAs,
  isFunded,
  type Credit,
  type FundedCredit,
  type PayeeCredit,
  type PayerCredit,
} from './records.ts';
import { payoutScript, viewOf, type ContractView } from './terms.ts';
import { riding, type UpdateRecords } from './rider.ts';
import { refund, update } from './transactions.ts';
import { followed, hasLapsed, standingOf, type ExitFacts } from './standing.ts';
import { roleIn } from './steps.ts';

interface ExitOf<K extends 'exit' | 'refund'> {
  step: K;
  kind: K;
  network: string;
  contract: ContractView;
  /** Sum that it pays to this home. */
  amount_sat: bigint;
  txid: Hex;
  /** Absent while a refund is not valid yet. */
  hex?: Hex;
  /** The first block that can hold it; null: any. */
  valid_from_height: number | null;
  /** The height by which it should be confirmed; null: none. */
  deadline_height: number | null;
  verdict: Verdict;
}
/** Documents of `exit-credit`. */
export type ExitDocument = ExitOf<'exit'> | ExitOf<'refund'>;
export interface ExitInput {
  contract?: Hex;
  export?: boolean;
  /** Prints the refund's bytes also before its height. */
  early?: true;
}

/** Returns the table of `exit-credit` for a rider of payments. */
export const exitTable = riding<ExitDocument, UpdateRecords, ExitInput>(
  (along) => ({
    type: 'exit-credit',
    kinds: { contract: creditKind, ...along.kinds },
    parse: () => {
      throw new Refusal('usage', 'exit-credit reads no message', { hint: 'give --contract ID' });
    },
    find: (_, input, records) => ({ contract: idClaim(input.contract ?? ''), ...along.beside(records.contract) }),
    party: ({ records }) => roleIn(records.contract),
    peer: () => null,
    sealWith: () => null,
    keyless: true,
  }),
  (row, along) => [
    row({
      name: 'exit',
      after: null,
      by: 'payee',
      stands: true,
      does: 'prints its latest exit, and freezes the contract for good',
      asks: ['contract'],
      may: ['export', 'early'],
      needs: ({ records }) => exitQueries(records.contract),
      take: ({ records, input, facts, restored }) => {
        const c = funded(records.contract!) as PayeeCredit;
        if (!c.exit)
          throw new Refusal('nothing-to-print', 'nothing was paid over this contract: there is nothing to exit with');
        const { hint } = along.hint(records);
        const hints = [restored && MAY_KNOW_MORE, input.export ? NO_FREEZE : hint].filter(Boolean);
        return {
          message: exitOf(c, c.exit, facts),
          ...(hints.length > 0 && { hint: hints.join('; ') }),
          writes: input.export ? {} : { contract: exitingAs(c) },
        };
      },
    }),
    row({
      name: 'refund',
      after: null,
      by: 'payer',
      stands: true,
      does: 'prints its refund once the contract has expired',
      asks: ['contract'],
      may: ['export', 'early'],
      needs: ({ records }) => exitQueries(records.contract),
      take: ({ records, input, facts }) => {
        const c = funded(records.contract!) as PayerCredit;
        const document = refundOf(c, facts, input.early);
        const words = GONE[document.verdict];
        if (document.hex !== undefined) return { message: document, writes: {}, ...(words && { hint: words }) };
        return {
          message: document,
          exit: 3,
          hint: words ?? earlyHint('the refund', c.terms.expiry, facts.tip),
          writes: {},
        };
      },
    }),
  ],
);

const MAY_KNOW_MORE =
  'this home was restored: its journal may know an exit that pays more; where there is time, run spillway reconcile first';
const NO_FREEZE =
  'an export does not freeze the contract; an older export is worth money to the payer: replace it after each payment and keep it secret';

const SPENT = "the contract's coin is spent: by an exit, a close or a rollover";
const GONE: Partial<Record<Verdict, string>> = {
  done: SPENT,
  pending: SPENT,
  unfunded: 'the funding transaction is not on the chain: broadcast it, or leave it',
  dead: 'the funding was replaced by another transaction: this contract and its refund are dead',
};

/** Returns the chain queries for a contract's standing. */
const exitQueries = (c: Credit | undefined) =>
  ({
    tip: true,
    ...outcomeNeeds(c && isFunded(c) ? [followed(c)] : []),
    known: c && 'outpoint' in c ? [c.outpoint.txid] : [],
  }) as const;

function funded(c: Credit): FundedCredit {
  if (!isFunded(c))
    throw new Refusal(
      'nothing-to-print',
      `the contract is '${c.state}' in this home: there is no exit and no refund yet`,
    );
  return c;
}

/** The payee's latest update. */
function exitOf(c: PayeeCredit, hex: Hex, facts: ExitFacts): ExitOf<'exit'> {
  return {
    step: 'exit',
    kind: 'exit',
    network: c.terms.network,
    contract: viewOf(c),
    amount_sat: paysTo(update(c, c.paidSat), payoutScript(c.terms, 'payee')),
    txid: txidOfHex(hex),
    hex,
    valid_from_height: null,
    deadline_height: deadlineHeight(c.terms),
    verdict: verdictOf(c, facts),
  };
}

/** Returns the payer's refund; its bytes only from its height on, or if `early` is set. */
function refundOf(c: PayerCredit, facts: ExitFacts, early = false): ExitOf<'refund'> {
  const { expiry } = c.terms;
  return {
    step: 'refund',
    kind: 'refund',
    network: c.terms.network,
    contract: viewOf(c),
    amount_sat: paysTo(refund(c), payoutScript(c.terms, 'payer')),
    txid: txidOfHex(c.refund),
    ...((early || (facts.tip !== 'not-checked' && facts.tip >= expiry)) && { hex: c.refund }),
    valid_from_height: expiry + 1,
    deadline_height: null,
    verdict: verdictOf(c, facts),
  };
}

const paysTo = (template: Template, script: Hex): bigint => sumSat(template.outputs.filter((o) => o.script === script));

export const EXIT_LIMITS = {
  /** Heights at which the payee's exit is due: at expiry the refund can replace it. */
  due: { unit: 'height', least: freezeHeight, most: deadlineHeight },
} satisfies Limits;

/** Returns the verdict for a contract from the height and its coin: early, due, late … */
export function verdictOf(c: FundedCredit, facts: ExitFacts): Verdict {
  const { tip } = facts;
  const { is } = standingOf(c, facts);
  if (is === 'settled') return 'done';
  if (is === 'lost') return 'lost';
  if (is === 'pending') return 'pending';
  if (is === 'dead') return 'dead';
  if (is === 'absent') return hasLapsed(c, facts) ? 'dead' : 'unfunded';
  if (c.role === 'payee' && c.paidSat === 0n) return 'done';
  if (tip === 'not-checked') return 'unknown';
  const { terms } = c;
  if (c.role === 'payer') return tip < terms.expiry ? 'early' : 'due';
  if (tip < EXIT_LIMITS.due.least(terms)) return 'early';
  return tip <= EXIT_LIMITS.due.most(terms) ? 'due' : 'late';
}

export interface DueLine {
  type: 'exit-due';
  version: 1;
  contract: Hex;
  role: string;
  state: string;
  paid_sat: bigint;
  expiry: number;
  deadline_height: number;
  verdict: Verdict;
}

/** The contracts whose deadline is at most `within` blocks away, the nearest first. */
export function dueList(
  records: readonly Credit[],
  tip: number,
  within: number,
  facts: Omit<ExitFacts, 'tip'>,
): DueLine[] {
  return records
    .filter(isFunded)
    .map((c) => ({
      type: 'exit-due' as const,
      version: 1 as const,
      contract: c.id,
      role: c.role,
      state: c.state,
      paid_sat: c.role === 'payee' ? c.paidSat : c.signedMaxSat,
      expiry: c.terms.expiry,
      deadline_height: c.role === 'payee' ? deadlineHeight(c.terms) : c.terms.expiry,
      verdict: verdictOf(c, { ...facts, tip }),
    }))
    .filter((line) => line.deadline_height - tip <= within)
    .sort((a, b) => a.deadline_height - b.deadline_height);
}
