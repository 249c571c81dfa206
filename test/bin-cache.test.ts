/**
 * The compile cache of Node.js is code that the wallet runs: it lies where only its own user can write, or there is none.
 * Where it lies is told by what is there after a run.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIN, freshDir, start } from './cli/run.ts';

const isRoot = process.getuid?.() === 0;
/** Two users of every system: `daemon` and `nobody`. */
const [USER, OTHER] = [1, 65_534];

/** A home of this user, below a folder that everybody may pass; and where Node.js would put a cache of its own. */
function place(uid?: number): { home: string; tmp: string } {
  const [home, tmp] = [freshDir(), freshDir()];
  chmodSync(home, 0o755);
  chmodSync(tmp, 0o1777);
  if (uid !== undefined) chownSync(home, uid, uid);
  return { home, tmp };
}
function made(dir: string, mode: number, uid?: number): string {
  mkdirSync(dir);
  chmodSync(dir, mode);
  if (uid !== undefined) chownSync(dir, uid, uid);
  return dir;
}

/** Runs the program so, as another user where one is given; what it says beside it must be the same with and without a cache. */
function run(env: Record<string, string>, uid?: number): void {
  const as = uid === undefined ? {} : { uid, gid: uid };
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'errors'], {
    env: { PATH: process.env['PATH']!, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: '/',
    ...as,
  });
  expect([status, stderr]).toEqual([0, '']);
}
const filesIn = (dir: string): string[] =>
  existsSync(dir) ? readdirSync(dir, { recursive: true }).map(String).sort() : [];
const isCached = (dir: string): boolean => filesIn(dir).some((file) => /^v\d+\./.test(file));
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('the compile cache', () => {
  it('lies in the cache directory of the user, 0700, and nowhere in the shared one', () => {
    const { home, tmp } = place();
    run({ HOME: home, TMPDIR: tmp });
    expect(isCached(join(home, '.cache/spillway'))).toBe(true);
    expect([modeOf(join(home, '.cache')), modeOf(join(home, '.cache/spillway'))]).toEqual(['700', '700']);
    expect(filesIn(tmp)).toEqual([]);
  });

  it('follows XDG_CACHE_HOME, unless that is relative', () => {
    const { home, tmp } = place();
    const cache = made(join(home, 'mine'), 0o755);
    run({ HOME: home, TMPDIR: tmp, XDG_CACHE_HOME: cache });
    expect([isCached(join(cache, 'spillway')), existsSync(join(home, '.cache'))]).toEqual([true, false]);
    run({ HOME: home, TMPDIR: tmp, XDG_CACHE_HOME: 'here' });
    expect(isCached(join(home, '.cache/spillway'))).toBe(true);
  });

  it.each(['', 'relative/home', '/nonexistent/home'])('is none where HOME is %j', (HOME) => {
    const { tmp } = place();
    run({ HOME, TMPDIR: tmp });
    expect(filesIn(tmp)).toEqual([]);
  });

  it.each([0o777, 0o770, 0o750, 0o755])('is none in a folder of mode %o, which stays as it was', (mode) => {
    const { home, tmp } = place();
    made(join(home, '.cache'), 0o700);
    const cache = made(join(home, '.cache/spillway'), mode);
    run({ HOME: home, TMPDIR: tmp });
    expect([filesIn(cache), filesIn(tmp), modeOf(cache)]).toEqual([[], [], mode.toString(8)]);
  });

  it('is none behind a link in its place, nor below a folder that others can write to', () => {
    const { home, tmp } = place();
    made(join(home, '.cache'), 0o700);
    const target = made(join(home, 'elsewhere'), 0o700);
    symlinkSync(target, join(home, '.cache/spillway'));
    run({ HOME: home, TMPDIR: tmp });
    const open = place();
    made(join(open.home, '.cache'), 0o777);
    run({ HOME: open.home, TMPDIR: tmp });
    chmodSync(join(open.home, '.cache'), 0o700);
    chmodSync(open.home, 0o775);
    run({ HOME: open.home, TMPDIR: tmp });
    expect([filesIn(target), filesIn(tmp), filesIn(join(open.home, '.cache'))]).toEqual([[], [], []]);
  });

  it('is none where a file is in its place', () => {
    const { home, tmp } = place();
    symlinkSync('/dev/null', join(home, '.cache'));
    run({ HOME: home, TMPDIR: tmp });
    expect(filesIn(tmp)).toEqual([]);
  });

  describe.runIf(isRoot)('of two users', () => {
    it('each has its own', () => {
      const tmp = place().tmp;
      for (const uid of [USER, OTHER]) {
        const { home } = place(uid);
        run({ HOME: home, TMPDIR: tmp }, uid);
        const cache = join(home, '.cache/spillway');
        expect([isCached(cache), modeOf(cache), statSync(cache).uid]).toEqual([true, '700', uid]);
      }
      expect(filesIn(tmp)).toEqual([]);
    });

    it('one cannot prepare a folder for the other, neither in the shared place nor in its own', () => {
      const { home, tmp } = place(USER);
      // Where Node.js looks when it is given no folder: OTHER was here first.
      const shared = made(join(tmp, 'node-compile-cache'), 0o777, OTHER);
      made(join(home, '.cache'), 0o700, USER);
      const foreign = made(join(home, '.cache/spillway'), 0o777, OTHER);
      run({ HOME: home, TMPDIR: tmp }, USER);
      chmodSync(foreign, 0o700);
      run({ HOME: home, TMPDIR: tmp }, USER);
      expect([filesIn(shared), filesIn(foreign)]).toEqual([[], []]);
    });

    it('nor behind a link of XDG_CACHE_HOME, nor as the owner of a folder above', () => {
      const { home, tmp } = place(USER);
      const foreign = made(join(place(OTHER).home, 'cache'), 0o777, OTHER);
      symlinkSync(foreign, join(home, 'link'));
      run({ HOME: home, TMPDIR: tmp, XDG_CACHE_HOME: join(home, 'link') }, USER);
      const above = made(join(foreign, 'mine'), 0o700, USER);
      run({ HOME: home, TMPDIR: tmp, XDG_CACHE_HOME: above }, USER);
      expect([filesIn(foreign), filesIn(tmp)]).toEqual([['mine'], []]);
    });

    it('root in the home of a user has none there', () => {
      const { home, tmp } = place(USER);
      run({ HOME: home, TMPDIR: tmp });
      expect([filesIn(join(home, '.cache')), filesIn(tmp)]).toEqual([[], []]);
    });

    it('a home that cannot be written to has none, and the program runs', () => {
      const { home, tmp } = place();
      run({ HOME: home, TMPDIR: tmp }, USER);
      expect([filesIn(home), filesIn(tmp)]).toEqual([[], []]);
    });

    it('without HOME it is where the user has its home, or none: never in the shared place', () => {
      const { tmp } = place();
      run({ TMPDIR: tmp }, USER);
      expect(filesIn(tmp)).toEqual([]);
    });
  });

  it('is used by the next run', async () => {
    const { home, tmp } = place();
    const env = { HOME: home, TMPDIR: tmp };
    run(env);
    const cached = filesIn(join(home, '.cache/spillway'));
    const { code, stderr } = await start(process.execPath, [BIN, 'errors'], {
      env: { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    });
    expect(code).toBe(0);
    expect(stderr).toContain(join(home, '.cache/spillway'));
    expect(filesIn(join(home, '.cache/spillway'))).toEqual(cached);
  });
});
