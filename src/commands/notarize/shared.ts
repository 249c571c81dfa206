/**
 * Proofs of existence: files of proofs, documents to be hashed, and the blocks that a proof names.
 * Not here: the format of proofs, headers, what a proof says (`lib/notary`).
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { bytesToHex, equalBytes, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { hasWork, parseHeader } from '../../lib/bitcoin/header.ts';
import { OUTCOME_LIMITS } from '../../lib/contract/outcome.ts';
import {
  CHECKED_NETWORKS,
  checkHeaders,
  leastWorkOf,
  headersIn,
  workOf,
  type CheckedNetwork,
  type Placed,
} from '../../lib/notary/headers.ts';
import { readOts, type HashName, type OtsFile } from '../../lib/notary/ots.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { factSource } from '../../lib/chain/source.ts';
import { heightsOf, sentence, stateProof, type VouchedBlock, type StampProof } from '../../lib/notary/proof.ts';
import { readTaprootProof } from '../../lib/notary/taproot.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { allows } from '../../lib/protocol/limit.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { chainOf, type ChainValues } from '../../lib/cli/chain.ts';
import { openInput, readInput } from '../../lib/cli/input.ts';

const PROOF_LIMIT = 1_000_000;
const BRACE = 0x7b;
/** Most bytes of headers: a million of them. */
const HEADERS_LIMIT = 160_000_000;

/** Reads a taproot proof or an .ots file. @throws Refusal as `readTaprootProof`, `readOtsFile` */
export async function readProof(file: string | undefined): Promise<StampProof> {
  const bytes = await readInput(file, PROOF_LIMIT);
  return bytes[0] === BRACE ? readTaprootProof(new Fields(parseJson(utf8(bytes)))) : otsIn(bytes);
}
/** Reads an .ots file, as bytes or in hex. @throws Refusal `malformed-ots`, and as `readInput` */
export const readOtsFile = async (file: string | undefined): Promise<OtsFile> =>
  otsIn(await readInput(file, PROOF_LIMIT));
function otsIn(bytes: Uint8Array): OtsFile {
  const text = bytes[0] === 0 ? '' : Buffer.from(bytes).toString('latin1').trim();
  return readOts(/^(?:[0-9a-fA-F]{2})+$/.test(text) ? hexToBytes(text) : bytes);
}

const ALGORITHMS = { sha1: 'sha1', ripemd160: 'ripemd160', sha256: 'sha256' } as const;
/** Hashes a document as a stream. @throws Refusal `usage` for keccak256, and as `openInput` */
export async function digestOf(file: string, hash: HashName): Promise<Uint8Array> {
  if (hash === 'keccak256') throw new Refusal('usage', 'a proof of keccak256 found: give the digest with --digest');
  const hashing = createHash(ALGORITHMS[hash]);
  for await (const part of await openInput(file)) hashing.update(part as Uint8Array);
  return hashing.digest();
}

export interface VerifyValues extends ChainValues {
  document?: string | undefined;
  digest?: Uint8Array | undefined;
  header?: Uint8Array | undefined;
  headers?: string | undefined;
  from?: string | undefined;
  network: Network;
}

/** Verifies a proof against its document and block; the second value is the exit code. */
export async function verifyProof(
  file: string | undefined,
  flags: VerifyValues,
): Promise<[document: object, exit: 0 | 3]> {
  const proof = await readProof(file);
  const compared = await compareDigest(proof, file, flags);
  const { blocks, how } = await blocksFor(proof, flags);
  const found = stateProof(proof, blocks);
  const { block } = found;
  const document = {
    type: 'notarize-verify',
    version: 1,
    network: flags.network,
    status: found.status,
    statement: sentence(found),
    hash: proof.hash,
    digest: bytesToHex(proof.digest),
    block: block
      ? {
          height: block.height,
          hash: block.header.hash,
          merkle_root: bytesToHex(block.header.root.toReversed()),
          time: block.header.time,
          median_time: block.medianTime,
          confirmations: block.confirmations,
          work: workOf(block.header).toString(),
        }
      : null,
    transaction: found.transaction ?? null,
    calendars: found.calendars,
    others: found.others,
    checks: { document: compared, header: how },
  };
  // A block near the tip may be taken back, and the proof with it.
  const isFinal = allows(OUTCOME_LIMITS.final, block?.confirmations ?? 0);
  const isProved =
    found.status === 'anchored' && (how === 'node' || how === 'chain-of-headers') && compared === 'compared' && isFinal;
  return [document, isProved ? 0 : 3];
}

/** Compares a proof with its document or digest. @throws Refusal `digest-differs` */
async function compareDigest(
  { hash, digest }: StampProof,
  file: string | undefined,
  flags: VerifyValues,
): Promise<'compared' | 'not-checked'> {
  const beside = /^(.+)\.(?:ots|proof\.json)$/.exec(file ?? '')?.[1];
  const isBeside = beside !== undefined && !flags.digest && existsSync(beside);
  const document = flags.document ?? (isBeside ? beside : undefined);
  if (!flags.digest && document === undefined) return 'not-checked';
  const found = flags.digest ?? (await digestOf(document!, hash));
  if (!equalBytes(found, digest))
    throw new Refusal(
      'digest-differs',
      `${document ?? 'the digest'} with ${hash} ${bytesToHex(found)} found, a proof of ${bytesToHex(digest)}`,
    );
  return 'compared';
}

/** Proof of the header; `little-work`: anybody may have made those headers. */
type How = 'node' | 'chain-of-headers' | 'little-work' | 'not-checked';
async function blocksFor(proof: StampProof, flags: VerifyValues): Promise<{ blocks: VouchedBlock[]; how: How }> {
  const unknown = { medianTime: null, confirmations: null, transactions: null };
  if (flags.headers !== undefined) {
    const wanted = new Set(heightsOf(proof));
    const bytes = await readInput(flags.headers, HEADERS_LIMIT);
    const network = checkedNetwork(flags.network);
    const from = startOf(flags.from);
    const named: Placed[] = [];
    let last: Placed | undefined;
    for (last of checkHeaders(headersIn(bytes), network, from)) if (wanted.has(last.height)) named.push(last);
    const tip = last?.height ?? 0;
    const blocks = named.map((placed) => ({ ...unknown, ...placed, confirmations: tip - placed.height + 1 }));
    const enough = from !== undefined || (last?.chainWork ?? 0n) >= leastWorkOf(network);
    return { blocks, how: enough ? 'chain-of-headers' : 'little-work' };
  }
  if (flags.header) {
    const header = parseHeader(flags.header);
    if (!hasWork(header)) throw new Refusal('header-invalid', 'the header has no proof of work');
    return { blocks: [{ ...unknown, height: null, header }], how: 'not-checked' };
  }
  const { rpc } = await chainOf(flags);
  if (!rpc) return { blocks: [], how: 'not-checked' };
  await factSource({ network: flags.network, rpc }).facts({ tip: true });
  const blocks: VouchedBlock[] = [];
  for (const height of heightsOf(proof)) {
    const known = await rpc.blockAt(height);
    if (known) blocks.push({ ...known, height, header: parseHeader(hexToBytes(known.header)) });
  }
  return { blocks, how: 'node' };
}

function checkedNetwork(network: Network): CheckedNetwork {
  const found = CHECKED_NETWORKS.find((name) => name === network);
  if (!found) throw new Refusal('usage', `--headers of ${network} found, of ${CHECKED_NETWORKS.join(' or ')} expected`);
  return found;
}

function startOf(text: string | undefined): { height: number; hash: string } | undefined {
  if (text === undefined) return undefined;
  const [, height, hash] = /^(\d{1,8}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (hash === undefined) throw new Refusal('usage', '--from HEIGHT:HASH expected');
  return { height: Number(height), hash };
}
