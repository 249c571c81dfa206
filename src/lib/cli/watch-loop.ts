/**
 * Repeats the scan as long as the process lives: events as JSON on stdout, a line each for people
 * on stderr. The node and readers may go away and come back; what is due is done all the same.
 * SIGTERM and SIGINT end it once the contract at hand is done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { printJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Rules } from '../contract/fees.ts';
import { failureOf } from '../engine/failure.ts';
import type { Beside } from '../engine/keep.ts';
import { toLog, visible } from '../engine/log.ts';
import { look, type WatchedNode, type Post, type Tell, type WatchEvent } from '../engine/watch.ts';
import { outlet, type Outlet } from './outlet.ts';

export interface LoopOptions {
  post: Post;
  node: WatchedNode;
  rules: Rules;
  /** Pause between scans; undefined for one scan. */
  everySeconds: number | undefined;
  /** Starts work that runs beside scans, nudged after each success. @param say logs a line */
  beside?: ((say: (line: string) => void) => Beside) | undefined;
}

/** Events that are states, printed only when they change; other events are printed each time. */
const STATES = new Set([
  'warn',
  'in-mempool',
  'confirming',
  'spent-otherwise',
  'unfunded',
  'not-found',
  'blocks-pruned',
  'overtaken',
  'claimed',
  'too-late',
  'propose-close',
  'restored',
  'in-transfer',
  'over-budget',
  'needs-bump',
  'refused',
]);
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Longest pause while the node is away, in seconds. */
const RETRY_S = 60;

/**
 * Scans again and again until a signal.
 * @returns true if all that was due could be done at the last scan
 * @throws Refusal as `look` for a single scan; `cannot-write` at the end, if events were not
 * written
 */
export async function watchLoop({ post, node, rules, everySeconds, beside }: LoopOptions): Promise<boolean> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of SIGNALS) process.once(signal, onSignal);
  const out = outlet(({ code, message }) =>
    log(`${code}: ${message}: events are told here, and there once they can be`),
  );
  const tell = teller(post.network, out);
  const work = beside?.(log);
  const looks = async (): Promise<boolean> => {
    for (let good = false; ;) {
      let all = false;
      let pause = everySeconds;
      out.again();
      try {
        all = await look(post, node, rules, tell, () => stop.signal.aborted);
        good = true;
        work?.nudge();
      } catch (error) {
        const failure = failureOf(error);
        // Errors that may pass by the next look: node, cookie, store, a bundle being replaced; and any error after a
        // successful look.
        const lasting = !(error instanceof Refusal) || failure.exit === 70 || failure.code === 'wrong-network';
        if (pause === undefined || (lasting && !good)) throw error;
        log(`${failure.code}: ${failure.message}`);
        await out.print(printJson({ type: 'watch', version: 1, event: failure.code, message: failure.message }));
        pause = Math.min(pause, RETRY_S);
      }
      if (pause === undefined || stop.signal.aborted) return all;
      await sleep(pause * 1000, undefined, { signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted) return all;
    }
  };
  try {
    const all = await looks();
    out.again();
    const lost = out.lost();
    if (lost) throw lost;
    return all;
  } finally {
    // After a single look the background work runs to its end. A loop stops it; the next run goes on with it.
    if (everySeconds !== undefined) work?.stop();
    await work?.done();
    out.close();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

function teller(network: string, { print }: Outlet): Tell {
  const last = new Map<string, string>();
  return async (tip, said) => {
    const { contract, file, event } = said;
    const about = contract?.slice(0, 8) ?? file ?? '';
    // A contract may have several coins. What overtook its exit is told beside what is done about it.
    const of = [contract ?? `file ${file}`, said['coin'], event === 'overtaken'].join(' ');
    const key = JSON.stringify(said, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
    if (STATES.has(event) && last.get(of) === key) return;
    log(`${about} ${event} ${words(said)}at ${tip}`);
    // An event that could not be printed is printed at the next look.
    if (await print(printJson({ type: 'watch', version: 1, network, tip, ...said }))) last.set(of, key);
  };
}

const words = ({ by, txid, code, message }: WatchEvent): string =>
  [by, txid, code, typeof message === 'string' ? message : undefined]
    .filter((word) => word !== undefined)
    .map((word) => `${String(word)} `)
    .join('');

const log = (line: string): void => toLog(`${new Date().toISOString()} watch ${visible(line.trim())}`);
