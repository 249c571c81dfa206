/**
 * A model of the records: two homes, each paid over one contract by the other, one for ecash of its own and one that is
 * reverse, whose actions start, go on, are repeated, cross each other, are cancelled, lost, cut short by a crash, restored,
 * reconciled, rolled over, closed, exited and settled in any order. After each command the stores are compared with what an
 * observer knows; in the end all journals are read, all ecash is looked for and every coin is spent, and every word that was
 * said (paid, cancelled, complete, settled, lost) must be true. Quotes and melts of a running mint: `test/melt`.
 *
 * 15 runs, 100 in CI; SPILLWAY_RUNS says otherwise; SPILLWAY_SEED, 1 in CI, repeats what a failure names.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestParty } from '../support/party.ts';
import { command } from './model/commands.ts';
import { check } from './model/truth.ts';
import { World } from './model/world.ts';

const runs = Number(process.env['SPILLWAY_RUNS'] ?? (process.env['CI'] ? 100 : 15));
const seed = Number(process.env['SPILLWAY_SEED'] ?? (process.env['CI'] ? 1 : Date.now() % 2 ** 31));
const path = process.env['SPILLWAY_PATH'];
const totals = new Map<string, number>();

describe(`a model of credit records (seed ${seed})`, () => {
  it(
    'no claim without its record, no coin that nobody can free, no debt twice or forgotten, every word true',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 8, maxLength: 24, size: 'max' }), async (commands) => {
          const homes: [TestParty, TestParty] = [await TestParty.make(), await TestParty.make()];
          let done = new Map<string, number>();
          try {
            const world = await World.make(homes);
            done = world.done;
            for (const one of commands) {
              await world.play(one);
              await world.learnContracts();
              await check(world);
            }
            await world.end();
          } finally {
            for (const [what, times] of done) totals.set(what, (totals.get(what) ?? 0) + times);
            for (const home of homes) home.close();
          }
        }),
        { numRuns: runs, seed, endOnFailure: true, ...(path !== undefined && { path }) },
      );
    },
    runs * 10_000,
  );

  it.runIf(runs >= 100)('and much has happened', () => {
    if (process.env['SPILLWAY_RUNS']) console.log(Object.fromEntries([...totals].sort((a, b) => b[1] - a[1])));
    const said = ['sign-update received', 'rollover complete', 'close-credit complete', 'ecash drained', 'owed'];
    const ended = ['settled by exit', 'settled by close', 'settled by rollover', 'settled by refund'];
    for (const what of [...said, ...ended, 'restored', 'reconciled', 'lie refused'])
      expect(totals.get(what) ?? 0, what).toBeGreaterThan(0);
    const lies = [...totals].filter(([what]) => what.startsWith('lie ')).reduce((sum, [, times]) => sum + times, 0);
    expect(lies).toBeGreaterThan(runs);
  });
});
