/**
 * Eight workers on one PostgreSQL store: every update once, whatever dies, and the sums exact, on a standby too. Needs
 * PostgreSQL, no node. SPILLWAY_SLOW=1 plays 200 contracts among 100,000 and 5,000 updates,
 * SPILLWAY_FLEET=CONTRACTS,UPDATES,WORKERS,OTHERS any other size.
 */
import { describe, expect, it } from 'vitest';
import { fleetSize, playFleet } from '../support/fleet.ts';
import { havePostgres } from '../support/postgres.ts';

describe.runIf(havePostgres)('a fleet', () => {
  it('pays every update once, with workers killed at random and the database restarted', async () => {
    const whole = process.env['SPILLWAY_SLOW']
      ? { contracts: 200, updates: 5_000, others: 100_000 }
      : { contracts: 40, updates: 400, others: 2_000 };
    const size = fleetSize({ ...whole, workers: 8 });
    const counts = await playFleet(size);
    expect(counts.accepted).toBe(size.updates);
    expect(counts.restarts).toBe(1);
    expect(counts.kills).toBeGreaterThan(0);
  }, 3_600_000);
});
