/** `coins`: the coins of a home as a node knows them, and pretended ones. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDir } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';

/** A node that answers what the test says. Amounts are JSON text, as Bitcoin Core writes them. */
let answers: Record<string, (params: unknown[]) => string> = {};
let searches: [number, number][][] = [];
let login: string | undefined;
let node: Server;
let chain: string;
const home = join(freshDir(), 'home');
const coins = (...flags: string[]) => spillway(['coins', '--home', home, '--chain', chain, ...flags]);

const SCRIPT = '5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c'; // BIP86, m/86'/0'/0'/0/0
const DESC = 'tr([73c5da0a/86h/0h/0h/0/0]cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115)#aaaaaaaa';
const unspent = (fill: string, more: object = {}) => ({
  txid: fill.repeat(32),
  vout: 0,
  scriptPubKey: SCRIPT,
  desc: DESC,
  height: 90,
  coinbase: false,
  ...more,
});
/** scantxoutset's answer, in which `AMOUNT` stands for a decimal. */
const scan = (unspents: object[], amount = '0.10000001') =>
  JSON.stringify({
    success: true,
    height: 100,
    unspents: unspents.map((u) => ({ ...u, amount: 'AMOUNT' })),
  }).replaceAll('"AMOUNT"', amount);

beforeAll(async () => {
  node = createServer(async (request, response) => {
    login = request.headers.authorization;
    const { method, params } = (await json(request)) as { method: string; params: unknown[] };
    response.end(`{"result":${answers[method]?.(params) ?? 'null'},"error":null,"id":1}`);
  });
  await new Promise<void>((done) => node.listen(0, '127.0.0.1', done));
  chain = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
  const words = `${'abandon '.repeat(11)}about`;
  await spillway(['init', '--home', home, '--network', 'mainnet', '--mnemonic-fd', '3'], { fd3: words });
});
afterAll(() => void node.close());

const answering = (unspents: object[], more: typeof answers = {}): void => {
  const now = Math.floor(Date.now() / 1000);
  searches = [];
  answers = {
    getblockchaininfo: () =>
      `{"chain":"main","blocks":100,"bestblockhash":"${'00'.repeat(32)}","initialblockdownload":false,"time":${now}}`,
    // All of these lie at the first place.
    scantxoutset: (params) => {
      const ranges = (params[1] as { range: [number, number] }[]).map(({ range }) => range);
      searches.push(ranges);
      return scan(ranges.some(([from]) => from === 0) ? unspents : []);
    },
    gettxout: () => `{"value":0.10000001,"confirmations":11,"scriptPubKey":{"hex":"${SCRIPT}"}}`,
    ...more,
  };
};

describe('coins', () => {
  it('lists the coins of a home that was made from its words, in the shape of listunspent', async () => {
    answering([unspent('aa')]);
    const { code, stdout, stderr } = await coins();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('"amount":0.10000001,');
    expect(JSON.parse(stdout)).toEqual([
      {
        txid: 'aa'.repeat(32),
        vout: 0,
        address: 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr',
        amount: 0.10000001,
        scriptPubKey: SCRIPT,
        confirmations: 11,
        desc: expect.stringMatching(
          // BIP86: the internal key of that place
          /^tr\(\[73c5da0a\/86'\/0'\/0'\/0\/0\]cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115\)#[a-z0-9]{8}$/,
        ),
        spendable: true,
        solvable: true,
        safe: true,
      },
    ]);
  });
  it('looks far in a home that was made from its words, and as far as --gap says', async () => {
    answering([unspent('aa')]);
    await coins();
    expect(searches).toEqual([
      [
        [0, 200_000],
        [0, 999],
      ],
    ]);
    searches = [];
    expect((await coins('--gap', '5')).code).toBe(0);
    expect(searches.map(([range]) => range)).toEqual([[0, 5]]);
  });
  it('asks the node with the cookie of SPILLWAY_CHAIN_COOKIE', async () => {
    const env = { SPILLWAY_CHAIN_COOKIE: join(freshDir(), '.cookie') };
    expect(await spillway(['coins', '--home', home, '--chain', chain], { env })).toMatchObject({
      code: 66,
      stderr: expect.stringContaining(env.SPILLWAY_CHAIN_COOKIE),
    });
    writeFileSync(env.SPILLWAY_CHAIN_COOKIE, '__cookie__:secret');
    expect(await spillway(['coins', '--home', home, '--chain', chain], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(login).toBe(`Basic ${btoa('__cookie__:secret')}`);
  });
  it('from then on its address counts as used', async () => {
    expect((await spillway(['address', '--home', home])).stdout).toMatch(
      /^bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh\n/,
    );
  });
  it('leaves out what the mempool spends, and young coinbases', async () => {
    const old = unspent('dd', { coinbase: true, height: 0 });
    answering([unspent('bb'), unspent('cc', { coinbase: true, height: 2 }), old], {
      gettxout: ([txid]) =>
        txid === 'bb'.repeat(32) ? 'null' : `{"value":1,"confirmations":101,"scriptPubKey":{"hex":"${SCRIPT}"}}`,
    });
    const { stdout } = await coins();
    expect(JSON.parse(stdout).map(({ txid }: { txid: string }) => txid)).toEqual(['dd'.repeat(32)]);
  });
  it('prints an empty list where there are none', async () => {
    answering([]);
    expect(await coins()).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });

  it('does not believe that a foreign coin is its own', async () => {
    answering([unspent('aa', { scriptPubKey: `5120${'11'.repeat(32)}` })]);
    expect(await coins()).toMatchObject({
      code: 69,
      stdout: '',
      stderr: expect.stringMatching(/not a coin of this home/),
    });
  });
  it('refuses a node of another network before it searches', async () => {
    answering([], { getblockchaininfo: () => '{"chain":"regtest","blocks":1,"bestblockhash":""}' });
    expect(await coins()).toMatchObject({
      code: 65,
      stdout: '',
      stderr: expect.stringMatching(/^error\[wrong-network\]/),
    });
  });
  it('wants a node', async () => {
    const ran = await spillway(['coins', '--home', home]);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/--chain URL expected/) });
  });
  it('refuses a password on the command line, and does not repeat it', async () => {
    const ran = await spillway(['coins', '--home', home, '--chain', 'http://me:hunter2@127.0.0.1:1']);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/SPILLWAY_CHAIN/) });
    expect(ran.stderr).not.toContain('hunter2');
  });
});

describe('coins --pretend', () => {
  const pretend = (dir: string, sat: string) => spillway(['coins', '--home', dir, '--pretend', sat]);

  it('makes a coin without a node that opens a contract, another one at each run', async () => {
    const dir = freshDir();
    const [mint, user] = [join(dir, 'mint'), join(dir, 'user')];
    for (const made of [mint, user]) await spillway(['init', '--home', made, '--network', 'regtest']);
    const first = await pretend(user, '1300000');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const [coin] = JSON.parse(first.stdout);
    expect(coin).toMatchObject({ vout: 0, amount: 0.013, spendable: true, address: expect.stringMatching(/^bcrt1p/) });
    expect(JSON.parse((await pretend(user, '1300000')).stdout)[0].txid).not.toBe(coin.txid);

    const file = join(dir, 'coins.json');
    writeFileSync(file, first.stdout);
    const offered = await spillway(['open-credit', '--home', mint, '--as', 'payee', '--tip', '1000']);
    const open = ['--amount', '1200000', '--expires', '+4320', '--utxo', file, '--tip', '1000'];
    const proposed = await spillway(['open-credit', '--home', user, ...open], { stdin: offered.stdout });
    expect(proposed.code, proposed.stderr).toBe(0);
  });
  it('pretends nothing where coins have a price', async () => {
    expect(await pretend(home, '1300000')).toMatchObject({
      code: 65,
      stdout: '',
      stderr: expect.stringContaining('error[wrong-network]: a home on mainnet found, a pretended coin is for regtest'),
    });
  });
});
