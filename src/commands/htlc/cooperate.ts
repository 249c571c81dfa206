import * as Flags from '@oclif/core/flags';
import { ContractCommand, stepsOf } from '../../lib/cli/contract.ts';
import { contractFlags, feeFlags } from '../../lib/cli/contract-flags.ts';
import { arg, feerateFlag, satFlag } from '../../lib/cli/flags.ts';
import { coinFrom, htlcFrom } from './shared.ts';
import { htlcCooperate } from '../../lib/htlc/cooperate.ts';

export default class HtlcCooperate extends ContractCommand {
  static override summary = 'Spend a taproot HTLC together: one signature of both, at once, and no HTLC to be seen';
  static override description = `Whoever will broadcast opens; the other signs last and gives its own path up for the address that it sees. The HTLC must come from htlc create with both outputs of htlc key and --internal-key musig, or from htlc swap. Claim and refund stay valid until the spend confirms.`;
  static override examples = [
    'The recipient has shown the preimage; the payer lets it go cheaply\nspillway htlc cooperate --home bob --as claimer --htlc htlc.json --utxo "$TXID:0:100000" \\\n    | spillway htlc cooperate --home alice --amount 100000 \\\n    | spillway htlc cooperate --home bob | spillway broadcast',
    'An early refund\nspillway htlc cooperate --home alice --as refunder --htlc htlc.json --utxo "$TXID:0:100000" \\\n    | spillway htlc cooperate --home bob --amount 100000 \\\n    | spillway htlc cooperate --home alice > spent.json',
  ];
  static override steps = stepsOf(htlcCooperate);
  static override args = { file: arg({ description: 'The message (default: stdin)' }) };
  static override flags = {
    ...contractFlags,
    ...feeFlags,
    as: Flags.option({ options: ['claimer', 'refunder'] as const })({
      summary: 'Start: which party this home is',
      helpGroup: 'ACTION',
    }),
    htlc: Flags.string({ summary: 'Start: the document of htlc create', helpValue: 'FILE', helpGroup: 'ACTION' }),
    utxo: Flags.string({ summary: 'Start: the coin', helpValue: 'TXID:VOUT:SAT', helpGroup: 'ACTION' }),
    to: Flags.string({
      summary: "Start: address to be paid to (default: a fresh one of the home's)",
      helpValue: 'ADDRESS',
      helpGroup: 'ACTION',
    }),
    amount: satFlag({ summary: 'Agree to give up an HTLC of this amount', helpGroup: 'ACTION' }),
    max: satFlag({ summary: 'Agree to give up at most so much in this run', helpGroup: 'ACTION' }),
    'max-feerate': feerateFlag({
      summary: "The most that the other's proposal may cost (default 100)",
      helpGroup: 'FEES',
    }),
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(HtlcCooperate);
    await this.open({
      flags,
      file: args.file,
      table: htlcCooperate,
      input: async () => ({
        as: flags.as,
        htlc: flags.htlc === undefined ? undefined : await htlcFrom(flags.htlc),
        utxo: flags.utxo === undefined ? undefined : coinFrom(flags.utxo),
        to: flags.to,
        allowFee: flags['allow-fee'] || undefined,
        maxFeerate: flags['max-feerate'],
        amount: flags.amount,
        max: flags.max,
      }),
    });
  }
}
