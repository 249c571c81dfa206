/** How far the chain is searched for the coins of a home, in how many looks, and what of the node's word is believed. */
import { describe, expect, it } from 'vitest';
import { GAP, gapOf, SCAN_LIMITS, scanWallet } from '../../src/lib/engine/wallet-scan.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import type { WalletPath } from '../../src/lib/protocol/action.ts';
import { found, scanner, type Placed } from '../support/scan.ts';

const seed = seedOf(`${'abandon '.repeat(11)}about`);
const keys = homeKeys(seed, 'regtest');
const at = (index: number, chain: 0 | 1 = 0): WalletPath => ({ chain, index });
const scanned = async (coins: readonly Placed[], used: readonly WalletPath[], gap: number) => {
  const node = scanner(coins);
  const { coins: listed, cutAt } = await scanWallet(node, keys, used, gap);
  return { places: listed.map(({ path }) => `${path.chain}/${path.index}`), cutAt, ranges: node.ranges() };
};

describe('a range', () => {
  const last = SCAN_LIMITS.index.most;
  it.each(['mainnet', 'regtest'] as const)('has the addresses that the home gives out, on %s', async (network) => {
    const own = homeKeys(seed, network);
    const places = [0, 1, 2, 999, 1_000, 65_535, 1_000_000, last].flatMap((index) => [at(index), at(index, 1)]);
    const node = scanner(places);
    const { coins } = await scanWallet(node, own, [at(last), at(last, 1)], 1);
    expect(coins.map(({ path }) => path)).toEqual(expect.arrayContaining(places));
    expect(coins).toHaveLength(places.length);
    for (const { script, path } of coins) expect(script).toBe((await own.address(path)).script);
    // BIP86's own vector
    const vector = '5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c';
    expect(coins.some(({ script }) => script === vector)).toBe(network === 'mainnet');
  });
  it('is cut where a node takes no longer one', async () => {
    const { ranges } = await scanned([], [at(1_999_990)], 10);
    expect(ranges).toEqual(['0:0-999999 0:1000000-1999999 0:2000000-2000000 1:0-999']);
  });
  it('ends where a node still comes to an end', async () => {
    const node = scanner([]);
    await scanWallet(node, keys, [at(last - 5)], 10);
    expect(node.ranges()[0]).toContain(`-${last} 1:0-999`);
  });
});

describe('a search', () => {
  it('is one look where nothing lies behind what is known', async () => {
    const coins = [at(0), at(4), at(7, 1)];
    expect(await scanned(coins, [at(4), at(7, 1)], 10)).toEqual({
      places: ['0/0', '0/4', '1/7'],
      cutAt: undefined,
      ranges: ['0:0-14 1:0-1007'],
    });
  });
  it('of an empty home goes as far as the gap', async () => {
    expect((await scanned([], [], 10)).ranges).toEqual(['0:0-9 1:0-999']);
  });
  it('goes on from the last place that holds a coin, until a whole gap holds none', async () => {
    const { places, ranges } = await scanned([at(3), at(9), at(19), at(25)], [], 10);
    expect(places).toEqual(['0/3', '0/9', '0/19', '0/25']);
    expect(ranges).toEqual(['0:0-9 1:0-999', '0:10-19', '0:20-29', '0:30-35']);
  });
  it.each([
    [14, ['0/14']],
    [15, []],
  ])('finds a coin at place %i, ten after the last in use and no more: %j', async (index, places) => {
    expect((await scanned([at(index)], [at(4)], 10)).places).toEqual(places);
  });
  it('goes on along the chain that has more, as far as other wallets do along that of change', async () => {
    const { places, ranges } = await scanned([at(999, 1), at(1_500, 1)], [], 10);
    expect(places).toEqual(['1/999', '1/1500']);
    expect(ranges).toEqual(['0:0-9 1:0-999', '1:1000-1999', '1:2000-2500']);
  });
  it('counts a coin once that the node lists twice', async () => {
    const node = { scan: async () => ({ height: 100, coins: [...listed, ...listed] }) };
    const [desc] = await asked();
    const listed = found([desc!], [at(2)]);
    expect((await scanWallet(node, keys, [at(2)], 1)).coins).toHaveLength(1);
  });
  it('of a node that lists coins for ever ends, and says where', async () => {
    const everywhere = Array.from({ length: 40 }, (_, index) => at(index));
    const { places, cutAt, ranges } = await scanned(everywhere, [], 3);
    expect(ranges).toHaveLength(SCAN_LIMITS.looks.most);
    expect([places.length, cutAt]).toEqual([30, at(29)]);
    // Run again it goes on from there.
    expect((await scanned(everywhere, [at(29)], 3)).places).toHaveLength(40);
  });
  it('looks further in a home that may have lost its counter', () => {
    expect([gapOf({ mayRepeat: false }), gapOf({ mayRepeat: true })]).toEqual([GAP.known, GAP.lost]);
  });
});

/** What the first look asks for. */
async function asked() {
  let first: Parameters<typeof found>[0] = [];
  await scanWallet({ scan: async (descs) => ((first = descs), { height: 0, coins: [] }) }, keys, [at(50)], 1);
  return first;
}

describe('a node that lists what is not ours is refused', () => {
  const listing = (change: (coin: ReturnType<typeof found>[number]) => object, place = at(2)) => {
    let looks = 0;
    const scan: Parameters<typeof scanWallet>[0]['scan'] = async (descriptors) => {
      const wide = descriptors.map((one) => ({ ...one, range: [0, 1_000] as const }));
      const coins = looks++ > 0 ? [] : found(wide, [place]).map((coin) => ({ ...coin, ...change(coin) }));
      return { height: 100, coins };
    };
    return scanWallet({ scan }, keys, [], 10);
  };
  it('but for the same without a lie', async () => {
    for (const place of [at(2), at(9)]) expect((await listing(() => ({}), place)).coins).toHaveLength(1);
  });
  it('a place that it was asked for before, and said nothing of', async () => {
    let looks = 0;
    const scan: Parameters<typeof scanWallet>[0]['scan'] = async (descriptors) => {
      const wide = descriptors.map((one) => ({ ...one, range: [0, 1_000] as const }));
      return { height: 100, coins: found(wide, [at([9, 8][looks++]!)]) };
    };
    await expect(scanWallet({ scan }, keys, [], 10)).rejects.toMatchObject({ code: 'chain-unavailable' });
  });
  it.each([
    ['another script', () => ({ script: `5120${'11'.repeat(32)}` }), at(2)],
    ['another place', ({ desc }: { desc: string }) => ({ desc: desc.replace('/2]', '/3]') }), at(2)],
    ['no place', () => ({ desc: 'addr(bcrt1)#aaaaaaaa' }), at(2)],
    ['a place behind the range', () => ({}), at(10)],
    ['a hardened place', ({ desc }: { desc: string }) => ({ desc: desc.replace('/2]', '/2h]') }), at(2)],
  ])('%s', async (_, change, place) => {
    await expect(listing(change as never, place)).rejects.toMatchObject({
      code: 'chain-unavailable',
      message: expect.stringContaining('not a coin of this home'),
    });
  });
});
