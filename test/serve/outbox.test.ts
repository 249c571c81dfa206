/** One at a time, again where it was nudged meanwhile or has failed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { Outbox } from '../../src/lib/serve/outbox.ts';

const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
afterAll(() => stderr.mockRestore());

describe('an outbox', () => {
  it('works once for all nudges that come while it works, and one at a time', async () => {
    let [runs, now, most] = [0, 0, 0];
    const outbox = new Outbox(async () => {
      most = Math.max(most, (now += 1));
      await sleep(5);
      [runs, now] = [runs + 1, now - 1];
    });
    for (let i = 0; i < 10; i++) outbox.nudge();
    await sleep(1);
    for (let i = 0; i < 10; i++) outbox.nudge();
    await outbox.close();
    expect([runs, most]).toEqual([2, 1]);
    outbox.nudge();
    await outbox.close();
    expect(runs).toBe(3);
  });

  it('tries again after a failure, says why, and ends without', async () => {
    let runs = 0;
    const work = async () => {
      if ((runs += 1) < 3) throw new Refusal('outside-failed', 'notify: exit 1');
    };
    const outbox = new Outbox(work, 5);
    outbox.nudge();
    await expect.poll(() => runs).toBe(3);
    expect(stderr).toHaveBeenCalledWith('note: outside-failed: notify: exit 1\n', expect.any(Function));
    await sleep(20);
    expect(runs).toBe(3);
    const failing = new Outbox(() => Promise.reject(new Error('never')), 1_000_000);
    failing.nudge();
    await failing.close();
  });
});
