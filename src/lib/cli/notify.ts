/**
 * Tells a mint what its contracts have been paid, through the program of `--notify`: for contracts whose issuer is 'notify'.
 *
 * The record is the outbox: what was paid above what was reported is due. The program is told the total, never a delta,
 * and again until it has ended well: at least once. `reported` rises after that, to what it was told.
 */
import { creditKind, type PayeeCredit } from '../credit/records.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { askProgram } from './outside.ts';

/** Tells all that is due. @returns how many contracts were told of @throws Refusal `outside-failed` at the first that fails */
export async function notifyPaid(home: Home, command: string): Promise<number> {
  let told = 0;
  for (const { record } of await home.store.unissued('notify')) {
    const { id, terms } = withSats(record) as PayeeCredit;
    const { paidSat, unconfirmed } = await kept(home, id);
    // From a restored store: what it was told last may be missing here, and is the operator's to say.
    if (unconfirmed) continue;
    await askProgram(command, {
      type: 'credit-paid',
      version: 1,
      network: terms.network,
      contract: id,
      ecash_pubkey: terms.ecash_pubkey,
      mint: terms.mint_url,
      paid_sat: paidSat,
    });
    await reported(home, id, paidSat);
    told += 1;
  }
  return told;
}

/** As it is now, and in the journal: the process that accepted the payment may have died before it had written that. */
const kept = ({ store }: Home, id: string): Promise<PayeeCredit> =>
  change(store, { contract: creditKind }, named(id), ({ contract }) => ({
    writes: {},
    result: contract as PayeeCredit,
  }));
const named = (id: string) => () => ({ contract: idClaim(id) });

/** Another run may write the contract meanwhile; what was told stays told. */
const reported = (home: Home, id: string, paidSat: bigint): Promise<void> =>
  change(home.store, { contract: creditKind }, named(id), ({ contract }) => {
    const c = contract as PayeeCredit;
    return { writes: c.issuedSat < paidSat ? { contract: { ...c, issuedSat: paidSat } } : {}, result: undefined };
  });
