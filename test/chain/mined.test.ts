/** What was mined since a block: block by block, and not at all where that cannot be told. */
import { describe, expect, it } from 'vitest';
import { minedSince, MINED_LIMITS } from '../../src/lib/chain/blocks.ts';
import { RpcError, type Rpc } from '../../src/lib/chain/rpc.ts';

/** A chain of blocks b0, b1 … of two transactions each, and what it was asked. @param pruned the first that is still there */
function chainOf(height: number, { pruned = 0, starting = false } = {}) {
  const asked: string[] = [];
  const rpc = {
    blockchainInfo: async () => ({ bestBlock: `b${height}` }),
    async block(hash: string) {
      asked.push(hash);
      const n = Number(hash.slice(1));
      if (starting) throw new RpcError('loading', -28);
      if (n < pruned) throw new RpcError('pruned', -1);
      return { txids: [`${n}a`, `${n}b`], previous: n === 0 ? undefined : `b${n - 1}` };
    },
  };
  return { rpc: rpc as unknown as Rpc, asked };
}

describe('what was mined since', () => {
  it('the block before: one block is read', async () => {
    const { rpc, asked } = chainOf(9);
    expect(await minedSince(rpc, 'b8')).toEqual({ best: 'b9', txids: new Set(['9a', '9b']) });
    expect(asked).toEqual(['b9']);
  });

  it('three blocks, and none', async () => {
    const { rpc, asked } = chainOf(9);
    expect([...(await minedSince(rpc, 'b6')).txids!].sort()).toEqual(['7a', '7b', '8a', '8b', '9a', '9b']);
    expect(await minedSince(rpc, 'b9')).toEqual({ best: 'b9', txids: new Set() });
    expect(asked).toEqual(['b9', 'b8', 'b7']);
  });

  it('cannot be told where nobody has looked, and no block is read', async () => {
    const { rpc, asked } = chainOf(9);
    expect(await minedSince(rpc, undefined)).toEqual({ best: 'b9', txids: undefined });
    expect(asked).toEqual([]);
  });

  it('cannot be told of a block that was taken back, of pruned ones, or after too many', async () => {
    expect((await minedSince(chainOf(9).rpc, 'stale')).txids).toBeUndefined();
    expect((await minedSince(chainOf(9, { pruned: 8 }).rpc, 'b5')).txids).toBeUndefined();
    const { most } = MINED_LIMITS.blocks;
    const after = async (blocks: number) => (await minedSince(chainOf(100).rpc, `b${100 - blocks}`)).txids?.size;
    expect([await after(most - 1), await after(most), await after(most + 1)]).toEqual([
      2 * (most - 1),
      2 * most,
      undefined,
    ]);
  });

  it('is asked again of a node that is still starting', async () => {
    await expect(minedSince(chainOf(9, { starting: true }).rpc, 'b8')).rejects.toMatchObject({ rpcCode: -28 });
  });
});
