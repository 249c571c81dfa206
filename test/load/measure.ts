/** What a load does to a server: how long answers take, how much memory and disk it has. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The value below which a share of all lies; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Resident bytes of a process and of those that it started; 0 where it is gone. */
export const residentBytes = (pid: number): number =>
  !existsSync(`/proc/${pid}/status`)
    ? 0
    : [pid, ...childrenOf(pid)].reduce((sum, one) => {
        const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one}/status`, 'utf8')) ?? [];
        return sum + Number(kilobytes) * 1024;
      }, 0);

/** Bytes of all files below a folder. */
export const bytesBelow = (path: string): number =>
  !existsSync(path)
    ? 0
    : statSync(path).isDirectory()
      ? readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0)
      : statSync(path).size;
