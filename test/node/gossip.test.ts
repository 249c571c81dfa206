/**
 * Channels on Bitcoin Core: the output of an announcement is found by its short channel id, a proof of it is the bytes of
 * gettxoutproof, which verifytxoutproof takes, and a channel that is spent or elsewhere is not valid.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import GossipSpvProof from '../../src/commands/gossip/spv-proof.ts';
import GossipVerify from '../../src/commands/gossip/verify.ts';
import { addressOf } from '../../src/lib/bitcoin/address.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { command } from '../support/command.ts';
import { announcement, makeNetwork, scriptOf } from '../support/gossip.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();
const dir = mkdtempSync(join(tmpdir(), 'gossip-node-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

describe.skipIf(found?.kind !== 'bitcoind')('gossip on a node', () => {
  const network = makeNetwork(3, 3, 51);
  const script = scriptOf(announcement(network, network.channels[0]!));
  let node: TestNode;
  let chain: string[];
  let scid: string;
  let funding: { txid: string; vout: number };
  beforeAll(async () => {
    node = await TestNode.start(found!);
    // A block of several transactions, so that the tree has rows.
    const coins = [];
    for (let i = 0; i < 4; i++) coins.push(await node.ownCoin(50_000n));
    funding = await node.fund(addressOf(script, 'regtest')!, 1_000_000n);
    await node.mine();
    const { blockhash } = await node.rpc('getrawtransaction', funding.txid, true);
    const block = await node.rpc('getblock', blockhash, 1);
    scid = `${block.height}x${block.tx.indexOf(funding.txid)}x${funding.vout}`;
    chain = ['--chain', `http://127.0.0.1:${node.port}`, '--chain-cookie', node.cookie];
  });
  afterAll(() => node?.stop());

  it('an announcement stands on its output, and on no other place', async () => {
    const line = (at: string) =>
      file('line', `${bytesToHex(announcement(network, { ...network.channels[0]!, scid: at }))}\n`);
    expect(await command(GossipVerify, [...chain, line(scid)])).toMatchObject({ exit: 0 });
    const [height, index, vout] = scid.split('x').map(Number) as [number, number, number];
    for (const at of [
      `${height}x${index}x${vout + 1}`,
      `${height}x${index + 40}x${vout}`,
      `${height + 500}x${index}x${vout}`,
      `${height}x0x0`,
    ]) {
      const ended = await command(GossipVerify, [...chain, line(at)]);
      expect(ended.exit, at).toBe(76);
      expect(ended.stdout).toContain('output-differs');
    }
  });
  it('a proof is the bytes of gettxoutproof, and Core takes it', async () => {
    const made = await command(GossipSpvProof, ['make', '--channel', scid, ...chain]);
    const proof = JSON.parse(made.stdout);
    expect(proof.merkle_block).toBe(await node.rpc('gettxoutproof', [funding.txid]));
    expect(await node.rpc('verifytxoutproof', proof.merkle_block)).toEqual([funding.txid]);
    const message = file('channel.hex', bytesToHex(announcement(network, { ...network.channels[0]!, scid })));
    const verified = await command(GossipSpvProof, [
      'verify',
      '--require-anchor',
      '--announcement',
      message,
      ...chain,
      file('proof.json', made.stdout),
    ]);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      anchored: true,
      txid: funding.txid,
      amount_sat: 1_000_000,
      script,
      checks: {},
    });
  });
});
