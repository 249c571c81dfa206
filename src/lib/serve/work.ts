/**
 * Work of a server on its home: every message through the one runner, with nobody to ask. Only rows
 * that the tables mark for a server are played.
 */
import { play } from '../engine/play.ts';
import type { Home } from '../home/home.ts';
import { permitServed, type Ports, type Prompt } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Work, Worked } from './desk.ts';
import { Lanes, MintLane } from './lanes.ts';
import type { Pool } from './pool.ts';
import { shared } from './looks.ts';

/** Time for which one query of store and chain answers `health`. */
const HEALTH_MS = 1_000;

const nobody: Prompt = {
  agree: async ({ text }) => {
    throw new Refusal('not-agreed', `waits for a person: ${text}`);
  },
  settled: () => {},
};

/** The ports of a command, without its person. */
export const served = (ports: Ports): Ports => ({ ...ports, prompt: nobody, permit: permitServed });

/**
 * Maps each action to the input of its rows besides their message (`RunInput.standing`), such as
 * the policy of offers.
 */
export type StandingInput = Readonly<Record<string, object>>;

/** @param queue messages at once: of these so many may wait for mints (`MintLane`) */
export function workHere(ports: Ports, standing: StandingInput, queue: number): Work {
  const lanes = new Lanes();
  const mints = new MintLane(queue);
  return ({ action, json, key }) => {
    const line = { json, input: {}, standing: standing[action.type] ?? {}, merged: [] };
    return lanes.run(key, async (away) => {
      const start = performance.now();
      const { text } = await play(action, line, { ...ports, source: mints.source(ports.source, away) });
      return { line: text, workMs: performance.now() - start };
    });
  };
}

/** Returns the work as the workers do it; a message travels on one line. */
export const workIn =
  (pool: Pool): Work =>
  async ({ key, text }) =>
    untimed(await pool.ask(key, text.replace(/[\r\n]+/g, ' ')));

/** Returns the work of a worker, with the time that it took in front of each line. */
export const workTimed =
  (work: Work): Work =>
  async (received) => {
    const { line, workMs = 0 } = await work(received);
    return { line: `${workMs.toFixed(3)} ${line}` };
  };
/** A refusal has no time in front. */
function untimed(told: string): Worked {
  const ms = /^\d+\.\d+ /.exec(told)?.[0];
  return ms === undefined ? { line: told } : { line: told.slice(ms.length), workMs: Number(ms) };
}

/** Returns the health check: it queries store and chain, and throws their refusals. */
export function healthOf({ network, store }: Home, { source }: Ports): () => Promise<object> {
  const look = async (): Promise<object> => {
    await store.commits();
    const { facts, checks } = await source.facts({ tip: true });
    return { type: 'health', version: 1, network, tip: facts.tip, checks };
  };
  return shared(look, HEALTH_MS);
}
