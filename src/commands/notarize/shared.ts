/**
 * Files of proofs of existence, and digests of documents.
 * Not here: the format of proofs, headers, what a proof says (`lib/notary`).
 */
import { createHash } from 'node:crypto';
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { readOts, type HashName, type OtsFile } from '../../lib/notary/ots.ts';
import type { StampProof } from '../../lib/notary/proof.ts';
import { readTaprootProof } from '../../lib/notary/taproot.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { openInput, readInput } from '../../lib/cli/input.ts';

const PROOF_LIMIT = 1_000_000;
const BRACE = 0x7b;

/** Reads a taproot proof or an .ots file. @throws Refusal as `readTaprootProof`, `readOtsFile` */
export async function readProof(file: string | undefined): Promise<StampProof> {
  const bytes = await readInput(file, PROOF_LIMIT);
  return bytes[0] === BRACE ? readTaprootProof(new Fields(parseJson(utf8(bytes)))) : readOts(bytesOrHex(bytes));
}
/** Reads an .ots file, as bytes or in hex. @throws Refusal `malformed-ots`, and as `readInput` */
export const readOtsFile = async (file: string | undefined): Promise<OtsFile> =>
  readOts(bytesOrHex(await readInput(file, PROOF_LIMIT)));
/** Returns bytes that may be given in hex. */
export function bytesOrHex(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').trim();
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) ? hexToBytes(text) : bytes;
}

const ALGORITHMS = { sha1: 'sha1', ripemd160: 'ripemd160', sha256: 'sha256' } as const;
/** Hashes a document as a stream. @throws Refusal `usage` for keccak256, and as `openInput` */
export async function digestOf(file: string, hash: HashName): Promise<Uint8Array> {
  if (hash === 'keccak256') throw new Refusal('usage', 'a proof of keccak256 found: give the digest with --digest');
  const hashing = createHash(ALGORITHMS[hash]);
  for await (const part of await openInput(file)) hashing.update(part as Uint8Array);
  return hashing.digest();
}
