/**
 * The credit contract's life on a real chain, by pipelines alone. What each step refuses is proved elsewhere; here a node
 * has the last word: which transaction it takes, when, and what every party has at the end.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNode, TestNode } from './node.ts';
import { Pipes, POLICY } from './pipes.ts';

const found = findNode();

describe.skipIf(!found)('the credit contract on a chain', () => {
  let node: TestNode;
  let p: Pipes;
  /** What the mint has earned by transactions that were mined, less what it paid for a child. */
  let earned = 0n;

  beforeAll(async () => {
    node = await TestNode.start(found!);
    p = new Pipes(node);
    await p.homes();
  });
  afterAll(() => node?.stop());

  const exit = (home: string, id: string, flags = '') =>
    `spillway exit-credit --home ${home} --contract ${id} ${flags}`;
  const close = (home: string, feerate: number, id: string) =>
    `spillway close-credit --home ${home} --contract ${id} --feerate ${feerate}`;

  describe('a month', () => {
    let id: string;
    let next: string;
    let nextExpiry: number;

    it('opens, and is paid over only once the funding is confirmed', async () => {
      await p.giveCoin(1_500_000n);
      const ready = await p.json('open 1200000 +60 | tee ready.json');
      ({ id } = ready['contract']);
      const ask = `spillway sign-update --home mint --contract ${id} --amount 2100`;
      await p.refused(ask, 69, 'funding-missing');
      const { txid, txids } = await p.json('spillway broadcast ready.json');
      expect([txid, txids]).toEqual([ready['txid'], [ready['contract'].outpoint.txid]]);
      await p.refused(ask, 69, 'funding-unconfirmed');
      expect((await p.json('spillway broadcast ready.json'))['txid']).toBe(txid); // sent twice is sent once
      await node.mine();
      expect((await p.pay(id, 2_100))['checks']).toMatchObject({ funding: 'confirmed', tip: 'chain' });
      expect((await p.json('spillway broadcast ready.json'))['txid']).toBe(txid); // and in a block it is there too
    });

    it('takes payments', async () => {
      expect((await p.pay(id, 50_000))['paid_sat']).toBe(52_100);
      expect((await p.pay(id, 1))['paid_sat']).toBe(52_101);
      expect(await p.json(exit('mint', id, '--export'))).toMatchObject({ kind: 'exit', amount_sat: 52_101 });
    });

    it('survives a reorganisation of its funding', async () => {
      const { blockhash } = await node.rpc('getrawtransaction', p.read('ready.json')['txid'], 1);
      await node.rpc('invalidateblock', blockhash);
      const ask = `spillway sign-update --home mint --contract ${id} --amount 900`;
      await p.refused(ask, 69, 'funding-missing', 'funding-unconfirmed');
      await node.rpc('reconsiderblock', blockhash);
      expect((await p.pay(id, 900))['paid_sat']).toBe(53_001);
    });

    it('rolls over with new coins', async () => {
      await p.giveCoin(1_000_000n);
      const rolled = await p.json(`
        spillway rollover --home mint --contract ${id} ${POLICY} \\
          | spillway rollover --home user --amount 1900000 --expires +90 --utxo coins.json \\
          | spillway rollover --home mint \\
          | spillway rollover --home user \\
          | spillway rollover --home mint | tee rolled.json`);
      ({ id: next, expiry: nextExpiry } = rolled['next_contract']);
      await p.refused(`spillway sign-update --home mint --contract ${id} --amount 900`, 75, 'wrong-state');
      await p.refused(`spillway sign-update --home mint --contract ${next} --amount 900`, 69, 'funding-missing');
      expect(await p.confirm('rolled.json')).toBe(rolled['txid']);
      earned += 53_001n;
    });

    it("ends in the mint's exit, which any node takes at once", async () => {
      await p.pay(next, 30_000);
      await p.pay(next, 4_000);
      await p.json(`${exit('mint', next)} | tee exit.json`);
      expect(p.read('exit.json')).toMatchObject({ amount_sat: 34_000, valid_from_height: null, verdict: 'early' });
      await p.confirm('exit.json');
      earned += 34_000n;
    });

    it('leaves a refund that is worth nothing any more', async () => {
      expect(await p.json(exit('user', next), 3)).toMatchObject({ verdict: 'pending' });
      await node.mineTo(nextExpiry);
      expect(await p.json(`${exit('user', next)} | tee refund.json`)).toMatchObject({ verdict: 'done' });
      await p.refused('spillway broadcast refund.json', 75, 'inputs-spent');
    });
  });

  it('the refund is refused one block early and taken on time', async () => {
    const { id, expiry } = await p.open(400_000, '+30');
    await p.pay(id, 40_000); // the mint keeps this exit and never uses it
    await node.mineTo(expiry - 1);
    const early = await p.json(exit('user', id), 3);
    expect(early).toMatchObject({ kind: 'refund', verdict: 'early', valid_from_height: expiry + 1 });
    expect(early).not.toHaveProperty('hex');
    // The refund as it will be, handed to the node too early.
    const { txid } = await p.json(`${exit('user', id, `--tip ${expiry}`)} | tee refund.json`);
    if (node.kind === 'bitcoind') await p.refused('spillway broadcast refund.json', 77, 'not-final');
    else await p.broadcast('refund.json');
    await node.mine();
    expect([await node.height(), await node.isMined(txid)]).toEqual([expiry, false]);
    expect(await p.json(`${exit('user', id)} | tee refund.json`)).toMatchObject({ txid, verdict: 'due' });
    await p.confirm('refund.json');
    await p.json(`${exit('mint', id)} | tee exit.json`);
    await p.refused('spillway broadcast exit.json', 75, 'inputs-spent');
  });

  it('closes by the user', async () => {
    const { id } = await p.open(300_000, '+200');
    await p.pay(id, 12_345);
    const closed = await p.json(
      `${close('user', 3, id)} | spillway close-credit --home mint | spillway close-credit --home user | tee close.json`,
    );
    expect(closed).toMatchObject({ opener: 'payer', paid_sat: 12_345 });
    await p.confirm('close.json');
    earned += 12_345n;
  });

  it('closes by the mint', async () => {
    const { id } = await p.open(300_000, '+200');
    await p.pay(id, 54_321);
    const closed = await p.json(
      `${close('mint', 2, id)} | spillway close-credit --home user | spillway close-credit --home mint | tee close.json`,
    );
    expect(closed).toMatchObject({ opener: 'payee', paid_sat: 54_321 });
    await p.confirm('close.json');
    earned += 54_321n;
  });

  it('closes without a payment, and pays nobody but the user', async () => {
    const { id } = await p.open(100_000, '+200');
    await p.json(
      `${close('user', 2, id)} | spillway close-credit --home mint | spillway close-credit --home user | tee close.json`,
    );
    await p.confirm('close.json');
  });

  it.skipIf(found?.kind !== 'bitcoind')('a child pays for an exit and a refund that no node takes alone', async () => {
    // 1 sat/vB is below what this node relays.
    const [first, second] = [
      await p.open(200_000, '+30', '--exit-feerate 1'),
      await p.open(200_000, '+30', '--exit-feerate 1'),
    ];
    await p.pay(first.id, 60_000);
    await p.json(`${exit('mint', first.id)} | tee exit.json`);
    await p.refused('spillway broadcast exit.json', 77, 'node-refused');
    const bumped = await p.json('spillway bump --home mint --feerate 12 exit.json | tee bump.json');
    expect(bumped['package']).toEqual([p.read('exit.json')['hex'], expect.any(String)]);
    const { txids } = await p.json('spillway broadcast bump.json');
    expect(txids).toEqual(bumped['txids']);
    for (const txid of txids)
      expect(await node.rpc('getmempoolentry', txid)).toMatchObject({ ancestorcount: txids.indexOf(txid) + 1 });
    // A higher fee replaces the child.
    const again = await p.json(`${exit('mint', first.id)} | spillway bump --home mint --feerate 20 | tee bump.json`);
    await p.confirm('bump.json');
    expect([await node.isMined(again['txids'][0]), await node.isMined(txids[1])]).toEqual([true, false]);
    earned += 60_000n - BigInt(again['fee_sat']);

    await node.mineTo(second.expiry);
    await p.json(`${exit('user', second.id)} | tee refund.json`);
    await p.refused('spillway broadcast refund.json', 77, 'node-refused');
    await p.json('spillway bump --home user --feerate 5 refund.json | tee bump.json');
    await p.confirm('bump.json');
  });

  it('reports a refund dead whose funding was replaced', async () => {
    const coin = await node.ownCoin(260_000n);
    await p.json(
      `spillway open-credit --home mint --as payee ${POLICY} \\
        | spillway open-credit --home user --amount 250000 --expires +30 | tee addressed.json`,
      3,
    );
    p.write('funding.json', { psbt: node.spend(coin, p.read('addressed.json')['address'], 250_000n) });
    const { contract, psbt } = await p.json(
      `spillway open-credit --home user --funding funding.json < addressed.json \\
        | spillway open-credit --home mint | tee accepted.json | spillway open-credit --home user`,
      3,
    );
    p.write('signed.json', { psbt: node.sign(psbt.funding).psbt });
    await p.json('spillway open-credit --home user --merge signed.json < accepted.json | tee ready.json');
    const funding = await p.broadcast('ready.json');
    expect(await p.json(exit('user', contract.id), 3)).toMatchObject({ verdict: 'early' });

    const replacement = node.sign(node.spend(coin, coin.address, 240_000n));
    await node.rpc('sendrawtransaction', replacement.hex);
    await node.mine(6);
    expect([await node.isMined(replacement.txid), await node.isMined(funding)]).toEqual([true, false]);
    const ran = await p.run(exit('user', contract.id));
    expect(ran).toMatchObject({ code: 3, stderr: expect.stringMatching(/replaced by another transaction/) });
    expect(JSON.parse(ran.stdout)).toMatchObject({ kind: 'refund', verdict: 'dead' });
    await p.refused('spillway broadcast ready.json', 75, 'inputs-spent');
    await p.refused(`spillway sign-update --home mint --contract ${contract.id} --amount 5000`, 69, 'funding-missing');
    await node.mineTo(contract.expiry);
    const dead = await p.run(`${exit('user', contract.id)} | tee refund.json`);
    expect(dead.stderr).toMatch(/replaced by another transaction/);
    expect(JSON.parse(dead.stdout)).toMatchObject({ verdict: 'dead' });
    await p.refused('spillway broadcast refund.json', 75, 'inputs-spent');
  });

  it('leaves nothing due and every satoshi accounted for', async () => {
    const { funded, fees, mint, user, transactions } = await p.ledger();
    expect(mint).toBe(earned);
    expect(user + mint + fees).toBe(funded);
    expect(fees).toBeLessThan(BigInt(transactions.length) * 5_000n);
    for (const home of ['mint', 'user'])
      for (const line of (await p.text(`spillway exit-credit --home ${home} --due --within 100000`)).split('\n'))
        expect(JSON.parse(line), line).toMatchObject({
          type: 'exit-due',
          // A refund that beat what was paid is a loss, and called so.
          verdict: expect.stringMatching(/^(pending|done|lost|dead|unfunded)$/),
        });
    if (node.kind === 'bitcoind') {
      const balance = async (home: string): Promise<bigint> => {
        const coins = JSON.parse(await p.text(`spillway coins --home ${home}`)) as { amount: number }[];
        return coins.reduce((sum, { amount }) => sum + BigInt(Math.round(amount * 1e8)), 0n);
      };
      expect([await balance('mint'), await balance('user')]).toEqual([mint, user]);
    }
  });
});
