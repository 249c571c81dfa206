/**
 * Exit packages on a real node, sent by the lines of bash that their guide shows, which know the document and Bitcoin Core's own
 * client alone. Each is refused a block too early and taken at the height that its quote has named, and it costs what that says.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../cli/run.ts';
import { blocksOf } from '../support/markdown.ts';
import { findNode, TestNode } from './node.ts';
import { Pipes, type Printed } from './pipes.ts';
import { openCoin, transferCoin } from './statecoins.ts';

const found = findNode();
/** Ephemeral dust: a parent without a fee, and an anchor of 0 sat. */
const able = found?.kind === 'bitcoind' && found.major >= 29;
const guide = readFileSync(join(ROOT, 'fixtures/runbooks/exit-package.md'), 'utf8');
const SENDER = blocksOf('sh', guide).find((block) => block.startsWith('send_package() {'))!;

describe.skipIf(!able)('exit packages', () => {
  let node: TestNode;
  let p: Pipes;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    p = new Pipes(node);
    await p.homes();
    for (const home of ['operator', 'alice', 'bob']) await p.text(`spillway init --home ${home} --network regtest`);
  });
  afterAll(() => node?.stop());

  /** Nothing of this program is within its reach. */
  const send = (): string =>
    execFileSync(
      'bash',
      ['-euo', 'pipefail', '-c', `bitcoin-cli() { command ${node.cli} "$@"; }\n${SENDER}\nsend_package package.json`],
      {
        cwd: p.dir,
        env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
  const tries = (): string => {
    try {
      return send();
    } catch (error) {
      return `refused: ${(error as { stderr: string }).stderr}`;
    }
  };
  const txidsOf = async ({ steps }: Printed): Promise<string[]> => {
    const all: string[] = [];
    for (const { txid, child } of steps) {
      all.push(txid);
      if (!child) continue;
      const { hex, complete } = await node.rpc('finalizepsbt', child.psbt);
      expect(complete).toBe(true);
      all.push((await node.rpc('decoderawtransaction', hex)).txid);
    }
    return all;
  };

  /** Quotes, packs, waits as long as the quote says, and sends; a block before nothing is taken. */
  async function leave(words: string): Promise<{ quote: Printed; made: Printed }> {
    const quote = await p.json(`spillway ${words} --quote`);
    const made = await p.json(`spillway ${words} --package | tee package.json`);
    expect(await p.text('spillway inspect package.json')).toContain('they are signed');
    const start = await node.height();
    const { blocks } = quote;
    if (blocks > 1) {
      await node.mineTo(start + blocks - 2);
      expect(tries()).toMatch(/^refused: /);
      await node.mine(1);
    }
    send();
    const txids = await txidsOf(made);
    const entries = await Promise.all(txids.map((txid) => node.rpc('getmempoolentry', txid)));
    const fees = entries.reduce((sum, { fees: { base } }) => sum + Math.round(base * 1e8), 0);
    const vbytes = entries.reduce((sum, { vsize }) => sum + vsize, 0);
    expect({ transactions: entries.length, vbytes, fees }).toEqual({
      transactions: made['quote'].transactions,
      vbytes: made['quote'].vbytes,
      fees: made['quote'].fee_sat,
    });
    await node.mine(1);
    for (const txid of txids) expect(await node.isMined(txid)).toBe(true);
    expect((await node.height()) - start).toBe(Math.max(1, blocks));
    return { quote, made };
  }
  const sumsOf = ({ transactions, vbytes, feerate, fee_sat, blocks, worth_from_sat }: Printed) => ({
    transactions,
    vbytes,
    feerate,
    fee_sat,
    blocks,
    worth_from_sat,
  });

  it('of a payee: the exit alone, and in a fee spike with its child', async () => {
    for (const [feerate, transactions] of [
      [2, 1],
      [40, 2],
    ] as const) {
      const { id } = await p.open(400_000, '+200');
      await p.pay(id, 150_000);
      const { quote, made } = await leave(`exit-credit --home mint --contract ${id} --feerate ${feerate}`);
      expect(sumsOf(made['quote'])).toEqual(sumsOf(quote));
      expect(quote).toMatchObject({ transactions, blocks: 1, feerate: String(feerate) });
    }
  });
  it('of a payer: the refund at its height', async () => {
    const { id, expiry } = await p.open(300_000, '+40');
    const { quote, made } = await leave(`exit-credit --home user --contract ${id} --feerate 25`);
    expect(sumsOf(made['quote'])).toEqual(sumsOf(quote));
    expect(made['steps'][0]).toMatchObject({ valid_from: { height: expiry + 1 }, by: null });
    expect(quote).toMatchObject({ transactions: 2, feerate: '25' });
  });
  it("of a statecoin: the second owner's backup with its child, in time before the first owner's", async () => {
    const coin = await openCoin(node, p, '--initial-lock 60 --step 20 --margin 3 --min-remaining 6', 400_000);
    const owned = await transferCoin(p, coin, 'alice', 'bob');
    p.write('owned.json', owned);
    expect(await p.text('spillway inspect owned.json')).toMatch(
      /leaving alone, owner +2 transactions of 277 vB in all/,
    );
    const { quote, made } = await leave(`statechain-exit --home bob --contract ${coin.id} --feerate 12`);
    expect(sumsOf(made['quote'])).toEqual(sumsOf(quote));
    expect(quote).toMatchObject({ transactions: 2, vbytes: 277, feerate: '12' });
    expect(await node.height()).toBeLessThanOrEqual(made['steps'][0].by);
    expect((await p.json(`spillway status --home bob --contract ${coin.id}`))['verdict']).toBe('pending');
  });
  it.each([
    ['p2tr', '+9'],
    ['p2wsh', '+9'],
    ['p2sh-p2wsh', 'relative:4'],
  ])('of an HTLC as %s: its refund once its lock has ended', async (type, lock) => {
    p.write('coins.json', [await node.fund(await p.text('spillway address --home alice'), 130_000n)]);
    const { pubkey } = await p.json('spillway htlc key --home bob');
    await p.json(
      `spillway htlc create --home alice --claim-key ${pubkey} --type ${type} --expires ${lock} | tee htlc.json`,
    );
    const fund = await p.json(
      'spillway htlc fund --home alice --amount 100000 --utxo coins.json htlc.json | tee fund.json',
    );
    await p.broadcast('fund.json');
    await node.mine(1);
    const { quote, made } = await leave(`htlc refund --home alice --utxo ${fund['utxo']} --feerate 6 htlc.json`);
    // A quote counts the largest signatures.
    expect(quote['vbytes'] - made['quote'].vbytes).toBeOneOf([0, 1]);
    expect(quote['fee_sat']).toBe(made['quote'].fee_sat);
  });
  it('of a swap: the refund of the one whose other side never paid', async () => {
    p.write('coins.json', [await node.fund(await p.text('spillway address --home alice'), 220_000n)]);
    const funded = await p.json(`
      spillway htlc swap --home alice --as initiator --give 200000 --want 180000 --expires +40 --margin 3 \\
        | spillway htlc swap --home bob --want 200000 --amount 180000 --expires +20 --margin 3 \\
        | spillway htlc swap --home alice --utxo coins.json | tee funded.json`);
    await p.confirm('funded.json');
    p.write('first.json', funded['htlcs'].first);
    const { first } = funded;
    const status = await p.json(`spillway status --home alice --contract ${funded['offer'].hash}`);
    const { quote } = await leave(
      `htlc refund --home alice --utxo ${first.txid}:${first.vout}:200000 --feerate 2 first.json`,
    );
    expect(status['quote']).toMatchObject({ transactions: 1, vbytes: quote['vbytes'] });
  });
  it('of a pledge: taken back at the fee of the day', async () => {
    const coin = await node.fund(await p.text('spillway address --home alice'), 400_000n);
    p.write('coins.json', [coin]);
    const goal = await p.text('spillway address --home bob');
    const { campaign } = await p.json(
      `spillway pledge campaign --home bob --output ${goal}=1000000 | tee campaign.json`,
    );
    await p.json(
      'spillway pledge make --home alice --utxo coins.json --amount 400000 --feerate 2 campaign.json | tee pledge.json',
    );
    const { quote, made } = await leave(`pledge revoke --home alice --contract ${campaign.id} --feerate 18`);
    expect(sumsOf(made['quote'])).toEqual(sumsOf(quote));
    expect(quote).toMatchObject({ transactions: 2, feerate: '18', blocks: 1 });
  });
});
