/** The limits of what a node is believed, and how far back it is read. */
import { describe } from 'vitest';
import { RECENT_LIMITS, recentBlocks } from '../../src/lib/chain/recent.ts';
import type { Rpc } from '../../src/lib/chain/rpc.ts';
import { CHAIN_LIMITS, factSource } from '../../src/lib/chain/source.ts';
import { limits } from '../support/limits.ts';

const NOW = 1_800_000_000;
const node = (age: number, least = 0) =>
  ({
    at: 'node',
    blockchainInfo: async () => ({ chain: 'main', blocks: 1_000, bestBlock: 'ab', time: NOW - age }),
    feerate: async () => undefined,
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
  });
  limits(RECENT_LIMITS, {
    blocks: {
      async takes(n: number) {
        const rpc = {
          hasIndex: async () => false,
          blockchainInfo: async () => ({ bestBlock: '1' }),
          block: async (hash: string) => ({
            txids: hash === String(n) ? ['tx'] : [],
            previous: String(Number(hash) + 1),
          }),
        } as unknown as Rpc;
        return (await recentBlocks(rpc, new Set(['tx']))('tx')) === n;
      },
      above: 'not taken',
    },
  });
});
