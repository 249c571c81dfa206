/** How a contract stands, in one line: for `status`. */
import type { Hex } from '../protocol/action.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { deadlineHeight } from './checks.ts';
import { verdictOf, type ExitFacts, type Verdict } from './exit.ts';
import { isFunded, paidOf, type Credit } from './records.ts';

export interface StatusLine {
  type: 'status';
  version: 1;
  /** The contract's id; the own key before there is one. */
  contract: Hex;
  role: string;
  state: string;
  capacity_sat?: bigint;
  paid_sat?: bigint;
  /** What the payer still has: what was not signed away. */
  left_sat?: bigint;
  outpoint?: string;
  expiry?: number;
  deadline_height?: number;
  verdict?: Verdict;
  /** A proposed rollover or close, or a restored record. */
  notes: string[];
}

export function statusOf(name: Hex, c: Credit, facts: ExitFacts): StatusLine {
  const line: StatusLine = { type: 'status', version: 1, contract: name, role: c.role, state: c.state, notes: [] };
  if ('terms' in c) Object.assign(line, { capacity_sat: c.terms.capacity_sat, expiry: c.terms.expiry });
  if ('outpoint' in c) line.outpoint = outpointText(c.outpoint);
  if (!isFunded(c)) return line;
  if (c.rolling) line.notes.push(c.state === 'rolled' ? 'rolled over' : 'a rollover is proposed');
  if (c.closing) line.notes.push(c.state === 'closed' ? 'closed' : 'an own close is proposed');
  if (c.signedClose) line.notes.push("signed the other's close");
  if (c.role === 'payee' && c.restored) line.notes.push('from a restored store: no updates');
  return {
    ...line,
    paid_sat: paidOf(c),
    left_sat: c.terms.capacity_sat - paidOf(c),
    deadline_height: c.role === 'payee' ? deadlineHeight(c.terms) : c.terms.expiry,
    verdict: verdictOf(c, facts),
  };
}
