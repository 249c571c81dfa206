/** Statecoins made through the real steps, for tests that begin in the middle. */
import type { Utxo } from '../../src/lib/protocol/action.ts';
import { auditStatechain } from '../../src/lib/statechain/audit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import type { Statecoin } from '../../src/lib/statechain/records.ts';
import {
  coinId,
  defaultPolicy,
  scriptOfCoin,
  viewOf,
  type CoinView,
  type Policy,
} from '../../src/lib/statechain/terms.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { ownCoin } from './credit.ts';
import { TestParty, type Message } from './party.ts';

export const NAMES = ['operator', 'alice', 'bob', 'carol'] as const;
export type Name = (typeof NAMES)[number];
export type Cast = Record<Name, TestParty> & { close(): void; all: TestParty[] };

/** An operator and three owners, each with a home of its own; `seed` must differ by four between casts that meet. */
export async function cast(seed = 1): Promise<Cast> {
  const all: TestParty[] = [];
  for (const [i] of NAMES.entries()) all.push(await TestParty.make((seed + i) % 250));
  const [operator, alice, bob, carol] = all as [TestParty, TestParty, TestParty, TestParty];
  return { operator, alice, bob, carol, all, close: () => all.forEach((p) => p.close()) };
}

export const POLICY: Policy = {
  ...defaultPolicy('regtest'),
  initial_blocks: 1000,
  step_blocks: 100,
  margin_blocks: 20,
  min_remaining_blocks: 50,
};

export interface OpenOptions {
  amount?: bigint;
  policy?: Policy;
}
/** The messages of an opening, in order. */
export async function openMessages(
  { operator, alice }: Pick<Cast, 'operator' | 'alice'>,
  { amount = 1_000_000n, policy = POLICY }: OpenOptions = {},
): Promise<Message[]> {
  const utxo = [await ownCoin(alice, amount + 100_000n)];
  const offered = await operator.run(openStatechain, { input: { as: 'operator', policy } });
  const proposed = await alice.run(openStatechain, { on: offered.message, input: { utxo, amount } });
  const accepted = await operator.run(openStatechain, { on: proposed.message });
  const ready = await alice.run(openStatechain, { on: accepted.message });
  return [offered, proposed, accepted, ready].map((ran) => ran.message);
}
/** A coin of Alice's; its id. */
export const opened = async (all: Cast, options: OpenOptions = {}): Promise<string> =>
  (await openMessages(all, options))[3]!['coin'].id;

export const STEPS = ['invited', 'offered', 'opened', 'sent', 'received', 'moved', 'owned'] as const;

/** The messages of a transfer up to `until`, in order. */
export async function transferMessages(
  operator: TestParty,
  from: TestParty,
  to: TestParty,
  contract: string,
  until: (typeof STEPS)[number] = 'owned',
): Promise<Message[]> {
  const said: Message[] = [];
  const key = await operatorKey(operator);
  const runs: (() => ReturnType<TestParty['run']>)[] = [
    () => to.run(transferStatechain, { input: { as: 'receiver', operator: key } }),
    () => from.run(transferStatechain, { on: said.at(-1), input: { contract } }),
    () => operator.run(transferStatechain, { on: said.at(-1) }),
    () => from.run(transferStatechain, { on: said.at(-1) }),
    () => to.run(transferStatechain, { on: said.at(-1) }),
    () => operator.run(transferStatechain, { on: said.at(-1) }),
    () => to.run(transferStatechain, { on: said.at(-1) }),
  ];
  for (const run of runs.slice(0, STEPS.indexOf(until) + 1)) said.push((await run()).message);
  return said;
}

/** The key that receivers pin. */
export async function operatorKey(operator: TestParty): Promise<string> {
  const { operatorKey: key } = await import('../../src/lib/statechain/operator.ts');
  return key({ keys: (await operator.home.keys()).keysWith([]) });
}

export const audit = async (operator: TestParty, contract: string): Promise<Message> =>
  (await operator.run(auditStatechain, { input: { contract } })).message['record'];

export async function withdrawMessages(operator: TestParty, owner: TestParty, contract: string): Promise<Message[]> {
  const requested = await owner.run(withdrawStatechain, { input: { contract } });
  const signed = await operator.run(withdrawStatechain, { on: requested.message });
  const complete = await owner.run(withdrawStatechain, { on: signed.message });
  return [requested, signed, complete].map((ran) => ran.message);
}

/** The newest record of a home that has this state, or any. */
export async function coinOf(party: TestParty, id: string): Promise<Statecoin> {
  const all = (await party.home.store.list('statecoin')).filter((r) => r.name === id);
  const { withSats } = await import('../../src/lib/protocol/json.ts');
  return withSats(all.at(-1)!.record) as Statecoin;
}

/** All chains show the coin so. */
export function show(all: Cast, c: Statecoin, coin: Partial<Utxo> | 'missing' = {}): void {
  if (!('outpoint' in c)) throw new Error('no outpoint');
  const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
  const shown =
    coin === 'missing' ? coin : { sat: c.terms.amount_sat, script: scriptOfCoin(c.terms), confirmations: 6, ...coin };
  for (const party of all.all) {
    const had = party.chain.coins === 'not-checked' ? [] : [...party.chain.coins];
    party.chain.coins = new Map([...had, [at, shown]]);
  }
}
export const tip = (all: Cast, height: number | 'not-checked'): void => {
  for (const party of all.all) party.chain.tip = height;
};

/** What messages show of a coin under other terms, with all that follows from them. */
export function viewUnder(view: Message, change: object): Message {
  const { id: _, address: __, descriptor: ___, outpoint, ...rest } = { ...view, ...change } as unknown as CoinView;
  const terms = { network: 'regtest' as const, ...rest, amount_sat: BigInt(rest.amount_sat) };
  return { ...viewOf({ id: coinId(terms), terms, outpoint }), amount_sat: Number(terms.amount_sat) };
}

/** A proposal of another coin than it pays, by its own owner: key, nonce and seal are as they must be. */
export async function restated(owner: TestParty, proposed: Message, change: object): Promise<Message> {
  const { ownerJob } = await import('../../src/lib/statechain/jobs.ts');
  const { firstEntry } = await import('../../src/lib/statechain/opening.ts');
  const { readCoin } = await import('../../src/lib/statechain/terms.ts');
  const { backup } = await import('../../src/lib/statechain/transactions.ts');
  const { open, psbtOf } = await import('../../src/lib/signing/exchange.ts');
  const { realRandom } = await import('../../src/lib/home/random.ts');
  const { reseal, sealSecret } = await import('../credit/alter.ts');
  const said = viewUnder(proposed['coin'], change);
  const coin = readCoin({ ...said, amount_sat: BigInt(said['amount_sat']) } as CoinView, 'regtest', 'owner');
  const { own } = await coinOf(owner, proposed['coin'].id);
  const job = ownerJob(own, firstEntry(coin), backup(coin, firstEntry(coin)));
  const keys = (await owner.home.keys()).keysWith([]);
  const { share } = open({ keys, merged: [], random: realRandom } as never, job)!;
  const lie = { ...proposed, coin: said, psbt: { backup: psbtOf(job, { own: share }) } };
  return reseal(lie, await sealSecret(owner, proposed));
}
