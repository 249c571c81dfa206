/**
 * How a debt to a merchant ends, and what a server signs for it without a person: the rules of section 4 that need a home,
 * its mint and a merchant together. Quotes, melts and invoices by themselves: `test/serve/`.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allTables } from '../../src/lib/families.ts';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, settledAs, type Credit, type FundedCredit } from '../../src/lib/credit/records.ts';
import { statusOf } from '../../src/lib/credit/status.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { change } from '../../src/lib/home/change.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { newMintQuote } from '../../src/lib/cashu/quotes.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { isServed } from '../../src/lib/protocol/ports.ts';
import type { Outgoing } from '../../src/lib/cdk/proto.ts';
import { refused, sealedAs } from '../credit/helpers.ts';
import { ownCoin } from '../support/credit.ts';
import { at } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';
import { pruneAll } from '../support/prune.ts';

let market: Market;
let reverse: string;
beforeEach(async () => {
  market = await Market.make();
  reverse = await market.reverse();
});
afterEach(() => market.close());

const served = {};
const policy = defaultPolicy('regtest');
const over = () => ({ input: { contract: reverse } });
const owed = async (): Promise<bigint> => (await market.payer(reverse)).owedSat!;
const make = (offer: string, quoteId: string): Promise<Outgoing> =>
  market.mint.call('MakePayment', { paymentOptions: { custom: { offer, quoteId } }, unit: 'sat' });
/** A customer pays so much in ecash. */
const melted = async (amount: bigint): Promise<string> =>
  (await market.mint.melt(await market.mint.newMelt(await market.invoice(reverse, amount)))).state;
const shut = async (line: string, melt: string): Promise<void> => {
  const before = await owed();
  expect((await make(line, melt)).status).toBe('FAILED');
  await expect(market.mint.newMelt(await market.invoice(reverse, 700n))).rejects.toThrow('not-an-invoice');
  expect(await owed()).toBe(before);
};

describe('a close', () => {
  it('that this home proposed stops melts and updates; cancelled by both, it reopens', async () => {
    const { operator, merchant } = market;
    const [line, other] = [await market.invoice(reverse, 1_000n), await market.invoice(reverse, 500n)];
    const [melt, kept] = [await market.mint.newMelt(line), await market.mint.newMelt(other)];
    await operator.run(closeCredit, over());
    await merchant.run(closeCredit, over());
    await shut(line, melt.id);
    await operator.run(closeCredit, { ...over(), cancel: true });
    expect(await market.payer(reverse)).toMatchObject({ state: 'open', closing: null, signedClose: null });
    // What was told FAILED stays so, what nobody has sent meanwhile is paid, and what is new is quoted.
    expect((await make(line, melt.id)).status).toBe('FAILED');
    expect((await make(other, kept.id)).status).toBe('PAID');
    expect((await make(line, (await market.mint.newMelt(line)).id)).status).toBe('PAID');
    expect(await owed()).toBe(1_500n);
    // The merchant takes none of it before it gives up its own.
    await refused(
      () => merchant.run(signUpdate, { input: { contract: reverse, amount: 1_500n } }),
      'wrong-state',
      merchant,
    );
    await merchant.run(closeCredit, { ...over(), cancel: true });
    await market.settle(reverse, 1_500n);
    expect(await market.payer(reverse)).toMatchObject({ signedMaxSat: 1_500n, owedSat: 1_500n });
  });

  it('that this home has signed is out of its hands: no cancel reopens melts', async () => {
    const { operator, merchant } = market;
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    await operator.run(closeCredit, over());
    const proposed = await merchant.run(closeCredit, over());
    await operator.run(closeCredit, { on: proposed.message });
    await operator.run(closeCredit, { ...over(), cancel: true });
    await merchant.run(closeCredit, { ...over(), cancel: true });
    expect(await market.payer(reverse)).toMatchObject({ state: 'closing', closing: null });
    await shut(line, melt.id);
  });
});

describe.each(['a close', 'a rollover'])('%s and a melt at once', (what) => {
  /** What the home signs to end the contract. */
  async function ending(): Promise<() => Promise<unknown>> {
    const { operator, merchant } = market;
    if (what === 'a close') {
      const { message } = await merchant.run(closeCredit, over());
      return () => operator.run(closeCredit, { on: message });
    }
    const offered = await merchant.run(rollover, { input: { contract: reverse, policy, mint: market.mint.url } });
    const proposed = await operator.run(rollover, { on: offered.message, input: { expires: { blocks: 4_320 } } });
    const accepted = await merchant.run(rollover, { on: proposed.message });
    return () => operator.run(rollover, { on: accepted.message });
  }
  /** Something else is committed while this home is about to commit. */
  function meanwhile(happens: () => Promise<unknown>): void {
    const { store } = market.operator.home;
    const { commit } = store;
    store.commit = async (given) => {
      store.commit = commit;
      await happens();
      return commit.call(store, given);
    };
  }

  it('where the home signs first, the melt fails and nothing is owed', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const end = await ending();
    meanwhile(end);
    await shut(line, melt.id);
    expect(await owed()).toBe(0n);
    expect((await market.payer(reverse)).state).toBe(what === 'a close' ? 'closing' : 'rolled');
  });

  it('where the melt is first, the home does not sign before that is settled: owed-unsettled', async () => {
    const line = await market.invoice(reverse, 1_000n);
    const melt = await market.mint.newMelt(line);
    const end = await ending();
    meanwhile(async () => expect((await make(line, melt.id)).status).toBe('PAID'));
    await expect(end()).rejects.toMatchObject({ code: 'owed-unsettled' });
    expect(await market.payer(reverse)).toMatchObject({ state: 'open', owedSat: 1_000n, signedMaxSat: 0n });
  });
});

describe('what was owed above what was settled, once the contract has ended', () => {
  const settle = (party: typeof market.operator, settled: Pick<FundedCredit, 'settled'>['settled'] & object) =>
    change<{ contract: Credit }, void>(
      party.home.store,
      { contract: creditKind },
      () => ({ contract: idClaim(reverse) }),
      ({ contract }) => ({ writes: { contract: settledAs(contract as FundedCredit, settled) }, result: undefined }),
    );
  const txid = 'ab'.repeat(32);
  const facts = { tip: 5_400, coins: 'not-checked', known: 'not-checked' } as const;

  it.each([
    ['a refund', { by: 'refund', txid, paysSat: 1_198_000n }],
    ['an exit', { by: 'exit', txid, paysSat: 0n }],
  ] as const)('by %s is a debt: listed by status, counted, asked for, never dropped', async (_, settled) => {
    const { operator, merchant } = market;
    await melted(2_000n);
    await market.settle(reverse, 500n);
    await settle(operator, settled);
    await settle(merchant, settled);
    const said = statusOf(reverse, await operator.record(reverse), facts);
    expect(said).toMatchObject({ state: 'exiting', owed_sat: 2_000n, paid_sat: 500n });
    expect(said.notes).toContain('1500 sat are owed and not signed');
    expect((await operator.home.store.totals(creditKind)).get('owed_sat')).toEqual({ records: 1, sum: 1_500n });
    // The merchant is told, and that no update of this contract brings it.
    const queried = await merchant.run(creditInvoice, over());
    const stated = await operator.run(creditInvoice, { on: queried.message, served });
    const checked = await merchant.run(creditInvoice, { on: stated.message });
    expect(checked).toMatchObject({ exit: 3, message: { owed_sat: 2_000 } });
    expect(checked.hint).toContain('over the next contract, or on chain');
    // Whatever its age.
    await pruneAll(operator);
    expect(await owed()).toBe(2_000n);
    // A melt does not raise it any more.
    await expect(market.mint.newMelt(await market.invoice(reverse, 700n))).rejects.toThrow('not-an-invoice');
  });

  it('is carried into the next contract by a person: a server signs nothing of it there', async () => {
    const { operator, merchant } = market;
    await melted(2_000n);
    await settle(operator, { by: 'refund', txid, paysSat: 1_199_000n });
    const next = await market.reverse();
    const requested = await merchant.run(signUpdate, { input: { contract: next, amount: 2_000n } });
    await refused(() => operator.run(signUpdate, { on: requested.message, served }), 'not-agreed', operator);
    const signed = await operator.run(signUpdate, { on: requested.message, amount: 2_000n });
    await merchant.run(signUpdate, { on: signed.message });
    expect(await market.payer(next)).toMatchObject({ signedMaxSat: 2_000n, owedSat: 2_000n });
  });
});

describe('as payer a server answers nothing but what is owed', () => {
  it('of all rows of contracts it takes two', async () => {
    const taken = (await allTables()).flatMap((table) =>
      table.rows.filter((row) => row.by === 'payer' && isServed(table, row)).map(({ name }) => `${table.type} ${name}`),
    );
    expect(taken).toEqual(['sign-update signed', 'credit-invoice stated']);
  });

  it('no opening', async () => {
    const { operator, merchant } = market;
    const utxo = [await ownCoin(operator, 1_300_000n)];
    const input = { as: 'payee', policy, mint: market.mint.url };
    const offered = await merchant.run(openCredit, { input });
    const agreed = { utxo, amount: 1_200_000n, expires: { blocks: 4_320 } };
    const propose = (more: object) => operator.run(openCredit, { on: offered.message, input: agreed, ...more });
    await refused(() => propose({ served }), 'not-served', operator);
    const accepted = await merchant.run(openCredit, { on: (await propose({})).message });
    await refused(() => operator.run(openCredit, { on: accepted.message, served }), 'not-served', operator);
  });

  it('no rollover, neither begun nor signed', async () => {
    const { operator, merchant } = market;
    await refused(() => operator.run(rollover, { ...over(), served }), 'not-served', operator);
    const offered = await merchant.run(rollover, { input: { contract: reverse, policy, mint: market.mint.url } });
    const propose = (more: object) =>
      operator.run(rollover, { on: offered.message, input: { expires: { blocks: 4_320 } }, ...more });
    await refused(() => propose({ served }), 'not-served', operator);
    const accepted = await merchant.run(rollover, { on: (await propose({})).message });
    await refused(() => operator.run(rollover, { on: accepted.message, served }), 'not-served', operator);
  });

  it('no close, neither its own nor the other’s', async () => {
    const { operator, merchant } = market;
    const theirs = await merchant.run(closeCredit, over());
    await refused(() => operator.run(closeCredit, { on: theirs.message, served }), 'not-served', operator);
    await merchant.run(closeCredit, { ...over(), cancel: true });
    await refused(() => operator.run(closeCredit, { ...over(), served }), 'not-served', operator);
    const ours = await operator.run(closeCredit, over());
    const signed = await merchant.run(closeCredit, { on: ours.message });
    await refused(() => operator.run(closeCredit, { on: signed.message, served }), 'not-served', operator);
  });

  it('no update beyond what is owed, by however little; and none that it is told is owed', async () => {
    const { operator, merchant } = market;
    await melted(1_000n);
    const queried = await merchant.run(creditInvoice, over());
    const stated = await operator.run(creditInvoice, { on: queried.message, served });
    await refused(
      async () =>
        operator.run(creditInvoice, { on: await sealedAs(operator, stated.message, { owed_sat: 9_000 }), served }),
      'not-your-turn',
      operator,
    );
    const beyond = await merchant.run(signUpdate, { input: { contract: reverse, amount: 1_001n } });
    await refused(() => operator.run(signUpdate, { on: beyond.message, served }), 'not-agreed', operator);
    const due = await merchant.run(signUpdate, { input: { contract: reverse, amount: 1_000n } });
    const signed = await operator.run(signUpdate, { on: due.message, served });
    await merchant.run(signUpdate, { on: signed.message });
    const next = await merchant.run(signUpdate, { input: { contract: reverse, amount: 1n } });
    await refused(() => operator.run(signUpdate, { on: next.message, served }), 'not-agreed', operator);
  });

  it('but for what a person of this home asked for: once, and for ten minutes', async () => {
    const { operator, merchant } = market;
    const ask = async (amount: bigint) => {
      const asked = await operator.run(signUpdate, { input: { contract: reverse, amount } });
      return (await merchant.run(signUpdate, { on: asked.message })).message;
    };
    const first = await ask(3_000n);
    const signed = await operator.run(signUpdate, { on: first, served });
    await merchant.run(signUpdate, { on: signed.message });
    expect(await market.payer(reverse)).toMatchObject({ signedMaxSat: 3_000n, owedSat: 3_000n });
    const again = await merchant.run(signUpdate, { input: { contract: reverse, amount: 3_000n } });
    await refused(() => operator.run(signUpdate, { on: again.message, served }), 'not-agreed', operator);
    const reused = await sealedAs(merchant, again.message, { asked: first['asked'] });
    await refused(() => operator.run(signUpdate, { on: reused, served }), 'asked-unknown', operator);
    const late = await ask(500n);
    operator.chain.now += 601;
    await refused(() => operator.run(signUpdate, { on: late, served }), 'asked-expired', operator);
  });

  it('and no quote for a contract that it pays over', async () => {
    const { operator, user } = market;
    // A customer's home may be a server too.
    const contract = await market.forward();
    const { terms } = (await user.record(contract)) as Extract<Credit, { role: 'payer'; signedMaxSat: bigint }>;
    const { id: quote } = await newMintQuote(at(market.mint.url), terms.ecash_pubkey!);
    const made = await user.run(ecashQuote, { input: { contract, quote } });
    const bound = await operator.run(ecashQuote, { on: made.message, served });
    await refused(() => user.run(ecashQuote, { on: bound.message, served }), 'not-served', user);
  });
});
