import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { tipOf } from '../lib/cli/chain.ts';
import { portsOf, stopAt } from '../lib/cli/contract.ts';
import { issuerFlags, policyFlags, policyFrom, programFlags } from '../lib/cli/contract-flags.ts';
import { addressFlag, chainFlags, feerateFlag, homeFlags } from '../lib/cli/flags.ts';
import { withHome } from '../lib/cli/home.ts';
import { readPassphrase } from '../lib/cli/secrets.ts';
import { Refusal } from '../lib/protocol/refusal.ts';
import { workerCommand } from '../lib/serve/pool.ts';
import { serveHome } from '../lib/serve/serve.ts';

const group = 'LISTENERS';
const count = (summary: string, max: number) =>
  Flags.integer({ summary, helpValue: 'N', min: 1, max, helpGroup: 'LIMITS' });

export default class Serve extends BaseCommand {
  static override summary = "Answer counterparties without a person: the payee's steps, over HTTP or a pipe";
  static override description = `One long-lived process on one home. It answers what the party that is paid answers, in every contract action, and nothing that a person has to agree to: it starts nothing, cancels nothing and pays nothing by itself.
The first line on stdout says where it listens; each request is a line on stderr; SIGTERM and SIGINT end it once all that it took is answered. Over HTTP: POST / with one message as application/json, and GET /healthz. A refusal is the object of --error-format json with a fitting status; after 503 send the same again.`;
  static override examples = [
    "A mint behind HTTP, and a customer's signed update\nspillway serve --home mint --chain http://127.0.0.1:8332 --http 8090 &\ncurl -s --json @signed.json http://127.0.0.1:8090/ | jq .paid_sat",
    'A pipe in place of a network: a line in, a line out\nssh mint spillway serve --home mint --stdio --jobs 2 < signed.ndjson | tail -n +2 > accepted.ndjson',
  ];
  static override flags = {
    ...homeFlags,
    ...chainFlags,
    stdio: Flags.boolean({ summary: 'Read messages from stdin, a line each, and answer on stdout', helpGroup: group }),
    http: addressFlag({
      summary: 'Listen for HTTP, on 127.0.0.1 unless a host is given; port 0 picks one',
      helpGroup: group,
    }),
    jobs: count('Worker processes that sign (default: none, this process signs)', 64),
    queue: count('HTTP: messages at once, waiting ones included; more get 503 (default 256)', 10_000),
    connections: count('HTTP: connections at once; more are closed (default 256)', 10_000),
    timeout: count('HTTP: seconds that a request may take to arrive (default 10)', 3_600),
    offers: count('Offers to strangers who ask for one, a minute; more get 503 (default 60)', 100_000),
    'max-feerate': feerateFlag({
      summary: "The most that the other's close may cost (default 100)",
      helpGroup: 'POLICY',
    }),
    ...policyFlags,
    ...issuerFlags,
    ...programFlags,
    worker: Flags.boolean({ summary: 'A worker of another serve', hidden: true, dependsOn: ['stdio'] }),
  };

  async run(): Promise<void> {
    const { flags, raw } = await this.parse(Serve);
    const {
      stdio,
      http,
      jobs,
      notify,
      worker = false,
      chain,
      queue = 256,
      connections = 256,
      timeout = 10,
      offers = 60,
    } = flags;
    if (!stdio && !http) throw new Refusal('usage', '--stdio or --http [HOST:]PORT expected');
    if (stdio && flags['passphrase-fd'] === 0) throw new Refusal('usage', '--passphrase-fd 0 found beside --stdio');
    let passphrase: string | undefined;
    await withHome(
      flags,
      async (home) => {
        const fixed = tipOf(flags, this.argv) !== undefined;
        if (fixed ? home.network !== 'regtest' : chain === undefined)
          throw new Refusal('usage', 'a node (--chain URL) expected; a fixed height (--tip) serves on regtest only');
        await home.keys(); // asks for the passphrase, where there is one
        const ports = await portsOf(home, flags, this.argv);
        const offer = { policy: await policyFrom(flags, home.network), ecash: flags.ecash, mint: flags.mint };
        const standing = {
          'open-credit': offer,
          rollover: offer,
          'close-credit': { maxFeerate: flags['max-feerate'] },
        };
        const pool = jobs === undefined ? undefined : { jobs, command: workerCommand(raw, passphrase), passphrase };
        const limits = { queue, connections, offers, timeoutMs: timeout * 1000 };
        await serveHome({ home, ports, standing, stdio, http, pool, worker, notify, ...limits });
      },
      stopAt,
      async () => (passphrase = await readPassphrase(flags)),
    );
  }
}
