/** A million digests stamped by the command, against the bare hashes of their tree, in CPU time; and the memory that it took. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { sha256 } from '@noble/hashes/sha2.js';
import { resident } from './batch.ts';
import { cpuFor, firstThreadOf, report } from './measure.ts';

const AT_ONCE = 1_000;

/** Seconds of its first thread's CPU until its last output, and the most megabytes that were seen. */
async function stamp(run: string, digests: number): Promise<{ seconds: number; most: number }> {
  const some = Array.from({ length: AT_ONCE }, (_, i) => createHash('sha256').update(String(i)).digest('hex'));
  const lines = some.map((digest) => `{"digest":"${digest}"}\n`).join('');
  const child = spawn(process.execPath, [run, 'notarize', 'stamp'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let [most, seconds] = [0, 0];
  child.stdout.on('data', () => {
    most = Math.max(most, resident(child.pid!));
    seconds = firstThreadOf(child.pid!);
  });
  for (let done = 0; done < digests; done += AT_ONCE) if (!child.stdin.write(lines)) await once(child.stdin, 'drain');
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`notarize stamp ended with ${code}`);
  return { seconds, most };
}

/** Seconds of CPU for a hash of each leaf and each node. */
function bare(digests: number): Promise<number> {
  const pair = new Uint8Array(64);
  return cpuFor(() => {
    for (let i = 0; i < 2 * digests; i++) pair.set(sha256(pair));
  });
}

export async function benchNotarize(run: string, digests = 1_000_000): Promise<boolean[]> {
  const { seconds, most } = await stamp(run, digests);
  return [
    report({
      what: `${digests} digests stamped`,
      ratio: seconds / (await bare(digests)),
      limit: 3,
      unit: '× the bare hashes of their tree',
    }),
    report({ what: `memory of ${digests} digests`, ratio: most, limit: 200, unit: 'MB' }),
  ];
}
