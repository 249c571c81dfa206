/**
 * What becomes of a home and of its copies: whatever of home, refunds, journal and shares is put back, copied, linked or
 * touched, by whatever means: what is frozen, what goes on, and what is told.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { Claim } from '../../src/lib/protocol/action.ts';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import { filePlace } from '../../src/lib/home/identity.ts';
import { commitOf, nonceOf, tempDir, thing, things, write } from './fixture.ts';

const WORK = fileURLToPath(new URL('./children/work.ts', import.meta.url));
const NAME = 'ab'.repeat(16);
const SHARE: Claim = `share:${NAME}`;
/** What an operator's kind does: a restored record has no share. */
const kind = {
  ...things,
  restored: (record: Parameters<typeof things.restored>[0]) => {
    const kept = things.restored(record);
    return { ...kept, claims: kept.claims.filter((claim) => !claim.startsWith('share:')) };
  },
};
interface Opened {
  home: Home;
  told: string[];
}
async function open(dir: string, more: object = {}): Promise<Opened> {
  const told: string[] = [];
  const home = await openHome({ dir, kinds: async () => [kind], tell: (note) => told.push(note), ...more });
  return { home, told };
}
const filesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);
const journalsIn = (dir: string): string[] => filesIn(dir).filter((file) => file.endsWith('.journal'));
const sharesIn = (dir: string): string[] => filesIn(`${dir}.shares`).filter((file) => file.endsWith('.share'));
const sh = (program: string, ...argv: string[]): unknown => execFileSync(program, argv, { stdio: 'pipe' });

/** A home with an offer, a paid record with an open nonce and a share, and a reply that showed the nonce. */
async function used(more: object = {}, at = tempDir()): Promise<string> {
  const dir = join(at, 'home');
  await initHome({ dir, network: 'regtest', ...more });
  const { home } = await open(dir);
  const { store, shares } = home;
  await store.commit(commitOf({ writes: [write(null, 0, thing('id:offer', { state: 'offered' }))] }));
  const paid = thing('id:paid', { paid: 5, claims: ['id:paid', SHARE] });
  const commit = () => store.commit(commitOf({ writes: [write(null, 0, paid)] }));
  await shares.around([{ name: NAME, secret: new Uint8Array(32).fill(1) }], [], commit, store);
  await showNonce(home, 'shown');
  home.close();
  return dir;
}
const showNonce = (home: Home, key: string) =>
  home.store.commit(commitOf({ key, opens: [nonceOf('id:paid')], shows: [] }));
async function more(dir: string, commits = 2): Promise<void> {
  const { home } = await open(dir);
  for (let i = 0; i < commits; i += 1) {
    const { rev } = (await home.store.load(['id:paid'])).found.get('id:paid')!;
    const { claims, paid } = (await home.store.load(['id:paid'])).found.get('id:paid')!.record as ReturnType<
      typeof thing
    >;
    await home.store.commit(
      commitOf({ writes: [write('id:paid', rev, thing('id:paid', { paid: paid + 1, claims }))] }),
    );
  }
  home.close();
}

/** It goes on with all that it had, and nobody is told anything. */
async function expectWhole(
  dir: string,
  told: readonly string[] = [],
  options: object = {},
  openNonces = 1,
): Promise<void> {
  const opened = await open(dir, options);
  const { restored, mayLack, mayRepeat, store, shares } = opened.home;
  expect({ restored, mayLack, mayRepeat }).toEqual({ restored: false, mayLack: false, mayRepeat: false });
  const { found, nonces } = await store.load(['id:paid', 'id:offer']);
  expect(nonces).toHaveLength(openNonces);
  expect(found.get('id:offer')!.record).toMatchObject({ state: 'offered' });
  expect((await shares.read([NAME])).size).toBe(1);
  expect(opened.told).toEqual(told.map((part) => expect.stringContaining(part)));
  opened.home.close();
}
/** Nonces, offers and shares are given up, and it stays so until its owner goes on. */
async function expectFrozen(dir: string, options: object = {}): Promise<void> {
  for (let look = 0; look < 2; look += 1) {
    const { home, told } = await open(dir, options);
    const { restored, mayLack, mayRepeat, store } = home;
    expect({ restored, mayLack, mayRepeat }).toEqual({ restored: true, mayLack: true, mayRepeat: true });
    const { found, nonces } = await store.load(['id:paid', 'id:offer', SHARE]);
    expect(nonces).toEqual([]);
    expect(found.has(SHARE)).toBe(false);
    expect(found.get('id:offer')!.record).toMatchObject({ state: 'ended' });
    expect(found.get('id:paid')!.record).toMatchObject({ state: 'open' });
    expect(await store.reply('shown')).toBeUndefined();
    expect(told).toEqual([]);
    home.close();
  }
}

const PARTS = ['', '.refunds', '.journal', '.shares'] as const;
const nameOf = (part: string): string => part.slice(1) || 'home';
/** Every choice of them. */
const CHOICES = PARTS.reduce<string[][]>((all, part) => [...all, ...all.map((some) => [...some, part])], [[]]);

function save(dir: string): string {
  const at = tempDir();
  for (const part of PARTS)
    if (existsSync(dir + part))
      cpSync(dir + part, join(at, nameOf(part)), { recursive: true, preserveTimestamps: true });
  return at;
}
/** As `rsync --inplace` or the rollback of a dataset does: files stay the same files, and what is alike stays untouched. */
function putInPlace(saved: string, dir: string, part: string): void {
  const [from, to] = [join(saved, nameOf(part)), dir + part];
  for (const file of filesIn(to)) if (!filesIn(from).includes(file)) rmSync(join(to, file));
  for (const file of filesIn(from)) {
    const bytes = readFileSync(join(from, file));
    if (!existsSync(join(to, file)) || !readFileSync(join(to, file)).equals(bytes))
      writeFileSync(join(to, file), bytes, { mode: 0o600 });
  }
}
function putNew(saved: string, dir: string, part: string): void {
  rmSync(dir + part, { recursive: true, force: true });
  cpSync(join(saved, nameOf(part)), dir + part, { recursive: true, preserveTimestamps: true });
}

describe('an earlier moment that is put back', () => {
  it.each(CHOICES.map((parts) => [parts.map(nameOf).join(', ') || 'nothing', parts] as const))(
    'in place: %s',
    async (_, parts) => {
      const dir = await used();
      const saved = save(dir);
      await more(dir);
      for (const part of parts) putInPlace(saved, dir, part);
      const isBack = parts.includes('');
      // Home, refunds and journal together are an image of it all: nothing is left that could know.
      const isUnseen = parts.includes('.refunds') && parts.includes('.journal');
      if (isBack && !isUnseen) await expectFrozen(dir);
      else await expectWhole(dir);
    },
  );

  it.each(CHOICES.filter((parts) => parts.includes('')).map((parts) => [parts.map(nameOf).join(', '), parts] as const))(
    'as new files: %s',
    async (_, parts) => {
      const dir = await used();
      const saved = save(dir);
      await more(dir);
      for (const part of parts) putNew(saved, dir, part);
      await expectFrozen(dir);
    },
  );

  it('again and again, also to the moment at which it was found before', async () => {
    const dir = await used();
    const first = save(dir);
    await more(dir);
    const last = save(dir);
    for (const saved of [first, last, first]) {
      // At the second time all is as it was when the first life of the store ended.
      putInPlace(saved, dir, '');
      putInPlace(saved, dir, '.shares');
      await expectFrozen(dir);
    }
  });

  it('is found by the journal alone where the refunds folder is lost', async () => {
    const dir = await used();
    const saved = save(dir);
    await more(dir, 1);
    putInPlace(saved, dir, '');
    rmSync(`${dir}.refunds`, { recursive: true });
    await expectFrozen(dir);
  });

  it('is found after the nightly backup too, once what it covers is removed', async () => {
    const dir = await used();
    const saved = save(dir);
    await more(dir);
    const { home } = await open(dir);
    const { covered } = await home.backup(join(tempDir(), 'night'), { seed: true });
    home.close();
    expect(covered.length).toBeGreaterThan(0);
    covered.forEach((file) => rmSync(file));
    putInPlace(saved, dir, '');
    putInPlace(saved, dir, '.refunds');
    await expectFrozen(dir);
  });

  it('is found in a folder that a busier home fills with newer files', async () => {
    const dir = await used();
    const saved = save(dir);
    await more(dir);
    for (let i = 0; i < 80; i += 1) {
      const path = join(`${dir}.journal`, `9${i}-other.journal`);
      writeFileSync(path, '{"type":"journal","version":1}\n');
      utimesSync(path, Date.now() / 1_000 + 60, Date.now() / 1_000 + 60);
    }
    putInPlace(saved, dir, '');
    putInPlace(saved, dir, '.refunds');
    await expectFrozen(dir);
  });
});

describe('a copy never poisons the original', () => {
  const COPIES: readonly (readonly [string, (dir: string, to: string) => unknown])[] = [
    ['cp -r', (dir, to) => sh('cp', '-r', dir, to)],
    ['cp -a', (dir, to) => sh('cp', '-a', dir, to)],
    [
      'tar',
      (dir, to) => (mkdirSync(to, { mode: 0o700 }), sh('bash', '-c', `tar -C "${dir}" -c . | tar -C "${to}" -xp`)),
    ],
    ['hard links to its files', (dir, to) => sh('cp', '-al', dir, to)],
  ];
  it.each(COPIES)('%s, opened and used beside it, its folders recorded', async (_, copied) => {
    const at = tempDir();
    const folders = { refundsDir: join(at, 'refunds'), journalDir: join(at, 'journal') };
    const dir = await used(folders, at);
    const copy = join(at, 'copy');
    copied(dir, copy);
    if (statSync(join(copy, 'store.db')).ino === statSync(join(dir, 'store.db')).ino) {
      // No copy: the same files by another name, which two programs would write side by side.
      await expectWhole(dir, ['goes on'], {}, 0);
      const before = readFileSync(join(dir, 'store.db'));
      await expect(open(copy)).rejects.toMatchObject({
        code: 'store-unsafe',
        message: expect.stringContaining('names'),
      });
      expect(readFileSync(join(dir, 'store.db'))).toEqual(before);
      await more(dir);
      await expectWhole(dir, [], {}, 0);
      // Moved to another place, it is refused while those names are there, and goes on after.
      renameSync(dir, `${dir}-moved`);
      await expect(open(`${dir}-moved`)).rejects.toMatchObject({ code: 'store-unsafe' });
      rmSync(copy, { recursive: true });
      const { home } = await open(`${dir}-moved`, folders);
      expect(home.restored).toBe(false);
      home.close();
      return;
    }
    await expectFrozen(copy);
    const { home } = await open(copy);
    await home.acceptRestore();
    home.close();
    await more(copy, 9);
    await expectWhole(dir);
    await more(dir);
    await expectWhole(dir);
    // And each of them covers what it wrote itself.
    const covered = async (from: string) => {
      const opened = await open(from);
      const made = await opened.home.backup(join(tempDir(), 'b'), { seed: true });
      opened.home.close();
      return made;
    };
    const [mine, its] = [await covered(dir), await covered(copy)];
    expect(mine.covered.length * its.covered.length).toBeGreaterThan(0);
    expect(mine.covered.filter((file) => its.covered.includes(file))).toEqual([]);
    await expectWhole(dir);
  });

  it('a drill from a backup takes neither its tide nor its journal', async () => {
    const at = tempDir();
    const dir = await used({ refundsDir: join(at, 'refunds'), journalDir: join(at, 'journal') }, at);
    const first = await open(dir);
    await first.home.backup(join(at, 'backup'), { seed: true });
    first.home.close();
    await more(dir);
    const live = journalsIn(join(at, 'journal'));
    const drill = join(at, 'drill');
    await restoreHome({ from: join(at, 'backup'), dir: drill });
    await expectFrozen(drill);
    const { home } = await open(drill);
    expect(home.journalDir).toBe(`${drill}.journal`);
    await home.acceptRestore();
    home.close();
    await more(drill, 9);
    const { home: again } = await open(drill);
    const { covered, unread } = await again.backup(join(at, 'b2'), { seed: true });
    again.close();
    expect([...covered, ...unread].filter((file) => file.startsWith(join(at, 'journal')))).toEqual([]);
    expect(journalsIn(join(at, 'journal'))).toEqual(live);
    await expectWhole(dir);
    rmSync(drill, { recursive: true });
    await expectWhole(dir);
  });

  it("a drill with the original's journal folder seals and covers none of its files, nor does a home of its words", async () => {
    const at = tempDir();
    const journalDir = join(at, 'journal');
    const dir = join(at, 'home');
    const { mnemonic } = await initHome({ dir, network: 'regtest', journalDir });
    const { home } = await open(dir);
    await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:paid', { claims: ['id:paid'] }))] }));
    await home.backup(join(at, 'backup'), { seed: true });
    await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:late', { claims: ['id:late'] }))] }));
    const live = journalsIn(journalDir).filter((file) => !file.endsWith('.sealed.journal'));
    await restoreHome({ from: join(at, 'backup'), dir: join(at, 'drill'), journalDir });
    await initHome({ dir: join(at, 'words'), network: 'regtest', mnemonic, journalDir });
    for (const name of ['drill', 'words']) {
      const { home: other } = await open(join(at, name));
      await other.acceptRestore();
      await other.store.commit(commitOf({ writes: [write(null, 0, thing(`id:${name}`, { claims: [`id:${name}`] }))] }));
      const { covered } = await other.backup(join(at, `b-${name}`), { seed: true });
      expect(covered).toHaveLength(1);
      expect(covered.filter((file) => live.some((one) => file.includes(one.slice(0, 29))))).toEqual([]);
      expect(journalsIn(journalDir)).toEqual(expect.arrayContaining(live));
      other.close();
    }
    home.close();
  });

  it('a file that grew since it was brought in is covered by nothing', async () => {
    const at = tempDir();
    const journalDir = join(at, 'journal');
    const dir = await used({ journalDir }, at);
    const { home } = await open(dir);
    await home.backup(join(at, 'backup'), { seed: true });
    await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:one', { claims: ['id:one'] }))] }));
    await restoreHome({ from: join(at, 'backup'), dir: join(at, 'drill'), journalDir });
    const { home: drill } = await open(join(at, 'drill'));
    const files = journalsIn(journalDir).map((file) => join(journalDir, file));
    await drill.reconcile(files);
    // The original was alive after all.
    await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:two', { claims: ['id:two'] }))] }));
    const { covered, unread } = await drill.backup(join(at, 'b'), { seed: true });
    expect(unread).toHaveLength(1);
    expect(covered).not.toContain(unread[0]);
    home.close();
    drill.close();
  });

  it('a symbolic link is the home itself: one tide, one journal, the same shares', async () => {
    const dir = await used();
    const link = `${dir}-link`;
    symlinkSync(dir, link);
    await expectWhole(link);
    await more(link);
    await expectWhole(dir);
    expect(readdirSync(join(dir, '..')).filter((name) => name.startsWith('home-link.'))).toEqual([]);
    const { home } = await open(link);
    const { covered, unread } = await home.backup(join(tempDir(), 'b'), { seed: true });
    await expect(home.backup(join(link, 'inside'), { seed: true })).rejects.toMatchObject({ code: 'cannot-write' });
    home.close();
    expect([covered.length, unread]).toEqual([journalsIn(`${dir}.journal`).length, []]);
  });

  it('--refunds adds a folder for copies: the tide stays where it is', async () => {
    const dir = await used();
    const saved = save(dir);
    const added = join(tempDir(), 'added');
    const { home } = await open(dir, { refundsDir: added });
    await home.copy([{ name: 'refund-aa', body: { a: 1 } }]);
    await showNonce(home, 'more');
    expect(filesIn(added)).toEqual(['refund-aa.json']);
    expect(filesIn(`${dir}.refunds`)).toContain('refund-aa.json');
    expect(home.copies().copies).toEqual([{ name: 'refund-aa', body: { a: 1 } }]);
    home.close();
    rmSync(`${dir}.journal`, { recursive: true });
    putInPlace(saved, dir, '');
    await expectFrozen(dir, { refundsDir: added });
  });

  it('keeps copies where --refunds says while the recorded folder takes none', async () => {
    const dir = await used();
    const added = join(tempDir(), 'added');
    const { home } = await open(dir, { refundsDir: added });
    rmSync(`${dir}.refunds`, { recursive: true });
    writeFileSync(`${dir}.refunds`, '');
    await home.copy([{ name: 'refund-aa', body: { a: 1 } }]);
    expect(filesIn(added)).toEqual(['refund-aa.json']);
    home.close();
  });
});

describe('metadata is no rollback', () => {
  const NOTE = 'goes on';
  it.each([
    ['chmod -R', (dir: string) => sh('chmod', '-R', 'u=rwX,go=', dir)],
    ['a mode that was the same', (dir: string) => chmodSync(join(dir, 'identity'), 0o600)],
    ['chown -R', (dir: string) => sh('chown', '-R', `${process.getuid!()}:${process.getgid!()}`, dir)],
    ['a backup of hard links', (dir: string) => sh('cp', '-al', dir, `${dir}.links`)],
    ['one that is removed again', (dir: string) => sh('bash', '-c', `ln "${dir}/identity" "${dir}.l"; rm "${dir}.l"`)],
  ])('%s: said once, and nothing freezes', async (_, touch) => {
    const dir = await used();
    touch(dir);
    await expectWhole(dir, [NOTE], {}, 0);
    await expectWhole(dir, [], {}, 0);
    await more(dir);
    touch(dir);
    await expectWhole(dir, [NOTE], {}, 0);
  });

  it('of a home that has committed nothing yet, or right after the nightly backup', async () => {
    const fresh = join(tempDir(), 'home');
    await initHome({ dir: fresh, network: 'regtest' });
    chmodSync(join(fresh, 'identity'), 0o600);
    const first = await open(fresh);
    expect([first.home.restored, first.told.length]).toEqual([false, 1]);
    first.home.close();
    const dir = await used();
    const { home } = await open(dir);
    const { covered } = await home.backup(join(tempDir(), 'b'), { seed: true });
    home.close();
    covered.forEach((file) => rmSync(file));
    chmodSync(
      join(
        dir,
        filesIn(dir).find((file) => file.startsWith('identity'))!,
      ),
      0o600,
    );
    await expectWhole(dir, [NOTE], {}, 0);
  });

  it('but it hides no rollback: tide or journal above the store, or nothing that agrees', async () => {
    for (const spoil of [
      (dir: string, saved: string) => putInPlace(saved, dir, ''),
      (dir: string, saved: string) => (putInPlace(saved, dir, ''), putInPlace(saved, dir, '.refunds')),
      (dir: string, saved: string) => (putInPlace(saved, dir, ''), putInPlace(saved, dir, '.journal')),
      (dir: string) => (rmSync(`${dir}.refunds`, { recursive: true }), rmSync(`${dir}.journal`, { recursive: true })),
      (dir: string) => rmSync(`${dir}.journal`, { recursive: true }),
    ]) {
      const dir = await used();
      const saved = save(dir);
      await more(dir);
      spoil(dir, saved);
      sh('chmod', '-R', 'u=rwX,go=', dir);
      await expectFrozen(dir);
    }
  });

  it('of a home that is opened between a commit of another process and its tides', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WORK, 'pause', dir, '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await once(child.stdout, 'data');
      chmodSync(join(dir, 'identity'), 0o400);
      const { home, told } = await open(dir);
      expect([home.restored, told.length]).toEqual([false, 1]);
      home.close();
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('and what was written over it is no metadata, though it is the same', async () => {
    const dir = await used();
    const path = join(dir, 'identity');
    writeFileSync(path, readFileSync(path));
    await expectFrozen(dir);
  });
});

describe('home, refunds and journal put back together over themselves', () => {
  const parts = ['', '.refunds', '.journal'] as const;
  /** As `cp -a` does, to the nanosecond of every time stamp. */
  const saveAll = (dir: string): string => {
    const at = tempDir();
    for (const part of parts) sh('cp', '-a', dir + part, join(at, nameOf(part)));
    return at;
  };
  const putBack = (saved: string, dir: string): void => {
    for (const part of parts) {
      const from = join(saved, nameOf(part));
      for (const file of filesIn(dir + part)) if (!filesIn(from).includes(file)) rmSync(join(dir + part, file));
      sh('cp', '-a', `${from}/.`, dir + part);
    }
  };

  it('on the same day: the nonce that was open then is open no more', async () => {
    const dir = await used();
    const saved = saveAll(dir);
    await more(dir);
    putBack(saved, dir);
    await expectWhole(dir, ['put back'], {}, 0);
  });

  it('on the same day, files left alone that are as they were: the nonce that was open then is open no more', async () => {
    const dir = await used();
    const saved = saveAll(dir);
    await new Promise((done) => setTimeout(done, 1_100));
    await more(dir);
    // As `rsync -a --inplace --delete` does.
    for (const part of parts) {
      const from = join(saved, nameOf(part));
      for (const file of filesIn(dir + part)) if (!filesIn(from).includes(file)) rmSync(join(dir + part, file));
      for (const file of filesIn(from)) {
        const [a, b] = [join(from, file), join(dir + part, file)].map((path) =>
          statSync(path, { throwIfNoEntry: false }),
        );
        if (a!.size !== b?.size || a!.mtimeMs !== b.mtimeMs) sh('cp', '-a', join(from, file), dir + part);
      }
    }
    await expectWhole(dir, ['put back'], {}, 0);
    // What was told once is not told again.
    await expectWhole(dir, [], {}, 0);
  });

  it.each([
    [
      'the last backup',
      async (dir: string) => {
        const { home } = await open(dir);
        await home.backup(join(tempDir(), 'night'), { seed: true });
        home.close();
      },
    ],
    [
      'the day began',
      async (dir: string) => {
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 });
        await expectWhole(dir);
        vi.useRealTimers();
      },
    ],
  ])('from before %s: a restored home', async (_, turn) => {
    const dir = await used();
    const saved = saveAll(dir);
    await turn(dir);
    await expectWhole(dir);
    await more(dir);
    await expectWhole(dir);
    putBack(saved, dir);
    await expectFrozen(dir);
  });
});

describe('where it lies', () => {
  it('a move is no copy; a move to another disk is one', async () => {
    const dir = await used();
    for (const part of PARTS) renameSync(dir + part, `${dir}2${part}`);
    await expectWhole(`${dir}2`);
    const shm = '/dev/shm';
    if (!existsSync(shm) || statSync(shm).dev === statSync(tmpdir()).dev) return;
    const other = join(mkdtempSync(join(shm, 'spillway-')), 'home');
    for (const part of PARTS) sh('mv', `${dir}2${part}`, other + part);
    await expectFrozen(other);
    rmSync(join(other, '..'), { recursive: true });
  });

  it('a clone of its disk, with the same inodes and times, is found by disk and path', async () => {
    const dir = await used();
    const { text: here, compare } = filePlace(dir);
    const text = here('');
    const otherDisk = text.replace(/disk \d+/, 'disk 999999');
    const otherPath = text.replace(/path \w+/, 'path 0123456789abcdef');
    expect(compare(text)).toBe('same');
    // A reboot numbers disks anew, a move changes the path.
    expect([compare(otherDisk), compare(otherPath)]).toEqual(['same', 'same']);
    expect(compare(otherDisk.replace(/path \w+/, 'path 0123456789abcdef'))).toBe('other');
    // Inodes of another disk mean nothing once a time has changed.
    const touched = text.replace(/(mark \d+) \d+/, '$1 77');
    expect([compare(touched), compare(touched.replace(/disk \d+/, 'disk 999999'))]).toEqual(['touched', 'other']);
    expect([compare('cluster 1'), compare(text.replace(/store \d+/, 'store 1'))]).toEqual(['other', 'other']);
  });
});

describe('a sweep obeys identity', () => {
  it('a copy of the store in the place of its home destroys no share, at its first start and later', async () => {
    const dir = await used();
    const saved = save(dir);
    putNew(saved, dir, '');
    expect(sharesIn(dir)).toHaveLength(1);
    await expectFrozen(dir);
    await more(dir);
    await expectFrozen(dir);
    expect(sharesIn(dir)).toHaveLength(1);
  });

  it('a file that a crash left is destroyed at the next start; one that was put back when the owner goes on', async () => {
    const dir = await used();
    const [file] = sharesIn(dir);
    const left = file!.replace(NAME, 'cd'.repeat(16));
    cpSync(join(`${dir}.shares`, file!), join(`${dir}.shares`, left));
    await expectWhole(dir);
    expect(sharesIn(dir)).toEqual([file]);
    const saved = save(dir);
    putNew(saved, dir, '');
    await expectFrozen(dir);
    expect(sharesIn(dir)).toEqual([file]);
    const { home } = await open(dir);
    await home.acceptRestore();
    home.close();
    expect(sharesIn(dir)).toEqual([]);
  });
});
