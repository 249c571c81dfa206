/** Temporary directories that go after each test, and what `things.ts` has. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

export * from './things.ts';

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'spillway-home-'));
  made.push(dir);
  return dir;
}

/** A pipe with this name, which ends for whoever reads it after three seconds, so that a test of it fails and does not hang. */
export function pipeAt(path: string): string {
  execFileSync('mkfifo', [path]);
  spawn('bash', ['-c', 'exec 3<>"$1"; sleep 3', 'bash', path], { stdio: 'ignore' });
  return path;
}
