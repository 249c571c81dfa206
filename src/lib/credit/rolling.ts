/**
 * The transaction of a rollover: which coins and how much, whether what the payer built is
 * acceptable, and its PSBT. The steps in which the two parties make it: `rollover.ts`. Its
 * template: `transactions.ts`.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { payFrom } from '../bitcoin/coins.ts';
import { boundFeerate, feeFor, feerateText, guardFee } from '../bitcoin/fee.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { putMusig, putMusigOutput, writePsbt, type MusigShares } from '../bitcoin/psbt.ts';
import { checkDust, scriptType } from '../bitcoin/script.ts';
import { taprootSighash } from '../bitcoin/sighash.ts';
import {
  feeOf,
  keySpendVsize,
  sumSat,
  sweepVsize,
  toTransaction,
  type Spent,
  type Template,
} from '../bitcoin/transaction.ts';
import type { Witnesses } from '../bitcoin/wallet-inputs.ts';
import { finishedSpend, ADD_NONCE } from '../contract/joint-spend.ts';
import type { Claim, Facts, Hand, Hex, Effects } from '../protocol/action.ts';
import { keyClaim } from '../protocol/claims.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkBefore, deadlineHeight, topUpHeight } from './checks.ts';
import { putStacks } from '../bitcoin/funding.ts';
import { open, outsideOf, psbtOf, type Job } from '../signing/exchange.ts';
import { refundJob, rolloverJob } from './jobs.ts';
import {
  cancelled,
  isFunded,
  rollingOf,
  type Credit,
  type PayeeCredit,
  type PayerCredit,
  type Rolling,
  offerClaim,
} from './records.ts';
import { checkReceipt, signReceipt } from './receipt.ts';
import { nextKey, ROLL_LIMITS, type RollPair, type RollMessage } from './rollover-messages.ts';
import { isReverse, keysOf, viewOf, type Contract, type Terms } from './terms.ts';
import { contractInput, contractOutpoint, rollover, rolloverOutputs, type RolloverParts } from './transactions.ts';

/** @throws Refusal `expired`: a rollover must confirm before the deadline of the old contract */
export function checkRolls(tip: Facts['tip'], terms: Terms, topUps: number): void {
  if (topUps > 0) checkBefore(tip, topUpHeight(terms) + 1, 'a rollover with new inputs is made');
  checkBefore(tip, deadlineHeight(terms), 'a rollover is made');
}

/** Returns the payer's receipt for a rollover: a new one if it pays a debt beyond the updates. */
export const receiptFor = (
  hand: Pick<Hand, 'keys'>,
  c: PayerCredit,
  m: { paid_sat: bigint; receipt: Hex | null },
  paidSat: bigint,
): Hex | null => (paidSat === m.paid_sat ? m.receipt : signReceipt(c.id, paidSat, hand.keys.auth(c.own.path)));

/**
 * Payee: the receipt for what a rollover pays, which is what was paid, or more where a mint pays
 * its debt with it.
 * @throws Refusal `paid-moved`, `bad-receipt`
 */
export function receiptIn(c: PayeeCredit, m: { paid_sat: bigint; receipt: Hex | null }): Hex | null {
  if (m.paid_sat === c.paidSat) return c.receipt;
  if (m.paid_sat < c.paidSat || !isReverse(c.terms))
    throw new Refusal('paid-moved', `a rollover that pays ${m.paid_sat} sat found, ${c.paidSat} sat are paid`, {
      hint: 'offer again',
    });
  checkReceipt(c, m.paid_sat, m.receipt, 'payer');
  return m.receipt;
}

/**
 * Inputs that the payer adds: of one key each, so that their signatures can be checked here, and
 * each once.
 * @throws Refusal `unsafe-funding`
 */
export function checkTopUps(c: Contract, topUps: readonly Spent[]): void {
  const seen = new Set([outpointText(c.outpoint)]);
  for (const coin of topUps) {
    if (!['p2tr', 'p2wpkh'].includes(scriptType(coin.script)))
      throw new Refusal(
        'unsafe-funding',
        `input ${outpointText(coin)} is ${scriptType(coin.script)}; p2tr or p2wpkh expected`,
        { blame: 'payer' },
      );
    if (seen.has(outpointText(coin)))
      throw new Refusal('unsafe-funding', `input ${outpointText(coin)} is there twice`, { blame: 'payer' });
    seen.add(outpointText(coin));
  }
}

/** Returns the fields that a rollover's messages state, by this home's own records. */
export const pairOf = (c: Contract, next: Contract, parts: RolloverParts, receipt: Hex | null) => ({
  contract: viewOf(c),
  paid_sat: parts.paidSat,
  receipt,
  next_contract: viewOf(next),
  top_ups: parts.topUps.map(({ txid, vout, sat, script }) => ({ txid, vout, amount_sat: sat, script })),
  change: parts.change && { address: parts.change.address, amount_sat: parts.change.sat },
  fee_sat: feeOf(rollover(c, parts, next.terms)),
});

/** Returns the claim of the next contract, by an answer's key, an offer, or the rollover. */
export function nextClaim(m: RollMessage | null, c: Credit | undefined, id: Hex): Claim | undefined {
  if (m !== null && m.step !== 'asked') return keyClaim(nextKey(m));
  if (m === null && c?.state === 'rolled' && c.rolling) return keyClaim(c.rolling.nextKey);
  return c?.role === 'payee' ? offerClaim(id) : undefined;
}

/** Returns the payee's last message of a completed rollover; undefined if there is none. */
export function finishedRollover(c: Credit | undefined, next: Credit | undefined) {
  if (c?.role !== 'payee' || c.state !== 'rolled' || c.tx === undefined || !c.rolling) return undefined;
  if (!next || !('outpoint' in next)) return undefined;
  const pair = pairOf(c, next, c.rolling, c.receipt);
  return finishedSpend(c.terms.network, pair, c.tx);
}

/** Every added input is signed by its one key. @throws Refusal `signature-invalid` */
export function checkSigned(template: Template, added: readonly number[], witnesses: Witnesses): void {
  for (const i of added) {
    const stack = witnesses.get(i);
    if (!stack || (scriptType(template.inputs[i]!.script) === 'p2tr' && stack.length !== 1))
      throw new Refusal('signature-invalid', `input ${i}, added by the payer, is not signed by its key`, {
        blame: 'payer',
      });
  }
}

/** The payee's check of what the payer built: fee, change and the place of the next contract. */
export function checkShape(template: Template, next: Contract): void {
  const fee = feeOf(template);
  if (fee < 0n)
    throw new Refusal('transaction-differs', 'the rollover pays more than its inputs hold', { blame: 'payer' });
  boundFeerate(fee, keySpendVsize(template));
  guardFee(fee, sumSat(template.inputs));
  for (const o of template.outputs)
    checkDust(o, (least) => `an output of ${o.sat} sat found, at least ${least} expected`, { blame: 'payer' });
  const paying = template.outputs.filter((o) => o.script === keysOf(next.terms).script);
  if (paying.length !== 1)
    throw new Refusal('transaction-differs', 'the rollover pays the next contract in more than one output', {
      blame: 'payer',
    });
  const at = contractOutpoint(next.terms, template);
  if (outpointText(at) !== outpointText(next.outpoint))
    throw new Refusal(
      'transaction-differs',
      `the next contract is stated at ${outpointText(next.outpoint)}, the rollover makes it at ${outpointText(at)}`,
      { blame: 'payer' },
    );
}

/** Returns the signature hash for the keys of the old contract. */
export const sighashOf = (c: Contract, template: Template): Hex =>
  bytesToHex(
    taprootSighash(
      template,
      template.inputs.findIndex((i) => i.script === keysOf(c.terms).script),
    ),
  );

/** Returns coins, capacity and change of the next contract; all of it without an amount. */
export function planOf(
  c: Contract,
  paid: bigint,
  amount: bigint | undefined,
  utxo: readonly Spent[],
  change: string,
  feerate: number,
  allowFee: boolean,
) {
  const own = contractInput(c, 0);
  if (amount === undefined) {
    const outputs = rolloverOutputs(c.terms, paid, c.terms.capacity_sat);
    const fee = feeFor(feerate, sweepVsize(...outputs.map(({ script }) => script)));
    guardFee(fee, c.terms.capacity_sat, allowFee);
    const capacity = c.terms.capacity_sat - paid - fee;
    if (capacity <= 0n)
      throw new Refusal(
        'not-enough-coins',
        `${c.terms.capacity_sat - paid} sat are left, not enough for the fee of ${fee} sat at ${feerateText(feerate)} sat/vB`,
      );
    return { capacity, topUps: [], change: null };
  }
  const paidFrom = payFrom({
    required: [own],
    // A wallet that holds the contract's key lists its coin too.
    coins: utxo.filter((coin) => outpointText(coin) !== outpointText(own)),
    outputs: rolloverOutputs(c.terms, paid, amount),
    change,
    feerate,
    version: 3,
    network: c.terms.network,
    allowFee,
  });
  const topUps = paidFrom.inputs
    .filter((i) => outpointText(i) !== outpointText(own))
    .map(({ sequence: _, ...coin }) => coin);
  if (!allows(ROLL_LIMITS.topUps, topUps.length))
    throw new Refusal(
      'not-enough-coins',
      `${topUps.length} coins would be needed, at most ${ROLL_LIMITS.topUps.most} fit`,
    );
  return {
    capacity: amount,
    topUps,
    change: paidFrom.changeSat > 0n ? { address: change, sat: paidFrom.changeSat } : null,
  };
}

/** Returns the rollover's PSBT: shares, signatures of added inputs, the next contract's keys. */
export function rolloverPsbt(job: Job, next: Terms, shares: MusigShares, witnesses: Rolling['witnesses']): string {
  const tx = putMusig(toTransaction(job.template), job.index, job.set, shares);
  const keys = keysOf(next);
  putMusigOutput(
    tx,
    job.template.outputs.findIndex((o) => o.script === keys.script),
    keys,
  );
  return writePsbt(putStacks(tx, witnesses));
}

export type RollRecords = { contract: Credit; next: Credit };

/**
 * Gives up the rollover that is under way: the contract that was begun with it ends with it. Or, on
 * the payee, an offer of this contract's that nobody has answered.
 * @param named by its key, the next contract of the message; null for a cancel without one
 * @throws Refusal `too-late-to-cancel`; `state-moved-on` for the message of another rollover
 */
export function cancelRolling({ contract: c, next }: Partial<RollRecords>, named: Hex | null): Effects<RollRecords> {
  const rolling = rollingOf(c);
  const isUnderWay = (c?.state === 'open' || c?.state === 'accepted') && rolling !== null;
  if (isUnderWay && (named === null || named === rolling.nextKey))
    return { writes: { contract: { ...c, rolling: null } as Credit } };
  if (c?.state === 'offered' && c.rolls !== null) return { writes: { contract: cancelled(c) } };
  if (next?.state === 'offered' && c && isFunded(c) && next.rolls === c.id)
    return { writes: { next: cancelled(next) } };
  if (isUnderWay)
    throw new Refusal('state-moved-on', 'the message is of another rollover than the one that is under way', {
      hint: `rollover --contract ${c.id.slice(0, 8)} --cancel ends that one`,
    });
  throw new Refusal(
    'too-late-to-cancel',
    c?.state === 'rolled' ? 'the rollover is signed' : 'no rollover is under way',
  );
}

/** Returns whether the transaction is the one that is under way, and makes this very contract. */
export const makes = (template: Template, sighash: Hex, rolling: Rolling, next: Contract): boolean =>
  sighash === rolling.sighash && outpointText(contractOutpoint(next.terms, template)) === outpointText(next.outpoint);

/**
 * Checks, before the old contract is signed away, that the refund that is kept is of the very
 * contract that this rollover makes.
 * @throws Refusal `state-moved-on`
 */
export function checkMakes(template: Template, sighash: Hex, rolling: Rolling, next: Contract): void {
  if (!makes(template, sighash, rolling, next))
    throw new Refusal('state-moved-on', 'the next contract in this home is not the one that this rollover makes', {
      hint: 'rollover --cancel, then offer again',
    });
}

/** Proposes the next contract, the nonce of its refund, and the rollover into it. */
export function propose(
  hand: Hand,
  m: { network: string; paid_sat: bigint; receipt: Hex | null },
  c: Extract<Credit, { role: 'payer'; state: 'open' }>,
  rolling: Rolling,
  next: Extract<Credit, { state: 'proposed' }>,
) {
  const template = rollover(c, rolling, next.terms);
  const job = refundJob(next);
  const opened = open(hand, job);
  const nonce = next.own.outside ? null : job.nonceId.sighash;
  const writes = {
    contract: c as Credit,
    next: { ...next, nonce, ...(opened && outsideOf(job, opened.share)) } as Credit,
  };
  const rolled = rolloverPsbt(rolloverJob(c, template), next.terms, {}, {});
  if (!opened) return { waits: { refund: psbtOf(job, {}) }, hint: ADD_NONCE, writes };
  const message: RollPair = {
    step: 'proposed',
    network: m.network,
    ...pairOf(c, next, rolling, m.receipt),
    psbt: { refund: psbtOf(job, { own: opened.share }), rollover: rolled },
  };
  return { message, writes, opens: opened.opens };
}
