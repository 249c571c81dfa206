/**
 * Requests of a payee over a contract, its own or answers to a payer's, with the nonce of the
 * update that pays them. Each start is a new request. No signature can pay two open requests.
 */
import { ADD_NONCE } from '../contract/joint-spend.ts';
import type { Done, Facts, Hand, Note } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { open, psbtOf } from '../signing/exchange.ts';
import { lapsed, lapsesAt, sameAsked } from './asked.ts';
import { checkFunding, checkLooked, checkNotFrozen, seenFunded } from './checks.ts';
import { updateJob } from './jobs.ts';
import { inState, type PaymentAsked, type Live, type PayeeCredit } from './records.ts';
import type { Rider, UpdateRecords } from './rider.ts';
import { checkHome, paysOwed } from './steps.ts';
import { isReverse, viewOf, type Role } from './terms.ts';
import { checkPaid } from './transactions.ts';
import { carrying, type UpdateAt, type UpdateInput } from './update-messages.ts';

/** Returns the names of a payment's notes, which keep it from being charged twice. */
export const paidNames = ({
  requestId,
  asked,
}: {
  requestId?: string | null | undefined;
  asked?: PaymentAsked | null;
}): string[] => [
  ...(requestId == null ? [] : [`request/${requestId}`]),
  ...(asked == null ? [] : [`asked/${asked.id}`]),
];
/** Returns the notes of a payment. A --request-id is never free again, a request's note is. */
export const paidNotes = (id: string, live: Live): Note[] =>
  paidNames(live).map((name) => ({
    name,
    body: { contract: id, paid_sat: live.paidSat },
    ...(name.startsWith('asked/') && { lapses: true }),
  }));

interface RequestArgs extends Hand {
  records: Partial<UpdateRecords>;
  input: UpdateInput;
  requestId?: string | undefined;
  facts: Pick<Facts, 'tip' | 'now' | 'coins' | 'notes' | 'remote'>;
}

/** @throws Refusal `same-transaction`, `request-paid`, and as the checks of an update do */
export function request(
  along: Rider,
  given: RequestArgs,
  amount: bigint,
  asked: PaymentAsked | null,
): Done<UpdateAt<'requested'>, UpdateRecords> {
  const { records, input, requestId = null, facts, ...hand } = given;
  checkHome(hand);
  checkLooked(hand.network, facts, input.unchecked);
  const had = inState(records.contract, 'payee', 'accepted', 'open');
  const funding = checkFunding(facts.coins, had);
  checkUpdates(had);
  const ride = along.offers(had, asked, amount, { records, facts });
  checkNotFrozen(facts.tip, had.terms);
  checkGrows(amount);
  if (facts.notes.size > 0)
    throw new Refusal(
      'request-paid',
      `what was asked for${requestId === null ? '' : ` under --request-id ${requestId}`} was paid`,
      {
        hint: 'a new payment is asked for anew, under a name of its own',
      },
    );
  const paidSat = had.paidSat + amount;
  checkPaid(had.terms, paidSat);
  const gone = lapsed(had.live, facts.now);
  const c: PayeeCredit & { state: 'open' } = {
    ...seenFunded(had, facts.coins),
    state: 'open',
    live: had.live.filter((l) => !gone.includes(l)),
  };
  const job = updateJob(c, paidSat);
  const known = c.live.find((l) => l.sighash === job.nonceId.sighash);
  if (known) checkReplaces(known, { paidSat, requestId, asked });
  const opened = open(hand, job);
  const now: Live = {
    paidSat,
    sighash: job.nonceId.sighash,
    pubnonce: opened?.share.pubnonce ?? null,
    requestId,
    asked,
    ...(asked && { lapses: lapsesAt(asked, facts.now) }),
    offered: ride.offered,
  };
  const kept = {
    writes: { contract: { ...c, live: [...c.live.filter((l) => l !== known), now] }, ...ride.writes },
    checks: { funding },
  };
  const update = psbtOf(job, { own: opened?.share });
  if (!opened) return { waits: { update }, hint: ADD_NONCE, ...kept };
  return {
    message: {
      step: 'requested',
      network: c.terms.network,
      contract: viewOf(c),
      previous_paid_sat: c.paidSat,
      amount_sat: amount,
      paid_sat: paidSat,
      receipt: c.receipt,
      asked,
      ...carrying(ride.says),
      psbt: { update },
    },
    opens: opened.opens,
    ...kept,
  };
}

/** @throws Refusal `amount-not-growing` where the sums of a message do not add up */
export function checkAmounts(m: { previous_paid_sat: bigint; amount_sat: bigint; paid_sat: bigint }, from: Role): void {
  if (m.amount_sat <= 0n || m.previous_paid_sat + m.amount_sat !== m.paid_sat)
    throw new Refusal(
      'amount-not-growing',
      `${m.previous_paid_sat} sat paid and ${m.amount_sat} sat asked make ${m.paid_sat} sat in this message`,
      { blame: from },
    );
}
export function checkGrows(amount: bigint): void {
  if (amount <= 0n)
    throw new Refusal('amount-not-growing', `an amount of ${amount} sat found, more than nothing expected`);
}
export function checkUpdates(c: PayeeCredit): void {
  if (c.restored)
    throw new Refusal(
      'contract-restored',
      'this contract comes from a restored store: what was paid last may be missing here',
      {
        hint: isReverse(c.terms) ? `exit; or ${paysOwed(c.id)}` : 'exit, close or roll over',
      },
    );
}

/**
 * One signature would pay both. A start without a name takes the place of another, a named one of
 * itself, whose nonce is gone; and a wish of the payer that of another wish, which was not signed
 * for yet, or is told so.
 * @throws Refusal `same-transaction`
 */
function checkReplaces(known: Live, now: Pick<Live, 'paidSat' | 'requestId' | 'asked'>): void {
  const same = known.requestId === now.requestId && sameAsked(known.asked, now.asked);
  if (known.paidSat === now.paidSat && (same || (known.asked && now.asked))) return;
  const name = known.requestId === null ? '' : ` (--request-id ${known.requestId})`;
  throw new Refusal(
    'same-transaction',
    `the request that ends in ${known.paidSat} sat${name} is open, and the signature that pays it would pay this one too`,
    { hint: 'wait until it is accepted, or --cancel it' },
  );
}
