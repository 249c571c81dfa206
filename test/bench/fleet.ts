/**
 * Two workers on one PostgreSQL store against one, on the same kind of pre-made updates.
 *
 * Both workers are warmed alike, and take turns at being the one. Each has all of its lines from the start, so that what it
 * waits for the database it works on others, and this process only reads replies. Almost all of an update is cryptography, so
 * two workers need two cores that nothing else takes: on a machine with other work this measures that work.
 */
import { opened } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { havePostgres, startPostgres } from '../support/postgres.ts';
import { median, report } from './measure.ts';
import { Served, signedFor } from './serve.ts';

/** Updates of one round, each over a contract of its own. */
const CONTRACTS = 64;
/** Rounds until the workers' code is compiled. */
const WARM = 4;

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
  const times = { one: [] as number[], two: [] as number[] };
  for (let round = -WARM; round < rounds; round += 1)
    for (const [name, team] of [
      ['one', [workers[Math.abs(round) % 2]!]],
      ['two', workers],
    ] as const) {
      const signed: string[] = [];
      for (const contract of contracts) signed.push(await signedFor(both, contract, false));
      const start = performance.now();
      const answers = await Promise.all(
        team.map((worker, i) => worker.answers(signed.filter((_, n) => n % team.length === i))),
      );
      const took = performance.now() - start;
      for (const reply of answers.flatMap(({ replies }) => replies))
        if (!reply.includes('"step":"accepted"')) throw new Error(reply);
      if (round >= 0) times[name].push(took);
    }
  for (const worker of workers) await worker.end();
  both.close();
  await cluster.end();
  const ratio = median(times.two) / median(times.one);
  return [report({ what: 'two workers on one PostgreSQL store', ratio, limit: 0.67, unit: '× one' })];
}
