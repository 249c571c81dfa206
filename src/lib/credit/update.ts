/**
 * sign-update: [asked (payer) →] requested (payee) → signed (payer) → accepted (payee) [→ received (payer)].
 *
 * The payee opens every update and holds the finished exit; the payer signs last and can never obtain a signed update.
 * The payer counts (`signed_max`) before it answers; the payee stores the exit, raises `paid` and erases the nonce in one
 * commit. Of several live requests one is accepted, and voids the rest. Where the payment becomes ecash, the payee's blind
 * signatures are part of that commit, and `received` makes the token of them.
 */
import { maxSat } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { withWitness } from '../bitcoin/transaction.ts';
import { tokenKind } from '../ecash/in-hand.ts';
import { keysetKind } from '../ecash/keyset.ts';
import { loadCashu } from '../ecash/library.ts';
import { foundOf, quoteKind } from '../ecash/quote.ts';
import { promiseNotes, readSigned, signBlindly } from '../ecash/promise.ts';
import type { BlindPromise } from '../ecash/outputs.ts';
import { table, type Done } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { answerIn, finish, signLast, psbtOf, sharesIn } from '../signing/exchange.ts';
import { hasCome } from './arrivals.ts';
import { ASKED_SECONDS, checkUntil, consume, sameAsked, withAsking } from './asked.ts';
import { checkBefore, checkFunding, checkLooked, checkNotFrozen, deadlineHeight } from './checks.ts';
import {
  arrivalNotes,
  checkInflight,
  checkIssue,
  issuesHere,
  keysetOf,
  outputNotes,
  payForEcash,
  receiveEcash,
  tokenOfStep,
} from './ecash.ts';
import {
  checkTakesQuotes,
  creditPayment,
  inflightQueries,
  payForQuote,
  quoteOf,
  quoteQuery,
  reserveAsked,
} from './quotes.ts';
import { updateJob } from './jobs.ts';
import { checkHome, SIGN, outpointOf, overContract, TWICE } from './steps.ts';
import { paidUpTo, signedUpTo } from './owed.ts';
import { checkReceipt, signReceipt } from './receipt.ts';
import { FUNDED, creditKind, must, type Live, type PayerCredit } from './records.ts';
import { checkGrows, checkUpdates, paidNames, paidNotes, request, type UpdateRecords } from './request.ts';
import { put } from './spans.ts';
import { viewOf, type Role } from './terms.ts';
import { checkPaid } from './transactions.ts';
import { parseUpdate, type UpdateAt, type UpdateInput, type UpdateMessage } from './update-messages.ts';

export const signUpdate = table<UpdateMessage, UpdateRecords, UpdateInput>(
  {
    type: 'sign-update',
    server: 'payee',
    kinds: { contract: creditKind, keyset: keysetKind, quote: quoteKind, token: tokenKind },
    parse: parseUpdate,
    find: (m, input, { contract, keyset: known }) => {
      const keyset = keysetOf(m, contract);
      const quote = quoteOf(m, contract);
      const token = tokenOfStep(m, contract, known);
      return {
        contract: idClaim(m?.contract.id ?? input.contract ?? ''),
        ...(keyset && { keyset }),
        ...(quote && { quote }),
        ...(token && { token }),
      };
    },
    ...overContract,
    cancel: ({ records, message }) => {
      const c = must(records.contract, 'payee', 'open');
      // Of an older request for the same sum the nonce is another.
      const asksFor = ({ paidSat, pubnonce }: Live, m: UpdateMessage): boolean =>
        'psbt' in m &&
        m.paid_sat === paidSat &&
        sharesIn(updateJob(c, paidSat), m.psbt.update).own.pubnonce === pubnonce;
      const gone = c.live.filter((l) => !message || asksFor(l, message));
      if (gone.length === 0) throw new Refusal('too-late-to-cancel', 'no such request is open');
      return { writes: { contract: { ...c, live: c.live.filter((l) => !gone.includes(l)) } } };
    },
  },
  (row) => [
    row({
      name: 'asked',
      after: null,
      by: 'payer',
      does: 'asks to pay an amount, and agrees to it by that, for ten minutes',
      asks: ['contract', 'amount'],
      may: ['quote'],
      needs: () => ({ tip: true, now: true }),
      take: ({ records, input, facts, ...hand }) => {
        const c = must(records.contract, 'payer', 'open');
        checkNotFrozen(facts.tip, c.terms);
        checkGrows(input.amount);
        if (input.quote !== undefined) checkTakesQuotes(c.terms);
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
        notes: paidNames(message),
        remote: quoteQuery(message, records.contract),
      }),
      take: ({ message: m, ...given }) => {
        const c = must(given.records.contract, 'payee', 'accepted', 'open');
        checkUntil(m.asked, given.facts.now);
        const out = request(given, m.amount_sat, m.asked);
        const reserved = reserveAsked(c, m.asked, m.amount_sat, given.records.quote, given.facts);
        return { ...out, writes: { ...out.writes, ...reserved } };
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
      }),
      take: (given) => request(given, given.input.amount, null),
    }),
    row({
      name: 'signed',
      after: 'requested',
      by: 'payer',
      does: 'checks what it agreed to, counts it, and signs last',
      // Whether it is to become ecash is said here, and never again.
      unattended: [
        'where the payee signs no ecash',
        ({ records: { contract: c } }) => c !== undefined && 'terms' in c && !issuesHere(c.terms),
      ],
      may: ['ecash', 'maxInflight'],
      agrees: ['amount', 'max'],
      needs: ({ records }) => ({ tip: true, now: true, remote: inflightQueries(records.contract) }),
      loads: ({ message: m, input }) => (m.ecash && input.ecash ? loadCashu() : undefined),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const c = must(records.contract, 'payer', 'open');
        checkNotFrozen(facts.tip, c.terms);
        checkAmounts(m, 'payee');
        checkReceipt(c, m.previous_paid_sat, m.receipt, 'payee');
        checkPaid(c.terms, m.paid_sat);
        // A payer restored from a backup learns from its own receipt what it had signed.
        const counted = maxSat(c.signedMaxSat, m.previous_paid_sat);
        // Where the payee states less than that, what was signed since is lost: this update takes its place.
        const growthSat = maxSat(m.paid_sat - counted, 0n);
        if (growthSat > 0n) checkInflight(c, m, input.maxInflight);
        const replaced = m.amount_sat - growthSat;
        const asked = m.asked ? consume(c, m, facts.now) : c.asked;
        const job = updateJob(c, m.paid_sat);
        const { peer } = sharesIn(job, m.psbt.update);
        const part = signLast(hand, job, peer);
        const paid = input.ecash && !hasCome(c, m.paid_sat) ? payForEcash(hand, c, m, records.keyset) : undefined;
        const contract: PayerCredit = {
          ...paidUpTo(signedUpTo(c, m.previous_paid_sat), counted + growthSat),
          ...payForQuote(c, m, facts.remote, input.maxInflight),
          asked,
          seen: put(c.seen, { fromSat: m.previous_paid_sat, toSat: m.paid_sat }),
          ...(paid && { awaited: paid.awaited }),
        };
        // By asking, or by what others raised in this home's name, it is agreed to already.
        const covered = m.asked !== null || (c.owedSat !== null && m.paid_sat <= c.owedSat);
        const kept = {
          writes: { contract, ...(paid && { keyset: paid.keyset }) },
          ...(!covered && {
            consent: {
              text: `Pay ${m.amount_sat} sat over contract ${c.id.slice(0, 8)} (${m.paid_sat} of ${c.terms.capacity_sat} sat paid then${replaced > 0n ? `; ${replaced} sat that were signed and never accepted are in it` : ''})?`,
              amountSat: m.amount_sat,
              growthSat,
            },
          }),
        };
        // Counted before another wallet may sign.
        if (!part) return { waits: { update: psbtOf(job, { peer }) }, hint: TWICE, ...kept };
        const receipt = signReceipt(c.id, m.paid_sat, hand.keys.auth(c.own.path));
        const psbt = { update: psbtOf(job, { own: part, peer }) };
        return { message: { ...m, step: 'signed', receipt, ecash: paid?.ecash ?? null, psbt }, ...kept };
      },
    }),
    row({
      name: 'accepted',
      after: 'signed',
      by: 'payee',
      stands: true,
      does: 'completes the update and keeps it: its exit; signs the ecash that it becomes',
      agrees: ['unchecked'],
      needs: ({ records, message }) => ({
        tip: true,
        coins: outpointOf(records.contract),
        notes: outputNotes(message),
        remote: quoteQuery(message, records.contract),
      }),
      loads: ({ message }) => (message.ecash ? loadCashu() : undefined),
      take: ({ message: m, records, input, facts, ...hand }) => {
        checkHome(hand);
        checkLooked(hand.network, facts, input.unchecked);
        const c = must(records.contract, 'payee', 'open');
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
        const issue = checkIssue(c, live, m, records.keyset, facts.notes);
        const job = updateJob(c, m.paid_sat);
        const shares = sharesIn(job, m.psbt.update);
        if (shares.own.pubnonce !== undefined && live.pubnonce !== null && shares.own.pubnonce !== live.pubnonce)
          throw new Refusal('state-moved-on', `${m.amount_sat} sat were asked for anew since, with another nonce`, {
            hint: `let the payer answer the request that was printed last: spillway sign-update --contract ${c.id.slice(0, 8)} --again prints it`,
          });
        const done = finish(hand, job, shares.peer, live);
        if (!done) {
          const asking = c.live.map((l) => (l === live ? { ...l, answer: answerIn(shares.peer) } : l));
          return { waits: { update: psbtOf(job, shares) }, hint: SIGN, writes: { contract: { ...c, live: asking } } };
        }
        const { psbt: _, ...said } = m;
        const found = foundOf(facts, m.asked?.quote ?? '');
        const { quoted, ...credited } = creditPayment(c, m.asked, m.amount_sat, records.quote, found);
        const accept = (promises: readonly BlindPromise[] | null): Done<UpdateAt<'accepted'>, UpdateRecords> => ({
          message: {
            ...said,
            step: 'accepted',
            ecash: promises && { keyset_id: m.ecash!.keyset_id, promises: [...promises] },
          },
          writes: {
            contract: {
              ...c,
              paidSat: m.paid_sat,
              exit: withWitness(job.template, [[done.signature]]),
              receipt: m.receipt,
              issuedSat: c.issuedSat + (promises ? m.amount_sat : 0n),
              quoted,
              live: [],
              rolling: null,
            },
            ...credited,
          },
          notes: [...(promises ? promiseNotes(c.id, issue!.outs, promises) : []), ...paidNotes(c.id, live)],
          spends: done.spends,
          checks: { funding },
        });
        if (!issue) return accept(null);
        const { outs, keyset } = issue;
        if (keyset.path) return accept(signBlindly(hand.keys, keyset.path, outs));
        return {
          asks: { program: 'signer', body: { contract: c.id, paid_sat: m.paid_sat, outputs: outs } },
          answered: (answer) => accept(readSigned(answer, keyset.keyset, outs)),
        };
      },
    }),
    row({
      name: 'received',
      after: 'accepted',
      by: 'payer',
      does: 'checks and unblinds the ecash: prints the token, which is money',
      when: ['of a payment that became ecash', ({ message }) => message.ecash !== null],
      secret: true,
      needs: ({ message }) => ({ notes: arrivalNotes(message) }),
      loads: () => loadCashu(),
      take: ({ message: m, records, facts, ...hand }) => {
        const c = must(records.contract, 'payer', ...FUNDED);
        checkAmounts(m, 'payee');
        checkReceipt(c, m.paid_sat, m.receipt, 'payee');
        const { token, held, contract, notes, rests = [] } = receiveEcash(hand, c, m, records.keyset, facts.notes);
        const { ecash: _, ...said } = m;
        return {
          message: { ...said, step: 'received', token },
          writes: { contract, ...(held && !records.token && { token: held }) },
          notes,
          rests,
        };
      },
    }),
  ],
);

function checkAmounts(m: { previous_paid_sat: bigint; amount_sat: bigint; paid_sat: bigint }, from: Role): void {
  if (m.amount_sat <= 0n || m.previous_paid_sat + m.amount_sat !== m.paid_sat)
    throw new Refusal(
      'amount-not-growing',
      `${m.previous_paid_sat} sat paid and ${m.amount_sat} sat asked make ${m.paid_sat} sat in this message`,
      { blame: from },
    );
}
