/**
 * Commitment transactions and the HTLC transactions that spend them: amounts, trimming, fees,
 * order.
 *
 * BOLT3 (Commitment Transaction, HTLC-Timeout and HTLC-Success Transactions, Fees, Dust Limits),
 * zero_fee_commitments, simple taproot channels. Not here: signatures (`sign.ts`), documents
 * (`document.ts`).
 */
import { minSat } from '../bitcoin/amount.ts';
import type { Network } from '../bitcoin/network.ts';
import type { SighashType } from '../bitcoin/sighash.ts';
import { sortOutputs, sumSat, unsignedOf, type Output, type Spent, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { ANCHOR_SAT, COMMITMENT_LIMITS, FORMAT, HTLC_WEIGHT, MOST_SHARED_ANCHOR, type FormatName } from './format.ts';
import { commitmentKeys, obscure, obscuringMask, otherSide } from './keys.ts';
import type { Basepoints, CommitmentKeys, ChannelSide } from './keys.ts';
import { lockOf, lockMaker, p2aLock, type CommitmentHtlc, type ChannelLock, type ChannelWay } from './scripts.ts';

/** One side of a channel. */
export interface ChannelParty {
  points: Basepoints;
  /** Blocks that its own to_local waits; undefined if not known. */
  delay: number | undefined;
}
/** Fixed parameters of a Lightning channel. */
export interface Channel {
  network: Network;
  format: FormatName;
  funding: Spent;
  opener: ChannelSide;
  local: ChannelParty;
  remote: ChannelParty;
}
/** Content of one commitment; `toLocalMsat` belongs to its holder. */
export interface CommitmentState {
  holder: ChannelSide;
  number: bigint;
  /** The holder's per-commitment point. */
  point: Uint8Array;
  toLocalMsat: bigint;
  toRemoteMsat: bigint;
  feeratePerKw: number;
  dustLimitSat: bigint;
  htlcs: readonly CommitmentHtlc[];
}

export type OutputRole =
  'to_local' | 'to_remote' | 'local_anchor' | 'remote_anchor' | 'anchor' | 'htlc' | 'second stage';
/** Output of a commitment or HTLC transaction. The holder owns to_local and local_anchor. */
export interface RoleOutput extends Output {
  role: OutputRole;
  lock: ChannelLock;
  htlc?: CommitmentHtlc | undefined;
}
/** Commitment transaction with its keys and outputs. */
export interface Commitment {
  keys: CommitmentKeys;
  template: Template;
  /** Serialisation without a witness, hex. */
  unsigned: Hex;
  txid: Hex;
  outputs: readonly RoleOutput[];
  /** HTLCs without an output. */
  trimmed: readonly CommitmentHtlc[];
  feeSat: bigint;
}
/** Transaction of an HTLC's second stage. */
export interface SecondStage {
  htlc: CommitmentHtlc;
  /** Output of the commitment. */
  vout: number;
  way: ChannelWay;
  /** Type of the other side's signature. */
  peerType: SighashType;
  spent: ChannelLock;
  lock: ChannelLock;
  template: Template;
}

const sat = (msat: bigint): bigint => msat / 1000n;
const feeOfWeight = (feeratePerKw: number, weight: number): bigint =>
  BigInt(Math.floor((feeratePerKw * weight) / 1000));
/** Returns the fee of an HTLC transaction, in satoshis. */
const secondFee = (format: FormatName, feeratePerKw: number, direction: CommitmentHtlc['direction']): bigint =>
  feeOfWeight(feeratePerKw, FORMAT[format].second[direction === 'offered' ? 'timeout' : 'success']);

/** Returns the mask of commitment numbers; undefined if a payment basepoint is not known. */
export function maskOf(channel: Channel): bigint | undefined {
  const [opener, accepter] = [channel.opener, otherSide(channel.opener)].map((side) => channel[side].points.payment);
  return opener && accepter && obscuringMask(opener, accepter);
}

/**
 * Returns the lock of an output other than an HTLC.
 * @throws Refusal `malformed-message` for a key or delay that is not known
 */
export const plainLock = (
  channel: Channel,
  holder: ChannelSide,
  role: Exclude<OutputRole, 'htlc'>,
  keys: CommitmentKeys,
): ChannelLock => (role === 'anchor' ? p2aLock : lockOf(channel.format, role, keys, channel[holder]));
/** Returns what makes the locks of HTLCs. @throws Refusal `malformed-message` for unknown keys */
export function htlcLocks({ format }: Channel, keys: CommitmentKeys): (htlc: CommitmentHtlc) => ChannelLock {
  const made: { [D in CommitmentHtlc['direction']]?: ReturnType<typeof lockMaker> } = {};
  return (htlc) => (made[htlc.direction] ??= lockMaker(format, `htlc-${htlc.direction}`, keys))(htlc);
}

/**
 * Builds the commitment of one side.
 * @throws Refusal `malformed-message` for keys that are not known, `over-capacity` where the
 * balances are not what the funding holds, `htlc-limit`, `key-rejected`, `wrong-key`
 */
export function buildCommitment(channel: Channel, state: CommitmentState): Commitment {
  const { format, funding } = channel;
  const { version, anchors, weight } = FORMAT[format];
  const sum = state.htlcs.reduce((all, h) => all + h.amountMsat, state.toLocalMsat + state.toRemoteMsat);
  if (sum > funding.sat * 1000n)
    throw new Refusal(
      'over-capacity',
      `balances and HTLCs of ${sum} msat found, at most the ${funding.sat} sat of the funding expected`,
    );
  const feerate = weight === 0 ? 0 : state.feeratePerKw;
  const least = (direction: CommitmentHtlc['direction']): bigint =>
    state.dustLimitSat + secondFee(format, feerate, direction);
  const [offered, received] = [1000n * least('offered'), 1000n * least('received')];
  const isTrimmed = (h: CommitmentHtlc): boolean => h.amountMsat < (h.direction === 'offered' ? offered : received);
  const kept = state.htlcs.filter((h) => !isTrimmed(h));
  const most = COMMITMENT_LIMITS.htlcs.most(format);
  if (!allows({ most }, kept.length))
    throw new Refusal('htlc-limit', `${kept.length} HTLCs with an output found, at most ${most} expected`);
  const mask = maskOf(channel);
  if (mask === undefined)
    throw new Refusal('malformed-message', 'the payment basepoints of both sides expected: they hide the number');
  const keys = commitmentKeys(channel, state.holder, state.point);

  const fee = feeOfWeight(feerate, weight + HTLC_WEIGHT * kept.length) + (anchors === 'keys' ? 2n * ANCHOR_SAT : 0n);
  const openerHolds = channel.opener === state.holder;
  const less = (amount: bigint, pays: boolean): bigint => (!pays ? amount : amount > fee ? amount - fee : 0n);
  const toLocal = less(sat(state.toLocalMsat), openerHolds);
  const toRemote = less(sat(state.toRemoteMsat), !openerHolds);
  const [hasLocal, hasRemote] = [toLocal >= state.dustLimitSat, toRemote >= state.dustLimitSat];

  const parts: RoleOutput[] = [];
  const lockOfHtlc = htlcLocks(channel, keys);
  const add = (role: OutputRole, amount: bigint, lock: ChannelLock, htlc?: CommitmentHtlc): void =>
    void parts.push({ role, sat: amount, script: lock.script, lock, htlc });
  const plain = (role: Exclude<OutputRole, 'htlc'>, amount: bigint): void =>
    add(role, amount, plainLock(channel, state.holder, role, keys));
  // Sorts by expiry first, which orders outputs that are equal otherwise.
  for (const htlc of [...kept].sort((a, b) => a.expiry - b.expiry))
    add('htlc', sat(htlc.amountMsat), lockOfHtlc(htlc), htlc);
  if (hasLocal && toLocal > 0n) plain('to_local', toLocal);
  if (hasRemote && toRemote > 0n) plain('to_remote', toRemote);
  if (anchors === 'keys' && (hasLocal || kept.length > 0)) plain('local_anchor', ANCHOR_SAT);
  if (anchors === 'keys' && (hasRemote || kept.length > 0)) plain('remote_anchor', ANCHOR_SAT);
  if (anchors === 'p2a') plain('anchor', minSat(funding.sat - sumSat(parts), MOST_SHARED_ANCHOR));
  const outputs = sortOutputs(parts);
  const { locktime, sequence } = obscure(state.number, mask);
  const template: Template = {
    version,
    locktime,
    inputs: [{ ...funding, sequence }],
    outputs,
  };
  const trimmed = state.htlcs.filter(isTrimmed);
  return { keys, template, ...unsignedOf(template), outputs, trimmed, feeSat: funding.sat - sumSat(outputs) };
}

/**
 * Returns the HTLC transactions of a commitment, in the order of its outputs.
 * @param feeratePerKw feerate of its state, in satoshis per 1,000 weight units
 * @throws Refusal `malformed-message` for a delay that is not known, `fee-too-high` where an output
 * holds less than the fee
 */
export function secondStages(
  channel: Channel,
  holder: ChannelSide,
  { keys, txid, outputs }: { keys: CommitmentKeys; txid: string; outputs: readonly (RoleOutput | undefined)[] },
  feeratePerKw: number,
): SecondStage[] {
  const withHtlc = outputs.flatMap((output, vout) => (output?.htlc ? [{ ...output, htlc: output.htlc, vout }] : []));
  if (withHtlc.length === 0) return [];
  const lock = plainLock(channel, holder, 'second stage', keys);
  return withHtlc.map(({ htlc, lock: spent, sat: amount, script, vout }) => {
    const way = spent.ways.find(({ name }) => name.startsWith('second'))!;
    const fee = secondFee(channel.format, feeratePerKw, htlc.direction);
    if (fee > amount)
      throw new Refusal(
        'fee-too-high',
        `a fee of ${fee} sat found at feerate_per_kw ${feeratePerKw}, at most the ${amount} sat of output ${vout} expected`,
      );
    const template: Template = {
      version: FORMAT[channel.format].version,
      locktime: way.locktime,
      inputs: [{ txid, vout, sat: amount, script, sequence: way.sequence }],
      outputs: [{ sat: amount - fee, script: lock.script }],
    };
    return { htlc, vout, way, peerType: FORMAT[channel.format].second.sighash, spent, lock, template };
  });
}
