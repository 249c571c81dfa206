/**
 * Ecash of a contract's payments after a restore: what is known, or confirmed, to be issued.
 * A contract and its ledger are reconciled as one.
 */
import { FUNDED, creditKind, isFunded, inState, paidOf, type Credit } from '../../lib/credit/records.ts';
import { ledgerClaim, ledgerKind, payeeLedger, type Ledger } from '../../lib/ecash/ledger.ts';
import { change } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import type { Reconciliation } from '../../lib/home/reconcile.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';

/** Returns the outcomes with the sums of contracts; that of a ledger is in its contract's. */
export function withFigures(all: readonly Reconciliation[]): (Reconciliation & { figures: object })[] {
  const ledgers = new Map(all.flatMap((o) => (o.kind === ledgerKind.name ? [[(o.record as Ledger).contract, o]] : [])));
  return all
    .filter(({ kind }) => kind !== ledgerKind.name)
    .map((of) => {
      if (of.kind !== creditKind.name) return { ...of, figures: {} };
      const beside = ledgers.get(of.name);
      const outcome = of.outcome === 'same' && beside ? beside.outcome : of.outcome;
      return { ...of, outcome, figures: figuresOf(of.record as Credit, beside?.record as Ledger | undefined) };
    });
}

function figuresOf(c: Credit, ledger: Ledger | undefined): object {
  if (!isFunded(c)) return { role: c.role, state: c.state };
  const owed = 'owedSat' in c && c.owedSat !== null ? { owed_sat: c.owedSat } : {};
  // What is known to be issued: status counts all that was paid until it is confirmed.
  const isIssued = c.role === 'payee' && c.terms.ecash !== 'none';
  const issued = isIssued ? { issued_sat: payeeLedger(c, ledger).issuedSat } : {};
  return { role: c.role, state: c.state, paid_sat: paidOf(c), ...issued, ...owed };
}

/**
 * Confirms by the operator's word how much of a contract's payments became ecash.
 * @param issued all that was paid, where it is not given
 * @throws Refusal `home-restored`, `unknown-contract`, `wrong-state`, `amount-differs`
 */
export async function confirmIssued(
  { store, network, restored }: Home,
  id: Hex,
  issued: bigint | undefined,
): Promise<object> {
  if (restored) throw homeRestored('its journal may know of more that was paid and issued');
  return change<{ contract: Credit; ledger: Ledger }, object>(
    store,
    { contract: creditKind, ledger: ledgerKind },
    () => ({ contract: idClaim(id), ledger: ledgerClaim(id) }),
    ({ contract, ledger }) => {
      const c = inState(contract, 'payee', 'accepted', ...FUNDED);
      if (c.terms.ecash === 'cdk')
        throw new Refusal('wrong-state', "the figures of a running mint's contract are read from the mint", {
          hint: `spillway ecash-quote --contract ${c.id.slice(0, 8)} --confirm`,
        });
      const had = payeeLedger(c, ledger);
      if (!had.unconfirmed || c.terms.ecash === 'none')
        throw new Refusal('wrong-state', 'nothing is to be confirmed for this contract');
      const issuedSat = issued ?? c.paidSat;
      if (issuedSat < had.issuedSat || issuedSat > c.paidSat)
        throw new Refusal('amount-differs', `${issuedSat} sat found, ${had.issuedSat} to ${c.paidSat} sat expected`, {
          hint: 'less than is known was not issued, and nothing above what was paid',
        });
      return {
        writes: { ledger: { ...had, issuedSat, unconfirmed: false } },
        result: {
          type: 'reconcile',
          version: 1,
          network,
          kind: creditKind.name,
          name: c.id,
          outcome: 'confirmed',
          paid_sat: c.paidSat,
          issued_sat: issuedSat,
        },
      };
    },
  );
}
