/**
 * Private derivation of BIP32: the six hardened levels above every contract key, and the places of
 * the home's wallet. @scure/bip32 multiplies the generator at every level, for a public key and a
 * fingerprint that hardened levels never use; its table comes on top of that of `signing/curve.ts`.
 * That is most of the time of deriving a contract key, and was a third of a run that shows an
 * address. The tests compare the two. Spec:
 * https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki.
 * Not here: public derivation, serialisation.
 */
import { createHmac } from 'node:crypto';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { mod, parseScalar, publicBytes, toBytes, toNumber } from '../signing/curve.ts';

/** Index of a level; hardened levels are counted above it. */
export const LEVEL_LIMITS = { index: { unit: 'number', least: 0, most: 2 ** 31 - 1 } } satisfies Limits;

/** A private key (32 bytes) and its chain code (32 bytes). */
export interface KeyNode {
  key: Uint8Array;
  chain: Uint8Array;
}

/** Returns the node m of a seed. */
export const masterNode = (seed: Uint8Array): KeyNode =>
  split(createHmac('sha512', 'Bitcoin seed').update(seed).digest());

/** Returns the hardened child at `index`', less than 2^31. */
export const hardenedChild = (node: KeyNode, index: number): KeyNode =>
  child(node, Uint8Array.of(0, ...node.key), level(index) + 2 ** 31);

/** Returns the unhardened child: its public key follows from the parent's and the chain code. */
export const normalChild = (node: KeyNode, index: number): KeyNode =>
  child(node, publicBytes(toNumber(node.key)), level(index));

function level(index: number): number {
  if (!Number.isInteger(index) || !allows(LEVEL_LIMITS.index, index))
    throw new Refusal('bug', `the level ${index} of a key path is no 31-bit number`);
  return index;
}

/** Derives a child. @param parent serialised parent key, 33 bytes */
function child(node: KeyNode, parent: Uint8Array, number: number): KeyNode {
  const data = new Uint8Array(37);
  data.set(parent);
  new DataView(data.buffer).setUint32(33, number);
  const { key: tweak, chain } = split(createHmac('sha512', node.chain).update(data).digest());
  const key = mod(toNumber(tweak) + toNumber(node.key));
  // One in 2^127: BIP32 asks for the next index, which would give two paths one key.
  if (!parseScalar(tweak) || key === 0n) throw new Refusal('bug', 'a key path without a key');
  return { key: toBytes(key), chain };
}

const split = (bytes: Uint8Array): KeyNode => ({
  key: new Uint8Array(bytes.subarray(0, 32)),
  chain: new Uint8Array(bytes.subarray(32)),
});
