/**
 * Findings of `reconcile`: journals by name or by folder, the end of each record, and how much of a
 * contract's payments was issued, once its operator has looked.
 * Not here: how records are merged (`home/reconcile.ts`).
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FUNDED, creditKind, isFunded, inState, paidOf, type Credit } from '../../lib/credit/records.ts';
import { ledgerClaim, ledgerKind, payeeLedger, type Ledger } from '../../lib/ecash/ledger.ts';
import { change } from '../../lib/home/change.ts';
import type { Home, ReconcileReport } from '../../lib/home/home.ts';
import type { Reconciliation } from '../../lib/home/reconcile.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { homeRestored, Refusal, unreadable } from '../../lib/protocol/refusal.ts';

/** Files as they are, folders as the journals in them: whatever else has such a name there is passed over. @throws Refusal `no-input` */
export function journalsIn(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [path];
      return readdirSync(path)
        .filter((name) => name.endsWith('.journal'))
        .sort()
        .map((name) => join(path, name))
        .filter((file) => statSync(file).isFile());
    } catch (error) {
      throw unreadable(path, error);
    }
  });
}

/** Brings the journal in; whatever rests on all of it holds again. */
export async function bringIn(home: Home, ...what: Parameters<Home['reconcile']>): Promise<ReconcileReport> {
  const done = await home.reconcile(...what);
  const { trustKeysets } = await import('../ecash/keysets.ts');
  await trustKeysets(home);
  return done;
}

/** Returns the notes for the owner about the files. */
export const filesToLookAt = ({ gathered, notGiven }: ReconcileReport): string[] => [
  ...gathered.cut.map((file) => `${file} ends within a line: its process died there, or it was cut`),
  ...gathered.others.map(
    (file) => `${file} was written by another home of the same words: make sure that it does not run any more`,
  ),
  ...notGiven.map(
    (file) => `${file} is of this home's journal too, and was not given: no backup covers it until it is`,
  ),
];

/** Returns a document for each changed record, and a summary. */
export function reconcileDocuments(
  network: string,
  files: number,
  { gathered, outcomes: all, notGiven, completed }: ReconcileReport,
): object[] {
  const ledgers = new Map(all.flatMap((o) => (o.kind === ledgerKind.name ? [[(o.record as Ledger).contract, o]] : [])));
  const outcomes = all.filter((o) => o.kind !== ledgerKind.name).map((o) => withLedger(o, ledgers));
  const head = { type: 'reconcile', version: 1, network } as const;
  const count = (outcome: Reconciliation['outcome']) => outcomes.filter((o) => o.outcome === outcome).length;
  const { lines, cut, newest } = gathered;
  return [
    ...outcomes
      .filter(({ outcome }) => outcome !== 'same')
      .map(({ kind, name, outcome, record, ledger }) => ({
        ...head,
        kind,
        name,
        outcome,
        ...figuresOf(kind, record, ledger),
      })),
    {
      ...head,
      files,
      lines,
      cut,
      not_given: notGiven,
      newest: lines === 0 ? null : { commit: newest.commit, at: new Date(newest.at * 1000).toISOString() },
      added: count('added'),
      raised: count('raised'),
      same: count('same'),
      conflicts: count('conflict'),
      ...(completed !== undefined && { completed }),
    },
  ];
}

/** Returns the outcome of a contract with that of its ledger: the two go as one. */
function withLedger(
  of: Reconciliation,
  ledgers: ReadonlyMap<string, Reconciliation>,
): Reconciliation & { ledger?: Ledger } {
  const beside = of.kind === creditKind.name ? ledgers.get(of.name) : undefined;
  if (!beside) return of;
  return { ...of, outcome: of.outcome === 'same' ? beside.outcome : of.outcome, ledger: beside.record as Ledger };
}

function figuresOf(kind: string, record: unknown, ledger: Ledger | undefined): object {
  if (kind !== creditKind.name) return {};
  const c = record as Credit;
  if (!isFunded(c)) return { role: c.role, state: c.state };
  const owed = 'owedSat' in c && c.owedSat !== null ? { owed_sat: c.owedSat } : {};
  // What is known to be issued: status counts all that was paid until it is confirmed.
  const isIssued = c.role === 'payee' && c.terms.ecash !== 'none';
  const issued = isIssued ? { issued_sat: payeeLedger(c, ledger).issuedSat } : {};
  return { role: c.role, state: c.state, paid_sat: paidOf(c), ...issued, ...owed };
}

/**
 * The operator has looked how much of a contract's payments became ecash, or was reported.
 * @param issued all that was paid, where it is not given
 * @throws Refusal `home-restored`, `unknown-contract`, `not-your-turn`, `wrong-state`, `amount-differs`
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
