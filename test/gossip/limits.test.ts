/** The limits of searches for routes. */
import { describe } from 'vitest';
import GossipPath from '../../src/commands/gossip/path.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import { pathDocument, SEARCH_LIMITS } from '../../src/lib/gossip/path.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { command } from '../support/command.ts';
import { GossipRate, GOSSIP_LIMITS } from '../../src/lib/gossip/rate.ts';
import { describeGraph, makeNetwork, node2, update2 } from '../support/gossip.ts';
import { limits } from '../support/limits.ts';

const { graph } = graphOf(new TextEncoder().encode(JSON.stringify(describeGraph(makeNetwork(3, 3, 1)))), 'json');
const [payer, payee] = graph.nodes.map(({ node_id: id }) => id!);

describe('a search for a route', () =>
  limits(SEARCH_LIMITS, {
    amount: {
      takes: (amountMsat) =>
        pathDocument(graph, { payer: payer!, payee: payee!, amountMsat, maxHops: 3, avoid: [], finalDelta: 18 }),
      below: 'malformed-message',
      above: 'malformed-message',
    },
    hops: {
      takes: async (hops: number) => {
        const ends = ['--payer', 'a', '--payee', 'b', '--amount-msat', '1'];
        const ended = await command(GossipPath, [...ends, '--max-hops', String(hops), '/nowhere']);
        if (ended.code !== 'no-input') throw new Refusal('usage', ended.message);
      },
      below: 'usage',
      above: 'usage',
    },
  }));

describe('a message of version 2', () => {
  const TIP = 801_000;
  const kept = (message: Uint8Array) => new GossipRate(TIP).judge(message)!.kept;
  limits(GOSSIP_LIMITS, {
    height: [
      {
        takes: (height: number) => kept(update2(height)),
        below: 'not taken',
        above: 'not taken',
        figures: [800_000, TIP],
      },
      { takes: (height: number) => kept(node2(height)), below: 'not taken', above: 'not taken', figures: [0, TIP] },
    ],
  });
});
