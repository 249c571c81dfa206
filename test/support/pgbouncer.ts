/** PgBouncer of Debian in front of a server of `postgres.ts`, and a pooler of three lines for machines without it. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './port.ts';
import { privateDir, serverUser, type Cluster } from './postgres.ts';

const PROGRAM = '/usr/sbin/pgbouncer';
export const havePgBouncer = existsSync(PROGRAM);

export interface Pooler {
  /** The URL of a database of the cluster, by way of the pooler. */
  at(url: string): string;
  end(): Promise<void>;
}

/** @param drops startup parameters that it takes and does not pass on */
export async function startPgBouncer(cluster: Cluster, mode: 'transaction' | 'session', drops = ''): Promise<Pooler> {
  const dir = privateDir('pgbouncer');
  const port = await freePort();
  const [users, config, log] = ['users', 'config', 'log'].map((name) => join(dir, name)) as [string, string, string];
  writeFileSync(users, '"postgres" ""\n');
  writeFileSync(
    config,
    `[databases]\n* = host=127.0.0.1 port=${cluster.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\n` +
      `auth_type = trust\nauth_file = ${users}\npool_mode = ${mode}\nlogfile = ${log}\nunix_socket_dir =\n` +
      (drops && `ignore_startup_parameters = ${drops}\n`),
  );
  const child = spawn(PROGRAM, [config], { ...serverUser, cwd: dir, stdio: 'ignore' });
  const ended = new Promise((done) => child.once('close', done));
  while (!existsSync(log) || !readFileSync(log, 'utf8').includes('process up')) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    await sleep(20);
  }
  return {
    at: (url) => url.replace(`:${cluster.port}/`, `:${port}/`),
    async end() {
      child.kill();
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Passes all on as it is, but for the number of the server's process, of which a pooler has one of its own. */
export async function startPooler(cluster: Cluster): Promise<Pooler> {
  const server = createServer((client) => {
    const upstream = connect(cluster.port, '127.0.0.1');
    client.pipe(upstream);
    upstream.once('data', (hello: Buffer) => {
      // BackendKeyData: 'K', its length 12, the number, the secret.
      const at = hello.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      hello.writeUInt32BE((hello.readUInt32BE(at + 5) + 1) % 2 ** 31, at + 5);
      client.write(hello);
      upstream.pipe(client);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  return {
    at: (url) => url.replace(`:${cluster.port}/`, `:${port}/`),
    end: async () => void server.close(),
  };
}
