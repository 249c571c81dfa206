/**
 * npm run bench: start-up, signing, batches, onions and statecoins, as ratios from this one run. Exit 1 where one is over its limit.
 * BENCH_ROUNDS (15), BENCH_UPDATES (10000), BENCH_MESSAGES (50000) and BENCH_CONTRACTS (5000) make it shorter. Needs the
 * built program.
 */
import { fileURLToPath } from 'node:url';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, pair } from '../support/credit.ts';
import { assetStreams } from './assets.ts';
import { batchGrowth } from './batch.ts';
import { benchChannels } from './channel.ts';
import { benchFigures } from './figures.ts';
import { benchFleet } from './fleet.ts';
import { benchGossip } from './gossip.ts';
import { interleaved, median, report, runToEnd } from './measure.ts';
import { naiveExchange } from './naive.ts';
import { benchNetwork } from './network.ts';
import { benchNotarize } from './notarize.ts';
import { benchOffers } from './offers.ts';
import { benchOnions } from './onion.ts';
import { benchPipelining } from './pipelining.ts';
import { benchPledges } from './pledge.ts';
import { benchServe } from './serve.ts';
import { benchStatechain } from './statechain.ts';
import { benchMintStore, benchStore } from './store.ts';
import { benchWatch } from './watch.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 15);
const updates = Number(process.env['BENCH_UPDATES'] ?? 10_000);
const run = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const results: boolean[] = [];

// Start-up, and the payer's side of a payment as a process of its own. Requests are answered from the largest down: each
// but the first is a retry, which does the same work.
{
  const both = await pair(101);
  const contract = await opened(both);
  const requests: string[] = [];
  for (let i = rounds + 1; i > 0; i--)
    requests.push((await both.payee.run(signUpdate, { input: { contract, amount: BigInt(1000 * i) } })).text);
  both.payer.home.close();
  const env = { ...process.env, SPILLWAY_INSECURE_SEED: Buffer.alloc(32, 102).toString('hex'), SPILLWAY_TIP: '1000' };
  const times = await interleaved(
    [
      { name: 'node', run: () => void runToEnd(process.execPath, ['-e', '0']) },
      { name: 'version', run: () => void runToEnd(process.execPath, [run, '--version']) },
      {
        name: 'sign',
        run: (round) =>
          void runToEnd(process.execPath, [run, 'sign-update', '--home', both.payer.dir, '--max', '1000000'], {
            input: requests[round + 1]!,
            env,
          }),
      },
    ],
    rounds,
  );
  const node = times.get('node')!;
  results.push(
    report({ what: 'spillway --version', ratio: times.get('version')! / node, limit: 2.6, unit: '× node -e 0' }),
  );
  results.push(
    report({
      what: "the payer's sign-update, a process",
      ratio: times.get('sign')! / node,
      limit: 8,
      unit: '× node -e 0',
    }),
  );
  await both.payer.reopen();
  both.close();
}

// The payee's accept, all of it: parsing, seal, receipt, signature, one synced commit.
{
  const both = await pair(103);
  const contract = await opened(both);
  let signed = '';
  const times = { accept: [] as number[], naive: [] as number[] };
  const timed = async (work: () => unknown) => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  for (let round = -5; round < Math.max(rounds, 30); round++) {
    const requested = await both.payee.run(signUpdate, { input: { contract, amount: 1000n } });
    signed = (await both.payer.run(signUpdate, { on: requested.text, max: 1000n })).text;
    const accept = await timed(() => both.payee.run(signUpdate, { on: signed }));
    const naive = await timed(naiveExchange);
    if (round < 0) continue;
    times.accept.push(accept);
    times.naive.push(naive);
  }
  results.push(
    report({
      what: "the payee's accept",
      ratio: median(times.accept) / median(times.naive),
      limit: 0.6,
      unit: "× a naive exchange with @scure's musig2",
    }),
  );
  both.close();
}

results.push(
  report({
    what: `memory of a batch over ${updates} updates`,
    ratio: await batchGrowth(run, updates),
    limit: 50,
    unit: 'MB more',
  }),
);
results.push(...(await benchServe(run, Math.min(rounds, 10))));
results.push(...(await benchPipelining(run)));
results.push(...(await benchFleet(run, Math.min(rounds, 10))));
results.push(...(await benchFigures(run, rounds)));
results.push(...(await benchWatch()));
results.push(...(await benchStore(Number(process.env['BENCH_PAYMENTS'] ?? 10_000))));
results.push(...(await benchMintStore()));
results.push(...benchChannels(Math.min(rounds, 7)));
results.push(await benchOnions(run, Math.min(rounds, 5)));
results.push(...benchGossip(run, Math.min(rounds, 5)));
results.push(...(await benchOffers(run, Math.min(rounds, 5))));
results.push(...(await benchNetwork(run, Math.min(rounds, 5))));
results.push(...(await assetStreams(run, rounds)));
results.push(...(await benchStatechain(rounds)));
results.push(...(await benchNotarize(run)));
results.push(...(await benchPledges(run, Math.min(rounds, 5))));
process.exitCode = results.every(Boolean) ? 0 : 1;
