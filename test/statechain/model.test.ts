/**
 * A model of statecoin records: two coins of one owner, one operator and three owners, played side by side. Each coin's
 * transfers start, are answered, repeated, cancelled, lost, cut short by a crash, restored, reconciled and withdrawn in any
 * order, and messages come with parts of the other coin's in them. After each command the rules of both coins are looked at
 * in all homes, no secret is out before its time, and the stores are compared with their records; at the end both are played
 * to the end. 10 runs, 50 in CI; SPILLWAY_RUNS says otherwise; SPILLWAY_SEED, 1 in CI, repeats what a failure names.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { CoinWorld } from '../support/coin-world.ts';
import type { TestParty } from '../support/party.ts';

const RUNS = Number(process.env['SPILLWAY_RUNS'] ?? (process.env['CI'] ? 50 : 10));
const SEED = Number(process.env['SPILLWAY_SEED'] ?? (process.env['CI'] ? 1 : Date.now() % 2 ** 31));

/** Which coin, and the number that its next choice follows from. */
const command = fc.record({ coin: fc.constantFrom(0, 1), seed: fc.nat() });

/** No claim without its record, none that its record does not make, and no nonce of nothing. */
async function checkStore({ home, dir }: TestParty): Promise<void> {
  const records = (await home.store.list('statecoin')).map(({ record }) => statecoinKind.parse(record));
  const made = records.flatMap((c) => [...statecoinKind.claims(c)]);
  expect(new Set(made).size, 'a claim twice').toBe(made.length);
  const db = new DatabaseSync(join(dir, 'store.db'), { readOnly: true });
  const stored = db.prepare('SELECT claim FROM claim').all() as { claim: string }[];
  const nonces = db.prepare('SELECT of_claim FROM nonce').all() as { of_claim: string }[];
  db.close();
  expect(stored.map(({ claim }) => claim).sort()).toEqual(made.sort());
  expect(nonces.filter(({ of_claim }) => !made.includes(of_claim as never))).toEqual([]);
}

it(`whatever is done with two coins (${RUNS} runs, seed ${SEED})`, { timeout: RUNS * 20_000 }, async () => {
  const seen = new Set<string>();
  let n = SEED % 1000;
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 9, size: 'max' }), async (commands) => {
      const coins = await CoinWorld.pair((n += 1));
      const trace = (): string => coins.map(({ trace: t }) => t.join('\n  ')).join('\n  the other coin:\n  ');
      try {
        for (const { coin, seed } of commands) {
          await coins[coin]!.seeded(seed).step();
          await coins[1 - coin]!.look();
        }
        for (const party of coins[0].all.all) await checkStore(party);
        for (const coin of coins) await coin.end();
        for (const party of coins[0].all.all) await checkStore(party);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n  ${trace()}`, { cause: error });
      } finally {
        for (const line of coins.flatMap(({ trace: t }) => t)) seen.add(line.replace(/^\w+ /, ''));
        coins[0].all.close();
      }
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
  // The runs are worth something.
  if (RUNS >= 50)
    for (const what of ['reads moved: owned', 'reads freed: kept', 'cancels sent: declined'])
      expect(
        [...seen].some((line) => line.startsWith(what)),
        what,
      ).toBe(true);
});
