/** The suite of `npm test`; what needs a node or a server has configurations of its own beside its tests. */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { temporary } from './test/support/temporary.ts';

/**
 * Tests that share a process for each worker, so that modules are loaded and compiled once. Files that replace modules, and rooms
 * that measure their process or start others above all, have a process for each file.
 */
const SHARED = [
  'test/{assets,bitcoin,cashu,chain,credit,ecash,htlc,melt,protocol,signing,statechain,wire}/*.test.ts',
  'test/cli/!(answers).test.ts',
  'test/onion/!(error).test.ts',
];
const common = {
  setupFiles: ['./test/support/families.ts'],
  env: temporary(),
  // One limit for all, against what hangs: how long a test takes is the machine's affair.
  testTimeout: 600_000,
  hookTimeout: 600_000,
  expect: { poll: { timeout: 120_000 } },
  // oclif prints through the console, which vitest would otherwise take.
  disableConsoleIntercept: true,
};

export default defineConfig({
  test: {
    env: common.env,
    globalSetup: './test/support/temporary.ts',
    // Some of it waits for others, or for time to pass: one worker more than there are cores.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        test: {
          ...common,
          name: 'own',
          include: ['test/**/*.test.ts'],
          exclude: [...SHARED, 'test/node/**', 'test/lnd/**', 'test/mint/**'],
        },
      },
      {
        test: {
          ...common,
          name: 'shared',
          include: SHARED,
          isolate: false,
          setupFiles: [...common.setupFiles, './test/support/restore.ts'],
        },
      },
    ],
  },
});
