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

/**
 * A pipe with this name. Whoever reads it gets a document after three seconds: a test sees by that that it was read, and does
 * not hang.
 */
export function pipeAt(path: string): string {
  execFileSync('mkfifo', [path]);
  spawn('bash', ['-c', 'exec 3<>"$1"; echo {} >&3; sleep 3', 'bash', path], { stdio: 'ignore' });
  return path;
}
