import { door } from '../../lib/cli/door.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { txidOfHex } from '../../lib/bitcoin/transaction.ts';
import { documentIn, sendable, minedSteps } from '../../lib/engine/documents.ts';
import { readInput } from '../../lib/cli/input.ts';
import { arg, nodeFlags } from '../../lib/cli/flags.ts';
import type { Rpc } from '../../lib/chain/rpc.ts';
import { sendTransactions } from '../../lib/chain/send.ts';
import { note } from '../../lib/engine/log.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/**
 * Sends groups of transactions in order; ends at one that is not valid yet, once one was sent.
 * @throws Refusal as `send`
 */
async function sendAll(
  rpc: Rpc,
  network: string | undefined,
  groups: readonly (readonly string[])[],
): Promise<string[]> {
  const txids: string[] = [];
  const mined = await minedSteps(rpc, groups);
  for (const [i, txs] of groups.entries())
    try {
      txids.push(...(mined.has(i) ? txs.map(txidOfHex) : await sendTransactions(rpc, network, txs)));
    } catch (error) {
      if (txids.length === 0 || !(error instanceof Refusal) || error.code !== 'not-final') throw error;
      note(`${i} of ${groups.length} steps are sent; the next is not valid yet: run this again later`);
      process.exitCode = 3;
      break;
    }
  return txids;
}

export default door({
  summary: 'Send the transaction of a ready, complete, exit or bump document through a node',
  description: `Finalises what is signed, checks that the node is on the document's network, and sends. A transaction that the node has already is no error: repeat it as often as you like. Also reads a signed PSBT or a raw transaction. Of an exit package it sends the steps in their order; where a later one is not valid yet, the exit code is 3.`,
  examples: [
    'Fund a contract\nspillway open-credit --home user --tip 1000 < accepted.json | spillway broadcast --chain http://127.0.0.1:8332 --chain-cookie ~/.bitcoin/.cookie',
    'Exit, and pay for it with a child\nspillway exit-credit --home mint --contract "$ID" | spillway bump --home mint --feerate 20 | spillway broadcast',
  ],
  args: { file: arg('The document (default: stdin)') },
  flags: nodeFlags,
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: async (flags, { file }) => {
    const { network, txs, later = [] } = await sendable(documentIn(await readInput(file)));
    const { rpc } = await chainOf(flags);
    if (!rpc)
      throw new Refusal('usage', 'no node to send through, --chain URL expected', { hint: 'or set SPILLWAY_CHAIN' });
    const txids = await sendAll(rpc, network, [txs, ...later]);
    return { type: 'broadcast', version: 1, txid: txids.at(-1), txids };
  },
});
