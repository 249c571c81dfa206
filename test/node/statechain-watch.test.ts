/**
 * Owners of statecoins that do nothing but `watch --once`, on a real node: an exit that is stuck and raced by the backup of the
 * owner before, a reorganisation of six blocks, a fee spike, a node that is gone at the deadline, and homes that were put back.
 * Bitcoin Core judges what is relayed and replaced; blocks take only what the scene says. Nobody loses more than its budget.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNode, satOf, TestNode } from './node.ts';
import { Pipes, type Printed } from './pipes.ts';
import { openCoin, transferCoin } from './statecoins.ts';

const found = findNode();
/** Ephemeral dust: a parent without a fee, and an anchor of 0 sat. */
const able = found?.kind === 'bitcoind' && found.major >= 29;
const POLICY = '--initial-lock 90 --step 20 --margin 3 --min-remaining 6';
const SAT = 400_000;
/** The most that a child may pay. */
const BUDGET = 120_000;

describe.skipIf(!able)('owners of statecoins that watch', () => {
  let node: TestNode;
  let p: Pipes;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    p = new Pipes(node);
    for (const home of ['operator', 'alice', 'bob', 'carol'])
      await p.text(`spillway init --home ${home} --network regtest`);
  });
  afterAll(() => node?.stop());

  interface Scene {
    id: string;
    operator: string;
    /** Height from which the backup of the owner before is final, and that of the owner. */
    former: number;
    own: number;
  }
  /** A coin that Alice has opened, and handed to Bob. She keeps no receipt: her home exits as a past owner's would. */
  async function bobs(): Promise<Scene> {
    const made = await openCoin(node, p, POLICY, SAT);
    await transferCoin(p, made, 'alice', 'bob');
    return { id: made.id, operator: made.operator, former: made.locktime, own: made.locktime - 20 };
  }
  /** A past owner leaves with what it kept. */
  async function steal(home: string, c: Scene, feerate: number): Promise<string> {
    await p.json(
      `spillway statechain-exit --home ${home} --contract ${c.id} --feerate ${feerate} --allow-fee | tee steal.json`,
    );
    return (await p.json('spillway broadcast steal.json'))['txids'][0];
  }
  const empty = async (): Promise<void> => void (await node.rpc('generateblock', 'raw(51)', []));
  async function emptyTo(height: number): Promise<void> {
    while ((await node.height()) < height) await empty();
  }
  /** One look. @returns its events */
  async function watch(
    home: string,
    c: Scene,
    feerate: number,
    code: number,
    more = `--fee-budget ${BUDGET}`,
  ): Promise<Printed[]> {
    const ran = await p.run(`spillway watch --home ${home} --contract ${c.id} --once --feerate ${feerate} ${more}`);
    expect(ran, ran.stderr).toMatchObject({ code });
    return ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Printed]));
  }
  const about = (events: readonly Printed[], c: Scene) =>
    events.filter(({ contract }) => contract === c.id).map(({ event }) => event as string);
  const status = (home: string, c: Scene, code = 0): Promise<Printed> =>
    p.json(`spillway status --home ${home} --contract ${c.id}`, code);
  /** Sum that transaction and child have left of the coin, paid to the home of the owner. */
  async function left(home: string, txid: string): Promise<bigint> {
    const { outputs } = await node.tx(txid);
    const payout = outputs.findIndex(({ sat }) => sat > 0n);
    const unspent = await node.rpc('gettxout', txid, payout);
    if (unspent !== null) return outputs[payout]!.sat;
    const coins = JSON.parse(await p.text(`spillway coins --home ${home}`)) as Printed[];
    const child = (await Promise.all(coins.map(async (coin) => [coin, await node.tx(coin['txid'])] as const))).find(
      ([, tx]) => tx.inputs.some((input) => input.txid === txid),
    )!;
    return satOf(child[0]['amount'] as number);
  }

  it('an exit that is stuck is raced by the owner before, and gets its place back', async () => {
    const c = await bobs();
    await node.mineTo(c.own - 1);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual([]);
    await node.mine();
    const [sent] = await watch('bob', c, 2, 0);
    expect(sent).toMatchObject({ event: 'exit', contract: c.id, role: 'owner' });
    const own = sent!['txid'] as string;
    // It is passed on no more, and blocks leave it out until the owner before can take the coin.
    expect((await status('bob', c))['notes'].join()).toContain('its exit was sent');
    await emptyTo(c.former);
    const theirs = await steal('alice', c, 60);
    expect(await node.rpc('getrawmempool')).not.toContain(own);
    const fought = about(await watch('bob', c, 2, 3), c);
    expect(fought).toEqual(['overtaken', 'rebroadcast']);
    expect(await node.rpc('getrawmempool')).not.toContain(theirs);
    await node.mine();
    expect(await node.isMined(own)).toBe(true);
    await node.mine(5);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['settled']);
    expect(await left('bob', own)).toBeGreaterThanOrEqual(BigInt(SAT - BUDGET));
    expect(about(await watch('bob', c, 2, 0), c)).toEqual([]);
    // The operator is told, and its record and share end.
    expect(about(await watch('operator', c, 2, 0), c)).toEqual(['settled']);
    expect((await status('operator', c))['state']).toBe('closed');
    expect(await status('bob', c)).toMatchObject({ state: 'closed', verdict: 'done' });
  });

  it('a fee spike to 300 sat/vB is paid as far as the budget reaches, and else said', async () => {
    const c = await bobs();
    await node.mineTo(c.own);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['exit']);
    await empty();
    expect(about(await watch('bob', c, 300, 0), c)).toEqual(['bump']);
    const { txid } = JSON.parse(
      (await p.text(`spillway statechain-exit --home bob --contract ${c.id}`)).trim(),
    ) as Printed;
    const entry = await node.rpc('getmempoolentry', txid as string);
    expect((entry.fees.descendant * 1e8) / entry.descendantsize).toBeGreaterThanOrEqual(300);
    await empty();
    // Of what is too dear it is told what it takes; nothing is given up.
    expect(about(await watch('bob', c, 900, 0), c)).toEqual(['bump']);
    const short = await watch('bob', c, 900, 3);
    expect(short.at(-1)).toMatchObject({ event: 'over-budget', contract: c.id, deadline_height: c.former });
    await node.mine(6);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['settled']);
    expect(await left('bob', txid as string)).toBeGreaterThanOrEqual(BigInt(SAT - BUDGET));
  });

  it('six blocks that never were change nothing, and neither does a node that is gone at the deadline', async () => {
    const c = await bobs();
    await node.mineTo(c.own);
    await node.goDown();
    await watch('bob', c, 2, 69);
    await node.comeBack();
    const [sent] = await watch('bob', c, 2, 0);
    expect(sent).toMatchObject({ event: 'exit', contract: c.id });
    const own = sent!['txid'] as string;
    await node.mine(6);
    expect(about(await watch('bob', c, 2, 0, '--confirmations 7'), c)).toEqual(['confirming']);
    const first = await node.rpc('getblockhash', (await node.height()) - 5);
    await node.rpc('invalidateblock', first);
    for (let n = 0; n < 7; n++) await empty();
    expect(await node.isMined(own)).toBe(false);
    expect(['rebroadcast', 'in-mempool']).toContain(about(await watch('bob', c, 2, 0), c)[0]);
    await node.mine(7);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['settled']);
    expect(await node.isMined(own)).toBe(true);
  });

  it('a withdrawal that hangs is helped against the owner before', async () => {
    const c = await bobs();
    await p.json(`
      spillway statechain-withdraw --home bob --contract ${c.id} --feerate 2 \\
        | spillway statechain-withdraw --home operator \\
        | spillway statechain-withdraw --home bob | tee withdrawn.json`);
    const own = p.read('withdrawn.json')['txid'] as string;
    // Whoever has asked for it need not send it.
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['rebroadcast']);
    expect(await node.rpc('getrawmempool')).toContain(own);
    await emptyTo(c.former);
    const theirs = await steal('alice', c, 60);
    expect(await node.rpc('getrawmempool')).toContain(theirs);
    expect(about(await watch('bob', c, 2, 3), c)).toEqual(['overtaken', 'rebroadcast']);
    await node.mine();
    expect(await node.isMined(own)).toBe(true);
    await node.mine(5);
    expect(await watch('bob', c, 2, 0)).toMatchObject([{ event: 'settled', by: 'withdrawal', txid: own }]);
    expect(await left('bob', own)).toBeGreaterThanOrEqual(BigInt(SAT - BUDGET - 2_000));
  });

  it('one whose budget is too small is told what is lost, and loses the coin to no surprise', async () => {
    const c = await bobs();
    await emptyTo(c.former);
    const theirs = await steal('alice', c, 60);
    const told = await watch('bob', c, 2, 3, '--fee-budget 1000');
    expect(told).toMatchObject([
      { event: 'overtaken', by: 'former-owner', txid: theirs, short_sat: SAT },
      { event: 'over-budget', contract: c.id },
    ]);
    await node.mine(6);
    const lost = await watch('bob', c, 2, 3);
    expect(lost).toMatchObject([{ event: 'lost', by: 'former-owner', txid: theirs, lost_sat: SAT }]);
    expect(await status('bob', c, 3)).toMatchObject({ verdict: 'lost', state: 'closed' });
  });

  it('a home that was put back, or copied, sends no backup of a coin that it has given away', async () => {
    const c = await bobs();
    await p.text(`spillway backup --home bob --to before > before.json; cp -r bob copied`);
    await transferCoin(p, c, 'bob', 'carol');
    await p.text('spillway restore --home again --from before');
    const [own, hers] = [c.own, c.own - 20];
    await node.mineTo(hers);
    for (const home of ['again', 'copied']) expect(about(await watch(home, c, 2, 3), c), home).toEqual(['restored']);
    // Bob himself has no receipt: he waits, and is told so.
    expect(about(await watch('bob', c, 2, 3), c)).toEqual(['in-transfer']);
    await node.mineTo(own);
    for (const home of ['again', 'copied', 'bob']) await watch(home, c, 2, 3);
    expect(await node.rpc('getrawmempool')).toEqual([]);
    const [sent] = await watch('carol', c, 2, 0);
    expect(sent).toMatchObject({ event: 'exit', contract: c.id });
    for (const home of ['again', 'copied']) expect(about(await watch(home, c, 90, 3), c)).toEqual(['spent-otherwise']);
    expect(about(await watch('bob', c, 90, 0), c)).toEqual(['in-mempool']);
    await node.mine(6);
    expect(await node.isMined(sent!['txid'] as string)).toBe(true);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['settled']);
    expect(about(await watch('carol', c, 2, 0), c)).toEqual(['settled']);
  });

  it('a tower with a bundle asks for a child, and pays with none; with a coin of its own it leaves for the owner', async () => {
    const c = await bobs();
    await p.text(`spillway statechain-exit --home bob --contract ${c.id} --bundle > bundle.json`);
    expect(readFileSync(join(p.dir, 'bundle.json'), 'utf8')).not.toMatch(/secret|mnemonic/);
    const tower = async (code: number): Promise<Printed[]> => {
      const ran = await p.run('spillway watch --bundle bundle.json --once --feerate 10');
      expect(ran, ran.stderr).toMatchObject({ code });
      return ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Printed]));
    };
    expect(await tower(0)).toEqual([]);
    await node.mineTo(c.own);
    expect(await tower(3)).toMatchObject([{ event: 'needs-bump', contract: c.id, deadline_height: c.former }]);
    const fee = await node.fund(await p.text('spillway address --home carol'), 90_000n);
    p.write('fee.json', [fee]);
    const change = await p.text('spillway address --home carol');
    await p.text(`spillway bump --home carol --utxo fee.json --change ${change} --feerate 20 bundle.json > bump.json`);
    const { txids } = await p.json('spillway broadcast bump.json');
    await node.mine(6);
    expect(await node.isMined(txids[0])).toBe(true);
    expect(await tower(0)).toMatchObject([{ event: 'settled', by: 'exit' }]);
    expect(about(await watch('bob', c, 2, 0), c)).toEqual(['settled']);
  });
});
