/**
 * Commitment transactions and the HTLC transactions that spend them, as templates: amounts, trimming, fees, order.
 *
 * BOLT3 (Commitment Transaction, HTLC-Timeout and HTLC-Success Transactions, Fees, Dust Limits), zero_fee_commitments,
 * simple taproot channels. Not here: signatures (`sign.ts`), documents (`document.ts`).
 */
import { minSat } from '../bitcoin/amount.ts';
import type { Network } from '../bitcoin/network.ts';
import { sortOutputs, sumSat, txidOf, type Output, type Spent, type Template } from '../bitcoin/transaction.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { ANCHOR_SAT, COMMITMENT_LIMITS, FORMAT, HTLC_WEIGHT, MOST_SHARED_ANCHOR, type FormatName } from './format.ts';
import {
  commitmentKeys,
  obscure,
  obscuringMask,
  otherSide,
  type Basepoints,
  type CommitmentKeys,
  type Side,
} from './keys.ts';
import { anchorLock, delayedLock, htlcLock, p2aLock, remoteLock, type Htlc, type Lock, type Way } from './scripts.ts';

/** One side of a channel. */
export interface Party {
  points: Basepoints;
  /** Blocks that its own to_local waits; undefined where it is not known. */
  delay: number | undefined;
}
export interface Channel {
  network: Network;
  format: FormatName;
  funding: Spent;
  opener: Side;
  local: Party;
  remote: Party;
}
/** What one commitment says. `toLocalMsat` is its holder's. */
export interface State {
  holder: Side;
  number: bigint;
  /** The holder's per-commitment point. */
  point: Uint8Array;
  toLocalMsat: bigint;
  toRemoteMsat: bigint;
  feeratePerKw: number;
  dustLimitSat: bigint;
  htlcs: readonly Htlc[];
}

export type Role = 'to_local' | 'to_remote' | 'local_anchor' | 'remote_anchor' | 'anchor' | 'htlc';
/** An output of a commitment; `holder`'s are to_local and local_anchor. */
export interface RoleOutput extends Output {
  role: Role;
  lock: Lock;
  htlc?: Htlc;
}
export interface Commitment {
  keys: CommitmentKeys;
  template: Template;
  txid: string;
  outputs: readonly RoleOutput[];
  /** HTLCs without an output. */
  trimmed: readonly Htlc[];
  feeSat: bigint;
}
/** The transaction of an HTLC's second stage. */
export interface SecondStage {
  htlc: Htlc;
  /** Output of the commitment. */
  vout: number;
  way: Way;
  spent: Lock;
  lock: Lock;
  template: Template;
}

const sat = (msat: bigint): bigint => msat / 1000n;
const feeOfWeight = (feeratePerKw: number, weight: number): bigint =>
  BigInt(Math.floor((feeratePerKw * weight) / 1000));
/** Fee of the HTLC transaction. */
const secondFee = (format: FormatName, feeratePerKw: number, { direction }: Htlc): bigint =>
  feeOfWeight(feeratePerKw, FORMAT[format].second[direction === 'offered' ? 'timeout' : 'success']);

/** @throws Refusal `malformed-message` */
function needDelay({ delay }: Party): number {
  if (delay === undefined) throw new Refusal('malformed-message', "to_self_delay of the commitment's holder expected");
  return delay;
}

/** The mask of the channel's commitment numbers; undefined where a payment basepoint is not known. */
export function maskOf(channel: Channel): bigint | undefined {
  const [opener, accepter] = [channel[channel.opener], channel[otherSide(channel.opener)]].map((p) => p.points.payment);
  return opener && accepter && obscuringMask(opener, accepter);
}

/**
 * The commitment of one side.
 * @throws Refusal `malformed-message` for keys that are not known, `over-capacity` where the balances are not what the
 * funding holds, `htlc-limit`, `key-rejected`, `wrong-key`
 */
export function buildCommitment(channel: Channel, state: State): Commitment {
  const { format, funding } = channel;
  const [holder, other] = [channel[state.holder], channel[otherSide(state.holder)]];
  const { version, anchors, weight } = FORMAT[format];
  const inHtlcs = state.htlcs.reduce((sum, h) => sum + h.amountMsat, 0n);
  if (state.toLocalMsat + state.toRemoteMsat + inHtlcs > funding.sat * 1000n)
    throw new Refusal(
      'over-capacity',
      `balances and HTLCs of ${state.toLocalMsat + state.toRemoteMsat + inHtlcs} msat found, at most the ${funding.sat} sat of the funding expected`,
    );
  const feerate = weight === 0 ? 0 : state.feeratePerKw;
  const isTrimmed = (h: Htlc): boolean => sat(h.amountMsat) < state.dustLimitSat + secondFee(format, feerate, h);
  const kept = state.htlcs.filter((h) => !isTrimmed(h));
  const most = COMMITMENT_LIMITS.htlcs.most(format);
  if (!allows({ most }, kept.length))
    throw new Refusal('htlc-limit', `${kept.length} HTLCs with an output found, at most ${most} expected`);
  const keys = commitmentKeys(format, holder.points, other.points, state.point);

  const fee = feeOfWeight(feerate, weight + HTLC_WEIGHT * kept.length) + (anchors === 'keys' ? 2n * ANCHOR_SAT : 0n);
  const openerHolds = channel.opener === state.holder;
  const less = (amount: bigint): bigint => (amount > fee ? amount - fee : 0n);
  const balances = { local: sat(state.toLocalMsat), remote: sat(state.toRemoteMsat) };
  const toLocal = openerHolds ? less(balances.local) : balances.local;
  const toRemote = openerHolds ? balances.remote : less(balances.remote);
  const [hasLocal, hasRemote] = [toLocal >= state.dustLimitSat, toRemote >= state.dustLimitSat];

  const parts: RoleOutput[] = [];
  const add = (role: Role, amount: bigint, lock: Lock, htlc?: Htlc): void =>
    void parts.push({ role, sat: amount, script: lock.script, lock, ...(htlc && { htlc }) });
  // By expiry first: the order of outputs that are otherwise the same.
  for (const htlc of [...kept].sort((a, b) => a.expiry - b.expiry))
    add('htlc', sat(htlc.amountMsat), htlcLock(format, keys, htlc), htlc);
  if (hasLocal && toLocal > 0n) add('to_local', toLocal, delayedLock(format, keys, needDelay(holder)));
  if (hasRemote && toRemote > 0n) add('to_remote', toRemote, remoteLock(format, keys));
  if (anchors === 'keys') {
    if (hasLocal || kept.length > 0) add('local_anchor', ANCHOR_SAT, anchorLock(format, keys, 'holder'));
    if (hasRemote || kept.length > 0) add('remote_anchor', ANCHOR_SAT, anchorLock(format, keys, 'other'));
  }
  if (anchors === 'p2a') {
    const rest = funding.sat - sumSat(parts);
    add('anchor', minSat(rest, MOST_SHARED_ANCHOR), p2aLock);
  }
  const outputs = sortOutputs(parts);
  const mask = maskOf(channel);
  if (mask === undefined)
    throw new Refusal('malformed-message', 'the payment basepoints of both sides expected: they hide the number');
  const { locktime, sequence } = obscure(state.number, mask);
  const template: Template = {
    version,
    locktime,
    inputs: [{ ...funding, sequence }],
    outputs: outputs.map(({ sat, script }) => ({ sat, script })),
  };
  return {
    keys,
    template,
    txid: txidOf(template),
    outputs,
    trimmed: state.htlcs.filter(isTrimmed),
    feeSat: funding.sat - sumSat(outputs),
  };
}

/** The HTLC transactions of a commitment, in the order of its outputs. */
export function secondStages(channel: Channel, state: State, commitment: Commitment): SecondStage[] {
  const { format } = channel;
  const lock = (): Lock => delayedLock(format, commitment.keys, needDelay(channel[state.holder]), 2);
  return commitment.outputs.flatMap((output, vout): SecondStage[] => {
    const { htlc } = output;
    return htlc ? [secondStage(channel, commitment, { htlc, vout, output, lock: lock(), state })] : [];
  });
}
function secondStage(
  { format }: Channel,
  { txid }: Commitment,
  { htlc, vout, output, lock, state }: { htlc: Htlc; vout: number; output: RoleOutput; lock: Lock; state: State },
): SecondStage {
  const way = output.lock.ways.find(({ name }) => name === 'second-timeout' || name === 'second-success')!;
  const fee = secondFee(format, state.feeratePerKw, htlc);
  const { sat: amount, script } = output;
  return {
    htlc,
    vout,
    way,
    spent: output.lock,
    lock,
    template: {
      version: FORMAT[format].version,
      locktime: way.locktime,
      inputs: [{ txid, vout, sat: amount, script, sequence: way.sequence }],
      outputs: [{ sat: amount - fee, script: lock.script }],
    },
  };
}
