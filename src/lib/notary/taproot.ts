/**
 * Commitment in an output key: Q = P + H_TapTweak(P ‖ L)·G, with the leaf L = `OP_RETURN <root>`
 * (BIP341).
 *
 * It adds no byte to the chain, and nobody sees it. Whoever knows P's secret and L spends the coin
 * by its key. OpenTimestamps has no operation that adds points, so the proof is a document of its
 * own. Not here: whose key P is, records (`records.ts`).
 */
import { tapLeafHash } from '@scure/btc-signer/payment.js';
import { taprootTweakPubkey } from '@scure/btc-signer/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { doubleHash, displayHash, transactionIn } from '../bitcoin/block.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { keySpendVsize, SEQUENCE_RBF, withWitness, type Spent, type Template } from '../bitcoin/transaction.ts';
import { checkWitness, signKeyPath } from '../bitcoin/wallet-inputs.ts';
import { feeFor, guardFee } from '../bitcoin/fee.ts';
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import { checkDust } from '../bitcoin/script.ts';
import type { Hex, Keys, Path } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint, taggedHash } from '../signing/curve.ts';
import { commitment, type Anchor, type DocumentLeaf, type Sibling } from './tree.ts';

/** Returns L, the Merkle root of a tree with one leaf. */
const leafOf = (root: Uint8Array): Uint8Array => tapLeafHash(hexToBytes(commitment(root).script));

/** Returns the script of the output that commits to a root. @throws Error for an invalid key */
export const committedScript = (internalKey: Hex, root: Uint8Array): Hex =>
  `5120${bytesToHex(taprootTweakPubkey(hexToBytes(internalKey), leafOf(root))[0])}`;

/** Returns the secret of the internal key for a root, derived from the seed and the root alone. */
export const internalSecret = (keys: Pick<Keys, 'contract'>, root: Uint8Array): Uint8Array =>
  keys.contract(keyPath('spillway/notary-key', root));

/** Returns a key path in the home's tree. */
export function keyPath(tag: string, what: Uint8Array): Path {
  const view = new DataView(taggedHash(tag, what).buffer);
  return [0, 4, 8, 12].map((at) => view.getUint32(at) & 0x7fffffff) as unknown as Path;
}

/** Spend of a committing coin: where it pays to, and the feerate. */
export interface Ending {
  coin: Spent;
  root: Uint8Array;
  /** Output script that is paid. */
  to: Hex;
  feerate: number;
  allowFee: boolean;
}
/** Spends the coin that commits to a root. @throws Refusal `fee-too-high`, `below-dust` */
export function spendCommitted({ coin, root, to, feerate, allowFee }: Ending, secret: Uint8Array, aux: Uint8Array) {
  const inputs = [{ ...coin, sequence: SEQUENCE_RBF }];
  const priced = (sat: bigint): Template => ({ version: 2, locktime: 0, inputs, outputs: [{ sat, script: to }] });
  const feeSat = feeFor(feerate, keySpendVsize(priced(coin.sat)));
  guardFee(feeSat, coin.sat, allowFee);
  const template = priced(coin.sat - feeSat);
  checkDust(template.outputs[0]!, (least) => `${coin.sat - feeSat} sat are left, at least ${least} sat expected`);
  const stack = signKeyPath(template, 0, secret, aux, leafOf(root));
  checkWitness(template, 0, stack);
  return { template, feeSat, hex: withWitness(template, [stack]) };
}

/** Proof by such an output, checked except for the header of its block. */
export interface TaprootProof {
  hash: 'sha256';
  digest: Uint8Array;
  internalKey: Hex;
  root: Uint8Array;
  /** Transaction without its witness. */
  transaction: Uint8Array;
  txid: string;
  height: number;
  /** Merkle root that the branch leads to. */
  merkleRoot: Uint8Array;
  /** Number of nodes in the branch. */
  depth: number;
}

/** Returns the fields of a proof. @param leaf script of the leaf */
export const taprootFields = (
  { digest, nonce }: DocumentLeaf,
  path: readonly Sibling[],
  { internalKey, leaf }: { internalKey: Hex; leaf: Hex },
  anchor: Anchor,
) => ({
  digest: bytesToHex(digest),
  nonce: bytesToHex(nonce),
  path: path.map(sideOf),
  internal_key: internalKey,
  leaf,
  transaction: bytesToHex(anchor.bytes),
  branch: anchor.branch.map(sideOf),
  height: anchor.height,
});
const sideOf = ({ isLeft, hash }: Sibling) => ({ [isLeft ? 'left' : 'right']: bytesToHex(hash) });

/** Reads a proof and checks its output. @throws Refusal `malformed-message`, `root-differs` */
export function readTaprootProof(from: Fields): TaprootProof {
  const need = (name: string, length?: number): Uint8Array => from.need(name, from.bytes(name, length), 'hex');
  const siblings = (name: string): Sibling[] => from.need(name, from.objects(name, siblingIn), 'a list');
  const digest = need('digest', 32);
  const root = climb(sha256(concatBytes(digest, need('nonce', 16))), siblings('path'), sha256);
  const leaf = bytesToHex(need('leaf'));
  if (leaf !== commitment(root).script)
    throw new Refusal('root-differs', `the path leads to ${bytesToHex(root)}, ${leaf} is the leaf`);
  const internalKey = from.need('internal_key', internalKeyIn(from));
  const transaction = need('transaction');
  const { outputs, txid, bytes } = transactionIn(transaction, 'malformed-message');
  const script = committedScript(internalKey, root);
  if (!outputs.some((output) => output.script === script))
    throw new Refusal(
      'root-differs',
      `no output of the transaction is bound to ${bytesToHex(root)}: ${script} expected`,
    );
  const branch = siblings('branch');
  return {
    hash: 'sha256',
    digest,
    internalKey,
    root,
    transaction: bytes,
    txid: displayHash(txid),
    height: Number(from.need('height', from.whole('height', BigInt(LOCKTIME_THRESHOLD - 1)))),
    merkleRoot: climb(txid, branch, doubleHash),
    depth: branch.length,
  };
}
/** Reads an internal key (32 bytes), if there is one. @throws Refusal `malformed-message` */
export function internalKeyIn(from: Fields): Hex | undefined {
  const key = from.bytes('internal_key', 32);
  if (key && !parsePoint(concatBytes(Uint8Array.of(2), key))) from.refuse('internal_key', 'a point of the curve');
  return key && bytesToHex(key);
}

const climb = (start: Uint8Array, steps: readonly Sibling[], by: (bytes: Uint8Array) => Uint8Array): Uint8Array =>
  steps.reduce(
    (message, { isLeft, hash }) => by(isLeft ? concatBytes(hash, message) : concatBytes(message, hash)),
    start,
  );

function siblingIn(from: Fields): Sibling {
  const [left, right] = [from.bytes('left', 32), from.bytes('right', 32)];
  if ((left === undefined) === (right === undefined)) from.refuse('left', 'one of left and right');
  return { isLeft: left !== undefined, hash: (left ?? right)! };
}
