/** cdk-mintd as an operator runs it: a directory of its own, a process that can be killed, an older copy put back. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cleanEnv } from '../cli/run.ts';
import { until } from '../support/mint-home.ts';
import type { Shop } from '../support/shop.ts';

const onPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
export const findMintd = (): string | undefined => process.env['CDK_MINTD'] || onPath('cdk-mintd');
export const findCdkCli = (): string | undefined => process.env['CDK_CLI'] || onPath('cdk-cli');

const WORDS = `${'abandon '.repeat(11)}about`;
const ENV = { CDK_MINTD_MNEMONIC: WORDS };

export class Mintd {
  readonly #shop: Shop;
  readonly #port: number;
  #child: ChildProcess | undefined;
  log = '';

  /** A new mint of the shop, at `shop.url`, that finds its backend at `cdk`. */
  constructor(shop: Shop, cdk: string) {
    this.#shop = shop;
    this.#port = Number(new URL(shop.url).port);
    const config = `
[info]
url = "${shop.url}"
listen_host = "127.0.0.1"
listen_port = ${this.#port}
mnemonic = "env:CDK_MINTD_MNEMONIC"
[info.quote_ttl]
mint_ttl = 3600
melt_ttl = 3600
[info.http_cache]
backend = "memory"
ttl = 1
tti = 1
[mint_info]
name = "a mint behind a home"
[database]
engine = "sqlite"
[payment_backend]
backend = "grpcprocessor"
unit = "sat"
[grpc_processor]
supported_units = ["sat"]
address = "127.0.0.1"
port = ${cdk.split(':')[1]}
allow_insecure = true
`;
    mkdirSync(shop.path('mintd'), { recursive: true });
    writeFileSync(shop.path('mintd.toml'), config);
    const init = ['--work-dir', shop.path('mintd'), 'config', 'init', '--new-mint', '--file', shop.path('mintd.toml')];
    const made = spawnSync(findMintd()!, init, { env: cleanEnv(ENV), encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
  }

  async start(): Promise<void> {
    this.#child = spawn(findMintd()!, ['--work-dir', this.#shop.path('mintd')], { env: cleanEnv(ENV) });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (part: Buffer) => (this.log += part.toString()));
    await until(
      () =>
        fetch(`${this.#shop.url}/v1/info`).then(
          (a) => a.ok,
          () => false,
        ),
      'the mint',
      30_000,
    );
  }
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
  }
}
