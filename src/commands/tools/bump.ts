import { coinsFrom, contractFlags, feeFlags, fundingFlags, psbtFrom } from '../../lib/cli/contract-flags.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { arg, chainFlags, homeFlags } from '../../lib/cli/flags.ts';
import { outpointsOf } from '../../lib/bitcoin/coin-checks.ts';
import { door } from '../../lib/cli/door.ts';
import { bump, stuckOf, leastChild } from '../../lib/engine/bump.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { documentIn, settlement, nextStep } from '../../lib/engine/documents.ts';
import { readInput } from '../../lib/cli/input.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Pay for a transaction that is stuck: a child from one of its outputs, as a package for submitpackage',
  description: `Reads an exit, refund, complete, ready or htlc document, or an exit package, and makes a child of the largest output that belongs to this home, and of an anchor where there is one, so that both together reach --feerate. From an anchor alone, for somebody else's exit, it needs --utxo and --change. Coins of --utxo are added where that output is not enough; coins of another wallet wait for --merge. The child pays back to the same address unless --change names another. Making it again with a higher fee rate replaces it. With a node it pays for what it takes the place of: the other child of a transaction that is in the mempool, whoever made that. Of an exit package with several steps it pays for the first that is in the mempool, else for the next to be sent: the first that the node does not show in a block. Without a node that is the first of all.`,
  examples: [
    'An exit in a fee spike\nspillway exit-credit --home mint --contract "$ID" | spillway bump --home mint --feerate 40 | spillway broadcast',
    'The same by hand\nspillway bump --home mint --feerate 40 < exit.json | jq -c .package | xargs -0 bitcoin-cli submitpackage',
  ],
  args: { file: arg('The document (default: stdin)') },
  flags: {
    ...homeFlags,
    ...chainFlags,
    utxo: fundingFlags.utxo,
    change: fundingFlags.change,
    merge: contractFlags.merge,
    psbt: contractFlags.psbt,
    ...feeFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: async (flags, { file }) => {
    if (flags.psbt !== undefined && flags.psbt !== 'child')
      throw new Refusal('nothing-to-print', `--psbt ${flags.psbt} found, child expected`);
    const read = documentIn(await readInput(file));
    if (!('document' in read))
      throw new Refusal(
        'malformed',
        'a PSBT or transaction found, a document of this program expected: it says what is spent',
      );
    const found = await settlement(read.document);
    const { rpc } = await chainOf(flags);
    const stuck = stuckOf({ ...found, ...(await nextStep(rpc, found)) });
    const coins = flags.utxo === undefined ? [] : await coinsFrom(flags.utxo);
    const merged = await Promise.all((flags.merge ?? []).map(psbtFrom));
    await withHome(flags, async (home) => {
      if (stuck.network !== home.network)
        throw new Refusal('wrong-network', `a document for ${stuck.network} found, this home is for ${home.network}`);
      const { source } = await portsOf(home, flags);
      const { facts, checks: seen } = await source.facts({ feerate: true, coins: outpointsOf(coins) });
      const { coins: _, ...checks } = seen;
      const made = await bump(home, stuck, {
        coins,
        seen: facts.coins!,
        merged,
        feerate: facts.feerate!,
        ...(rpc && (await leastChild(rpc, stuck.hex))),
        payTo: flags.change,
        allowFee: flags.allowFee,
      });
      await print(
        flags.psbt === undefined
          ? printJson({ type: 'bump', version: 1, network: home.network, ...made.document, checks })
          : made.psbt,
      );
      if (!made.complete) {
        note('sign psbt.child in the wallet that owns the added coins, and give it back with --merge FILE');
        process.exitCode = 3;
      }
    });
  },
});
