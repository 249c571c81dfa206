import { hexFlag, switchFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { adsCost } from '../../lib/cost/service.ts';

export default filter({
  summary: 'What a liquidity ad charges (bolts#1153): mining, service, and what the seller signs',
  description: `Mining is the fee rate times the weight of the funding transaction that the buyer pays for; the service fee is a share of the smaller of what was asked for and what is contributed, and a base; for a new channel the creation fee too. rate is the ad in bytes; with --script, signing_hash is what the seller signs.`,
  examples: [
    'Mining and service\nspillway cost ads --feerate-kw 5000 --weight 1100 --basis 75 --requested 750000 --contributed 700000',
    'The whole price\nspillway cost ads --feerate-kw 2500 --weight 600 --basis 50 --base 300 --requested 1000000 --contributed 1000000 | jq .total_fee_sat',
  ],
  flags: {
    'feerate-kw': wholeFlag('Satoshis for 1000 weight units', { required: true }),
    weight: wholeFlag('Weight that the buyer pays for', { required: true }),
    basis: wholeFlag('Share in hundredths of a percent', { required: true }),
    base: wholeFlag('Base fee in satoshis (default 0)'),
    creation: wholeFlag('Fee for a new channel, in satoshis (default 0)'),
    new: switchFlag('The channel is new'),
    requested: wholeFlag('Satoshis that are asked for', { required: true }),
    contributed: wholeFlag('Satoshis that the seller adds', { required: true }),
    'min-amount': wholeFlag('Least amount of the ad (default 0)'),
    'max-amount': wholeFlag('Largest amount of the ad (default 4294967295)'),
    script: hexFlag('Script of the funding output'),
  },
  exits: [0, 2, 65, 70],
  run: adsCost,
});
