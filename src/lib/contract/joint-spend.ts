/**
 * A transaction that two parties sign together: whoever will broadcast it opens with a nonce, the
 * other signs last, the opener completes. So contracts of every family end by agreement, and so
 * they begin, with a refund.
 *
 * Where a party's key lies in another wallet, its step prints a PSBT for that wallet, and is
 * repeated with the answer.
 * Not here: who may sign, what is counted, and what becomes of a contract (each family's table).
 */
import * as v from 'valibot';
import { txidOfHex } from '../bitcoin/transaction.ts';
import type { Hand, Hex, OpenNonce, Psbts } from '../protocol/action.ts';
import { hexOf, hexText, psbt } from '../protocol/message.ts';
import { open, outsideOf, psbtOf, sharesIn, signLast, type Job, type Outside } from '../signing/exchange.ts';

/** Core's walletprocesspsbt adds its nonce in one call and its partial signature in the next. */
export const SIGN_TWICE =
  'let the wallet that holds the key sign this PSBT (twice in a row: nonce, then signature) and give it back with --merge FILE';
export const ADD_NONCE =
  'let the wallet that holds the key add its nonce to this PSBT (once), and give it back with --merge FILE';
export const SIGN_ONCE =
  'let the wallet that holds the key sign this PSBT (once: its nonce is in it), and give it back with --merge FILE';

type WalletWait = { waits: Psbts; hint: string };

/**
 * Returns the fields of the three messages.
 * @param first name of the opener's first step
 * @param name name of the transaction among the PSBTs of a message
 * @param stated fields of the spend and its contract, which every message states
 */
export function jointSteps<const F extends string, const P extends string, const S extends v.ObjectEntries>(
  first: F,
  name: P,
  stated: S,
) {
  const signing = { ...stated, psbt: v.strictObject({ [name]: psbt } as Record<P, typeof psbt>) };
  const complete = { ...stated, txid: hexOf(32), hex: hexText };
  return { [first]: signing, signed: signing, complete } as Record<F | 'signed', typeof signing> & {
    complete: typeof complete;
  };
}

/** Returns the condition of the rows that answer a proposal of this party. */
export const openedBy = <P extends string>(what: string, opener: P) =>
  [
    `of ${what} that the ${opener} opened`,
    ({ message }: { message: { opener: P } }) => message.opener === opener,
  ] as const;

/**
 * Opens a signature with a nonce.
 * @param kept effects of the step; `outside` is for the record, where the nonce lies in another
 * wallet
 */
export function openSpend<const P extends string, const S extends string, M extends object, const K extends object>(
  hand: Hand,
  job: Job,
  name: P,
  step: S,
  stated: M,
  kept: (opened: { outside?: Outside }) => K,
): K &
  (WalletWait | { message: { step: S; network: string; psbt: Record<P, string> } & M; opens: readonly OpenNonce[] }) {
  const opened = open(hand, job);
  const psbts = { [name]: psbtOf(job, { own: opened?.share }) } as Record<P, string>;
  if (!opened) return { ...kept({}), waits: psbts, hint: ADD_NONCE };
  return {
    ...kept(outsideOf(job, opened.share)),
    message: { step, network: hand.network, ...stated, psbt: psbts },
    opens: opened.opens,
  };
}

/** Signs last what a message asks for. The effects are stored before another wallet signs. */
export function signSpend<const P extends string, const S extends string, M extends object, const K extends object>(
  hand: Hand,
  job: Job,
  name: P,
  step: S,
  message: M & { psbt: Record<P, string> },
  kept: K,
): K & (WalletWait | { message: Omit<M, 'step'> & { step: S; psbt: Record<P, string> } }) {
  const { peer } = sharesIn(job, message.psbt[name]);
  const own = signLast(hand, job, peer);
  const psbts = { [name]: psbtOf(job, { own, peer }) } as Record<P, string>;
  return own ? { ...kept, message: { ...message, step, psbt: psbts } } : { ...kept, waits: psbts, hint: SIGN_TWICE };
}

/** Returns the last message, with the finished transaction. */
export const finishedSpend = <S extends object>(network: string, stated: S, hex: Hex) => ({
  step: 'complete' as const,
  network,
  ...stated,
  txid: txidOfHex(hex),
  hex,
});
