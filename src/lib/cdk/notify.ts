/**
 * Reports to a mint what its contracts were paid, through the program of `--notify`, for contracts
 * whose issuer is 'notify'.
 *
 * The record is the outbox: what was paid above `reported` is due. The program receives the total,
 * never a delta, and again until it ends well: at least once. Then `reported` rises to that total.
 * If two processes report at once, the one that finds a report of the other meanwhile reports
 * again. The last report is thus never an older total.
 */
import { maxSat } from '../bitcoin/amount.ts';
import { creditKind, type Credit, type PayeeCredit } from '../credit/records.ts';
import { ledgerClaim, ledgerKind, payeeLedger, type Ledger } from '../ecash/ledger.ts';
import { change, type KindsOf } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { askProgram } from '../engine/outside.ts';

/**
 * Reports all due payments. A failure at one contract does not stop the others.
 * @returns number of contracts reported
 * @throws Refusal `outside-failed`, the first, once all were tried
 */
export async function notifyPaid(home: Home, command: string): Promise<number> {
  let told = 0;
  const failed: unknown[] = [];
  for (const { record } of await home.store.unissued('notify')) {
    try {
      if (await tellOne(home, command, ledgerKind.parse(record).contract)) told += 1;
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
  return told;
}

/** Reports one contract's total. @returns whether the program was run */
async function tellOne(home: Home, command: string, id: Hex): Promise<boolean> {
  for (let beaten = false; ; beaten = true) {
    const { terms, paidSat, issuedSat, unconfirmed, told } = await journaled(home, id);
    // A restored store may lack the last report; nothing is reported until the operator has confirmed it.
    if (unconfirmed || (issuedSat >= paidSat && !beaten)) return beaten;
    const document = {
      type: 'credit-paid',
      version: 1,
      network: terms.network,
      contract: id,
      ecash_pubkey: terms.ecash_pubkey,
      mint: terms.mint_url,
      paid_sat: paidSat,
    };
    const failure = await askProgram(command, document).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const last = await reported(home, id, failure ? null : paidSat, told);
    if (last && failure) throw failure.error;
    if (last) return true;
  }
}

/**
 * Returns the record as it is now, and in the journal: the process that accepted the payment may
 * have died before it had written that.
 */
const journaled = ({ store }: Home, id: Hex) =>
  change(store, KINDS, named(id), ({ contract, ledger }) => {
    const { terms } = contract as PayeeCredit;
    return { writes: {}, result: { ...payeeLedger(contract as PayeeCredit, ledger), terms } };
  });
const KINDS: KindsOf<{ contract: Credit; ledger: Ledger }> = { contract: creditKind, ledger: ledgerKind };
const named = (id: Hex) => () => ({ contract: idClaim(id), ledger: ledgerClaim(id) });

/**
 * Stores a reported total, also if another run has written the contract meanwhile.
 * @param paidSat null where the program failed @param told reports made before
 * @returns false where another process reported meanwhile: then report again
 */
const reported = (home: Home, id: Hex, paidSat: bigint | null, told: number): Promise<boolean> =>
  change(home.store, KINDS, named(id), ({ contract, ledger }) => {
    const l = payeeLedger(contract as PayeeCredit, ledger);
    if (l.told !== told) return { writes: {}, result: false };
    if (paidSat === null) return { writes: {}, result: true };
    return { writes: { ledger: { ...l, issuedSat: maxSat(l.issuedSat, paidSat), told: told + 1 } }, result: true };
  });
