/** Identity of a store: a home that was copied or put back is noticed, one that was not raises no alarm. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import { commitOf, hex, nonceOf, tempDir, thing, things, write } from './fixture.ts';

const WORK = fileURLToPath(new URL('./children/work.ts', import.meta.url));
const open = (dir: string) => openHome({ dir, kinds: async () => [things] });
const start = (mode: string, dir: string, times = 0) =>
  spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WORK, mode, dir, String(times)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
async function lines(child: ReturnType<typeof start>): Promise<Record<string, unknown>[]> {
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), child.exitCode ?? once(child, 'exit')]);
  expect(err).toBe('');
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function newHome(): Promise<string> {
  const dir = join(tempDir(), 'home');
  await initHome({ dir, network: 'regtest' });
  return dir;
}
/** A home with an offer that reserves a coin, a paid contract, an open nonce with the reply that showed it, and a spent one. */
async function used(): Promise<string> {
  const dir = await newHome();
  const home = await open(dir);
  const { store } = home;
  const offer = thing('id:offer', { state: 'offered', claims: ['id:offer', 'coin:aa:0'] });
  await store.commit(commitOf({ writes: [write(null, 0, offer), write(null, 0, thing('id:paid', { paid: 5 }))] }));
  await store.commit(commitOf({ key: 'opened', opens: [nonceOf('id:paid')] }));
  await store.commit(commitOf({ key: 'opened-spent', opens: [nonceOf('id:paid', 'bb')] }));
  await store.commit(
    commitOf({
      key: 'spent',
      reply: { ...commitOf().reply, stands: true },
      spends: [{ of: 'id:paid', sighash: 'bb' }],
    }),
  );
  home.close();
  return dir;
}
async function more(dir: string, commits = 1): Promise<void> {
  const home = await open(dir);
  for (let i = 0; i < commits; i += 1) await home.store.commit(commitOf({ key: hex(32) }));
  home.close();
}
async function expectHealthy(dir: string): Promise<void> {
  const home = await open(dir);
  expect(home.restored).toBe(false);
  expect((await home.store.load(['id:paid'])).nonces).toHaveLength(1);
  home.close();
}
async function expectRestored(dir: string): Promise<void> {
  const check = async (home: Home) => {
    expect(home.restored).toBe(true);
    const { found, nonces } = await home.store.load(['id:paid', 'id:offer', 'coin:aa:0']);
    expect(nonces).toEqual([]);
    expect(found.get('id:offer')!.record).toMatchObject({ state: 'ended' });
    expect(found.get('id:paid')!.record).toMatchObject({ state: 'open', paid: 5 });
    expect(found.has('coin:aa:0')).toBe(false);
    expect(await home.store.reply('opened')).toBeUndefined();
    expect(await home.store.reply('opened-spent')).toBeUndefined();
    expect(await home.store.reply('spent')).toBeDefined();
  };
  const first = await open(dir);
  await check(first);
  const after = await first.store.commits();
  first.close();
  const second = await open(dir);
  await check(second);
  // Found once: nothing is done again.
  expect(await second.store.commits()).toBe(after);
  await second.acceptRestore();
  expect(second.restored).toBe(false);
  await second.store.commit(commitOf({ key: 'goes on', opens: [nonceOf('id:paid')] }));
  second.close();
  const third = await open(dir);
  expect(third.restored).toBe(false);
  expect((await third.store.load(['id:paid'])).nonces).toHaveLength(1);
  third.close();
}

describe('a home that is still itself', () => {
  it('stays so when it is opened, used, moved and reopened', async () => {
    const dir = await used();
    await expectHealthy(dir);
    await more(dir, 3);
    await expectHealthy(dir);
    renameSync(dir, `${dir}2`);
    await expectHealthy(`${dir}2`);
    utimesSync(`${dir}2/store.db`, 1, 1);
    // So does whoever puts it back over itself: what was open then is open no more.
    const home = await open(`${dir}2`);
    expect([home.restored, (await home.store.load(['id:paid'])).nonces]).toEqual([false, []]);
    home.close();
  });

  it('stays so without its tide, or with half of one', async () => {
    const dir = await used();
    const refunds = `${dir}.refunds`;
    const tide = join(refunds, readdirSync(refunds)[0]!);
    const whole = readFileSync(tide, 'utf8');
    for (const broken of ['', '9'.repeat(20), whole.slice(0, 25), '99' + whole.slice(2), '\0'.repeat(whole.length)]) {
      writeFileSync(tide, broken);
      await expectHealthy(dir);
    }
    rmSync(refunds, { recursive: true });
    await expectHealthy(dir);
    await more(dir);
    expect(readFileSync(tide, 'utf8')).toMatch(/^0{18}\d\d? [0-9a-f]{16}\n$|^0{19}\d [0-9a-f]{16}\n$/);
  });

  it.each(['.refunds', '.journal'])(
    'writes through no link that lies in the place of its tide in HOME%s',
    async (part) => {
      const dir = await used();
      const tide = join(
        dir + part,
        readdirSync(dir + part).find((file) => file.startsWith('.tide'))!,
      );
      rmSync(tide);
      symlinkSync(join(dir, 'store.db'), tide);
      const home = await open(dir);
      await expect(home.store.commit(commitOf({ key: hex(32) }))).rejects.toMatchObject({ code: 'cannot-write' });
      home.close();
      rmSync(tide);
      await expectHealthy(dir);
    },
  );

  it.each(['.refunds', '.journal'])('keeps no tide in HOME%s while others may write to it', async (part) => {
    const dir = await used();
    chmodSync(dir + part, 0o777);
    const home = await open(dir);
    await expect(home.store.commit(commitOf({ key: hex(32) }))).rejects.toMatchObject({ code: 'secret-exposed' });
    home.close();
    chmodSync(dir + part, 0o700);
    await expectHealthy(dir);
  });

  it.each(['00000000000000999999', '00009007199254740991', '00001000000000000000', '99999999999999999999'])(
    'stays so, and goes on, where tide or journal were forged without the key to say that it had come to %s',
    async (far) => {
      const dir = await used();
      const tide = join(`${dir}.refunds`, readdirSync(`${dir}.refunds`)[0]!);
      writeFileSync(tide, `${far} ${createHash('sha256').update(far).digest('hex').slice(0, 16)}\n`);
      await expectHealthy(dir);
      for (const name of readdirSync(`${dir}.journal`)) {
        const file = join(`${dir}.journal`, name);
        writeFileSync(file, readFileSync(file, 'latin1').replace('"home":', `"last":"${far}","home":`), 'latin1');
      }
      await expectHealthy(dir);
      await more(dir, 2);
      await expectHealthy(dir);
    },
  );

  it('stays so with thirty processes that open it and commit', async () => {
    const dir = await used();
    const said = (await Promise.all(Array.from({ length: 30 }, () => lines(start('visit', dir, 4))))).flat();
    expect(said).toHaveLength(120);
    expect(said.filter(({ restored }) => restored !== false)).toEqual([]);
    await expectHealthy(dir);
    const home = await open(dir);
    expect(await home.store.commits()).toBe(124);
    home.close();
  });

  it('loses no update of processes that race for one record', async () => {
    const dir = await newHome();
    const home = await open(dir);
    await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:shared'))] }));
    const said = (await Promise.all(Array.from({ length: 6 }, () => lines(start('count', dir, 25))))).flat();
    expect(said).toHaveLength(6);
    expect((await home.store.load(['id:shared'])).found.get('id:shared')!.record).toMatchObject({ paid: 150 });
    expect(await home.store.commits()).toBe(151);
    home.close();
  });

  it('has all that it said, and no false alarm, after a kill in the middle of commits', async () => {
    for (let round = 0; round < 4; round += 1) {
      const dir = await newHome();
      const child = start('commit', dir);
      let last = { paid: 0, commits: 0 };
      for await (const line of createInterface({ input: child.stdout })) {
        last = JSON.parse(line);
        if (last.paid === 20 + round * 7) child.kill('SIGKILL');
      }
      const home = await open(dir);
      expect(home.restored).toBe(false);
      const { found, nonces } = await home.store.load(['id:worker']);
      const { paid } = found.get('id:worker')!.record as { paid: number };
      expect(last.paid).toBeGreaterThanOrEqual(20);
      expect([last.paid, last.paid + 1]).toContain(paid);
      expect(await home.store.commits()).toBe(paid + 1);
      expect(nonces).toHaveLength(1);
      home.close();
    }
  });
});

describe('a home that was copied or put back', () => {
  it('cp -r: the copy, not the original', async () => {
    const dir = await used();
    cpSync(dir, `${dir}2`, { recursive: true, preserveTimestamps: true });
    await expectRestored(`${dir}2`);
    await expectHealthy(dir);
  });

  it('the copy of a home that is open', async () => {
    const dir = await used();
    const home = await open(dir);
    await home.store.commit(commitOf({ key: 'late' }));
    cpSync(dir, `${dir}2`, { recursive: true });
    home.close();
    await expectRestored(`${dir}2`);
    await expectHealthy(dir);
  });

  it('store.db put back, as the same file or as a new one', async () => {
    for (const first of [() => {}, (path: string) => unlinkSync(path)]) {
      const dir = await used();
      const [path, backup] = [join(dir, 'store.db'), `${dir}.backup`];
      copyFileSync(path, backup);
      await more(dir);
      first(path);
      copyFileSync(backup, path);
      await expectRestored(dir);
      await more(dir);
    }
  });

  it('every file overwritten in place, also where nothing was committed since', async () => {
    for (const commits of [2, 0]) {
      const dir = await used();
      cpSync(dir, `${dir}.backup`, { recursive: true, preserveTimestamps: true });
      await more(dir, commits);
      for (const file of readdirSync(`${dir}.backup`)) copyFileSync(join(`${dir}.backup`, file), join(dir, file));
      await expectRestored(dir);
    }
  });

  it('by its tide alone, and above it from then on', async () => {
    const dir = await used();
    copyFileSync(join(dir, 'store.db'), `${dir}.backup`);
    await more(dir, 3);
    copyFileSync(`${dir}.backup`, join(dir, 'store.db'));
    const home = await open(dir);
    expect(home.restored).toBe(true);
    expect(await home.store.commits()).toBe(4 + 3 + 1);
    home.close();
    copyFileSync(`${dir}.backup`, join(dir, 'store.db'));
    await expectRestored(dir);
  });

  it('store.db replaced by a copy, though its tide is lost', async () => {
    const dir = await used();
    rmSync(`${dir}.refunds`, { recursive: true });
    copyFileSync(join(dir, 'store.db'), `${dir}.copy`);
    renameSync(`${dir}.copy`, join(dir, 'store.db'));
    await expectRestored(dir);
  });

  it('without its identity file', async () => {
    const dir = await used();
    unlinkSync(join(dir, 'identity'));
    await expectRestored(dir);
  });

  it('by many processes at once: it is made harmless once', async () => {
    const dir = await used();
    cpSync(dir, `${dir}2`, { recursive: true });
    const said = (await Promise.all(Array.from({ length: 12 }, () => lines(start('visit', `${dir}2`, 2))))).flat();
    expect(said.map(({ restored }) => restored)).toEqual(Array.from({ length: 24 }, () => true));
    const home = await open(`${dir}2`);
    expect(await home.store.commits()).toBe(4 + 1 + 24);
    home.close();
  });

  it('refuses records of a kind that it does not know, and stays as it was', async () => {
    const dir = await used();
    cpSync(dir, `${dir}2`, { recursive: true });
    await expect(openHome({ dir: `${dir}2`, kinds: async () => [] })).rejects.toMatchObject({
      code: 'store-newer',
      message: expect.stringContaining("'thing'"),
    });
    await expectRestored(`${dir}2`);
  });

  it('loads the families only then', async () => {
    const dir = await used();
    let asked = 0;
    const kinds = async () => ((asked += 1), [things]);
    (await openHome({ dir, kinds })).close();
    expect(asked).toBe(0);
    cpSync(dir, `${dir}2`, { recursive: true });
    (await openHome({ dir: `${dir}2`, kinds })).close();
    (await openHome({ dir: `${dir}2`, kinds })).close();
    expect(asked).toBe(1);
  });
});
