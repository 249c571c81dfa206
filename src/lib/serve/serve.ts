/**
 * Server of one home: a desk before it, and the listeners that bring it messages. Not here: its
 * flags (`flags.ts`).
 *
 * A further way to reach it is one more `Listener` in `listenersOf`, with the desk for contract
 * messages; one for a family's own work is `further`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../home/home.ts';
import type { FactSource, Ports } from '../protocol/ports.ts';
import { markFunded, lapseAll } from '../engine/upkeep.ts';
import { pruneBeside } from '../engine/keep.ts';
import { note } from '../engine/log.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { IsProxy } from './client.ts';
import { desk, logLine, type Desk, type Log } from './desk.ts';
import { httpListener, type Endpoint } from './http.ts';
import { healthPath, messagePath, metricsPath } from './http-paths.ts';
import { runListeners, SIGNALS, type Listener } from './listener.ts';
import { lookAt, metricsOf, type Metrics } from './metrics.ts';
import { workerListener, stdioListener } from './stdio.ts';
import { Outbox } from './outbox.ts';
import { Pool, type PoolOptions } from './pool.ts';
import { Budgets, admissionOf } from './strangers.ts';
import { healthOf, served, workHere, workIn, workTimed, type StandingInput } from './work.ts';

export interface ServeOptions {
  home: Home;
  ports: Ports;
  standing: StandingInput;
  stdio: boolean;
  http: Endpoint | undefined;
  /** Address of the figures, if not at `http`. */
  metrics: Endpoint | undefined;
  /** Token that must be shown for them. */
  metricsToken: string | undefined;
  /** Starts a listener of a family, with work of its own; undefined: there is none. */
  further: ((home: Home, source: FactSource) => Promise<Listener>) | undefined;
  /** Workers, and how to start one; undefined where this process does the work. */
  pool: PoolOptions | undefined;
  /** Does what is due after messages, such as running the program of --notify. */
  after: ((home: Home) => Promise<unknown>) | undefined;
  /** True for a worker: it logs nothing, and ends with its stdin, not by its parent's signals. */
  worker: boolean;
  /** Called once the server is ready. */
  begun(): void;
  connections: number;
  queue: number;
  /** Messages of all strangers a minute (`strangers.ts`). */
  offers: number;
  timeoutMs: number;
  /** Returns whether the X-Forwarded-For of this address is believed. */
  isProxy: IsProxy;
  /** Number of days that it keeps when it prunes by itself; undefined: it does not prune. */
  keepDays: number | undefined;
}

/** Interval of scans for contracts that were funded, or never, and of checks for due pruning. */
const LAPSE_MS = 600_000;

/**
 * Serves until the end.
 * @throws Refusal where it cannot begin: the home stays locked, the node does not answer, an
 * address is in use
 */
export async function serveHome(options: ServeOptions): Promise<void> {
  const { home, ports, worker, after } = options;
  if (worker) for (const signal of SIGNALS) process.on(signal, () => {});
  const health = healthOf(home, ports);
  await health();
  const outbox = new Outbox(async () => after?.(home));
  let ending = false;
  const lapsing = new Outbox(async () => {
    const funded = await markFunded(home, ports.source, () => ending);
    const ended = [...funded, ...(await lapseAll(home, ports.source, () => ending))];
    for (const id of ended) note(`contract ${id} lapsed: nobody funded it`);
  }, LAPSE_MS);
  const pruning = pruneBeside(home, ports.source, worker ? undefined : options.keepDays, note);
  const upkeep = (): void => (lapsing.nudge(), pruning.nudge());
  const pool = options.pool && (await Pool.start(options.pool));
  const upkeeps = worker ? undefined : setInterval(upkeep, LAPSE_MS);
  try {
    const metrics = options.http && (await metricsOf(lookAt(home, ports.source)));
    const log: Log = worker ? () => {} : (entry) => (logLine(entry), metrics?.count(entry));
    const here = workHere(served(ports), options.standing, options.queue);
    const work = pool ? workIn(pool) : worker ? workTimed(here) : here;
    // The parent has admitted a worker's messages.
    const admission = worker ? undefined : admissionOf(home.store, new Budgets(options.offers));
    const answer = desk(work, (entry) => (log(entry), outbox.nudge()), admission);
    const listeners = await listenersOf(options, answer, log, health, metrics);
    options.begun();
    outbox.nudge(); // what an earlier process could not
    if (!worker) upkeep();
    await runListeners(home.network, listeners, worker ? [] : SIGNALS);
  } finally {
    ending = true;
    clearInterval(upkeeps);
    pruning.stop();
    await pool?.close();
    await Promise.all([outbox.close(), lapsing.close(), pruning.done()]);
  }
}

/** Starts all listeners; if one fails, ends those before it. */
async function listenersOf(
  { stdio, worker, http, metrics: apart, metricsToken: token, further, home, ports, ...limits }: ServeOptions,
  desk: Desk,
  log: Log,
  health: () => Promise<object>,
  metrics: Metrics | undefined,
): Promise<Listener[]> {
  const begun: Listener[] = [];
  try {
    if (further) begun.push(await further(home, ports.source));
    if (http && metrics) {
      const paths = {
        '/': messagePath({ ...limits, desk }),
        '/healthz': healthPath(health),
        ...(!apart && { '/metrics': metricsPath(metrics, token) }),
      };
      const advice = 'put a proxy with TLS in front, and name it by --proxy';
      begun.push(await httpListener({ ...limits, ...http, name: 'http', paths, log, advice }));
    }
    if (apart && metrics) {
      const paths = { '/metrics': metricsPath(metrics, token ?? 'none') };
      const advice = `whoever reaches it${token === undefined ? '' : ', and has the token,'} reads the figures of this home`;
      begun.push(await httpListener({ ...limits, ...apart, name: 'metrics', paths, log, advice }));
    }
    if (stdio) begun.push((worker ? workerListener : stdioListener)(desk, process.stdin));
    return begun;
  } catch (error) {
    for (const listener of begun) listener.stop();
    throw error;
  }
}

export const PATIENCE_LIMITS = {
  /** Longest time from the beginning to the next try of a start: the default of supervisors. */
  start: { unit: 'milliseconds', most: 90_000 },
} satisfies Limits;
const CLOCK = { now: () => performance.now(), sleep: (ms: number): Promise<void> => sleep(ms) };

/**
 * Runs `start` again while it is refused with `store-unavailable` before it has `begun`: after a
 * power cut a server may start before its database. Once it runs, it refuses what comes meanwhile
 * and goes on by itself.
 * @throws whatever `start` throws otherwise, or at last
 */
export async function onceStoreAnswers(
  start: () => Promise<void>,
  begun: () => boolean,
  { now, sleep } = CLOCK,
): Promise<void> {
  const since = now();
  for (let pause = 100, said = ''; ; pause = Math.min(2 * pause, 2_000)) {
    try {
      return await start();
    } catch (error) {
      const waits = error instanceof Refusal && error.code === 'store-unavailable' && !begun();
      if (!waits || !allows(PATIENCE_LIMITS.start, now() + pause - since)) throw error;
      const seconds = PATIENCE_LIMITS.start.most / 1_000;
      if (error.message !== said) note(`${(said = error.message)}; trying again for up to ${seconds} s`);
    }
    await sleep(pause);
  }
}
