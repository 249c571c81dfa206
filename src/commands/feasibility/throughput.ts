import { countFlag } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { throughputDocument } from '../../lib/flow/document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default filter({
  summary: 'Payments a second that a network delivers, where those that it cannot make go to the chain',
  description: `A payment that no balance of the channels can make needs a transaction. With TPS transactions a second for them, BATCH payments repaired by each, and INFEASIBLE of PAYMENTS that could not be made, a network delivers BATCH · TPS · PAYMENTS / INFEASIBLE a second; the interval is that of the share (Wilson, 95 percent). Papers differ in the transactions a second that they assume, so it has no default.`,
  examples: [
    'What does one failure in ten thousand allow?\nspillway feasibility throughput --tps 14 --infeasible 1 --payments 10000',
    'What does a target need?\nspillway feasibility throughput --tps 14 --infeasible 3 --payments 10000 --target 47000 | jq -r .needs_percent',
  ],
  flags: {
    tps: countFlag('Transactions a second on the chain', [1, 1_000_000], { required: true }),
    batch: countFlag('Payments that one of them repairs', [1, 1_000_000], { default: 1 }),
    infeasible: countFlag('Payments that cannot be made', [0], { required: true }),
    payments: countFlag('Of so many', [1], { required: true }),
    target: countFlag('Payments a second that are wanted: prints the share that they allow', [1]),
  },
  run: (flags) => {
    if (flags.infeasible > flags.payments) throw new Refusal('usage', 'more --infeasible than --payments');
    return throughputDocument(flags);
  },
});
