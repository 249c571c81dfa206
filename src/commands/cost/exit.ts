import { filter } from '../../lib/cli/filter.ts';
import { choiceFlag, feerateFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { EXIT_CLIENTS, exitCost } from '../../lib/cost/chain.ts';

export default filter({
  summary: 'What it costs to leave a channel factory alone, and the balance from which that is worth it',
  description: `Leaving puts the branch of the tree on the chain, a child for each transaction that pays for it, and the commitment. A balance is worth leaving with from three times that fee on (--times). --clients takes the branch of a SuperScalar tree; --exit-vb and --transactions any other. --users says what a mass exit takes at least: every leaf once, ancestors shared.`,
  examples: [
    "For 8, 128 and 1000 clients at 10 sat/vB\nfor n in 8 128 1000; do spillway cost exit --clients $n --feerate 10 | jq -c '[.vb, .least_balance_sat]'; done",
    "A hundred million users with one satoshi each\nspillway cost exit --clients 1000 --feerate 1 --users 100000000 --balance 1 | jq -c '.worth_it, .mass_exit'",
  ],
  flags: {
    clients: choiceFlag(EXIT_CLIENTS, 'Clients of a SuperScalar tree with leaves and branches of two', {
      exclusive: ['exit-vb'],
    }),
    'exit-vb': wholeFlag('Virtual bytes of the branch', { dependsOn: ['transactions'] }),
    transactions: wholeFlag('Transactions of the branch', { dependsOn: ['exit-vb'] }),
    feerate: feerateFlag('Fee rate of the chain', { required: true }),
    'child-vb': wholeFlag('Size of a child that pays the fee (default 152)'),
    'commitment-vb': wholeFlag('Size of the commitment (default 154)'),
    times: wholeFlag('A balance is worth it from so many times the fee on (default 3)'),
    balance: wholeFlag('Is this balance worth it?'),
    users: wholeFlag('All leave at once: so many'),
    'leaf-vb': wholeFlag('Size of a leaf in a mass exit (default 43)'),
    'block-vb': wholeFlag('Size of a block (default 1000000)'),
  },
  run: exitCost,
});
