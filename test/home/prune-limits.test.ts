/** The limits of what is pruned, each by a record, a mark or an answer more or less. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openCredit } from '../../src/lib/credit/open.ts';
import { PRUNE_LIMITS } from '../../src/lib/home/prune.ts';
import { limits } from '../support/limits.ts';
import { TestParty } from '../support/party.ts';
import { DAY, pruneAt } from '../support/prune.ts';

describe('what is pruned', () => {
  /** A home with an offer that was taken back, and a mark. */
  const withNothing = async <T>(days: number, use: (party: TestParty) => Promise<T>): Promise<T> => {
    const party = await TestParty.make(141);
    try {
      const { message } = await party.run(openCredit, { input: { as: 'payee' } });
      await party.run(openCredit, { on: message, cancel: true });
      await pruneAt(party, { days });
      return await use(party);
    } finally {
      party.close();
    }
  };
  limits(PRUNE_LIMITS, {
    deep: {
      figures: [0.5],
      takes: (blocks: number) =>
        withNothing(
          0.5,
          async (party) => (await pruneAt(party, { days: 0.5, seconds: DAY, blocks })).records['credit'] === 1,
        ),
      below: 'not taken',
    },
    nothing: {
      takes: (seconds: number) =>
        withNothing(
          90,
          async (party) => (await pruneAt(party, { days: 90, seconds, blocks: 144 })).records['credit'] === 1,
        ),
      below: 'not taken',
    },
    marks: [1, 90].map((days) => ({
      figures: [days],
      takes: (seconds: number) =>
        withNothing(days, async (party) => {
          await party.run(openCredit, { input: { as: 'payee' } });
          await pruneAt(party, { days, seconds });
          const db = new DatabaseSync(join(party.dir, 'store.db'));
          const marks = db.prepare('SELECT at FROM mark').all();
          db.close();
          return marks.length === 2;
        }),
      below: 'not taken',
    })),
  });
});
