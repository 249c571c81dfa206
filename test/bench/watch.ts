/** What a look of `watch` and a mass exit cost at ten times the number of contracts, in CPU time of this process; the node is in memory. */
import { txidOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look } from '../../src/lib/engine/watch.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { contractId } from '../../src/lib/credit/terms.ts';
import { update } from '../../src/lib/credit/transactions.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { opened, pair, payMessages } from '../support/credit.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { many } from '../support/many.ts';
import { report } from './measure.ts';

const DEADLINE = 4_856;
const COIN = '{"value":0.012,"confirmations":9,"scriptPubKey":{"hex":"51"}}';

/** Milliseconds of CPU and requests of one look over so many contracts, all of which are due or none. */
async function oneLook(contracts: number, due: boolean, seed: number): Promise<{ cpu: number; requests: number }> {
  const both = await pair(seed);
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const pattern = (await both.payee.record(id)) as PayeeCredit;
  const writes = Array.from({ length: contracts }, (_, i) => {
    const made = many(pattern, { expiry: DEADLINE + pattern.terms.margin_blocks - (i % 50) });
    const c = { ...made, id: contractId(made.terms) };
    const exit = withWitness(update(c, c.paidSat), [[new Uint8Array(64)]]);
    return writeOf(creditKind, { ...c, exit } as PayeeCredit, null, 0);
  });
  await both.payee.home.store.commit(plainCommit({ reads: [], writes }));
  const node = await startFakeNode({
    getblockchaininfo: `{"chain":"regtest","blocks":${due ? DEADLINE : 1_000},"bestblockhash":"aa"}`,
    gettxout: COIN,
    estimatesmartfee: '{"feerate":0.00012}',
    getmempoolinfo: '{"mempoolminfee":0.00001}',
    submitpackage: ([txs]) => {
      const results = (txs as string[]).map(txidOfHex).map((txid) => [txid, { txid }]);
      return JSON.stringify({ package_msg: 'success', 'tx-results': Object.fromEntries(results) });
    },
  });
  const rpc = new Rpc({ url: node.url });
  const post = homePost(both.payee.home, both.payee.ports(), undefined);
  let exits = 0;
  const start = process.cpuUsage();
  await look(
    post,
    { rpc, source: factSource({ network: 'regtest', rpc }) },
    { confirmations: 6, feeBudgetSat: null },
    async (_, e) => {
      if (e.event === 'exit' && 'child_txid' in e) exits += 1;
    },
  );
  const { user, system } = process.cpuUsage(start);
  node.close();
  both.close();
  if (exits !== (due ? contracts : 0)) throw new Error(`${exits} of ${contracts} exits sent with a child`);
  return { cpu: (user + system) / 1_000, requests: node.requests.length };
}

export async function benchWatch(): Promise<boolean[]> {
  const results: boolean[] = [];
  await oneLook(100, true, 151);
  for (const [what, few, due] of [
    ['a look of watch over ten times as many contracts', 1_000, false],
    ['a mass exit of ten times as many contracts', 60, true],
  ] as const) {
    const one = await oneLook(few, due, 153);
    const ten = await oneLook(10 * few, due, 155);
    console.log(
      `      ${(ten.cpu / 10 / few).toFixed(2)} ms and ${(ten.requests / 10 / few).toFixed(3)} requests for each contract`,
    );
    results.push(report({ what, ratio: ten.cpu / one.cpu, limit: 11, unit: '× the CPU time' }));
    results.push(report({ what, ratio: ten.requests / one.requests, limit: 11, unit: '× the requests' }));
  }
  return results;
}
