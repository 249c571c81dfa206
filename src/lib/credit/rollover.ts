/**
 * rollover: [asked (payer) →] offered (payee) → proposed (payer) → accepted (payee) → signed
 * (payer) → complete (payee).
 *
 * One transaction pays the payee what was paid and funds the next contract, with coins that the
 * payer may add. The old contract is spent by a transaction that the payee opens, for it will
 * broadcast. The next one gets its refund, which the payer opens, before anything of the old one is
 * signed. Updates go on until the payer signs; accepting one voids the rollover.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { expiryHeight, expiryWords } from '../bitcoin/locktime.ts';
import type { Network } from '../bitcoin/network.ts';
import { readSame, writePsbt } from '../bitcoin/psbt.ts';
import { toTransaction, withWitness } from '../bitcoin/transaction.ts';
import { witnessesOf } from '../bitcoin/wallet-inputs.ts';
import { finishedSpend, ADD_NONCE, SIGN_ONCE, SIGN_TWICE } from '../contract/joint-spend.ts';
import { idClaim } from '../protocol/claims.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finish, open, outsideOf, signLast, psbtOf, sharesIn } from '../signing/exchange.ts';
import { checkCoins, checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { checkFunding, checkLooked, seenFunded } from './checks.ts';
import { isSigned, putStacks, signFunding } from '../bitcoin/funding.ts';
import { freshSide } from '../signing/side.ts';
import { payerSide, rolloverJob } from './jobs.ts';
import { checkIssuer, ISSUED, issuerOf, OFFERED, offerRollover, rollingQueries } from './offer.ts';
import { acceptRefund, completeRefund, refundCopy } from './refund.ts';
import {
  cancelRolling,
  checkMakes,
  receiptFor,
  receiptIn,
  checkRolls,
  checkShape,
  checkSigned,
  checkTopUps,
  makes,
  finishedRollover,
  nextClaim,
  pairOf,
  planOf,
  propose,
  rolloverPsbt,
  sighashOf,
  type RollRecords,
} from './rolling.ts';
import { checkSame } from '../protocol/message.ts';
import { answeredBefore, checkHome, checkOwedKnown, hintOf, outpointOf, overContract } from './steps.ts';
import { checkReceipt } from './receipt.ts';
import { creditKind, inState, rollingOf, type Credit, type Rolling } from './records.ts';
import { dueSat, signedUpTo } from './owed.ts';
import { riding, type RiderRecords } from './rider.ts';
import { namedBy, nextKey, parseRollover, type RollInput, type RollMessage } from './rollover-messages.ts';
import { contractId, payoutScript, readContract, termsFrom, viewOf } from './terms.ts';
import { checkOffered, contractOutpoint, rollover as rolloverTemplate } from './transactions.ts';

/** Returns the action `rollover` of what rides along with payments. */
export const rolloverTable = riding<RollMessage, RollRecords & RiderRecords, RollInput>(
  (along) => ({
    type: 'rollover',
    server: 'payee',
    kinds: { contract: creditKind, next: creditKind, ...along.kinds },
    parse: parseRollover,
    find: (m, input, { contract }) => {
      const id = m?.contract.id ?? input.contract ?? '';
      const next = nextClaim(m, contract, id);
      return { contract: idClaim(id), ...(next && { next }), ...along.beside(contract) };
    },
    ...overContract,
    again: ({ records: { contract, next } }) => finishedRollover(contract, next),
    cancel: ({ records, message: m }) => cancelRolling(records, m && namedBy(m)),
  }),
  (row, along) => [
    row({
      name: 'asked',
      after: null,
      by: 'payer',
      does: 'asks for an offer',
      asks: ['contract'],
      take: ({ records, ...hand }) => {
        const c = inState(records.contract, 'payer', 'open');
        const asked = bytesToHex(hand.random(16));
        return { message: { step: 'asked', network: c.terms.network, contract: viewOf(c), asked }, writes: {} };
      },
    }),
    row({
      name: 'offered',
      after: 'asked',
      by: 'payee',
      does: 'offers, as below, because the payer asked',
      may: OFFERED,
      needs: ({ input, records }) => rollingQueries(input, records),
      take: (given) => offerRollover(given),
    }),
    row({
      name: 'offered',
      after: null,
      by: 'payee',
      does: 'states what is paid and offers fresh keys for the next contract',
      asks: ['contract'],
      may: OFFERED,
      needs: ({ input, records }) => rollingQueries(input, records),
      take: (given) => offerRollover(given),
    }),
    row({
      name: 'proposed',
      after: 'offered',
      by: 'payer',
      does: 'proposes the next contract and the transaction that rolls into it, with the nonce of its refund',
      asks: ['expires'],
      may: ['amount', 'utxo', 'ownKey', 'payout', 'change', 'allowFee', 'maxExitFeerate', ...ISSUED],
      needs: ({ input }) => ({
        tip: true,
        now: true,
        feerate: true,
        payout: unnamed(input.payout, input.change),
        coins: outpointsOf(input.utxo ?? []),
        reserved: outpointsOf(input.utxo ?? []),
      }),
      take: ({ message, records, input, facts, ...hand }) => {
        const c = inState(records.contract, 'payer', 'open');
        checkOwedKnown(c);
        checkIssuer(message.offer, issuerOf(input, c.terms));
        checkReceipt(c, message.paid_sat, message.receipt, 'payee');
        const counted = signedUpTo(c, message.paid_sat);
        if (message.paid_sat !== counted.signedMaxSat)
          throw new Refusal(
            'update-in-flight',
            `the payee states ${message.paid_sat} sat paid, this home has signed for ${counted.signedMaxSat}`,
            {
              hint: 'let the payee accept the last update, then offer again',
            },
          );
        if (records.next) {
          // Waiting for another wallet's nonce: both records hold what was drawn in the first run.
          const next = inState(records.next, 'payer', 'proposed');
          const { rolling } = c;
          if (rolling?.nextKey !== next.terms.payee_pubkey || !next.own.outside || hand.merged.length === 0)
            throw answeredBefore(next, 'rollover');
          return propose(
            hand,
            { ...message, receipt: receiptFor(hand, c, message, rolling.paidSat) },
            c,
            rolling,
            next,
          );
        }
        if (input.utxo && input.amount === undefined)
          throw new Refusal('usage', 'new coins (--utxo) found, and no --amount of the next contract');
        checkRolls(facts.tip, c.terms, (input.utxo ?? []).length);
        const [payout, change] = addressesFor([input.payout, input.change], facts.payout);
        const { own, side } = freshSide(hand, input.ownKey, payout);
        const expiry = expiryHeight(input.expires, facts.tip, facts.now);
        const paidSat = dueSat(counted);
        const plan = planOf(c, paidSat, input.amount, input.utxo ?? [], change, facts.feerate, input.allowFee ?? false);
        const terms = termsFrom(message.network, message.offer, payerSide(hand, own, side), plan.capacity, expiry);
        checkOffered(terms, message.offer.policy, facts.tip, input);
        const coins = checkSpendable(facts, plan.topUps);
        const parts = { paidSat, topUps: plan.topUps, change: plan.change };
        const template = rolloverTemplate(c, parts, terms);
        const rolling: Rolling = {
          ...parts,
          nextKey: terms.payee_pubkey,
          sighash: sighashOf(c, template),
          witnesses: {},
        };
        const next = { id: contractId(terms), terms, outpoint: contractOutpoint(terms, template), own };
        const old = { ...counted, rolling, ...(paidSat > counted.signedMaxSat && { receiptSat: paidSat }) };
        const stated = { ...message, receipt: receiptFor(hand, c, message, paidSat) };
        const proposed = propose(hand, stated, old, rolling, {
          ...next,
          role: 'payer',
          state: 'proposed',
          funding: null,
          coins: outpointsOf(plan.topUps),
          rolls: c.id,
          nonce: null,
        });
        return {
          ...hintOf(expiryWords(input.expires, terms.expiry)),
          ...proposed,
          checks: { coins },
        };
      },
    }),
    row({
      name: 'accepted',
      after: 'proposed',
      by: 'payee',
      does: 'signs the next refund last, and opens the rollover with its nonce',
      agrees: ['unchecked'],
      needs: ({ message, records }) => ({
        tip: true,
        now: true,
        coins: [...outpointOf(records.contract), ...outpointsOf(message.top_ups)],
      }),
      take: ({ message: m, records, input, facts, ...hand }) => {
        checkLooked(hand.network, facts, input.unchecked);
        const c = inState(records.contract, 'payee', 'accepted', 'open');
        const receipt = receiptIn(c, m);
        const next = readContract(m.next_contract, hand.network as Network, 'payer');
        const topUps = m.top_ups.map(({ amount_sat, ...rest }) => ({ ...rest, sat: amount_sat }));
        checkTopUps(c, topUps);
        checkRolls(facts.tip, c.terms, topUps.length);
        const checks = { funding: checkFunding(facts.coins, c), coins: checkCoins(facts.coins, topUps) };
        const change = m.change && { address: m.change.address, sat: m.change.amount_sat };
        const parts = { paidSat: m.paid_sat, topUps, change };
        const template = rolloverTemplate(c, parts, next.terms);
        checkShape(template, next);
        const pair = pairOf(c, next, parts, receipt);
        checkSame(pair, m, 'payer');
        const job = rolloverJob(c, template);
        sharesIn(job, m.psbt.rollover);
        const { accepted, job: refundJob } = acceptRefund(hand, next, records.next, { rolls: c.id, ...facts });
        const { peer } = sharesIn(refundJob, m.psbt.refund);
        const own = signLast(hand, refundJob, peer);
        const opened = open(hand, job);
        const rolling: Rolling = {
          ...parts,
          nextKey: next.terms.payee_pubkey,
          sighash: job.nonceId.sighash,
          witnesses: {},
          ...(opened && outsideOf(job, opened.share)),
        };
        const kept = {
          writes: { contract: { ...seenFunded(c, facts.coins), rolling }, next: accepted },
          checks,
        };
        const refund = psbtOf(refundJob, { own, peer });
        const rolled = rolloverPsbt(job, next.terms, opened ? { [job.pubkey]: opened.share } : {}, {});
        if (!own || !opened)
          return {
            waits: { ...(!own && { refund }), ...(!opened && { rollover: rolled }) },
            hint: own ? ADD_NONCE : SIGN_TWICE,
            ...kept,
            ...(opened && { opens: opened.opens }),
          };
        return {
          message: { step: 'accepted', network: m.network, ...pair, psbt: { refund, rollover: rolled } },
          opens: opened.opens,
          ...kept,
        };
      },
    }),
    row({
      name: 'signed',
      after: 'accepted',
      by: 'payer',
      stands: true,
      does: 'stores the next refund, then signs the rollover last: the old contract is frozen for good',
      needs: ({ records }) => ({
        tip: true,
        ours: [
          ...(rollingOf(records.contract)?.topUps ?? []).map((c) => c.script),
          ...(records.next && 'terms' in records.next ? [payoutScript(records.next.terms, 'payer')] : []),
        ],
      }),
      take: ({ message: m, records, facts, ...hand }) => {
        const c = inState(records.contract, 'payer', 'open', 'rolled');
        const had = inState(records.next, 'payer', 'proposed', 'open');
        checkOwedKnown(c);
        const { rolling } = c;
        if (!rolling) throw new Refusal('state-moved-on', 'this home has proposed no rollover, or cancelled it since');
        const pair = pairOf(c, had, rolling, m.receipt);
        checkSame(pair, m, 'payee');
        checkReceipt(c, m.paid_sat, m.receipt, 'payee');
        if ((c.owedSat ?? 0n) > rolling.paidSat)
          throw new Refusal(
            'owed-unsettled',
            `the rollover pays ${rolling.paidSat} sat, ${c.owedSat} sat are owed by now`,
            { hint: 'let the payee offer again: the next proposal pays that too' },
          );
        if (dueSat(c) !== rolling.paidSat)
          throw new Refusal(
            'update-in-flight',
            `the rollover pays ${rolling.paidSat} sat, this home has signed for ${c.signedMaxSat} since`,
            { hint: 'let the payee offer again' },
          );
        checkRolls(facts.tip, c.terms, rolling.topUps.length);
        const template = rolloverTemplate(c, rolling, had.terms);
        const job = rolloverJob(c, template);
        checkMakes(template, job.nonceId.sighash, rolling, had);
        const { peer } = sharesIn(job, m.psbt.rollover);
        const done = completeRefund(hand, had, m.psbt.refund);
        if ('wait' in done) return { waits: { refund: done.wait }, hint: SIGN_ONCE, writes: { next: done.asking } };
        // The next refund is kept from here on, also when another wallet has to sign first.
        const next = done.record;
        const signed = signFunding(hand, { template, witnesses: rolling.witnesses }, facts.ours, [job.index]);
        const kept = { spends: done.spends, copies: [refundCopy(next, next.refund, facts.ours)] };
        const withSigned = { ...c, rolling: { ...rolling, witnesses: signed.witnesses } };
        const complete = isSigned(signed, [job.index]);
        if (!complete && !c.own.outside)
          return {
            waits: { rollover: writePsbt(putStacks(toTransaction(template), signed.witnesses)) },
            hint: 'sign the added inputs in the wallet that owns them, and give the PSBT back with --merge FILE',
            writes: { contract: withSigned, next },
            ...kept,
          };
        // Frozen before another wallet may sign; one that holds key and coins gets both to sign in one PSBT.
        const writes = { contract: { ...withSigned, state: 'rolled' } as Credit, next };
        const part = signLast(hand, job, peer);
        if (!part || !complete)
          return {
            waits: {
              rollover: rolloverPsbt(
                job,
                had.terms,
                { [job.peer]: peer, ...(part && { [job.pubkey]: part }) },
                signed.witnesses,
              ),
            },
            hint: SIGN_TWICE,
            writes,
            ...kept,
          };
        return {
          message: {
            step: 'signed',
            network: m.network,
            ...pair,
            psbt: {
              ...m.psbt,
              rollover: rolloverPsbt(job, had.terms, { [job.peer]: peer, [job.pubkey]: part }, signed.witnesses),
            },
          },
          writes,
          ...kept,
        };
      },
    }),
    row({
      name: 'complete',
      after: 'signed',
      by: 'payee',
      stands: true,
      does: 'completes the rollover, to be broadcast: the old contract is frozen for good',
      agrees: ['unchecked'],
      needs: ({ records }) => ({
        tip: true,
        coins: [...outpointOf(records.contract), ...outpointsOf(rollingOf(records.contract)?.topUps ?? [])],
      }),
      take: ({ message: m, records, input, facts, ...hand }) => {
        checkHome(hand);
        checkLooked(hand.network, facts, input.unchecked);
        const c = inState(records.contract, 'payee', 'accepted', 'open');
        const { rolling } = c;
        const receipt = receiptIn(c, m);
        if (rolling?.nextKey !== nextKey(m))
          throw new Refusal('paid-moved', 'an update was accepted, or another rollover began, since this one', {
            hint: 'offer again',
          });
        const next = inState(records.next, 'payee', 'accepted', 'open');
        const pair = pairOf(c, next, rolling, receipt);
        checkSame(pair, m, 'payer');
        checkRolls(facts.tip, c.terms, rolling.topUps.length);
        const checks = { funding: checkFunding(facts.coins, c), coins: checkCoins(facts.coins, rolling.topUps) };
        const template = rolloverTemplate(c, rolling, next.terms);
        const job = rolloverJob(c, template);
        // Its key binds the next contract to one refund, and so to this transaction, also in a restored home.
        if (!makes(template, job.nonceId.sighash, rolling, next))
          throw new Refusal('bug', 'the next contract is not the one that this rollover makes');
        const shares = sharesIn(job, m.psbt.rollover);
        const others = template.inputs.map((_, i) => i).filter((i) => i !== job.index);
        const witnesses = witnessesOf(template, readSame(template, m.psbt.rollover, 'payer'), others);
        checkSigned(template, others, witnesses);
        const done = finish(hand, job, shares.peer, rolling.outside);
        if (!done) {
          const asking = { ...rolling, ...outsideOf(job, shares.own, shares.peer) };
          return {
            waits: { rollover: psbtOf(job, shares) },
            hint: SIGN_ONCE,
            writes: { contract: { ...c, rolling: asking } as Credit },
          };
        }
        const stacks = template.inputs.map((_, i) => (i === job.index ? [done.signature] : witnesses.get(i)!));
        const hex = withWitness(template, stacks);
        return {
          message: finishedSpend(m.network, pair, hex),
          ...along.hint(records),
          writes: {
            contract: { ...c, state: 'rolled', tx: hex, live: [] } as Credit,
            next: { ...next, funded: true },
          },
          spends: done.spends,
          checks,
        };
      },
    }),
  ],
);
