/** The suite of `npm test`; what needs a node or a server has configurations of its own beside its tests. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/**
 * Homes of tests lie in memory, where there is room for them and programs may be started there: each commit waits for the
 * disk, and no test is about that wait. A TMPDIR that is given holds.
 */
function inMemory(): Record<string, string> {
  const dir = '/dev/shm';
  if (process.env['TMPDIR'] !== undefined || !existsSync(dir) || !existsSync('/proc/mounts')) return {};
  const { bavail, bsize } = statfsSync(dir);
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .findLast((line) => line.split(' ')[1] === dir);
  return bavail * bsize > 4 * 2 ** 30 && mount !== undefined && !mount.includes('noexec') ? { TMPDIR: dir } : {};
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: inMemory(),
    exclude: ['test/node/**', 'test/mint/**', 'node_modules/**'],
    // One limit for all, against what hangs: how long a test takes is the machine's affair.
    testTimeout: 600_000,
    hookTimeout: 240_000,
    // Much of it waits for the processes that it starts: no core is left to itself.
    maxWorkers: '100%',
    // oclif prints through the console, which vitest would otherwise take.
    disableConsoleIntercept: true,
  },
});
