/** What became of a coin, as far as a node says, with and without an index of transactions. */
import { describe, expect, it } from 'vitest';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { anyMissing, spendOf } from '../../src/lib/chain/spends.ts';
import { fakeNode, type Answers } from './node.ts';

const [COIN, SPENDER, OTHER] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32)) as [string, string, string];
const out = (confirmations: number) => `{"value":1,"confirmations":${confirmations},"scriptPubKey":{"hex":"51"}}`;
const UNKNOWN = { error: { code: -5, message: 'No such mempool or blockchain transaction' } };
const NO_METHOD = { error: { code: -32601, message: 'Method not found' } };

async function asked(answers: Answers) {
  const { url } = await fakeNode({
    gettxout: 'null',
    getrawtransaction: UNKNOWN,
    getindexinfo: '{"txindex":{"synced":true}}',
    gettxspendingprevout: `[{"txid":"${COIN}","vout":0}]`,
    getmempoolentry: '{"descendantsize":250,"fees":{"descendant":0.00001000}}',
    ...answers,
  });
  return spendOf(new Rpc({ url }), { txid: COIN, vout: 0 }, [SPENDER]);
}
const tx = (txid: string, said: string) => (params: unknown[]) => (params[0] === txid ? said : UNKNOWN);

describe('a coin', () => {
  it('is unspent', async () => {
    expect(await asked({ gettxout: out(3) })).toEqual({ coin: 'unspent', spend: null });
  });
  it('is spent in a block, by one that is known', async () => {
    const found = await asked({ getrawtransaction: tx(SPENDER, '{"blockhash":"ff","confirmations":4}') });
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, confirmations: 4, paying: null } });
  });
  it('is spent in the mempool, with what the spender and its children pay', async () => {
    const found = await asked({ getrawtransaction: tx(SPENDER, '{}') });
    const paying = { feeSat: 1_000n, feerate: 4_000 };
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, confirmations: 0, paying } });
  });
  it('is not spent by a transaction of a block that was taken back', async () => {
    const stale = tx(SPENDER, '{"blockhash":"ff","confirmations":0}');
    expect(await asked({ getrawtransaction: stale })).toEqual({ coin: 'absent', spend: null });
  });
  it('is found without an index, by an output of the spender', async () => {
    const gettxout = ([txid, vout]: unknown[]) => (txid === SPENDER && vout === 1 ? out(2) : 'null');
    const found = await asked({ gettxout, getindexinfo: '{}' });
    expect(found).toEqual({ coin: 'spent', spend: { txid: SPENDER, confirmations: 2, paying: null } });
  });
  it('is spent in the mempool by a stranger', async () => {
    const found = await asked({
      gettxspendingprevout: `[{"txid":"${COIN}","vout":0,"spendingtxid":"${OTHER}"}]`,
      getmempoolentry: UNKNOWN,
    });
    expect(found).toEqual({ coin: 'spent', spend: { txid: OTHER, confirmations: 0, paying: null } });
  });
  it('is spent in the mempool of a node that does not say by what', async () => {
    const gettxout = ([, , mempool]: unknown[]) => (mempool === false ? out(3) : 'null');
    const found = await asked({ gettxout, gettxspendingprevout: NO_METHOD });
    expect(found).toEqual({ coin: 'spent', spend: { txid: null, confirmations: 0, paying: null } });
  });
  it('is spent by a stranger, or absent: an index tells', async () => {
    const spent = { coin: 'spent', spend: null };
    expect(await asked({ getrawtransaction: tx(COIN, '{"blockhash":"ff","confirmations":9}') })).toEqual(spent);
    expect(await asked({ getindexinfo: '{}' })).toEqual(spent);
    expect(await asked({})).toEqual({ coin: 'absent', spend: null });
  });
  it('one of several missing is a conflict, but the contract’s own', async () => {
    const { url } = await fakeNode({ gettxout: ([txid]) => (txid === SPENDER ? out(1) : 'null') });
    const rpc = new Rpc({ url });
    const [coin, there] = [
      { txid: COIN, vout: 0 },
      { txid: SPENDER, vout: 0 },
    ];
    expect(await anyMissing(rpc, [coin, there], coin)).toBe(false);
    expect(await anyMissing(rpc, [coin, there], there)).toBe(true);
  });
});
