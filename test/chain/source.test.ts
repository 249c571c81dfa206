/** Facts about chain and clock: from flags, from a node, or named as not checked. */
import { describe, expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource, type SourceOptions } from '../../src/lib/chain/source.ts';
import { fakeNode, type Answers } from './node.ts';

const NOW = 1_800_000_000;
const A = `${'aa'.repeat(32)}:0`;
const B = `${'bb'.repeat(32)}:7`;
const info = (chain: string, more = '') => `{"chain":"${chain}","blocks":105,"bestblockhash":"ff"${more}}`;
const fresh = `,"time":${NOW - 600},"initialblockdownload":false`;

async function source(answers: Answers, options: Partial<SourceOptions> = {}) {
  const node = await fakeNode(answers);
  const made = factSource({ network: 'regtest', rpc: new Rpc({ url: node.url }), now: () => NOW, ...options });
  return { facts: made.facts, asked: () => node.asked.map(({ method }) => method), requests: node.requests };
}

describe('without a node', () => {
  it('says what was not checked', async () => {
    const { facts } = factSource({ network: 'mainnet', now: () => NOW });
    expect(await facts({ tip: true, coins: [A], feerate: true, now: true })).toEqual({
      facts: { tip: 'not-checked', coins: 'not-checked', feerate: 2000, now: NOW },
      checks: { tip: 'not-checked', coins: 'not-checked', feerate: 'default' },
    });
  });

  it('takes tip and feerate from the flags, and answers what it is asked only', async () => {
    const { facts } = factSource({ network: 'mainnet', tip: 0, feerate: 1000 });
    expect(await facts({ tip: true, feerate: true })).toEqual({
      facts: { tip: 0, feerate: 1000 },
      checks: { tip: 'given', feerate: 'flag' },
    });
    expect(await facts({})).toEqual({ facts: {}, checks: {} });
    expect(Math.abs((await facts({ now: true })).facts.now! - Date.now() / 1000)).toBeLessThan(5);
  });
});

describe('with a node', () => {
  it('takes everything from it', async () => {
    const { facts } = await source({
      getblockchaininfo: info('regtest'),
      gettxout: ([txid]) =>
        txid === 'aa'.repeat(32) ? '{"value":0.07999999,"confirmations":0,"scriptPubKey":{"hex":"51"}}' : 'null',
      estimatesmartfee: '{"feerate":0.00003001,"blocks":6}',
    });
    expect(await facts({ tip: true, coins: [A, B], feerate: true })).toEqual({
      facts: {
        tip: 105,
        coins: new Map<string, unknown>([
          [A, { sat: 7_999_999n, script: '51', confirmations: 0 }],
          [B, 'missing'],
        ]),
        feerate: 3001,
      },
      checks: { tip: 'chain', coins: 'chain', feerate: 'chain' },
    });
  });

  it('looks at the tip anew each time, at the network once', async () => {
    let blocks = 100;
    const { facts, asked } = await source({
      getblockchaininfo: () => `{"chain":"regtest","blocks":${blocks++},"bestblockhash":"ff"}`,
      gettxout: 'null',
    });
    expect((await facts({ tip: true })).facts.tip).toBe(100);
    expect((await facts({ tip: true, coins: [A] })).facts.tip).toBe(101);
    await facts({ coins: [A] });
    expect(asked()).toEqual(['getblockchaininfo', 'getblockchaininfo', 'gettxout', 'gettxout']);
  });

  it('lets an explicit tip and feerate win, and asks nothing for them', async () => {
    const { facts, asked } = await source(
      { getblockchaininfo: info('regtest'), gettxout: 'null' },
      { tip: 7, feerate: 5000 },
    );
    expect(await facts({ tip: true, feerate: true })).toEqual({
      facts: { tip: 7, feerate: 5000 },
      checks: { tip: 'given', feerate: 'flag' },
    });
    expect(asked()).toEqual([]);
    expect((await facts({ tip: true, coins: [A] })).checks).toEqual({ tip: 'given', coins: 'chain' });
    expect(asked()).toEqual(['getblockchaininfo', 'gettxout']);
  });

  it('falls back to the default feerate where the node has none, not where it is gone', async () => {
    const { facts } = await source({ getblockchaininfo: info('regtest') });
    expect(await facts({ feerate: true })).toEqual({ facts: { feerate: 2000 }, checks: { feerate: 'default' } });
    const gone = factSource({ network: 'regtest', rpc: new Rpc({ url: 'http://127.0.0.1:9' }) });
    await expect(gone.facts({ feerate: true })).rejects.toMatchObject({ code: 'chain-unavailable' });
  });

  it('takes what a full mempool asks for where there is no estimate', async () => {
    const least = (btc: string) => ({ getmempoolinfo: `{"size":9,"mempoolminfee":${btc}}` });
    const { facts } = await source({ getblockchaininfo: info('regtest'), ...least('0.00012345') });
    expect(await facts({ feerate: true })).toEqual({ facts: { feerate: 12_345 }, checks: { feerate: 'chain' } });
    // sat for 1000 vB, and whose rate it is
    for (const [btc, feerate, whose] of [
      ['0.00001000', 2000, 'default'],
      ['0.00001999', 2000, 'default'],
      ['0.00002000', 2000, 'default'],
      ['0.00002001', 2001, 'chain'],
    ] as const) {
      const calm = await source({ getblockchaininfo: info('regtest'), ...least(btc) });
      expect(await calm.facts({ feerate: true })).toEqual({ facts: { feerate }, checks: { feerate: whose } });
    }
  });

  /** An estimate in BTC for 1000 vB, and what is taken for it in sat: nodes relay less than 1 sat/vB, contracts do not. */
  it.each([
    ['0.00000000', 1_000],
    ['0.00000100', 1_000],
    ['0.00000999', 1_000],
    ['0.00001000', 1_000],
    ['0.00001001', 1_001],
    ['0.05000000', 5_000_000],
  ])('takes an estimate of %s for %i sat', async (btc, feerate) => {
    const { facts } = await source({ getblockchaininfo: info('regtest'), estimatesmartfee: `{"feerate":${btc}}` });
    expect(await facts({ feerate: true })).toEqual({ facts: { feerate }, checks: { feerate: 'chain' } });
  });
  it.each([
    ['estimatesmartfee', '{"feerate":0.05000001}'],
    ['getmempoolinfo', '{"mempoolminfee":0.05000001}'],
  ])('refuses what no fee can be, as %s says it: fee-too-high', async (method, answer) => {
    const { facts } = await source({ getblockchaininfo: info('regtest'), [method]: answer });
    await expect(facts({ feerate: true })).rejects.toMatchObject({ code: 'fee-too-high' });
  });

  it('asks for many coins, two hundred in one request', async () => {
    const coins = Array.from({ length: 450 }, (_, i) => `${'cc'.repeat(32)}:${i}`);
    const { facts, requests } = await source({ getblockchaininfo: info('regtest'), gettxout: 'null' });
    expect((await facts({ coins })).facts.coins).toEqual(new Map(coins.map((coin) => [coin, 'missing'])));
    expect(requests).toEqual([1, 200, 200, 50]);
  });

  it.each([
    ['mainnet', 'main'],
    ['mainnet', 'mainnet'],
    ['testnet', 'test'],
    ['testnet', 'testnet3'],
    ['testnet4', 'testnet4'],
    ['signet', 'signet'],
  ] as const)('%s is called %s', async (network, chain) => {
    const { facts } = await source({ getblockchaininfo: info(chain, fresh) }, { network });
    expect((await facts({ tip: true })).facts.tip).toBe(105);
  });

  it('refuses a node of another network, again and again', async () => {
    const { facts } = await source({ getblockchaininfo: info('main', fresh), gettxout: 'null' });
    for (const queries of [{ tip: true }, { coins: [A] }, { coins: [A] }, { feerate: true }] as const)
      await expect(facts(queries)).rejects.toMatchObject({
        code: 'wrong-network',
        message: expect.stringContaining('mainnet, regtest expected'),
      });
  });

  it('refuses a node that is behind, and believes it once it has caught up', async () => {
    let age = 91 * 60;
    const { facts } = await source(
      { getblockchaininfo: () => info('main', `,"time":${NOW - age}`) },
      { network: 'mainnet' },
    );
    await expect(facts({ tip: true })).rejects.toMatchObject({
      code: 'chain-stale',
      exit: 69,
      message: expect.stringContaining('91 minutes'),
    });
    age = 90 * 60;
    expect((await facts({ tip: true })).facts.tip).toBe(105);
  });

  it('a block that stays the newest grows no younger where the clock is set back; another one is as old as it says', async () => {
    const clock = { now: NOW, uptime: 1_000 };
    let block = NOW - 60 * 60;
    const { facts } = await source(
      { getblockchaininfo: () => info('main', `,"time":${block}`) },
      { network: 'mainnet', now: () => clock.now, uptime: () => clock.uptime },
    );
    const height = async () => (await facts({ tip: true })).facts.tip;
    expect(await height()).toBe(105);
    // Half an hour passes, in which the clock is set back by one: ninety minutes old, and a second later no longer taken.
    clock.uptime += 30 * 60;
    clock.now -= 30 * 60;
    expect(await height()).toBe(105);
    clock.uptime += 1;
    await expect(height()).rejects.toMatchObject({
      code: 'chain-stale',
      message: expect.stringContaining('90 minutes'),
    });
    clock.now = NOW + 24 * 60 * 60;
    await expect(height()).rejects.toMatchObject({ code: 'chain-stale' });
    block = clock.now;
    expect(await height()).toBe(105);
    clock.now -= 24 * 60 * 60;
    expect(await height()).toBe(105);
  });

  it('refuses a node in its first download, and asks btcd for the time of the block', async () => {
    const loading = await source(
      { getblockchaininfo: info('main', `,"time":${NOW},"initialblockdownload":true`) },
      { network: 'mainnet' },
    );
    await expect(loading.facts({ tip: true })).rejects.toMatchObject({ code: 'chain-stale' });
    const old = await source(
      { getblockchaininfo: info('mainnet'), getblockheader: `{"time":${NOW - 90 * 60 - 60}}` },
      { network: 'mainnet' },
    );
    await expect(old.facts({ coins: [A] })).rejects.toMatchObject({ code: 'chain-stale' });
  });
});
