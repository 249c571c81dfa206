import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { feerateFlag } from '../../lib/cli/flags.ts';
import { wholeFlag } from '../../lib/cli/stateless.ts';
import { EXIT_PATHS, exitCost } from '../../lib/cost/chain.ts';
import { print } from '../../lib/cli/output.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

interface Branch {
  clients?: '8' | '16' | '64' | '128' | '1000' | undefined;
  'exit-vb'?: bigint | undefined;
  transactions?: bigint | undefined;
}
/** @throws Refusal `usage` where no branch is named */
function pathOf({ clients, 'exit-vb': vb, transactions }: Branch): { transactions: bigint; vb: bigint } {
  if (clients !== undefined) return EXIT_PATHS[clients];
  if (vb === undefined || transactions === undefined)
    throw new Refusal('usage', 'no branch found: give --clients, or --exit-vb and --transactions');
  return { transactions, vb };
}
/** @throws Refusal `usage` for 0 */
function blockOf(vb: bigint): bigint {
  if (vb === 0n) throw new Refusal('usage', '--block-vb: 0 found, more expected');
  return vb;
}

export default class CostExit extends BaseCommand {
  static override summary =
    'What it costs to leave a channel factory alone, and the balance from which that is worth it';
  static override description = `Leaving puts the branch of the tree on the chain, a child for each transaction that pays for it, and the commitment. A balance is worth leaving with from three times that fee on (--times). --clients takes the branch of a SuperScalar tree; --exit-vb and --transactions any other. --users says what a mass exit takes at least: every leaf once, ancestors shared.`;
  static override examples = [
    "For 8, 128 and 1000 clients at 10 sat/vB\nfor n in 8 128 1000; do spillway cost exit --clients $n --feerate 10 | jq -c '[.vb, .least_balance_sat]'; done",
    "A hundred million users with one satoshi each\nspillway cost exit --clients 1000 --feerate 1 --users 100000000 --balance 1 | jq -c '.worth_it, .mass_exit'",
  ];
  static override flags = {
    clients: Flags.option({ options: ['8', '16', '64', '128', '1000'] as const })({
      summary: 'Clients of a SuperScalar tree with leaves and branches of two',
      exclusive: ['exit-vb'],
    }),
    'exit-vb': wholeFlag({ summary: 'Virtual bytes of the branch', dependsOn: ['transactions'] }),
    transactions: wholeFlag({ summary: 'Transactions of the branch', dependsOn: ['exit-vb'] }),
    feerate: feerateFlag({ summary: 'Fee rate of the chain', required: true }),
    'child-vb': wholeFlag({ summary: 'Size of a child that pays the fee (default 152)' }),
    'commitment-vb': wholeFlag({ summary: 'Size of the commitment (default 154)' }),
    times: wholeFlag({ summary: 'A balance is worth it from so many times the fee on (default 3)' }),
    balance: wholeFlag({ summary: 'Is this balance worth it?' }),
    users: wholeFlag({ summary: 'All leave at once: so many' }),
    'leaf-vb': wholeFlag({ summary: 'Size of a leaf in a mass exit (default 43)' }),
    'block-vb': wholeFlag({ summary: 'Size of a block (default 1000000)' }),
  };
  static override exits = [0, 2, 70] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(CostExit);
    await print(
      printJson(
        exitCost({
          path: pathOf(flags),
          feerateKvb: BigInt(flags.feerate),
          childVb: flags['child-vb'] ?? 152n,
          commitmentVb: flags['commitment-vb'] ?? 154n,
          times: flags.times ?? 3n,
          balance: flags.balance,
          users: flags.users,
          leafVb: flags['leaf-vb'] ?? 43n,
          blockVb: blockOf(flags['block-vb'] ?? 1_000_000n),
        }),
      ),
    );
  }
}
