/** Credit contracts in `status`, with ecash. Not here: the rest of a line (`credit/status.ts`). */
import { isFunded, creditKind, type Credit, type PayerCredit } from '../credit/records.ts';
import { total } from '../credit/spans.ts';
import { followed } from '../credit/standing.ts';
import { statusOf, type CreditStatusLine, type LedgerStatus } from '../credit/status.ts';
import { maxPaid } from '../credit/transactions.ts';
import { creditWay } from '../credit/ways.ts';
import { exitQuoteBy, type StatusSource } from '../contract/status.ts';
import { issuedOf, ledgerKind, ledgerOf, payeeLedger, payerLedger, sumOf, waits, type Ledger } from './ledger.ts';

/**
 * Returns how much of a payer's balance is in tokens and how much the contract still holds.
 * @param tokens sum of the wallet's tokens of this contract
 */
export function floatOf(c: PayerCredit, wanted: number, tokens: bigint): NonNullable<CreditStatusLine['float']> {
  const balance = maxPaid(c.terms) - c.signedMaxSat + tokens;
  const percent = balance === 0n ? 0 : Number((tokens * 1000n) / balance / 10n);
  return {
    tokens_sat: tokens,
    percent,
    wanted_percent: wanted,
    swap_sat: (balance * BigInt(wanted)) / 100n - tokens,
  };
}

/** Returns what `status` says about a contract's ecash. */
export function toldOf(c: Credit, known: Ledger | undefined): LedgerStatus {
  if (!isFunded(c) || c.terms.ecash === 'none') return {};
  if (c.role === 'payer') {
    const { arrived, awaited } = payerLedger(c, known);
    return { figures: { ecash_sat: total(arrived), ecash_awaited_sat: sumOf(awaited) } };
  }
  const l = payeeLedger(c, known);
  const doubt = l.unconfirmed && { doubt: 'how much is issued is not confirmed: all that was paid counts' };
  return { figures: { issued_sat: issuedOf(l) }, ...waits(l), ...doubt };
}

/** Credit contracts in `status`. */
export const creditShown: StatusSource<Credit, Ledger> = {
  kind: creditKind,
  beside: { kind: ledgerKind, of: ledgerOf },
  coin: (c) => (isFunded(c) ? followed(c) : undefined),
  feerate: true,
  line(name, c, facts, { float, tokens }, ledger) {
    const line = statusOf(name, c, facts, toldOf(c, ledger));
    if (float !== undefined && isFunded(c) && c.role === 'payer')
      line.float = floatOf(c, float, tokens ?? line.ecash_sat ?? 0n);
    if (isFunded(c) && !c.settled && (c.role === 'payer' || c.paidSat > 0n))
      line.quote = exitQuoteBy(creditWay(c.role, c.terms), facts);
    return line;
  },
};
