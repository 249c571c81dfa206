/** What the same two homes do more than once, each message through `stage`: two contracts, rounds of one, cancelled, restarted. */
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import type { PayerCredit } from '../../src/lib/credit/records.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { addKeyset } from '../../src/commands/ecash/keysets.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { HOME_MINT, opened, ownCoin, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { policy } from './helpers.ts';
import type { Scene, Stage, Who } from './scenes.ts';

export const MINT = 'https://mint.example.com';

const max = 5_000_000n;
const expires = { blocks: 4_320 };

/** An opening to its end, or so many steps of it. */
export async function opens(both: Pair, stage: Stage, offer: object = {}): Promise<string> {
  const offered = await stage('payee', openCredit, { input: { as: 'payee', policy, ...offer } });
  const input = { utxo: [await ownCoin(both.payer, 1_300_000n)], amount: 1_200_000n, expires };
  const proposed = await stage('payer', openCredit, { on: offered, input });
  const accepted = await stage('payee', openCredit, { on: proposed });
  return (await stage('payer', openCredit, { on: accepted }))['contract'].id as string;
}
export async function pays(stage: Stage, contract: string, amount: bigint): Promise<void> {
  const requested = await stage('payee', signUpdate, { input: { contract, amount } });
  const signed = await stage('payer', signUpdate, { on: requested, max });
  await stage('payee', signUpdate, { on: signed });
}
/** A payment that the payer asks for, and that becomes ecash. */
export async function buys(stage: Stage, contract: string, amount: bigint): Promise<void> {
  const asked = await stage('payer', signUpdate, { input: { contract, amount } });
  const requested = await stage('payee', signUpdate, { on: asked });
  const signed = await stage('payer', signUpdate, { on: requested, input: { ecash: true }, max });
  const accepted = await stage('payee', signUpdate, { on: signed });
  await stage('payer', signUpdate, { on: accepted });
}
/** A rollover that the payer asks for, to its end or so many steps of it; the next contract. */
export async function rolls(stage: Stage, contract: string, steps = 6): Promise<{ id: string; last: Message }> {
  let last = await stage('payer', rollover, { input: { contract } });
  let who: Who = 'payee';
  for (let i = 1; i < steps; i++) {
    last = await stage(who, rollover, { on: last, input: last['step'] === 'offered' ? { expires } : {} });
    who = who === 'payee' ? 'payer' : 'payee';
  }
  return { id: (last['next_contract']?.id ?? '') as string, last };
}
export async function closes(stage: Stage, contract: string, opener: Who, steps = 3): Promise<void> {
  let last = await stage(opener, closeCredit, { input: { contract } });
  let who: Who = opener === 'payer' ? 'payee' : 'payer';
  for (let i = 1; i < steps; i++) {
    last = await stage(who, closeCredit, { on: last });
    who = who === 'payer' ? 'payee' : 'payer';
  }
}
/** A quote of a running mint is bound to the contract, once `quotes` has made it. */
export async function binds(stage: Stage, contract: string, quote: string): Promise<Message> {
  const made = await stage('payer', ecashQuote, { input: { contract, quote } });
  const bound = await stage('payee', ecashQuote, { on: made });
  await stage('payer', ecashQuote, { on: bound });
  return bound;
}
/** A merchant asks what its mint owes. */
export async function checks(stage: Stage, contract: string): Promise<Message> {
  const queried = await stage('payee', creditInvoice, { input: { contract } });
  const stated = await stage('payer', creditInvoice, { on: queried });
  await stage('payee', creditInvoice, { on: stated });
  return stated;
}
/** A wallet looks for what it has lost of a keyset. */
export async function restores(stage: Stage, contract: string, keyset: string): Promise<Message> {
  const asked = await stage('payer', ecashRestore, { input: { contract, keyset } });
  const answered = await stage('payee', ecashRestore, { on: asked });
  await stage('payer', ecashRestore, { on: answered });
  return answered;
}
const cancels = (both: Pair, who: Who, table: Action<any, any, any>, contract: string) =>
  both[who].run(table, { input: { contract }, cancel: true });

/** Quotes of a running mint, each for the key of one contract. */
export async function quotes(both: Pair, of: Readonly<Record<string, string>>): Promise<void> {
  const keys = new Map<string, string | null>();
  for (const [quote, id] of Object.entries(of))
    keys.set(quote, ((await both.payer.record(id)) as PayerCredit).terms.ecash_pubkey);
  for (const party of [both.payee, both.payer])
    party.askMint = async ({ id }) => {
      const pubkey = keys.get(id) ?? null;
      return { id, pubkey, amountSat: null, paidSat: 0n, issuedSat: 0n, expiry: null };
    };
}
/** What stays under way: a request that is signed and not taken, or steps of a rollover or close. */
const underWay: readonly ((stage: Stage, contract: string) => Promise<unknown>)[] = [
  async (stage, contract) => {
    const requested = await stage('payee', signUpdate, { input: { contract, amount: 2_112n } });
    await stage('payer', signUpdate, { on: requested, max });
  },
  (stage, contract) => rolls(stage, contract, 3),
  (stage, contract) => rolls(stage, contract, 5),
  (stage, contract) => closes(stage, contract, 'payee', 2),
  (stage, contract) => closes(stage, contract, 'payer', 1),
];
/** Contracts of two payments each with something under way that nobody has read, one for each of these. */
export async function interrupted(both: Pair, stage: Stage): Promise<string[]> {
  const ids: string[] = [];
  for (const begins of underWay) {
    const id = await opened(both);
    await pays(stage, id, 40_960n);
    await begins(stage, id);
    ids.push(id);
  }
  return ids;
}

export const ROUNDS: Record<string, Scene> = {
  'two contracts': async (both, stage) => {
    await addKeyset(both.payee.home, undefined);
    const [a, b] = [await opens(both, stage, HOME_MINT), await opens(both, stage, HOME_MINT)];
    await buys(stage, a, 2_112n);
    await buys(stage, b, 2_112n);
    await rolls(stage, a);
    await rolls(stage, b);
  },
  'two contracts that close': async (both, stage) => {
    const all = [await opened(both), await opened(both), await opened(both), await opened(both)];
    await pays(stage, all[0]!, 40_960n);
    await pays(stage, all[1]!, 40_960n);
    for (const [i, id] of all.entries()) await closes(stage, id, i < 2 ? 'payer' : 'payee');
  },
  'rounds of one contract, and of the next': async (both, stage) => {
    await addKeyset(both.payee.home, undefined);
    const first = await opened(both, { offer: HOME_MINT });
    await buys(stage, first, 2_112n);
    await buys(stage, first, 2_112n);
    const { id: second } = await rolls(stage, first);
    await pays(stage, second, 2_112n);
    const { id: third } = await rolls(stage, second);
    await closes(stage, third, 'payee');
  },
  'what was cancelled, then begun anew': async (both, stage) => {
    const contract = await opened(both);
    await pays(stage, contract, 40_960n);
    const requested = await stage('payee', signUpdate, { input: { contract, amount: 2_112n } });
    await stage('payer', signUpdate, { on: requested, max });
    await cancels(both, 'payee', signUpdate, contract);
    await pays(stage, contract, 2_112n);
    for (const steps of [3, 4]) {
      await rolls(stage, contract, steps);
      await cancels(both, 'payer', rollover, contract);
      if (steps === 4) await cancels(both, 'payee', rollover, contract);
    }
    await closes(stage, contract, 'payer', 1);
    await cancels(both, 'payer', closeCredit, contract);
    await closes(stage, contract, 'payee', 1);
    await cancels(both, 'payee', closeCredit, contract);
    await pays(stage, contract, 900n);
    await rolls(stage, contract);
  },
  'a payer that was restored, and goes on': async (both, stage) => {
    const { payer } = both;
    const contract = await opened(both);
    await pays(stage, contract, 40_960n);
    const early = await payer.backUp();
    await pays(stage, contract, 2_112n);
    await rolls(stage, contract, 4);
    await payer.lose(early);
    await pays(stage, contract, 2_112n);
    const late = await payer.backUp();
    await rolls(stage, contract, 3);
    await payer.lose(late);
    await rolls(stage, contract, 4);
    await payer.lose(late);
    const { id } = await rolls(stage, contract);
    await pays(stage, id, 2_112n);
    await closes(stage, id, 'payee');
  },
  'a payee that was restored, and goes on': async (both, stage) => {
    const { payee } = both;
    const contract = await opened(both);
    await pays(stage, contract, 40_960n);
    const backup = await payee.backUp();
    await pays(stage, contract, 2_112n);
    await rolls(stage, contract, 4);
    await closes(stage, contract, 'payee', 1);
    await payee.lose(backup);
    await payee.home.reconcile(payee.journal());
    await payee.reopen();
    const { id } = await rolls(stage, contract);
    await pays(stage, id, 2_112n);
    await closes(stage, id, 'payer');
  },
  'two contracts with a running mint': async (both, stage) => {
    const offer = { ecash: 'cdk', mint: MINT } as const;
    const [a, b] = [await opened(both, { offer }), await opened(both, { offer })];
    await quotes(both, { one: a, two: b });
    const each = [
      [a, 'one'],
      [b, 'two'],
    ] as const;
    for (const [contract, quote] of each) await binds(stage, contract, quote);
    for (const [contract, quote] of each) {
      const asked = await stage('payer', signUpdate, { input: { contract, amount: 2_112n, quote } });
      const requested = await stage('payee', signUpdate, { on: asked });
      const signed = await stage('payer', signUpdate, { on: requested, max });
      await stage('payee', signUpdate, { on: signed });
    }
  },
  'two contracts whose payer is a mint': async (both, stage) => {
    const offer = { mint: MINT };
    for (const contract of [await opened(both, { offer }), await opened(both, { offer })]) {
      await pays(stage, contract, 40_960n);
      await checks(stage, contract);
    }
  },
};
