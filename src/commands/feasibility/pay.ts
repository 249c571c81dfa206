import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { amountFlag, readNetwork, wealthFlag, wealthOf } from './shared.ts';
import { arg } from '../../lib/cli/flags.ts';
import { print } from '../../lib/cli/output.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { liquidityDocument, payDocument } from '../../lib/flow/document.ts';
import { pairOf } from '../../lib/flow/network.ts';

export default class FeasibilityPay extends BaseCommand {
  static override summary =
    'Can this payment be made at all: by any balance of the channels, or as they are balanced now?';
  static override description = `Reads a network as feasibility wealth does. By wealth, the answer holds whatever routes, splits and rebalancing are used. With --liquidity each channel states liquidity_sat by member, and the answer is a smallest cut: the most that can be paid over all routes together, and where it is too little, the set that cannot send more.`;
  static override examples = [
    'Whatever the routes\nspillway feasibility pay --payer a --payee c --amount 6 < network.json',
    'As things are\nspillway feasibility pay --payer a --payee c --amount 6 --liquidity < balances.json | jq .most_sat',
  ];
  static override args = { file: arg({ description: 'The network (default: stdin)' }) };
  static override flags = {
    payer: Flags.string({ summary: 'Who pays', helpValue: 'MEMBER', required: true }),
    payee: Flags.string({ summary: 'Who is paid', helpValue: 'MEMBER', required: true }),
    amount: amountFlag({ summary: 'Satoshis', required: true }),
    wealth: wealthFlag,
    liquidity: Flags.boolean({ summary: 'Take the channels as they are balanced', exclusive: ['wealth'] }),
    'max-input': maxInputFlag,
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(FeasibilityPay);
    const read = await readNetwork(args.file, flags['max-input']);
    const payment = { ...pairOf(read.network, flags.payer, flags.payee), amount: flags.amount };
    await print(
      flags.liquidity
        ? liquidityDocument(read.network, payment)
        : payDocument(read.network, await wealthOf(read, flags.wealth), payment),
    );
  }
}
