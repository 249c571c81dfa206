/** Every contract action of HTLCs played from end to end, each message through `stage`, where tests look at or attack it. */
import { freshKey } from '../../src/lib/cli/htlc-home.ts';
import { htlcCooperate, type Cooperator } from '../../src/lib/htlc/cooperate.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import type { Htlc } from '../../src/lib/htlc/terms.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty, type Message, type RunOptions } from '../support/party.ts';

export interface Pair {
  alice: TestParty;
  bob: TestParty;
  close(): void;
}
export async function pair(seed: number): Promise<Pair> {
  const [alice, bob] = [await TestParty.make(seed), await TestParty.make(seed + 1)];
  return { alice, bob, close: () => (alice.close(), bob.close()) };
}

export type Who = 'alice' | 'bob';
/** Plays one run; what it printed. */
export type Stage = (who: Who, table: Action<any, any, any>, options: RunOptions) => Promise<Message>;
export type Scene = (pair: Pair, stage: Stage) => Promise<unknown>;
/** Without attacks. */
export const straight =
  (both: Pair): Stage =>
  async (who, table, options) =>
    (await both[who].run(table, options)).message;

export const COIN = { txid: 'cd'.repeat(32), vout: 1, sat: 100_000n };

/** An HTLC of the two homes' keys: bob claims, alice is refunded. */
export async function sharedHtlc({ alice, bob }: Pair): Promise<Htlc> {
  const [claim, refund] = [await freshKey(bob.home), await freshKey(alice.home)];
  return createHtlc({
    network: 'regtest',
    variant: 'standard',
    hash: claim.hash,
    claim,
    refund,
    lock: { kind: 'height', value: 1144 },
    cooperative: true,
  });
}

export const cooperation = async (pair: Pair, stage: Stage, opener: Cooperator, htlc?: Htlc): Promise<Message> => {
  const [who, other]: Who[] = opener === 'claimer' ? ['bob', 'alice'] : ['alice', 'bob'];
  const input = { as: opener, htlc: htlc ?? (await sharedHtlc(pair)), utxo: COIN };
  const proposed = await stage(who!, htlcCooperate, { input });
  const signed = await stage(other!, htlcCooperate, { on: proposed, amount: COIN.sat, input: { amount: COIN.sat } });
  return stage(who!, htlcCooperate, { on: signed });
};

export const GIVE = 100_000n;
export const WANT = 98_000n;
export const OFFER = { as: 'initiator', give: GIVE, want: WANT, expires: { blocks: 288 } } as const;

/** Alice is the initiator. The messages, in order. */
export async function swapMessages(pair: Pair, stage: Stage = straight(pair)): Promise<Message[]> {
  const { alice, bob } = pair;
  const offered = await stage('alice', htlcSwap, { input: OFFER });
  const accepted = await stage('bob', htlcSwap, {
    on: offered,
    amount: WANT,
    input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
  });
  const funded = await stage('alice', htlcSwap, { on: accepted, input: { utxo: [await ownCoin(alice, 150_000n)] } });
  const utxo = [await ownCoin(bob, 140_000n)];
  const matched = await stage('bob', htlcSwap, { on: funded, input: { utxo, unchecked: true } });
  const claimed = await stage('alice', htlcSwap, { on: matched, input: { unchecked: true } });
  const settled = await stage('bob', htlcSwap, { on: claimed });
  return [offered, accepted, funded, matched, claimed, settled];
}

export const scenes: Record<string, Scene> = {
  'a cooperative claim': (both, stage) => cooperation(both, stage, 'claimer'),
  'a cooperative refund': (both, stage) => cooperation(both, stage, 'refunder'),
  'a swap': swapMessages,
};
