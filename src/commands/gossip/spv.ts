/** Blocks that proofs are made of, and the blocks that a verifier knows. Not here: proofs themselves (`gossip/spv.ts`). */
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { parseHeader } from '../../lib/bitcoin/header.ts';
import { hexLine } from '../../lib/gossip/dump.ts';
import { makeSpvProof, type SpvProof } from '../../lib/gossip/spv.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { scidBytes, scidParts, scidText } from '../../lib/wire/fields.ts';
import { rpcOf, type ChainValues } from '../../lib/cli/chain.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';

/** Most bytes of a block in hex: four megabytes and a line end. */
const BLOCK_LIMIT = 8_000_100;
/** Most bytes of known headers: a million of them. */
const HEADERS_LIMIT = 162_000_000;

type MakeValues = ChainValues & { channel?: string | undefined; block?: string | undefined };
/** Makes the proof of a channel that flags name. @throws Refusal `usage`, `malformed-spv`, `chain-unavailable`, `no-input` */
export async function proofOfChannel({ channel = '', block, ...chain }: MakeValues): Promise<SpvProof> {
  const bytes = scidBytes(channel);
  if (!bytes) throw new Refusal('usage', '--channel: a short channel id like 700000x5x1 expected');
  const scid = scidText(bytes);
  const rpc = await rpcOf(chain);
  const hex =
    block === undefined
      ? await rpc?.blockHex(await rpc.blockHash(scidParts(scid)[0]))
      : await textOf(block, BLOCK_LIMIT);
  if (hex === undefined) throw new Refusal('usage', 'no block found: give --block FILE or --chain URL');
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(hex)) throw new Refusal('malformed-spv', 'a block found that is not hex');
  return makeSpvProof(hexToBytes(hex), scid);
}
const textOf = async (file: string, limit: number): Promise<string> => utf8(await readInput(file, limit)).trim();

type AnchorValues = ChainValues & { headerHash?: string | undefined; headers?: string | undefined };
/** Returns hashes of blocks that the verifier knows for the best chain's. @throws Refusal `malformed-spv`, `chain-unavailable` */
export async function spvAnchors({ headerHash, headers, ...chain }: AnchorValues, height: number): Promise<string[]> {
  const known = headerHash === undefined ? [] : [headerHash.toLowerCase()];
  for (const line of headers === undefined ? [] : (await textOf(headers, HEADERS_LIMIT)).split('\n'))
    if (line.trim() !== '') known.push(parseHeader(hexLine(line), 'malformed-spv').hash);
  const rpc = await rpcOf(chain);
  if (rpc && height <= (await rpc.blockchainInfo()).blocks) known.push(await rpc.blockHash(height));
  return known;
}
