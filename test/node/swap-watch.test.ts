/**
 * Two sides of a swap of whom the responder does nothing but `watch --once`, on a real node: the preimage read off the mempool
 * and off a block a week later, a claim against the other side's refund, a reorganisation of six blocks, a fee spike, and a
 * node that is gone at the deadline. Bitcoin Core judges what is relayed and replaced.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNode, TestNode } from './node.ts';
import { Pipes, type Printed } from './pipes.ts';

const found = findNode();
const [GIVE, WANT] = [200_000, 180_000];
const BUDGET = 60_000;

describe.skipIf(found?.kind !== 'bitcoind')('swaps that are watched', () => {
  let node: TestNode;
  let p: Pipes;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    p = new Pipes(node);
    for (const home of ['alice', 'bob']) await p.text(`spillway init --home ${home} --network regtest`);
  });
  afterAll(() => node?.stop());

  interface Scene {
    hash: string;
    first: number;
    second: number;
    /** Claim of the initiator, which was not sent. */
    claim: string;
  }
  let scenes = 0;
  /** Both have paid; Alice has made her claim. */
  async function scene(): Promise<Scene> {
    scenes += 1;
    for (const [home, sat] of [
      ['alice', GIVE],
      ['bob', WANT],
    ] as const)
      p.write(`${home}.json`, [
        await node.fund(await p.text(`spillway address --home ${home}`), BigInt(sat) + 20_000n),
      ]);
    await p.json(`
      spillway htlc swap --home alice --as initiator --give ${GIVE} --want ${WANT} --expires +72 --margin 6 \\
        | spillway htlc swap --home bob --want ${GIVE} --amount ${WANT} --expires +36 --margin 6 \\
        | spillway htlc swap --home alice --utxo alice.json | tee funded.json`);
    await p.confirm('funded.json');
    await p.json('spillway htlc swap --home bob --utxo bob.json funded.json | tee matched.json');
    await p.confirm('matched.json');
    const claimed = await p.json('spillway htlc swap --home alice matched.json --feerate 2 | tee claimed.json');
    const { offer, answer, hex } = claimed;
    return { hash: offer.hash, first: offer.expiry, second: answer.expiry, claim: hex };
  }
  async function watch(home: string, c: Scene, feerate: number, code: number, more = ''): Promise<Printed[]> {
    const ran = await p.run(
      `spillway watch --home ${home} --contract ${c.hash} --once --feerate ${feerate} --fee-budget ${BUDGET} ${more}`,
    );
    expect(ran, ran.stderr).toMatchObject({ code });
    return ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Printed]));
  }
  const events = (printed: readonly Printed[]) => printed.map(({ event }) => event as string);
  const send = (c: Scene): Promise<string> => node.rpc('sendrawtransaction', c.claim);
  const paid = async (txid: string): Promise<bigint> => (await node.tx(txid)).outputs[0]!.sat;
  const empty = async (): Promise<void> => void (await node.rpc('generateblock', 'raw(51)', []));

  it('the preimage is read off the mempool, and the claim is final after six blocks', async () => {
    const c = await scene();
    expect(await watch('bob', c, 2, 0)).toEqual([]);
    await send(c);
    const [sent] = await watch('bob', c, 2, 0);
    expect(sent).toMatchObject({ event: 'claim', role: 'responder' });
    expect(events(await watch('alice', c, 2, 0))).toEqual(['in-mempool']);
    await node.mine(6);
    expect(await watch('bob', c, 2, 0)).toMatchObject([{ event: 'settled', by: 'claim', txid: sent!['txid'] }]);
    expect(await watch('alice', c, 2, 0)).toMatchObject([{ event: 'settled', by: 'claim' }]);
    expect(await p.json(`spillway status --home bob --contract ${c.hash}`)).toMatchObject({ verdict: 'settled' });
    expect(await watch('bob', c, 2, 0)).toEqual([]);
  });
  it('a responder asleep for days claims off a block; a spike to 300 sat/vB is paid within the budget', async () => {
    const c = await scene();
    await send(c);
    await node.mine(1);
    await node.mineTo(c.first - 3);
    const [sent] = await watch('bob', c, 2, 0);
    expect(sent).toMatchObject({ event: 'claim' });
    await empty();
    const [bumped] = await watch('bob', c, 300, 0);
    expect(bumped).toMatchObject({ event: 'bump', by: 'claim' });
    expect(await node.rpc('getrawmempool')).toEqual([bumped!['txid']]);
    await node.mine(6);
    expect(events(await watch('bob', c, 2, 0))).toEqual(['settled']);
    expect(await paid(bumped!['txid'] as string)).toBeGreaterThanOrEqual(BigInt(GIVE - BUDGET));
    await watch('alice', c, 2, 0);
  });
  it('a claim takes the place of the refund of the other side, with the node gone at the deadline', async () => {
    const c = await scene();
    await send(c);
    await node.mine(1);
    await node.mineTo(c.first);
    p.write('htlc.json', p.read('claimed.json')['htlcs'].first);
    const { txid, vout } = p.read('claimed.json')['first'] as { txid: string; vout: number };
    await p.json(
      `spillway htlc refund --home alice --utxo ${txid}:${vout}:${GIVE} --feerate 20 htlc.json | tee refund.json`,
    );
    const back = (await p.json('spillway broadcast refund.json'))['txids'][0] as string;
    await node.goDown();
    await watch('bob', c, 2, 69);
    await node.comeBack();
    if (!(await node.rpc('getrawmempool')).includes(back)) await p.json('spillway broadcast refund.json');
    const raced = await watch('bob', c, 2, 3);
    expect(events(raced), JSON.stringify(raced)).toEqual(['overtaken', 'claim']);
    expect(await node.rpc('getrawmempool')).not.toContain(back);
    await node.mine(6);
    expect(await watch('bob', c, 2, 0)).toMatchObject([{ event: 'settled', by: 'claim' }]);
  });
  it('six blocks that never were change nothing', async () => {
    const c = await scene();
    await send(c);
    await node.mine(1);
    const [sent] = await watch('bob', c, 2, 0);
    await node.mine(6);
    expect(events(await watch('bob', c, 2, 0, '--confirmations 7'))).toEqual(['confirming']);
    await node.rpc('invalidateblock', await node.rpc('getblockhash', (await node.height()) - 5));
    for (let n = 0; n < 7; n++) await empty();
    expect(await node.isMined(sent!['txid'] as string)).toBe(false);
    expect(['rebroadcast', 'in-mempool']).toContain(events(await watch('bob', c, 2, 0))[0]);
    await node.mine(7);
    expect(events(await watch('bob', c, 2, 0))).toEqual(['settled']);
    await watch('alice', c, 2, 0);
  });
  it('what nobody has claimed comes back at its expiry, on both sides', async () => {
    const c = await scene();
    await node.mineTo(c.second - 1);
    expect(await watch('bob', c, 2, 0)).toEqual([]);
    await node.mine(1);
    expect(events(await watch('bob', c, 2, 0))).toEqual(['refund']);
    await node.mine(6);
    expect(await watch('bob', c, 2, 0)).toMatchObject([{ event: 'settled', by: 'refund' }]);
    // Her claim came to nothing, and its preimage was in no mempool.
    await node.mineTo(c.first);
    expect(events(await watch('alice', c, 2, 0))).toEqual(['refund']);
    await node.mine(6);
    expect(await watch('alice', c, 2, 0)).toMatchObject([{ event: 'settled', by: 'refund' }]);
  });
});
