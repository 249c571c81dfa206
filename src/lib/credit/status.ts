/** One line of `status` about a contract. */
import { statusHead, type StatusLine, type Verdict } from '../contract/status.ts';
import type { Hex } from '../protocol/action.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { deadlineHeight } from './checks.ts';
import { verdictOf } from './exit.ts';
import { coveredSat, isFunded, owesNothing, paidOf, type Credit } from './records.ts';
import { hasLapsed, standingOf, type ExitFacts } from './standing.ts';

/** Line of `status` about a credit contract; sums in satoshis. */
export interface CreditStatusLine extends StatusLine {
  capacity_sat?: bigint;
  paid_sat?: bigint;
  /** Sum that the payer still has: it was not signed away. */
  left_sat?: bigint;
  /** Sums that the payer got back as ecash, and that it has paid for and not got. */
  ecash_sat?: bigint;
  ecash_awaited_sat?: bigint;
  /** Answer to --float: the share in tokens, and how much more (less, where negative) is wished. */
  float?: { tokens_sat: bigint; percent: number; wanted_percent: number; swap_sat: bigint };
  /** Payer of a reverse contract: total debt in satoshis. */
  owed_sat?: bigint;
  /** Payee: part of the payments that became ecash or was reported to its issuer, in satoshis. */
  issued_sat?: bigint;
  outpoint?: string;
  expiry?: number;
  deadline_height?: number;
  verdict?: Verdict;
}

/** Fields of a line that come from the contract's ecash ledger. */
export interface LedgerStatus {
  figures?: Pick<CreditStatusLine, 'ecash_sat' | 'ecash_awaited_sat' | 'issued_sat'>;
  hint?: string;
  doubt?: string;
}

/** Returns the line of `status` about a contract. */
export function statusOf(name: Hex, c: Credit, facts: ExitFacts, told: LedgerStatus = {}): CreditStatusLine {
  const line: CreditStatusLine = { ...statusHead(name, c), notes: [] };
  if ('terms' in c) Object.assign(line, { capacity_sat: c.terms.capacity_sat, expiry: c.terms.expiry });
  if ('outpoint' in c) line.outpoint = outpointText(c.outpoint);
  if (!isFunded(c)) return line;
  const { is, by, settledSat, lostSat } = standingOf(c, facts);
  if (is === 'lost') line.notes.push(`${lostSat} sat are lost: settled by ${by}`);
  else if (is === 'settled') line.notes.push(`settled by ${by}${settledSat > paidOf(c) ? `: ${settledSat} sat` : ''}`);
  else if (is === 'pending') line.notes.push(by ? `spent by ${by}, not final yet` : 'spent, not known by what');
  if (hasLapsed(c, facts)) line.notes.push('expired with nothing paid');
  if (c.rolling) line.notes.push(c.state === 'rolled' ? 'rolled over' : 'a rollover is proposed');
  if (c.closing) line.notes.push(c.state === 'closed' ? 'closed' : 'an own close is proposed');
  if (c.signedClose) line.notes.push("signed the other's close");
  if (c.role === 'payer' && c.owedSat !== null) {
    line.owed_sat = c.owedSat;
    const covered = coveredSat(c);
    if (c.owedSat > covered)
      line.notes.push(`${c.owedSat - covered} sat are owed and not ${c.owedSat > c.signedMaxSat ? 'signed' : 'paid'}`);
  }
  Object.assign(line, told.figures);
  if (c.role === 'payee' && c.settled && !owesNothing(c))
    line.notes.push('what the mint owes beyond this is not stated, or not paid: credit-invoice --check asks');
  if (told.hint) line.notes.push(told.hint);
  if (c.role === 'payee' && c.restored) line.notes.push('from a restored store: no updates');
  if (told.doubt) line.notes.push(told.doubt);
  return {
    ...line,
    paid_sat: paidOf(c),
    left_sat: c.terms.capacity_sat - paidOf(c),
    deadline_height: c.role === 'payee' ? deadlineHeight(c.terms) : c.terms.expiry,
    verdict: verdictOf(c, facts),
  };
}
