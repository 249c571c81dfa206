import { door } from '../../lib/cli/door.ts';
import { arg, choiceFlag, countFlag, flagOf, repeated, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { readGraph } from '../gossip/dumps.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { topologyOf } from '../../lib/gossip/topology.ts';
import { READINGS, type Attack } from '../../lib/sim/back-pressure.ts';
import { simulationDocument } from '../../lib/sim/document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/** Rate a second, above 0, with up to three decimals. */
const rateFlag = flagOf('PER_SECOND', (input) => {
  const rate = /^\d{1,6}(?:\.\d{1,3})?$/.test(input) ? Number(input) : 0;
  if (rate === 0)
    throw new Refusal('usage', `${JSON.stringify(input.slice(0, 20))} found, a rate above 0 like 0.5 expected`);
  return rate;
});

/** Nodes on a way, at least and at most: `3-6`, from 2 to 27. */
const walkFlag = flagOf('LEAST-MOST', (input): [number, number] => {
  const [, least, most] = /^([1-9]\d?)-([1-9]\d?)$/.exec(input)?.map(Number) ?? [];
  if (!least || !most || least < 2 || most < least || most > 27)
    throw new Refusal('usage', `${JSON.stringify(input.slice(0, 20))} found, a range from 2 to 27 like 3-6 expected`);
  return [least, most];
});

export default door({
  summary: 'Onion messages under load: who is heard when nodes limit their peers and drops are told',
  description: `Plays honest nodes that send along random walks, and an attack, on a random network or on any dump that gossip graph reads. Each node takes --limit messages a second of a peer. With --relay-depth a drop is told to the sender, which halves the limit of the peer that it stored last for that link, and passes the drop on so many times. Half a minute without a drop doubles a limit again. The proposal leaves open how far drops travel, and what --also names: whether the node that drops halves too (dropper), whether the burst shrinks with the limit (burst), whether an origin passes on drops of its own messages (origin). These decide whether one bounced message stops a network, so say which you take. The attacker heeds no drop. misattributed counts halvings of a peer by which the dropped message did not come.`,
  examples: [
    'A spammer with 20 links\nspillway onion-sim --attack spam --links 20 --total 2000 --seed 1 --seed 2 --seed 3 | jq .honest_delivered_percent',
    'One message a second that goes to and fro, and drops that travel\nspillway onion-sim --attack bounce --hops 382 --relay-depth 20 --also dropper --also burst --also origin | jq -c "[.honest_delivered_percent, .misattributed_percent]"',
  ],
  args: { file: arg('A graph (default: a random network)') },
  flags: {
    nodes: countFlag('Nodes of the random network', [2, 20_000], { default: 200 }),
    channels: countFlag('Its channels', [1, 200_000], { default: 600 }),
    seconds: countFlag('How long nodes send', [1, 3600], { default: 120 }),
    rate: rateFlag('Messages a second of an honest node', { default: 0.5 }),
    walk: walkFlag('Nodes on the way of a message: least and most', { default: [3, 6] }),
    limit: rateFlag('Messages a second that are taken of a peer', { default: 10 }),
    'attacker-limit': rateFlag(
      'The same of the attacker: 1 is proposed for peers without a channel (default: --limit)',
    ),
    burst: countFlag('Messages that a peer may save up', [1, 10_000], { default: 10 }),
    floor: rateFlag('The least that a limit is halved to', { default: 0.1 }),
    'relay-depth': countFlag('How many nodes pass a drop on; 0: nobody is told', [0, 1000], { default: 0 }),
    retry: switchFlag('An origin that learns of a drop tries another walk once', { default: false }),
    also: choiceFlag(READINGS, 'A harsher reading of the proposal; may be given again', { ...repeated, default: [] }),
    attack: choiceFlag(['none', 'spam', 'bounce'], 'What the attacker does', { default: 'none' }),
    links: countFlag('spam: links of the attacker', [1, 20_000], { default: 20 }),
    total: rateFlag('spam: messages a second over all links', { default: 2000 }),
    'attack-rate': rateFlag('bounce: messages a second', { default: 1 }),
    hops: countFlag('bounce: hops to and fro: 16 fit into 1,366 bytes, 382 into 32,834', [2, 761], { default: 16 }),
    seed: textFlag('A run for each', undefined, { ...repeated, default: ['1'] }),
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
