/**
 * sign-update: [asked (payer) →] requested (payee) → signed (payer) → accepted (payee) [→ received
 * (payer)].
 *
 * The payee opens every update and holds the finished exit; the payer signs last and can never
 * obtain a signed update. The payer counts (`signed_max`) before it answers; the payee stores the
 * exit, raises `paid` and erases the nonce in one commit. Of several live requests one is accepted,
 * and voids the rest. Whatever rides along with a payment (`rider.ts`) is part of these commits.
 */
import { maxSat } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { withWitness } from '../bitcoin/transaction.ts';
import { SIGN_ONCE, SIGN_TWICE } from '../contract/joint-spend.ts';
import type { Done } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { answerIn, finish, signLast, psbtOf, sharesIn } from '../signing/exchange.ts';
import { ASKED_SECONDS, checkUntil, consume, sameAsked, withAsking } from './asked.ts';
import { checkBefore, checkFunding, checkLooked, checkNotFrozen, deadlineHeight } from './checks.ts';
import { updateJob } from './jobs.ts';
import { checkHome, outpointOf, overContract } from './steps.ts';
import { paidUpTo, signedUpTo } from './owed.ts';
import { checkReceipt, signReceipt } from './receipt.ts';
import { creditKind, inState, type Live, type PayerCredit } from './records.ts';
import { checkAmounts, checkGrows, checkUpdates, paidNames, paidNotes, request } from './request.ts';
import { riding, type Ride, type UpdateRecords } from './rider.ts';
import { viewOf } from './terms.ts';
import { checkPaid } from './transactions.ts';
import {
  CARRIED,
  carrying,
  updateParser,
  type UpdateAt,
  type UpdateInput,
  type UpdateMessage,
} from './update-messages.ts';

/** Returns the table of `sign-update` for a rider of payments. */
export const updateTable = riding<UpdateMessage, UpdateRecords, UpdateInput>(
  (along) => ({
    type: 'sign-update',
    server: 'payee',
    kinds: { contract: creditKind, ...along.kinds },
    parse: updateParser(along.forms),
    find: (m, input, records) => ({
      contract: idClaim(m?.contract.id ?? input.contract ?? ''),
      ...along.find(m, records.contract, records),
    }),
    ...overContract,
    cancel: ({ records, message }) => {
      const c = inState(records.contract, 'payee', 'open');
      // Of an older request for the same sum the nonce is another.
      const asksFor = ({ paidSat, pubnonce }: Live, m: UpdateMessage): boolean =>
        'psbt' in m &&
        m.paid_sat === paidSat &&
        sharesIn(updateJob(c, paidSat), m.psbt.update).own.pubnonce === pubnonce;
      const gone = c.live.filter((l) => !message || asksFor(l, message));
      if (gone.length === 0) throw new Refusal('too-late-to-cancel', 'no such request is open');
      return { writes: { contract: { ...c, live: c.live.filter((l) => !gone.includes(l)) } } };
    },
  }),
  (row, along) => [
    row({
      name: 'asked',
      after: null,
      by: 'payer',
      does: 'asks to pay an amount, and agrees to it by that, for ten minutes',
      asks: ['contract', 'amount'],
      may: ['quote'],
      needs: () => ({ tip: true, now: true }),
      take: ({ records, input, facts, ...hand }) => {
        const c = inState(records.contract, 'payer', 'open');
        checkNotFrozen(facts.tip, c.terms);
        checkGrows(input.amount);
        along.asks(c.terms, input);
        checkPaid(c.terms, c.signedMaxSat + input.amount);
        const until = facts.now + ASKED_SECONDS;
        const asked = { id: bytesToHex(hand.random(16)), until, quote: input.quote ?? null };
        return {
          message: { step: 'asked', network: c.terms.network, contract: viewOf(c), amount_sat: input.amount, asked },
          writes: { contract: { ...c, asked: withAsking(c, input.amount, asked, facts.now) } },
        };
      },
    }),
    row({
      name: 'requested',
      after: 'asked',
      by: 'payee',
      does: 'takes up what the payer asked to pay, as below',
      agrees: ['unchecked'],
      needs: ({ records, message }) => ({
        tip: true,
        now: true,
        coins: outpointOf(records.contract),
        ...along.needs(message, records.contract, records),
        notes: paidNames(message),
      }),
      take: ({ message: m, ...given }) => {
        inState(given.records.contract, 'payee', 'accepted', 'open');
        checkUntil(m.asked, given.facts.now);
        return request(along, given, m.amount_sat, m.asked);
      },
    }),
    row({
      name: 'requested',
      after: null,
      by: 'payee',
      does: 'asks for an amount, with the nonce of the update that would pay it',
      asks: ['contract', 'amount'],
      agrees: ['unchecked'],
      needs: ({ records, requestId }) => ({
        tip: true,
        now: true,
        coins: outpointOf(records.contract),
        notes: paidNames({ requestId }),
        remote: [],
      }),
      take: (given) => request(along, given, given.input.amount, null),
    }),
    row({
      name: 'signed',
      after: 'requested',
      by: 'payer',
      does: 'checks what it agreed to, counts it, and signs last',
      // This row alone states whether anything comes back for the payment.
      unattended: along.unattended,
      may: CARRIED,
      agrees: ['amount', 'max'],
      needs: ({ message, records }) => ({ tip: true, now: true, ...along.needs(message, records.contract, records) }),
      loads: ({ message, input }) => along.loads(message, input),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const c = inState(records.contract, 'payer', 'open');
        checkNotFrozen(facts.tip, c.terms);
        checkAmounts(m, 'payee');
        checkReceipt(c, m.previous_paid_sat, m.receipt, 'payee');
        checkPaid(c.terms, m.paid_sat);
        // A payer restored from a backup learns from its own receipt what it had signed.
        const counted = maxSat(c.signedMaxSat, m.previous_paid_sat);
        // A payee that states less has lost the last update; this one replaces it.
        const growthSat = maxSat(m.paid_sat - counted, 0n);
        const replaced = m.amount_sat - growthSat;
        const asked = m.asked ? consume(c, m, facts.now) : c.asked;
        const job = updateJob(c, m.paid_sat);
        const { peer } = sharesIn(job, m.psbt.update);
        const part = signLast(hand, job, peer);
        const ride = along.pays(hand, c, m, { records, input, facts }, growthSat > 0n);
        const paid = paidUpTo(signedUpTo(c, m.previous_paid_sat), counted + growthSat);
        const contract: PayerCredit = { ...paid, asked };
        // The payer's own request, or a debt raised by its customers, is consent already.
        const covered = m.asked !== null || (c.owedSat !== null && m.paid_sat <= c.owedSat);
        const kept = {
          writes: { contract, ...ride.writes },
          ...(!covered && {
            consent: {
              text: `Pay ${m.amount_sat} sat over contract ${c.id.slice(0, 8)} (${m.paid_sat} of ${c.terms.capacity_sat} sat paid then${replaced > 0n ? `; ${replaced} sat that were signed and never accepted are in it` : ''})?`,
              amountSat: m.amount_sat,
              growthSat,
            },
          }),
        };
        // Counted before another wallet may sign.
        if (!part) return { waits: { update: psbtOf(job, { peer }) }, hint: SIGN_TWICE, ...kept };
        const receipt = signReceipt(c.id, m.paid_sat, hand.keys.auth(c.own.path));
        const psbt = { update: psbtOf(job, { own: part, peer }) };
        return { message: { ...m, step: 'signed', receipt, ...carrying(ride.says), psbt }, ...kept };
      },
    }),
    row({
      name: 'accepted',
      after: 'signed',
      by: 'payee',
      stands: true,
      does: along.words.accepted,
      agrees: ['unchecked'],
      needs: ({ records, message }) => ({
        tip: true,
        coins: outpointOf(records.contract),
        ...along.needs(message, records.contract, records),
      }),
      loads: ({ message, input }) => along.loads(message, input),
      take: ({ message: m, records, input, facts, ...hand }) => {
        checkHome(hand);
        checkLooked(hand.network, facts, input.unchecked);
        const c = inState(records.contract, 'payee', 'open');
        checkUpdates(c);
        checkBefore(facts.tip, deadlineHeight(c.terms), 'an update is accepted');
        const funding = checkFunding(facts.coins, c);
        const live = c.live.find((l) => l.paidSat === m.paid_sat);
        if (!live || m.previous_paid_sat !== c.paidSat || !sameAsked(live.asked, m.asked))
          throw new Refusal(
            'state-moved-on',
            `no such request for ${m.paid_sat} sat in all is open; ${c.paidSat} sat are paid`,
            { hint: `ask again: spillway sign-update --contract ${c.id.slice(0, 8)} --amount ${m.amount_sat}` },
          );
        checkAmounts(m, 'payer');
        checkReceipt(c, m.paid_sat, m.receipt, 'payer');
        const ride = along.accepts(hand, c, live.offered, m, { records, facts });
        const job = updateJob(c, m.paid_sat);
        const shares = sharesIn(job, m.psbt.update);
        if (shares.own.pubnonce !== undefined && live.pubnonce !== null && shares.own.pubnonce !== live.pubnonce)
          throw new Refusal('state-moved-on', `${m.amount_sat} sat were asked for anew since, with another nonce`, {
            hint: `let the payer answer the request that was printed last: spillway sign-update --contract ${c.id.slice(0, 8)} --again prints it`,
          });
        const done = finish(hand, job, shares.peer, live);
        if (!done) {
          const asking = c.live.map((l) => (l === live ? { ...l, answer: answerIn(shares.peer) } : l));
          return {
            waits: { update: psbtOf(job, shares) },
            hint: SIGN_ONCE,
            writes: { contract: { ...c, live: asking } },
          };
        }
        const { psbt: _, ...said } = m;
        const accept = ({ says, writes, notes = [] }: Ride): Done<UpdateAt<'accepted'>, UpdateRecords> => ({
          message: { ...said, step: 'accepted', ...carrying(says) },
          writes: {
            contract: {
              ...c,
              paidSat: m.paid_sat,
              exit: withWitness(job.template, [[done.signature]]),
              receipt: m.receipt,
              live: [],
              rolling: null,
            },
            ...writes,
          },
          notes: [...notes, ...paidNotes(c.id, live)],
          spends: done.spends,
          checks: { funding },
        });
        const { asks } = ride;
        return asks ? { asks, answered: (answer) => accept(ride.done(answer)) } : accept(ride.done());
      },
    }),
    ...along.rows(row),
  ],
);
