/** Order within a key, side by side between keys, and never more at once than allowed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/lib/serve/lanes.ts';

describe('lanes', () => {
  it('keep the order of each key and the bound, whatever comes and however long it takes', async () => {
    const job = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), turns: fc.nat(5), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(job, { maxLength: 40 }), async (atOnce, jobs) => {
        const lanes = new Lanes(atOnce);
        const ended: Record<string, number[]> = {};
        let now = 0;
        let most = 0;
        const runs = jobs.map(({ key, turns, fails }, i) =>
          lanes.run(key, async () => {
            most = Math.max(most, (now += 1));
            for (let n = 0; n < turns; n++) await Promise.resolve();
            now -= 1;
            (ended[key] ??= []).push(i);
            if (fails) throw i;
            return i;
          }),
        );
        const results = await Promise.allSettled(runs);
        expect(results.map((r) => (r.status === 'fulfilled' ? r.value : (r.reason as number)))).toEqual(
          jobs.map((_, i) => i),
        );
        for (const order of Object.values(ended)) expect(order).toEqual([...order].sort((a, b) => a - b));
        expect(now).toBe(0);
        expect(most).toBeLessThanOrEqual(atOnce);
      }),
    );
  });

  it('go side by side', async () => {
    const lanes = new Lanes(2);
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = lanes.run('a', () => promise);
    await lanes.run('b', async () => {});
    resolve();
    await slow;
  });
});
