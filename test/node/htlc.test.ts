/**
 * HTLCs of every form on Bitcoin Core: claims and refunds are relayed and mined, a refund one block or one second too
 * early is refused. btcd has no clock of one's own (`setmocktime`), so this needs bitcoind.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lock } from '../../src/lib/htlc/lock.ts';
import type { PathName } from '../../src/lib/htlc/scripts.ts';
import type { Spend } from '../../src/lib/htlc/spend.ts';
import { viewOf } from '../../src/lib/htlc/view.ts';
import { finished, FORMS, formName, htlcOf, spendOf, type Form } from '../support/htlc.ts';
import { findNode, TestNode } from './node.ts';
import { Pipes } from './pipes.ts';

const found = findNode();
const SAT = 100_000n;

describe.skipIf(found?.kind !== 'bitcoind')('HTLCs on a node', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    // From here on the clock stands where it is put.
    await clock((await node.rpc('getblockchaininfo')).time + 1);
  });
  afterAll(() => node?.stop());

  const median = async (): Promise<number> => (await node.rpc('getblockchaininfo')).mediantime;
  const clock = (time: number): Promise<unknown> => node.rpc('setmocktime', time);
  /** Blocks until the median of the last eleven is this time. */
  const mineToMedian = async (time: number): Promise<void> => {
    await clock(time);
    await node.mine(6);
    expect(await median()).toBe(time);
  };
  const fundedSpend = async (form: Form, lock: Lock, path: PathName): Promise<Spend> => {
    const htlc = htlcOf({ ...form, lock });
    const { txid, vout } = await node.fund(viewOf(htlc).address, SAT);
    return spendOf(htlc, path, { txid, vout, sat: SAT });
  };
  const refusal = async (made: Spend): Promise<string> => {
    const [result] = await node.rpc('testmempoolaccept', [finished(made).hex]);
    return result.allowed ? 'allowed' : result['reject-reason'];
  };
  /** Relayed by its own, and mined in the next block. */
  const confirm = async (spends: readonly Spend[]): Promise<void> => {
    for (const made of spends) await node.rpc('sendrawtransaction', finished(made).hex);
    await node.mine();
    for (const made of spends) expect(await node.isMined(finished(made).txid)).toBe(true);
  };
  const of = (kind: Lock['kind']): Form[] => FORMS.filter(({ lock }) => lock.kind === kind);

  it(`claims of all ${FORMS.length} forms are mined`, async () => {
    const far: Record<Lock['kind'], Lock> = {
      height: { kind: 'height', value: 100_000 },
      time: { kind: 'time', value: 4_000_000_000 },
      blocks: { kind: 'blocks', value: 10_000 },
      seconds: { kind: 'seconds', value: 512 * 1000 },
    };
    const claims = [];
    for (const form of FORMS) claims.push(await fundedSpend(form, far[form.lock.kind], 'claim'));
    await confirm(claims);
  });

  it('a claim of Loop or of a channel with anchors waits for a block', async () => {
    for (const form of FORMS.filter(({ variant, anchors }) => variant === 'loop' || anchors)) {
      const htlc = htlcOf({ ...form, lock: { kind: 'height', value: 100_000 } });
      const coin = await node.ownCoin(SAT * 2n);
      const { hex, txid } = node.sign(node.spend(coin, viewOf(htlc).address, SAT));
      await node.rpc('sendrawtransaction', hex, 0);
      const claim = spendOf(htlc, 'claim', { txid, vout: 0, sat: SAT });
      expect(await refusal(claim), formName(form)).toBe('non-BIP68-final');
      await node.mine();
      await confirm([claim]);
    }
  });

  it('refunds by height: refused one block before, mined on time', async () => {
    const value = (await node.height()) + of('height').length + 2;
    const refunds = [];
    for (const form of of('height')) refunds.push(await fundedSpend(form, { kind: 'height', value }, 'refund'));
    await node.mineTo(value - 1);
    for (const made of refunds) expect(await refusal(made)).toBe('non-final');
    await node.mine();
    for (const made of refunds) expect(made.validFrom).toEqual({ height: value + 1 });
    await confirm(refunds);
  });

  it('refunds by time: refused while the median time is the lock, mined a second later', async () => {
    const value = (await median()) + 10_000;
    const refunds = [];
    for (const form of of('time')) refunds.push(await fundedSpend(form, { kind: 'time', value }, 'refund'));
    // By the clock on the wall they would be valid long since.
    await clock(value + 3_000);
    await node.mine(5);
    expect(await median()).toBeLessThan(value);
    for (const made of refunds) expect(await refusal(made)).toBe('non-final');
    const later = (await node.rpc('getblockchaininfo')).time + 20_000;
    const second = [];
    for (const form of of('time')) second.push(await fundedSpend(form, { kind: 'time', value: later }, 'refund'));
    await mineToMedian(later);
    for (const made of second) expect(await refusal(made)).toBe('non-final');
    await mineToMedian(later + 1);
    for (const made of second) expect(made.validFrom).toEqual({ median_time: later + 1 });
    await confirm([...refunds, ...second]);
  });

  it('refunds by blocks after the coin: refused one before, mined on time', async () => {
    for (const form of of('blocks')) {
      const made = await fundedSpend(form, { kind: 'blocks', value: 5 }, 'refund');
      await node.mine(3);
      expect(await refusal(made)).toBe('non-BIP68-final');
      await node.mine();
      expect(made.validFrom).toEqual({ confirmations: 5 });
      await confirm([made]);
    }
  });

  it('refunds by seconds after the coin: refused one before, mined on time', async () => {
    for (const form of of('seconds')) {
      const value = 512 * 2;
      // BIP68 counts from the median time before the block of the coin.
      const from = await median();
      const before = await node.height();
      const made = await fundedSpend(form, { kind: 'seconds', value }, 'refund');
      expect(await node.height()).toBe(before + 1);
      await mineToMedian(from + value - 1);
      expect(await refusal(made)).toBe('non-BIP68-final');
      await mineToMedian(from + value);
      expect(made.validFrom).toEqual({ seconds: value });
      await confirm([made]);
    }
  });

  it.each(['a time', 'seconds'])(
    '`watch` takes a payment back once its lock by %s has ended, and not before',
    async (by) => {
      const p = new Pipes(node);
      await p.homes();
      p.write('coins.json', [await node.fund(await p.text('spillway address --home user'), 130_000n)]);
      const { pubkey } = await p.json('spillway htlc key --home mint');
      const date = Math.max(await median(), Math.floor(Date.now() / 1000)) + 10_000;
      const expires = by === 'seconds' ? 'relative:1024s' : String(date);
      await p.json(`spillway htlc create --home user --claim-key ${pubkey} --expires ${expires} | tee htlc.json`);
      await p.json('spillway htlc fund --home user --amount 100000 --utxo coins.json htlc.json | tee fund.json');
      await p.broadcast('fund.json');
      const from = await median();
      await node.mine();
      const watch = async (): Promise<unknown[]> => {
        const ran = await p.run('spillway watch --home user --once --feerate 2 --fee-budget 5000');
        expect(ran, ran.stderr).toMatchObject({ code: 0 });
        return ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
      };
      const first = by === 'seconds' ? from + 1024 : date + 1;
      await mineToMedian(first - 1);
      expect(await watch()).toEqual([]);
      await mineToMedian(first);
      const [sent] = (await watch()) as { event: string; txid: string }[];
      expect(sent).toMatchObject({ event: 'refund', role: 'funder' });
      await node.mine();
      expect(await node.isMined(sent!.txid)).toBe(true);
    },
  );

  it('two homes swap, by pipelines and what the node says; one that was left is refunded', async () => {
    const p = new Pipes(node);
    await p.homes();
    const coin = async (home: string, sat: bigint): Promise<void> => {
      await node.fund(await p.text(`spillway address --home ${home}`), sat);
      await p.text(`spillway coins --home ${home} > ${home}.coins`);
    };
    const agree = `spillway htlc swap --home user --as initiator --give 100000 --want 98000 --expires +60 --margin 5 \
      | spillway htlc swap --home mint --want 100000 --amount 98000 --expires +30 --margin 5 \
      | spillway htlc swap --home user --utxo user.coins`;
    const match = 'spillway htlc swap --home mint --utxo mint.coins';
    const claim = 'spillway htlc swap --home user';
    await coin('user', 150_000n);
    await coin('mint', 140_000n);

    await p.json(`${agree} | tee funded.json`);
    await p.refused(`${match} funded.json`, 69, 'funding-missing');
    await p.broadcast('funded.json');
    await p.refused(`${match} funded.json`, 69, 'funding-unconfirmed');
    await node.mine();
    expect((await p.json(`${match} funded.json | tee matched.json`))['checks']).toMatchObject({ first: 'confirmed' });
    await p.refused(`${claim} matched.json`, 69, 'funding-missing');
    await p.confirm('matched.json');
    await p.json(`${claim} matched.json | tee claimed.json`);
    await p.confirm('claimed.json');
    expect(await p.json('spillway htlc swap --home mint claimed.json | tee settled.json')).toMatchObject({
      step: 'claimed',
    });
    await p.confirm('settled.json');
    await node.mine(5);
    expect(await p.json('spillway htlc swap --home mint claimed.json')).toMatchObject({ step: 'settled' });

    // The initiator pays and is left alone: its coin comes back at its expiry.
    await coin('user', 150_000n);
    await p.json(`${agree} | tee left.json`);
    await p.confirm('left.json');
    const { first, htlcs } = p.read('left.json');
    p.write('htlc.json', htlcs.first);
    const refund = `spillway htlc refund --home user --utxo ${first.txid}:${first.vout}:100000 htlc.json | tee refund.json`;
    await p.json(refund);
    await node.mineTo(htlcs.first.locktime.value - 1);
    await p.refused('spillway broadcast refund.json', 77, 'not-final');
    await node.mine();
    await p.confirm('refund.json');
  });

  it('both spend together: one signature, and the node takes it before any lock', async () => {
    const p = new Pipes(node);
    await p.homes();
    await p.text('spillway htlc key --home user > user.key; spillway htlc key --home mint > mint.key');
    const { address } = await p.json(
      `spillway htlc create --home mint --claim-key mint.key --refund-key user.key --expires +100 \
        --internal-key musig --hash $(node -p 'JSON.parse(fs.readFileSync("mint.key")).hash.sha256') | tee htlc.json`,
    );
    const { txid, vout } = await node.fund(address, SAT);
    await p.refused(
      `spillway htlc cooperate --home user --as refunder --htlc htlc.json --utxo ${txid}:${vout}:99999`,
      76,
      'unsafe-funding',
    );
    await p.json(
      `spillway htlc cooperate --home user --as refunder --htlc htlc.json --utxo ${txid}:${vout}:${SAT} \
        | spillway htlc cooperate --home mint --amount ${SAT} \
        | spillway htlc cooperate --home user | tee together.json`,
    );
    await p.confirm('together.json');
    const spent = await node.rpc('getrawtransaction', p.read('together.json')['txid'], 1);
    expect(spent.vin[0].txinwitness).toEqual([expect.stringMatching(/^[0-9a-f]{128}$/)]);
  });
});
