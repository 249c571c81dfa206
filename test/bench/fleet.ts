/** Two workers on one PostgreSQL store against one, on the same kind of pre-made updates. */
import { opened } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { havePostgres, startPostgres } from '../support/postgres.ts';
import { median, report } from './measure.ts';
import { Served, signedFor } from './serve.ts';

/** Updates of one round, each over a contract of its own. */
const CONTRACTS = 64;

/** @returns nothing where PostgreSQL is not installed */
export async function benchFleet(run: string, rounds: number): Promise<boolean[]> {
  if (!havePostgres) return [];
  const cluster = await startPostgres();
  const [payee, payer] = [await TestParty.make(undefined, await cluster.database()), await TestParty.make()];
  const both = { payee, payer, close: () => (payee.close(), payer.close()) };
  const workers = [new Served(run, payee.dir), new Served(run, payee.dir)];
  for (const worker of workers) await worker.line();
  const contracts: string[] = [];
  while (contracts.length < CONTRACTS) contracts.push(await opened(both));
  const ratios: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const took: number[] = [];
    for (const count of [1, 2]) {
      const texts: string[] = [];
      for (const contract of contracts) texts.push(await signedFor(both, contract, false));
      const start = performance.now();
      const shares = workers
        .slice(0, count)
        .map((worker, i) => worker.answers(texts.filter((_, n) => n % count === i)));
      await Promise.all(shares);
      took.push(performance.now() - start);
    }
    if (round >= 0) ratios.push(took[1]! / took[0]!);
  }
  for (const worker of workers) await worker.end();
  both.close();
  await cluster.end();
  return [report({ what: 'two workers on one PostgreSQL store', ratio: median(ratios), limit: 0.67, unit: '× one' })];
}
