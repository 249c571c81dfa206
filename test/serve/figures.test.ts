/** The gauges of a home: contracts by state, the sums of `liquidity`, the next deadline; asked of the node once a block. */
import { describe, expect, it } from 'vitest';
import { settledAs, type Credit } from '../../src/lib/credit/records.ts';
import { deadlineHeight } from '../../src/lib/credit/checks.ts';
import { liquidity } from '../../src/lib/credit/liquidity.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { gaugesOf, type Looked } from '../../src/lib/serve/figures.ts';
import { onceABlock } from '../../src/lib/serve/once-a-block.ts';
import { shared } from '../../src/lib/serve/shared.ts';
import { parties, payeeOf, payerOf } from '../credit/helpers.ts';
import { ecashMessages, opened, openedMint, payMessages } from '../support/credit.ts';

const facts = { tip: 1_000, coins: 'not-checked', known: 'not-checked' } as const;
const found = (looked: Partial<Looked>): Record<string, number> =>
  Object.fromEntries(
    gaugesOf({ network: 'regtest', records: [], facts, ...looked }).flatMap(({ name, values }) =>
      values.map(({ labels, value }) => [[name, ...Object.values(labels ?? {})].join(' '), value]),
    ),
  );

describe('contracts', () => {
  it('are counted by role and state, each of them from the start', async () => {
    const none = found({});
    expect(Object.keys(none).filter((name) => name.startsWith('spillway_contracts '))).toHaveLength(16);
    const both = await parties();
    const ids = [await opened(both), await opened(both)];
    const records: Credit[] = [
      ...(await Promise.all(ids.map((id) => payeeOf(both, id)))),
      await payerOf(both, ids[0]!),
    ];
    expect(found({ records })).toMatchObject({
      'spillway_contracts payee open': 0,
      'spillway_contracts payee accepted': 2,
      'spillway_contracts payer open': 1,
      'spillway_contracts payer exiting': 0,
    });
  });
});

describe('sums', () => {
  it('are those of liquidity, in satoshis', async () => {
    const both = await parties();
    const [a, b] = [await openedMint(both), await opened(both)];
    await ecashMessages(both, a, 30_000n);
    await payMessages(both, b, 70_000n);
    const records = [await payeeOf(both, a), await payeeOf(both, b), await payerOf(both, b)];
    const gauges = found({ records });
    const sums = Object.entries(liquidity('regtest', records, facts)).filter(([field]) => field.endsWith('_sat'));
    expect(sums).toHaveLength(11);
    for (const [field, sat] of sums) expect([field, gauges[`spillway_${field}s`]]).toEqual([field, Number(sat)]);
    expect(gauges).toMatchObject({ spillway_holds_sats: 100_000, spillway_signed_sats: 70_000 });
  });
});

describe('the next deadline', () => {
  it('is the nearest of those that have something to exit with', async () => {
    const both = await parties();
    const [near, far, unpaid] = [await opened(both, { blocks: 4_400 }), await opened(both), await opened(both)];
    expect(found({ records: [await payeeOf(both, unpaid)] })).not.toHaveProperty('spillway_next_deadline_blocks');
    await payMessages(both, near, 1_000n);
    await payMessages(both, far, 1_000n);
    const records = [await payeeOf(both, near), await payeeOf(both, far), await payeeOf(both, unpaid)];
    const next = Math.min(deadlineHeight(records[0]!.terms), deadlineHeight(records[1]!.terms));
    expect(found({ records })['spillway_next_deadline_blocks']).toBe(next - 1_000);
    const late = { ...facts, tip: next + 3 };
    expect(found({ records, facts: late })).toMatchObject({
      spillway_next_deadline_blocks: -3,
      spillway_tip_height: next + 3,
    });
    const settled = records.map((c) => settledAs(c, { by: 'exit', txid: '00'.repeat(32) }));
    expect(found({ records: settled })).not.toHaveProperty('spillway_next_deadline_blocks');
  });
});

describe('what is not known', () => {
  it('is left out', () => {
    expect(found({ records: undefined, facts: undefined })).toEqual({ spillway_store_up: 0, spillway_chain_up: 0 });
    const names = Object.keys(found({ facts: undefined })).filter((name) => name.includes('_sats'));
    expect(names).toEqual(['spillway_issued_sats', 'spillway_unissued_sats']);
  });
});

describe('once a block', () => {
  function node() {
    const asked: string[][] = [];
    let tip = 7;
    const source: FactSource = {
      async facts({ coins, known }) {
        if (coins ?? known) asked.push([...(coins ?? known)!]);
        return {
          facts: {
            tip,
            ...(coins && { coins: new Map(coins.map((at) => [at, 'missing' as const])) }),
            // Of the second it cannot tell.
            ...(known && { known: new Map(known.slice(0, 1).map((txid) => [txid, true])) }),
          },
          checks: { tip: 'chain' },
        };
      },
    };
    return { source, asked, mine: () => (tip += 1) };
  }
  it('a coin is asked for, and again after a block or ten minutes; the height each time', async () => {
    const { source, asked, mine } = node();
    let now = 0;
    const held = onceABlock(source, () => now);
    const ask = async (...coins: string[]) => (await held.facts({ tip: true, coins })).facts;
    expect(await ask('a', 'b')).toEqual({
      tip: 7,
      coins: new Map([
        ['a', 'missing'],
        ['b', 'missing'],
      ]),
    });
    expect((await ask('b', 'c')).coins).toEqual(
      new Map([
        ['b', 'missing'],
        ['c', 'missing'],
      ]),
    );
    await ask('a', 'b', 'c');
    expect(asked).toEqual([['a', 'b'], ['c']]);
    mine();
    expect((await ask('a')).tip).toBe(8);
    now = 600_001;
    await ask('a');
    expect(asked.slice(2)).toEqual([['a'], ['a']]);
  });
  it('what the node cannot tell stays untold, and is not asked for again', async () => {
    const { source, asked } = node();
    const held = onceABlock(source);
    for (let i = 0; i < 2; i++)
      expect((await held.facts({ known: ['x', 'y'] })).facts.known).toEqual(new Map([['x', true]]));
    expect(asked).toEqual([['x', 'y']]);
  });
  it('without a node nothing is checked, and nothing is held', async () => {
    const source: FactSource = { facts: async () => ({ facts: { tip: 7, coins: 'not-checked' }, checks: {} }) };
    expect((await onceABlock(source).facts({ coins: ['a'] })).facts.coins).toBe('not-checked');
  });
});

describe('a shared look', () => {
  it('is begun again only when it is over and a while has passed, also where it failed', async () => {
    let [now, looks] = [0, 0];
    const open: { done(value: number): void; fail(error: Error): void }[] = [];
    const look = shared(
      () => {
        looks += 1;
        const { promise, resolve: done, reject: fail } = Promise.withResolvers<number>();
        open.push({ done, fail });
        return promise;
      },
      1_000,
      () => now,
    );
    const first = look();
    now = 5_000;
    expect(look()).toBe(first);
    open[0]!.done(1);
    expect(await first).toBe(1);
    const second = look();
    open[1]!.fail(new Error('down'));
    await expect(second).rejects.toThrow('down');
    now = 5_999;
    await expect(look()).rejects.toThrow('down');
    now = 6_000;
    const third = look();
    open[2]!.done(3);
    expect([await third, looks]).toEqual([3, 3]);
  });
});
