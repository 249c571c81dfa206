/** Contracts that belong together end together: an old contract and the one that it rolls into. */
import { describe, expect, it } from 'vitest';
import type { Spent } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit, exitCredit, rollover } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, settledAs, type Credit } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, ownCoin, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { reseal } from './alter.ts';
import { parties, payeeOf, payerOf, policy, refused, sealedAs } from './helpers.ts';
import { proposal } from './proposal.ts';

const expires = { blocks: 4_320 };

/** A rollover up to the payee's answer, with a coin of the payer's on top. */
async function rolling(both: Pair, contract: string) {
  const utxo = [await ownCoin(both.payer, 700_000n)];
  const offered = await both.payee.run(rollover, { input: { contract, policy } });
  const input = { utxo, amount: 1_500_000n, expires };
  const proposed = await both.payer.run(rollover, { on: offered.message, input });
  const accepted = await both.payee.run(rollover, { on: proposed.message });
  return { utxo, proposed: proposed.message, accepted: accepted.message, next: nextOf(proposed.message) };
}
const nextOf = (m: Message): string => m['next_contract'].id as string;
/** By which states the contracts of a home stand, oldest first. */
const states = async (party: TestParty): Promise<string[]> => (await party.home.store.list()).map(({ state }) => state);
const set = (party: TestParty, id: string, edit: (c: Credit) => Credit) =>
  change(
    party.home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => ({ writes: { contract: edit(contract as Credit) }, result: undefined }),
  );
/** The coin can fund something else of the payer's. */
async function isFree(both: Pair, utxo: readonly Spent[]): Promise<void> {
  const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
  const input = { utxo, amount: 500_000n, expires };
  expect((await both.payer.run(openCredit, { on: offered.message, input })).message['step']).toBe('proposed');
}

describe('a rollover that is cancelled', () => {
  it('also by the payee of a contract over which nothing was paid', async () => {
    const both = await parties();
    const contract = await opened(both);
    await rolling(both, contract);
    expect((await payeeOf(both, contract)).state).toBe('accepted');
    await both.payee.run(rollover, { input: { contract }, cancel: true });
    expect(await payeeOf(both, contract)).toMatchObject({ state: 'accepted', rolling: null });
    expect(await states(both.payee)).toEqual(['accepted', 'cancelled']);
    await payMessages(both, contract, 2_100n);
  });

  it('ends with both records on both sides, and frees the coins', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const { utxo } = await rolling(both, contract);
    for (const party of [both.payer, both.payee]) {
      await party.run(rollover, { input: { contract }, cancel: true });
      expect(await states(party)).toEqual(['open', 'cancelled']);
    }
    await isFree(both, utxo);
  });

  it('touches no contract that only the message names', async () => {
    const both = await parties();
    const contract = await opened(both);
    const other = await opened(both);
    const { accepted, next } = await rolling(both, contract);
    const named = { ...accepted, next_contract: { ...accepted['next_contract'], ...(await viewIn(both, other)) } };
    const on = await sealedAs(both.payee, accepted, { next_contract: named.next_contract });
    await refused(() => both.payer.run(rollover, { on, cancel: true }), 'state-moved-on', both.payer);
    await both.payer.run(rollover, { on: accepted, cancel: true });
    expect((await payerOf(both, other)).state).toBe('open');
    expect((await payerOf(both, contract)).rolling).toBe(null);
    expect(await both.payer.home.store.byName(next)).toEqual([]);
  });

  it('an offer that was not answered, by its message and not of another contract', async () => {
    const both = await parties();
    const [one, two] = [await opened(both), await opened(both)];
    const offer = (contract: string) => both.payee.run(rollover, { input: { contract, policy } });
    const [first, second] = [(await offer(one)).message, (await offer(two)).message];
    const mixed = await sealedAs(both.payee, first, { offer: second['offer'] });
    await refused(() => both.payee.run(rollover, { on: mixed, cancel: true }), 'too-late-to-cancel', both.payee);
    await both.payee.run(rollover, { on: first, cancel: true });
    expect(await states(both.payee)).toEqual(['accepted', 'accepted', 'cancelled', 'offered']);
  });
});

/** The contract as messages show it. */
async function viewIn(both: Pair, id: string): Promise<object> {
  const { viewOf } = await import('../../src/lib/credit/terms.ts');
  return JSON.parse(JSON.stringify(viewOf(await payerOf(both, id)), (_, v) => (typeof v === 'bigint' ? Number(v) : v)));
}

describe('a contract that belongs to a rollover', () => {
  it('is not cancelled as an opening', async () => {
    const both = await parties();
    const contract = await opened(both);
    const { proposed, next } = await rolling(both, contract);
    const { payee_pubkey: pubkey, payee_auth: auth } = proposed['next_contract'];
    // What the payee could send: an opening's offer under the same keys.
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const { own } = await both.payee.record(next);
    const lie = { ...offered.message, offer: { ...offered.message['offer'], pubkey, auth } };
    const on = reseal(lie, (await both.payee.home.keys()).auth(own.path));
    const error = await refused(() => both.payer.run(openCredit, { on, cancel: true }), 'wrong-state', both.payer);
    expect(error.hint).toContain(`rollover --contract ${contract.slice(0, 8)} --cancel`);
    expect((await payerOf(both, contract)).rolling).not.toBe(null);
  });

  it('no rollover is signed into a contract whose refund spends another coin', async () => {
    const both = await parties();
    const contract = await opened(both);
    const { accepted, next } = await rolling(both, contract);
    const elsewhere = { txid: 'ee'.repeat(32), vout: 7 };
    await set(both.payer, next, (c) => ({ ...c, outpoint: elsewhere }) as Credit);
    const next_contract = { ...accepted['next_contract'], outpoint: elsewhere };
    const on = await sealedAs(both.payee, accepted, { next_contract });
    await refused(() => both.payer.run(rollover, { on }), 'state-moved-on', both.payer);
  });

  it('an offer for a rollover is not answered with an opening', async () => {
    const both = await parties();
    const contract = await opened(both);
    const offered = await both.payee.run(rollover, { input: { contract, policy } });
    await refused(
      () => both.payee.run(openCredit, { on: proposal(offered.message, { expiry: 2_100 }) }),
      'terms-differ',
      both.payee,
    );
  });
});

describe('the next contract, once a rollover came to nothing', () => {
  it.each(['payer', 'payee'] as const)('ends with a close that the %s signs', async (other) => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const { utxo } = await rolling(both, contract);
    const opener = other === 'payer' ? 'payee' : 'payer';
    // What is under way is the opener's own; it gives it up to close.
    if (opener === 'payer') await both.payer.run(rollover, { input: { contract }, cancel: true });
    else await both.payee.run(rollover, { input: { contract }, cancel: true });
    const proposed = await both[opener].run(closeCredit, { input: { contract } });
    const signed = await both[other].run(closeCredit, { on: proposed.message });
    await both[opener].run(closeCredit, { on: signed.message });
    for (const party of [both.payer, both.payee]) expect((await states(party))[1]).toBe('cancelled');
    await isFree(both, utxo);
  });

  it('ends with a close in spite of it, in the same commit', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const { utxo } = await rolling(both, contract);
    const proposed = await both.payer.run(closeCredit, { input: { contract } });
    const signed = await both.payee.run(closeCredit, { on: proposed.message });
    await both.payer.run(closeCredit, { on: signed.message });
    expect(await states(both.payee)).toEqual(['closing', 'cancelled']);
    expect(await states(both.payer)).toEqual(['closed', 'cancelled']);
    await isFree(both, utxo);
  });

  it('ends with an update that the payee accepts', async () => {
    const both = await parties();
    const contract = await opened(both);
    await rolling(both, contract);
    await payMessages(both, contract, 50_000n);
    expect(await states(both.payee)).toEqual(['open', 'cancelled']);
  });

  it.each(['exit', 'close', 'refund'] as const)('ends when the chain shows a %s', async (by) => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    await rollMessages(both, contract, { utxo: [await ownCoin(both.payer, 700_000n)], amount: 1_500_000n });
    for (const party of [both.payer, both.payee]) {
      await set(party, contract, (c) => settledAs(c as never, { by, txid: 'ab'.repeat(32), paysSat: 50_000n }));
      expect(await states(party)).toEqual(['rolled', 'cancelled']);
    }
  });

  it.each(['rollover', 'exit'] as const)(
    'lives on beside an exit that was printed, until the chain shows the %s',
    async (by) => {
      const both = await parties();
      const contract = await opened(both);
      await payMessages(both, contract, 50_000n);
      const complete = (await rollMessages(both, contract)).at(-1)!;
      await both.payee.run(exitCredit, { input: { contract } });
      expect(await states(both.payee)).toEqual(['exiting', 'accepted']);
      await set(both.payee, contract, (c) => settledAs(c as never, { by, txid: complete['txid'], paysSat: 50_000n }));
      expect(await states(both.payee)).toEqual(['exiting', by === 'exit' ? 'cancelled' : 'accepted']);
      if (by === 'rollover') await payMessages(both, nextOf(complete), 2_100n);
    },
  );

  it('but goes on when the chain shows the rollover', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const complete = (await rollMessages(both, contract)).at(-1)!;
    for (const party of [both.payer, both.payee])
      await set(party, contract, (c) =>
        settledAs(c as never, { by: 'rollover', txid: complete['txid'], paysSat: 50_000n }),
      );
    await payMessages(both, nextOf(complete), 2_100n);
  });

  it('one over which something was signed keeps its books and lets go of its coins', async () => {
    const both = await parties();
    const contract = await opened(both);
    const coin = await ownCoin(both.payer, 700_000n);
    const complete = (await rollMessages(both, contract, { utxo: [coin], amount: 1_500_000n })).at(-1)!;
    await payMessages(both, nextOf(complete), 2_100n);
    await set(both.payer, contract, (c) =>
      settledAs(c as never, { by: 'refund', txid: 'ab'.repeat(32), paysSat: 50_000n }),
    );
    expect(await payerOf(both, nextOf(complete))).toMatchObject({ state: 'open', signedMaxSat: 2_100n, coins: [] });
    await isFree(both, [coin]);
  });
});

describe('a restore', () => {
  it('knows the transaction of a contract that has rolled', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    await rollMessages(both, contract, { utxo: [await ownCoin(both.payer, 700_000n)], amount: 1_500_000n });
    for (const party of [both.payer, both.payee]) {
      const had = (await party.record(contract)) as { rolling?: object };
      await party.lose(await party.backUp());
      expect(await party.record(contract)).toMatchObject({ state: 'rolled', rolling: had.rolling });
    }
  });
});
