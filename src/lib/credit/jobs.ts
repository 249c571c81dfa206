/** Signing jobs of a contract, as `signing/exchange` takes them: transaction, keys, turn. */
import type { Template } from '../bitcoin/transaction.ts';
import { jobFor, type Job, type Own } from '../signing/exchange.ts';
import { publicKey } from '../signing/musig2.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { keysOf, otherRole, pubkeyOf, type Contract, type Role } from './terms.ts';
import * as tx from './transactions.ts';

const job = (contract: Contract, own: Own, role: Role, template: Template): Job =>
  jobFor({
    own,
    pubkey: pubkeyOf(contract.terms, role),
    peer: pubkeyOf(contract.terms, otherRole(role)),
    peerIs: otherRole(role),
    set: keysOf(contract.terms),
    template,
    of: idClaim(contract.id),
  });

type PartyContract = Contract & { own: Own; role: Role };

export const refundJob = (c: PartyContract): Job => job(c, c.own, c.role, tx.refund(c));
export const updateJob = (c: PartyContract, paid: bigint): Job => job(c, c.own, c.role, tx.update(c, paid));
export const closeJob = (c: PartyContract, paid: bigint, fee: bigint): Job =>
  job(c, c.own, c.role, tx.close(c, paid, fee));
export const rolloverJob = (c: PartyContract, template: Template): Job => job(c, c.own, c.role, template);

/** Purpose of the key to which a payer's quotes are locked (NUT-20). */
export const LOCKS = 2;

/** Returns the payer's side of the terms, with the key to which its quotes are locked. */
export const payerSide = <S extends object>(hand: Hand, own: Own, side: S): S & { ecash: () => Hex } => ({
  ...side,
  ecash: () => bytesToHex(publicKey(hand.keys.secret(own.path, LOCKS))),
});
