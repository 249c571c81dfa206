/** A swap of two homes on a chain in memory, with what either side can do: for tests of `htlc/watch.ts`. */
import { expect } from 'vitest';
import { finalHex } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import { statusLines } from '../../src/lib/engine/status.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import { preimageOf } from '../../src/lib/htlc/records.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { swapKind } from '../../src/lib/htlc/swap-records.ts';
import { readHtlc } from '../../src/lib/htlc/view.ts';
import { hashClaim } from '../../src/lib/protocol/claims.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from '../support/chain.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { ACCEPT, GIVE, OFFER, pair, spendOf, straight, WANT, type Who } from './scenes.ts';

const TIP = 1_000;
/** Expiries of the initiator's and the responder's HTLC. */
export const EXPIRIES = { TIP, FIRST: TIP + 288, SECOND: TIP + 144 };
let seed = 400;

/** Alice and Bob have both paid, a chain has both coins. `backs`: who has a backup of before it has paid. */
export async function swapScene({
  matched: isMatched = true,
  budget = 50_000n as bigint | null,
  index = true,
  backs = undefined as Who | undefined,
} = {}) {
  const both = await pair((seed += 2));
  const { alice, bob } = both;
  const stage = straight(both);
  const chain = new FakeChain(TIP - 12);
  const { url } = await fakeNode(chain.answers(index));
  const rpc = new Rpc({ url });
  const source = factSource({ network: 'regtest', rpc });
  const fund = (psbt: string): void => {
    expect(chain.accept([finalHex(psbt).hex])).toBeUndefined();
    chain.mine(6);
  };
  const coin = async (party: TestParty, sat: bigint) => {
    const one = await ownCoin(party, sat);
    chain.give(one);
    return one;
  };
  const offered = await stage('alice', htlcSwap, { input: OFFER });
  const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
  const backup = backs && (await both[backs].backUp());
  const funded = await stage('alice', htlcSwap, { on: accepted, input: { utxo: [await coin(alice, 150_000n)] } });
  fund(funded['psbt'].first);
  let matched: Message | undefined;
  if (isMatched) {
    const utxo = [await coin(bob, 140_000n)];
    matched = await stage('bob', htlcSwap, { on: funded, input: { utxo, unchecked: true } });
    fund(matched['psbt'].second);
  }
  chain.mine(TIP - chain.tip);
  const [first, second] = [readHtlc(accepted['htlcs'].first), readHtlc(accepted['htlcs'].second)];
  const coins = {
    first: { ...funded['first'], sat: GIVE },
    second: { ...matched?.['second'], sat: WANT },
  };
  const watch = async (who: Who): Promise<WatchEvent[]> => {
    const events: WatchEvent[] = [];
    const { home } = both[who];
    const post = homePost(home, both[who].ports(), undefined);
    await look(post, { rpc, source }, { confirmations: 6, feeBudgetSat: budget }, async (_, e) => void events.push(e));
    return events;
  };
  const record = async (who: Who): Promise<any> =>
    (await both[who].home.store.list('htlc-swap')).map(({ record: json }) => swapKind.parse(json))[0]!;
  /** Alice claims by her own step; her claim is not sent. */
  const claims = async () => (await stage('alice', htlcSwap, { on: matched!, input: { unchecked: true } }))['hex'];
  const preimage = async () => preimageOf(await alice.home.keys(), await record('alice'));
  const send = (hex: string): string => {
    expect(chain.accept([hex])).toBeUndefined();
    return txidOfHex(hex);
  };
  const toTip = (height: number): void => {
    chain.mine(height - chain.tip);
  };
  /** Bob claims by his own step, from the message of her claim; his is not sent. */
  const settles = async (): Promise<void> => {
    const on = JSON.parse((await playAgain(htlcSwap, hashClaim(offered['offer'].hash), alice.ports())).text) as Message;
    await stage('bob', htlcSwap, { on, input: { unchecked: true } });
  };
  /** A claim or refund of either HTLC (`claim first`) by whom it belongs to. */
  const spendBy = async (what: string): Promise<string> => {
    const [path, which] = what.split(' ') as ['claim' | 'refund', 'first' | 'second'];
    const party = (path === 'claim') === (which === 'first') ? bob : alice;
    const secret = path === 'claim' ? await preimage() : undefined;
    return spendOf(party, which === 'first' ? first : second, path, coins[which], secret);
  };
  const status = async (who: Who) => statusLines(both[who].home, source, undefined);
  return {
    alice,
    bob,
    backup,
    stage,
    chain,
    rpc,
    source,
    first,
    second,
    coins,
    watch,
    record,
    claims,
    preimage,
    send,
    toTip,
    status,
    settles,
    spendBy,
    close: both.close,
  };
}
export type SwapScene = Awaited<ReturnType<typeof swapScene>>;
/** Returns events in words. */
export const told = (events: readonly WatchEvent[]) =>
  events.map(({ event, by }) => (by === undefined ? event : `${event} ${by}`));
