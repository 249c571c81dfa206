import { issuerFlags, offerFlag, policyFrom, programFlags, standingFlags } from '../credit/shared.ts';
import { portsOf, stopAt } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags } from '../../lib/cli/flags.ts';
import { askFlags, backendFrom, notifyingOf, remoteOf } from '../ecash/mint-flags.ts';
import { inputOf } from '../../lib/cli/step-flags.ts';
import { door } from '../../lib/cli/door.ts';
import { ALL_EXITS } from '../../lib/cli/errors.ts';
import { withHome } from '../../lib/cli/home.ts';
import { readPassphrase, readSecretFile } from '../../lib/cli/secrets.ts';
import type { Home } from '../../lib/home/home.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { proxiesIn } from '../../lib/serve/client.ts';
import { limitsFrom, serveFlags } from '../../lib/serve/flags.ts';
import { onceStoreAnswers, serveHome } from '../../lib/serve/serve.ts';
import { workerCommand } from '../../lib/serve/pool.ts';

export default door({
  summary: "Answer counterparties without a person: the payee's steps, over HTTP or a pipe",
  description: `One long-lived process on one home. It answers what the party that is paid answers, in every contract action, and nothing that a person has to agree to: it starts nothing, cancels nothing, and pays only what the home already owes; a contract that nobody has funded by its expiry it gives up.
The first line on stdout says where it listens; each request is a line on stderr; SIGTERM and SIGINT end it once all that it took is answered. Over HTTP: POST / with one message as application/json, GET /healthz, and GET /metrics for Prometheus: with --metrics at an address of its own, or with --metrics-token-file to whoever shows the token. A refusal is the object of --error-format json with a fitting status; after 503 send the same again.`,
  examples: [
    "A mint behind HTTP, and a customer's signed update\nspillway serve --home mint --chain http://127.0.0.1:8332 --http 8090 &\ncurl -s --json @signed.json http://127.0.0.1:8090/ | jq .paid_sat",
    'Behind a proxy with TLS on this machine, the figures at an address of their own\nspillway serve --home mint --chain http://127.0.0.1:8332 --http 8090 --metrics 9464 --proxy 127.0.0.1 &\ncurl -s http://127.0.0.1:9464/metrics | grep -E "^spillway_(next_deadline_blocks|chain_up)"',
    'A pipe in place of a network: a line in, a line out\nssh mint spillway serve --home mint --stdio --jobs 2 < signed.ndjson | tail -n +2 > accepted.ndjson',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...serveFlags,
    ...standingFlags,
    ...issuerFlags,
    ...askFlags,
    ...programFlags,
  },
  exits: ALL_EXITS,
  run: async (flags, _, { raw }) => {
    const { stdio, http, metrics, jobs, worker = false, chain } = flags;
    const { mint, metricsTokenFile: tokenFile } = flags;
    const metricsToken = tokenFile === undefined ? undefined : await readSecretFile(tokenFile);
    if (!stdio && !http && !flags.cdk)
      throw new Refusal('usage', '--stdio, --http [HOST:]PORT or --cdk [HOST:]PORT expected');
    if (stdio && flags.passphraseFd === 0) throw new Refusal('usage', '--passphrase-fd 0 found beside --stdio');
    let passphrase: string | undefined;
    let begun = false;
    const start = async (home: Home): Promise<void> => {
      const fixed = flags.tip !== undefined;
      if (fixed ? home.network !== 'regtest' : chain === undefined)
        throw new Refusal('usage', 'a node (--chain URL) expected; a fixed height (--tip) serves on regtest only');
      await home.keys(); // asks for the passphrase, where there is one
      const ports = await portsOf(home, flags, remoteOf(flags));
      const ecash = flags.ecash ?? (flags.cdk && 'cdk');
      const policy = await policyFrom(flags, home.network);
      const offer = { ...(await inputOf(offerFlag, flags, home)), policy, ecash, mint };
      const close = { maxFeerate: flags.maxFeerate };
      const standing = { 'open-credit': offer, rollover: offer, 'close-credit': close };
      const limits = limitsFrom(flags);
      const command = workerCommand(raw, {
        ecash,
        'passphrase-fd': passphrase === undefined ? undefined : 3,
        // Its share: what waits for mints in all workers together is no more than in one process.
        queue: jobs && Math.max(1, Math.floor(limits.queue / jobs)),
      });
      const pool = jobs === undefined ? undefined : { jobs, command, passphrase };
      const listen = { stdio, http, metrics, metricsToken, further: backendFrom(flags) };
      await serveHome({
        home,
        ports,
        standing,
        ...listen,
        pool,
        worker,
        after: notifyingOf(flags),
        begun: () => (begun = true),
        isProxy: proxiesIn(flags.proxy ?? []),
        ...limits,
      });
    };
    const open = (): Promise<void> =>
      withHome(flags, start, stopAt, async () => (passphrase ??= await readPassphrase(flags)));
    // A worker is started again by its parent.
    await (worker ? open() : onceStoreAnswers(open, () => begun));
  },
});
