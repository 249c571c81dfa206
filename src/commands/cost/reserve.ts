import { wholeFlag } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { reserveCost } from '../../lib/cost/chain.ts';

export default filter({
  summary: 'What of a channel cannot be spent: the reserve',
  description: `BOLT2 suggests one percent of the capacity for each side, and never less than the dust limit. --permille 0 is what channels without a reserve have.`,
  examples: [
    'A channel of a million\nspillway cost reserve --capacity 1000000',
    'A small channel\nspillway cost reserve --capacity 20000 | jq .spendable_sat',
  ],
  flags: {
    capacity: wholeFlag('Satoshis of the channel', { required: true }),
    permille: wholeFlag('The reserve in thousandths (default 10)'),
    dust: wholeFlag('The least reserve (default 354)'),
  },
  run: reserveCost,
});
