/** A directory that is made whole or not at all, beside others that are made, and what is left of one whose process was killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeDirectory } from '../../src/lib/home/directory.ts';
import { tempDir } from './fixture.ts';

const WORK = join(import.meta.dirname, 'children', 'work.ts');
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** A process that is making `dir`. */
async function making(dir: string): Promise<{ made: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [WORK, 'draft', dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, made: (JSON.parse(line.toString()) as { made: string }).made };
}
const nothing = async (): Promise<void> => {};

describe('what a killed process left behind', () => {
  it('goes when another directory is made beside it', async () => {
    const at = tempDir();
    const { child, made } = await making(join(at, 'monday'));
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(existsSync(join(made, 'seed'))).toBe(true);
    // Killed before it had made anything, or after all was done.
    writeFileSync(join(at, 'sunday.0123456789ab.tmp.spillway-lock'), '');
    await makeDirectory(join(at, 'tuesday'), nothing);
    expect(readdirSync(at)).toEqual(['tuesday']);
  });

  it('is told from what a living one makes', async () => {
    const at = tempDir();
    const [dead, living] = [await making(join(at, 'monday')), await making(join(at, 'monday'))];
    dead.child.kill('SIGKILL');
    await once(dead.child, 'close');
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => makeDirectory(join(at, name), nothing)));
    expect([existsSync(dead.made), existsSync(living.made)]).toEqual([false, true]);
    living.child.stdin!.write('x');
    expect(await once(living.child, 'close')).toEqual([0, null]);
    expect(readdirSync(at).sort()).toEqual(['a', 'b', 'c', 'd', 'monday']);
    expect(readdirSync(join(at, 'monday'))).toEqual(['seed']);
  });

  it('is not taken for it where it only looks alike', async () => {
    const at = tempDir();
    const draft = join(at, 'x.0123456789ab.tmp');
    mkdirSync(draft);
    mkdirSync(join(at, 'other'));
    writeFileSync(join(at, 'other.spillway-lock'), '');
    await makeDirectory(join(at, 'mine'), nothing);
    expect(readdirSync(at).sort()).toEqual(['mine', 'other', 'other.spillway-lock', 'x.0123456789ab.tmp']);
  });
});

it('begins nothing where something is already', async () => {
  const at = tempDir();
  mkdirSync(join(at, 'full'));
  writeFileSync(join(at, 'full', 'file'), '');
  let begun = 0;
  const fill = async (): Promise<void> => void (begun += 1);
  await expect(makeDirectory(join(at, 'full'), fill)).rejects.toMatchObject({
    code: 'cannot-write',
    message: expect.stringContaining('holds other files'),
  });
  expect([begun, readdirSync(at)]).toEqual([0, ['full']]);
  mkdirSync(join(at, 'empty'));
  await makeDirectory(join(at, 'empty'), fill);
  expect(begun).toBe(1);
});

it('leaves nothing where it fails', async () => {
  const at = tempDir();
  await expect(makeDirectory(join(at, 'x'), () => Promise.reject(new Error('full')))).rejects.toMatchObject({
    code: 'cannot-write',
  });
  writeFileSync(join(at, 'file'), '');
  await expect(makeDirectory(join(at, 'file', 'x'), nothing)).rejects.toMatchObject({ code: 'cannot-write' });
  expect(readdirSync(at)).toEqual(['file']);
});
