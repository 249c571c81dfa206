/** Whoever sends requests ahead and reads nothing: what `serve --http` holds for each such connection, and what it costs. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { opened, pair } from '../support/credit.ts';
import { resident } from './batch.ts';
import { cpuOf, report } from './measure.ts';

const CONNECTIONS = 256;
const ONE = 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n';
/** Each connection sends so much: some 1,700 requests. */
const SENT = ONE.repeat(Math.floor(60_000 / ONE.length));
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

export async function benchPipelining(run: string): Promise<boolean[]> {
  const both = await pair(117);
  await opened(both);
  both.payee.home.close();
  const argv = ['serve', '--home', both.payee.dir, '--http', '0', '--proxy', '127.0.0.1'];
  const env = { ...process.env, SPILLWAY_INSECURE_SEED: Buffer.alloc(32, 117).toString('hex'), SPILLWAY_TIP: '1000' };
  const child = spawn(process.execPath, [run, ...argv], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const { http } = JSON.parse(value as string) as { http: string };
  await (await fetch(`${http}/healthz`)).text();
  await wait(500);
  const pid = child.pid!;
  const [memory, cpu] = [resident(pid), cpuOf(pid)];
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect(Number(new URL(http).port), '127.0.0.1');
    socket.pause();
    socket.on('error', () => {});
    socket.write(SENT);
    return socket;
  });
  let peak = memory;
  for (const end = performance.now() + 4_000; performance.now() < end; await wait(50))
    peak = Math.max(peak, resident(pid));
  const [kilobytes, seconds] = [(1_000 * (peak - memory)) / CONNECTIONS, cpuOf(pid) - cpu];
  for (const socket of sockets) socket.destroy();
  child.kill();
  await new Promise((done) => child.once('exit', done));
  await both.payee.reopen();
  both.close();
  const what = `${CONNECTIONS} connections that send ${Math.floor(SENT.length / ONE.length)} requests ahead each`;
  return [
    report({ what, ratio: kilobytes, limit: 150, unit: 'kB held for each' }),
    report({ what, ratio: (1_000 * seconds) / CONNECTIONS, limit: 3, unit: 'ms of CPU for each' }),
  ];
}
