/**
 * lnd's channel.backup: opened with the wallet's root key, its commitments signed.
 *
 * After lnd's source (chanbackup, keychain, lnencrypt). Keys are at m/1017'/coin'/family'/0/index.
 * The file is a nonce of 24 bytes and XChaCha20-Poly1305 under SHA256 of the public key of family
 * 7. A backup of one channel (`exportchanbackup`) lacks version and count. Staging taproot channels
 * and script-enforced leases are recognised, and not served. aezeed words are not read; the root
 * key is asked for.
 *
 * Its commitment is the last resort for an owner whose node is gone and whose peer never answers.
 * Whoever broadcasts one that was revoked meanwhile loses all of it, and a backup cannot tell. A
 * taproot commitment is signed with the nonce that lnd derives from its secrets (HMAC
 * "taproot-rev-root"). lnd uses that nonce for this height alone (lnwallet GetSignedCommitTx,
 * channeldb NewMusigVerificationNonce).
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import { RawOldTx } from '@scure/btc-signer/script.js';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { MAX_SAT } from '../bitcoin/amount.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { networkOfChain, type Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { parseBareTransaction, txidOf, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint, publicBytes, secretScalar, ecdh } from '../signing/curve.ts';
import * as musig2 from '../signing/musig2.ts';
import type { Channel } from './commitment.ts';
import { pointsOf, type ChannelKeys } from './document.ts';
import { FundingSpend } from './funding.ts';
import { FORMAT, type FormatName } from './format.ts';
import { BASES, known } from './keys.ts';
import { kindOf } from './match.ts';
import { secretIndex, secretAt } from './secrets.ts';

const ENCRYPTION = 7;

const malformed = (why: string): Refusal => new Refusal('malformed-backup', `the channel backup ${why}`);

/** Root key of a wallet, and its network. */
export interface Root {
  key: HDKey;
  network: Network;
}
/** Reads a root key from BIP32 text. @throws Refusal `wrong-key` */
export function lndRoot(text: string, network: Network): Root {
  const version = network === 'mainnet' ? undefined : { private: 0x04358394, public: 0x043587cf };
  try {
    const key = HDKey.fromExtendedKey(text.trim(), version);
    if (key.privateKey && key.depth === 0) return { key, network };
  } catch {
    // Refused below, in words that do not quote the key.
  }
  throw new Refusal(
    'wrong-key',
    `no private root key of ${network} found: ${network === 'mainnet' ? 'xprv' : 'tprv'}… expected`,
  );
}
/** Returns the secret of a family and index, 32 bytes. */
function lndKey({ key, network }: Root, family: number, index: number): Uint8Array {
  const coin = network === 'mainnet' ? 0 : 1;
  return key.derive(`m/1017'/${coin}'/${family}'/0/${index}`).privateKey!;
}

const NONCE = 24;
/** Returns the decrypted content of a backup. @throws Refusal `malformed-backup`, `wrong-seed` */
function opened(file: Uint8Array, root: Root): Uint8Array {
  if (file.length < NONCE + 16) throw malformed(`of ${file.length} bytes found, a nonce and a sealed text expected`);
  const nonce = file.subarray(0, NONCE);
  const key = sha256(publicBytes(secretScalar(lndKey(root, ENCRYPTION, 0))));
  try {
    return xchacha20poly1305(key, nonce, nonce).decrypt(file.subarray(NONCE));
  } catch {
    throw new Refusal('wrong-seed', 'the channel backup does not open with this root key', {
      hint: 'is it of another wallet or network, or was the file cut or altered?',
    });
  }
}

/** Formats by version of the backup; one that can only be closed has a name of its own. */
const KINDS: readonly (readonly [FormatName, string?])[] = [
  ['legacy'],
  ['static'],
  ['anchor-outputs'],
  ['anchors'],
  ['anchors', 'a script-enforced lease'],
  ['taproot', 'a staging taproot channel'],
  ['taproot', 'a staging taproot channel with a tapscript root'],
  ['taproot'],
];
const isTaproot = (version: number): boolean => version >= 5;

/** Newest commitment when the backup was written, which closes the channel. */
export interface CloseInputs {
  /** Unsigned transaction. */
  commitment: Hex;
  /** Peer's signature: DER; for taproot a partial signature (32 bytes) and nonce (66 bytes). */
  signature: Uint8Array;
  /** Number of a taproot commitment. */
  height: bigint | undefined;
  /** Tapscript root of the funding key in a channel with assets. */
  tapscriptRoot: Uint8Array | undefined;
}
/** One channel of a backup. */
export interface Backed {
  peer: Hex;
  shortChannelId: string;
  channel: Channel;
  /** Name of a kind whose commitment can be signed, but not swept. */
  notServed?: string;
  outpoint: string;
  keys: ChannelKeys;
  close: CloseInputs | undefined;
}

/** Returns the secret of a family and index, 32 bytes. */
type KeyLookup = (family: number, index: number) => Uint8Array;
/** Opens a backup. @throws Refusal `malformed-backup`, `wrong-seed`, `wrong-network` */
export const readLndBackup = (file: Uint8Array, root: Root): Backed[] =>
  parseBackup(opened(file, root), root.network, (family, index) => lndKey(root, family, index));

/** Reads the decrypted content of a backup. @throws Refusal `malformed-backup`, `wrong-network` */
export function parseBackup(inside: Uint8Array, network: Network, keyOf: KeyLookup): Backed[] {
  // A multi backup begins with version 0 and a count, a single one with its own version.
  const whole = new Cursor(inside, 'malformed-backup', isMulti(inside) ? 1 : 0);
  if (whole.at === 0) return [readSingle(whole, network, keyOf)];
  const count = whole.u32();
  const channels = Array.from({ length: count }, () => readSingle(whole, network, keyOf));
  if (whole.left > 0) throw malformed(`goes on for ${whole.left} bytes after its ${count} channels`);
  return channels;
}
/** Returns whether the bytes are a list: a single backup has its length in bytes 1 and 2. */
const isMulti = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && (bytes.length < 3 || ((bytes[1]! << 8) | bytes[2]!) !== bytes.length - 3);

/** Reads a level of a key path. @throws Refusal `malformed-backup` for a hardened one */
function level(from: Cursor): number {
  const n = from.u32();
  if (n >= 2 ** 31) throw malformed(`names level ${n} of a key path`);
  return n;
}

/** Reads family and index of a key. */
const place = (from: Cursor) => [level(from), level(from)] as const;

function readSingle(whole: Cursor, expected: Network, keyOf: KeyLookup): Backed {
  const encoded = whole.u8();
  const [version, closes] = [encoded & 0x7f, encoded >> 7 === 1];
  const kind = KINDS[version];
  if (!kind) throw malformed(`has a channel of version ${version}, which is not known`);
  const [format, notServed] = kind;
  const from = new Cursor(whole.take(whole.u16()), 'malformed-backup');
  const opener = from.u8() === 1 ? 'local' : 'remote';
  const chain = bytesToHex(from.take(32));
  const network = networkOfChain(chain);
  if (network !== expected)
    throw new Refusal(
      'wrong-network',
      `a channel of ${network ?? `the chain ${chain}`} found, one of ${expected} expected`,
    );
  const txid = bytesToHex(from.take(32).slice().reverse());
  const vout = from.u16();
  const scid = from.u64();
  const peer = bytesToHex(from.take(33));
  from.take(from.u16()); // its addresses
  const sat = from.u64();
  if (sat > MAX_SAT) throw malformed(`has a channel of ${sat} sat`);
  const ownDelay = from.u16();
  const places = known(BASES, () => place(from));
  const peerDelay = from.u16();
  const theirs = known(BASES, (base) => {
    const point = from.take(33);
    if (!parsePoint(point)) throw malformed(`has a ${base} key that is no point of the curve`);
    return point;
  });
  const rootPoint = from.take(33);
  const rootPlace = place(from);
  if (version === 4) from.take(4); // the height at which the lease ends
  const close = closes ? readClose(from, version) : undefined;
  const secrets = known(BASES, (base) => keyOf(...places[base]!));
  const ours = pointsOf(secrets);
  const bare: Channel = {
    network,
    format,
    funding: { txid, vout, sat, script: '' },
    opener,
    local: { points: ours, delay: ownDelay },
    remote: { points: theirs, delay: peerDelay },
  };
  const { script } = new FundingSpend(bare, NO_SPEND, close?.tapscriptRoot);
  return {
    peer,
    shortChannelId: `${scid >> 40n}x${(scid >> 16n) & 0xffffffn}x${scid & 0xffffn}`,
    outpoint: `${txid}:${vout}`,
    channel: { ...bare, funding: { ...bare.funding, script } },
    ...(notServed !== undefined && { notServed }),
    keys: { secrets, seed: seedOf(keyOf, rootPoint, rootPlace, ours.funding!) },
    close,
  };
}
const NO_SPEND = { version: 2, locktime: 0, inputs: [], outputs: [] } as const;

/** Number of old channels' roots that are tried; each channel took the next. */
const OLD_ROOTS = 200;
/**
 * Returns the seed of the per-commitment secrets: an ECDH with the own funding key, or in old
 * backups a key that is found by its point.
 */
function seedOf(
  keyOf: KeyLookup,
  point: Uint8Array,
  place: readonly [family: number, index: number],
  funding: Uint8Array,
): Uint8Array | undefined {
  if (point.every((b) => b === 0)) return ecdh(secretScalar(keyOf(...place)), parsePoint(funding)!);
  for (let i = 0; i < OLD_ROOTS; i++) {
    const secret = keyOf(place[0], i);
    if (equalBytes(publicBytes(secretScalar(secret)), point)) return secret;
  }
  return undefined;
}

/** Reads the newest commitment. The transaction has no length prefix; what follows it has. */
function readClose(from: Cursor, version: number): CloseInputs {
  const commitment = transactionAt(from.bytes.subarray(from.at));
  from.take(commitment.length);
  const signature = from.take(from.u16());
  const height = isTaproot(version) ? from.u64() : undefined;
  const tapscriptRoot = version === 6 ? from.take(32) : undefined;
  return { commitment: bytesToHex(commitment), signature, height, tapscriptRoot };
}
/** Returns the transaction that the bytes begin with. @throws Refusal `malformed-backup` */
function transactionAt(bytes: Uint8Array): Uint8Array {
  try {
    return RawOldTx.encode(RawOldTx.decode(bytes, { allowUnreadBytes: true }));
  } catch {
    throw malformed('holds no transaction where one must be');
  }
}

/** Returns the number of the commitment in a backup; undefined if there is none. */
export const backedNumber = ({ channel, close }: Backed): bigint | undefined =>
  close && kindOf(channel, parseBareTransaction(close.commitment), undefined).number;

/** Key with which lnd derives the roots of its nonces from the seed. */
const NONCE_ROOT = new TextEncoder().encode('taproot-rev-root');

/**
 * Returns the finished commitment of a backup.
 * @param newest highest own commitment number known from elsewhere, such as the peer's
 * channel_reestablish
 * @throws Refusal `malformed-backup` if it has none, `revoked-state`, `signature-invalid`,
 * `peer-partial-invalid`
 */
export function signBacked(backed: Backed, newest: bigint | undefined): { hex: Hex; txid: Hex; number: bigint } {
  const { channel, close, keys } = backed;
  if (!close)
    throw new Refusal('malformed-backup', `the backup holds no commitment of ${backed.outpoint}`, {
      hint: 'ask the peer to close: to_remote is swept without it',
    });
  const { stacks: _, ...bare } = parseBareTransaction(close.commitment);
  const number = backedNumber(backed);
  if (number === undefined)
    throw new Refusal('malformed-backup', `no commitment that spends ${outpointText(channel.funding)} in the backup`);
  if (newest !== undefined && number < newest)
    throw new Refusal('revoked-state', `commitment ${number} found, and number ${newest} is known: it was revoked`, {
      hint: 'never broadcast it; ask the peer to close, and use channel-sweep',
    });
  const template: Template = { ...bare, inputs: [{ ...bare.inputs[0]!, ...channel.funding }] };
  const txid = txidOf(template);
  const spend = new FundingSpend(channel, template, close.tapscriptRoot);
  const secret = keys.secrets.funding!;
  const { signature } = close;
  if (!FORMAT[channel.format].taproot) {
    const theirs = { signature, nonces: {}, partials: {} };
    spend.check(theirs, 'remote');
    return { hex: spend.finish('local', spend.sign('local', secret, {}), theirs)!, txid, number };
  }
  const random = secretAt(hmac(sha256, NONCE_ROOT, sha256(keys.seed!)), secretIndex(close.height!));
  const { secnonce, pubnonce } = musig2.nonceGen({ random, pubkey: channel.local.points.funding! });
  const nonces = { local: pubnonce, remote: signature.subarray(32) };
  const local = musig2.sign(secnonce, secret, spend.session(nonces));
  const partials = { local, remote: signature.subarray(0, 32) };
  return { hex: spend.finish(undefined, undefined, { nonces, partials })!, txid, number };
}
