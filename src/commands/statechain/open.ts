import * as Flags from '@oclif/core/flags';
import { ContractCommand, stepsOf } from '../../lib/cli/contract.ts';
import { coinsFrom, contractFlags, feeFlags, fundingFlags, keyFlags, psbtFrom } from '../../lib/cli/contract-flags.ts';
import { arg, satFlag } from '../../lib/cli/flags.ts';
import {
  EXPERIMENTAL,
  lockFlag,
  operatorFlag,
  operatorFrom,
  statechainPolicy,
  statechainPolicyFlags,
} from './shared.ts';
import { openStatechain } from '../../lib/statechain/open.ts';

export default class StatechainOpen extends ContractCommand {
  static override summary = 'Open a statecoin (experimental): a coin that changes owner without a transaction';
  static override description = `Four runs, operator and owner in turn, one message handed round. The funding transaction is shown only once the owner's backup is final and stored, in the home and in the folder of --refunds.

${EXPERIMENTAL}`;
  static override examples = [
    'Both homes on one machine\nspillway statechain-open --home operator --as operator --tip 1000 \\\n    | spillway statechain-open --home alice --amount 1000000 --utxo coins.json --tip 1000 \\\n    | spillway statechain-open --home operator --tip 1000 \\\n    | spillway statechain-open --home alice --tip 1000 > coin.json',
    'Funded by a Bitcoin Core wallet, in place of the second run\nspillway statechain-open --home alice --amount 1000000 < offered.json > addressed.json\nbitcoin-cli -named walletcreatefundedpsbt outputs="{\\"$(jq -r .address addressed.json)\\":0.01}" > funding.json\nspillway statechain-open --home alice --funding funding.json < addressed.json > proposed.json',
    'Nobody has answered: the coins of the proposal are free again\nspillway statechain-open --home alice --cancel < proposed.json',
  ];
  static override steps = stepsOf(openStatechain);
  static override args = { file: arg({ description: 'The message (default: stdin)' }) };
  static override flags = {
    ...contractFlags,
    as: Flags.option({ options: ['operator'] as const })({
      summary: 'Start: offer to serve a coin',
      helpGroup: 'ACTION',
    }),
    ...operatorFlag,
    ...lockFlag,
    amount: satFlag({ summary: 'Amount of the coin', helpGroup: 'FUNDING' }),
    utxo: fundingFlags.utxo,
    change: fundingFlags.change,
    funding: Flags.string({
      summary: "The unsigned PSBT by which another wallet funds the coin, on the 'addressed' message",
      helpValue: 'FILE',
      helpGroup: 'FUNDING',
    }),
    payout: keyFlags.payout,
    ...feeFlags,
    ...statechainPolicyFlags,
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(StatechainOpen);
    await this.open({
      flags,
      file: args.file,
      table: openStatechain,
      input: async (home) => ({
        as: flags.as,
        policy: await statechainPolicy(flags, flags.as !== undefined, home.network),
        operator: operatorFrom(flags.operator),
        amount: flags.amount,
        utxo: await coinsFrom(flags.utxo),
        funding: flags.funding === undefined ? undefined : await psbtFrom(flags.funding),
        payout: flags.payout,
        change: flags.change,
        allowFee: flags['allow-fee'] || undefined,
        maxLock: flags['max-lock'],
      }),
    });
  }
}
