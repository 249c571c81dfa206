/** Credit contracts made through the real steps, for tests that begin in the middle. */
import type { Spent } from '../../src/lib/bitcoin/transaction.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { OpenInput } from '../../src/lib/credit/open-messages.ts';
import { rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { addKeyset } from '../../src/commands/ecash/keysets.ts';
import { TestParty, type Message } from './party.ts';

export interface Pair {
  payee: TestParty;
  payer: TestParty;
  close(): void;
}

/**
 * A payee and a payer, each with a home of its own; `seed` must differ between pairs that meet.
 * @param store of the payee: the URL of an empty PostgreSQL database
 */
export async function pair(seed = 1, store?: string): Promise<Pair> {
  const [payee, payer] = [await TestParty.make(seed, store), await TestParty.make(seed + 1)];
  return { payee, payer, close: () => (payee.close(), payer.close()) };
}

let coins = 0;
/** A coin that belongs to the party's own wallet, never the same twice. */
export async function ownCoin(party: TestParty, sat: bigint): Promise<Spent> {
  const [at] = await party.home.store.fresh(1);
  await party.home.store.addAddresses([at!]);
  const { script } = await (await party.home.keys()).address(at!);
  return { txid: (++coins).toString(16).padStart(64, '0'), vout: 0, sat, script };
}

/** What a payee whose home is a mint offers. */
export const HOME_MINT = { ecash: 'home' } as const;

export interface OpenOptions {
  /** What the payee's offer says besides. */
  offer?: Pick<OpenInput, 'ecash' | 'mint' | 'offerExpiry'>;
  amount?: bigint;
  /** Blocks ahead of the tip. */
  blocks?: number;
  utxo?: Spent[];
}

/** The messages of an opening, in order. */
export async function openMessages({ payee, payer }: Pair, options: OpenOptions = {}): Promise<Message[]> {
  const { amount = 1_200_000n, blocks = 4320, offer } = options;
  const utxo = options.utxo ?? [await ownCoin(payer, amount + 100_000n)];
  const offered = await payee.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest'), ...offer } });
  const proposed = await payer.run(openCredit, { on: offered.message, input: { utxo, amount, expires: { blocks } } });
  const accepted = await payee.run(openCredit, { on: proposed.message });
  const ready = await payer.run(openCredit, { on: accepted.message });
  return [offered, proposed, accepted, ready].map((ran) => ran.message);
}

/** An open contract; its id. */
export async function opened(both: Pair, options: OpenOptions = {}): Promise<string> {
  return (await openMessages(both, options))[3]!['contract'].id;
}

/** A contract whose payee issues ecash from its home, with a keyset. */
export async function openedMint(both: Pair, options: OpenOptions = {}): Promise<string> {
  await addKeyset(both.payee.home, undefined);
  return opened(both, { offer: HOME_MINT, ...options });
}

/** The messages of a payment that the payer asks for and gets ecash for. */
export async function ecashMessages(both: Pair, contract: string, amount: bigint): Promise<Message[]> {
  const sent = await lostMessages(both, contract, amount);
  const received = await both.payer.run(signUpdate, { on: sent[3]! });
  return [...sent, received.message];
}
/** The same, but the last one never arrives. */
export async function lostMessages({ payee, payer }: Pair, contract: string, amount: bigint): Promise<Message[]> {
  const asked = await payer.run(signUpdate, { input: { contract, amount } });
  const requested = await payee.run(signUpdate, { on: asked.message });
  const signed = await payer.run(signUpdate, { on: requested.message, input: { ecash: true } });
  const accepted = await payee.run(signUpdate, { on: signed.message });
  return [asked, requested, signed, accepted].map((ran) => ran.message);
}

/** The messages of one payment. */
export async function payMessages({ payee, payer }: Pair, contract: string, amount: bigint): Promise<Message[]> {
  const requested = await payee.run(signUpdate, { input: { contract, amount } });
  const signed = await payer.run(signUpdate, { on: requested.message, amount });
  const accepted = await payee.run(signUpdate, { on: signed.message });
  return [requested, signed, accepted].map((ran) => ran.message);
}

export interface RollOptions {
  amount?: bigint;
  utxo?: Spent[];
  blocks?: number;
}

/** The messages of a rollover. */
export async function rollMessages(
  { payee, payer }: Pair,
  contract: string,
  options: RollOptions = {},
): Promise<Message[]> {
  const { blocks = 4320, ...more } = options;
  const offered = await payee.run(rollover, { input: { contract, policy: defaultPolicy('regtest') } });
  const proposed = await payer.run(rollover, { on: offered.message, input: { expires: { blocks }, ...more } });
  const accepted = await payee.run(rollover, { on: proposed.message });
  const signed = await payer.run(rollover, { on: accepted.message });
  const complete = await payee.run(rollover, { on: signed.message });
  return [offered, proposed, accepted, signed, complete].map((ran) => ran.message);
}
