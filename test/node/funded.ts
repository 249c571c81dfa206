/** Contracts between two homes of this process, whose funding is on the chain of a real node. */
import { finalHex } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { Policy } from '../../src/lib/credit/terms.ts';
import type { Pair } from '../support/credit.ts';
import type { TestNode } from './node.ts';

/** Both homes see the node's height. */
export async function setTip(node: TestNode, both: Pair): Promise<void> {
  both.payee.chain.tip = both.payer.chain.tip = await node.height();
}

/** Opens a contract of 200,000 sat, whose funding is in the mempool then; its id. */
export async function openOn(node: TestNode, both: Pair, policy: Policy, expiry: number): Promise<string> {
  const { payee, payer } = both;
  const [at] = await payer.home.store.fresh(1);
  await payer.home.store.addAddresses([at!]);
  const coin = await node.fund(at!.address, 210_000n);
  await setTip(node, both);
  const utxo = [{ txid: coin.txid, vout: coin.vout, sat: 210_000n, script: coin.scriptPubKey }];
  const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
  const input = { utxo, amount: 200_000n, expires: { height: expiry } };
  const proposed = await payer.run(openCredit, { on: offered.message, input });
  const accepted = await payee.run(openCredit, { on: proposed.message });
  const { message: ready } = await payer.run(openCredit, { on: accepted.message });
  await node.rpc('sendrawtransaction', finalHex(ready['psbt'].funding).hex);
  return ready['contract'].id as string;
}
