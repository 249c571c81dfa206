/**
 * `channel-sweep` and `channel-penalty` as documents: a transaction that is on the chain in, its owner's spends out.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { txidOf } from '../bitcoin/transaction.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { publicBytes, secretScalar } from '../signing/curve.ts';
import type { Channel } from './commitment.ts';
import { pointAt, readHtlcs, sideOf, type Keys, type KnownHtlc } from './document.ts';
import { commitmentKeys, hiddenNumber, holderSecrets, otherSecrets, otherSide, reveal, type Side } from './keys.ts';
import { matchCommitment, secondStageLock } from './match.ts';
import { maskOf } from './commitment.ts';
import { FIRST_INDEX, needSecret, type SecretStore } from './secrets.ts';
import { claimsOf, punishing, spendClaims, stageClaims, sweeping, type Found, type Paying } from './sweep.ts';
import { bareOf } from './verify.ts';

interface Subject {
  channel: Channel;
  template: ReturnType<typeof bareOf>;
  isCommitment: boolean;
  htlcs: readonly KnownHtlc[];
  /** Of the commitment, where it is known. */
  number: bigint | undefined;
  point: Uint8Array | undefined;
}
/** Reads {transaction, number?, per_commitment_point?, htlcs?}. @throws Refusal `malformed-message`, `malformed-transaction` */
function readSubject(channel: Channel, from: Fields, point: Uint8Array | undefined): Subject {
  const template = bareOf(bytesToHex(from.need('transaction', from.bytes('transaction'), 'a transaction in hex')));
  const [input] = template.inputs;
  const hidden = template.inputs.length === 1 ? hiddenNumber(template.locktime, input!.sequence) : undefined;
  const isCommitment =
    hidden !== undefined && input!.txid === channel.funding.txid && input!.vout === channel.funding.vout;
  const mask = maskOf(channel);
  const stated = from.whole('number', FIRST_INDEX);
  const subject = {
    channel,
    template,
    isCommitment,
    htlcs: readHtlcs(from),
    number: isCommitment && mask !== undefined ? reveal(hidden, mask) : stated,
    point: from.bytes('per_commitment_point', 33) ?? point,
  };
  from.end();
  return subject;
}

/** What both commands print, and whether a key is missing. */
export interface Recovered {
  document: object;
  complete: boolean;
}
function recovered(type: string, subject: Subject, holder: Side, { claims, left }: Found, paying: Paying): Recovered {
  if (claims.length === 0)
    throw new Refusal('unknown-commitment', 'no output found that these keys can spend', {
      hint: left[0] ? `output ${left[0].vout}: ${left[0].reason}` : 'is it a transaction of this channel?',
    });
  const made = spendClaims(claims, paying);
  const { channel, number, template } = subject;
  return {
    complete: made.spends.every(({ hex }) => hex !== undefined),
    document: {
      type,
      version: 1,
      network: channel.network,
      format: channel.format,
      spends: txidOf(template),
      holder,
      number: number ?? null,
      transactions: made.spends.map(({ template, claims, feeSat, hex, psbt }) => ({
        txid: txidOf(template),
        hex: hex ?? null,
        psbt: psbt ?? null,
        amount_sat: template.outputs[0]!.sat,
        fee_sat: feeSat,
        valid_from: {
          ...(claims[0]!.way.locktime > 0 && { height: claims[0]!.way.locktime + 1 }),
          ...(claims[0]!.way.sequence < 0x10000 && { confirmations: claims[0]!.way.sequence }),
        },
        outputs: claims.map(({ spent, role, way }) => ({
          vout: spent.vout,
          amount_sat: spent.sat,
          role,
          way: way.name,
        })),
      })),
      left: [...left, ...made.left],
    },
  };
}

/**
 * What the owner of `keys` can spend of a confirmed transaction: to_remote, to_local after the delay, HTLCs, second stage.
 * @throws Refusal `unknown-commitment`, `wrong-key`, `fee-too-high`, `below-dust`
 */
export function sweepDocument(
  channel: Channel,
  from: Fields,
  keys: Keys,
  point: Uint8Array | undefined,
  paying: Paying,
): Recovered {
  const subject = readSubject(channel, from, point);
  const owner = sideOf(channel, keys);
  const pointOf = (holder: Side, number: bigint | undefined): Uint8Array | undefined =>
    holder === owner && keys.seed && number !== undefined ? pointAt(keys.seed, number) : subject.point;
  const secretsOf = (holder: Side, known: Uint8Array | undefined) =>
    holder === owner
      ? holderSecrets(keys.secrets, known)
      : otherSecrets(channel.format, keys.secrets, known, undefined);
  if (subject.isCommitment) {
    const matched = matchCommitment(channel, subject.template, { pointOf, htlcs: subject.htlcs });
    const secrets = secretsOf(matched.holder, matched.point);
    const found = claimsOf(subject.template, matched, secrets, sweeping(matched.holder === owner));
    return recovered('channel-sweep', subject, matched.holder, found, paying);
  }
  const own = pointOf(owner, subject.number);
  if (!own)
    throw new Refusal('unknown-commitment', 'a transaction found that is no commitment, and no number of one', {
      hint: 'for an HTLC transaction of an own commitment give the number of that commitment',
    });
  const points = [channel[owner].points, channel[otherSide(owner)].points] as const;
  const lock = secondStageLock(channel, { holder: owner, keys: commitmentKeys(channel.format, ...points, own) });
  const found = stageClaims(subject.template, lock, secretsOf(owner, own), 'delayed');
  return recovered('channel-sweep', subject, owner, found, paying);
}

/** The secret of a revoked commitment: as such, or from a store of what the peer revealed. */
export type Revocation = { secret: Uint8Array } | { store: SecretStore };

/**
 * Everything of a commitment that the other side had revoked, or of an HTLC transaction of one.
 * @throws Refusal `no-secret`, `secret-mismatch`, `unknown-commitment`, `wrong-key`, `fee-too-high`, `below-dust`
 */
export function penaltyDocument(channel: Channel, from: Fields, keys: Keys, by: Revocation, paying: Paying): Recovered {
  const subject = readSubject(channel, from, undefined);
  const owner = sideOf(channel, keys);
  const holder = otherSide(owner);
  const secret = 'secret' in by ? by.secret : storedSecret(by.store, subject.number);
  const point = publicBytes(secretScalar(secret));
  const secrets = otherSecrets(channel.format, keys.secrets, point, secret);
  if (subject.isCommitment) {
    const matched = matchCommitment(channel, subject.template, { pointOf: () => point, htlcs: subject.htlcs, holder });
    const found = claimsOf(subject.template, matched, secrets, punishing);
    if (!found.claims.some(({ way }) => way.name === 'penalty'))
      throw new Refusal('secret-mismatch', 'no output found that this secret revokes', {
        hint: 'is it of another commitment, or of an own one?',
      });
    return recovered('channel-penalty', subject, holder, found, paying);
  }
  const points = [channel[holder].points, channel[owner].points] as const;
  const lock = secondStageLock(channel, { holder, keys: commitmentKeys(channel.format, ...points, point) });
  return recovered('channel-penalty', subject, holder, stageClaims(subject.template, lock, secrets, 'penalty'), paying);
}
/** @throws Refusal `no-secret` */
function storedSecret(store: SecretStore, number: bigint | undefined): Uint8Array {
  if (number === undefined)
    throw new Refusal('no-secret', 'a transaction found that shows no commitment number, and none was given', {
      hint: 'for an HTLC transaction give the number of its commitment',
    });
  return needSecret(store, number);
}
