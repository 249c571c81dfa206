/**
 * The kind of record that a credit contract is: by which claims it is found, and what the store's
 * schema guards of it. Also what becomes of it when its store was restored, and when it may be
 * dropped. Its states: `states.ts`.
 */
import { outpointText, type Gone } from '../bitcoin/outpoint.ts';
import type { Claim, HeldRecord, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { coinClaim, fundingClaim, idClaim, keyClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { figuresOf } from './figures.ts';
import { merged, restored } from './restore.ts';
import {
  coveredSat,
  guardedOf,
  heldKey,
  isFunded,
  isLeft,
  isUnfunded,
  openFor,
  owesNothing,
  paidOf,
  released,
  type Credit,
} from './states.ts';
import type { Role } from './terms.ts';
import { maxPaid } from './transactions.ts';

export * from './states.ts';

/** Returns the claim of a contract's rollover offer; a contract has at most one. */
export const offerClaim = (id: Hex): Claim => `credit:offer/${id}`;

/** Lists the coin of a contract that the chain has spent for good. */
const spentBy = (c: Credit): readonly Gone[] =>
  isFunded(c) && c.settled ? [{ outpoint: c.outpoint, ways: [c.settled.txid] }] : [];

/** Kind of the records of credit contracts. */
export const creditKind: Kind<Credit> = {
  name: 'credit',
  parse: (json) => withSats(json) as Credit,
  claims(c): readonly Claim[] {
    switch (c.state) {
      case 'offered':
        return [keyClaim(c.offer.pubkey), ...(c.rolls === null ? [] : [offerClaim(c.rolls)])];
      case 'cancelled':
        // A key that was shown once is never shown again.
        return [keyClaim(c.key)];
      case 'addressed':
        return [idClaim(c.id), keyClaim(c.terms.payer_pubkey), keyClaim(c.terms.payee_pubkey)];
      default:
        return [
          idClaim(c.id),
          keyClaim(c.terms.payer_pubkey),
          keyClaim(c.terms.payee_pubkey),
          // An outpoint stated by the counterparty reserves no coin of this home.
          (c.role === 'payee' ? fundingClaim : coinClaim)(outpointText(c.outpoint)),
          ...('coins' in c && c.state !== 'closed' ? c.coins.map(coinClaim) : []),
        ];
    }
  },
  // A payee cancels only records without payments.
  isStranger: (c) => c.state === 'offered' || c.state === 'cancelled' || isUnfunded(c),
  nonces: openFor,
  row(c): RecordRow {
    const name = 'id' in c ? c.id : c.state === 'offered' ? c.offer.pubkey : c.key;
    const limitSat = 'terms' in c ? maxPaid(c.terms) : 0n;
    return {
      name,
      state: c.state,
      highSat: isFunded(c) ? paidOf(c) : 0n,
      limitSat,
      left: isLeft(c),
      ...overOf(c),
      ...(isFunded(c) ? guardedOf(c) : 'guarded' in c && c.guarded),
    };
  },
  figures: (c) => figuresOf(c),
  restored,
  merged,
  completed: (c) =>
    ({
      ...c,
      ...('restored' in c && { restored: false }),
    }) as Credit,
  holds(c): readonly HeldRecord[] {
    const key = heldKey(c);
    return key === null ? [] : [{ claim: keyClaim(key), kind: creditKind }];
  },
  released,
  spent: spentBy,
};

const OPENING = 'spillway open-credit --contract ID --again prints its last message, --cancel gives it up';
/** The command that leads out of each state. */
const WAYS_OUT: Readonly<Record<Credit['state'], string>> = {
  offered: OPENING,
  addressed: OPENING,
  proposed: OPENING,
  accepted: OPENING,
  open: 'spillway status shows what the contract waits for; sign-update, rollover, close-credit and exit-credit go on',
  closing:
    'spillway close-credit --contract ID --again prints the last message of the close; exit-credit ends it alone',
  closed: 'spillway close-credit --contract ID --again prints the finished close, for spillway broadcast',
  rolled: 'the contract that follows has its money: spillway status lists it',
  exiting: 'spillway exit-credit --contract ID prints the exit again, for spillway broadcast and spillway bump',
  cancelled: 'it was given up: spillway open-credit starts another one',
};

/**
 * The record, known to be of this role and in one of these states.
 * @throws Refusal `unknown-contract`, `not-your-turn`, `wrong-state`
 */
export function inState<R extends Role, S extends Credit['state']>(
  c: Credit | undefined,
  role: R,
  ...states: S[]
): Extract<Credit, { role: R; state: S }> {
  if (!c) throw new Refusal('unknown-contract', 'no such contract in this home');
  if (c.role !== role)
    throw new Refusal('not-your-turn', `this home is the ${c.role} of the contract; the ${role} is expected here`);
  if (!(states as string[]).includes(c.state))
    throw new Refusal(
      'wrong-state',
      `the contract is '${c.state}' in this home, ${states.map((s) => `'${s}'`).join(' or ')} expected`,
      { hint: WAYS_OUT[c.state] },
    );
  return c as Extract<Credit, { role: R; state: S }>;
}

/**
 * Tells when nothing more can come of a contract, so that a home may drop it in time
 * (`home/prune.ts`).
 *
 * A home without the record has no key for the contract any more, so whatever is said over it once
 * more is refused. A customer keeps its few contracts, and with them what it has answered. A mint
 * keeps no merchant's contract that was paid all it was owed. Kept are contracts over which money
 * was lost, and a merchant's whose mint has not stated that it owes nothing more. Records beside a
 * contract go with it, and keep it while anything can come of them (`Kind.part`).
 */
function overOf(c: Credit): Pick<RecordRow, 'over' | 'frees'> {
  if (c.role === 'payer') return isPaidOff(c) ? { over: 'ended' } : {};
  if (c.state === 'cancelled') return c.lost ? {} : { over: 'nothing', frees: c.unpaid ?? false };
  if (!isFunded(c) || !c.settled || c.restored) return {};
  return c.settled.paysSat >= c.paidSat && owesNothing(c) ? { over: 'ended' } : {};
}

/** Returns whether the chain has paid out all of a debt that others may raise. */
function isPaidOff(c: Credit): boolean {
  if (c.role !== 'payer' || !isFunded(c) || c.owedSat === null || !c.settled || c.restored) return false;
  const { by } = c.settled;
  return c.owedSat <= coveredSat(c) && (c.owedSat === 0n || (by !== 'refund' && by !== 'other'));
}
