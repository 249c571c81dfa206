import { BaseCommand } from '../../lib/cli/base.ts';
import { camel } from '../../lib/cli/flags.ts';
import { wholeFlag } from '../../lib/cli/stateless.ts';
import { reserveCost } from '../../lib/cost/chain.ts';
import { print } from '../../lib/cli/output.ts';

export default class CostReserve extends BaseCommand {
  static override summary = 'What of a channel cannot be spent: the reserve';
  static override description = `BOLT2 suggests one percent of the capacity for each side, and never less than the dust limit. --permille 0 is what channels without a reserve have.`;
  static override examples = [
    'A channel of a million\nspillway cost reserve --capacity 1000000',
    'A small channel\nspillway cost reserve --capacity 20000 | jq .spendable_sat',
  ];
  static override flags = {
    capacity: wholeFlag({ summary: 'Satoshis of the channel', required: true }),
    permille: wholeFlag({ summary: 'The reserve in thousandths (default 10)' }),
    dust: wholeFlag({ summary: 'The least reserve (default 354)' }),
  };
  static override exits = [0, 2, 70] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(CostReserve);
    await print(reserveCost(camel(flags)));
  }
}
