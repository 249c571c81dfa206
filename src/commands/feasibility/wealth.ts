import { filter } from '../../lib/cli/filter.ts';
import { readNetwork, wealthFlag, wealthOf } from './shared.ts';
import { arg } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { wealthDocument } from '../../lib/flow/document.ts';

export default filter({
  summary: 'Can the members of a network own so much each, however its channels are balanced?',
  description: `Reads {channels: [{id?, members: [a, b, …], capacity_sat, reserve_sat?, credit_sat?}], wealth_sat: {a: n, …}}, or any dump that gossip graph reads with --wealth. A channel may have more than two members; reserve and credit are a number, or an object by member. Yes comes with one way to balance the channels. No comes with a certificate: a set whose members would own less than the channels inside it hold. Exact, in whole satoshis.`,
  examples: [
    'Two channels of three people\necho \'{"channels":[{"members":["a","b"],"capacity_sat":10},{"members":["b","c"],"capacity_sat":11}],"wealth_sat":{"a":15,"b":4,"c":2}}\' | spillway feasibility wealth',
    'Which set would own too little?\nspillway feasibility wealth --wealth wishes.json network.json | jq -c .certificate',
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: { wealth: wealthFlag, 'max-input': maxInputFlag },
  run: async ({ maxInput, wealth }, { file }) => {
    const read = await readNetwork(file, maxInput);
    return wealthDocument(read.network, await wealthOf(read, wealth));
  },
});
