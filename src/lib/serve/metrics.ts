/**
 * `GET /metrics` in Prometheus' text format: answers of a server and their times, counted in this
 * process, and the standing of its home, scanned on request. A label never holds what a peer wrote:
 * type and step are of the tables, codes of `ERRORS`. A scrape is always answered. Gauges that
 * store or node do not give within a while are left out, and `spillway_store_up` or
 * `spillway_chain_up` is 0.
 */
import { failureOf } from '../engine/failure.ts';
import { homeTotals, lookingOver, nextDeadline, type Look } from '../engine/look.ts';
import { note } from '../engine/log.ts';
import type { ByChain, FamilyGauges } from '../contract/gauges.ts';
import { allGauges, allTables } from '../families.ts';
import type { Home } from '../home/home.ts';
import type { Facts } from '../protocol/action.ts';
import { isServed, type FactSource } from '../protocol/ports.ts';
import type { LogEntry } from './desk.ts';
import { gaugesOf, type HomeLook } from './gauges.ts';
import { inTime, onceABlock, shared } from './looks.ts';

export interface Metrics {
  /** A message was answered. */
  count(entry: LogEntry): void;
  /** The whole text. */
  scrape(): Promise<string>;
}
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Time for which one scan answers, and time that a scrape waits: Prometheus gives up after 10 s.
 */
const LOOK_MS = 1_000;
const PATIENCE_MS = 4_000;
/** Gauges of the client that are named like counters, and are the sums of others. */
const MISNAMED = ['resources', 'handles', 'requests'].map((what) => `nodejs_active_${what}_total`);
/** Labels of a message that was refused before it was read. */
const NONE = { type: 'none', step: 'none' } as const;
/** Seconds: a signature takes milliseconds, a check on a busy node a second, a hung node 30. */
const BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export async function metricsOf(look: () => Promise<HomeLook>): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import('./prometheus.ts');
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  for (const name of MISNAMED) ofProcess.removeSingleMetric(name);
  const registers = [ofProcess];
  const families = await allGauges();
  const messages = new Counter({
    name: 'spillway_messages_total',
    help: 'Messages answered, by type, step and how it ended: ok, waits (for another wallet), or the code of the refusal.',
    labelNames: ['type', 'step', 'code'],
    registers,
  });
  const signing = new Histogram({
    name: 'spillway_signing_seconds',
    help: 'Time from taking up a message that was accepted to its stored answer: checks, signatures and commit.',
    labelNames: ['type', 'step'],
    buckets: BUCKETS,
    registers,
  });
  const queue = new Histogram({
    name: 'spillway_queue_seconds',
    help: 'Time for which a message that was accepted waited until it was taken up.',
    buckets: BUCKETS,
    registers,
  });
  // A counter that begins at its first message would hide that message from rate().
  for (const action of await allTables())
    for (const row of action.rows.filter((row) => isServed(action, row)))
      messages.inc({ type: action.type, step: row.after!, code: 'ok' }, 0);

  return {
    count({ received, code, ms, workMs, look: looked }) {
      if (looked) return;
      const labels = received ? { type: received.action.type, step: received.step } : NONE;
      messages.inc({ ...labels, code });
      if (!received || code !== 'ok' || workMs === undefined) return;
      signing.observe(labels, workMs / 1000);
      queue.observe(Math.max(0, ms - workMs) / 1000);
    },
    async scrape() {
      // New for each scrape, so that no old value stays.
      const ofHome = new Registry();
      for (const { name, help, values } of gaugesOf(families, await look())) {
        const labelNames = Object.keys(values[0]?.labels ?? {});
        const gauge = new Gauge({ name, help, labelNames, registers: [ofHome] });
        for (const { labels = {}, value } of values) gauge.set(labels, value);
      }
      return Registry.merge([ofHome, ofProcess]).metrics();
    },
  };
}

/**
 * Scans store and chain, once for all simultaneous scrapes. Never rejects: failures go to stderr.
 * The store sums what the records state each time; the coins of the contracts are looked up once a
 * block.
 */
export function lookAt(home: Home, source: FactSource): () => Promise<HomeLook> {
  const height = shared(async () => (await source.facts({ tip: true })).facts.tip ?? 'not-checked', LOOK_MS);
  const families = allGauges();
  const looks = families.then((all) => all.map(({ watcher }) => lookingOver(home.store, source, watcher)));
  const coins = onceABlock(async () => Promise.all((await looks).map((look) => look())), tell);
  const byChain = async (tip: Facts['tip']): Promise<HomeLook['chain']> => {
    const found = await coins(tip);
    return found && Promise.all((await families).map((one, i) => chainOf(home, one, found[i]!)));
  };
  const stored = async () => Promise.all((await families).map((one) => homeTotals(home, one)));
  return shared(async () => {
    const [sums, tip] = await Promise.all([patient('the store', stored()), patient('the node', height())]);
    const chain = sums && tip !== undefined ? await patient('the store', byChain(tip)) : undefined;
    return { network: home.network, stored: sums, tip, chain };
  }, LOOK_MS);
}

const chainOf = async (home: Home, one: FamilyGauges, look: Look): Promise<ByChain> => ({
  at: look.tip,
  totals: await homeTotals(home, one, look.otherwise),
  deadline: await nextDeadline(home.store, one.watcher, look),
});

/** Returns the result if in time; else logs the delay or the failure, and returns undefined. */
const patient = <T>(what: string, promise: Promise<T>): Promise<T | undefined> =>
  inTime(promise, PATIENCE_MS, () => note(`metrics: ${what} does not answer within ${PATIENCE_MS / 1000} s`)).catch(
    tell,
  );

function tell(error: unknown): undefined {
  const { code, message } = failureOf(error);
  note(`metrics: ${code}: ${message}`);
}
