/** What is counted, what is measured, and that a scrape is answered whatever fails; through the reader of the format. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Home } from '../../src/lib/home/home.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { desk, receiveMessage, type LogEntry } from '../../src/lib/serve/desk.ts';
import type { HomeLook } from '../../src/lib/serve/gauges.ts';
import { lookAt, metricsOf, type Metrics } from '../../src/lib/serve/metrics.ts';
import { served, workHere, workTimed } from '../../src/lib/serve/work.ts';
import { opened, pair, payMessages, type Pair } from '../support/credit.ts';
import { parseExposition, Scraped } from '../support/exposition.ts';

let both: Pair;
let id: string;
let signed: string;
beforeAll(async () => {
  both = await pair(270);
  id = await opened(both);
  signed = printJson((await payMessages(both, id, 1_000n))[1]!);
});
afterAll(() => both.close());

const said: string[] = [];
const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => (said.push(String(text)), true));
afterEach(() => said.splice(0));
afterAll(() => stderr.mockRestore());

const nothing: HomeLook = { network: 'regtest', stored: undefined, tip: undefined, chain: undefined };
const counting = (): Promise<Metrics> => metricsOf(async () => nothing);
const scraped = async (metrics: Metrics): Promise<Scraped> => new Scraped(await metrics.scrape());
const entry = async (change: Partial<LogEntry> = {}): Promise<LogEntry> => ({
  from: 'test',
  received: await receiveMessage(signed),
  code: 'ok',
  ms: 30,
  workMs: 20,
  ...change,
});

describe('messages', () => {
  const OF = { type: 'sign-update', step: 'signed' };
  it('are counted by type, step and code; from the start where a server takes them', async () => {
    const metrics = await counting();
    const before = await scraped(metrics);
    expect(before.get('spillway_messages_total', { ...OF, code: 'ok' })).toBe(0);
    // A row of the payer, which asks a person.
    expect(before.get('spillway_messages_total', { type: 'open-credit', step: 'offered', code: 'ok' })).toBe(undefined);
    metrics.count(await entry());
    metrics.count(await entry({ code: 'bad-seal', workMs: undefined }));
    metrics.count({ from: 'http', code: 'from-browser', ms: 1 });
    const after = await scraped(metrics);
    expect(after.get('spillway_messages_total', { ...OF, code: 'ok' })).toBe(1);
    expect(after.get('spillway_messages_total', { ...OF, code: 'bad-seal' })).toBe(1);
    expect(after.get('spillway_messages_total', { type: 'none', step: 'none', code: 'from-browser' })).toBe(1);
  });

  it('are not looks at health or figures, whatever those answer', async () => {
    const metrics = await counting();
    const before = (await scraped(metrics)).count('spillway_messages_total');
    for (const code of ['ok', 'chain-unavailable', 'wrong-token'])
      metrics.count({ from: 'http', code, ms: 1, look: '/healthz' });
    expect((await scraped(metrics)).count('spillway_messages_total')).toBe(before);
  });

  it('that were accepted are timed: the work, and the wait before it', async () => {
    const metrics = await counting();
    metrics.count(await entry());
    metrics.count(await entry({ code: 'state-moved-on' }));
    metrics.count(await entry({ code: 'waits' }));
    const found = await scraped(metrics);
    expect(found.get('spillway_signing_seconds_count', OF)).toBe(1);
    expect(found.get('spillway_signing_seconds_sum', OF)).toBeCloseTo(0.02);
    expect(found.get('spillway_signing_seconds_bucket', { ...OF, le: '0.01' })).toBe(0);
    expect(found.get('spillway_signing_seconds_bucket', { ...OF, le: '0.025' })).toBe(1);
    expect(found.get('spillway_queue_seconds_sum')).toBeCloseTo(0.01);
  });

  it('cannot name a label: what a peer writes never gets there', async () => {
    const metrics = await counting();
    const answer = desk(workHere(served(both.payee.ports()), {}, 256), (found) => metrics.count(found));
    const bodies = Array.from({ length: 300 }, (_, i) => [
      signed.replace('"sign-update"', `"sign-update-${i}"`),
      signed.replace('"signed"', `"signed-${i}"`),
      signed.replace(id, id.slice(0, -3) + String(i).padStart(3, '0')),
      `{"type":"evil\\"} ${i}"}`,
    ]).flat();
    for (const body of bodies) await answer(body, 'test');
    const found = (await scraped(metrics)).families.get('spillway_messages_total')!.samples.filter((s) => s.value > 0);
    expect(found.map(({ labels, value }) => [...Object.values(labels), value]).sort()).toEqual([
      ['none', 'none', 'unknown-step', 300],
      ['none', 'none', 'unknown-type', 600],
      ['sign-update', 'signed', expect.stringMatching(/^(unknown-contract|terms-differ)$/), 300],
    ]);
  });
});

describe('time', () => {
  it('is that of the runner, told by a worker in front of its line; a refusal has none', async () => {
    const here = workHere(served(both.payee.ports()), {}, 256);
    const { line, workMs } = await here(await receiveMessage(signed));
    expect(workMs).toBeGreaterThan(0);
    const timed = await workTimed(here)(await receiveMessage(signed));
    const [, ms, rest] = /^(\d+\.\d{3}) (\{.*\})$/.exec(timed.line)!;
    expect([Number(ms) > 0, rest]).toEqual([true, line]);
    const entries: LogEntry[] = [];
    await desk(here, (found) => entries.push(found))(signed.replace('"amount_sat":1000', '"amount_sat":7'), 'test');
    await desk(here, (found) => entries.push(found))(signed, 'test');
    expect(entries.map(({ code, workMs: took }) => [code, took !== undefined])).toEqual([
      ['bad-seal', false],
      ['ok', true],
    ]);
    expect(entries[1]!.ms).toBeGreaterThanOrEqual(entries[1]!.workMs!);
  });
});

describe('a look', () => {
  const home = (totals: () => Promise<unknown>): Home =>
    ({ network: 'regtest', store: { totals, inOrder: async () => [] } }) as unknown as Home;
  const source = (facts: () => Promise<unknown>): FactSource => ({ facts }) as unknown as FactSource;
  const chain = source(async () => ({ facts: { tip: 7, coins: new Map(), known: new Map() }, checks: {} }));
  const shown = async (look: () => Promise<HomeLook>): Promise<Scraped> => scraped(await metricsOf(look));

  it('where the node fails: its figures are gone, not old, and those of the store are there', async () => {
    let fails = false;
    const flaky = source(async () => {
      if (fails) throw new Refusal('chain-unavailable', 'no answer');
      return { facts: { tip: 7, coins: 'not-checked', known: 'not-checked' }, checks: {} };
    });
    const metrics = await metricsOf(lookAt(both.payee.home, flaky));
    const good = await scraped(metrics);
    expect(good.get('spillway_chain_up')).toBe(1);
    expect(good.get('spillway_next_deadline_blocks')).toBeGreaterThan(0);
    fails = true;
    await sleep(1_100);
    const bad = await scraped(metrics);
    expect(bad.get('spillway_chain_up')).toBe(0);
    for (const name of ['tip_height', 'next_deadline_blocks', 'holds_sats', 'owed_sats'])
      expect([name, bad.get(`spillway_${name}`)]).toEqual([name, undefined]);
    expect(bad.get('spillway_store_up')).toBe(1);
    expect(bad.get('spillway_contracts', { role: 'payee', state: 'open' })).toBe(1);
    expect(bad.get('spillway_issued_sats')).toBe(0);
    expect(said).toEqual(['note: metrics: chain-unavailable: no answer\n']);
  });

  it('where the store fails: the height is there, and nothing of contracts', async () => {
    const found = await shown(
      lookAt(
        home(() => Promise.reject(new Refusal('store-unavailable', 'locked'))),
        chain,
      ),
    );
    expect([found.get('spillway_store_up'), found.get('spillway_chain_up')]).toEqual([0, 1]);
    expect(found.get('spillway_tip_height')).toBe(7);
    expect(found.count('spillway_contracts') + found.count('spillway_issued_sats')).toBe(0);
    expect(said.join()).toContain('store-unavailable: locked');
  });

  it('where a node hangs: a scrape waits four seconds, and the next one does not ask it again', async () => {
    vi.useFakeTimers();
    try {
      let asked = 0;
      const look = lookAt(
        home(async () => new Map()),
        source(() => ((asked += 1), new Promise(() => {}))),
      );
      for (let i = 0; i < 2; i++) {
        const looked = look();
        await vi.advanceTimersByTimeAsync(4_000);
        expect(await looked).toMatchObject({ stored: [new Map()], tip: undefined, chain: undefined });
        await vi.advanceTimersByTimeAsync(1_100);
      }
      expect(asked).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is one for all scrapes at a time', async () => {
    let asked = 0;
    const slow = home(async () => {
      asked += 1;
      await sleep(20);
      return new Map();
    });
    // However long the scrapes take, they come within the time of one look.
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const metrics = await metricsOf(lookAt(slow, chain));
      await Promise.all(Array.from({ length: 50 }, () => metrics.scrape()));
      await metrics.scrape();
    } finally {
      vi.useRealTimers();
    }
    // Contracts and their ledgers, for the records' own sums and for those with what the node says.
    expect(asked).toBe(4);
  });
});

describe('the reader of the format', () => {
  it('refuses what a scraper would', () => {
    const good = '# HELP a_b x\n# TYPE a_b gauge\na_b{c="d\\"\\\\\\n"} -1.5e3\n';
    expect(new Scraped(good).get('a_b', { c: 'd"\\\n' })).toBe(-1_500);
    for (const bad of [
      good.slice(0, -1),
      good + 'a_b{c="d\\"\\\\\\n"} 2\n',
      good + good,
      good.replace('# HELP a_b x\n', ''),
      good.replace('gauge', 'counter'),
      good.replace('gauge', 'gouge'),
      good.replace('c="d', 'c-="d'),
      good.replace('-1.5e3', 'x'),
      good.replace('a_b{', 'a_c{'),
      good.replace('\\n"', '\\t"'),
      '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
      '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
    ])
      expect(() => parseExposition(bad), bad).toThrow('exposition: ');
  });
});
