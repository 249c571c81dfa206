import { randomBytes } from 'node:crypto';
import { door } from '../../lib/cli/door.ts';
import { arg, countFlag, hexFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { simulateGossip } from '../../lib/gossip/reconcile-sim.ts';
import { MOST_BYTES, reconcileGossip } from '../../lib/gossip/reconcile.ts';
import { drawTopology, topologyOf } from '../../lib/gossip/topology.ts';
import { Draws } from '../../lib/protocol/draws.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { bitsFlag, capacityFlag } from '../sketch.ts';
import { readGraph } from './dumps.ts';

const simulated = { dependsOn: ['simulate'], helpGroup: 'SIMULATION', helpValue: 'N' };

export default door({
  summary: 'What two nodes know that the other does not, found by sketches, and the bytes that it took',
  description: `Reads two dumps as gossip graph does, and plays what two peers would do: each sends a sketch of its announcements and updates. Where the difference is larger than the sketch, extensions to twice the capacity follow, up to --most-bytes; then the set is halved. missing names what the first and the second lack; bytes compares with sending ids, or everything. A salt that both know keeps others from making messages collide. A difference of thousands takes minutes to decode: a smaller --most-bytes takes more bytes and less time.
With --simulate a whole network is played instead, random or with the channels of a dump. Messages come up at random nodes, each pair of peers meets once a period, and what flooding, ids and sketches send is counted. A difference that has room in a sketch counts as decoded; with --real every sketch is made and decoded.`,
  examples: [
    'Two nodes\nspillway gossip reconcile --bits 64 --capacity 32 mine/gossip_store theirs/gossip_store | jq .bytes',
    'What do I lack?\nspillway gossip reconcile --bits 64 --capacity 32 mine.json theirs.json | jq -c ".missing.first[]"',
    'A network of 200 nodes with ten peers each, 500 updates a minute\nspillway gossip reconcile --simulate --bits 32 --capacity 64 --peers 200 --degree 10 --rate 500 | jq .bytes_per_node_day',
  ],
  args: {
    first: arg('A dump; of a simulation the network (default: a random one)'),
    second: arg('Another dump (default: stdin)'),
  },
  flags: {
    bits: bitsFlag,
    capacity: capacityFlag,
    'most-bytes': countFlag('Bytes of a sketch at most, before the set is halved', [1, MOST_BYTES], {
      default: MOST_BYTES,
    }),
    salt: hexFlag('The 16 bytes that both parties share (default: fresh ones, which are printed)'),
    simulate: switchFlag('Play a network instead of two dumps', { exclusive: ['salt'] }),
    real: switchFlag('Make and decode every sketch', simulated),
    peers: countFlag('Nodes of a random network (default 100)', [2, 20_000], simulated),
    degree: countFlag('Peers of a node, on average (default 8)', [1, 1000], simulated),
    rate: countFlag('New messages a minute (default 100)', [1, 100_000], simulated),
    period: countFlag('Seconds between meetings (default 60)', [1, 3600], simulated),
    minutes: countFlag('How long messages come up (default 30)', [1, 1440], simulated),
    'message-bytes': countFlag('Bytes of a message (default 138, a channel_update)', [1, 65_535], simulated),
    seed: textFlag('Text that the draws follow from (default 1)', 'TEXT', { ...simulated, helpValue: 'TEXT' }),
    'max-input': maxInputFlag,
  },
  run: async ({ maxInput: limit, salt = randomBytes(16), ...flags }, { first, second }) => {
    if (flags.simulate) {
      const { peers = 100, degree = 8, seed = '1' } = flags;
      const draws = new Draws('gossip', seed);
      const topology =
        first === undefined
          ? drawTopology(peers, Math.round((peers * degree) / 2), draws)
          : topologyOf(await readGraph(first, { limit }));
      return simulateGossip(topology, flags, draws);
    }
    if (first === undefined) throw new Refusal('usage', 'no dump found: give two, or --simulate');
    if (salt.length !== 16) throw new Refusal('usage', `--salt: ${salt.length} bytes found, 16 expected`);
    return reconcileGossip(await readGraph(first, { limit }), await readGraph(second, { limit }), flags, salt);
  },
});
