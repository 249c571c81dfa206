import { BaseCommand } from '../../lib/cli/base.ts';
import { camel } from '../../lib/cli/flags.ts';
import { wholeFlag } from '../../lib/cli/stateless.ts';
import { channelCost } from '../../lib/cost/service.ts';
import { print } from '../../lib/cli/output.ts';

export default class CostChannel extends BaseCommand {
  static override summary = 'Whether the sums of a channel order agree (bLIP-51)';
  static override description = `An order of LSPS1 is paid once: its fee, and the balance that the client gets back in the channel. Where they do not add up, problems says so; one example of bLIP-51 itself does not.`;
  static override examples = [
    'An order that adds up\nspillway cost channel --fee 8888 --balance 2000000 --total 2008888',
    'An example that does not add up\nspillway cost channel --fee 8888 --balance 2000000 --total 200888 | jq -c .problems',
  ];
  static override flags = {
    fee: wholeFlag({ summary: 'fee_total_sat', required: true }),
    balance: wholeFlag({ summary: 'client_balance_sat', required: true }),
    total: wholeFlag({ summary: 'order_total_sat', required: true }),
  };
  static override exits = [0, 2, 70] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(CostChannel);
    await print(channelCost(camel(flags)));
  }
}
