import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/node/*.test.ts'],
    globalSetup: ['test/node/announce.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
