import * as Flags from '@oclif/core/flags';
import { filter } from '../../lib/cli/filter.ts';
import { arg, heightFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag, wholeFlag } from '../../lib/cli/stateless.ts';
import { pathDocument, SEARCH_LIMITS } from '../../lib/gossip/path.ts';
import { dumpFlag, readGraph } from './dumps.ts';

const nodeFlag = (summary: string) =>
  Flags.custom<string | number>({
    summary,
    helpValue: 'NODE',
    required: true,
    parse: async (input) => (/^\d{1,9}$/.test(input) ? Number(input) : input),
  })({ required: true });

export default filter({
  summary: 'The cheapest route of a payment through a graph, as the input of onion-route',
  description: `Reads any dump that gossip graph reads. A hop weighs its fee, and its delay at 15 millionths of a thousandth of the amount a block, as lnd counts it. Where there is no route, found is false, and the certificate names who can reach the payee: no channel from anybody else into that set carries the amount.`,
  examples: [
    'From a graph to a packet\nspillway gossip path --payer $ME --payee $SHOP --amount-msat 100000 --height 930000 < graph.json | spillway onion-route | spillway onion-build',
    'What would it cost?\nspillway gossip path --payer $ME --payee $SHOP --amount-msat 100000 --height 930000 graph.json | spillway onion-route | jq .fees_msat',
  ],
  args: { file: arg({ description: 'The graph, or another dump (default: stdin)' }) },
  flags: {
    payer: nodeFlag('Who pays: a public key, or the number of a node in a gossmap'),
    payee: nodeFlag('Who is paid'),
    'amount-msat': wholeFlag({ summary: 'What the payee gets', required: true }),
    height: heightFlag({ summary: 'Height of the newest block, for onion-route' }),
    'final-delta': Flags.integer({ summary: 'Blocks that the payee asks for', default: 18, min: 1, max: 2016 }),
    avoid: Flags.string({
      summary: 'A channel that is not used',
      helpValue: 'SCID',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
    }),
    'max-hops': Flags.integer({
      summary: 'Channels at most',
      default: 20,
      min: SEARCH_LIMITS.hops.least,
      max: SEARCH_LIMITS.hops.most,
    }),
    dump: dumpFlag,
    'max-input': maxInputFlag,
  },
  run: async ({ dump, maxInput: limit, ...search }, { file }) =>
    pathDocument(await readGraph(file, { limit, dump }), search),
});
