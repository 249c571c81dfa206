import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/node/*.test.ts'],
    setupFiles: ['test/support/families.ts'],
    globalSetup: ['test/node/announce.ts'],
    testTimeout: 600_000,
    hookTimeout: 240_000,
  },
});
