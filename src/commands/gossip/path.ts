import { door } from '../../lib/cli/door.ts';
import { arg, countFlag, flagOf, heightFlag, repeated, textFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { pathDocument, SEARCH_LIMITS } from '../../lib/gossip/path.ts';
import { dumpFlag, readGraph } from './dumps.ts';

const nodeFlag = flagOf('NODE', (input): string | number => (/^\d{1,9}$/.test(input) ? Number(input) : input));

export default door({
  summary: 'The cheapest route of a payment through a graph, as the input of onion-route',
  description: `Reads any dump that gossip graph reads. A hop weighs its fee, and its delay at 15 millionths of a thousandth of the amount a block, as lnd counts it. Where there is no route, found is false, and the certificate names who can reach the payee: no channel from anybody else into that set carries the amount.`,
  examples: [
    'From a graph to a packet\nspillway gossip path --payer $ME --payee $SHOP --amount-msat 100000 --height 930000 < graph.json | spillway onion-route | spillway onion-build',
    'What would it cost?\nspillway gossip path --payer $ME --payee $SHOP --amount-msat 100000 --height 930000 graph.json | spillway onion-route | jq .fees_msat',
  ],
  args: { file: arg('The graph, or another dump (default: stdin)') },
  flags: {
    payer: nodeFlag('Who pays: a public key, or the number of a node in a gossmap', { required: true }),
    payee: nodeFlag('Who is paid', { required: true }),
    'amount-msat': wholeFlag('What the payee gets', { required: true }),
    height: heightFlag('Height of the newest block, for onion-route'),
    'final-delta': countFlag('Blocks that the payee asks for', [1, 2016], { default: 18 }),
    avoid: textFlag('A channel that is not used', 'SCID', { ...repeated, default: [] }),
    'max-hops': countFlag('Channels at most', SEARCH_LIMITS.hops, { default: 20 }),
    dump: dumpFlag,
    'max-input': maxInputFlag,
  },
  run: async ({ dump, maxInput: limit, ...search }, { file }) =>
    pathDocument(await readGraph(file, { limit, dump }), search),
});
