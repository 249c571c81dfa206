import * as Flags from '@oclif/core/flags';
import { ContractCommand, contractNamed, stepsOf } from '../../lib/cli/contract.ts';
import { coinsFrom, contractFlags, expiryFrom, feeFlags, fundingFlags } from '../../lib/cli/contract-flags.ts';
import { arg, satFlag } from '../../lib/cli/flags.ts';
import { htlcSwap } from '../../lib/htlc/swap.ts';

export default class HtlcSwap extends ContractCommand {
  static override summary = 'Swap coins with somebody by two HTLCs on one hash, in six messages handed round';
  static override description = `The initiator knows the preimage, pays first and claims first; the responder claims with what that shows. Each run checks the order of expiries, the height, and on the chain that the other side has paid. Whoever stops is refunded at the expiry of its own HTLC: its document is in the messages (.htlcs).`;
  static override examples = [
    'Agreed on one machine\nspillway htlc swap --home alice --as initiator --give 100000 --want 98000 --expires +288 \\\n    | spillway htlc swap --home bob --want 100000 --amount 98000 --expires +144 \\\n    | spillway htlc swap --home alice --utxo coins.json > funded.json',
    'Taken back where the other side has stopped\njq .htlcs.first funded.json | spillway htlc refund --home alice --utxo "$TXID:0:100000" | spillway broadcast',
    'Given up before anything was funded\nspillway htlc swap --home alice --cancel < accepted.json',
  ];
  static override steps = stepsOf(htlcSwap);
  static override args = { file: arg({ description: 'The message (default: stdin)' }) };
  static override flags = {
    ...contractFlags,
    as: Flags.option({ options: ['initiator'] as const })({
      summary: 'Start: offer a swap, with a fresh preimage',
      helpGroup: 'ACTION',
    }),
    give: satFlag({ summary: 'Start: what this home locks', helpGroup: 'ACTION' }),
    want: satFlag({ summary: 'What the other side is to lock; the responder says the least', helpGroup: 'ACTION' }),
    margin: Flags.integer({
      summary: 'Blocks between one deadline and the next: those offered, or the fewest accepted (default 36)',
      helpValue: 'N',
      min: 1,
      max: 10_000,
      helpGroup: 'ACTION',
    }),
    'min-conf': Flags.integer({
      summary: "Confirmations of the other's coin that this home waits for (default 3, on regtest 1)",
      helpValue: 'N',
      min: 1,
      max: 10_000,
      helpGroup: 'ACTION',
    }),
    amount: satFlag({ summary: 'Agree to lock this amount', helpGroup: 'ACTION' }),
    max: satFlag({ summary: 'Agree to lock at most so much in this run', helpGroup: 'ACTION' }),
    unchecked: Flags.boolean({
      summary: 'Go on although no node says that the other side has paid: loses everything where it has not',
      helpGroup: 'ACTION',
    }),
    'same-hash': Flags.boolean({
      summary: 'Responder: the hash is in another HTLC of this home, and that is meant',
      helpGroup: 'ACTION',
    }),
    ...fundingFlags,
    to: Flags.string({
      summary: "Address that a claim pays to (default: a fresh one of the home's)",
      helpValue: 'ADDRESS',
      helpGroup: 'KEYS',
    }),
    ...feeFlags,
  };

  async run(): Promise<void> {
    const { flags, args } = await this.parse(HtlcSwap);
    await this.open({
      flags,
      file: args.file,
      table: htlcSwap,
      input: async (home) => ({
        contract: await contractNamed(home, flags.contract),
        as: flags.as,
        give: flags.give,
        want: flags.want,
        expires: await expiryFrom(flags.expires),
        margin: flags.margin,
        minConf: flags['min-conf'],
        utxo: await coinsFrom(flags.utxo),
        change: flags.change,
        to: flags.to,
        allowFee: flags['allow-fee'] || undefined,
        unchecked: flags.unchecked || undefined,
        sameHash: flags['same-hash'] || undefined,
        amount: flags.amount,
        max: flags.max,
      }),
    });
  }
}
