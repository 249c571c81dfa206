/**
 * Signatures of channel transactions: of the funding output, of HTLC transactions, and of whatever spends an output.
 *
 * ECDSA by RFC 6979 without grinding, as BOLT3's vectors have it; taproot by BIP340, the funding by MuSig2 (BIP327).
 * Every signature is verified before it counts. Not here: which outputs are spent (`sweep.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { SIGHASH_ALL, SIGHASH_DEFAULT, Sighashes, type SighashType } from '../bitcoin/sighash.ts';
import { withWitness, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import {
  hasEvenY,
  mod,
  parsePoint,
  publicBytes,
  secretScalar,
  taggedHash,
  toBytes,
  toNumber,
  xBytes,
} from '../signing/curve.ts';
import { signEcdsa, verifiesEcdsa } from '../signing/ecdsa.ts';
import { keySort } from '../signing/musig2.ts';
import { keySet, sortedKeySet } from '../signing/keyset.ts';
import * as musig2 from '../signing/musig2.ts';
import type { Channel, Commitment, SecondStage } from './commitment.ts';
import { FORMAT } from './format.ts';
import { otherSide, type Side } from './keys.ts';
import { fundingLock, type Lock, type Way } from './scripts.ts';

/** The key (33 bytes) and the secret of a way as its script wants them: by the key path with the tweak of its tree. */
function tweaked(lock: Lock, way: Way, secret: Uint8Array): Uint8Array {
  if (lock.kind !== 'p2tr' || way.leaf) return secret;
  const point = parsePoint(publicBytes(secretScalar(secret)))!;
  const even = hasEvenY(point) ? secretScalar(secret) : mod(-secretScalar(secret));
  return toBytes(mod(even + toNumber(taggedHash('TapTweak', xBytes(point), lock.merkleRoot!))));
}

/** What input `index` signs for a way, 32 bytes. */
export const wayHash = (hashes: Sighashes, index: number, lock: Lock, way: Way, type: SighashType): Uint8Array =>
  lock.kind === 'p2tr' ? hashes.v1(index, type, way.leaf?.code) : hashes.v0(index, lock.code!, type);

/** The signature as it stands in the witness, with its type where it has one. */
export function signWay(
  hashes: Sighashes,
  index: number,
  lock: Lock,
  way: Way,
  secret: Uint8Array,
  type: SighashType = lock.kind === 'p2tr' ? SIGHASH_DEFAULT : SIGHASH_ALL,
): Uint8Array {
  const hash = wayHash(hashes, index, lock, way, type);
  if (lock.kind !== 'p2tr') return concatBytes(signEcdsa(hash, secret, false), Uint8Array.of(type));
  const signature = hexToBytes(signHash(hash, tweaked(lock, way, secret)));
  return type === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(type));
}

/** Does a signature without its type verify, by a key of 33 bytes? */
const isBy = (lock: Lock, signature: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean =>
  lock.kind === 'p2tr'
    ? signature.length === 64 && verifies(bytesToHex(signature), hash, bytesToHex(key.subarray(1)))
    : verifiesEcdsa(signature, hash, key);

export interface Given {
  signature?: Uint8Array;
  peer?: Uint8Array;
  preimage?: Uint8Array;
  /** 33 bytes, for a witness that shows it. */
  key?: Uint8Array;
}
/** The witness of a way, script and control block included. */
export function stackOf(lock: Lock, way: Way, given: Given): Uint8Array[] {
  const stack =
    way.witness === ''
      ? []
      : way.witness.split(' ').map((word): Uint8Array => {
          switch (word) {
            case '0':
              return new Uint8Array();
            case '1':
              return Uint8Array.of(1);
            case 'sig':
              return given.signature!;
            case 'peer-sig':
              return given.peer!;
            case 'preimage':
              return given.preimage!;
            default:
              return given.key!;
          }
        });
  if (way.leaf) return [...stack, way.leaf.code, way.leaf.control];
  return lock.kind === 'p2wsh' ? [...stack, lock.code!] : stack;
}

/** What signs the funding output, 32 bytes. */
function fundingHash(channel: Channel, template: Template): Uint8Array {
  const [a, b] = fundingKeys(channel);
  const { code } = fundingLock(channel.format, a, b);
  const hashes = new Sighashes(template);
  return code ? hashes.v0(0, code, SIGHASH_ALL) : hashes.v1(0, SIGHASH_DEFAULT);
}
/** @throws Refusal `malformed-message` where one is not known */
export function fundingKeys({ local, remote }: Channel): readonly [Uint8Array, Uint8Array] {
  const [a, b] = [local.points.funding, remote.points.funding];
  if (!a || !b) throw new Refusal('malformed-message', 'the funding_pubkey of both sides expected');
  return [a, b];
}
/** The output script of the funding. */
export const fundingScript = (channel: Channel): Hex => fundingLock(channel.format, ...fundingKeys(channel)).script;

/** The signature (DER) of one side over a spend of the funding output. */
export const signFundingSpend = (channel: Channel, template: Template, secret: Uint8Array): Uint8Array =>
  signEcdsa(fundingHash(channel, template), secret, false);

/** @throws Refusal `signature-invalid` naming the side */
export function checkFundingSignature(channel: Channel, template: Template, side: Side, der: Uint8Array): void {
  const key = channel[side].points.funding;
  if (!key || !verifiesEcdsa(der, fundingHash(channel, template), key))
    throw new Refusal('signature-invalid', `the signature of the ${side} funding key does not verify`, { blame: side });
}

/** The finished spend of the funding output, hex, by the signatures (DER) of both sides. */
export function finishFundingSpend(channel: Channel, template: Template, signatures: Record<Side, Uint8Array>): Hex {
  const keys = fundingKeys(channel);
  const { code } = fundingLock(channel.format, ...keys);
  const byKey = new Map([
    [bytesToHex(keys[0]), signatures.local],
    [bytesToHex(keys[1]), signatures.remote],
  ]);
  const ordered = keySort(keys).map((key) => concatBytes(byKey.get(bytesToHex(key))!, Uint8Array.of(SIGHASH_ALL)));
  return withWitness(template, [[new Uint8Array(), ...ordered, code!]]);
}

/** Nonces (66 bytes) by side. */
export type Nonces = Record<Side, Uint8Array>;
/**
 * The MuSig2 session of a spend of a taproot funding.
 * @param merkleRoot what the funding key commits to beside its keys, in channels with assets
 * @throws Refusal `peer-nonce-invalid`
 */
export function fundingSession(
  channel: Channel,
  template: Template,
  nonces: Nonces,
  merkleRoot?: Uint8Array,
): musig2.Session {
  const keys = keySort(fundingKeys(channel)).map((key) => bytesToHex(key));
  const set = keySet(keys, merkleRoot ? { merkleRoot } : {});
  try {
    return musig2.session(set.agg, musig2.nonceAgg([nonces.local, nonces.remote]), fundingHash(channel, template));
  } catch (error) {
    if (!(error instanceof musig2.InvalidContribution)) throw error;
    throw new Refusal('peer-nonce-invalid', 'a public nonce found that is no pair of points');
  }
}
/** @throws Refusal `peer-partial-invalid` */
export function checkPartial(
  channel: Channel,
  session: musig2.Session,
  side: Side,
  nonce: Uint8Array,
  partial: Uint8Array,
): void {
  const key = bytesToHex(channel[side].points.funding!);
  const index = session.key.pubkeys.findIndex((one) => bytesToHex(one) === key);
  if (!musig2.partialVerify(partial, nonce, index, session))
    throw new Refusal('peer-partial-invalid', `the partial signature of the ${side} side does not verify`, {
      blame: side,
    });
}
/**
 * The partial signature of the side that does not hold the commitment: the last signer (BIP327, DeterministicSign).
 * @throws Refusal `peer-nonce-invalid`
 */
export function lastPartial(channel: Channel, template: Template, secret: Uint8Array, holderNonce: Uint8Array) {
  const set = sortedKeySet(fundingKeys(channel).map((key) => bytesToHex(key)));
  if (!musig2.parseNonce(holderNonce))
    throw new Refusal('peer-nonce-invalid', 'a public nonce found that is no pair of points');
  const rand = taggedHash('spillway/det-sign', set.commitment);
  const hash = fundingHash(channel, template);
  const { pubnonce, partial, session } = musig2.deterministicSign(secret, holderNonce, set.agg, hash, rand);
  const own = set.participants.indexOf(bytesToHex(publicBytes(secretScalar(secret))));
  if (!musig2.partialVerify(partial, pubnonce, own, session))
    throw new Refusal('bug', 'an own partial signature does not verify');
  return { pubnonce, partial };
}
/** The finished spend, hex. @throws Refusal `signature-invalid` */
export function finishTaprootSpend(template: Template, session: musig2.Session, partials: readonly Uint8Array[]): Hex {
  const signature = musig2.partialAgg(partials, session);
  if (!musig2.verifyAggregate(signature, session))
    throw new Refusal('signature-invalid', 'the aggregate of both partial signatures does not verify');
  return withWitness(template, [[signature]]);
}

/** The other side's signature of an HTLC transaction, without its type: DER, or 64 bytes in taproot. */
export function signSecondStage(channel: Channel, stage: SecondStage, secret: Uint8Array): Uint8Array {
  const type = FORMAT[channel.format].second.sighash;
  return signWay(new Sighashes(stage.template), 0, stage.spent, stage.way, secret, type).slice(0, -1);
}
/** @throws Refusal `signature-invalid` */
export function checkSecondStage(
  channel: Channel,
  { keys }: Pick<Commitment, 'keys'>,
  stage: SecondStage,
  signature: Uint8Array,
  holder: Side,
): void {
  const type = FORMAT[channel.format].second.sighash;
  const hash = wayHash(new Sighashes(stage.template), 0, stage.spent, stage.way, type);
  if (!isBy(stage.spent, signature, hash, keys.otherHtlc!))
    throw new Refusal(
      'signature-invalid',
      `the signature of the HTLC transaction of output ${stage.vout} does not verify`,
      {
        blame: otherSide(holder),
      },
    );
}
/** The finished HTLC transaction, hex. `peer`: the other side's signature without its type, which was checked. */
export function finishSecondStage(
  channel: Channel,
  stage: SecondStage,
  peer: Uint8Array,
  secret: Uint8Array,
  preimage: Uint8Array | undefined,
): Hex {
  const type = FORMAT[channel.format].second.sighash;
  const given: Given = {
    signature: signWay(new Sighashes(stage.template), 0, stage.spent, stage.way, secret),
    peer: concatBytes(peer, Uint8Array.of(type)),
    ...(preimage && { preimage }),
  };
  return withWitness(stage.template, [stackOf(stage.spent, stage.way, given)]);
}
