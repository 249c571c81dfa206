/** Every contract action of HTLCs played from end to end, each message through `stage`, where tests look at or attack it. */
import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { freshKey } from '../../src/commands/htlc/home.ts';
import { htlcCooperate, type Cooperator } from '../../src/lib/htlc/cooperate.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import type { Htlc } from '../../src/lib/htlc/terms.ts';
import { messageHash, seal } from '../../src/lib/signing/seal.ts';
import { parseTransaction, txidOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { htlcKeyKind } from '../../src/lib/htlc/records.ts';
import { finishSpend, signatureBy } from '../../src/lib/htlc/sign.ts';
import { spend } from '../../src/lib/htlc/spend.ts';
import type { Action, Utxo } from '../../src/lib/protocol/action.ts';
import { keyClaim } from '../../src/lib/protocol/claims.ts';
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
  alice.chain.coins = new Map<string, Utxo | 'missing'>([
    [`${coin.txid}:${coin.vout}`, there],
    [`${funded['first'].txid}:${funded['first'].vout}`, 'missing'],
  ]);
  const ended = await stage('alice', htlcSwap, { input: { contract: offered['offer'].hash } });
  alice.chain.coins = 'not-checked';
  return ended;
}

export const scenes: Record<string, Scene> = {
  'a cooperative claim': (both, stage) => cooperation(both, stage, 'claimer'),
  'a cooperative refund': (both, stage) => cooperation(both, stage, 'refunder'),
  'a swap': swapMessages,
  'a payment that was never sent': unsent,
};

/** A refund or claim of an HTLC, finished with the key of this party. */
export async function spendOf(
  { home }: TestParty,
  htlc: Htlc,
  path: 'claim' | 'refund',
  coin: { txid: string; vout: number; sat: bigint },
  preimage?: Uint8Array,
): Promise<string> {
  const claim = keyClaim(path === 'claim' ? htlc.claim! : htlc.refund);
  const { own } = htlcKeyKind.parse((await home.store.load([claim])).found.get(claim)!.record);
  const made = spend(htlc, path, { coin, to: `5120${'11'.repeat(32)}`, feerate: 2000 });
  const signatures = { [path]: signatureBy(made, (await home.keys()).contract(own.path)) };
  return finishSpend(made, { signatures, preimage }).hex;
}

/** From now on this party's node shows what a transaction spends as spent by it; in so many blocks, 0 for the mempool. */
export function showSpent({ chain }: TestParty, hex: string, confirmations: number): void {
  const coins = chain.coins === 'not-checked' ? new Map<string, Utxo | 'missing'>() : new Map(chain.coins);
  for (const { txid, index } of parseTransaction(hex).inputs) {
    const at = `${bytesToHex(txid)}:${index}`;
    coins.set(at, 'missing');
    chain.spends.set(at, { txid: txidOfHex(hex), hex, confirmations });
  }
  chain.coins = coins;
}

/** A transaction in the form of a refund of this coin, to its leaf's signature, script and control block. */
export const refundOf = ({ txid, vout }: { txid: string; vout: number }): string =>
  withWitness(
    {
      version: 2,
      locktime: 2000,
      inputs: [{ txid, vout, sequence: 0xfffffffe }],
      outputs: [{ sat: 90_000n, script: `5120${'22'.repeat(32)}` }],
    },
    [[new Uint8Array(64), new Uint8Array(40), new Uint8Array(65)]],
  );
