/**
 * sign-update: requested (payee) → signed (payer) → accepted (payee).
 *
 * The payee opens every update and holds the finished exit; the payer signs last and can never obtain a signed update.
 * The payer counts (`signed_max`) before it answers; the payee stores the exit, raises `paid` and erases the nonce in one
 * commit. Of several live requests one is accepted, and voids the rest.
 */
import * as v from 'valibot';
import { withWitness } from '../bitcoin/transaction.ts';
import { table, type Hex } from '../protocol/action.ts';
import { checkSame, hexOf, messageParser, psbt, sat, type MessageOf } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finish, open, signLast, psbtOf, sharesIn } from '../signing/exchange.ts';
import { checkBefore, checkFunding, checkNotFrozen, deadlineHeight } from './checks.ts';
import { updateJob } from './jobs.ts';
import { checkHome, noncesOf, ONCE, SIGN, outpointOf, peerAuth, roleIn, TWICE } from './steps.ts';
import { checkReceipt, signReceipt } from './receipt.ts';
import { creditKind, idClaim, must, type Credit, type Live, type PayeeCredit } from './records.ts';
import { contractSchema, viewOf, type Role } from './terms.ts';
import { checkPaid } from './transactions.ts';

const amounts = {
  contract: contractSchema,
  previous_paid_sat: sat,
  amount_sat: sat,
  paid_sat: sat,
  receipt: v.nullable(hexOf(64)),
};
const steps = {
  /** `receipt` covers `previous_paid_sat`. */
  requested: { ...amounts, psbt: v.strictObject({ update: psbt }) },
  /** From here on `receipt` covers `paid_sat`. */
  signed: { ...amounts, psbt: v.strictObject({ update: psbt }) },
  accepted: amounts,
} as const;
export type UpdateMessage = MessageOf<typeof steps>;

export interface UpdateInput {
  contract?: Hex;
  amount?: bigint;
  max?: bigint;
}
type Rs = { contract: Credit };

export const signUpdate = table<UpdateMessage, Rs, UpdateInput>(
  {
    type: 'sign-update',
    kinds: { contract: creditKind },
    parse: messageParser('sign-update', steps),
    find: (m, input) => ({ contract: idClaim(m?.contract.id ?? input.contract ?? '') }),
    party: ({ records }) => roleIn(records.contract),
    peer: ({ records, message }) => (message ? peerAuth(records.contract) : null),
    sealWith: ({ contract }) => contract!.own.path,
    cancel: ({ records, message }) => {
      const c = must(records.contract, 'payee', 'open');
      const gone = c.live.filter((l) => !message || l.paidSat === message.paid_sat);
      if (gone.length === 0) throw new Refusal('too-late-to-cancel', 'no such request is open');
      return {
        writes: { contract: { ...c, live: c.live.filter((l) => !gone.includes(l)) } },
        voids: noncesOf(c.id, gone),
      };
    },
  },
  (row) => [
    row({
      name: 'requested',
      after: null,
      by: 'payee',
      does: 'asks for an amount, with the nonce of the update that would pay it',
      asks: ['contract', 'amount'],
      needs: ({ records }) => ({ tip: true, coins: outpointOf(records.contract) }),
      take: ({ records, input, facts, ...hand }) => {
        checkHome(hand);
        const had = must(records.contract, 'payee', 'accepted', 'open');
        const funding = checkFunding(facts.coins, had);
        checkUpdates(had);
        checkNotFrozen(facts.tip, had.terms);
        if (input.amount <= 0n)
          throw new Refusal('amount-not-growing', `an amount of ${input.amount} sat found, more than nothing expected`);
        const c: PayeeCredit & { state: 'open' } = { ...had, state: 'open' };
        const paidSat = c.paidSat + input.amount;
        checkPaid(c.terms, paidSat);
        const job = updateJob(c, paidSat);
        // The same amount is the same request: it keeps its nonce and is printed again.
        const known = c.live.find((l) => l.paidSat === paidSat);
        const requestId = hand.requestId ?? null;
        if (known && known.requestId !== requestId)
          throw new Refusal(
            'already-known',
            `a request that ends in ${paidSat} sat is open under another --request-id`,
            {
              hint: 'wait until it is accepted, or --cancel it; one signature would pay both',
            },
          );
        const opened = known?.pubnonce ? { share: { pubnonce: known.pubnonce }, opens: [] } : open(hand, job);
        const now: Live = {
          paidSat,
          sighash: job.nonceId.sighash,
          pubnonce: opened?.share.pubnonce ?? null,
          requestId,
        };
        const kept = {
          writes: { contract: { ...c, live: [...c.live.filter((l) => l !== known), now] } },
          checks: { funding },
        };
        const update = psbtOf(job, { own: opened?.share });
        if (!opened) return { waits: { update }, hint: ONCE, ...kept };
        return {
          message: {
            step: 'requested',
            network: c.terms.network,
            contract: viewOf(c),
            previous_paid_sat: c.paidSat,
            amount_sat: input.amount,
            paid_sat: paidSat,
            receipt: c.receipt,
            psbt: { update },
          },
          opens: opened.opens,
          ...kept,
        };
      },
    }),
    row({
      name: 'signed',
      after: 'requested',
      by: 'payer',
      does: 'checks what it agreed to, counts it, and signs last',
      agrees: ['amount', 'max'],
      needs: () => ({ tip: true }),
      take: ({ message: m, records, facts, ...hand }) => {
        const c = must(records.contract, 'payer', 'open');
        checkSame({ contract: viewOf(c) }, m, 'payee');
        checkNotFrozen(facts.tip, c.terms);
        checkAmounts(m, 'payee');
        checkReceipt(c, m.previous_paid_sat, m.receipt, 'payee');
        checkPaid(c.terms, m.paid_sat);
        // A payer restored from a backup learns from its own receipt what it had signed.
        const counted = max(c.signedMaxSat, m.previous_paid_sat);
        const growthSat = max(m.paid_sat - counted, 0n);
        if (growthSat > 0n && m.previous_paid_sat !== counted)
          throw new Refusal(
            'stale-update',
            `an update from ${m.previous_paid_sat} sat found, one from ${counted} sat (signed last) expected`,
            {
              hint: 'let the payee accept the update that was signed last, then ask again',
            },
          );
        const job = updateJob(c, m.paid_sat);
        const { peer } = sharesIn(job, m.psbt.update);
        const part = signLast(hand, job, peer);
        const kept = {
          writes: { contract: { ...c, signedMaxSat: counted + growthSat } },
          consent: {
            text: `Pay ${m.amount_sat} sat over contract ${c.id.slice(0, 8)} (${m.paid_sat} of ${c.terms.capacity_sat} sat paid then)?`,
            amountSat: m.amount_sat,
            growthSat,
          },
        };
        // Counted before another wallet may sign.
        if (!part) return { waits: { update: psbtOf(job, { peer }) }, hint: TWICE, ...kept };
        const receipt = signReceipt(c.id, m.paid_sat, hand.keys.auth(c.own.path));
        return {
          message: { ...m, step: 'signed', receipt, psbt: { update: psbtOf(job, { own: part, peer }) } },
          ...kept,
        };
      },
    }),
    row({
      name: 'accepted',
      after: 'signed',
      by: 'payee',
      does: 'completes the update and keeps it: its exit',
      needs: ({ records }) => ({ tip: true, coins: outpointOf(records.contract) }),
      take: ({ message: m, records, facts, ...hand }) => {
        checkHome(hand);
        const c = must(records.contract, 'payee', 'open');
        checkSame({ contract: viewOf(c) }, m, 'payer');
        checkUpdates(c);
        checkBefore(facts.tip, deadlineHeight(c.terms), 'an update is accepted');
        const funding = checkFunding(facts.coins, c);
        const live = c.live.find((l) => l.paidSat === m.paid_sat);
        if (!live || m.previous_paid_sat !== c.paidSat)
          throw new Refusal(
            'state-moved-on',
            `no request for ${m.paid_sat} sat in all is open; ${c.paidSat} sat are paid`,
            { hint: 'ask again' },
          );
        checkAmounts(m, 'payer');
        checkReceipt(c, m.paid_sat, m.receipt, 'payer');
        const job = updateJob(c, m.paid_sat);
        const shares = sharesIn(job, m.psbt.update);
        const done = finish(hand, job, shares.peer);
        if (!done) return { waits: { update: psbtOf(job, shares) }, hint: SIGN, writes: {} };
        const { psbt: _, ...said } = m;
        return {
          message: { ...said, step: 'accepted' },
          writes: {
            contract: {
              ...c,
              paidSat: m.paid_sat,
              exit: withWitness(job.template, [[done.signature]]),
              receipt: m.receipt,
              live: [],
              rolling: null,
            },
          },
          spends: done.spends,
          voids: [
            ...noncesOf(
              c.id,
              c.live.filter((l) => l !== live),
            ),
            ...(c.rolling ? [{ of: idClaim(c.id), sighash: c.rolling.sighash }] : []),
          ],
          checks: { funding },
        };
      },
    }),
  ],
);

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
function checkUpdates(c: PayeeCredit): void {
  if (c.restored)
    throw new Refusal(
      'contract-restored',
      'this contract comes from a restored store: what was paid last may be missing here',
      { hint: 'exit, close or roll over' },
    );
}

function checkAmounts(m: { previous_paid_sat: bigint; amount_sat: bigint; paid_sat: bigint }, from: Role): void {
  if (m.amount_sat <= 0n || m.previous_paid_sat + m.amount_sat !== m.paid_sat)
    throw new Refusal(
      'amount-not-growing',
      `${m.previous_paid_sat} sat paid and ${m.amount_sat} sat asked make ${m.paid_sat} sat in this message`,
      { blame: from },
    );
}
