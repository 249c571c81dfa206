/** Where the tests of one run put their homes: a folder that is gone when the run is over. Not here: what they put there. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

const MEMORY = '/dev/shm';

/** Memory with room in it, where programs may be started. */
function isRoomy(dir: string): boolean {
  if (!existsSync(dir) || !existsSync('/proc/mounts')) return false;
  const { bavail, bsize } = statfsSync(dir);
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .findLast((line) => line.split(' ')[1] === dir);
  return bavail * bsize > 4 * 2 ** 30 && mount !== undefined && !mount.includes('noexec');
}

/** In memory where that can be: each commit waits for the disk, and no test is about that wait. A TMPDIR that is given holds. */
export function temporary(): { TMPDIR: string; NODE_COMPILE_CACHE: string } {
  const base = process.env['TMPDIR'] === undefined && isRoomy(MEMORY) ? MEMORY : tmpdir();
  const dir = mkdtempSync(join(base, 'spillway-tests-'));
  // Servers under other users lie in it.
  chmodSync(dir, 0o1777);
  // Node.js reads it: children that run sources of the tests compile them once.
  return { TMPDIR: dir, NODE_COMPILE_CACHE: join(dir, '.cache/node') };
}

/** For vitest: what follows the run. */
export default ({ config }: TestProject) =>
  (): void =>
    rmSync(config.env['TMPDIR'] as string, { recursive: true, force: true });
