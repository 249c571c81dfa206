/** The suite of `npm test`; what needs a node or a server has configurations of its own beside its tests. */
import { defineConfig } from 'vitest/config';
import { temporary } from './test/support/temporary.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: temporary(),
    globalSetup: './test/support/temporary.ts',
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
