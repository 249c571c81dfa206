import * as Flags from '@oclif/core/flags';
import { filter } from '../../lib/cli/filter.ts';
import { arg } from '../../lib/cli/flags.ts';
import { readGraph } from '../gossip/dumps.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { topologyOf } from '../../lib/gossip/topology.ts';
import { READINGS, type Attack } from '../../lib/sim/back-pressure.ts';
import { simulationDocument } from '../../lib/sim/document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/** Rate a second, above 0, with up to three decimals. */
const rateFlag = Flags.custom<number>({
  helpValue: 'PER_SECOND',
  parse: async (input) => {
    const rate = /^\d{1,6}(?:\.\d{1,3})?$/.test(input) ? Number(input) : 0;
    if (rate === 0)
      throw new Refusal('usage', `${JSON.stringify(input.slice(0, 20))} found, a rate above 0 like 0.5 expected`);
    return rate;
  },
});

/** Nodes on a way, at least and at most: `3-6`, from 2 to 27. */
const walkFlag = Flags.custom<[number, number]>({
  helpValue: 'LEAST-MOST',
  parse: async (input) => {
    const [, least, most] = /^([1-9]\d?)-([1-9]\d?)$/.exec(input)?.map(Number) ?? [];
    if (!least || !most || least < 2 || most < least || most > 27)
      throw new Refusal('usage', `${JSON.stringify(input.slice(0, 20))} found, a range from 2 to 27 like 3-6 expected`);
    return [least, most];
  },
});

export default filter({
  summary: 'Onion messages under load: who is heard when nodes limit their peers and drops are told',
  description: `Plays honest nodes that send along random walks, and an attack, on a random network or on any dump that gossip graph reads. Each node takes --limit messages a second of a peer. With --relay-depth a drop is told to the sender, which halves the limit of the peer that it stored last for that link, and passes the drop on so many times. Half a minute without a drop doubles a limit again. The proposal leaves open how far drops travel, and what --also names: whether the node that drops halves too (dropper), whether the burst shrinks with the limit (burst), whether an origin passes on drops of its own messages (origin). These decide whether one bounced message stops a network, so say which you take. The attacker heeds no drop. misattributed counts halvings of a peer by which the dropped message did not come.`,
  examples: [
    'A spammer with 20 links\nspillway onion-sim --attack spam --links 20 --total 2000 --seed 1 --seed 2 --seed 3 | jq .honest_delivered_percent',
    'One message a second that goes to and fro, and drops that travel\nspillway onion-sim --attack bounce --hops 382 --relay-depth 20 --also dropper --also burst --also origin | jq -c "[.honest_delivered_percent, .misattributed_percent]"',
  ],
  args: { file: arg({ description: 'A graph (default: a random network)' }) },
  flags: {
    nodes: Flags.integer({ summary: 'Nodes of the random network', default: 200, min: 2, max: 20_000 }),
    channels: Flags.integer({ summary: 'Its channels', default: 600, min: 1, max: 200_000 }),
    seconds: Flags.integer({ summary: 'How long nodes send', default: 120, min: 1, max: 3600 }),
    rate: rateFlag({ summary: 'Messages a second of an honest node', default: 0.5 }),
    walk: walkFlag({ summary: 'Nodes on the way of a message: least and most', default: [3, 6] }),
    limit: rateFlag({ summary: 'Messages a second that are taken of a peer', default: 10 }),
    'attacker-limit': rateFlag({
      summary: 'The same of the attacker: 1 is proposed for peers without a channel (default: --limit)',
    }),
    burst: Flags.integer({ summary: 'Messages that a peer may save up', default: 10, min: 1, max: 10_000 }),
    floor: rateFlag({ summary: 'The least that a limit is halved to', default: 0.1 }),
    'relay-depth': Flags.integer({
      summary: 'How many nodes pass a drop on; 0: nobody is told',
      default: 0,
      min: 0,
      max: 1000,
    }),
    retry: Flags.boolean({ summary: 'An origin that learns of a drop tries another walk once', default: false }),
    also: Flags.option({ options: READINGS, multiple: true, multipleNonGreedy: true, default: [] })({
      summary: 'A harsher reading of the proposal; may be given again',
    }),
    attack: Flags.option({ options: ['none', 'spam', 'bounce'] as const, default: 'none' as const })({
      summary: 'What the attacker does',
    }),
    links: Flags.integer({ summary: 'spam: links of the attacker', default: 20, min: 1, max: 20_000 }),
    total: rateFlag({ summary: 'spam: messages a second over all links', default: 2000 }),
    'attack-rate': rateFlag({ summary: 'bounce: messages a second', default: 1 }),
    hops: Flags.integer({
      summary: 'bounce: hops to and fro: 16 fit into 1,366 bytes, 382 into 32,834',
      default: 16,
      min: 2,
      max: 761,
    }),
    seed: Flags.string({ summary: 'A run for each', multiple: true, multipleNonGreedy: true, default: ['1'] }),
    'max-input': maxInputFlag,
  },
  run: async ({ maxInput: limit, seed: seeds, attack, ...flags }, { file }) => {
    const { links, total, attackRate: rate, hops } = flags;
    const attacks: Record<typeof attack, Attack> = {
      none: { kind: 'none' },
      spam: { kind: 'spam', links, total },
      bounce: { kind: 'bounce', rate, hops },
    };
    const topology = file === undefined ? flags : topologyOf(await readGraph(file, { limit }));
    return simulationDocument({ topology, rules: flags, attack: attacks[attack], seeds });
  },
});
