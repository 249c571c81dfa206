/**
 * Keys of a channel from the secret of a node: Core Lightning's hsm_secret, eclair's
 * channel_seed.dat.
 *
 * After Core Lightning's source (hsmd, common/derive_basepoints): HKDF-SHA256 over peer and
 * database number gives six numbers. A file of 73 bytes is encrypted, and refused. A longer one
 * ends in BIP39 words, whose seed stands for the secret.
 *
 * After eclair's source (LocalChannelKeyManager, ChannelKeys): BIP32 below the hash of the first
 * funding key. The funding key itself has a random path, so it is not found. LDK derives keys from
 * a random id of each channel, which only its database has: it is not served.
 */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { concatBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parseScalar } from '../signing/curve.ts';
import type { ChannelKeys } from './document.ts';
import type { Base } from './keys.ts';

const info = (text: string): Uint8Array => new TextEncoder().encode(text);
const ENCRYPTED = 73;

/** Returns the 32 bytes that all keys are derived from. @throws Refusal `malformed-backup` */
export function hsmSecret(file: Uint8Array): Uint8Array {
  if (file.length === 32) return file;
  if (file.length === ENCRYPTED)
    throw new Refusal('malformed-backup', 'an encrypted hsm_secret found', {
      hint: 'decrypt a copy with: lightning-hsmtool decrypt FILE',
    });
  if (file.length < 32)
    throw new Refusal('malformed-backup', `an hsm_secret of ${file.length} bytes found, 32 or more expected`);
  const words = new TextDecoder().decode(file.subarray(32)).replace(/\0+$/, '').trim();
  if (!file.subarray(0, 32).every((b) => b === 0) || !validateMnemonic(words, wordlist))
    throw new Refusal(
      'malformed-backup',
      'an hsm_secret found with a passphrase, or whose words are no BIP39 mnemonic',
    );
  return mnemonicToSeedSync(words).slice(0, 32);
}

/**
 * Returns the keys of a Core Lightning channel.
 * @param peer node id, 33 bytes
 * @param dbid number of the channel in the database
 */
export function clnKeys(secret: Uint8Array, peer: Uint8Array, dbid: bigint): ChannelKeys {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, dbid, true);
  const base = hkdf(sha256, secret, undefined, info('peer seed'), 32);
  const seed = hkdf(sha256, base, concatBytes(peer, number), info('per-peer seed'), 32);
  const all = hkdf(sha256, seed, undefined, info('c-lightning'), 6 * 32);
  const part = (i: number): Uint8Array => all.slice(32 * i, 32 * (i + 1));
  const names: readonly Base[] = ['funding', 'revocation', 'htlc', 'payment', 'delayed'];
  const secrets = Object.fromEntries(names.map((name, i) => [name, part(i)]));
  if (names.some((name) => parseScalar(secrets[name]!) === undefined))
    throw new Refusal('bug', 'a derived key is out of range');
  return { secrets, seed: part(5) };
}

/** Bases in the order of hardened levels below eclair's channel path. */
const ECLAIR_LEVELS: readonly Base[] = ['revocation', 'payment', 'delayed', 'htlc'];
/**
 * Returns the keys of an eclair channel, all but that of the funding.
 * @param file content of channel_seed.dat
 * @param funding own funding key when the channel was opened, 33 bytes
 * @throws Refusal `malformed-backup`
 */
export function eclairKeys(file: Uint8Array, network: Network, funding: Uint8Array): ChannelKeys {
  if (file.length < 16 || file.length > 64)
    throw new Refusal('malformed-backup', `a seed of ${file.length} bytes found, 16 to 64 expected`);
  const hash = sha256(funding);
  const view = new DataView(hash.buffer, hash.byteOffset);
  const hardened = 2 ** 31;
  const path = [(network === 'mainnet' ? 47 : 46) + hardened, 1 + hardened];
  for (let at = 0; at < 32; at += 4) path.push(view.getUint32(at));
  const base = path.reduce((key, level) => key.deriveChild(level), HDKey.fromMasterSeed(file));
  const secret = (level: number): Uint8Array => base.deriveChild(level + hardened).privateKey!;
  const secrets = Object.fromEntries(ECLAIR_LEVELS.map((name, i) => [name, secret(1 + i)]));
  return { secrets, seed: sha256(concatBytes(secret(5), Uint8Array.of(1))) };
}
