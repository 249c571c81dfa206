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

  it('is paid by a home, and a taproot commitment is proved and its coin spent, by record and by proof', async () => {
    const dir = freshDir();
    const env = { SPILLWAY_CHAIN: node.url, SPILLWAY_HOME: join(dir, 'home') };
    const run = async (...argv: string[]) => {
      const { code, stdout, stderr } = await spillway(argv, { env });
      if (code !== 0) throw new Error(`${argv.join(' ')}: ${code} ${stderr}`);
      return stdout;
    };
    const at = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const head = (text: string) => JSON.parse(text.split('\n')[0]!);
    const document = at('a.txt', 'a');
    await run('init', '--network', 'regtest');
    const fund = async (sat: bigint): Promise<string> => {
      await node.fund((await run('address')).trim(), sat);
      return at('coins.json', await run('coins'));
    };
    const plain = await run('notarize', 'stamp', document, '--utxo', await fund(100_000n));
    // Its coin is reserved: no other payment takes it.
    expect(JSON.parse(await run('coins'))).toEqual([]);
    await run('broadcast', at('head.json', plain.split('\n')[0]!));
    await node.mine(6);
    const proved = join(dir, 'proofs');
    mkdirSync(proved);
    await run('notarize', 'prove', at('plan.ndjson', plain), '--out', proved);
    await run('notarize', 'verify', join(proved, 'a.txt.ots'), '--document', document, '--network', 'regtest');

    const commit = ['--commit', 'taproot', '--amount', '30000'];
    const bound = await run('notarize', 'stamp', document, '--utxo', await fund(100_000n), ...commit);
    const { root, txid, script } = head(bound);
    await run('broadcast', at('head.json', bound.split('\n')[0]!));
    expect((await spillway(['notarize', 'spend', '--contract', root], { env })).code).toBe(69);
    await node.mine(6);
    await run('notarize', 'prove', at('plan.ndjson', bound), '--out', proved);
    const proof = join(proved, 'a.txt.proof.json');
    const argv = ['notarize', 'verify', proof, '--document', document, '--network', 'regtest'];
    expect(JSON.parse(await run(...argv))).toMatchObject({ status: 'anchored', transaction: txid });
    const [byRecord, byProof] = [
      await run('notarize', 'spend', '--contract', root),
      await run('notarize', 'spend', proof),
    ];
    expect([head(byRecord).coin, head(byProof).script]).toEqual([head(byProof).coin, script]);
    await run('broadcast', at('spend.json', byProof));
    await node.mine(1);
    expect(await spillway(['notarize', 'spend', proof], { env })).toMatchObject({ code: 69 });
    const sats = JSON.parse(await run('coins')).map(({ amount }: { amount: number }) => Math.round(amount * 1e8));
    expect(sats).toContain(30_000 - head(byProof).fee_sat);
    const [line] = (await run('status'))
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
      .filter(({ contract }) => contract === root);
    expect(line.verdict).toBe('spent');
  });
});
