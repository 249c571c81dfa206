/** The gauges of a home: contracts by state, the sums of `liquidity`, the next deadline. */
import { describe, expect, it, vi } from 'vitest';
import { figuresOf } from '../../src/lib/credit/figures.ts';
import { liquidity } from '../../src/lib/credit/liquidity.ts';
import type { Credit } from '../../src/lib/credit/records.ts';
import type { ExitFacts } from '../../src/lib/credit/standing.ts';
import { Tally, type Totals } from '../../src/lib/protocol/figures.ts';
import { gaugesOf, type HomeLook } from '../../src/lib/serve/gauges.ts';
import { onceABlock, shared } from '../../src/lib/serve/looks.ts';
import { parties, payeeOf, payerOf } from '../credit/helpers.ts';
import { ecashMessages, opened, openedMint, payMessages } from '../support/credit.ts';
import { creditGauges } from '../../src/lib/ecash/gauges.ts';

const facts = { tip: 1_000, coins: 'not-checked', known: 'not-checked' } as const;
const sumsOf = (records: readonly Credit[], seen: ExitFacts = facts): Totals =>
  records.reduce((tally, c) => tally.add(figuresOf(c, seen)), new Tally()).totals();
const of = (records: readonly Credit[]): Partial<HomeLook> => ({
  stored: [sumsOf(records)],
  chain: [{ at: 1_000, totals: sumsOf(records), deadline: undefined }],
});
const found = (looked: Partial<HomeLook>): Record<string, number> =>
  Object.fromEntries(
    gaugesOf([creditGauges], { network: 'regtest', tip: 1_000, ...of([]), ...looked } as HomeLook).flatMap(
      ({ name, values }) =>
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
    expect(found(of(records))).toMatchObject({
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
    const gauges = found(of(records));
    const sums = Object.entries(liquidity('regtest', records, facts)).filter(([field]) => field.endsWith('_sat'));
    expect(sums).toHaveLength(11);
    for (const [field, sat] of sums) expect([field, gauges[`spillway_${field}s`]]).toEqual([field, Number(sat)]);
    expect(gauges).toMatchObject({ spillway_holds_sats: 100_000, spillway_signed_sats: 70_000 });
  });
});

describe('the next deadline', () => {
  it('is so many blocks away, less than none once it has passed, and left out where nothing has one', () => {
    const next = (deadline: number | undefined, tip: HomeLook['tip'] = 1_000) =>
      found({ tip, chain: [{ at: 1_000, totals: sumsOf([]), deadline }] });
    expect(next(1_003)).toMatchObject({ spillway_next_deadline_blocks: 3, spillway_tip_height: 1_000 });
    expect(next(1_003, 1_006)).toMatchObject({ spillway_next_deadline_blocks: -3, spillway_coins_height: 1_000 });
    expect(next(undefined)).not.toHaveProperty('spillway_next_deadline_blocks');
    expect(next(1_003, 'not-checked')).not.toHaveProperty('spillway_next_deadline_blocks');
  });
});

describe('what is not known', () => {
  it('is left out', () => {
    const blind = { stored: undefined, tip: undefined, chain: undefined };
    expect(found(blind)).toEqual({ spillway_store_up: 0, spillway_chain_up: 0 });
    const names = Object.keys(found({ chain: undefined })).filter((name) => name.includes('_sats'));
    expect(names).toEqual(['spillway_issued_sats', 'spillway_unissued_sats']);
  });
});

describe('once a block', () => {
  function looks() {
    const open: { done(found: string): void; fail(error: Error): void }[] = [];
    const failed: unknown[] = [];
    let now = 0;
    const ask = onceABlock(
      () => {
        const { promise, resolve: done, reject: fail } = Promise.withResolvers<string>();
        open.push({ done, fail });
        return promise;
      },
      (error) => failed.push(error),
      () => now,
    );
    return { ask, open, failed, after: (ms: number) => (now += ms) };
  }
  it('there is one look, of each block and after ten minutes', async () => {
    const { ask, open, after } = looks();
    for (const [i, [tip, ms]] of (
      [
        [7, 0],
        [8, 0],
        [8, 600_001],
        [7, 0],
      ] as const
    ).entries()) {
      after(ms);
      const asked = ask(tip);
      open[i]!.done(`look ${i}`);
      expect([await asked, await ask(tip), open.length]).toEqual([`look ${i}`, `look ${i}`, i + 1]);
    }
  });
  it('a look that takes long keeps nobody waiting, and there is no second one beside it', async () => {
    vi.useFakeTimers();
    try {
      const { ask, open } = looks();
      const wait = async (tip: number) => {
        const asked = ask(tip);
        await vi.advanceTimersByTimeAsync(1_000);
        return asked;
      };
      expect([await wait(7), await wait(8)]).toEqual([undefined, undefined]);
      open[0]!.done('of 7');
      expect([await wait(8), open.length]).toEqual(['of 7', 1]);
      expect([await wait(8), open.length]).toEqual(['of 7', 2]);
      open[1]!.done('of 8');
      expect([await wait(8), open.length]).toEqual(['of 8', 2]);
    } finally {
      vi.useRealTimers();
    }
  });
  it('a look that fails is told, and what was found before is not told again', async () => {
    const { ask, open, failed } = looks();
    const first = ask(7);
    open[0]!.done('of 7');
    expect(await first).toBe('of 7');
    const second = ask(8);
    open[1]!.fail(new Error('down'));
    expect([await second, failed]).toEqual([undefined, [new Error('down')]]);
    const third = ask(7);
    open[2]!.done('again');
    expect(await third).toBe('again');
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
