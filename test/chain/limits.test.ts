/** The limits of what a node is believed, how much of an answer is read, and how far back. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JsonRpc, NODE_LIMITS } from '../../src/lib/chain/json-rpc.ts';
import { MINED_LIMITS, minedSince, RECENT_LIMITS, recentBlocks } from '../../src/lib/chain/blocks.ts';
import type { Rpc } from '../../src/lib/chain/rpc.ts';
import { CHAIN_LIMITS, factSource } from '../../src/lib/chain/source.ts';
import { limits } from '../support/limits.ts';

const NOW = 1_800_000_000;
const node = (age: number, least = 0, estimate?: number) =>
  ({
    at: 'node',
    blockchainInfo: async () => ({ chain: 'main', blocks: 1_000, bestBlock: 'ab', time: NOW - age }),
    feerate: async () => estimate,
    mempoolRates: async () => ({ least }),
  }) as unknown as Rpc;
const facts = (rpc: Rpc) => factSource({ network: 'mainnet', rpc, now: () => NOW });

describe('a node', () => {
  limits(CHAIN_LIMITS, {
    age: { takes: (n: number) => facts(node(n)).facts({ tip: true }), above: 'chain-stale' },
    relayed: {
      takes: async (n: number) => (await facts(node(0, n)).facts({ feerate: true })).facts.feerate === 2_000,
      above: 'not taken',
    },
    estimate: {
      takes: async (n: number) => (await facts(node(0, 0, n)).facts({ feerate: true })).facts.feerate === n,
      // What is below is paid as the least.
      below: 'not taken',
      above: 'fee-too-high',
    },
  });
  limits(MINED_LIMITS, {
    blocks: {
      async takes(n: number) {
        const rpc = {
          blockchainInfo: async () => ({ bestBlock: '1' }),
          block: async (hash: string) => ({ txids: [], previous: String(Number(hash) + 1) }),
        } as unknown as Rpc;
        return (await minedSince(rpc, String(n + 1))).txids !== undefined;
      },
      above: 'not taken',
    },
  });
  limits(RECENT_LIMITS, {
    blocks: {
      async takes(n: number) {
        const rpc = {
          hasIndex: async () => false,
          blockchainInfo: async () => ({ bestBlock: '1' }),
          block: async (hash: string) => ({
            txids: hash === String(n) ? ['aa'.repeat(32)] : [],
            previous: String(Number(hash) + 1),
          }),
        } as unknown as Rpc;
        return (await recentBlocks(rpc)('aa'.repeat(32))) === n;
      },
      above: 'not taken',
    },
  });
});

describe('an answer of a node', () => {
  afterEach(() => vi.unstubAllGlobals());
  const HEAD = '{"result":"';
  const TAIL = '","error":null}';
  const PART = Buffer.alloc(1_000_000, 'x');
  /** An answer of so many bytes, a part at a time. */
  function* parts(bytes: number): Generator<Buffer> {
    let left = bytes - HEAD.length - TAIL.length;
    yield Buffer.from(HEAD);
    for (; left > 0; left -= PART.length) yield PART.subarray(0, left);
    yield Buffer.from(TAIL);
  }
  limits(NODE_LIMITS, {
    answer: {
      async takes(n: number) {
        vi.stubGlobal('fetch', async () => new Response(ReadableStream.from(parts(n))));
        const { length } = (await new JsonRpc({ url: 'http://node' }).call('getblock')) as string;
        return length === n - HEAD.length - TAIL.length;
      },
      above: 'chain-unavailable',
    },
  });

  it('without end is not read further', async () => {
    let given = 0;
    const endless = function* () {
      for (; ; given += PART.length) yield PART;
    };
    vi.stubGlobal('fetch', async () => new Response(ReadableStream.from(endless())));
    await expect(new JsonRpc({ url: 'http://node' }).call('getblock')).rejects.toMatchObject({
      code: 'chain-unavailable',
      message: 'getblock at node: more than 64000000 bytes',
    });
    // One part more than there is room for, and one that waits.
    expect(given).toBeLessThanOrEqual(NODE_LIMITS.answer.most + 2 * PART.length);
  });
});
