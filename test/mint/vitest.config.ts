import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/mint/*.test.ts'],
    setupFiles: ['test/support/families.ts'],
    globalSetup: ['test/mint/announce.ts'],
    testTimeout: 600_000,
    hookTimeout: 240_000,
    // One mint at a time: each is three processes.
    fileParallelism: false,
  },
});
