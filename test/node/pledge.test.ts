/**
 * Campaigns on Bitcoin Core: from homes and from Core's own wallet to the mined transaction; the goal to the satoshi; what
 * policy takes; and a pledge taken back against a transaction that completes, both ways.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOf, scriptOf } from '../../src/lib/bitcoin/address.ts';
import { sortInputs, txidOfHex, vsizeOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { completeCampaign } from '../../src/lib/pledge/complete.ts';
import { Gate } from '../../src/lib/pledge/gather.ts';
import { pledgeTemplate, pledgeWitness, type Pledge } from '../../src/lib/pledge/pledge.ts';
import { inputWeight, SUM_LIMITS } from '../../src/lib/pledge/sums.ts';
import { bitcoinjsPledge } from '../pledge/bitcoinjs.ts';
import { campaign as campaignWith, NETWORK } from '../pledge/things.ts';
import { walletKey } from '../support/wallet.ts';
import { findNode, TestNode } from './node.ts';
import { Pipes, type Printed } from './pipes.ts';

const found = findNode();
const KEY = walletKey('p2tr', 3);

describe.skipIf(found?.kind !== 'bitcoind')('pledges on a node', () => {
  let node: TestNode;
  let pipes: Pipes;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    pipes = new Pipes(node);
    for (const home of ['bridge', 'alice', 'bob']) await pipes.text(`spillway init --home ${home} --network regtest`);
    await node.rpc('createwallet', 'core');
  });
  afterAll(() => node?.stop());

  const accepted = async (hex: string): Promise<string> => {
    const [result] = await node.rpc('testmempoolaccept', [hex]);
    return result.allowed ? 'allowed' : result['reject-reason'];
  };
  const give = async (home: string, sat: bigint): Promise<void> => {
    await node.fund(await pipes.text(`spillway address --home ${home}`), sat);
    await pipes.text(`spillway coins --home ${home} >${home}.json`);
  };
  /** A pledge of just so much, split off and confirmed; its file. */
  const pledge = async (home: string, sat: number, flags = ''): Promise<string> => {
    await give(home, BigInt(sat) + 50_000n);
    const make = `spillway pledge make --home ${home} --amount ${sat} --utxo ${home}.json ${flags} campaign.json`;
    const split = await pipes.json(make, 3);
    expect(split['step']).toBe('split');
    await node.rpc('sendrawtransaction', split['hex']);
    await node.mine();
    const file = `${home}-${sat}.pledge`;
    await pipes.text(`${make} >${file}`);
    return file;
  };
  /** A coin of Core's wallet, pledged by its own commands alone: coin, outputs, type. The file of the PSBT. */
  const corePledge = async (type: 'bech32m' | 'bech32', sat: bigint, outputs: object[]): Promise<string> => {
    const { txid, vout } = await node.fund(await node.rpc('getnewaddress', '', type), sat);
    const psbt = await node.rpc('createpsbt', [{ txid, vout }], outputs);
    const { psbt: signed } = await node.rpc('walletprocesspsbt', psbt, true, 'ALL|ANYONECANPAY', true, false);
    const { psbt: final } = await node.rpc('finalizepsbt', signed, false);
    const file = `core-${type}-${sat}.psbt`;
    await pipes.text(`printf %s '${final}' >${file}`);
    return file;
  };
  /** A coin that bitcoinjs-lib pledges; the file of the PSBT. */
  const otherPledge = async (type: 'p2tr' | 'p2wpkh', sat: bigint, to: string): Promise<string> => {
    const key = walletKey(type, 8);
    const { txid, vout } = await node.fund(addressOf(key.script, NETWORK)!, sat);
    const output = { sat: 10_000_000n, script: scriptOf(to, NETWORK) };
    const file = `bitcoinjs-${type}.psbt`;
    await pipes.text(
      `printf %s '${bitcoinjsPledge([output], { txid, vout, sat, script: key.script }, key, true)}' >${file}`,
    );
    return file;
  };
  const campaign = async (goal: number | string, flags = '--feerate 2'): Promise<Printed> =>
    pipes.json(`spillway pledge campaign --home bridge --output ${goal} ${flags} | tee campaign.json`);

  it('of two homes, of Core and of bitcoinjs, of both types, pay a goal; what was left over is due, also once the payment is spent, and watch takes it back', async () => {
    const address: string = await node.rpc('getnewaddress', '', 'bech32m');
    const { campaign: made } = await campaign(`${address}=10000000`);
    const outputs = [{ [address]: 0.1 }];
    const files = [
      await pledge('alice', 3_900_000),
      await corePledge('bech32', 3_500_000n, outputs),
      await corePledge('bech32m', 1_900_000n, outputs),
      await otherPledge('p2tr', 300_000n, address),
      await otherPledge('p2wpkh', 200_000n, address),
    ];
    const left = await pledge('bob', 100_000, '--seal');
    for (const [i, file] of [...files, left].entries()) {
      const joined = await pipes.json(`spillway pledge join --home bridge --contract ${made.id} ${file}`, 3);
      expect(joined).toMatchObject({ pledges: i + 1, checks: { coin: 'confirmed' } });
    }
    // What is missing to the satoshi, and one less.
    const short = await pipes.json(`spillway pledge complete --home bridge --contract ${made.id}`, 3);
    const missing = Number(short['missing_sat']) + 116;
    const less = await pledge('bridge', missing - 1);
    expect(await pipes.json(`spillway pledge join --home bridge ${less}`, 3)).toMatchObject({ missing_sat: 1 });
    // Bob's is left out, and what he would have paid comes from the collector: at the goal, and just there.
    const [bob] = (await pipes.text(`spillway pledge check --home bob`)).split('\n').map((line) => JSON.parse(line));
    expect(bob).toMatchObject({ verdict: 'open', state: 'made' });
    const without = `--without ${bob.coin}`;
    const still = await pipes.json(`spillway pledge complete --home bridge --contract ${made.id} ${without}`, 3);
    const rest = await pledge('bridge', Number(still['missing_sat']) + 116);
    await pipes.json(`spillway pledge join --home bridge ${rest}`);
    const done = await pipes.json(`spillway pledge complete --home bridge --contract ${made.id} ${without}`);
    expect(done).toMatchObject({ step: 'complete', pledges: 7, excess_sat: 0 });
    expect(await accepted(done['hex'])).toBe('allowed');
    await node.rpc('sendrawtransaction', done['hex']);
    await node.mine();
    expect(await node.isMined(done['txid'])).toBe(true);

    const [alice] = (await pipes.text('spillway pledge check --home alice'))
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(alice).toMatchObject({ verdict: 'completed', spent_by: done['txid'] });
    // Whoever was paid spends that: no unspent coin tells of the payment.
    const next: string = await node.rpc('getnewaddress');
    await node.rpc('sendall', [next], null, 'unset', 2, { inputs: [{ txid: done['txid'], vout: 0 }] });
    await node.mine(3);
    // Bob's pledge could pay the goal a second time: it is due, and taken back before anybody does.
    const due = await pipes.json('spillway pledge check --home bob', 3);
    expect(due['verdict']).toBe('due');
    const top = await pledge('alice', 10_000_000 - 100_000 + 1_000);
    await pipes.json(`spillway pledge join --home bridge ${top}`);
    const second = await pipes.json(`spillway pledge complete --home bridge --contract ${made.id} --allow-fee`);
    expect(await accepted(second['hex'])).toBe('allowed');
    const back = await pipes.json('spillway watch --home bob --once --feerate 2 --fee-budget 50000');
    expect(back).toMatchObject({ event: 'revoke', by: 'revocation' });
    await node.mine();
    expect(await accepted(second['hex'])).toBe('missing-inputs');
    expect((await pipes.json('spillway pledge check --home bob'))['verdict']).toBe('taken-back');
    await pipes.refused(`spillway pledge join --home bridge ${left}`, 75, 'inputs-spent');
    // An address that holds coins is refused to the next campaign.
    await pipes.refused(`spillway pledge campaign --home alice --output ${next}=5000`, 77, 'address-used');
  });

  it('one satoshi below the outputs are refused by consensus, at them by policy, at the goal by nobody', async () => {
    const to = campaignWith({ feerate: 1500 });
    const gate = new Gate(to, NETWORK);
    const address = addressOf(KEY.script, NETWORK)!;
    const own = async (sat: bigint): Promise<Pledge> => {
      const { txid, vout } = await node.fund(address, sat);
      return gate.hashes.sign({ txid, vout, sat, script: KEY.script }, KEY.secret, new Uint8Array(32));
    };
    const first = await own(600_000n);
    const forced = (pledges: readonly Pledge[]): string => {
      const sorted = sortInputs(pledges);
      return withWitness(pledgeTemplate(to, NETWORK, sorted), sorted.map(pledgeWitness));
    };
    expect(await accepted(forced([first, await own(399_999n)]))).toBe('bad-txns-in-belowout');
    expect(await accepted(forced([first, await own(400_000n)]))).toBe('min relay fee not met');
    const reached = await own(400_000n + (gate.goal.target(2) - 1_000_000n) + 2n * 87n);
    const made = completeCampaign(gate, [first, reached], { allowExcess: false });
    if (!('finished' in made)) throw new Error(`${made.missing} sat are missing`);
    expect(made.finished.excessSat).toBe(0n);
    expect(await accepted(made.finished.hex)).toBe('allowed');
  });

  it(`fill a transaction: 1,730 are relayed, and one more is not`, async () => {
    // Each is worth 700 sat, and all that fit are just enough.
    const outputs = [{ address: addressOf(KEY.script, NETWORK)!, sat: 1_730n * 700n - 111n }];
    const to = campaignWith({ feerate: 2000, min_sat: 0n, outputs });
    const gate = new Gate(to, NETWORK);
    const each = 700n + BigInt(Math.ceil((inputWeight(KEY.script) * 2) / 4));
    const coin = await node.ownCoin(each * 1_731n + 200_000n);
    const { Transaction } = await import('@scure/btc-signer/transaction.js');
    const split = Transaction.fromPSBT(Buffer.from(node.spend(coin, addressOf(KEY.script, NETWORK)!, each), 'base64'));
    for (let i = 1; i < 1_731; i++) split.addOutput({ amount: each, script: Buffer.from(KEY.script, 'hex') });
    const { hex } = node.sign(Buffer.from(split.toPSBT(0)).toString('base64'));
    await node.rpc('sendrawtransaction', hex, 0);
    await node.mine();
    const txid = txidOfHex(hex);
    const pledges = Array.from({ length: 1_731 }, (_, vout) =>
      gate.hashes.sign({ txid, vout, sat: each, script: KEY.script }, KEY.secret, new Uint8Array(32)),
    );
    const start = performance.now();
    const made = completeCampaign(gate, pledges, { allowExcess: false });
    expect(performance.now() - start).toBeLessThan(5_000);
    if (!('finished' in made)) throw new Error(`${made.missing} sat are missing`);
    expect(made.finished.inputs).toBe(1_730);
    expect(vsizeOfHex(made.finished.hex) * 4).toBeLessThanOrEqual(SUM_LIMITS.weight.most);
    expect(await accepted(made.finished.hex)).toBe('allowed');
    const sorted = sortInputs(pledges);
    expect(await accepted(withWitness(pledgeTemplate(to, NETWORK, sorted), sorted.map(pledgeWitness)))).toBe('tx-size');
  });

  it('taken back against a transaction that completes: the higher fee replaces, both ways, and a block decides', async () => {
    for (const wins of ['revocation', 'completion'] as const) {
      const { campaign: made } = await campaign(500_000);
      // Its way back pays 40 sat/vB; a completion beside it pays the campaign's 2, or far more.
      await pipes.json(`spillway pledge join --home bridge ${await pledge('alice', 300_000, '--feerate 40')}`, 3);
      const extra = wins === 'completion' ? 20_000 : 0;
      await pipes.json(`spillway pledge join --home bridge ${await pledge('bob', 200_400 + extra)}`);
      const completing = `spillway pledge complete --home bridge --contract ${made.id} --allow-fee >complete.json`;
      await pipes.text(completing);
      const back = await pipes.json(`spillway pledge revoke --home alice --contract ${made.id} | tee back.json`);
      const complete = await pipes.json('cat complete.json');
      const [first, second] = wins === 'revocation' ? [complete, back] : [back, complete];
      await node.rpc('sendrawtransaction', first['hex'], 0);
      expect(await accepted(second['hex'])).toBe('allowed');
      await node.rpc('sendrawtransaction', second['hex'], 0);
      expect(await node.rpc('getrawmempool')).toEqual([second['txid']]);
      // The one that was replaced does not come back by its fee.
      expect(await accepted(first['hex'])).toMatch(/insufficient fee|txn-mempool-conflict/);
      await node.mine();
      expect(await accepted(first['hex'])).toBe('missing-inputs');
      const lines = (await pipes.text('spillway pledge check --home alice || true'))
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines.find((line) => line.campaign === made.id)).toMatchObject({
        verdict: wins === 'revocation' ? 'taken-back' : 'completed',
      });
    }
  });

  it('are taken back by watch at the height at which their campaign is over, and against a completion only where asked', async () => {
    const until = (await node.height()) + 40;
    const { campaign: made } = await campaign(1_000_000, `--feerate 2 --until ${until}`);
    const watch = async (home: string, feerate: number, code = 0): Promise<Printed[]> => {
      const ran = await pipes.run(
        `spillway watch --home ${home} --contract ${made.id} --once --feerate ${feerate} --fee-budget 50000`,
      );
      expect(ran, ran.stderr).toMatchObject({ code });
      return ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Printed]));
    };
    const files = [await pledge('alice', 600_000), await pledge('bob', 410_000)];
    for (const file of files) await pipes.run(`spillway pledge join --home bridge --contract ${made.id} ${file}`);
    const done = await pipes.json(`spillway pledge complete --home bridge --contract ${made.id} --allow-fee`);
    // Alice asks for hers back while the completion waits: her way back takes its place, with a child that pays for that.
    await node.rpc('sendrawtransaction', done['hex']);
    expect(await watch('bob', 2)).toMatchObject([{ event: 'in-mempool' }]);
    await pipes.run(`spillway pledge revoke --home alice --contract ${made.id} >back.json`);
    expect((await watch('alice', 2, 3)).map(({ event }) => event)).toEqual(['overtaken', 'rebroadcast']);
    const { txid } = pipes.read('back.json');
    expect(await node.rpc('getrawmempool')).not.toContain(done['txid']);
    await node.mine(6);
    expect(await node.isMined(txid)).toBe(true);
    expect(await watch('alice', 2)).toMatchObject([{ event: 'settled', by: 'revocation', txid }]);
    // Bob does nothing but watch.
    await node.mineTo(until - 1);
    expect(await watch('bob', 20)).toEqual([]);
    await node.mine();
    const [taken] = await watch('bob', 20);
    expect(taken).toMatchObject({ event: 'revoke', by: 'revocation', child_fee_sat: expect.any(Number) });
    await node.mine(6);
    expect(await watch('bob', 20)).toMatchObject([{ event: 'settled', by: 'revocation', txid: taken!['txid'] }]);
  });
});
