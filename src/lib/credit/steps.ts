/** First checks of every step: the role, the same contract, a home that may act. */
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { payeePubkey, type Credit, type FundedCredit } from './records.ts';
import { dueSat } from './owed.ts';
import { authOf, otherRole, viewOf, type Role } from './terms.ts';

/** Returns a hint as an optional field. */
export const hintOf = (hint: string | undefined): { hint?: string } => (hint === undefined ? {} : { hint });

/** Refuses for a restored payee, whose lost records may contradict the step. */
export function checkHome(hand: Pick<Hand, 'restored'>): void {
  if (hand.restored) throw homeRestored('as payee it only exits');
}

/** The outpoint of a contract that has one, to ask the chain for it. */
export const outpointOf = (c: Credit | undefined): string[] => (c && 'outpoint' in c ? [outpointText(c.outpoint)] : []);

type Over = { contract?: Credit | undefined };

/** @throws Refusal `unknown-contract` */
export function roleIn(c: Credit | undefined): Role {
  if (!c) throw new Refusal('unknown-contract', 'no such contract in this home');
  return c.role;
}

/** Head of every action over a contract that both sides know. */
export const overContract = {
  party: ({ records }: { records: Over }): Role => roleIn(records.contract),
  /** The counterparty's authentication key. */
  peer: ({ records: { contract: c }, message }: { records: Over; message: object | null }): Hex | null => {
    if (!message) return null;
    // A record that is found by its id has terms.
    if (!c || !('terms' in c)) throw new Refusal('bug', 'a message over a contract without terms');
    return authOf(c.terms, otherRole(c.role));
  },
  sealWith: ({ contract }: Over) => contract!.own.path,
  states: ({ contract: c }: Over) => (c && 'outpoint' in c ? { contract: viewOf(c) } : undefined),
};

/** Refuses an end while the payer's debt may be unknown. @throws Refusal `contract-restored` */
export function checkOwedKnown(c: FundedCredit): void {
  if (c.role === 'payer' && c.owedSat !== null && c.restored)
    throw new Refusal(
      'contract-restored',
      'this contract comes from a restored store: what it owed last may be missing',
      {
        hint: `the merchant shows its receipts (credit-invoice --check --receipt), then: ecash-quote --contract ${c.id.slice(0, 8)} --confirm`,
      },
    );
}
/** Refuses an end below the debt. @throws Refusal `owed-unsettled`, `contract-restored` */
export function checkSettled(c: FundedCredit): void {
  checkOwedKnown(c);
  if (c.role === 'payer' && dueSat(c) > c.signedMaxSat)
    throw new Refusal('owed-unsettled', `${c.owedSat} sat are owed, ${c.signedMaxSat} sat are signed`, {
      hint: `the payee takes it by sign-update while updates go on; after that ${paysOwed(c.id)}`,
    });
}
/** Returns words for the ways to pay a debt after updates have ended. */
export const paysOwed = (contract: Hex): string => {
  const id = contract.slice(0, 8);
  return `a close that the payer proposes (close-credit --contract ${id}) or a rollover pays all that is owed`;
};

/** @param by the command that answered it */
export const answeredBefore = (c: Credit, by: 'open-credit' | 'rollover'): Refusal => {
  const name = 'id' in c ? c.id : payeePubkey(c);
  return new Refusal(
    'already-known',
    `this offer was answered before${name ? `, with contract ${name}` : ', and that was given up'}`,
    name && c.state !== 'cancelled'
      ? { hint: `spillway ${by} --contract ${name.slice(0, 16)} --again prints the answer, --cancel gives it up` }
      : { hint: 'ask for another offer' },
  );
};
