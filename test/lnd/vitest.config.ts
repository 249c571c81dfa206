import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/lnd/*.test.ts'],
    setupFiles: ['test/support/families.ts'],
    globalSetup: ['test/lnd/announce.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
