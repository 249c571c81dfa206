/** Figures as ratios of medians from one run, with variants interleaved, so that a noisy machine hits all of them alike. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = sorted.length >> 1;
  return sorted.length % 2 ? sorted[at]! : (sorted[at - 1]! + sorted[at]!) / 2;
};

/** Seconds of CPU that the threads of a process have used; Linux alone says so. */
export function cpuOf(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9;
}

/** The same of its first thread alone, without the engine's helpers: what it takes on a machine with cores to spare. */
export const firstThreadOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;

/** Seconds of CPU that a piece of work takes in this process. */
export async function cpuFor(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

export interface Variant {
  name: string;
  run(round: number): void | Promise<void>;
}

/** Milliseconds, median of `rounds` after one warm-up round each. */
export async function interleaved(variants: readonly Variant[], rounds: number): Promise<Map<string, number>> {
  const times = new Map(variants.map((v) => [v.name, [] as number[]]));
  for (let round = -1; round < rounds; round++)
    for (const { name, run } of variants) {
      const start = performance.now();
      await run(round);
      if (round >= 0) times.get(name)!.push(performance.now() - start);
    }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}

/** Runs a program to its end. @throws where it fails */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv; code?: number } = {},
): string {
  const { input = '', env = process.env, code = 0 } = options;
  const ran = spawnSync(command, args, { input, env, encoding: 'utf8', maxBuffer: 1e9 });
  if (ran.status !== code) throw new Error(`${command} ${args.join(' ')}: exit ${ran.status}\n${ran.stderr}`);
  return ran.stdout;
}

export interface Line {
  what: string;
  ratio: number;
  limit: number;
  unit: string;
}
export const report = ({ what, ratio, limit, unit }: Line): boolean => {
  const held = ratio <= limit;
  console.log(`${held ? 'ok  ' : 'OVER'}  ${what}: ${ratio.toFixed(2)} ${unit} (limit ${limit})`);
  return held;
};
