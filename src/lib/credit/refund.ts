/**
 * The refund that each opening and each rollover begins with: the payer opens it and will hold it,
 * the payee signs last.
 *
 * The payee's key is bound by it, for ever, to one payer key, one outpoint and one refund; from
 * then on it serves the contract. The payer stores the finished refund before it signs anything
 * that could fund the contract.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { taprootSighash } from '../bitcoin/sighash.ts';
import { txidOf } from '../bitcoin/transaction.ts';
import type { Copy, Facts, Hand, Hex, NonceId } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { answerOf, checkAnswer, completeIn } from '../signing/exchange.ts';
import { refundJob } from './jobs.ts';
import { inState, NOTHING_PAID, nothingSigned, type Credit } from './records.ts';
import { checkHome } from './steps.ts';
import { checkTermsWithin, keysOf, payoutScript, type Contract } from './terms.ts';
import { checkCapacity, refund } from './transactions.ts';

export type KeyedContract = Contract & { own: Credit['own'] };

export const REFUND_LIMITS = {
  /** Last second in which an offer is answered. */
  answer: { unit: 'Unix seconds', most: (until: number) => until },
} satisfies Limits;

interface Proposed extends Pick<Facts, 'tip' | 'now'> {
  /** The contract that is rolled over into this one. */
  rolls: Hex | null;
}

/**
 * Returns the record of a payee that signs this refund, last, and the job. Its key is bound here to
 * one payer key, one outpoint and one refund sighash, for ever.
 * @throws Refusal `key-bound`, `terms-differ`, `offer-expired`, `out-of-policy`,
 * `transaction-differs`
 */
export function acceptRefund(
  hand: Hand,
  contract: Contract,
  record: Credit | undefined,
  { rolls, tip, now }: Proposed,
) {
  checkHome(hand);
  const had = inState(record, 'payee', 'offered', 'accepted');
  const { own } = had;
  const { terms } = contract;
  if (had.state === 'accepted') {
    const sighash = bytesToHex(taprootSighash(refund(contract), 0));
    if (had.id !== contract.id || had.refundSighash !== sighash)
      throw new Refusal('key-bound', 'this payee key was bound to another payer, outpoint or refund before', {
        blame: 'payer',
      });
  } else {
    const { offer } = had;
    if (had.rolls !== rolls)
      throw new Refusal('terms-differ', 'the offer that the message answers was made for another contract', {
        blame: 'payer',
      });
    if (had.until !== null && now > REFUND_LIMITS.answer.most(had.until))
      throw new Refusal('offer-expired', `the offer that the message answers ended ${now - had.until} seconds ago`, {
        hint: 'offer again',
      });
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
  const accepted: Extract<Credit, { state: 'accepted' }> =
    had.state === 'accepted'
      ? had
      : {
          role: 'payee',
          state: 'accepted',
          ...contract,
          own,
          ...NOTHING_PAID,
          // An opening made by a rollover has no end, since the rollover funds it.
          ...(had.rolls === null && { until: now + had.lasts }),
          rolling: null,
          closing: null,
          signedClose: null,
          refundSighash: job.nonceId.sighash,
          restored: false,
        };
  return { accepted, job };
}

type PayerAt<S> = Extract<Credit, { role: 'payer'; state: S }>;
interface CompletedRefund {
  record: PayerAt<'open'>;
  spends: readonly NonceId[];
}
/** `wait`: a PSBT for the wallet that holds the key. */
interface WalletRequest {
  wait: string;
  asking: PayerAt<'proposed'>;
}

/** The payer completes the refund that it opened. */
export function completeRefund(
  hand: Hand,
  had: PayerAt<'proposed'> | PayerAt<'open'>,
  refundPsbt: string,
): CompletedRefund | WalletRequest {
  if (had.state === 'open') {
    checkAnswer(had.refundAnswer, refundPsbt, 'refund', 'payee');
    return { record: had, spends: [] };
  }
  const done = completeIn(hand, refundJob(had), refundPsbt, had.outside);
  if ('psbt' in done) return { wait: done.psbt, asking: { ...had, outside: done.outside } };
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
    refund: done.hex,
    refundAnswer: answerOf(refundPsbt),
    ...nothingSigned(terms),
    rolling: null,
    closing: null,
    signedClose: null,
  };
  return { record, spends: done.spends };
}

/**
 * Returns the final refund for outside the home: without it and the payer's key a funded contract
 * would be lost with the home's store. It holds no secret, and pays an address that the seed
 * restores.
 */
export function refundCopy(contract: Contract, hex: Hex, ours: Facts['ours']): Copy {
  const { terms } = contract;
  const body = {
    type: 'refund-copy',
    version: 1,
    network: terms.network,
    contract: contract.id,
    capacity_sat: terms.capacity_sat,
    expiry: terms.expiry,
    script: keysOf(terms).script,
    valid_from_height: terms.expiry + 1,
    txid: txidOf(refund(contract)),
    hex,
    address: terms.payer_address,
    // Place in the home's wallet; null for an address of another one.
    path: ours.get(payoutScript(terms, 'payer')) ?? null,
  };
  return { name: contract.id, body };
}
