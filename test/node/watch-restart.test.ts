/**
 * `watch` loops while Bitcoin Core goes down and comes back, as most people run it: no index of transactions, no wallet, a
 * cookie that changes at each start. Here its mempool is empty after a start too, so that what was sent must be sent again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { BIN, cleanEnv } from '../cli/run.ts';
import { pair, payMessages, type Pair } from '../support/credit.ts';
import { openOn, setTip } from './funded.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();
const SEED = 93;
const POLICY = { ...defaultPolicy('regtest'), min_blocks: 30, freeze_blocks: 20, margin_blocks: 10 };
const FEERATE = '9';

describe.skipIf(found?.kind !== 'bitcoind')('a node that restarts', () => {
  let node: TestNode;
  let both: Pair;
  const loops: ChildProcess[] = [];
  let paid: string;
  let unpaid: string;
  let expiry: number;

  /** A loop, and what it says until an event, of one contract or of the node. */
  function watch(...argv: string[]) {
    const chain = ['--chain', `http://127.0.0.1:${node.port}`, '--chain-cookie', node.cookie];
    const all = [BIN, 'watch', ...argv, ...chain, '--every', '1', '--confirmations', '3'];
    const seed = Buffer.alloc(32, SEED).toString('hex');
    const child = spawn(process.execPath, all, { env: cleanEnv({ SPILLWAY_INSECURE_SEED: seed }) });
    loops.push(child);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const until = async (contract: string | undefined, ...events: string[]): Promise<Record<string, any>> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`the loop ended before ${events.join(' or ')}`);
        const said = JSON.parse(value as string);
        expect(['refused', 'over-budget']).not.toContain(said.event);
        // The copy of a refund knows nothing of the payee's exit.
        if (said.event === 'spent-otherwise')
          expect([said.contract, said.role, argv[0]]).toEqual([paid, 'payer', '--bundle']);
        if (said.contract === contract && events.includes(said.event)) return said;
      }
    };
    return { child, until };
  }
  const mempool = (): Promise<string[]> => node.rpc('getrawmempool');

  beforeAll(async () => {
    node = await TestNode.start(found!, ['txindex=0', 'persistmempool=0', 'disablewallet=1']);
    both = await pair(SEED);
    expiry = (await node.height()) + 50;
    paid = await openOn(node, both, POLICY, expiry);
    unpaid = await openOn(node, both, POLICY, expiry);
    await node.mine();
    await setTip(node, both);
    await payMessages(both, paid, 60_000n);
  });
  afterAll(async () => {
    for (const child of loops) child.kill('SIGKILL');
    both?.close();
    await node?.stop();
  });

  it('what was sent is sent again, with its child, and settles; a refund that is mined with its child is found', async () => {
    const mint = watch('--home', both.payee.dir, '--feerate', FEERATE);
    const tower = watch('--bundle', `${both.payer.dir}.refunds`, '--feerate', '2');
    await node.mineTo(expiry - POLICY.margin_blocks);
    const exit = await mint.until(paid, 'exit');
    expect(exit).toMatchObject({ by: 'exit', feerate: FEERATE });
    expect((await mempool()).sort()).toEqual([exit['txid'], exit['child_txid']].sort());

    await node.goDown();
    await Promise.all([mint, tower].map(({ until }) => until(undefined, 'chain-unavailable', 'no-input')));
    await node.comeBack();
    const again = await mint.until(paid, 'rebroadcast');
    expect(again).toMatchObject({ txid: exit['txid'], feerate: FEERATE });
    expect((await mempool()).sort()).toEqual([exit['txid'], again['child_txid']].sort());
    await node.mine(3);
    expect(await mint.until(paid, 'settled')).toMatchObject({ by: 'exit', txid: exit['txid'] });

    await node.mineTo(expiry);
    const refund = await tower.until(unpaid, 'refund');
    expect(refund).toMatchObject({ by: 'refund' });
    const user = watch('--home', both.payer.dir, '--feerate', FEERATE);
    expect(await user.until(unpaid, 'bump')).toMatchObject({ txid: refund['txid'], feerate: FEERATE });
    // Its only output is spent in the same block, and no index knows it: found in the newest blocks.
    await node.mine(3);
    for (const loop of [user, tower])
      expect(await loop.until(unpaid, 'settled')).toMatchObject({ by: 'refund', txid: refund['txid'] });
    for (const { child } of [mint, tower, user]) {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
  });
});
