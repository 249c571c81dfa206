/** What spends a coin in the newest blocks, each of which is read once. */
import { expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { spendersIn } from '../../src/lib/chain/blocks.ts';
import { txidOfHex, unsignedHex } from '../../src/lib/bitcoin/transaction.ts';
import { FakeChain } from '../support/chain.ts';
import { fakeNode } from './node.ts';

const script = `5120${'ab'.repeat(32)}`;
const coin = { txid: 'c0'.repeat(32), vout: 1, sat: 10_000n, script };
const spending = (vout: number, sat: bigint): string =>
  unsignedHex({
    version: 3,
    locktime: 0,
    inputs: [{ ...coin, vout, sequence: 0xfffffffd }],
    outputs: [{ sat, script }],
  });

async function scene() {
  const chain = new FakeChain(1_000);
  chain.give(coin);
  const { url, asked } = await fakeNode(chain.answers(false));
  const blocks = () => asked.splice(0).filter(({ method }) => method === 'getblock').length;
  return { chain, spenders: spendersIn(new Rpc({ url })), blocks };
}

it('is found however deep, as far as blocks are kept, and not sought again', async () => {
  const { chain, spenders, blocks } = await scene();
  const hex = spending(1, 9_000n);
  chain.accept([hex]);
  expect(await spenders(coin)).toBe(undefined); // in the mempool only
  expect(blocks()).toBe(288);
  chain.mine(3);
  expect(await spenders(coin)).toEqual({ txid: txidOfHex(hex), hex, confirmations: 3 });
  expect(blocks()).toBe(4); // three new ones, the last of them whole
  chain.mine(2);
  expect(await spenders(coin)).toMatchObject({ confirmations: 5 });
  expect(blocks()).toBe(0);
  expect(await spenders({ ...coin, vout: 0 })).toBe(undefined);
});
it('is sought anew where its block was taken back', async () => {
  const { chain, spenders } = await scene();
  const [first, second] = [spending(1, 9_000n), spending(1, 7_000n)];
  chain.accept([first]);
  chain.mine(2);
  expect(await spenders(coin)).toMatchObject({ hex: first });
  chain.reorganise(2, true);
  expect(await spenders(coin)).toBe(undefined);
  chain.accept([second]);
  chain.mine(1);
  expect(await spenders(coin)).toMatchObject({ hex: second, confirmations: 1 });
});
it.each([-1, 0, 1])('counts where its block has %i confirmations', async (confirmations) => {
  const chain = new FakeChain(1_000);
  chain.give(coin);
  chain.accept([spending(1, 9_000n)]);
  chain.mine(1);
  let told: number | undefined;
  const answers = chain.answers();
  const { url } = await fakeNode({
    ...answers,
    getblockheader: async (params) => {
      const answer = answers['getblockheader'] as (params: unknown[]) => Promise<string> | string;
      const header = JSON.parse(await answer(params)) as object;
      return JSON.stringify({ ...header, ...(told !== undefined && { confirmations: told }) });
    },
  });
  const spenders = spendersIn(new Rpc({ url }));
  expect(await spenders(coin)).toMatchObject({ confirmations: 1 });
  told = confirmations;
  expect(await spenders(coin)).toEqual(confirmations > 0 ? expect.objectContaining({ confirmations }) : undefined);
});
it('what a pruned node does not have is left out, a node that starts is not', async () => {
  const { chain, spenders } = await scene();
  const pruned = new Rpc({
    url: (await fakeNode({ ...chain.answers(), getblock: { error: { code: -1, message: 'Block not available' } } }))
      .url,
  });
  expect(await spendersIn(pruned)(coin)).toBe(undefined);
  chain.starting = 2;
  await expect(spenders(coin)).rejects.toMatchObject({ code: 'chain-unavailable' });
});
it('is found in a block below those that were read before the node went away', async () => {
  const chain = new FakeChain(1_000);
  chain.give(coin);
  chain.accept([spending(1, 9_000n)]);
  chain.mine(3);
  const answers = chain.answers(false);
  let reads = 0;
  const { url } = await fakeNode({
    ...answers,
    getblock: (params) => {
      reads += 1;
      if (reads === 2) return { error: { code: -28, message: 'Loading block index...' } };
      return (answers['getblock'] as (params: unknown[]) => string)(params);
    },
  });
  const spenders = spendersIn(new Rpc({ url }));
  await expect(spenders(coin)).rejects.toMatchObject({ code: 'chain-unavailable' });
  expect(await spenders(coin)).toMatchObject({ confirmations: 3 });
});
