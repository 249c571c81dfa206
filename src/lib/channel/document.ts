/**
 * Documents of the channel commands: a channel (public), its keys (secret), what one commitment
 * holds.
 *
 * `channel-import` prints the shapes that every other command reads. Not here: files and flags
 * (`cli/`).
 */
import { NETWORKS, type Network } from '../bitcoin/network.ts';
import { parseOutpoint } from '../bitcoin/outpoint.ts';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { MAX_SAT } from '../bitcoin/amount.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import type { Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parseScalar, publicBytes, secretScalar } from '../signing/curve.ts';
import type { Channel, ChannelParty, CommitmentState } from './commitment.ts';
import { fundingOf } from './funding.ts';
import { FORMATS, type FormatName } from './format.ts';
import { BASES, hexMap, known, SIDES, type Basepoints, type Base, type BaseSecrets, type ChannelSide } from './keys.ts';
import type { CommitmentHtlc } from './scripts.ts';
import { FIRST_INDEX, secretIndex, secretAt, storeOf, type SecretStore } from './secrets.ts';

const FIELD: Readonly<Record<Base, string>> = {
  funding: 'funding_pubkey',
  revocation: 'revocation_basepoint',
  payment: 'payment_basepoint',
  delayed: 'delayed_payment_basepoint',
  htlc: 'htlc_basepoint',
};
/** Largest block count of OP_CHECKSEQUENCEVERIFY. */
const MOST_DELAY = 0xffffn;
const MOST_HEIGHT = 499_999_999n;
const MOST_U32 = 0xffffffffn;
const MOST_MSAT = MAX_SAT * 1000n;

/** Returns a field that must be one of `values`. @throws Refusal `malformed-message` */
export function choiceIn<T extends string>(from: Fields, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === from.text(name));
  return from.need(name, found, values.join(' or '));
}

/** Returns the given points of one side. @throws Refusal `wrong-key` */
export const readPoints = (from: Fields): Basepoints =>
  known(BASES, (base) => (from.has(FIELD[base]) ? pointIn(from, FIELD[base]) : undefined));
function readParty(from: Fields): ChannelParty {
  const [points, delay] = [readPoints(from), from.whole('to_self_delay', MOST_DELAY)];
  from.end();
  return { points, delay: delay === undefined ? undefined : Number(delay) };
}

/** Refuses a key of both sides: one signature would serve twice. @throws Refusal `key-rejected` */
function checkDistinct({ local, remote }: Pick<Channel, 'local' | 'remote'>): void {
  for (const base of BASES) {
    const [own, other] = [local.points[base], remote.points[base]];
    if (own && other && equalBytes(own, other))
      throw new Refusal('key-rejected', `the same ${FIELD[base]} found for both sides`);
  }
}

/** Reads a channel's document. @throws Refusal `malformed-message`, `wrong-key`, `key-rejected` */
export function readChannel(from: Fields): Channel {
  from.skip('type', 'version', 'peer', 'short_channel_id', 'commitment', 'import');
  const network: Network = choiceIn(from, 'network', NETWORKS);
  const format: FormatName = choiceIn(from, 'format', FORMATS);
  const funding = from.need('funding', from.object('funding'), 'an object');
  const outpoint = `${funding.text('txid')}:${funding.whole('vout', MOST_U32)}`;
  const found = funding.need('txid', parseOutpoint(outpoint), 'a transaction id, and vout');
  const sat = funding.need('amount_sat', funding.whole('amount_sat', MAX_SAT), 'satoshis');
  funding.skip('script');
  funding.end();
  const opener: ChannelSide = choiceIn(from, 'opener', SIDES);
  const party = (side: ChannelSide): ChannelParty => readParty(from.need(side, from.object(side), 'an object'));
  const sides = { local: party('local'), remote: party('remote') };
  from.end();
  checkDistinct(sides);
  const whole = sides.local.points.funding && sides.remote.points.funding;
  const script = whole ? fundingOf({ format, ...sides }).script : '';
  return { network, format, funding: { ...found, sat, script }, opener, ...sides };
}

const partyView = ({ points, delay }: ChannelParty): object => ({
  ...hexMap(points, (base) => FIELD[base]),
  ...(delay !== undefined && { to_self_delay: delay }),
});
/** Returns the document of a channel. */
export const channelView = ({ network, format, funding, opener, local, remote }: Channel) => ({
  type: 'channel',
  version: 1,
  network,
  format,
  funding: { txid: funding.txid, vout: funding.vout, amount_sat: funding.sat },
  opener,
  local: partyView(local),
  remote: partyView(remote),
});

/** Secrets of the owner of one side. */
export interface ChannelKeys {
  secrets: BaseSecrets;
  /** Seed of the per-commitment secrets, 32 bytes. */
  seed: Uint8Array | undefined;
}
/** Reads the keys of one side. @throws Refusal `malformed-message`, `wrong-key` */
export function readChannelKeys(from: Fields): ChannelKeys {
  from.skip('type', 'version');
  const secrets = known(BASES, (base) => {
    const secret = from.bytes(`${base}_secret`, 32);
    if (secret && parseScalar(secret) === undefined)
      throw new Refusal('wrong-key', `${from.path(`${base}_secret`)}: a number found that is no secret key`);
    return secret;
  });
  const seed = from.bytes('shachain_seed', 32);
  from.end();
  return { secrets, seed };
}
/** Returns the document of a channel's secrets. */
export const keysView = ({ secrets, seed }: ChannelKeys) => ({
  type: 'channel-keys',
  version: 1,
  ...hexMap(secrets, (base) => `${base}_secret`),
  ...(seed && { shachain_seed: bytesToHex(seed) }),
});
/** Returns the basepoints of secrets. */
export const pointsOf = (secrets: BaseSecrets): Basepoints =>
  known(BASES, (base) => secrets[base] && publicBytes(secretScalar(secrets[base])));

/** Returns the side that every known one of these keys fits. @throws Refusal `wrong-key` */
export function sideOf(channel: Channel, { secrets }: ChannelKeys): ChannelSide {
  const known = Object.entries(pointsOf(secrets)) as [Base, Uint8Array][];
  const side = SIDES.find((name) => {
    const both = known.filter(([base]) => channel[name].points[base]);
    return both.length > 0 && both.every(([base, point]) => equalBytes(point, channel[name].points[base]!));
  });
  if (!side) throw new Refusal('wrong-key', 'keys found that are of neither side of the channel');
  return side;
}

/** Returns the per-commitment point (33 bytes) of a commitment number, derived from the seed. */
export const pointAt = (seed: Uint8Array, number: bigint): Uint8Array =>
  publicBytes(secretScalar(secretAt(seed, secretIndex(number))));

/** HTLC, with its preimage if that is known. */
export interface KnownHtlc extends CommitmentHtlc {
  preimage?: Uint8Array | undefined;
}
/** Reads HTLCs as the commitment's holder sees them. @throws Refusal `malformed-message` */
export function readHtlcs(from: Fields, name = 'htlcs'): KnownHtlc[] {
  return (
    from.objects(name, (h): KnownHtlc => {
      const direction = choiceIn(h, 'direction', ['offered', 'received'] as const);
      const expiry = h.need('expiry', h.whole('expiry', MOST_HEIGHT) || undefined, 'a height');
      return {
        direction,
        amountMsat: h.need('amount_msat', h.whole('amount_msat', MOST_MSAT), 'millisatoshis'),
        paymentHash: h.need('payment_hash', h.bytes('payment_hash', 32), '32 bytes in hex'),
        expiry: Number(expiry),
        id: h.whole('id'),
        preimage: h.bytes('preimage', 32),
      };
    }) ?? []
  );
}

/** Reads the feerate of a commitment; `zero-fee` has none. @throws Refusal `malformed-message` */
export const readFeerate = (from: Fields, format: FormatName): number =>
  Number(
    format === 'zero-fee'
      ? (from.whole('feerate_per_kw', 0n) ?? 0n)
      : from.need('feerate_per_kw', from.whole('feerate_per_kw', MOST_U32), 'satoshis for 1000 weight units'),
  );
/** Reads what a commitment holds. @throws Refusal `malformed-message`, `wrong-key` */
export function readState(from: Fields, format: FormatName): CommitmentState & { htlcs: readonly KnownHtlc[] } {
  const msat = (name: string): bigint => from.need(name, from.whole(name, MOST_MSAT), 'millisatoshis');
  return {
    holder: choiceIn(from, 'holder', SIDES),
    number: from.need('number', from.whole('number', FIRST_INDEX), 'a commitment number'),
    point: pointIn(from, 'per_commitment_point'),
    toLocalMsat: msat('to_local_msat'),
    toRemoteMsat: msat('to_remote_msat'),
    feeratePerKw: readFeerate(from, format),
    dustLimitSat: from.need('dust_limit_sat', from.whole('dust_limit_sat', MAX_SAT), 'satoshis'),
    htlcs: readHtlcs(from),
  };
}

/** Reads a store of the peer's secrets. @throws Refusal `malformed-message`, `secret-mismatch` */
export function readStore(from: Fields): SecretStore {
  from.skip('type', 'version', 'newest_index');
  const list = from.objects('secrets', (one) => ({
    index: one.need('index', one.whole('index', FIRST_INDEX), 'an index'),
    secret: one.need('secret', one.bytes('secret', 32), '32 bytes in hex'),
  }));
  return storeOf(list ?? []);
}

/** Reads a list of bytes in hex. @throws Refusal `malformed-message` */
export function readBytesList(from: Fields, name: string): Uint8Array[] | undefined {
  return from.list(name, (value: Json, where) => {
    if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})+$/.test(value))
      throw new Refusal('malformed-message', `${where}: hex expected`);
    return Uint8Array.from(Buffer.from(value, 'hex'));
  });
}
