/**
 * Statement of a proof: these bytes existed before a block. Checks proofs with block headers: any
 * chain of hash operations into a header's Merkle root proves it. The statement names the
 * transaction if one is on the way, and the branch above it is as deep as the block's tree. Not
 * here: where headers come from, commitments in taproot keys (`taproot.ts`).
 */
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import type { Header } from '../bitcoin/header.ts';
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import { txidOfHex } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  apply,
  attested,
  bitcoinAttestation,
  opWord,
  type Attestation,
  type OtsFile,
  type Timestamp,
  type OtsPath,
} from './ots.ts';
import { committedScript, type TaprootProof } from './taproot.ts';

export type StampProof = OtsFile | TaprootProof;

/** Attested message, and the transaction that carried it if a block can show that. */
interface Attested {
  message: Uint8Array;
  attestation: Attestation;
  carrier(block: VouchedBlock): string | undefined;
}
function attestedIn(proof: StampProof): Attested[] {
  if ('timestamp' in proof)
    return [...attested(proof)].map(({ way, ...found }) => ({ ...found, carrier: (block) => carrier(way, block) }));
  const attestation = bitcoinAttestation(BigInt(proof.height));
  // A longer branch goes through a 64-byte transaction that looks like a node, and proves nothing.
  const named = ({ transactions }: VouchedBlock): string | undefined =>
    transactions !== null && levelsOf(transactions) === proof.depth ? proof.txid : undefined;
  return [{ message: proof.merkleRoot, attestation, carrier: named }];
}

/** Block as somebody vouches for it. */
export interface VouchedBlock {
  /** Height; null if not given. */
  height: number | null;
  header: Header;
  medianTime: number | null;
  confirmations: number | null;
  /** Number of transactions; null if not known. */
  transactions: number | null;
}

/** Lists the heights that the Bitcoin attestations of a proof name, in order. */
export const heightsOf = (proof: StampProof): number[] => {
  const heights = attestedIn(proof).flatMap(({ attestation: a }) =>
    a.by === 'bitcoin' && a.height < LOCKTIME_THRESHOLD ? [Number(a.height)] : [],
  );
  return [...new Set(heights)].sort((a, b) => a - b);
};

export interface ProofStatement {
  status: 'anchored' | 'pending' | 'not-anchored';
  block: VouchedBlock | undefined;
  /** Id of the transaction that carried the digest, if known. */
  transaction: string | undefined;
  /** Addresses of calendars that promised an attestation. */
  calendars: string[];
  /** Tags of unknown notaries. */
  others: string[];
}

/**
 * States what a proof shows with these blocks: the earliest whose root it leads to.
 * @throws Refusal `root-differs` if no attestation leads to the root of its block
 */
export function stateProof(proof: StampProof, blocks: readonly VouchedBlock[]): ProofStatement {
  const found = attestedIn(proof);
  const bitcoin = found.filter(({ attestation }) => attestation.by === 'bitcoin');
  const pairs = bitcoin.flatMap((one) =>
    blocks
      .filter(({ height }) => height === null || BigInt(height) === heightIn(one.attestation))
      .map((block) => ({ ...one, block })),
  );
  const [first] = pairs
    .filter(({ message, block }) => equalBytes(message, block.header.root))
    .sort((a, b) => a.block.header.time - b.block.header.time);
  const rest = {
    calendars: [...new Set(found.flatMap(({ attestation: a }) => (a.by === 'pending' ? [a.uri] : [])))],
    others: found.flatMap(({ attestation: a }) => (a.by === 'unknown' || a.by === 'litecoin' ? [a.tag] : [])),
  };
  if (first) return { status: 'anchored', block: first.block, transaction: first.carrier(first.block), ...rest };
  const [wrong] = pairs;
  if (wrong)
    throw new Refusal(
      'root-differs',
      `the proof leads to ${bytesToHex(wrong.message)}, the root of block ${wrong.block.header.hash} is ${bytesToHex(wrong.block.header.root)}`,
    );
  const status = bitcoin.length === 0 && rest.calendars.length > 0 ? 'pending' : 'not-anchored';
  return { status, block: undefined, transaction: undefined, ...rest };
}
const heightIn = (a: Attestation): bigint => ('height' in a ? a.height : -1n);

/** Returns the depth of the Merkle tree over a number of transactions. */
const levelsOf = (transactions: number): number => Math.ceil(Math.log2(transactions));

/** Returns the transaction on the way if what follows is a branch as deep as the block's tree. */
function carrier(way: OtsPath, { transactions }: VouchedBlock): string | undefined {
  if (transactions === null) return undefined;
  const levels = levelsOf(transactions);
  // Counted from the end: a join and two hashes for each level; before them the transaction's two hashes.
  const at = way.length - 1 - 3 * levels - 2;
  const carried = way[at]?.message;
  if (!carried || !way.slice(at + 1).every(({ by }, i) => isBranch(by && opWord(by), i))) return undefined;
  try {
    return txidOfHex(bytesToHex(carried));
  } catch {
    return undefined;
  }
}
const isBranch = (word: string | undefined, i: number): boolean =>
  i < 2 || (i - 2) % 3 !== 0 ? word === 'sha256' : word === 'append' || word === 'prepend';

/** Returns a statement as a sentence. */
export function sentence({ status, block, calendars }: ProofStatement): string {
  if (block) {
    const name = block.height === null ? `block ${block.header.hash}` : `block ${block.height}`;
    return `These bytes existed before ${name}, whose header says ${new Date(block.header.time * 1000).toISOString()}.`;
  }
  if (status === 'pending') return `Only calendars attest so far: ${calendars.join(', ')}.`;
  return 'No block that was given attests to these bytes.';
}

/** Returns the tree of a proof in words, one step a line. */
export function treeText(proof: StampProof): string {
  const { hash, digest } = proof;
  const lines = 'timestamp' in proof ? treeLines(digest, proof.timestamp, '') : taprootLines(proof);
  return [`${hash} ${bytesToHex(digest)}`, ...lines].join('\n');
}
const taprootLines = ({ root, internalKey, txid, height, merkleRoot }: TaprootProof): string[] => [
  `under the root ${bytesToHex(root)}`,
  `in the output ${committedScript(internalKey, root)} of the internal key ${internalKey}`,
  `of the transaction ${txid}`,
  attestationText(bitcoinAttestation(BigInt(height)), merkleRoot),
];
function* treeLines(message: Uint8Array, { attestations, branches }: Timestamp, indent: string): Generator<string> {
  for (const attestation of attestations.values()) yield `${indent}${attestationText(attestation, message)}`;
  for (const [step, next] of branches.values()) {
    const argument = step.argument.length > 0 ? ` ${bytesToHex(step.argument)}` : '';
    const deeper = branches.size > 1 ? `${indent}  ` : indent;
    yield `${indent}${branches.size > 1 ? '- ' : ''}${opWord(step)}${argument}`;
    yield* treeLines(apply(step, message), next, deeper);
  }
}
function attestationText(a: Attestation, message: Uint8Array): string {
  if (a.by === 'pending') return `promised by ${a.uri}`;
  if (a.by === 'unknown') return `attested by a notary that is not known, ${a.tag}: ${bytesToHex(a.payload)}`;
  return `attested by ${a.by} block ${a.height}, Merkle root ${bytesToHex(message.toReversed())}`;
}
