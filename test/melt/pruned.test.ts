/** What a running mint's home drops once its contracts have ended: they go with their quotes, invoices and melts, or not at all. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeRecord } from '../../src/lib/engine/upkeep.ts';
import { settledAs, type FundedCredit, type Settled } from '../../src/lib/credit/records.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { Market, until } from '../support/mint-home.ts';
import { DAY, pruneAt, type PruneAt } from '../support/prune.ts';
import { creditKind } from '../../src/lib/credit/records.ts';

let market: Market;
beforeEach(async () => {
  market = await Market.make(130);
});
afterEach(() => market.close());

const KINDS = ['credit', 'quote', 'invoice', 'melt', 'tab'] as const;
/** How many records of each kind the operator has. */
const held = async (): Promise<number[]> => {
  const { store } = market.operator.home;
  return Promise.all(KINDS.map(async (kind) => (await store.list(kind)).length));
};
/** The chain has settled a contract of the operator. */
const settle = (id: string, paysSat: bigint, by: Settled['by'] = 'close') =>
  changeRecord(market.operator.home, creditKind, idClaim(id), (c) =>
    settledAs(c as FundedCredit, { by, txid: 'ab'.repeat(32), paysSat }),
  );
const prune = (more: PruneAt = {}) =>
  pruneAt(market.operator, { days: 90, seconds: 100 * DAY, blocks: 20_000, deep: 20_000, ...more });

/** A customer's contract with 5,000 sat paid over its own quote and 700 over another wallet's. */
async function customer(): Promise<{ id: string; quote: string }> {
  const id = await market.forward();
  const quote = await market.bind(id);
  await market.pay(id, 5_000n);
  await market.arrived(quote, 5_000);
  const other = await market.mint.newQuote({
    amount: 700,
    pubkey: `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`,
  });
  await market.pay(id, 700n, other.id);
  await market.arrived(other.id, 700);
  await until(
    async () => (await market.quote(other.id)).event === null && (await market.quote(quote)).event === null,
    'all acknowledged',
  );
  return { id, quote };
}

describe('a contract of a running mint', () => {
  it('goes with its quotes, invoices and melts, 90 days after it was settled', async () => {
    const { id } = await customer();
    const reverse = await market.reverse();
    const line = await market.invoice(reverse, 3_000n);
    await market.mint.melt(await market.mint.newMelt(line));
    await market.mint.newMelt(await market.invoice(reverse, 4_000n));
    await market.settle(reverse, 3_000n);
    const kept = await customer();
    expect(await held()).toEqual([3, 4, 2, 2, 1]);

    await settle(id, 5_700n);
    await settle(reverse, 1_190_000n);
    await prune({ seconds: 0, blocks: 0 });
    const dry = await prune({ dry: true });
    expect(await held()).toEqual([3, 4, 2, 2, 1]);
    const { records, unseen } = await prune();
    expect([records, unseen]).toEqual([{ credit: 2, ecash: 1, quote: 2, invoice: 2, melt: 2, tab: 1 }, 0]);
    expect(dry.records).toEqual(records);
    expect(await held()).toEqual([1, 2, 0, 0, 0]);
    // What is left goes on, and what has gone is neither melted nor paid again.
    await market.pay(kept.id, 1_000n);
    await market.arrived(kept.quote, 6_000);
    await expect(market.mint.newMelt(line)).rejects.toThrow();
  });

  it('stays while its mint has not acknowledged all that was paid', async () => {
    const { id, quote } = await customer();
    await market.stop();
    await market.pay(id, 100n);
    await settle(id, 5_800n);
    await prune({ seconds: 0, blocks: 0 });
    expect((await prune()).records).toEqual({});
    await market.start();
    await market.arrived(quote, 5_100);
    await until(async () => (await market.quote(quote)).event === null, 'all acknowledged');
    await prune({ seconds: 110 * DAY });
    expect((await prune({ seconds: 300 * DAY, blocks: 60_000, deep: 60_000 })).records).toEqual({
      credit: 1,
      ecash: 1,
      quote: 2,
    });
  });

  it.each([
    ['a debt that was not signed', 0n, 'close'],
    ['what a refund took back', 3_000n, 'refund'],
  ] as const)('of a merchant stays with its invoices for %s', async (_, signed, by) => {
    const reverse = await market.reverse();
    await market.mint.melt(await market.mint.newMelt(await market.invoice(reverse, 3_000n)));
    if (signed > 0n) await market.settle(reverse, signed);
    await settle(reverse, 1_190_000n, by);
    await prune({ seconds: 0, blocks: 0 });
    expect([(await prune()).records, await held()]).toEqual([{}, [1, 0, 1, 1, 1]]);
  });
});
