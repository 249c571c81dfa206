/**
 * An HTLC: what two parties agree on, and what follows from it alone: scripts, tree, output.
 *
 * Not here: the document that states it (`view.ts`), what each path needs (`paths.ts`), spending
 * (`spend.ts`).
 */
import { hash160, sha256 } from '@scure/btc-signer/utils.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint } from '../signing/curve.ts';
import { checkLock, type Lock } from './lock.ts';
import {
  isBolt3,
  leafForm,
  locksOf,
  typesOf,
  wholeForm,
  writeScript,
  type Holes,
  type LeafForm,
  type PathName,
  type HtlcType,
  type Variant,
  type WholeForm,
} from './scripts.ts';
import { treeOf, type Internal, type Tree } from './taproot.ts';

export interface Hash {
  /** Payment hash; null if unknown. Scripts hold its RIPEMD160. */
  sha256: Hex | null;
  hash160: Hex;
}
/** Terms of an HTLC, from which its scripts and address follow. */
export interface Htlc {
  network: Network;
  variant: Variant;
  type: HtlcType;
  hash: Hash;
  /** Claim key; null if anyone with the preimage can claim (`book`). */
  claim: Hex | null;
  refund: Hex;
  lock: Lock;
  /** BOLT3: the key that takes everything from a revoked commitment. */
  revocation: Hex | null;
  /** BOLT3: is it of a channel with anchors? */
  anchors: boolean;
  /** Internal key of a taproot output. */
  internal: Internal;
  /** Keys that seal messages about it, x-only, where its parties keep homes. */
  claimAuth: Hex | null;
  refundAuth: Hex | null;
}

/** The hash of a preimage. */
export function hashOf(preimage: Uint8Array): Hash {
  return { sha256: bytesToHex(sha256(preimage)), hash160: bytesToHex(hash160(preimage)) };
}
/** Returns the hash from a payment hash of 32 bytes, or a HASH160 of 20. */
export const hashFrom = (hash: Hex): Hash =>
  hash.length === 64
    ? { sha256: hash, hash160: bytesToHex(ripemd160(hexToBytes(hash))) }
    : { sha256: null, hash160: hash };

/** @throws Refusal `preimage-size`, `wrong-preimage` */
export function checkPreimage(preimage: Uint8Array, hash: Pick<Hash, 'hash160'>): Uint8Array {
  if (preimage.length !== 32)
    throw new Refusal('preimage-size', `a preimage of ${preimage.length} bytes found, 32 expected`, {
      hint: 'another length may be refused by the script on the other side of a swap or route',
    });
  if (hashOf(preimage).hash160 !== hash.hash160)
    throw new Refusal('wrong-preimage', `a preimage found that does not hash to ${hash.hash160}`);
  return preimage;
}

/** Returns the bytes for the holes of its scripts. */
function holesOf(htlc: Htlc): Holes {
  const refund = hexToBytes(htlc.refund);
  return {
    hash: hexToBytes(htlc.hash.hash160),
    ...(htlc.claim !== null && { claim: hexToBytes(htlc.claim), 'claim-x': hexToBytes(htlc.claim.slice(2)) }),
    refund,
    'refund-x': refund.subarray(1),
    'refund-hash': hash160(refund),
    ...(htlc.revocation !== null && { 'revocation-hash': hash160(hexToBytes(htlc.revocation)) }),
    lock: htlc.lock,
  };
}

/** Output and scripts of an HTLC: texts in `form`, bytes in `leaves` or `script`. */
export type Built =
  | { type: 'p2tr'; form: LeafForm; leaves: Record<PathName, Uint8Array>; tree: Tree; output: Hex }
  | { type: Exclude<HtlcType, 'p2tr'>; form: WholeForm; script: Uint8Array; output: Hex };

export function build(htlc: Htlc): Built {
  const holes = holesOf(htlc);
  if (htlc.type === 'p2tr') {
    const form = leafForm(htlc.variant)!;
    const leaves = {
      claim: writeScript(form.claim.script, holes),
      refund: writeScript(form.refund.script, holes),
    };
    const tree = treeOf(leaves, htlc.internal);
    return { type: 'p2tr', form, leaves, tree, output: tree.script };
  }
  const form = wholeForm(htlc.variant, htlc.anchors)!;
  const script = writeScript(form.script, holes);
  return { type: htlc.type, form, script, output: outputOf(htlc.type, script) };
}

const p2sh = (redeem: Uint8Array): Hex => `a914${bytesToHex(hash160(redeem))}87`;
/** The P2WSH program of a script. */
export const witnessProgram = (script: Uint8Array): Uint8Array => hexToBytes(`0020${bytesToHex(sha256(script))}`);

function outputOf(type: Exclude<HtlcType, 'p2tr'>, script: Uint8Array): Hex {
  if (type === 'p2sh') return p2sh(script);
  const program = witnessProgram(script);
  return type === 'p2wsh' ? bytesToHex(program) : p2sh(program);
}

/** The text of the script that a path runs, and of its witness. */
export function formOf(built: Built, path: PathName): { script: string; witness: string } {
  return built.type === 'p2tr' ? built.form[path] : { script: built.form.script, witness: built.form[path] };
}

/** @throws Refusal `malformed-message`, `locktime-kind`, `key-rejected`, `terms-differ` */
export function checkHtlc(htlc: Htlc): Htlc {
  const { variant, type } = htlc;
  const refuse = (found: string, expected: string): never => {
    throw new Refusal('malformed-message', `variant ${variant}: ${found} found, ${expected} expected`);
  };
  if (!typesOf(variant).includes(type)) refuse(`type ${type}`, typesOf(variant).join(' or '));
  checkLock(htlc.lock);
  if (!locksOf(variant).includes(htlc.lock.kind))
    throw new Refusal(
      'locktime-kind',
      `variant ${variant}: a lock by ${htlc.lock.kind} found, one by ${locksOf(variant).join(' or ')} expected`,
    );
  if ((htlc.claim === null) !== (variant === 'book'))
    refuse(htlc.claim === null ? 'no claim key' : 'a claim key', htlc.claim === null ? 'one' : 'none');
  if ((htlc.revocation !== null) !== isBolt3(variant))
    refuse(htlc.revocation === null ? 'no revocation key' : 'a revocation key', isBolt3(variant) ? 'one' : 'none');
  if (htlc.anchors && !isBolt3(variant)) refuse('anchors', 'none');
  if (htlc.internal && type !== 'p2tr') refuse('participants of an internal key', 'none outside p2tr');
  if (htlc.hash.sha256 !== null && hashFrom(htlc.hash.sha256).hash160 !== htlc.hash.hash160)
    throw new Refusal('terms-differ', 'the HASH160 is not that of the payment hash');
  checkKeys(htlc);
  return htlc;
}

/** @throws Refusal `key-rejected` */
function checkKeys({ claim, refund, revocation, internal, claimAuth, refundAuth }: Htlc): void {
  const refuse = (why: string): never => {
    throw new Refusal('key-rejected', why);
  };
  const keys = [claim, refund, revocation].filter((key) => key !== null);
  for (const key of keys) if (!parsePoint(hexToBytes(key))) refuse(`${key} is no point of the curve`);
  const points = keys.map((key) => key.slice(2));
  const seals = [claimAuth, refundAuth].filter((key) => key !== null);
  if (new Set([...points, ...seals]).size !== points.length + seals.length)
    refuse('one key found twice: claim, refund, revocation and sealing keys must differ');
  if (internal && [...internal].sort().join() !== [claim, refund].sort().join())
    refuse('the participants of the internal key are not the claim and the refund key');
}
