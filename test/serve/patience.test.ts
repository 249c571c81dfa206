/** A server waits at its start for a database that does not answer, and for nothing else. */
import { describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { onceStoreAnswers } from '../../src/lib/serve/serve.ts';
import { TestParty } from '../support/party.ts';
import { havePostgres, startPostgres } from '../support/postgres.ts';
import { Server } from '../support/server.ts';

const down = () => new Refusal('store-unavailable', 'the database system is starting up');

describe('a start', () => {
  it('is tried again while the store does not answer, and says so once', async () => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const start = vi.fn(async () => {
      if (start.mock.calls.length < 3) throw down();
    });
    await onceStoreAnswers(start, () => false);
    expect(start).toHaveBeenCalledTimes(3);
    expect(said.mock.calls.map(([text]) => text)).toEqual([
      'note: the database system is starting up; trying again for up to 90 s\n',
    ]);
    said.mockRestore();
  });

  it('gives up at last, and at once over anything else or once it had begun', async () => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    let time = 0;
    const clock = { now: () => time, sleep: async (pause: number) => void (time += pause) };
    const never = vi.fn(() => Promise.reject(down()));
    await expect(onceStoreAnswers(never, () => false, clock)).rejects.toMatchObject({ code: 'store-unavailable' });
    // Pauses of 0.1, 0.2, … 1.6 and then 2 seconds, up to 90.
    expect([never.mock.calls.length, time]).toEqual([1 + 5 + 43, 3_100 + 43 * 2_000]);
    said.mockRestore();
    for (const [error, begun] of [
      [new Refusal('store-foreign', 'a standby'), false],
      [new Error('a fault'), false],
      [down(), true],
    ] as const) {
      const start = vi.fn(() => Promise.reject(error));
      await expect(onceStoreAnswers(start, () => begun)).rejects.toBe(error);
      expect(start).toHaveBeenCalledTimes(1);
    }
  });

  it.runIf(havePostgres)('of serve comes through once PostgreSQL is there', async () => {
    const cluster = await startPostgres();
    const party = await TestParty.make(undefined, await cluster.database());
    try {
      await cluster.stop();
      const server = Server.begin(['--home', party.dir, '--stdio'], { SPILLWAY_TIP: '1000' });
      const said = /^note: PostgreSQL at .*; trying again for up to 90 s$/m;
      await expect.poll(() => server.stderr).toMatch(said);
      await cluster.start();
      await server.serves();
      expect(await server.stop()).toBe(0);
    } finally {
      party.close();
      await cluster.end();
    }
  });
});
