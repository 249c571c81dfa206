/** Proofs of channels: a block of mainnet, trees of every size, Core's own bytes, and nothing of a proof that can change. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import GossipSpvProof from '../../src/commands/gossip/spv-proof.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { merklePath } from '../../src/lib/bitcoin/block.ts';
import { hasWork, parseHeader } from '../../src/lib/bitcoin/header.ts';
import {
  readMerkleBlock,
  merklePathRoot,
  writeMerkleBlock,
  makeSpvProof,
  parseSpvProof,
  verifySpvProof,
  type SpvProof,
} from '../../src/lib/gossip/spv.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { blockOf, transaction } from '../support/blocks.ts';
import { command, refusedCommand } from '../support/command.ts';
import { announcement, makeNetwork, scriptOf } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';

// https://mempool.space/block-height/100000
const HEADER = hexToBytes(
  '0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f337221b4d4c86041b0f2b5710',
);
const TXIDS = [
  '8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87',
  'fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4',
  '6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4',
  'e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d',
].map((txid) => hexToBytes(txid).reverse());

describe('block 100000', () => {
  const siblings = merklePath(TXIDS, 1);
  it('has the path that its tree has', () => {
    expect(siblings.map(bytesToHex)).toEqual([
      '876dd0a3ef4a2816ffd1c12ab649825a958b0ff3bb3d6f3e1250f13ddbf0148c',
      '49aef42d78e3e9999c9e6ec9e1dddd6cb880bf3b076a03be1318ca789089308e',
    ]);
    const header = parseHeader(HEADER);
    expect(merklePathRoot(TXIDS[1]!, { index: 1, siblings, leaves: 4 })).toEqual(header.root);
    expect([hasWork(header), header.hash]).toEqual([
      true,
      '000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506',
    ]);
  });
  it('gives the MerkleBlock that gettxoutproof prints', () => {
    const made = bytesToHex(writeMerkleBlock(HEADER, TXIDS[1]!, { leaves: 4, index: 1, siblings }));
    const hashes = [TXIDS[0]!, TXIDS[1]!, siblings[1]!].map(bytesToHex).join('');
    expect(made).toBe(`${bytesToHex(HEADER)}0400000003${hashes}010b`);
    expect(readMerkleBlock(hexToBytes(made))).toEqual({
      header: HEADER,
      leaves: 4,
      index: 1,
      txid: TXIDS[1],
      siblings,
    });
  });
});

const network = makeNetwork(3, 3, 21);
const channel = { ...network.channels[0]!, scid: '700000x5x1' };
const SCRIPT = scriptOf(announcement(network, channel));
/** A block of so many transactions, the channel's at its place. */
const [height, index, vout] = channel.scid.split('x').map(Number) as [number, number, number];
const blockWith = (count: number, at: number): Uint8Array =>
  blockOf(
    Array.from({ length: count }, (_, i) =>
      transaction(
        i === 0 ? undefined : i,
        i === at ? [...Array.from({ length: vout }, () => '51'), SCRIPT] : ['0014'.padEnd(44, 'a')],
      ),
    ),
  );
const scidOf = (at: number): string => `${height}x${at}x${vout}`;
const anchorOf = ({ header }: SpvProof): string[] => [parseHeader(hexToBytes(header)).hash];

describe('a proof', () => {
  it('of every place in trees of every size up to 33 is made, written, read and verified', () => {
    for (let count = 2; count <= 33; count++) {
      const at = 1 + ((count * 7) % (count - 1));
      const proof = makeSpvProof(blockWith(count, at), scidOf(at));
      const read = parseSpvProof(new Fields(parseJson(printJson(proof))));
      const { merkle_block: block, ...rest } = proof;
      expect(read).toEqual(rest);
      expect(verifySpvProof(read, anchorOf(read))).toMatchObject({
        anchored: true,
        script: SCRIPT,
        amount_sat: 1_000_000n,
      });
      const { siblings, ...core } = readMerkleBlock(hexToBytes(block!));
      expect(core).toMatchObject({ index: at, leaves: count });
      expect(siblings.map(bytesToHex)).toEqual(proof.siblings);
    }
  });
  const proof = makeSpvProof(blockWith(11, 5), scidOf(5));
  const document = (more: object = {}): Fields => new Fields(parseJson(printJson({ ...proof, ...more })));
  it('says what it could not check', () => {
    expect(verifySpvProof(proof, [])).toMatchObject({
      anchored: false,
      checks: { anchor: 'not-checked', announcement: 'not-checked' },
    });
    const { coinbase: _, siblings: __, ...core } = proof;
    const bare = parseSpvProof(new Fields(parseJson(printJson(core))));
    expect(verifySpvProof(bare, anchorOf(bare))).toMatchObject({ anchored: true, checks: { coinbase: 'not-checked' } });
  });
  it('holds with no bit of its header, siblings or transactions turned', () => {
    const turned = (hex: string, bit: number): string => {
      const made = hexToBytes(hex);
      made[bit >> 3]! ^= 1 << (bit & 7);
      return bytesToHex(made);
    };
    const fails = (changed: SpvProof, what: string): void => {
      let taken = false;
      try {
        // The nonce and the like may be turned into another header of the same root: the anchor is another then.
        taken = verifySpvProof(changed, anchorOf(proof)).anchored;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      expect(taken, what).toBe(false);
    };
    for (let bit = 0; bit < 640; bit++) fails({ ...proof, header: turned(proof.header, bit) }, `header ${bit}`);
    for (let bit = 0; bit < 4 * proof.tx.length; bit++) fails({ ...proof, tx: turned(proof.tx, bit) }, `tx ${bit}`);
    proof.siblings.forEach((sibling, i) => {
      for (let bit = 0; bit < 256; bit++)
        fails({ ...proof, siblings: proof.siblings.with(i, turned(sibling, bit)) }, `sibling ${i} ${bit}`);
    });
    const coinbase = proof.coinbase!;
    for (let bit = 0; bit < 4 * coinbase.tx.length; bit++)
      fails({ ...proof, coinbase: { ...coinbase, tx: turned(coinbase.tx, bit) } }, `coinbase ${bit}`);
  });
  it('at another place, height, output or depth is refused', () => {
    const code = (more: Partial<SpvProof>): string => codeOf(() => verifySpvProof({ ...proof, ...more }, []));
    expect(code({ index: 4 })).toBe('merkle-differs');
    expect(code({ height: height + 1 })).toBe('merkle-differs');
    expect(code({ vout: 9, short_channel_id: `${height}x5x9` })).toBe('output-differs');
    expect(code({ siblings: proof.siblings.slice(1) })).toBe('merkle-differs');
    expect(code({ tx_count: 30 })).toBe('merkle-differs');
    expect(code({ coinbase: { tx: proof.tx, siblings: proof.siblings } })).toBe('merkle-differs');
    expect(code({ coinbase: { ...proof.coinbase!, siblings: [] } })).toBe('merkle-differs');
  });
  it('that doubles a hash where none is doubled is refused (CVE-2012-2459)', () => {
    const [leaf] = TXIDS;
    const twice = merklePath([leaf!, leaf!], 0);
    expect(merklePathRoot(leaf!, { index: 0, siblings: twice, leaves: 2 })).toBeUndefined();
    const last = merklePath([leaf!, TXIDS[1]!, leaf!], 2);
    expect(merklePathRoot(leaf!, { index: 2, siblings: last, leaves: 3 })).toBeDefined();
  });
  it('of a header without work is refused', () => {
    for (const bits of ['ffff0f1c', 'ffff7f22']) {
      const header = `${proof.header.slice(0, 144)}${bits}${proof.header.slice(152)}`;
      expect(codeOf(() => verifySpvProof({ ...proof, header }, []))).toBe('work-missing');
    }
    expect(codeOf(() => verifySpvProof({ ...proof, header: proof.header.slice(2) }, []))).toBe('malformed-spv');
  });
  it('is compared with the announcement', () => {
    const own = makeSpvProof(blockWith(Math.max(12, index + 1), index), channel.scid);
    expect(verifySpvProof(own, [], announcement(network, channel)).checks).toEqual({ anchor: 'not-checked' });
    expect(
      codeOf(() => verifySpvProof(makeSpvProof(blockWith(11, 6), scidOf(6)), [], announcement(network, channel))),
    ).toBe('output-differs');
    const forged = announcement(network, channel);
    forged[70]! ^= 1;
    expect(codeOf(() => verifySpvProof(own, [], forged))).toBe('signature-invalid');
    const other = { ...channel, bitcoin: [1, 2] as [number, number] };
    expect(codeOf(() => verifySpvProof(own, [], announcement(network, other)))).toBe('output-differs');
  });
  it('that is malformed, or of a block without the output, is refused', () => {
    expect(codeOf(() => parseSpvProof(document({ siblings: ['xx'] })))).toBe('malformed-message');
    expect(codeOf(() => makeSpvProof(blockWith(5, 2), scidOf(9)))).toBe('malformed-spv');
  });
});

describe('gossip spv-proof', () => {
  const dir = mkdtempSync(join(tmpdir(), 'spv-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const block = blockWith(Math.max(12, index + 1), index);
  it('makes and verifies, and asks for an anchor', async () => {
    const made = await command(GossipSpvProof, [
      'make',
      '--channel',
      channel.scid,
      '--block',
      file('block.hex', bytesToHex(block)),
    ]);
    const proof = file('proof.json', made.stdout);
    const message = file('channel.hex', bytesToHex(announcement(network, channel)));
    const verified = await command(GossipSpvProof, ['verify', '--announcement', message, proof]);
    expect(JSON.parse(verified.stdout)).toMatchObject({ type: 'spv-verified', anchored: false });
    await refusedCommand(GossipSpvProof, ['verify', '--require-anchor', proof], 'spv-unanchored');
    const { block_hash: hash } = JSON.parse(verified.stdout);
    const headers = file('headers.hex', `${bytesToHex(HEADER)}\n${bytesToHex(block.subarray(0, 80))}\n`);
    for (const anchor of [
      ['--header-hash', hash],
      ['--headers', headers],
    ])
      expect(
        JSON.parse((await command(GossipSpvProof, ['verify', '--require-anchor', ...anchor, proof])).stdout),
      ).toMatchObject({ anchored: true });
    await refusedCommand(GossipSpvProof, ['make', '--channel', channel.scid], 'usage');
    await refusedCommand(GossipSpvProof, ['make', '--channel', '1x2', '--block', file('block.hex', 'zz')], 'usage');
    await refusedCommand(
      GossipSpvProof,
      ['make', '--channel', channel.scid, '--block', file('odd.hex', 'zz')],
      'malformed-spv',
    );
  });
});
