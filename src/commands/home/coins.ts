import { door } from '../../lib/cli/door.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { countFlag, homeFlags, nodeFlags, satFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { progress } from '../../lib/cli/progress.ts';
import { GAP, SCAN_LIMITS } from '../../lib/engine/wallet-scan.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: "The coins of the home's own wallet, in the shape of Bitcoin Core's listunspent",
  description: `Asks a Bitcoin Core node to search its chain (scantxoutset: minutes on mainnet). Listed are confirmed coins that the mempool does not spend and that no live proposal of this home has reserved.
Looked at are all addresses that the home knows and --gap more, and so many behind each that holds a coin: ${GAP.known} by default, of a home made of its words or of a backup ${GAP.lost}. Where coins lie at the very end after ${SCAN_LIMITS.looks.most} searches, exit 3: run again, it goes on from there. Addresses up to the last that holds a coin are not given out anew.
With --pretend no node is asked: on regtest it prints a coin that exists on no chain, so that a contract can be tried without one.`,
  examples: [
    'Fund a contract from the home\nspillway coins --home user > coins.json\nspillway open-credit --home user --utxo coins.json --amount 1200000 --expires +4320 < offer.json',
    'What the home holds\nspillway coins --home user | jq "map(.amount) | add"',
    'Try a contract on regtest without a node\nspillway coins --home user --pretend 1300000 > coins.json',
    'A home made of its words, whose server strangers have asked for hundreds of thousands of offers\nspillway coins --home again --gap 1000000 | jq length',
  ],
  flags: {
    ...homeFlags,
    ...nodeFlags,
    gap: countFlag('So many addresses in a row without a coin end the search', SCAN_LIMITS.gap, { helpValue: 'N' }),
    pretend: satFlag('Print a coin of this amount that exists on no chain (regtest only)', {
      exclusive: ['gap', 'chain', 'chain-cookie'],
    }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 77],
  run: async (flags) => {
    const { pretend } = flags;
    if (pretend !== undefined) {
      const { pretendCoin } = await import('../../lib/engine/wallet.ts');
      return print([await withHome(flags, (home) => pretendCoin(home, pretend))]);
    }
    const { rpc } = await chainOf(flags);
    if (!rpc) throw new Refusal('usage', 'no node to ask, --chain URL expected', { hint: 'or set SPILLWAY_CHAIN' });
    const { walletCoins } = await import('../../lib/engine/wallet.ts');
    const line = progress('the node searches its chain …');
    const { coins, reserved, cutAt } = await withHome(flags, (home) => walletCoins(home, rpc, flags.gap)).finally(() =>
      line.stop(),
    );
    if (reserved > 0) note(`${reserved} more reserved by live proposals`);
    if (cutAt) {
      note(`looked at up to address ${cutAt.chain}/${cutAt.index}, and coins lie close to it: run it again to look on`);
      process.exitCode = 3;
    }
    return coins;
  },
});
