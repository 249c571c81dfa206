/** One long `sign-update --batch` of a payer, fed by a payee that accepts each update: how much memory it gains. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { execFileSync } from 'node:child_process';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, pair } from '../support/credit.ts';

/** Resident megabytes of a process. */
export function resident(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  } catch {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
  }
}

/**
 * Megabytes gained from two fifths of the way to the end. The engine lets its heap grow over the first 2,500 updates, to some
 * 200 MB, and stays there (measured: 169 MB after 1,000, 205 after 2,500, 197 from 4,000 to 10,000). Growth after that is a leak.
 */
export async function batchGrowth(run: string, updates: number): Promise<number> {
  const both = await pair(105);
  const contract = await opened(both, { amount: 90_000_000n });
  both.payer.home.close();
  const env = { ...process.env, SPILLWAY_INSECURE_SEED: Buffer.alloc(32, 106).toString('hex'), SPILLWAY_TIP: '1000' };
  const child = spawn(
    process.execPath,
    [run, 'sign-update', '--home', both.payer.dir, '--batch', '--max', '90000000'],
    { env, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let warm = 0;
  for (let i = 0; i < updates; i++) {
    const requested = await both.payee.run(signUpdate, { input: { contract, amount: 1000n } });
    child.stdin.write(`${requested.text}\n`);
    const { value } = await replies.next();
    await both.payee.run(signUpdate, { on: value as string });
    if (i === Math.floor((2 * updates) / 5)) warm = resident(child.pid!);
  }
  const grown = resident(child.pid!) - warm;
  child.stdin.end();
  const code = await new Promise((done) => child.on('exit', done));
  if (code !== 0) throw new Error(`the batch ended with ${String(code)}`);
  const { paidSat } = (await both.payee.record(contract)) as { paidSat: bigint };
  if (paidSat !== 1000n * BigInt(updates)) throw new Error(`${paidSat} sat paid, ${1000 * updates} expected`);
  await both.payer.reopen();
  both.close();
  return grown;
}
