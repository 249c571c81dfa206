/**
 * The one gate for coins, asked in every family before anything is signed: a coin that a live record holds is spent by nothing
 * else, and the reward of a block counts only once it can be spent.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withWitness, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { childOf } from '../../src/lib/bitcoin/package.ts';
import { bump } from '../../src/lib/engine/bump.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { rollover } from '../../src/lib/ecash/credit.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { opened, ownCoin } from '../support/credit.ts';
import { TestParty, type Message, type RunOptions } from '../support/party.ts';
import { refusal } from '../support/refusal.ts';
import { cast, opened as statecoin, POLICY } from '../support/statechain.ts';
import { coinOf, walletKey } from '../support/wallet.ts';
import { ACCEPT, GIVE, OFFER, pair, straight, WANT, type Pair } from './scenes.ts';

let seed = 140;

const at = ({ txid, vout }: Pick<Spent, 'txid' | 'vout'>): string => `${txid}:${vout}`;
const seen = (coin: Spent, more: Partial<Utxo> = {}): [string, Utxo] => [
  at(coin),
  { sat: coin.sat, script: coin.script, confirmations: 6, ...more },
];
const paid = (m: Message, name: 'first' | 'second', sat: bigint): Spent => ({
  ...m[name],
  sat,
  script: m['htlcs'][name].output_script,
});
const refused = async (party: TestParty, run: () => Promise<unknown>): Promise<string> => {
  const before = await party.state();
  const code = await run().then(
    () => 'not refused',
    (error: { code?: string }) => error.code ?? String(error),
  );
  expect(await party.state()).toEqual(before);
  return code;
};

describe('the reward of a block is not there before it can be spent', () => {
  const YOUNG = { coinbase: true, confirmations: 99 };
  const OLD = { coinbase: true, confirmations: 100 };

  it('neither as the HTLC of the other side nor as an own coin of a swap', async () => {
    const both = await pair((seed += 2));
    const { alice, bob } = both;
    const stage = straight(both);
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
    const coin = await ownCoin(alice, 150_000n);
    const fund = () => alice.run(htlcSwap, { on: accepted, input: { utxo: [coin] } });
    alice.chain.coins = new Map([seen(coin, YOUNG)]);
    expect(await refused(alice, fund)).toBe('coin-missing');
    alice.chain.coins = new Map([seen(coin, OLD)]);
    const funded = (await fund()).message;

    const own = await ownCoin(bob, 140_000n);
    const first = paid(funded, 'first', GIVE);
    const match = () => bob.run(htlcSwap, { on: funded, input: { utxo: [own] } });
    bob.chain.coins = new Map([seen(own), seen(first, YOUNG)]);
    expect(await refused(bob, match)).toBe('funding-unconfirmed');
    bob.chain.coins = new Map([seen(own), seen(first, OLD)]);
    const matched = (await match()).message;

    const second = paid(matched, 'second', WANT);
    const claim = () => alice.run(htlcSwap, { on: matched });
    alice.chain.coins = new Map([seen(second, YOUNG)]);
    expect(await refused(alice, claim)).toBe('funding-unconfirmed');
    alice.chain.coins = new Map([seen(second, OLD)]);
    expect((await claim()).message['step']).toBe('claimed');
    both.close();
  });

  it('nor as the coin of a credit contract or a statecoin, nor to pay for one', async () => {
    const all = await cast((seed += 4));
    const { operator, alice } = all;
    const coin = await ownCoin(alice, 1_300_000n);
    alice.chain.coins = new Map([seen(coin, YOUNG)]);
    const credit = await operator.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest') } });
    const input = { utxo: [coin], amount: 1_200_000n };
    const open: RunOptions = { on: credit.message, input: { ...input, expires: { blocks: 4320 } } };
    expect(await refused(alice, () => alice.run(openCredit, open))).toBe('coin-missing');
    const offered = await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
    expect(await refused(alice, () => alice.run(openStatechain, { on: offered.message, input }))).toBe('coin-missing');
    all.close();
  });
});

describe('a coin that a live record of this home holds is spent by nothing else', () => {
  let both: Pair;
  let held: Spent;
  let free: Spent;
  beforeAll(async () => {
    both = await pair((seed += 2));
    const stage = straight(both);
    [held, free] = [await ownCoin(both.alice, 1_500_000n), await ownCoin(both.alice, 1_500_000n)];
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
    await stage('alice', htlcSwap, { on: accepted, input: { utxo: [held] } });
  });
  afterAll(() => both.close());

  it('not by another swap', async () => {
    const { alice, bob } = both;
    const offered = await alice.run(htlcSwap, { input: OFFER });
    const accepted = await bob.run(htlcSwap, { on: offered.message, amount: WANT, input: ACCEPT });
    const fund = () => alice.run(htlcSwap, { on: accepted.message, input: { utxo: [held] } });
    expect(await refused(alice, fund)).toBe('coin-reserved');
  });

  it('not by an opening or a rollover of a credit contract', async () => {
    const { alice, bob } = both;
    const offered = await bob.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest') } });
    const input = { utxo: [held], amount: 1_200_000n, expires: { blocks: 4320 } };
    expect(await refused(alice, () => alice.run(openCredit, { on: offered.message, input }))).toBe('coin-reserved');
    const contract = await opened({ payee: bob, payer: alice, close: () => {} });
    const next = await bob.run(rollover, { input: { contract, policy: defaultPolicy('regtest') } });
    const roll = () => alice.run(rollover, { on: next.message, input: { ...input, amount: 2_000_000n } });
    expect(await refused(alice, roll)).toBe('coin-reserved');
  });

  it('not by a child, whichever document it pays for', async () => {
    const { alice } = both;
    const own = await ownCoin(alice, 1_000n);
    const template = {
      version: 3,
      locktime: 0,
      inputs: [{ ...own, sat: 1_200n, sequence: 0xfffffffd }],
      outputs: [{ sat: 1_000n, script: own.script }],
    } as const;
    const hex = withWitness(template, [[new Uint8Array(64)]]);
    const stuck = { network: 'regtest', hex, feeSat: 200n };
    const options = { merged: [], feerate: 10_000, payTo: undefined, allowFee: true };
    const child = (coins: Spent[]) => () => bump(alice.home, stuck, { ...options, coins });
    expect(await refused(alice, child([held]))).toBe('coin-reserved');
    const gone = { ...options, coins: [free], seen: new Map([[at(free), 'missing' as const]]) };
    expect(await refused(alice, () => bump(alice.home, stuck, gone))).toBe('coin-missing');
    expect((await child([free])()).complete).toBe(true);
  });

  it('not by the exit of a statecoin', async () => {
    const all = await cast((seed += 4));
    const { alice, operator } = all;
    const contract = await statecoin(all);
    const coin = await ownCoin(alice, 1_300_000n);
    const offered = await operator.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest') } });
    const input = { utxo: [coin], amount: 1_200_000n, expires: { blocks: 4320 } };
    await alice.run(openCredit, { on: offered.message, input });
    alice.chain.tip = 2500;
    alice.chain.feerate = 1_500_000;
    const exit = (more: object = {}) => alice.run(exitStatechain, { input: { contract, allowFee: true, ...more } });
    const lesser = await ownCoin(alice, 2_000_000n);
    alice.chain.feerate = 4_500_000;
    expect(await refused(alice, () => exit({ utxo: [coin] }))).toBe('coin-reserved');
    expect((await exit({ utxo: [lesser] })).message['package']).toHaveLength(2);
    all.close();
  });
});

it('a coin whose spending has no known size pays for no child', () => {
  const own = coinOf(walletKey('p2tr', 1), 1, 400n);
  const payTo = own.script;
  for (const script of [`a914${'11'.repeat(20)}87`, `0020${'22'.repeat(32)}`, `76a914${'33'.repeat(20)}88ac`]) {
    const coin = { txid: 'ee'.repeat(32), vout: 0, sat: 100_000n, script };
    const child = () => childOf({ version: 3, vsize: 154, fee: 308n }, [own], [coin], payTo, 5000, true);
    expect(refusal(child).code).toBe('unsafe-funding');
  }
});
