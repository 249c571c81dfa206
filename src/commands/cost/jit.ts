import { wholeFlag } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { jitCost } from '../../lib/cost/service.ts';

export default filter({
  summary: 'What a just-in-time channel costs (bLIP-52), and whether the payment can bear it',
  description: `The fee is the larger of --min-fee-msat and the share of the payment, rounded up. A payment that does not cover its fee is answered with payable: false and error 202, one that overflows 64 bits with 203, as LSPS2 numbers them.`,
  examples: [
    "The example of bLIP-52, which must be refused\nspillway cost jit --payment-msat 42000 --min-fee-msat 546000 --ppm 1200 | jq -c '{fee_msat, payable, error}'",
    'How much arrives?\nspillway cost jit --payment-msat 100000000 --min-fee-msat 546000 --ppm 1200 | jq .received_msat',
  ],
  flags: {
    'payment-msat': wholeFlag('What is paid', { required: true }),
    'min-fee-msat': wholeFlag('The least fee', { required: true }),
    ppm: wholeFlag('The share of the payment, in millionths', { required: true }),
    'min-payment-msat': wholeFlag('The least payment that is served'),
    'max-payment-msat': wholeFlag('The largest payment that is served'),
  },
  run: jitCost,
});
