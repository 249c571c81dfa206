/**
 * npm run bench: start-up, signing, batches, onions and statecoins, as ratios from this one run. Exit 1 where one is over its limit.
 * `npm run bench -- serve fleet` runs these groups alone. BENCH_ROUNDS (15), BENCH_UPDATES (10000), BENCH_MESSAGES (50000),
 * BENCH_CONTRACTS (5000) and BENCH_CHANNELS (50808) make it shorter. Needs the built program. Two checkouts against each other: `compare.ts`.
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
import { cpuFor, interleaved, median, report, runToEnd } from './measure.ts';
import { naiveExchange } from './naive.ts';
import { benchNetwork } from './network.ts';
import { benchNotarize } from './notarize.ts';
import { benchOffers } from './offers.ts';
import { benchOnions } from './onion.ts';
import { benchPipelining } from './pipelining.ts';
import { benchPledges } from './pledge.ts';
import { benchServe } from './serve.ts';
import { benchSnapshot } from './snapshot.ts';
import { benchStatechain } from './statechain.ts';
import { benchMintStore, benchStore } from './store.ts';
import { benchWatch } from './watch.ts';
import { benchMixed } from './watch-mixed.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 15);
const updates = Number(process.env['BENCH_UPDATES'] ?? 10_000);
const run = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/**
 * Start-up, and the payer's side of a payment as a process of its own. Requests are answered from the largest down: each but the
 * first is a retry, which does the same work.
 */
async function benchStart(): Promise<boolean[]> {
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
  await both.payer.reopen();
  both.close();
  const unit = '× node -e 0';
  return [
    report({ what: 'spillway --version', ratio: times.get('version')! / node, limit: 2.6, unit }),
    report({ what: "the payer's sign-update, a process", ratio: times.get('sign')! / node, limit: 8, unit }),
  ];
}

/**
 * The payee's accept, all of it: parsing, seal, receipt, signature, one synced commit. CPU time against CPU time. The limit
 * allows for a PSBT that is parsed and printed, two seals, and a commit to store and journal: some 3.6 were measured when
 * both sides came to run on one curve.
 */
async function benchAccept(): Promise<boolean[]> {
  const both = await pair(103);
  const contract = await opened(both);
  let signed = '';
  const times = { accept: [] as number[], naive: [] as number[] };
  for (let round = -5; round < Math.max(rounds, 30); round++) {
    const requested = await both.payee.run(signUpdate, { input: { contract, amount: 1000n } });
    signed = (await both.payer.run(signUpdate, { on: requested.text, max: 1000n })).text;
    const accept = await cpuFor(() => both.payee.run(signUpdate, { on: signed }));
    const naive = await cpuFor(naiveExchange);
    if (round < 0) continue;
    times.accept.push(accept);
    times.naive.push(naive);
  }
  both.close();
  return [
    report({
      what: "the payee's accept",
      ratio: median(times.accept) / median(times.naive),
      limit: 4.5,
      unit: '× a naive exchange on the same curve',
    }),
  ];
}

const few = (most: number): number => Math.min(rounds, most);
const GROUPS: Record<string, () => boolean[] | Promise<boolean[]>> = {
  start: benchStart,
  accept: benchAccept,
  batch: async () => [
    report({
      what: `memory of a batch over ${updates} updates`,
      ratio: await batchGrowth(run, updates),
      limit: 30,
      unit: 'MB more',
    }),
  ],
  serve: () => benchServe(run, few(10)),
  pipelining: () => benchPipelining(run),
  fleet: () => benchFleet(run, few(10)),
  figures: () => benchFigures(run, rounds),
  watch: async () => [...(await benchWatch()), ...(await benchMixed(100_000))],
  store: () => benchStore(Number(process.env['BENCH_PAYMENTS'] ?? 10_000)),
  'mint-store': () => benchMintStore(),
  channels: () => benchChannels(few(7)),
  onions: async () => [await benchOnions(run, few(5))],
  gossip: () => benchGossip(run, few(5)),
  snapshot: () => benchSnapshot(run),
  offers: () => benchOffers(run, few(5)),
  network: () => benchNetwork(run, few(5)),
  assets: () => assetStreams(run, rounds),
  statechain: () => benchStatechain(rounds),
  notarize: () => benchNotarize(run),
  pledges: () => benchPledges(run, few(5)),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(GROUPS, name));
if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: none of ${Object.keys(GROUPS).join(', ')}`);
const results: boolean[] = [];
for (const name of asked.length > 0 ? asked : Object.keys(GROUPS)) results.push(...(await GROUPS[name]!()));
process.exitCode = results.every(Boolean) ? 0 : 1;
