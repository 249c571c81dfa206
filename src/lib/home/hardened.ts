/**
 * Private hardened derivation of BIP32, for the six hardened levels above every contract key.
 *
 * Why not @scure/bip32: it multiplies the generator at every level, for a public key and a fingerprint that hardened levels
 * never use; that is most of the time of deriving a contract key. The tests compare the two.
 * Spec: https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki. Not here: public derivation, serialisation.
 */
import { createHmac } from 'node:crypto';
import { Refusal } from '../protocol/refusal.ts';

/** The order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A private key (32 bytes) and its chain code (32 bytes). */
export interface Node {
  key: Uint8Array;
  chain: Uint8Array;
}

/** The node m of a seed. */
export const masterNode = (seed: Uint8Array): Node => split(createHmac('sha512', 'Bitcoin seed').update(seed).digest());

/** The node at `index`' below; `index` is less than 2^31. */
export function hardenedChild(node: Node, index: number): Node {
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** 31)
    throw new Refusal('bug', `the level ${index} of a key path is no 31-bit number`);
  const data = new Uint8Array(37);
  data.set(node.key, 1);
  new DataView(data.buffer).setUint32(33, 2 ** 31 + index);
  const { key: tweak, chain } = split(createHmac('sha512', node.chain).update(data).digest());
  const added = number(tweak) + number(node.key);
  const key = added % ORDER;
  // One in 2^127: BIP32 asks for the next index, which would give two paths one key.
  if (number(tweak) >= ORDER || key === 0n) throw new Refusal('bug', 'a key path without a key');
  return { key: new Uint8Array(Buffer.from(key.toString(16).padStart(64, '0'), 'hex')), chain };
}

const split = (bytes: Uint8Array): Node => ({
  key: new Uint8Array(bytes.subarray(0, 32)),
  chain: new Uint8Array(bytes.subarray(32)),
});
const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
