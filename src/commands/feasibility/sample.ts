import { filter } from '../../lib/cli/filter.ts';
import { amountFlag, freshSeed, readNetwork } from './shared.ts';
import { arg, choiceFlag, countFlag, repeated, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { sampleDocument } from '../../lib/flow/document.ts';
import { SAMPLE_LIMITS } from '../../lib/flow/sample.ts';

export default filter({
  summary: 'How much can two members of a large network pay each other? Drawn pairs, and the most of each',
  description: `Reads a network as feasibility wealth does, or any dump of gossip. --draw liquidity balances every channel of two at random once; --draw wealth draws what members own for each pair, and keeps what the channels can hold. Two different questions: say which one you ask. For each pair the most that can be paid over all routes together is found exactly. The same --seed draws the same.`,
  examples: [
    'A tenth of a million pairs of the real network\nspillway feasibility sample --pairs 1000 --seed 1 gossmap.gz | jq -c ".amounts[]"',
    "From a node of one's own\nlncli describegraph | spillway feasibility sample --pairs 100 --amount 50000 | jq .quantiles_sat",
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: {
    pairs: countFlag('Pairs that are drawn', SAMPLE_LIMITS.pairs, { helpValue: 'N', default: 1000 }),
    seed: textFlag('Text that the draws follow from (default: a fresh one, which is printed)'),
    draw: choiceFlag(['liquidity', 'wealth'], 'What is drawn at random', { default: 'liquidity' }),
    amount: amountFlag('An amount to be paid', { ...repeated, default: [1000, 10_000, 100_000, 1_000_000] }),
    list: switchFlag('Print every pair too', { default: false }),
    'max-input': maxInputFlag,
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async ({ maxInput, amount: amounts, seed = freshSeed(), ...flags }, { file }) =>
    sampleDocument((await readNetwork(file, maxInput)).network, { ...flags, amounts, seed }),
});
