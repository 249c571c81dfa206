/** What became of a coin, as far as a node says, with and without an index of transactions. */
import { describe, expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { recentBlocks } from '../../src/lib/chain/blocks.ts';
import { anyMissing, spendOf } from '../../src/lib/chain/spends.ts';
import { fakeNode, type Answers } from './node.ts';

const [COIN, SPENDER, OTHER] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32)) as [string, string, string];
const out = (confirmations: number) => `{"value":1,"confirmations":${confirmations},"scriptPubKey":{"hex":"51"}}`;
const UNKNOWN = { error: { code: -5, message: 'No such mempool or blockchain transaction' } };
const NO_METHOD = { error: { code: -32601, message: 'Method not found' } };

/** The newest; what is below the last is pruned. */
const blocks: Record<string, string> = {
  b4: `{"tx":["${COIN}"],"previousblockhash":"b3"}`,
  b3: `{"tx":["${OTHER}"],"previousblockhash":"b2"}`,
  b2: `{"tx":["${OTHER}","${SPENDER}"],"previousblockhash":"b1"}`,
  b1: `{"tx":[],"previousblockhash":"b0"}`,
};
const getblock = ([hash]: unknown[]) =>
  blocks[String(hash)] ?? { error: { code: -1, message: 'Block not available (pruned data)' } };
const INFO = '{"chain":"regtest","blocks":3,"bestblockhash":"b3"}';

async function asked(answers: Answers) {
  const { url } = await fakeNode({
    gettxout: 'null',
    getrawtransaction: UNKNOWN,
    getindexinfo: '{"txindex":{"synced":true}}',
    getblockchaininfo: INFO,
    getblock,
    gettxspendingprevout: `[{"txid":"${COIN}","vout":0}]`,
    getmempoolentry: '{"vsize":150,"descendantsize":250,"fees":{"base":0.00000300,"descendant":0.00001000}}',
    ...answers,
  });
  const rpc = new Rpc({ url });
  return spendOf(rpc, { txid: COIN, vout: 0 }, [SPENDER], { recent: recentBlocks(rpc) });
}
const tx = (txid: string, said: string) => (params: unknown[]) => (params[0] === txid ? said : UNKNOWN);

describe('a coin', () => {
  it('is unspent', async () => {
    expect(await asked({ gettxout: out(3) })).toEqual({ coin: 'unspent', spend: null });
  });
  it('is spent in a block, by one that is known', async () => {
    const found = await asked({ getrawtransaction: tx(SPENDER, '{"blockhash":"ff","confirmations":4}') });
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, hex: null, confirmations: 4, paying: null } });
  });
  it('is spent in the mempool, with what the spender and its children pay', async () => {
    const found = await asked({ getrawtransaction: tx(SPENDER, '{}') });
    const paying = { feeSat: 1_000n, vsize: 250, own: { feeSat: 300n, vsize: 150 } };
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, hex: null, confirmations: 0, paying } });
  });
  it('is not spent by a transaction of a block that was taken back', async () => {
    const stale = tx(SPENDER, '{"blockhash":"ff","confirmations":0}');
    expect(await asked({ getrawtransaction: stale })).toEqual({ coin: 'absent', spend: null });
  });
  it('is found without an index, by an output of the spender', async () => {
    const gettxout = ([txid, vout]: unknown[]) => (txid === SPENDER && vout === 1 ? out(2) : 'null');
    const found = await asked({ gettxout, getindexinfo: '{}' });
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, hex: null, confirmations: 2, paying: null } });
  });
  it('is found without an index and without an output left, in the newest blocks, once for all', async () => {
    const found = await asked({ getindexinfo: '{}' });
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, hex: null, confirmations: 2, paying: null } });
    let best = INFO;
    const { url, asked: calls } = await fakeNode({ getindexinfo: '{}', getblockchaininfo: () => best, getblock });
    const recent = recentBlocks(new Rpc({ url }));
    expect([await recent(SPENDER), await recent(COIN), await recent(SPENDER)]).toEqual([2, undefined, 2]);
    // As far as they are kept, each once.
    expect(calls.map(({ method, params }) => (method === 'getblock' ? params[0] : method))).toEqual([
      'getindexinfo',
      'getblockchaininfo',
      'b3',
      'b2',
      'getblockchaininfo',
      'b1',
      'b0',
      'getblockchaininfo',
      'getblockchaininfo',
    ]);
    best = INFO.replace('b3', 'b4'); // a block that came since
    expect([await recent(COIN), await recent(SPENDER)]).toEqual([1, 3]);
  });
  it('is as deep as the present tip says, wherever it was found before', async () => {
    let best = INFO;
    const { url } = await fakeNode({ getindexinfo: '{}', getblockchaininfo: () => best, getblock });
    const recent = recentBlocks(new Rpc({ url }));
    expect(await recent(SPENDER)).toBe(2);
    best = INFO.replace('b3', 'b4'); // a block that came since
    expect(await recent(SPENDER)).toBe(3);
    best = INFO.replace('b3', 'b1'); // its block was taken back
    expect(await recent(SPENDER)).toBe(undefined);
  });
  it('is looked for further once a node that was starting goes on', async () => {
    let reads = 0;
    const { url } = await fakeNode({
      getindexinfo: '{}',
      getblockchaininfo: INFO,
      getblock: (params) => {
        reads += 1;
        return reads === 2 ? { error: { code: -28, message: 'Loading block index...' } } : getblock(params);
      },
    });
    const recent = recentBlocks(new Rpc({ url }));
    await expect(recent(SPENDER)).rejects.toMatchObject({ code: 'chain-unavailable' });
    expect(await recent(SPENDER)).toBe(2);
  });
  it('is looked for by many at once in blocks that are read once, and no half of two ids is one', async () => {
    const [early, late] = [`${'0a'.repeat(16)}${'0b'.repeat(16)}`, `${'0c'.repeat(16)}${'0d'.repeat(16)}`];
    const { url, asked: calls } = await fakeNode({
      getindexinfo: '{}',
      getblockchaininfo: INFO,
      getblock: `{"tx":["${early}","${late}"]}`,
    });
    const recent = recentBlocks(new Rpc({ url }));
    const between = `${'0b'.repeat(16)}${'0c'.repeat(16)}`;
    expect(await Promise.all([late, between, early].map(recent))).toEqual([1, undefined, 1]);
    expect(calls.filter(({ method }) => method === 'getblock')).toHaveLength(1);
  });
  it('is looked for in the newest blocks where the index of transactions is still being made', async () => {
    const getindexinfo = '{"txindex":{"synced":false,"best_block_height":1}}';
    const found = await asked({ getindexinfo });
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, hex: null, confirmations: 2, paying: null } });
    expect(await asked({ getindexinfo, getblock: blocks['b1']! })).toEqual({ coin: 'unclear', spend: null });
  });
  it('is spent in a block by a stranger, as an index of spenders says', async () => {
    const found = await asked({
      gettxspendingprevout: `[{"txid":"${COIN}","vout":0,"spendingtxid":"${OTHER}","blockhash":"b2"}]`,
      getrawtransaction: ([txid, verbose, block]) =>
        txid === OTHER && verbose === false && block === 'b2' ? '"0300"' : UNKNOWN,
      getblockheader: '{"confirmations":2}',
    });
    expect(found).toEqual({ coin: 'spent', spend: { txid: OTHER, hex: '0300', confirmations: 2, paying: null } });
  });
  it('is spent in the mempool by a stranger, who is read whole', async () => {
    const found = await asked({
      gettxspendingprevout: `[{"txid":"${COIN}","vout":0,"spendingtxid":"${OTHER}"}]`,
      getrawtransaction: tx(OTHER, '"0300"'),
    });
    expect(found.spend).toMatchObject({ txid: OTHER, hex: '0300', confirmations: 0, paying: { feeSat: 1_000n } });
  });
  it('is spent in the mempool by a stranger, who was there a moment ago', async () => {
    const found = await asked({
      gettxspendingprevout: `[{"txid":"${COIN}","vout":0,"spendingtxid":"${OTHER}"}]`,
      getmempoolentry: UNKNOWN,
    });
    expect(found).toEqual({ coin: 'spent', spend: { txid: OTHER, hex: null, confirmations: 0, paying: null } });
  });
  it('is spent in the mempool of a node that does not say by what', async () => {
    const gettxout = ([, , mempool]: unknown[]) => (mempool === false ? out(3) : 'null');
    const found = await asked({ gettxout, gettxspendingprevout: NO_METHOD });
    expect(found).toEqual({ coin: 'spent', spend: { txid: null, hex: null, confirmations: 0, paying: null } });
  });
  it('is spent by a stranger, or absent: an index tells, and without one it is unclear', async () => {
    const spent = { coin: 'spent', spend: null };
    expect(await asked({ getrawtransaction: tx(COIN, '{"blockhash":"ff","confirmations":9}') })).toEqual(spent);
    // Without one a funding that left the chain is not told from a coin that a stranger spent.
    const unclear = { coin: 'unclear', spend: null };
    expect(await asked({ getindexinfo: '{}', getblock: blocks['b1']! })).toEqual(unclear);
    expect(await asked({})).toEqual({ coin: 'absent', spend: null });
  });
  it('one of several missing is a conflict', async () => {
    const { url } = await fakeNode({ gettxout: ([txid]) => (txid === SPENDER ? out(1) : 'null') });
    const rpc = new Rpc({ url });
    const [coin, there] = [
      { txid: COIN, vout: 0 },
      { txid: SPENDER, vout: 0 },
    ];
    expect(await anyMissing(rpc, [there])).toBe(false);
    expect(await anyMissing(rpc, [there, coin])).toBe(true);
  });
});
