import { wholeFlag } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { channelCost } from '../../lib/cost/service.ts';

export default filter({
  summary: 'Whether the sums of a channel order agree (bLIP-51)',
  description: `An order of LSPS1 is paid once: its fee, and the balance that the client gets back in the channel. Where they do not add up, problems says so; one example of bLIP-51 itself does not.`,
  examples: [
    'An order that adds up\nspillway cost channel --fee 8888 --balance 2000000 --total 2008888',
    'An example that does not add up\nspillway cost channel --fee 8888 --balance 2000000 --total 200888 | jq -c .problems',
  ],
  flags: {
    fee: wholeFlag('fee_total_sat', { required: true }),
    balance: wholeFlag('client_balance_sat', { required: true }),
    total: wholeFlag('order_total_sat', { required: true }),
  },
  run: channelCost,
});
