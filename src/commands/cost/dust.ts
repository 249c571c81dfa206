import { BaseCommand } from '../../lib/cli/base.ts';
import { print } from '../../lib/cli/output.ts';
import { dustCost } from '../../lib/cost/chain.ts';

export default class CostDust extends BaseCommand {
  static override summary = 'The least outputs that nodes relay, of each form';
  static override description = `BOLT3's table, by which channels trim their outputs, and Bitcoin Core's own at its default of 3 sat/vB; they differ for taproot, where BOLT3 takes the general figure of an unknown segwit script.`;
  static override examples = [
    'What do channels trim?\nspillway cost dust | jq .bolt3_sat',
    'What is the least taproot output?\nspillway cost dust | jq .core_sat.p2tr',
  ];
  static override exits = [0, 2, 70] as const;

  async run(): Promise<void> {
    await this.parse(CostDust);
    await print(dustCost());
  }
}
