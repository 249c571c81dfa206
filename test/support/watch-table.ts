/** Cells of a table of `watch`: one real look each, on a chain that shows what its row says. */
import { unsignedHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { look, type Post, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from './chain.ts';

/** State of the chain. @typeParam Tx names of transactions that can lie in a mempool or block */
export interface Shown<Tx extends string> {
  tip: number;
  tx?: Tx | 'stranger';
  /** Sum that its child pays. */
  childSat?: bigint;
  /** In a block, so deep. */
  deep?: number;
  feerate?: number;
  least?: number;
  /** The coin was never there. */
  gone?: true;
  index?: false;
}
export const BUDGETS: Record<string, bigint> = { rich: 100_000n, poor: 0n };

/** A transaction that nobody signed, the larger the more outputs it has: what it spends is not looked at here. */
export const unsigned = (coin: Spent, left: bigint, outputs = 1): string =>
  unsignedHex({
    version: 3,
    locktime: 0,
    inputs: [{ ...coin, sequence: 0xfffffffd }],
    outputs: Array.from({ length: outputs }, (_, n) => ({
      sat: n === 0 ? left - 330n * BigInt(outputs - 1) : 330n,
      script: '5120' + 'ab'.repeat(32),
    })),
  });

/** The chain with the coin, and with what spends it. @param sent packages that its mempool takes, one after the other */
export function chainWith(shown: Shown<string>, coin: Spent, sent: readonly (readonly string[])[]): FakeChain {
  const chain = new FakeChain(shown.tip - (shown.deep ?? 0));
  if (!shown.gone) chain.give(coin);
  for (const txs of sent) {
    const why = chain.accept([...txs]);
    if (why !== undefined) throw new Error(`not taken: ${why}`);
  }
  chain.feerate = 0;
  if (shown.deep) chain.mine(shown.deep);
  chain.feerate = shown.feerate ?? 2_000;
  chain.least = shown.least ?? 1_000;
  return chain;
}

export interface Cell {
  text: string;
  events: WatchEvent[];
  before: string[];
  after: string[];
}
/** Returns what makes a look over a chain: one server answers for all of them. */
export async function tableNode() {
  let [current, index] = [new FakeChain(1), true];
  const answers = new Proxy({} as Record<string, any>, {
    get: (_, method: string) => current.answers(index)[method],
  });
  const { url } = await fakeNode(answers);
  const rpc = new Rpc({ url });
  return async (chain: FakeChain, shown: Shown<string>, post: Post, feeBudgetSat: bigint): Promise<Cell> => {
    [current, index] = [chain, shown.index ?? true];
    const events: WatchEvent[] = [];
    const before = chain.mempool.map(({ txid }) => txid);
    const node = { rpc, source: factSource({ network: 'regtest', rpc }) };
    const all = await look(post, node, { confirmations: 6, feeBudgetSat }, async (_, event) => void events.push(event));
    const words = events.map(({ event, by, code, child_txid: child }) => {
      const of = typeof by === 'string' && event !== by ? ` ${by}` : '';
      return `${event}${of}${typeof code === 'string' ? ` (${code})` : ''}${child === undefined ? '' : '*'}`;
    });
    const text = `${words.length > 0 ? words.join(' + ') : '·'}${all ? '' : ' !'}`;
    return { text, events, before, after: chain.mempool.map(({ txid }) => txid) };
  };
}
