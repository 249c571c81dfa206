/**
 * The refund that each opening and each rollover begins with: the payer opens it and will hold it, the payee signs last.
 *
 * The payee's key is bound by it, for ever, to one payer key, one outpoint and one refund; from then on it serves the
 * contract. The payer stores the finished refund before it signs anything that could fund the contract.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { taprootSighash, withWitness } from '../bitcoin/transaction.ts';
import type { Hand, NonceId } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { answerOf, checkAnswer, finish, open, signLast, psbtOf, sharesIn } from '../signing/exchange.ts';
import { refundJob } from './jobs.ts';
import { must, NOTHING_PAID, nothingSigned, type Credit } from './records.ts';
import { checkHome } from './steps.ts';
import { checkTermsWithin, type Contract } from './terms.ts';
import { checkCapacity, refund } from './transactions.ts';

export type Held = Contract & { own: Credit['own'] };

/** The payer opens the refund of a contract that it funds. The rollover does the same for its next one. */
export function openRefund(hand: Hand, contract: Held) {
  const job = refundJob({ ...contract, role: 'payer' });
  const opened = open(hand, job);
  return { job, opened, nonce: opened && opened.opens.length > 0 ? job.nonceId.sighash : null };
}

/**
 * The payee signs a refund, last. Its key is bound here to one payer key, one outpoint and one refund sighash, for ever.
 * @throws Refusal `key-bound`, `terms-differ`, `out-of-policy`, `transaction-differs`
 */
export function acceptRefund(
  hand: Hand,
  contract: Contract,
  record: Credit | undefined,
  refundPsbt: string,
  tip: number | 'not-checked',
) {
  checkHome(hand);
  const had = must(record, 'payee', 'offered', 'accepted');
  const { own } = had;
  const { terms } = contract;
  if (had.state === 'accepted') {
    const sighash = bytesToHex(taprootSighash(refund(contract), 0));
    if (
      had.id !== contract.id ||
      outpointText(had.outpoint) !== outpointText(contract.outpoint) ||
      had.refundSighash !== sighash
    )
      throw new Refusal('key-bound', 'this payee key was bound to another payer, outpoint or refund before', {
        blame: 'payer',
      });
  } else {
    const { offer } = had;
    const same =
      terms.payee_pubkey === offer.pubkey &&
      terms.payee_auth === offer.auth &&
      terms.payee_address === offer.address &&
      terms.ecash === offer.ecash &&
      terms.mint_url === offer.mint_url;
    if (!same)
      throw new Refusal(
        'terms-differ',
        'the contract names other keys, another payout address or mint than the offer',
        {
          blame: 'payer',
        },
      );
    checkTermsWithin(terms, offer.policy, tip);
    checkCapacity(terms);
  }
  const job = refundJob({ ...contract, own, role: 'payee' });
  const { peer } = sharesIn(job, refundPsbt);
  const part = signLast(hand, job, peer);
  const accepted: Extract<Credit, { state: 'accepted' }> =
    had.state === 'accepted'
      ? had
      : {
          role: 'payee',
          state: 'accepted',
          ...contract,
          own,
          ...NOTHING_PAID,
          rolling: null,
          closing: null,
          signedClose: null,
          refundSighash: job.nonceId.sighash,
          restored: false,
        };
  return { accepted, part, job, peer };
}

/** The payer completes the refund that it opened; `wait`: a PSBT for the wallet that holds its key. */
export function completeRefund(
  hand: Hand,
  had: Extract<Credit, { role: 'payer'; state: 'proposed' | 'open' }>,
  refundPsbt: string,
) {
  if (had.state === 'open') {
    checkAnswer(had.refundAnswer, refundPsbt, 'refund', 'payee');
    return { record: had, spends: [] };
  }
  const job = refundJob(had);
  const shares = sharesIn(job, refundPsbt);
  const done = finish(hand, job, shares.peer);
  if (!done) return { wait: psbtOf(job, shares) };
  const { id, terms, outpoint, own, funding, coins } = had;
  const record: Extract<Credit, { role: 'payer'; state: 'open' }> = {
    role: 'payer',
    state: 'open',
    id,
    terms,
    outpoint,
    own,
    funding,
    coins,
    refund: withWitness(job.template, [[done.signature]]),
    refundAnswer: answerOf(refundPsbt),
    ...nothingSigned(terms),
    rolling: null,
    closing: null,
    signedClose: null,
  };
  return { record, spends: done.spends };
}

/** The nonce of a refund that was opened and not completed, to be voided with its opening. */
export const refundNonce = (c: Credit | undefined): NonceId[] =>
  c?.state === 'proposed' && c.nonce ? [{ of: idClaim(c.id), sighash: c.nonce }] : [];
