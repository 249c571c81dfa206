/** Which of two versions of a record counts, and the addresses that a commit used which died before its line. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { change } from '../../src/lib/home/change.ts';
import type { Database } from '../../src/lib/home/database.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import { filesIn } from '../../src/lib/home/journal-file.ts';
import { HomeStore } from '../../src/lib/home/sql-store.ts';
import type { Claim, Kind, WalletPath } from '../../src/lib/protocol/action.ts';
import { commitOf, tempDir, thing, things, write, type Thing } from './fixture.ts';

/** Keeps what was written last, beside sums that say nothing of it. */
const bound = { ...things, restored: (record: Thing) => record };
const open = (dir: string, point?: (label: string) => void) => openHome({ dir, kinds: async () => [bound], point });
async function made(): Promise<Home> {
  const dir = join(tempDir(), 'home');
  await initHome({ dir, network: 'regtest' });
  return open(dir);
}
async function put(home: Home, state: string): Promise<void> {
  const rev = (await home.store.load(['id:a'])).found.get('id:a')?.rev ?? 0;
  const record = thing('id:a', { paid: 5, state });
  await home.store.commit(commitOf({ writes: [write(rev === 0 ? null : 'id:a', rev, record)] }));
}
const stateOf = async (home: Home) => ((await home.store.load(['id:a'])).found.get('id:a')!.record as Thing).state;
const journalOf = ({ journalDir }: Home): string[] => filesIn(journalDir);
/** A backup of the home, made into a home once `since` has gone on; the first is closed then. */
async function restoredBefore(
  home: Home,
  since: () => Promise<unknown>,
  { reopen = open, dir = join(tempDir(), 'again') } = {},
): Promise<Home> {
  const backup = join(tempDir(), 'backup');
  await home.backup(backup, { seed: true });
  await since();
  home.close();
  rmSync(dir, { recursive: true, force: true });
  await restoreHome({ from: backup, dir });
  return reopen(dir);
}
/** The same in the home's old place, where the tides know how far it had come. */
const putBack = (home: Home, since: () => Promise<unknown>): Promise<Home> =>
  restoredBefore(home, since, { dir: home.dir });

it('what a newer program has written to the journal is brought in by none: store-newer', async () => {
  const home = await made();
  await put(home, 'first');
  const again = await restoredBefore(home, () =>
    home.store.commit(commitOf({ writes: [{ ...write(null, 0, thing('id:b')), kind: 'future' }] })),
  );
  const before = [await again.store.list(), await again.store.commits(), again.restored];
  await expect(again.reconcile(journalOf(home))).rejects.toMatchObject({ code: 'store-newer' });
  expect([await again.store.list(), await again.store.commits(), again.restored]).toEqual(before);
  again.close();
});

it('a journal says how far it goes by its lines, not by its header, which no key covers', async () => {
  const home = await made();
  await put(home, 'first');
  let commits = 0;
  const again = await restoredBefore(home, async () => {
    await put(home, 'second');
    commits = await home.store.commits();
  });
  const files = journalOf(home);
  for (const file of files) {
    const text = readFileSync(file, 'latin1');
    writeFileSync(file, text.replace('"home":', '"last":"00000000000000000999","home":'), 'latin1');
  }
  const { gathered } = await again.reconcile(files);
  expect(gathered.newest.commit).toBe(commits);
  expect(await stateOf(again)).toBe('second');
  again.close();
});

it('with a cut journal no contract goes on as if nothing were missing: journal-incomplete', async () => {
  const home = await made();
  await put(home, 'first');
  const again = await putBack(home, async () => {
    for (const state of ['second', 'third']) await put(home, state);
  });
  const [file] = journalOf(home).filter((path) => !path.endsWith('.sealed.journal'));
  const whole = readFileSync(file!, 'latin1');
  const lines = whole.split('\n');
  for (const text of [whole.slice(0, -9), `${lines.slice(0, 2).join('\n')}\n`]) {
    writeFileSync(file!, text, 'latin1');
    await expect(again.reconcile(journalOf(home), { complete: true })).rejects.toMatchObject({
      code: 'journal-incomplete',
    });
  }
  writeFileSync(file!, whole, 'latin1');
  expect((await again.reconcile(journalOf(home), { complete: true })).gathered.cut).toEqual([]);
  expect(await stateOf(again)).toBe('third');
  again.close();
});

it('nor where nothing but the cut itself says that its end is missing', async () => {
  const home = await made();
  await put(home, 'first');
  const again = await putBack(home, async () => {
    for (const state of ['second', 'third']) await put(home, state);
    for (const dir of [home.refundsDir, home.journalDir])
      for (const name of readdirSync(dir)) if (name.startsWith('.tide')) rmSync(join(dir, name));
  });
  const [file] = journalOf(home).filter((path) => !path.endsWith('.sealed.journal'));
  writeFileSync(file!, readFileSync(file!, 'latin1').slice(0, -9), 'latin1');
  await expect(again.reconcile(journalOf(home), { complete: true })).rejects.toMatchObject({
    code: 'journal-incomplete',
  });
  again.close();
});

it('a journal that ends with a commit of no record is whole', async () => {
  const home = await made();
  await put(home, 'first');
  const again = await putBack(home, async () => {
    await put(home, 'second');
    await home.store.commit(commitOf({ key: 'ab'.repeat(32) }));
  });
  expect((await again.reconcile(journalOf(home), { complete: true })).completed).toBeDefined();
  expect(await stateOf(again)).toBe('second');
  again.close();
});

describe('of two versions with equal sums', () => {
  it("the newer counts, whatever file it is in and in whatever order they are given; then the store's own", async () => {
    const home = await made();
    await put(home, 'first');
    const backup = join(tempDir(), 'backup');
    await home.backup(backup, { seed: true });
    await put(home, 'second');
    home.close();
    const later = await open(home.dir);
    await put(later, 'third');
    later.close();
    const files = journalOf(home);
    for (const order of [files, files.toReversed()]) {
      const dir = join(tempDir(), 'again');
      await restoreHome({ from: backup, dir });
      const again = await open(dir);
      expect((await again.reconcile(order)).outcomes.map(({ outcome }) => outcome)).toEqual(['raised']);
      expect(await stateOf(again)).toBe('third');
      expect((await again.reconcile(order)).outcomes.map(({ outcome }) => outcome)).toEqual(['same']);
      await put(again, 'fourth');
      expect((await again.reconcile(order)).outcomes.map(({ outcome }) => outcome)).toEqual(['same']);
      expect(await stateOf(again)).toBe('fourth');
      again.close();
    }
  });

  it('a journal that ends before the backup takes nothing back', async () => {
    const home = await made();
    await put(home, 'first');
    home.close();
    const files = journalOf(home);
    const later = await open(home.dir);
    await put(later, 'second');
    const backup = join(tempDir(), 'backup');
    await later.backup(backup, { seed: true });
    later.close();
    const dir = join(tempDir(), 'again');
    await restoreHome({ from: backup, dir });
    const again = await open(dir);
    const sealed = files.map((file) => file.replace('.journal/', '.journal/').replace(/\.journal$/, '.sealed.journal'));
    expect((await again.reconcile(sealed)).outcomes.map(({ outcome }) => outcome)).toEqual(['same']);
    expect(await stateOf(again)).toBe('second');
    again.close();
  });
});

describe('records that belong together end together', () => {
  /** What is rolling holds the next one. */
  const kind: Kind<Thing> = {
    ...bound,
    holds: (record) => (record.state === 'rolling' ? [{ claim: 'id:b', kind }] : []),
    released: (record) => ({ ...record, state: 'ended', claims: [record.claims[0]!] }),
  };
  const openIt = (dir: string) => openHome({ dir, kinds: async () => [kind] });
  const next = thing('id:b', { claims: ['id:b', 'coin:aa:0'], name: 'bb'.repeat(32) });
  const bOf = async (home: Home) => (await home.store.load(['id:b'])).found.get('id:b')!.record as Thing;

  it('where the journal says that one has let go of the other, and has no word of that one', async () => {
    const home = await made();
    const holder = thing('id:a', { state: 'rolling' });
    await home.store.commit(commitOf({ writes: [write(null, 0, holder), write(null, 0, next)] }));
    const again = await restoredBefore(home, () => put(home, 'closed'), { reopen: openIt });
    expect((await again.reconcile(journalOf(home))).outcomes[0]).toMatchObject({ outcome: 'raised' });
    expect(await stateOf(again)).toBe('closed');
    expect(await bOf(again)).toMatchObject({ state: 'ended' });
    const { found } = await again.store.load(['id:a', 'id:b', 'coin:aa:0']);
    expect(found.has('coin:aa:0')).toBe(false);
    expect(found.get('id:b')!.rev).toBe(found.get('id:a')!.rev);
    again.close();
  });

  it('with what the other held in turn', async () => {
    const chain: Kind<Thing> = {
      ...bound,
      holds: ({ state }) => (state.startsWith('id:') ? [{ claim: state as Claim, kind: chain }] : []),
      released: (record) => ({ ...record, state: 'ended', claims: [record.claims[0]!] }),
    };
    const home = await made();
    const third = thing('id:c', { claims: ['id:c', 'coin:bb:0'] });
    const records = [thing('id:a', { state: 'id:b' }), thing('id:b', { state: 'id:c' }), third];
    await home.store.commit(commitOf({ writes: records.map((record) => write(null, 0, record)) }));
    const find = () => ({ it: 'id:a' as const });
    const take = ({ it }: { it?: Thing }) => ({ writes: { it: { ...it!, state: 'closed' } }, result: undefined });
    await change<{ it: Thing }, undefined>(home.store, { it: chain }, find, take);
    const { found } = await home.store.load(['id:a', 'id:b', 'id:c', 'coin:bb:0']);
    expect([...found.values()].map(({ record }) => (record as Thing).state)).toEqual(['closed', 'ended', 'ended']);
    expect(new Set([...found.values()].map(({ rev }) => rev)).size).toBe(1);
    home.close();
  });

  it('where the journal alone knows both', async () => {
    const home = await made();
    const backup = join(tempDir(), 'backup');
    await home.backup(backup, { seed: true });
    const holder = thing('id:a', { state: 'rolling', paid: 5 });
    await home.store.commit(commitOf({ writes: [write(null, 0, holder), write(null, 0, next)] }));
    await put(home, 'closed');
    home.close();
    const dir = join(tempDir(), 'again');
    await restoreHome({ from: backup, dir });
    const again = await openIt(dir);
    await again.reconcile(journalOf(home));
    expect(await stateOf(again)).toBe('closed');
    expect(await bOf(again)).toMatchObject({ state: 'ended' });
    again.close();
  });
});

describe('an address of a commit that died before its line', () => {
  it('is in the journal with what its repeated reply shows, and never handed out again', async () => {
    const dir = (await made().then((home) => (home.close(), home))).dir;
    const first = await open(dir);
    const backup = join(tempDir(), 'backup');
    await first.backup(backup, { seed: true });
    first.close();
    const dying = await open(dir, (label) => {
      if (label === 'before-journal') throw new Error('the machine stops');
    });
    const addresses = await dying.store.fresh(1);
    await expect(dying.store.commit(commitOf({ key: 'k', addresses }))).rejects.toThrow('the machine stops');
    dying.close();
    const repeating = await open(dir);
    await repeating.store.recall((await repeating.store.reply('k'))!);
    repeating.close();
    const again = join(tempDir(), 'again');
    await restoreHome({ from: backup, dir: again });
    const restored = await open(again);
    await restored.reconcile(journalOf(first));
    expect((await restored.store.addresses()).map(({ address }) => address)).toEqual([addresses[0]!.address]);
    expect((await restored.store.fresh(1))[0]!.index).toBe(addresses[0]!.index + 1);
    restored.close();
  });

  it('is marked as used with those after it that are known', async () => {
    const home = await made();
    const backup = join(tempDir(), 'backup');
    await home.backup(backup, { seed: true });
    const dying = await open(home.dir, (label) => {
      if (label === 'before-journal') throw new Error('the machine stops');
    });
    await expect(dying.store.commit(commitOf({ key: 'k', addresses: await dying.store.fresh(1) }))).rejects.toThrow();
    dying.close();
    await home.store.commit(commitOf({ key: 'l', addresses: await home.store.fresh(1) }));
    home.close();
    const dir = join(tempDir(), 'again');
    await restoreHome({ from: backup, dir });
    const again = await open(dir);
    await again.reconcile(journalOf(home));
    expect((await again.store.addresses()).map(({ index }) => index)).toEqual([0, 1]);
    again.close();
  });
});

describe('a race that the database calls lost', () => {
  const paths: WalletPath[] = [{ chain: 0, index: 3 }];
  /** It loses so many races, and has every address from then on. */
  const losing = (races: number) => {
    let asked = 0;
    const write = async (): Promise<any> => ((asked += 1) <= races ? false : 7);
    const database = {
      counter: {},
      read: write,
      ask: write,
      write,
      check: async () => {},
      close() {},
    } as unknown as Database;
    const secrets = async () => ({
      storeKey: new Uint8Array(32),
      address: async () => ({ address: 'x', script: '51' }),
    });
    return { store: new HomeStore(database, { secrets }), asked: () => asked };
  };

  it('is tried again, and never taken for addresses that are there', async () => {
    const { store, asked } = losing(3);
    await store.addAddresses(paths);
    expect(asked()).toBe(4);
  });

  it('that is lost again and again is refused', async () => {
    await expect(losing(99).store.addAddresses(paths)).rejects.toMatchObject({ code: 'concurrent' });
  });
});
