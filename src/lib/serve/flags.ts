/** Flags of a server and their defaults. Not here: flags that other commands have too. */
import { addressFlag, countFlag, feerateFlag, flagOf, inGroup, switchFlag, textFlag } from '../cli/flags.ts';
import { keepBesideFlags, keepDaysOf } from '../cli/keep-flags.ts';
import { visible } from '../engine/log.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readSubnet } from './client.ts';

const group = 'LISTEN';
const proxyFlag = flagOf('ADDRESS', (input) => {
  const network = readSubnet(input);
  if (!network) throw new Refusal('usage', `"${visible(input, 60)}" found, an IP address or ADDRESS/BITS expected`);
  return network;
});
const count = (summary: string, max: number) => countFlag(summary, [1, max], { helpValue: 'N', helpGroup: 'LIMIT' });

export const serveFlags = {
  ...inGroup(group, {
    stdio: switchFlag('Read messages from stdin, a line each, and answer on stdout'),
    http: addressFlag('Listen for HTTP, on 127.0.0.1 unless a host is given; port 0 picks one'),
    metrics: addressFlag('GET /metrics at an address of its own, for whoever reaches it', { dependsOn: ['http'] }),
    'metrics-token-file': textFlag(
      'Token that GET /metrics asks for (authorization: Bearer), in a file which nobody else may read; at --http always',
      'FILE',
      { dependsOn: ['http'] },
    ),
    cdk: addressFlag("Be the payment backend of the mint at --mint (cdk-mintd's grpcprocessor, method credit)", {
      dependsOn: ['mint'],
    }),
    'cdk-tls-dir': textFlag('Folder with ca.pem, server.pem and server.key: mutual TLS with the mint', 'DIR'),
    'cdk-client': textFlag(
      "With --cdk-tls-dir: the name in the mint's client certificate (SAN or CN); no other certificate of the CA is let in",
      'NAME',
      { dependsOn: ['cdk-tls-dir'] },
    ),
    'cdk-insecure': switchFlag('No TLS, on regtest and 127.0.0.1 only'),
  }),
  jobs: count('Worker processes that sign (default: none, this process signs)', 64),
  queue: count('HTTP: messages at once, waiting ones included; more get 503 (default 256)', 10_000),
  connections: count(
    'HTTP: connections at once, for one address a quarter of --queue; more are closed (default 256)',
    10_000,
  ),
  proxy: proxyFlag(
    "HTTP: proxy whose X-Forwarded-For says a client's address, or a network of them (10.0.0.0/8); anyone else's is ignored",
    { multiple: true, delimiter: ',', dependsOn: ['http'], helpGroup: 'LIMIT' },
  ),
  timeout: count('HTTP: seconds that a request may take to arrive (default 10)', 3_600),
  offers: count(
    'Messages a minute of all who have no funded contract behind them, a quarter of it for one address or contract; more get 503 (default 60)',
    100_000,
  ),
  ...keepBesideFlags({ helpGroup: 'LIMIT' }),
  'max-feerate': feerateFlag("The most that the other's close may cost (default 100)", 'POLICY'),
  worker: switchFlag('A worker of another serve', { hidden: true, dependsOn: ['stdio'] }),
};

/** Flags that workers do not get as written: `workerCommand` gives some a value of their own. */
export const NOT_FOR_WORKERS: readonly string[] = [
  ...Object.keys(serveFlags).filter((name) => name !== 'max-feerate'),
  'ecash',
  'notify',
  'passphrase-fd',
  'passphrase-file',
];

type LimitValues = { [K in 'queue' | 'connections' | 'timeout' | 'offers']?: number | undefined };

export const limitsFrom = ({
  queue = 256,
  connections = 256,
  timeout = 10,
  offers = 60,
  ...keep
}: LimitValues & Parameters<typeof keepDaysOf>[0]) => ({
  keepDays: keepDaysOf(keep),
  queue,
  connections,
  offers,
  timeoutMs: timeout * 1000,
});
