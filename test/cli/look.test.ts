/** What reports and metrics ask of store and node: the sums without a record, the coins page by page, one contract by itself. */
import { describe, expect, it, vi } from 'vitest';
import { statusLines } from '../../src/lib/engine/status.ts';
import { lookingOver, nextDeadline, type Look } from '../../src/lib/engine/look.ts';
import { figuresOf } from '../../src/lib/credit/figures.ts';
import { deadlineHeight } from '../../src/lib/credit/checks.ts';
import { liquidity, liquidityOf } from '../../src/lib/credit/liquidity.ts';
import { creditKind, type Credit, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import type { Home } from '../../src/lib/home/home.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { parties, payeeOf, payerOf } from '../credit/helpers.ts';
import { opened, payMessages } from '../support/credit.ts';
import { many } from '../support/many.ts';
import { creditWatcher } from '../../src/lib/credit/watch.ts';

type Visit = Parameters<typeof lookingOver<Credit>>[3];
const looking = (store: Home['store'], source: FactSource, visit?: Visit) =>
  lookingOver(store, source, creditWatcher, visit);
const lookOver = (...of: Parameters<typeof looking>) => looking(...of)();

const there = (c: PayeeCredit): Utxo => ({ sat: c.terms.capacity_sat, script: '', confirmations: 9 });
const at = ({ outpoint: { txid, vout } }: PayeeCredit): string => `${txid}:${vout}`;

/** A home with this many contracts beside the one of which they are copies, one in three not paid over. */
async function scene(count: number) {
  const both = await parties();
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const pattern = await payeeOf(both, id);
  const all = [pattern];
  for (let i = 0; i < count; i += 1) {
    const expiry = pattern.terms.expiry + 7 * (count - i);
    all.push({ ...many(pattern, { expiry, paidSat: i % 3 === 0 ? 0n : BigInt(1_000 + i) }), funded: true });
  }
  const writes = all.slice(1).map((c) => writeOf(creditKind, c, null, 0));
  expect(await both.payee.home.store.commit(plainCommit({ reads: [], writes }))).toBe(true);
  return { both, id, all, home: both.payee.home };
}
/** @returns a node that shows these coins, and what it was asked */
function node(coins: ReadonlyMap<string, Utxo>, tip = 1_000) {
  const asked: number[] = [];
  const source: FactSource = {
    async facts({ coins: wanted = [], known = [] }) {
      if (wanted.length > 0) asked.push(wanted.length);
      return {
        facts: {
          tip,
          feerate: 2_000,
          coins: new Map(wanted.map((coin) => [coin, coins.get(coin) ?? ('missing' as const)])),
          known: new Map(known.map((txid) => [txid, true])),
        },
        checks: {},
      };
    },
  };
  return { source, asked };
}
const blind = (tip: number): FactSource => ({
  facts: async () => ({ facts: { tip, coins: 'not-checked', known: 'not-checked' }, checks: {} }),
});
/** The bodies of records that are read while `run` lasts. */
async function bodiesDuring(home: Home, run: () => Promise<unknown>): Promise<number> {
  const list = vi.spyOn(home.store, 'list').mockRejectedValue(new Error('all records are read'));
  const parse = vi.spyOn(creditKind, 'parse');
  try {
    await run();
    return parse.mock.calls.length;
  } finally {
    list.mockRestore();
    parse.mockRestore();
  }
}

describe('a look at the coins of all contracts', () => {
  it('comes to the sums that a walk over all of them gives, and asks for a page of them at a time', async () => {
    const { all, home } = await scene(230);
    const gone = new Set([1, 2, 5, 120].map((i) => at(all[i]!)));
    const coins = new Map(all.filter((c) => !gone.has(at(c))).map((c) => [at(c), there(c)]));
    const { source, asked } = node(coins);
    const look = await lookOver(home.store, source);
    // Of four that are gone it asks once more, for what became of them.
    expect([Math.max(...asked), asked.reduce((a, b) => a + b)]).toEqual([154, 235]);
    const facts = {
      tip: 1_000,
      coins: new Map(all.map((c) => [at(c), coins.get(at(c)) ?? ('missing' as const)])),
      known: new Map(all.map((c) => [c.outpoint.txid, true])),
    };
    const wanted = liquidity('regtest', all, facts);
    expect(wanted.pending_sat).toBeGreaterThan(0n);
    expect(liquidityOf('regtest', look.tip, await home.store.totals(creditKind, look.otherwise))).toEqual(wanted);
    // Of four coins that are gone, one had nothing paid over it: it is kept all the same, for it locks nothing any more.
    expect(look.otherwise.size).toBe(4);
  });

  it('reads a record again only where it has changed, or its coin is gone', async () => {
    const { all, home, both, id } = await scene(30);
    const coins = new Map(all.map((c) => [at(c), there(c)]));
    const look = looking(home.store, node(coins).source);
    expect(await bodiesDuring(home, look)).toBe(31);
    expect(await bodiesDuring(home, look)).toBe(0);
    coins.delete(at(all[5]!));
    let found: Look | undefined;
    expect(await bodiesDuring(home, async () => (found = await look()))).toBe(1);
    expect(found!.otherwise.size).toBe(1);
    await payMessages(both, id, 1_000n);
    expect(await bodiesDuring(home, look)).toBe(2);
  });

  it('finds the next deadline behind those whose coins are gone, until such a record says something else', async () => {
    const { all, home } = await scene(3);
    const paid = all.filter(({ paidSat }) => paidSat > 0n);
    const sorted = paid.toSorted((a, b) => a.terms.expiry - b.terms.expiry);
    const coins = new Map(sorted.slice(1).map((c) => [at(c), there(c)]));
    const look = await lookOver(home.store, node(coins).source);
    expect(await nextDeadline(home.store, creditWatcher, { otherwise: new Map() })).toBe(
      deadlineHeight(sorted[0]!.terms),
    );
    expect(await nextDeadline(home.store, creditWatcher, look)).toBe(deadlineHeight(sorted[1]!.terms));
    const none = await lookOver(home.store, node(new Map()).source);
    expect(await nextDeadline(home.store, creditWatcher, none)).toBe(undefined);
  });

  it('without a node reads nothing but what has expired', async () => {
    const { all, home } = await scene(60);
    const [first] = all.filter(({ paidSat }) => paidSat === 0n).toSorted((a, b) => a.terms.expiry - b.terms.expiry);
    expect(await bodiesDuring(home, () => lookOver(home.store, blind(first!.terms.expiry - 1)))).toBe(0);
    let look = await lookOver(home.store, blind(1_000));
    expect(await bodiesDuring(home, async () => (look = await lookOver(home.store, blind(first!.terms.expiry))))).toBe(
      1,
    );
    const facts = { tip: first!.terms.expiry, coins: 'not-checked', known: 'not-checked' } as const;
    const wanted = liquidity('regtest', all, facts);
    expect(wanted.contracts).toBe(all.length - 1);
    expect(liquidityOf('regtest', look.tip, await home.store.totals(creditKind, look.otherwise))).toEqual(wanted);
  });

  it('shows each contract to who wants to see them, with or without a node', async () => {
    const { all, home } = await scene(5);
    for (const source of [blind(1_000), node(new Map()).source]) {
      const seen: Credit[] = [];
      await lookOver(home.store, source, (c) => seen.push(c));
      expect(seen.map((c) => 'id' in c && c.id).sort()).toEqual(all.map(({ id }) => id).sort());
    }
  });
});

describe('the figures of a contract', () => {
  it('of both parties are those that liquidity shows, and none is written that is 0', async () => {
    const { both, id } = await scene(0);
    for (const c of [await payeeOf(both, id), await payerOf(both, id)]) {
      const figures = figuresOf(c);
      expect(figures).toMatchObject({ [`${c.role} ${c.state}`]: 1n });
      expect(Object.values(figures)).not.toContain(0n);
    }
  });
});

describe('one contract', () => {
  it('is read by its name: no other record is, however many there are', async () => {
    const { home, id } = await scene(20);
    const { source } = node(new Map());
    const lines = async () =>
      expect((await statusLines(home, source, id)).map(({ contract }) => contract)).toEqual([id]);
    expect(await bodiesDuring(home, lines)).toBe(1);
  });
  it('costs the sums no record at all', async () => {
    const { home } = await scene(20);
    expect(await bodiesDuring(home, () => home.store.totals(creditKind))).toBe(0);
  });
});
