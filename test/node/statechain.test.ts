/**
 * Three owners of one statecoin on a real node: at each height only the right owner's backup confirms, a stale owner's comes
 * too late, and an owner who lets its window pass loses to the higher fee of the owner before, as `status` had said.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNode, TestNode } from './node.ts';
import { Pipes, type Printed } from './pipes.ts';
import { openCoin, transferCoin, type MadeCoin } from './statecoins.ts';

const found = findNode();
/** Ephemeral dust: a zero-fee parent with an anchor of 0 sat. */
const able = found?.kind === 'bitcoind' && found.major >= 29;
const POLICY = '--initial-lock 120 --step 20 --margin 3 --min-remaining 6';
const OWNERS = ['alice', 'bob', 'carol'] as const;

describe.skipIf(!able)('a statecoin on a chain', () => {
  let node: TestNode;
  let p: Pipes;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    p = new Pipes(node);
    for (const home of ['operator', ...OWNERS, 'tower']) await p.text(`spillway init --home ${home} --network regtest`);
  });
  afterAll(() => node?.stop());

  const open = (sat: number): Promise<MadeCoin> => openCoin(node, p, POLICY, sat);
  const transfer = (c: MadeCoin, from: string, to: string): Promise<Printed> => transferCoin(p, c, from, to);
  const exit = (home: string, id: string, feerate: number): string =>
    `spillway statechain-exit --home ${home} --contract ${id} --feerate ${feerate} --allow-fee | tee exit-${home}.json`;
  const status = (home: string, id: string): Promise<Printed> =>
    p.json(`spillway status --home ${home} --contract ${id}`);

  it('each backup is refused before its height, and the present owner alone confirms', async () => {
    const c = await open(500_000);
    await transfer(c, 'alice', 'bob');
    const owned = await transfer(c, 'bob', 'carol');
    expect(owned['checks']).toMatchObject({ coins: 'confirmed', tip: 'chain' });
    expect(owned['valid_from_height']).toBe(c.locktime - 40 + 1);
    // Alice and Bob keep what they had: here they are past owners who use it all the same.
    p.write('alice.json', p.read('ready.json'));
    await node.mineTo(c.locktime - 41);
    const early = await p.json(exit('carol', c.id, 5), 3);
    expect([early['verdict'], early['hex']]).toEqual(['early', undefined]);
    // Her package handed to the node one block early, with the height claimed.
    await p.json(
      `${exit('carol', c.id, 5)} --tip ${c.locktime - 40}`
        .replace(' | tee', ` --tip ${c.locktime - 40} | tee`)
        .replace(/ --tip \d+$/, ''),
    );
    await p.refused('spillway broadcast exit-carol.json', 77, 'not-final', 'node-refused');
    await node.mine();
    expect(await status('carol', c.id)).toMatchObject({ verdict: 'due', deadline_height: c.locktime - 20, owners: 3 });
    // At this height neither Bob's nor Alice's is final.
    for (const hex of [p.read('ready.json')['hex'], owned['backups'][1]])
      await expect(node.rpc('sendrawtransaction', hex)).rejects.toThrow(/non-final/);
    await p.json(exit('carol', c.id, 5));
    const { txids } = await p.json('spillway broadcast exit-carol.json');
    await node.mine();
    expect([await node.isMined(txids[0]), await node.isMined(txids[1])]).toEqual([true, true]);
    // A stale owner's comes too late.
    await node.mineTo(c.locktime - 20);
    await expect(node.rpc('sendrawtransaction', owned['backups'][1])).rejects.toThrow(/missing|spent/i);
    await node.mineTo(c.locktime);
    await expect(node.rpc('sendrawtransaction', owned['backups'][0])).rejects.toThrow(/missing|spent/i);
    expect(await status('carol', c.id)).toMatchObject({ verdict: 'done' });
    expect((await p.text(`spillway statechain-exit --home bob --contract ${c.id} 2>&1 || true`)).toString()).toMatch(
      /nothing-to-print|unknown-contract|pending/,
    );
  });

  it('unconfirmed after its window, it loses to the stale one by fee; status had warned', async () => {
    const c = await open(400_000);
    const owned = await transfer(c, 'alice', 'bob');
    await node.mineTo(c.locktime - 20);
    const warned = await status('bob', c.id);
    expect(warned).toMatchObject({ verdict: 'due', deadline_height: c.locktime });
    expect(warned['notes'].join()).toMatch(`not confirmed before ${c.locktime} can be replaced`);
    // A low fee, and nobody mines it: blocks without it until Alice's backup is final.
    await p.json(exit('bob', c.id, 3));
    const low = (await p.json('spillway broadcast exit-bob.json'))['txids'];
    const empty = async (): Promise<void> => void (await node.rpc('generateblock', 'raw(51)', []));
    while ((await node.height()) < c.locktime) await empty();
    expect(await status('bob', c.id)).toMatchObject({ verdict: 'pending', deadline_height: c.locktime });
    // Alice's home still has its backup, and a wallet that pays more.
    const parent = p.read('ready.json')['hex'];
    expect(owned['backups'][0]).toBe(parent);
    const left = await p.json(exit('alice', c.id, 50));
    expect(left['verdict']).toBe('pending');
    const stale = (await p.json('spillway broadcast exit-alice.json'))['txids'];
    await node.mine();
    expect([await node.isMined(stale[0]), await node.isMined(low[0])]).toEqual([true, false]);
  });

  it('a watchtower leaves for an owner with the bundle, paying from the anchor', async () => {
    const c = await open(300_000);
    await transfer(c, 'alice', 'bob');
    await p.json(`spillway statechain-exit --home bob --contract ${c.id} --bundle | tee bundle.json`);
    const raw = readFileSync(join(p.dir, 'bundle.json'), 'utf8');
    expect(raw).not.toMatch(/secret|mnemonic/);
    await node.mineTo(c.locktime - 20);
    const fee = await node.fund(await p.text('spillway address --home tower'), 90_000n);
    p.write('fee.json', [fee]);
    await node.mine();
    const change = await p.text('spillway address --home tower');
    const made = await p.json(
      `spillway bump --home tower --utxo fee.json --change ${change} --feerate 20 bundle.json | tee bump.json`,
    );
    expect(made['package']).toHaveLength(2);
    const { txids } = await p.json('spillway broadcast bump.json');
    await node.mine();
    expect([await node.isMined(txids[0]), await node.isMined(txids[1])]).toEqual([true, true]);
  });

  it('a withdrawal confirms at once, and the operator signs nothing more', async () => {
    const c = await open(200_000);
    await transfer(c, 'alice', 'bob');
    await p.json(`
      spillway statechain-withdraw --home bob --contract ${c.id} --feerate 3 \\
        | spillway statechain-withdraw --home operator \\
        | spillway statechain-withdraw --home bob | tee withdrawn.json`);
    await p.confirm('withdrawn.json');
    const audited = await p.json(`spillway statechain-audit --home operator --contract ${c.id}`);
    expect(audited['record']).toMatchObject({ state: 'closed', count: 3 });
    const checked = await p.json(`spillway statechain-verify --operator ${c.operator} <<<'${JSON.stringify(audited)}'`);
    expect(checked['findings'].map((f: Printed) => f['code']).sort()).toEqual([
      'coin-closed',
      'funding-missing',
      'sighash-unknown',
    ]);
  });
});
