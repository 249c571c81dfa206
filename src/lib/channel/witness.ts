/**
 * Witnesses that were found: which way out of an output was taken, and whether its signatures verify.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { hash160 } from '@scure/btc-signer/utils.js';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { SIGHASH_ALL, SIGHASH_DEFAULT, Sighashes, type SighashType } from '../bitcoin/sighash.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import { verifiesEcdsa } from '../signing/ecdsa.ts';
import type { CommitmentKeys } from './keys.ts';
import type { Lock, Way } from './scripts.ts';
import { wayHash } from './sign.ts';

const isPreimage = (part: Uint8Array): boolean => part.length === 32;
/** May this element stand for that word of a way's witness? */
function fits(word: string, part: Uint8Array, taproot: boolean): boolean {
  switch (word) {
    case '0':
      return part.length === 0;
    case '1':
      return equalBytes(part, Uint8Array.of(1));
    case 'preimage':
      return isPreimage(part);
    case 'key':
      return part.length === 33;
    default:
      return taproot ? part.length === 64 || part.length === 65 : part.length >= 9 && part.length <= 73;
  }
}
const wordsOf = ({ witness }: Way): string[] => (witness === '' ? [] : witness.split(' '));

/** The way that a witness takes, and what stands in the places of its words; undefined where it is none of the output's. */
function wayTaken(lock: Lock, stack: readonly Uint8Array[]): { way: Way; parts: Map<string, Uint8Array> } | undefined {
  for (const way of lock.ways) {
    const words = wordsOf(way);
    const scripts = way.leaf ? [way.leaf.code, way.leaf.control] : lock.kind === 'p2wsh' ? [lock.code!] : [];
    if (stack.length !== words.length + scripts.length) continue;
    if (!scripts.every((script, i) => equalBytes(script, stack[words.length + i]!))) continue;
    if (!words.every((word, i) => fits(word, stack[i]!, lock.kind === 'p2tr'))) continue;
    return { way, parts: new Map(words.map((word, i) => [word, stack[i]!])) };
  }
  return undefined;
}

/** The hash that a claim of this HTLC must open; checked against a preimage. */
export interface Expected {
  keys: CommitmentKeys;
  paymentHash?: Uint8Array | undefined;
  /** Of the peer's signature of a second stage. */
  peerType: SighashType;
}

/**
 * Verifies every signature and preimage of a witness.
 * @throws Refusal `signature-invalid`, `sighash-refused`, `wrong-preimage`
 */
export function checkStack(
  hashes: Sighashes,
  index: number,
  lock: Lock,
  stack: readonly Uint8Array[],
  { keys, paymentHash, peerType }: Expected,
): Way {
  const taken = wayTaken(lock, stack);
  if (!taken) throw new Refusal('signature-invalid', `the witness of input ${index} is none that its output has`);
  const { way, parts } = taken;
  const own: SighashType = lock.kind === 'p2tr' ? SIGHASH_DEFAULT : SIGHASH_ALL;
  const check = (part: Uint8Array | undefined, key: Uint8Array | undefined, type: SighashType): void => {
    if (!part || !key) return;
    const { signature, found } = typed(part, lock.kind === 'p2tr');
    if (found !== type)
      throw new Refusal('sighash-refused', `sighash type ${found} found at input ${index}, ${type} expected`);
    const hash = wayHash(hashes, index, lock, way, type);
    if (!(lock.kind === 'p2tr' ? isSchnorr(lock, way, signature, hash, key) : verifiesEcdsa(signature, hash, key)))
      throw new Refusal('signature-invalid', `a signature of input ${index} does not verify`);
  };
  check(parts.get('sig'), way.key ? keys[way.key] : undefined, own);
  check(parts.get('peer-sig'), way.peer && keys[way.peer], peerType);
  const preimage = parts.get('preimage');
  if (preimage && paymentHash && !equalBytes(sha256(preimage), paymentHash))
    throw new Refusal('wrong-preimage', `the preimage at input ${index} does not hash to the payment hash`);
  const shown = parts.get('key');
  if (shown && lock.kind === 'p2wpkh' && bytesToHex(hash160(shown)) !== lock.script.slice(4))
    throw new Refusal('signature-invalid', `another key found at input ${index} than its output names`);
  return way;
}
const isSchnorr = (lock: Lock, way: Way, signature: Uint8Array, hash: Uint8Array, key: Uint8Array): boolean =>
  verifies(bytesToHex(signature), hash, way.leaf ? bytesToHex(key.subarray(1)) : lock.script.slice(4));

/** A signature and its sighash type. */
export function typed(part: Uint8Array, schnorr: boolean): { signature: Uint8Array; found: number } {
  if (schnorr && part.length === 64) return { signature: part, found: SIGHASH_DEFAULT };
  return { signature: part.subarray(0, -1), found: part.at(-1)! };
}
