/** Every contract action of HTLCs played from end to end, each message through `stage`, where tests look at or attack it. */
import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { freshKey } from '../../src/lib/cli/htlc-home.ts';
import { htlcCooperate, type Cooperator } from '../../src/lib/htlc/cooperate.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import type { Htlc } from '../../src/lib/htlc/terms.ts';
import { messageHash, seal } from '../../src/lib/signing/seal.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { sealSecret } from '../credit/alter.ts';
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
export const ACCEPT = { want: 100_000n, expires: { blocks: 144 }, amount: 98_000n } as const;
export const OFFER = { as: 'initiator', give: GIVE, want: WANT, expires: { blocks: 288 } } as const;

/** The offer of this party with something else in it, under its own seal. */
export async function resealed(party: TestParty, offered: Message, change: (m: Message) => Message): Promise<Message> {
  const { auth: _, checks: __, ...said } = offered;
  const swaps = await party.home.store.list('htlc-swap');
  const at = offered['answer'] ? 'answer' : 'offer';
  const auth = offered[at].side.claim_auth;
  const own = swaps
    .map(({ record }) => record as any)
    .find((swap) => (swap[at] ?? swap.offer).side.claim_auth === auth).own;
  return seal(change(said), (await party.home.keys()).auth(own.path)) as Message;
}

/** The message under another signature of the same key: other bytes, and nothing else. */
export async function inOtherWords(party: TestParty, m: Message): Promise<Message> {
  const { auth: _, checks: __, ...rest } = m;
  const secret = await sealSecret(party, m);
  return { ...rest, auth: bytesToHex(schnorr.sign(messageHash(rest), secret, new Uint8Array(32).fill(7))) };
}

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
  const settled = await stage('bob', htlcSwap, { on: claimed, input: { unchecked: true } });
  return [offered, accepted, funded, matched, claimed, settled];
}

/** Alice has paid, and nobody has sent it: the swap ends, and its coins are free. */
export async function unsent(pair: Pair, stage: Stage): Promise<Message> {
  const { alice } = pair;
  const offered = await stage('alice', htlcSwap, { input: OFFER });
  const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
  const coin = await ownCoin(alice, 150_000n);
  const funded = await stage('alice', htlcSwap, { on: accepted, input: { utxo: [coin] } });
  const there = { sat: coin.sat, script: coin.script, confirmations: 6 };
  alice.chain.coins = new Map([[`${coin.txid}:${coin.vout}`, there]]);
  alice.chain.known = new Map([[funded['first'].txid, false]]);
  const ended = await stage('alice', htlcSwap, { input: { contract: offered['offer'].hash } });
  alice.chain.coins = alice.chain.known = 'not-checked';
  return ended;
}

export const scenes: Record<string, Scene> = {
  'a cooperative claim': (both, stage) => cooperation(both, stage, 'claimer'),
  'a cooperative refund': (both, stage) => cooperation(both, stage, 'refunder'),
  'a swap': swapMessages,
  'a payment that was never sent': unsent,
};
