/**
 * A look of `watch` over a home of records of every family, in CPU time of this process, in which the node answers too: what
 * is due is sent first, the first look reads every record, and a later one none.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { txidOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { contractId } from '../../src/lib/credit/terms.ts';
import { update } from '../../src/lib/credit/transactions.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look } from '../../src/lib/engine/watch.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { freshKey } from '../../src/commands/htlc/home.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { htlcKeyKind, type HtlcKey } from '../../src/lib/htlc/records.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { build } from '../../src/lib/htlc/terms.ts';
import { viewOf } from '../../src/lib/htlc/view.ts';
import { swapKind } from '../../src/lib/htlc/swap-records.ts';
import { pledgeKind } from '../../src/lib/pledge/records.ts';
import { pledge } from '../../src/lib/pledge/table.ts';
import type { Kind } from '../../src/lib/protocol/action.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { ADDRESSES } from '../credit/things.ts';
import { ACCEPT, OFFER, WANT, pair as swappers } from '../htlc/scenes.ts';
import { opened, ownCoin, pair, payMessages, type Pair } from '../support/credit.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { many } from '../support/many.ts';
import { TestParty } from '../support/party.ts';
import { cast, coinOf, opened as openedCoin, transferMessages } from '../support/statechain.ts';
import { report } from './measure.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
const TIP = 1_000;
const DUE = 20;
const AT_ONCE = 5_000;
type Pattern = readonly [kind: Kind<any>, record: object];

let drawn = 0;
/** A name of as many digits as another: a key, a hash or an id. */
function another(name: string): string {
  const secret = Buffer.alloc(32).fill(7, 0, 1);
  secret.writeUInt32BE((drawn += 1), 28);
  return name.length === 66 ? bytesToHex(publicKey(secret)) : secret.toString('hex').slice(-name.length);
}
/** The same record under names of its own. */
function copyOf([kind, record]: Pattern): unknown {
  let text = printJson(record);
  for (const name of new Set(
    kind
      .claims(record)
      .join(' ')
      .match(/[0-9a-f]{40,}/g),
  ))
    text = text.replaceAll(name, another(name));
  return kind.parse(parseJson(text));
}

/** A record of each family, at rest. */
async function patterns(): Promise<(() => readonly [Kind<any>, unknown])[]> {
  const all = await cast(161);
  const coin = await openedCoin(all);
  await transferMessages(all.operator, all.alice, all.bob, coin);
  const statecoin = await coinOf(all.bob, coin);
  all.close();
  const both = await swappers(163);
  const { alice, bob } = both;
  const utxo = [await ownCoin(alice, 150_000n)];
  const offered = await alice.run(htlcSwap, { input: OFFER });
  const accepted = await bob.run(htlcSwap, { on: offered.message, amount: WANT, input: ACCEPT });
  await alice.run(htlcSwap, { on: accepted.message, input: { utxo } });
  const [swap] = await alice.home.store.list('htlc-swap');
  const paid = await htlcPayments(both);
  both.close();
  const [collector, pledger] = [await TestParty.make(165), await TestParty.make(166)];
  collector.chain.feerate = 1_000;
  const outputs = [{ address: ADDRESSES.p2tr, sat: 1_000_000n }];
  const { message } = await collector.run(pledge, { input: { outputs, until: { height: 2_000 } } });
  const own = await ownCoin(pledger, 400_000n);
  await pledger.run(pledge, { on: message, input: { utxo: [own], coin: outpointText(own) } });
  const [pledged] = await pledger.home.store.list('pledge');
  collector.close();
  pledger.close();
  const rest: Pattern[] = [
    [statecoinKind, statecoin],
    [swapKind, swapKind.parse(swap!.record) as object],
    // Its blocks were read before.
    [pledgeKind, { ...pledgeKind.parse(pledged!.record), unpaidTo: TIP }],
  ];
  return [...rest.map((of) => () => [of[0], copyOf(of)] as const), () => [htlcKeyKind, paid()] as const];
}
/** Payments of HTLCs that a home takes back from a height on. */
async function htlcPayments({ alice, bob }: { alice: TestParty; bob: TestParty }): Promise<() => HtlcKey> {
  const [claim, own] = [await freshKey(bob.home), await freshKey(alice.home)];
  const coin = { ...(await ownCoin(alice, 150_000n)), sequence: 0xfffffffd };
  const lock = { kind: 'height', value: 2_000 } as const;
  const terms = { network: 'regtest', variant: 'standard', hash: claim.hash, claim, lock, cooperative: true } as const;
  const amountSat = 100_000n;
  return () => {
    const key = { ...own, pubkey: another(own.pubkey), hash: { ...own.hash, hash160: another(own.hash.hash160) } };
    const htlc = createHtlc({ ...terms, refund: key });
    const [inputs, outputs] = [
      [{ ...coin, txid: another(coin.txid) }],
      [{ sat: amountSat, script: build(htlc).output }],
    ];
    const funding = { template: { version: 2 as const, locktime: 0, inputs, outputs }, witnesses: {} };
    const funded = { htlc: viewOf(htlc), over: false, amountSat, funding, coins: inputs.map(outpointText) };
    return { ...key, payout: ADDRESSES.p2tr, funded };
  };
}

/** Records of a home of so many: of every ten five contracts, two statecoins, a swap, an HTLC and a pledge; some of the contracts are due. */
async function fill(both: Pair, records: number): Promise<void> {
  const pattern = (await both.payee.record(await paidOver(both))) as PayeeCredit;
  const [statecoin, swap, pledged, htlc] = await patterns();
  const contract = (i: number): PayeeCredit => {
    if (i >= DUE) return many(pattern);
    const made = many(pattern, { expiry: TIP + pattern.terms.margin_blocks });
    const c = { ...made, id: contractId(made.terms) };
    return { ...c, exit: withWitness(update(c, c.paidSat), [[new Uint8Array(64)]]) };
  };
  for (let from = 0; from < records; from += AT_ONCE) {
    const writes = Array.from({ length: Math.min(AT_ONCE, records - from) }, (_, at) => {
      const kinds = [statecoin, statecoin, htlc, swap, pledged];
      const i = (from + at) / 10;
      const made = kinds[at % 10]?.();
      return made
        ? writeOf(...made, null, 0)
        : writeOf(creditKind, contract(Math.floor(i) * 5 + (at % 10) - 5), null, 0);
    });
    await both.payee.home.store.commit(plainCommit({ reads: [], writes }));
  }
}
async function paidOver(both: Pair): Promise<string> {
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  return id;
}

export async function benchMixed(records: number): Promise<boolean[]> {
  const both = await pair(167);
  await fill(both, records);
  const node = await startFakeNode({
    getblockchaininfo: `{"chain":"regtest","blocks":${TIP},"bestblockhash":"aa"}`,
    getblockhash: ([height]) => `"${String(height).padStart(64, '0')}"`,
    getblock: '"00"',
    gettxout: '{"value":0.012,"confirmations":1,"scriptPubKey":{"hex":"51"}}',
    estimatesmartfee: '{"feerate":0.00002}',
    getmempoolinfo: '{"mempoolminfee":0.00001}',
    sendrawtransaction: ([hex]) => JSON.stringify(txidOfHex(hex as string)),
  });
  const rpc = new Rpc({ url: node.url });
  const post = homePost(both.payee.home, both.payee.ports(), undefined);
  const lookOnce = async () => {
    const start = process.cpuUsage();
    const spent = (): number => {
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1e6;
    };
    const sent: number[] = [];
    const at = { rpc, source: factSource({ network: 'regtest', rpc }) };
    await look(post, at, { confirmations: 6, feeBudgetSat: null }, async (_, { event, message }) => {
      if (event !== 'exit' && event !== 'rebroadcast') throw new Error(`${event}: ${String(message)}`);
      sent.push(spent());
    });
    if (sent.length !== DUE) throw new Error(`${sent.length} of ${DUE} exits sent`);
    const all = spent();
    // The node keeps what it was asked.
    node.asked.length = node.requests.length = 0;
    gc();
    return { due: Math.max(...sent), all, heap: process.memoryUsage().heapUsed / 1e6 };
  };
  const first = await lookOnce();
  const later = await lookOnce();
  node.close();
  both.close();
  console.log(`      ${records} records: heap ${first.heap.toFixed(0)} and ${later.heap.toFixed(0)} MB after a look`);
  const what = `watch over ${records} records of all families`;
  return [
    report({ what: `${what}: the first look`, ratio: first.all, limit: 10, unit: 's of CPU' }),
    report({ what: `${what}: a later one`, ratio: later.all, limit: 5, unit: 's of CPU' }),
    report({ what: `${what}: what is due`, ratio: Math.max(first.due, later.due), limit: 1, unit: 's of CPU' }),
  ];
}
