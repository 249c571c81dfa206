import { filter } from '../../lib/cli/filter.ts';
import { feerateFlag, repeated, wholeFlag } from '../../lib/cli/flags.ts';
import { phoenixdCost } from '../../lib/cost/service.ts';

export default filter({
  summary: 'What receiving with phoenixd costs, payment by payment, from the first satoshi',
  description: `Each --receive is a payment, in order. One that finds no room buys liquidity: 1 percent of it and of the auto-liquidity, 1,000 sat for the first channel, and mining. One that cannot pay that becomes fee credit, which goes into the next purchase and is never given back. Every constant is a flag.`,
  examples: [
    "The first big payment\nspillway cost phoenixd --receive 2000000 --feerate 5 | jq -c '.payments[0]'",
    "Many small ones: when does the channel open?\nspillway cost phoenixd --receive 10000 --receive 10000 --receive 10000 --feerate 5 | jq -c '.payments[]'",
  ],
  flags: {
    receive: wholeFlag('A payment in satoshis', { ...repeated, required: true }),
    feerate: feerateFlag('Fee rate of the chain', { required: true }),
    'auto-liquidity': wholeFlag('Satoshis that are bought at once (default 2000000)'),
    basis: wholeFlag('Service fee in hundredths of a percent (default 100)'),
    'new-channel': wholeFlag('Satoshis for the first channel (default 1000)'),
    vb: wholeFlag('Virtual bytes that are paid for (default 271)'),
  },
  run: phoenixdCost,
});
