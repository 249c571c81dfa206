/**
 * The search for a home's coins by ranged descriptors, on Bitcoin Core: what it derives are the addresses that the home gives out,
 * and what it says of each coin's place is so. btcd has no scantxoutset.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { freshAddress, walletCoins } from '../../src/lib/engine/wallet.ts';
import { GAP } from '../../src/lib/engine/wallet-scan.ts';
import type { WalletPath } from '../../src/lib/protocol/action.ts';
import { TestParty } from '../support/party.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();

describe.skipIf(found?.kind !== 'bitcoind')('coins on a node', () => {
  let node: TestNode;
  let party: TestParty;
  let rpc: Rpc;
  beforeAll(async () => {
    node = await TestNode.start(found!);
    rpc = new Rpc({ url: node.url });
    party = await TestParty.make();
  });
  afterAll(async () => {
    party?.close();
    await node?.stop();
  });

  /** Pays to a place of the home, whether it has given that out or not. */
  const fund = async (path: WalletPath, sat: bigint): Promise<string> => {
    const { address } = await (await party.home.keys()).address(path);
    return (await node.fund(address, sat)).txid;
  };

  it('a home that knows its addresses finds those behind them as far as its gap', async () => {
    const paid = [await fund({ chain: 0, index: GAP.known - 1 }, 10_000n), await fund({ chain: 1, index: 3 }, 20_000n)];
    const behind = await fund({ chain: 0, index: 2 * GAP.known }, 30_000n);
    const { coins, cutAt } = await walletCoins(party.home, rpc);
    expect(coins.map(({ txid }) => txid).sort()).toEqual(paid.sort());
    expect(cutAt).toBeUndefined();
    // The first of them has raised the counter: from there the gap reaches the third, not before it.
    expect((await freshAddress(party.home)).index).toBe(GAP.known);
    expect((await walletCoins(party.home, rpc)).coins.map(({ txid }) => txid)).toContain(behind);
  });

  it('a home made of its words finds them at once, and those far behind, each with the descriptor that Core derives', async () => {
    const far = await fund({ chain: 0, index: GAP.lost - 1 }, 40_000n);
    const last = await fund({ chain: 0, index: 2 * GAP.lost - 1 }, 50_000n);
    await party.fromWords();
    const { coins } = await walletCoins(party.home, rpc);
    expect(coins).toHaveLength(5);
    expect(coins.map(({ txid }) => txid)).toEqual(expect.arrayContaining([far, last]));
    for (const { desc, address } of coins) expect(await node.rpc('deriveaddresses', desc)).toEqual([address]);
    expect((await freshAddress(party.home)).index).toBe(2 * GAP.lost);
  });
});
