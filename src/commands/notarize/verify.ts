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
import { type Network, NETWORKS } from '../../lib/bitcoin/network.ts';
import { factSource } from '../../lib/chain/source.ts';
import { heightsOf, sentence, stateProof, type VouchedBlock, type StampProof } from '../../lib/notary/proof.ts';
import { allows } from '../../lib/protocol/limit.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { readInput } from '../../lib/cli/input.ts';
import { door } from '../../lib/cli/door.ts';
import { arg, choiceFlag, hexFlag, nodeFlags, textFlag, type Values } from '../../lib/cli/flags.ts';
import { digestOf, readProof } from './shared.ts';

const flags = {
  ...nodeFlags,
  document: textFlag('The file that the proof is about', 'FILE'),
  digest: hexFlag('Its digest, in place of the file', { exclusive: ['document'] }),
  header: hexFlag('The header of the block', { exclusive: ['headers'] }),
  headers: textFlag('A file of headers, one after another, as bytes or in hex', 'FILE'),
  from: textFlag('Height and hash of the first of them, which you know (default: the first block)', 'HEIGHT:HASH', {
    dependsOn: ['headers'],
  }),
  network: choiceFlag(NETWORKS, 'The network of the block; of headers mainnet or regtest', { default: 'mainnet' }),
};
type VerifyValues = Values<typeof flags>;
/** Most bytes of headers: a million of them. */
const HEADERS_LIMIT = 160_000_000;

export default door({
  summary: 'Verify a proof, .ots or taproot: these bytes existed before block H',
  description: `Compares the proof with its document (the file of its name without .ots or .proof.json, --document or --digest; without any of them it speaks of bytes that nobody has seen: exit 3) and with the header of the block that it names: of a node (--chain), in a chain of headers that is checked by itself (--headers, links, work, retargets and median times; of mainnet from the first block to one of 2024 or later, or from a block that you know: the first blocks of another chain cost little work), or a single one (--header, whose place in the chain nobody has checked: exit 3). A block's time may be two hours ahead and is later than the median of the eleven blocks before. A proof does not say who made the bytes, since when they exist, or that there is no other version. Where the block has fewer than six confirmations (in --headers: headers from it to the last), or only calendars attest, exit 3: no calendar is asked.`,
  examples: [
    'By a node of your own\nspillway notarize verify contract.pdf.ots --chain http://127.0.0.1:8332 --chain-cookie ~/.bitcoin/.cookie | jq -r .statement',
    'Without a network: headers from the first block on, 80 bytes each\nspillway notarize verify contract.pdf.ots --headers headers.bin | jq -r .statement',
  ],
  args: { file: arg('The proof, as bytes or in hex (default: stdin)') },
  flags,
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 76],
  run: async (flags, { file }) => {
    const proof = await readProof(file);
    const compared = await compareDigest(proof, file, flags);
    const { blocks, how } = await blocksFor(proof, flags);
    const found = stateProof(proof, blocks);
    const { block } = found;
    // A block near the tip may be taken back, and the proof with it.
    const isFinal = allows(OUTCOME_LIMITS.final, block?.confirmations ?? 0);
    const isChained = how === 'node' || how === 'chain-of-headers';
    const isProved = found.status === 'anchored' && isChained && compared === 'compared' && isFinal;
    process.exitCode = isProved ? 0 : 3;
    return {
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
  },
});

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
