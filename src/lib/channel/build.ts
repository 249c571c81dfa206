/**
 * `channel-build`: a commitment and its HTLC transactions from a channel and what the commitment says, signed as far as
 * keys and signatures of the other side are at hand.
 *
 * Whoever has the other side's keys makes what `commitment_signed` carries (BOLT2); whoever has the holder's keys and
 * that finishes the transactions. A partial signature for a taproot commitment is made by the other side alone, as the
 * last signer (BIP327, DeterministicSign): no secret nonce is ever kept or read.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { txidOf, unsignedHex } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  buildCommitment,
  secondStages,
  type Channel,
  type Commitment,
  type SecondStage,
  type State,
} from './commitment.ts';
import { readBytesList, readState, sideOf, type Keys, type KnownHtlc } from './document.ts';
import { FORMAT } from './format.ts';
import { holderSecrets, otherSecrets, otherSide, type Side } from './keys.ts';
import {
  checkFundingSignature,
  checkPartial,
  checkSecondStage,
  finishFundingSpend,
  finishSecondStage,
  finishTaprootSpend,
  fundingSession,
  lastPartial,
  signFundingSpend,
  signSecondStage,
  type Nonces,
} from './sign.ts';
import { htlcView, outputView, spendPsbt } from './view.ts';

/** Signatures that a document brings. */
export interface Signatures {
  /** Of the other side over the commitment, DER. */
  commitment: Uint8Array | undefined;
  /** Of the other side over the HTLC transactions, in the order of outputs: DER, or 64 bytes. */
  htlcs: readonly Uint8Array[] | undefined;
  nonces: Partial<Nonces>;
  partials: Partial<Nonces>;
}
/** @throws Refusal `malformed-message` */
function readSignatures(from: Fields): Signatures {
  const bySide = (name: string, length: number): Partial<Nonces> => {
    const both = from.object(name);
    const [local, remote] = [both?.bytes('local', length), both?.bytes('remote', length)];
    both?.end();
    return { ...(local && { local }), ...(remote && { remote }) };
  };
  return {
    commitment: from.bytes('signature'),
    htlcs: readBytesList(from, 'htlc_signatures'),
    nonces: bySide('nonces', 66),
    partials: bySide('partial_signatures', 32),
  };
}

/** A commitment with all that belongs to it. */
export interface Assembled {
  state: State & { htlcs: readonly KnownHtlc[] };
  commitment: Commitment;
  stages: readonly SecondStage[];
  given: Signatures;
}
/** @throws Refusal as `readState` and `buildCommitment`; `htlc-signatures`, `wrong-preimage` */
export function assemble(channel: Channel, from: Fields): Assembled {
  const state = readState(from, channel.format);
  const given = readSignatures(from);
  for (const { preimage, paymentHash } of state.htlcs)
    if (preimage && !equalBytes(sha256(preimage), paymentHash))
      throw new Refusal('wrong-preimage', `the preimage of ${bytesToHex(paymentHash)} does not hash to it`);
  const commitment = buildCommitment(channel, state);
  const stages = secondStages(channel, state, commitment);
  if (given.htlcs && given.htlcs.length !== stages.length)
    throw new Refusal(
      'htlc-signatures',
      `${given.htlcs.length} HTLC signatures found, ${stages.length} expected: one an HTLC output`,
      { blame: otherSide(state.holder) },
    );
  return { state, commitment, stages, given };
}

/**
 * Checks every signature that was given.
 * @returns what was checked, for people @throws Refusal `signature-invalid`, `peer-partial-invalid`, `peer-nonce-invalid`
 */
export function checkGiven(channel: Channel, { state, commitment, stages, given }: Assembled): Record<string, string> {
  const other = otherSide(state.holder);
  const checks: Record<string, string> = { signature: 'not-given', htlc_signatures: 'not-given' };
  if (given.commitment && !FORMAT[channel.format].taproot) {
    checkFundingSignature(channel, commitment.template, other, given.commitment);
    checks['signature'] = 'valid';
  }
  const partials = Object.entries(given.partials) as [Side, Uint8Array][];
  if (FORMAT[channel.format].taproot && partials.length > 0) {
    const session = sessionOf(channel, commitment, given);
    for (const [side, partial] of partials) checkPartial(channel, session, side, given.nonces[side]!, partial);
    checks['signature'] = 'valid';
  }
  given.htlcs?.forEach((signature, i) => checkSecondStage(channel, commitment, stages[i]!, signature, state.holder));
  if (given.htlcs) checks['htlc_signatures'] = 'valid';
  return checks;
}
/** @throws Refusal `nonce-missing`, `peer-nonce-invalid` */
function sessionOf(channel: Channel, { template }: Commitment, { nonces }: Signatures) {
  const { local, remote } = nonces;
  if (!local || !remote) throw new Refusal('nonce-missing', 'the public nonces of both sides expected');
  return fundingSession(channel, template, { local, remote });
}

const kindOf = ({ way }: SecondStage): string => (way.name === 'second-timeout' ? 'htlc-timeout' : 'htlc-success');

/** What `channel-build` prints. @throws Refusal as `assemble` and `checkGiven`, `wrong-key` */
export function buildDocument(channel: Channel, from: Fields, keys: Keys | undefined): object {
  const all = assemble(channel, from);
  from.end();
  const checks = checkGiven(channel, all);
  const { state, commitment, stages, given } = all;
  const signer = keys && sideOf(channel, keys);
  const own = keys && signer ? signedBy(channel, all, keys, signer) : undefined;
  const hex = finishedHex(channel, all, own, signer);
  const secret = signer === state.holder ? holderSecrets(keys!.secrets, state.point).holderHtlc : undefined;
  return {
    type: 'channel-commitment',
    version: 1,
    network: channel.network,
    format: channel.format,
    holder: state.holder,
    number: state.number,
    txid: commitment.txid,
    unsigned: unsignedHex(commitment.template),
    hex: hex ?? null,
    psbt: spendPsbt(commitment.template, []),
    fee_sat: commitment.feeSat,
    outputs: commitment.outputs.map((o, i) => outputView(o, i, channel.network, state.holder)),
    trimmed: commitment.trimmed.map(htlcView),
    ...(own && own.view),
    htlc_transactions: stages.map((stage, i) => {
      const { preimage } = stage.htlc as KnownHtlc;
      const peer = given.htlcs?.[i];
      const ready = secret && peer && (stage.way.name === 'second-timeout' || preimage);
      return {
        kind: kindOf(stage),
        vout: stage.vout,
        ...(stage.htlc.id !== undefined && { id: stage.htlc.id }),
        txid: txidOf(stage.template),
        unsigned: unsignedHex(stage.template),
        hex: ready ? finishSecondStage(channel, stage, peer, secret, preimage) : null,
        psbt: spendPsbt(stage.template, [[stage.spent, stage.way]]),
      };
    }),
    checks,
  };
}

interface Own {
  /** Of the commitment, DER. */
  signature?: Uint8Array;
  view: object;
}
/** What the side that has the keys signs: for the other's commitment all that `commitment_signed` carries. */
function signedBy(channel: Channel, { state, commitment, stages, given }: Assembled, keys: Keys, signer: Side): Own {
  const { secrets } = keys;
  const isHolder = signer === state.holder;
  const { template } = commitment;
  if (!secrets.funding) throw new Refusal('wrong-key', 'funding_secret expected among the keys');
  const htlc = isHolder ? undefined : otherSecrets(channel.format, secrets, state.point, undefined).otherHtlc;
  const signed = htlc && {
    htlc_signatures: stages.map((stage) => bytesToHex(signSecondStage(channel, stage, htlc))),
  };
  if (FORMAT[channel.format].taproot) {
    const nonce = given.nonces[state.holder];
    if (isHolder || !nonce) return { view: { ...signed } };
    const { pubnonce, partial } = lastPartial(channel, template, secrets.funding, nonce);
    return {
      view: {
        nonces: { [state.holder]: bytesToHex(nonce), [signer]: bytesToHex(pubnonce) },
        partial_signatures: { [signer]: bytesToHex(partial) },
        ...signed,
      },
    };
  }
  const signature = signFundingSpend(channel, template, secrets.funding);
  return { signature, view: isHolder ? {} : { signature: bytesToHex(signature), ...signed } };
}

/** The finished commitment: for its holder alone, who has the other side's signature; or by both partial signatures. */
function finishedHex(
  channel: Channel,
  all: Assembled,
  own: Own | undefined,
  signer: Side | undefined,
): Hex | undefined {
  const { state, commitment, given } = all;
  const { local, remote } = given.partials;
  if (FORMAT[channel.format].taproot)
    return local && remote
      ? finishTaprootSpend(commitment.template, sessionOf(channel, commitment, given), [local, remote])
      : undefined;
  if (signer !== state.holder || !own?.signature || !given.commitment) return undefined;
  const both = { [signer]: own.signature, [otherSide(signer)]: given.commitment } as Record<Side, Uint8Array>;
  return finishFundingSpend(channel, commitment.template, both);
}
