/**
 * close-credit: proposed (whoever will broadcast) → signed (the other, last) → complete (the
 * opener).
 *
 * Whoever has signed the other's close never leaves closing: no further update, since the close is
 * out of its hands. An own proposal can be cancelled. The payer signs a close at any amount up to
 * what it has signed for, and proposes one that pays all that it owes; the payee signs one that
 * pays at least what it was paid. Exit and refund stay what they were, for the case that the close
 * never confirms.
 */
import * as v from 'valibot';
import { minSat } from '../bitcoin/amount.ts';
import { feeFor, checkProposed } from '../bitcoin/fee.ts';
import { outputsOf, sumSat } from '../bitcoin/transaction.ts';
import { finishedSpend, jointSteps, openedBy, openSpend, SIGN_ONCE, signSpend } from '../contract/joint-spend.ts';
import type { Hand, Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { checkSame, hexOf, messageParser, sat, statesSame, type MessageOf } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { completeIn, isOpenedBy } from '../signing/exchange.ts';
import { closeJob } from './jobs.ts';
import { checkReceipt } from './receipt.ts';
import { creditKind, inState, paidOf, type Closing, type Credit, type FundedCredit } from './records.ts';
import { dueSat, signedUpTo } from './owed.ts';
import { contractSchema, hearsByUpdates, otherRole, payoutScript, viewOf, type Terms } from './terms.ts';
import { minPaid, PAID_LIMITS, settlementVsize } from './transactions.ts';
import { checkHome, checkOwedKnown, checkSettled, overContract } from './steps.ts';
import { riding, type UpdateRecords } from './rider.ts';

const steps = jointSteps('proposed', 'close', {
  contract: contractSchema,
  opener: v.picklist(['payer', 'payee']),
  paid_sat: sat,
  fee_sat: sat,
  /** The payer's, over `paid_sat`, where the payee opens. */
  receipt: v.nullable(hexOf(64)),
});
/** Messages of `close-credit`, by step. */
export type CloseMessage = MessageOf<typeof steps>;
/** Flags of `close-credit`. */
export interface CloseInput {
  contract?: Hex;
  allowFee?: boolean;
  /** Highest feerate of the counterparty's proposal, in satoshis for 1000 vB. */
  maxFeerate?: number;
}

/** Returns the table of `close-credit` for a rider of payments. */
export const closeTable = riding<CloseMessage, UpdateRecords, CloseInput>(
  (along) => ({
    type: 'close-credit',
    server: 'payee',
    kinds: { contract: creditKind, ...along.kinds },
    parse: messageParser('close-credit', steps),
    find: (m, input, records) => ({
      contract: idClaim(m?.contract.id ?? input.contract ?? ''),
      ...along.beside(records.contract),
    }),
    ...overContract,
    again: ({ records: { contract: c } }) =>
      c?.state === 'closed' && c.tx !== undefined ? finished(c, c.tx) : undefined,
    cancel: ({ records, message, ...hand }) => {
      const c = closable(records.contract);
      if (!c.closing)
        throw new Refusal(
          'too-late-to-cancel',
          c.signedClose ? "this home has signed the other's close" : 'no own close is proposed',
        );
      if (message && !isOf(hand, c, c.closing, message))
        throw new Refusal(
          'state-moved-on',
          'the message is of another close than the one that this home proposed last',
          {
            hint: `close-credit --contract ${c.id.slice(0, 8)} --cancel ends that one`,
          },
        );
      return { writes: { contract: { ...c, state: c.signedClose ? 'closing' : 'open', closing: null } as Credit } };
    },
  }),
  (row, along) =>
    (['payer', 'payee'] as const).flatMap((opener) => {
      const other = otherRole(opener);
      const when = openedBy('a close', opener);
      return [
        row({
          name: 'proposed',
          after: null,
          by: opener,
          does: 'proposes to close, to broadcast it itself; updates rest meanwhile',
          asks: ['contract'],
          may: ['allowFee'],
          needs: ({ records }) => ({ feerate: true, remote: along.owes(records.contract, records) }),
          take: ({ records, input, facts, ...hand }) => {
            if (opener === 'payee') checkHome(hand);
            const c = closable(records.contract);
            checkOwedKnown(c);
            along.checkEnds(c, records, facts.remote);
            const paidSat = c.role === 'payer' ? dueSat(c) : c.paidSat;
            const wanted = feeFor(facts.feerate, settlementVsize(c.terms));
            // A debt is paid however little is left for the fee: that of an exit always is.
            const feeSat = paidSat > paidOf(c) ? minSat(wanted, c.terms.capacity_sat - paidSat) : wanted;
            checkFee(c.terms, feeSat, input.allowFee, undefined);
            const job = closeJob(c, paidSat, feeSat);
            const close = { paidSat, feeSat, sighash: job.nonceId.sighash };
            return openSpend(hand, job, 'close', 'proposed', statedOf(c, close), (opened) => ({
              writes: { contract: { ...c, state: 'closing', closing: { ...close, ...opened } } as Credit },
            }));
          },
        }),
        row({
          name: 'signed',
          after: 'proposed',
          by: other,
          stands: true,
          does: 'freezes the contract for good and signs last',
          when,
          may: ['allowFee', 'maxFeerate'],
          take: ({ message: m, records, input, ...hand }) => {
            if (other === 'payee') checkHome(hand);
            const c = closable(records.contract);
            checkSettled(c);
            if (m.paid_sat !== 0n && m.paid_sat < minPaid(c.terms))
              throw new Refusal('below-dust', `a close that pays ${m.paid_sat} sat found`);
            checkFee(c.terms, m.fee_sat, input.allowFee, input.maxFeerate ?? PAID_LIMITS.feerate.most);
            const counted = other === 'payer' ? checkPayer(c, m) : checkPayee(c, m);
            if (opener === 'payer' && m.receipt !== null)
              throw new Refusal('bad-receipt', 'a receipt found in a message of the payer', { blame: opener });
            const job = closeJob(counted, m.paid_sat, m.fee_sat);
            const signedClose: Closing = { paidSat: m.paid_sat, feeSat: m.fee_sat, sighash: job.nonceId.sighash };
            // An own proposal stays: updates are over, and of two closes one will confirm.
            const left = {
              ...counted,
              ...(counted.role === 'payee' && { live: [] }),
              state: 'closing',
              signedClose,
              rolling: null,
            };
            return signSpend(hand, job, 'close', 'signed', m, {
              ...along.hint(records),
              writes: { contract: left as Credit },
            });
          },
        }),
        row({
          name: 'complete',
          after: 'signed',
          by: opener,
          stands: true,
          does: 'completes the close, to be broadcast',
          when,
          take: ({ message: m, records, ...hand }) => {
            const c = closable(records.contract);
            const own = c.closing;
            if (!own || own.paidSat !== m.paid_sat || own.feeSat !== m.fee_sat)
              throw new Refusal('state-moved-on', 'this close is not the one that this home proposed last');
            const stated = statedOf(c, own);
            checkSame(stated, m, other);
            const done = completeIn(hand, closeJob(c, own.paidSat, own.feeSat), m.psbt.close, own.outside);
            if ('psbt' in done) {
              const asking = { ...c, closing: { ...own, outside: done.outside } };
              return { waits: { close: done.psbt }, hint: SIGN_ONCE, writes: { contract: asking } };
            }
            return {
              message: finishedSpend(m.network, stated, done.hex),
              ...along.hint(records),
              writes: {
                contract: {
                  ...c,
                  state: 'closed',
                  tx: done.hex,
                  ...(c.role === 'payee' && { live: [] }),
                  rolling: null,
                } as Credit,
              },
              spends: done.spends,
            };
          },
        }),
      ];
    }),
);

const closable = (c: Credit | undefined): FundedCredit & { state: 'accepted' | 'open' | 'closing' } =>
  c?.role === 'payer' ? inState(c, 'payer', 'open', 'closing') : inState(c, 'payee', 'accepted', 'open', 'closing');

/** Returns the fields that the messages of an own close state, from this home's record. */
const statedOf = (c: FundedCredit, { paidSat, feeSat }: Pick<Closing, 'paidSat' | 'feeSat'>) => ({
  contract: viewOf(c),
  opener: c.role,
  paid_sat: paidSat,
  fee_sat: feeSat,
  receipt: c.role === 'payee' ? c.receipt : null,
});

/** Returns whether a message is of this very proposal, not of an older one of the same sums. */
const isOf = (hand: Hand, c: FundedCredit, { paidSat, feeSat, outside }: Closing, m: CloseMessage): boolean =>
  'psbt' in m &&
  statesSame({ opener: c.role, paid_sat: paidSat, fee_sat: feeSat }, m) &&
  isOpenedBy(hand, closeJob(c, paidSat, feeSat), m.psbt.close, outside);

/** The close that this home has completed. */
function finished(c: FundedCredit, hex: Hex): CloseMessage {
  const outputs = outputsOf(hex);
  const paidSat = sumSat(outputs.filter(({ script }) => script === payoutScript(c.terms, 'payee')));
  const close = c.closing ?? { paidSat, feeSat: c.terms.capacity_sat - sumSat(outputs) };
  return finishedSpend(c.terms.network, statedOf(c, close), hex);
}

/** The payer signs for no more than it has signed before. */
function checkPayer(c: FundedCredit, m: { paid_sat: bigint; receipt: Hex | null }): FundedCredit {
  checkReceipt(c, m.paid_sat, m.receipt, 'payee');
  return c.role === 'payer' ? signedUpTo(c, m.paid_sat) : c;
}

function checkPayee(c: FundedCredit, m: { paid_sat: bigint }): FundedCredit {
  if (m.paid_sat < paidOf(c))
    throw new Refusal(
      'paid-moved',
      `a close that pays ${m.paid_sat} sat found, at least the ${paidOf(c)} sat paid expected`,
      {
        blame: 'payer',
        hint: 'open the close from the payee, whose message carries the receipt',
      },
    );
  // A close must not pay more than the updates, because the mint's program hears of payments by updates alone.
  if (hearsByUpdates(c.terms) && m.paid_sat > paidOf(c))
    throw new Refusal(
      'update-in-flight',
      `a close that pays ${m.paid_sat} sat found, of which ${m.paid_sat - paidOf(c)} sat were signed in an update that this home has not accepted: its mint would not hear of them`,
      {
        blame: 'payer',
        hint: `the payer gives its close up (close-credit --contract ${c.id.slice(0, 8)} --cancel) and this home accepts that update (sign-update --contract ${c.id.slice(0, 8)} --again prints it there), or asks for the same once more; or close from here: close-credit --contract ${c.id.slice(0, 8)}`,
      },
    );
  return c;
}

const checkFee = (terms: Terms, fee: bigint, allowed: boolean | undefined, most: number | undefined): void =>
  checkProposed('a close', { fee, vsize: settlementVsize(terms), inputs: terms.capacity_sat }, allowed, most);
