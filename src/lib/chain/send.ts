/** Sends transactions: twice has the effect of once. Refusals of the node get our words. */
import { txidOfHex } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { RpcError, type Rpc } from './rpc.ts';
import { networkOfNode } from './source.ts';

/**
 * Sends one transaction, or a parent and its child as a package.
 * @returns the ids in the order given
 * @throws Refusal `wrong-network`, `not-final`, `inputs-spent`, `node-refused`, `chain-unavailable`
 */
export async function sendTransactions(
  rpc: Rpc,
  network: string | undefined,
  txs: readonly string[],
): Promise<string[]> {
  const found = networkOfNode((await rpc.blockchainInfo()).chain);
  if (network !== undefined && found !== network)
    throw new Refusal('wrong-network', `the node at ${rpc.at} is on ${found}, the document is for ${network}`);
  const txids = txs.map(txidOfHex);
  if (txs.length === 1) {
    await sendOne(rpc, txs[0]!);
    return txids;
  }
  const { message, transactions } = await rpc.submitPackage(txs).catch((error: unknown) => {
    throw error instanceof RpcError ? inWords(error.message) : error;
  });
  if (message === 'success') return txids;
  // A transaction that the node has already is no failure. Without any other error, the package as a whole was
  // refused.
  const errors = transactions.flatMap(({ error }) => error ?? []);
  const failed = errors.find((error) => !isKnown(error));
  if (failed !== undefined || errors.length === 0) throw inWords(failed ?? message);
  return txids;
}

async function sendOne(rpc: Rpc, tx: string): Promise<void> {
  try {
    await rpc.sendTransaction(tx);
  } catch (error) {
    // -25 to -27: the node has judged the transaction; other numbers are about the call.
    if (!(error instanceof RpcError) || error.rpcCode > -25 || error.rpcCode < -27) throw error;
    if (!isKnown(error.message)) throw inWords(error.message);
  }
}

const isKnown = (words: string): boolean =>
  /already in (block chain|mempool|utxo set)|txn-already-(known|in-mempool)|already have transaction|transaction already exists/i.test(
    words,
  );

function inWords(words: string): Refusal {
  if (/non-(?:BIP68-)?final|not finalized/i.test(words)) return new Refusal('not-final', `the node says: ${words}`);
  if (/missing-?or-?spent|missingorspent|missing inputs|orphan transaction|already spent|conflict/i.test(words))
    return new Refusal('inputs-spent', `the node says: ${words}`);
  return new Refusal('node-refused', `the node says: ${words}`);
}
