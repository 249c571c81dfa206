/**
 * A hundred thousand quotes in small: what the reporter reads and asks with many quotes on which something waits, counted.
 * A quiet look reads no record, quotes that nobody touches are asked about ever more rarely, and a mint that is away is tried
 * with one quote at a time.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newQuote, quoteClaim, quoteKind, type MintFigures, type Quote } from '../../src/lib/ecash/quote.ts';
import { change, plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { REPORT_LIMITS, Reporter } from '../../src/lib/cdk/report.ts';
import { limits } from '../support/limits.ts';
import { Market } from '../support/mint-home.ts';

const COUNT = 260;
const UNMOVED = { paidSat: 0n, issuedSat: 0n };
const ARRIVED = { paidSat: 5_000n, issuedSat: 0n };
const away = () => Promise.reject(new Refusal('mint-unavailable', 'no answer'));
const answers = async (id: string): Promise<MintFigures> => (id.startsWith('q') ? UNMOVED : ARRIVED);

let market: Market;
let contract: string;
const ids = Array.from({ length: COUNT }, (_, i) => `q${i}`);
const idle = Array.from({ length: REPORT_LIMITS.beside.most + 1 }, (_, i) => `idle${i}`);
/** A quote whose event was shown, and has not arrived. */
const shown = (id: string, mint = market.mint.url): Quote => ({
  ...newQuote({ id, contract, mint, amountSat: 5_000n }),
  creditedSat: 5_000n,
  event: { beforeSat: 0n, afterSat: 5_000n },
});
const keep = (...quotes: Quote[]) => {
  const writes = quotes.map((quote) => writeOf(quoteKind, quote, null, 0));
  return market.operator.home.store.commit(plainCommit({ reads: [], writes }));
};
beforeAll(async () => {
  market = await Market.make(195);
  contract = await market.forward();
  await market.stop();
  await keep(...idle.map((id) => ({ ...shown(id), event: null, ackSat: 5_000n })));
  for (const id of ids) await keep(shown(id));
});
afterAll(async () => {
  await market.mint.stop();
  for (const party of [market.operator, market.user, market.merchant]) party.close();
});

let time = 0;
let reporter: Reporter;
const asked = vi.fn<(id: string) => Promise<MintFigures | 'unknown'>>();
const begin = () => {
  const { store } = market.operator.home;
  asked.mockReset().mockImplementation(answers);
  reporter = new Reporter({ store, mint: market.mint.url, figures: asked, log: () => {}, point: () => {} });
};
beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => time));
afterEach(() => void vi.restoreAllMocks());
/** Looks five times a second, up to this moment. @returns how often the mint was asked */
async function looksUntil(ms: number): Promise<number> {
  asked.mockClear();
  for (; time < ms; time += 200) await reporter.tick();
  return asked.mock.calls.length;
}
const askedFor = (...names: string[]) => asked.mock.calls.map(([id]) => id).filter((id) => names.includes(id));

describe('many quotes on which something waits', () => {
  beforeAll(begin);

  it('cost a quiet look no record and no question, and few rows, however many they are', async () => {
    await looksUntil(20_000);
    const { store } = market.operator.home;
    const [list, load] = [vi.spyOn(store, 'list'), vi.spyOn(store, 'load')];
    const rows = vi.spyOn(store, 'pending');
    // Those that are due are looked at, then nothing is for a moment.
    for (let quiet = false; !quiet; time += 1) {
      asked.mockClear();
      load.mockClear();
      await reporter.tick();
      quiet = asked.mock.calls.length === 0;
    }
    expect([list, load].map((read) => read.mock.calls.length)).toEqual([0, 0]);
    expect((await rows.mock.results.at(-1)!.value).length).toBeLessThanOrEqual(200);
  });

  it('are asked about 40 times a second at most once nobody touches them', async () => {
    expect(REPORT_LIMITS.pause.most(COUNT)).toBe(COUNT * 25);
    expect(await looksUntil(time + COUNT * 25)).toBeLessThanOrEqual(COUNT);
  });

  it('do not keep one waiting that was just paid, that another process has changed, or that somebody asks for', async () => {
    time = Math.ceil(time / 1_000) * 1_000; // a moment at which something can be due
    await keep(shown('fresh'));
    await looksUntil(time + 1);
    expect(askedFor('fresh')).toEqual(['fresh']);
    // Acknowledged, it is asked about no more.
    expect([await looksUntil(time + 6_000), askedFor('fresh')]).toEqual([expect.any(Number), []]);
    const { store } = market.operator.home;
    await change<{ quote: Quote }, void>(
      store,
      { quote: quoteKind },
      () => ({ quote: quoteClaim('q1') }),
      ({ quote }) => ({ writes: { quote: { ...quote!, reserved: 7 } }, result: undefined }),
    );
    time = Math.ceil(time / 1_000) * 1_000;
    await looksUntil(time + 1);
    expect(askedFor('q1')).toEqual(['q1']);
    reporter.touch('q7');
    reporter.touch('nobody');
    await looksUntil(time + 1);
    expect(askedFor('q7', 'nobody')).toEqual(['q7']);
  });

  it('of another mint are left alone', async () => {
    await keep(shown('elsewhere', 'https://other.example'));
    await looksUntil(time + 1_000);
    const load = vi.spyOn(market.operator.home.store, 'load');
    await looksUntil(time + 1_000);
    expect(askedFor('elsewhere')).toEqual([]);
    expect(load.mock.calls.filter(([claims]) => claims.includes(quoteClaim('elsewhere')))).toEqual([]);
  });
});

describe('a mint that does not answer', () => {
  beforeEach(() => {
    time = 0;
    begin();
  });

  it('is tried with one quote at a time, every five seconds in the end, and asked for all once it answers', async () => {
    asked.mockImplementation(away);
    // The questions that were under way at first, then one a pause.
    expect(await looksUntil(30_000)).toBeLessThanOrEqual(8 + 12);
    expect(await looksUntil(60_000)).toBeLessThanOrEqual(6);
    asked.mockImplementation(answers);
    await looksUntil(67_000);
    expect(new Set(askedFor(...ids)).size).toBe(COUNT);
  });

  it('for one quote holds up no other', async () => {
    asked.mockImplementation((id) => (id === 'q3' ? away() : answers(id)));
    await looksUntil(3_000);
    expect(new Set(askedFor(...ids)).size).toBe(COUNT);
    expect(askedFor('q3')).toEqual(['q3']);
  });

  it('is asked once for each quote on which nothing waits when it opens a stream, none left out', async () => {
    const { store } = market.operator.home;
    asked.mockImplementation((id) => (id.startsWith('idle') ? away() : answers(id)));
    await looksUntil(600);
    const seen = vi.fn();
    await (
      await reporter.listen(seen)
    )();
    asked.mockImplementation(answers);
    await looksUntil(10_000);
    expect(new Set(askedFor(...idle)).size).toBe(idle.length);
    // Every row under way was shown to the stream, and no other mint's.
    expect(seen.mock.calls.length).toBe((await store.pending('quote', 0)).length - 1);
  });
});

describe('a look', () => {
  /** Looks once at so many quotes and no others. */
  const only = async (state: 'pending' | 'idle', count: number) => {
    const { store } = market.operator.home;
    const found = (state === 'idle' ? idle : ids).slice(0, count).map((id) => ({ name: `quote ${id}`, rev: 1 }));
    expect(found.length).toBe(count);
    vi.spyOn(store, 'list').mockResolvedValue((state === 'idle' ? found : []) as never);
    const pending = vi.spyOn(store, 'pending').mockResolvedValue([]);
    time = 0;
    begin();
    await reporter.tick();
    // Nothing was known of them before.
    if (state === 'pending') pending.mockResolvedValue(found);
    if (state === 'pending') await reporter.tick();
    return asked.mock.calls.length === count;
  };
  /** Is it left alone for so long after tries in vain? */
  const leftFor = async (ms: number) => {
    await looksUntil(40_000);
    asked.mockClear();
    for (; asked.mock.calls.length === 0; time += 50) await reporter.tick();
    time += ms - 51;
    asked.mockClear();
    await reporter.tick();
    return asked.mock.calls.length === 0;
  };
  limits(REPORT_LIMITS, {
    look: { takes: (n: number) => only('pending', n), above: 'not taken' },
    beside: { takes: (n: number) => only('idle', n), above: 'not taken' },
    pause: {
      takes: async (ms: number) => {
        await only('pending', 1);
        return leftFor(ms);
      },
      figures: [1],
      above: 'not taken',
    },
    away: {
      takes: async (ms: number) => {
        await only('pending', 1);
        asked.mockImplementation(away);
        return leftFor(ms);
      },
      above: 'not taken',
    },
  });
});
