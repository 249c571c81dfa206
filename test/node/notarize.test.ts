/** Documents stamped, the PSBT signed and sent, proved and verified on a real node. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDir, spillway } from '../cli/run.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();

describe.skipIf(found?.kind !== 'bitcoind')('notarize on a node', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(found!);
  });
  afterAll(() => node?.stop());

  it('proves documents by a transaction that another wallet signed, once it is deep enough', async () => {
    const dir = freshDir();
    const files = [1, 2, 3].map((n) => join(dir, `${n}.txt`));
    for (const file of files) writeFileSync(file, file);
    const env = { SPILLWAY_CHAIN: node.url };
    const coin = await node.ownCoin(100_000n);
    const [utxo, plan] = [join(dir, 'coins.json'), join(dir, 'plan.ndjson')];
    writeFileSync(utxo, JSON.stringify([coin]));
    const change = ['--utxo', utxo, '--change', coin.address];
    const stamped = await spillway(['notarize', 'stamp', ...files, '--network', 'regtest', ...change]);
    writeFileSync(plan, stamped.stdout);
    await node.rpc('sendrawtransaction', node.sign(JSON.parse(stamped.stdout.split('\n')[0]!).psbt).hex);
    const out = join(dir, 'proofs');
    mkdirSync(out);
    expect(await spillway(['notarize', 'prove', plan, '--out', out], { env })).toMatchObject({ code: 69, stdout: '' });
    await node.mine(6);
    expect(await spillway(['notarize', 'prove', plan, '--out', out], { env })).toMatchObject({ code: 0 });
    const argv = ['notarize', 'verify', join(out, '2.txt.ots'), '--document', files[1]!, '--network', 'regtest'];
    const verified = await spillway(argv, { env });
    expect([verified.code, JSON.parse(verified.stdout)]).toEqual([
      0,
      expect.objectContaining({ status: 'anchored', transaction: expect.stringMatching(/^[0-9a-f]{64}$/) }),
    ]);
    argv[4] = files[0]!;
    expect(await spillway(argv, { env })).toMatchObject({ code: 76, stdout: '' });
  });
});
