import { filter } from '../../lib/cli/filter.ts';
import { amountFlag, readNetwork } from './shared.ts';
import { arg, repeated, textFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { countDocument } from '../../lib/flow/document.ts';
import { memberPair } from '../../lib/flow/network.ts';

export default filter({
  summary: 'A small network counted out: the distributions that it can hold, the payments that it cannot make',
  description: `Reads a network as feasibility wealth does. Counts every way to share its capacity, those that its channels can hold, and over all of those the payments of each amount that cannot be made: all, and those of payers who own the amount. Up to ten million distributions.`,
  examples: [
    'Which payments fail?\nspillway feasibility count --amount 1 --amount 5 < network.json | jq -c ".payments[]"',
    'Between two members\nspillway feasibility count --payer a --payee c --amount 5 < network.json | jq .payments',
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: {
    amount: amountFlag('An amount to be paid', { ...repeated, default: [1] }),
    payer: textFlag('Only payments of this member', 'MEMBER', { dependsOn: ['payee'] }),
    payee: textFlag('Only payments to this member', 'MEMBER', { dependsOn: ['payer'] }),
    'max-input': maxInputFlag,
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async ({ maxInput, payer, payee, amount }, { file }) => {
    const { network } = await readNetwork(file, maxInput);
    const pair = payer !== undefined && payee !== undefined ? memberPair(network, payer, payee) : undefined;
    return countDocument(network, amount, pair);
  },
});
