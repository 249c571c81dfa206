/** Long matrices in parts: where CI is set each run has all of a list, elsewhere a part of it that changes with the commit. */
import { execFileSync } from 'node:child_process';
import { ROOT } from '../cli/run.ts';

/** The commit that is checked out, as a number; undefined outside of a checkout. */
function commit(): number | undefined {
  try {
    const id = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(id.slice(0, 8), 16);
  } catch {
    return undefined;
  }
}
const turn = process.env['CI'] ? undefined : commit();

/** Returns `count` neighbours of the list, from a place that the commit names; all of it in CI, or without a commit. */
export function rotating<T>(list: readonly T[], count: number): readonly T[] {
  if (turn === undefined) return list;
  const first = turn % list.length;
  return [...list, ...list].slice(first, first + Math.min(count, list.length));
}
