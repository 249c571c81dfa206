import { filter } from '../../lib/cli/filter.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags, textFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { nowFrom, packageFlags, packageText } from '../../lib/cli/package-flags.ts';
import { feeFlags } from '../../lib/cli/contract-flags.ts';
import { revoke, wayBack } from './own.ts';

export default filter({
  summary: 'Take a pledge back: the finished transaction that spends its coin to this home',
  description: `Prints the transaction that was made with the pledge, for spillway broadcast. A pledge has no other end: until a block has this transaction, whoever has the pledge can complete with it. Against a transaction that completes the campaign, whichever a block takes first stands; the higher fee rate replaces the other in the mempool, and spillway bump raises it. The pledge is not printed again.`,
  examples: [
    'Taken back and sent\nspillway pledge revoke --home alice --contract "$CAMPAIGN" | spillway broadcast',
    'The home is lost: its copy lies beside it\nspillway broadcast < "alice.refunds/pledge-$TXID-0.json"',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    contract: textFlag('Id of the campaign, or at least its first 8 digits', 'ID', {
      required: true,
      helpGroup: 'ACTION',
    }),
    coin: textFlag('The pledged coin, where several of this home are pledged to it', 'TXID:VOUT', 'ACTION'),
    ...packageFlags,
    ...feeFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const { source } = await portsOf(home, flags);
      if (flags.quote) {
        const way = await wayBack(home, flags.contract, flags.coin);
        return print(await packageText('pledge', way, flags, await nowFrom(source), home));
      }
      const { document, exit, isThere } = await revoke(home, flags.contract, flags.coin, source);
      await print(flags.package ? await packageText('pledge', exit, flags, await nowFrom(source), home) : document);
      if (isThere) return;
      note('the coin is not among the unspent ones: it may have paid the campaign, or be taken back already');
      process.exitCode = 3;
    }),
});
