/** A fleet in small; in full it runs in the node suite (`test/node/fleet.test.ts`). */
import { describe, expect, it } from 'vitest';
import { fleetSize, playFleet } from '../support/fleet.ts';
import { havePostgres } from '../support/postgres.ts';

describe.runIf(havePostgres)('workers on one PostgreSQL store', () => {
  it('lose nothing, whatever dies', async () => {
    const size = fleetSize({ contracts: 10, updates: 60, workers: 3 });
    const counts = await playFleet(size);
    expect(counts.accepted).toBe(size.updates);
    expect(counts.restarts).toBe(1);
  });
});
