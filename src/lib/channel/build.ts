/**
 * The commands `channel-build` and `channel-verify`: a commitment and its HTLC transactions.
 *
 * `channel-build` signs as far as keys and the other side's signatures are at hand. The other
 * side's keys make what `commitment_signed` carries (BOLT2); the holder's keys finish the
 * transactions with it. `channel-verify` compares transactions of other software byte for byte, and
 * checks every signature.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { Sighashes } from '../bitcoin/sighash.ts';
import {
  parseBareTransaction,
  difference,
  parseTransaction,
  unsignedHex,
  unsignedOf,
  type Template,
} from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { buildCommitment, secondStages } from './commitment.ts';
import type { Channel, Commitment, SecondStage, CommitmentState } from './commitment.ts';
import { readBytesList, readState, sideOf, type ChannelKeys, type KnownHtlc } from './document.ts';
import { FORMAT } from './format.ts';
import { FundingSpend, givenView, readBySide, type Given } from './funding.ts';
import { commitmentSecrets, otherSide, type ChannelSide } from './keys.ts';
import { checkSecondStage, checkChannelWitness, finishSecondStage, signSecondStage } from './sign.ts';
import { htlcView, outputView, spendPsbt } from './view.ts';

/** A commitment with all that belongs to it. */
interface Assembled {
  state: CommitmentState & { htlcs: readonly KnownHtlc[] };
  commitment: Commitment;
  spend: FundingSpend;
  stages: readonly SecondStage[];
  given: Given;
  /** Other side's signatures of the HTLC transactions, in output order: DER, or 64 bytes. */
  htlcSignatures: readonly Uint8Array[] | undefined;
}
/**
 * Reads a state with its signatures.
 * @throws Refusal as `readState` and `buildCommitment`; `htlc-signatures`, `wrong-preimage`
 */
function assemble(channel: Channel, from: Fields): Assembled {
  const state = readState(from, channel.format);
  const given = {
    signature: from.bytes('signature'),
    nonces: readBySide(from, 'nonces', 66),
    partials: readBySide(from, 'partial_signatures', 32),
  };
  const htlcSignatures = readBytesList(from, 'htlc_signatures');
  for (const { preimage, paymentHash } of state.htlcs)
    if (preimage && !equalBytes(sha256(preimage), paymentHash))
      throw new Refusal('wrong-preimage', `the preimage of ${bytesToHex(paymentHash)} does not hash to it`);
  const commitment = buildCommitment(channel, state);
  const stages = secondStages(channel, state.holder, commitment, state.feeratePerKw);
  checkHtlcSignatures(htlcSignatures, stages, state.holder);
  return { state, commitment, spend: new FundingSpend(channel, commitment.template), stages, given, htlcSignatures };
}
/** Refuses any number of signatures but one an HTLC output. @throws Refusal `htlc-signatures` */
export function checkHtlcSignatures(
  found: readonly Uint8Array[] | undefined,
  stages: readonly SecondStage[],
  holder: ChannelSide,
): void {
  if (found && found.length !== stages.length)
    throw new Refusal(
      'htlc-signatures',
      `${found.length} HTLC signatures found, ${stages.length} expected: one an HTLC output`,
      { blame: otherSide(holder) },
    );
}

/** Verifies every given signature. @throws Refusal as `FundingSpend.check`; `signature-invalid` */
function checkGiven(all: Assembled): Record<string, string> {
  const { state, commitment, spend, stages, given, htlcSignatures } = all;
  const by = { keys: commitment.keys, holder: state.holder };
  htlcSignatures?.forEach((signature, i) => checkSecondStage(stages[i]!, signature, by));
  return {
    signature: spend.check(given, otherSide(state.holder)) ? 'valid' : 'not-given',
    htlc_signatures: htlcSignatures ? 'valid' : 'not-given',
  };
}

/** Returns what `channel-build` prints. @throws Refusal as `assemble`, `checkGiven`; `wrong-key` */
export function commitmentDocument(channel: Channel, from: Fields, keys: ChannelKeys | undefined): object {
  const all = assemble(channel, from);
  from.end();
  const checks = checkGiven(all);
  const { state, commitment, spend, stages, given, htlcSignatures } = all;
  const { format } = channel;
  const { holder } = state;
  const signer = keys && sideOf(channel, keys);
  if (keys && !keys.secrets.funding) throw new Refusal('wrong-key', 'funding_secret expected among the keys');
  // The holder of a taproot commitment signs with its node's nonce, which is not known here.
  const isOwn = signer === holder;
  const own =
    signer && !(isOwn && FORMAT[format].taproot) ? spend.sign(signer, keys!.secrets.funding!, given.nonces) : undefined;
  const secrets =
    keys && signer ? commitmentSecrets(format, keys.secrets, { owner: signer, holder, point: state.point }) : {};
  const { holderHtlc, otherHtlc } = secrets;
  return {
    type: 'channel-commitment',
    version: 1,
    network: channel.network,
    format,
    holder,
    number: state.number,
    txid: commitment.txid,
    unsigned: commitment.unsigned,
    hex: (isOwn || FORMAT[format].taproot ? spend.finish(signer, own, given) : undefined) ?? null,
    psbt: spendPsbt(commitment.template, []),
    fee_sat: commitment.feeSat,
    outputs: commitment.outputs.map((o, i) => outputView(o, i, channel.network, holder)),
    trimmed: commitment.trimmed.map(htlcView),
    ...(own && !isOwn && givenView(own)),
    ...(otherHtlc && { htlc_signatures: stages.map((s) => bytesToHex(signSecondStage(s, otherHtlc))) }),
    htlc_transactions: stages.map((stage, i) => {
      const { preimage } = stage.htlc as KnownHtlc;
      const peer = htlcSignatures?.[i];
      const isTimeout = stage.way.name === 'second-timeout';
      const ready = holderHtlc && peer && (isTimeout || preimage);
      return {
        kind: isTimeout ? 'htlc-timeout' : 'htlc-success',
        vout: stage.vout,
        ...(stage.htlc.id !== undefined && { id: stage.htlc.id }),
        ...unsignedOf(stage.template),
        hex: ready ? finishSecondStage(stage, { peer, secret: holderHtlc, preimage }) : null,
        psbt: spendPsbt(stage.template, [[stage.spent, stage.way]]),
      };
    }),
    checks,
  };
}

/**
 * Returns the first witness of a transaction that must be `expected`.
 * @throws Refusal `transaction-differs`, `malformed-transaction`
 */
function witnessIn(what: string, expected: Template, hex: Hex): readonly Uint8Array[] {
  const found = parseBareTransaction(hex);
  if (
    unsignedHex(found) !== unsignedHex(expected) ||
    parseTransaction(hex).inputs.some((i) => i.finalScriptSig.length > 0)
  )
    throw new Refusal(
      'transaction-differs',
      `${what}: ${difference(expected, found) ?? 'an encoding of its own found'}`,
    );
  return found.stacks[0] ?? [];
}

/**
 * Returns what `channel-verify` prints.
 * @throws Refusal `transaction-differs`, `signature-invalid`, `sighash-refused`, `wrong-preimage`,
 * and as `assemble`
 */
export function verifyCommitment(channel: Channel, from: Fields): object {
  const all = assemble(channel, from);
  const given = from.bytes('commitment');
  const htlcs = readBytesList(from, 'htlc_transactions');
  from.end();
  const { state, commitment, spend, stages } = all;
  const { keys, template, txid } = commitment;
  const beside = all.given.signature ?? all.htlcSignatures ?? Object.keys(all.given.partials)[0];
  if (!given && !htlcs && !beside)
    throw new Refusal(
      'malformed-message',
      'nothing to verify found: commitment, htlc_transactions or signatures expected',
    );
  if (htlcs && htlcs.length !== stages.length)
    throw new Refusal('transaction-differs', `${htlcs.length} HTLC transactions found, ${stages.length} expected`);
  const checks: Record<string, string> = {};
  const verify = (name: string, what: string, expected: Template, bytes: Uint8Array, check: WitnessCheck): void => {
    const stack = witnessIn(what, expected, bytesToHex(bytes));
    if (stack.length > 0) check(stack);
    checks[name] = stack.length > 0 ? 'same, signed by both' : 'same';
  };
  if (given) verify('commitment', 'the commitment', template, given, (stack) => spend.checkWitness(stack));
  htlcs?.forEach((bytes, i) => {
    const { template: expected, htlc, spent, peerType } = stages[i]!;
    const subject = { hashes: new Sighashes(expected), keys, holder: state.holder, peerType, ...htlc };
    verify(`htlc_transaction_${i}`, `HTLC transaction ${i}`, expected, bytes, (stack) =>
      checkChannelWitness(subject, 0, spent, stack),
    );
  });
  return {
    type: 'channel-verified',
    version: 1,
    network: channel.network,
    format: channel.format,
    holder: state.holder,
    number: state.number,
    txid,
    checks: { ...checks, ...checkGiven(all) },
  };
}
type WitnessCheck = (stack: readonly Uint8Array[]) => void;
