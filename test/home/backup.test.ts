/** A backup and the home that is made of it: what is in it, of which moment, and what it must not hold. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Claim } from '../../src/lib/protocol/action.ts';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import { filesIn } from '../../src/lib/home/journal-file.ts';
import type { HomeStore } from '../../src/lib/home/sql-store.ts';
import { without } from '../../src/lib/home/lost.ts';
import { havePostgres, startPostgres, type Cluster } from '../support/postgres.ts';
import { commitOf, nonceOf, tempDir, thing, things, write } from './fixture.ts';

const WORK = join(import.meta.dirname, 'children', 'work.ts');
const A: Claim = 'id:aa';
const B: Claim = 'id:bb';
const kinds = async () => [things];

let cluster: Cluster | undefined;
beforeAll(async () => void (cluster = havePostgres ? await startPostgres() : undefined));
afterAll(async () => cluster?.end());

async function home(store?: string, more: object = {}): Promise<Home & { words: string }> {
  const dir = join(tempDir(), 'home');
  const { mnemonic } = await initHome({ dir, network: 'regtest', ...(store !== undefined && { store }), ...more });
  return Object.assign(await openHome({ dir, kinds }), { words: mnemonic });
}
/** A home with a payment, and a backup of it. */
async function backedUp(): Promise<{ one: Awaited<ReturnType<typeof home>>; to: string }> {
  const one = await home();
  await pay(one, [A], 1);
  const to = join(tempDir(), 'backup');
  await one.backup(to, { seed: true });
  return { one, to };
}
/** Puts a row into the file that breaks what the schema says of it, which no read would notice. */
function breakRow(path: string): void {
  const db = new DatabaseSync(path, { defensive: false } as object);
  db.exec('CREATE TABLE beside (a); INSERT INTO beside VALUES (NULL)');
  db.exec(
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE beside (a NOT NULL)' WHERE name = 'beside'",
  );
  db.close();
}
const paidOf = async ({ store }: Home, claim: Claim) =>
  ((await store.load([claim])).found.get(claim)?.record as { paid: number } | undefined)?.paid;
async function pay({ store }: Pick<Home, 'store'>, claims: Claim[], paid: number): Promise<boolean> {
  const { found } = await store.load(claims);
  const writes = claims.map((claim) => {
    const rev = found.get(claim)?.rev ?? 0;
    return write(rev === 0 ? null : claim, rev, thing(claim, { paid, name: claim.slice(3).repeat(32) }));
  });
  return store.commit(commitOf({ writes }));
}
const made = (options: Parameters<typeof restoreHome>[0]) =>
  restoreHome(options).then(() => openHome({ dir: options.dir, kinds }));

const filesOf = ({ journalDir }: Home) => filesIn(journalDir);

const DATABASES = ['a SQLite file', ...(havePostgres ? ['PostgreSQL'] : [])];

describe.each(DATABASES)('of a home in %s', (database) => {
  const store = async () => (database === 'PostgreSQL' ? cluster!.database() : undefined);

  it('holds records, notes, replies and addresses, and no nonce nor a reply that showed one', async () => {
    const from = await home(await store());
    await pay(from, [A], 7);
    const reply = { text: '{"a":1}', exit: 0 as const, type: 't', row: 'r', stands: true, flags: '00', copies: [] };
    const nonce = nonceOf(A);
    await from.store.commit(commitOf({ key: 'shown', reply: { ...reply, text: nonce.pubnonce }, opens: [nonce] }));
    await from.store.commit(commitOf({ key: 'kept', reply, notes: [{ name: 'n', body: { b: 2 } }] }));
    const [address] = await from.store.fresh(1);
    await from.store.addAddresses([address!]);
    const to = join(tempDir(), 'backup');
    const said = await from.backup(to, { seed: true });
    expect(said).toMatchObject({ records: { thing: 1 }, open_nonces: 1, shares: 0, seed: 'plain' });
    expect(readdirSync(to).sort()).toEqual(['backup.json', 'seed', 'store.db']);
    expect(statSync(to).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(to)) {
      expect(statSync(join(to, file)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(to, file), 'latin1')).not.toContain(nonce.pubnonce);
    }
    const db = new DatabaseSync(join(to, 'store.db'));
    expect(db.prepare('SELECT count(*) AS n FROM nonce').get()).toEqual({ n: 0 });
    db.close();

    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    expect(again.restored).toBe(true);
    expect(again.id).toBe(from.id);
    expect(await paidOf(again, A)).toBe(7);
    expect(await again.store.reply('shown')).toBeUndefined();
    expect(await again.store.reply('kept')).toMatchObject({ text: '{"a":1}' });
    expect(await again.store.notes(['n'])).toEqual(new Map([['n', { b: 2 }]]));
    expect(await again.store.addresses()).toEqual(await from.store.addresses());
    expect(await again.store.commits()).toBeGreaterThan(await from.store.commits());
    from.close();
    again.close();
  });

  it('is of one moment, while another process commits', async () => {
    const from = await home(await store());
    await pay(from, [A, B], 1);
    const writer = spawn(process.execPath, [WORK, 'pair', from.dir, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(writer.stdout, 'data');
    const found: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const to = join(tempDir(), 'backup');
      await from.backup(to, { seed: false });
      const db = new DatabaseSync(join(to, 'store.db'));
      const rows = db.prepare('SELECT body, high_sat FROM record').all() as { body: string; high_sat: number }[];
      db.close();
      const sums = new Set(rows.map(({ body }) => (JSON.parse(body) as { paid: number }).paid));
      expect(rows).toHaveLength(2);
      expect(sums.size).toBe(1);
      found.push([...sums][0]!);
      await once(writer.stdout, 'data');
    }
    writer.kill('SIGKILL');
    expect(found.at(-1)).toBeGreaterThan(found[0]!);
    from.close();
  });

  // Records; a page has 500.
  it.each(database === 'PostgreSQL' ? [0] : [0, 499, 500, 501])(
    'has all of %i records, and so has the home that is made of it',
    async (count) => {
      const from = await home(await store());
      const names = Array.from({ length: count }, (_, i) => i.toString(16).padStart(64, '0'));
      const writes = names.map((name) => write(null, 0, thing(`id:${name}`, { name })));
      if (count > 0) await from.store.commit(commitOf({ writes }));
      const to = join(tempDir(), 'backup');
      expect((await from.backup(to, { seed: true })).records).toEqual(count > 0 ? { thing: count } : {});
      const url = await store();
      const again = await made({ from: to, dir: join(tempDir(), 'again'), ...(url !== undefined && { store: url }) });
      expect((await again.store.list()).map(({ name }) => name).sort()).toEqual(names);
      expect(await again.store.commits()).toBeGreaterThanOrEqual(await from.store.commits());
      for (const one of [from, again]) one.close();
    },
  );

  it.runIf(database !== 'PostgreSQL')(
    'has every record of an answer that stands, also where a page ends between them',
    async () => {
      const from = await home(await store());
      const writes = Array.from({ length: 300 }, (_, i) => write(null, 0, thing(`id:${i}`)));
      const reply = { ...commitOf().reply, stands: true };
      await from.store.commit(commitOf({ key: 'one', reply, writes }));
      const reads = await Promise.all(
        writes.map(async ({ claims: [claim] }) => ({
          claim: claim!,
          rev: (await from.store.load([claim!])).found.get(claim!)!.rev,
        })),
      );
      expect(await from.store.commit(commitOf({ key: 'two', reply, reads }))).toBe(true);
      const to = join(tempDir(), 'backup');
      await from.backup(to, { seed: true });
      from.close();
      const db = new DatabaseSync(join(to, 'store.db'));
      expect(db.prepare('SELECT reply, count(*) AS records FROM reply_of GROUP BY reply ORDER BY reply').all()).toEqual(
        [
          { reply: 'one', records: 300 },
          { reply: 'two', records: 300 },
        ],
      );
      db.close();
    },
  );

  it('goes into either database, and goes on counting there', async () => {
    const from = await home(await store());
    for (let i = 0; i < 3; i += 1) await pay(from, [`id:${i}${i}`], i);
    const to = join(tempDir(), 'backup');
    await from.backup(to, { seed: true });
    for (const target of DATABASES) {
      const at = target === 'PostgreSQL' ? await cluster!.database() : undefined;
      const again = await made({ from: to, dir: join(tempDir(), 'again'), ...(at !== undefined && { store: at }) });
      expect(again.restored).toBe(true);
      expect(await Promise.all([0, 1, 2].map((i) => paidOf(again, `id:${i}${i}`)))).toEqual([0, 1, 2]);
      await again.acceptRestore();
      expect(await pay(again, ['id:11'], 9)).toBe(true);
      expect(await pay(again, ['id:77'], 4)).toBe(true);
      expect(await again.store.list()).toHaveLength(4);
      again.close();
      const later = await openHome({ dir: again.dir, kinds });
      expect(later.restored).toBe(false);
      later.close();
    }
    from.close();
  });

  it('takes a home up to date from its journal alone', async () => {
    const from = await home(await store());
    await pay(from, [A], 3);
    const to = join(tempDir(), 'backup');
    await from.backup(to, { seed: true });
    await pay(from, [A], 5);
    await pay(from, [B], 8);
    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    const files = filesOf(from);
    const { outcomes } = await again.reconcile(files);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['added', 'raised']);
    expect([await paidOf(again, A), await paidOf(again, B)]).toEqual([5, 8]);
    expect(again.restored).toBe(false);
    const { outcomes: twice } = await again.reconcile(files);
    expect(twice.map(({ outcome }) => outcome)).toEqual(['same', 'same']);
    // Its own commits come after all that the lost store had.
    expect(await again.store.commits()).toBeGreaterThan(await from.store.commits());
    from.close();
    again.close();
  });
});

describe('that a home may repeat what a lost one has used', () => {
  it('is said of one that was restored, copied or made of its words, for good, and of no other', async () => {
    const { one, to } = await backedUp();
    expect(one.mayRepeat).toBe(false);
    const dirs = ['restored', 'copied', 'words'].map((name) => join(tempDir(), name)) as [string, string, string];
    await restoreHome({ from: to, dir: dirs[0] });
    cpSync(one.dir, dirs[1], { recursive: true });
    await initHome({ dir: dirs[2], network: 'regtest', mnemonic: one.words });
    for (const dir of dirs) {
      const again = await openHome({ dir, kinds });
      expect(again.mayRepeat).toBe(true);
      await again.acceptRestore();
      expect(again.mayRepeat).toBe(true);
      again.close();
      const later = await openHome({ dir, kinds });
      expect([later.restored, later.mayRepeat]).toEqual([false, true]);
      // Also where a healthy backup of it was made since.
      const next = join(tempDir(), 'next');
      await later.backup(next, { seed: true });
      later.close();
      const third = await made({ from: next, dir: join(tempDir(), 'third') });
      expect(third.mayRepeat).toBe(true);
      third.close();
    }
    one.close();
  });
});

describe('a backup', () => {
  it('covers nothing of the journal while its home has not got back what that knows', async () => {
    const from = await home();
    await pay(from, [A], 1);
    const to = join(tempDir(), 'backup');
    const { covered } = await from.backup(to, { seed: true });
    expect(covered).toHaveLength(1);
    await pay(from, [A], 2);
    from.close();
    const next = () => join(tempDir(), 'next');
    const again = await made({ from: to, dir: join(tempDir(), 'again'), journalDir: from.journalDir });
    expect(await again.backup(next(), { seed: true })).toMatchObject({ covered: [] });
    await again.reconcile(filesOf(again));
    expect((await again.backup(next(), { seed: true })).covered.length).toBeGreaterThan(1);
    again.close();
    const dir = join(tempDir(), 'words');
    await initHome({ dir, network: 'regtest', mnemonic: from.words, journalDir: from.journalDir });
    const words = await openHome({ dir, kinds });
    expect(await words.backup(next(), { seed: true })).toMatchObject({ covered: [] });
    // Nor once it has a record of its own.
    await pay(words, [B], 1);
    expect(await words.backup(next(), { seed: true })).toMatchObject({ covered: [] });
    await words.reconcile(filesOf(words));
    const { covered: all } = await words.backup(next(), { seed: true });
    expect(all).toHaveLength(filesOf(words).length);
    words.close();
  });

  it.each(['reconcile', 'accept'] as const)('covers no file that was not brought in: %s', async (way) => {
    const { one, to } = await backedUp();
    await pay(one, [A], 2);
    one.close();
    const files = filesOf(one).sort();
    const dir = join(tempDir(), 'again');
    await restoreHome({ from: to, dir, journalDir: one.journalDir });
    const again = await openHome({ dir, kinds });
    await (way === 'accept' ? again.acceptRestore() : again.reconcile([files[0]!]));
    await pay(again, [B], 1);
    const unread = way === 'accept' ? files : files.slice(1);
    const next = () => again.backup(join(tempDir(), 'next'), { seed: true });
    const stem = (file: string) => file.replace('.sealed', '');
    const { covered, unread: found } = await next();
    expect(found.map(stem).sort()).toEqual(unread.map(stem));
    expect(covered.map(stem)).not.toEqual(expect.arrayContaining([expect.stringContaining(stem(unread[0]!))]));
    covered.forEach((file) => rmSync(file));
    // One after another, they are all brought in.
    for (const [i, file] of found.entries())
      expect((await again.reconcile([file])).notGiven).toEqual(found.slice(i + 1));
    expect(await paidOf(again, A)).toBe(2);
    expect(await next()).toMatchObject({ unread: [] });
    again.close();
  });

  it('cannot say in which database the home that is made of it has its store', async () => {
    const from = await home();
    const to = join(tempDir(), 'backup');
    await from.backup(to, { seed: true });
    from.close();
    const path = join(to, 'backup.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), store: 'postgres://x.invalid/x' }));
    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    expect(readFileSync(join(again.dir, 'config.json'), 'utf8')).not.toContain('x.invalid');
    again.close();
  });

  it('is whole or not there, and never in place of something', async () => {
    const from = await home();
    const at = tempDir();
    writeFileSync(join(at, 'mine'), 'x');
    await expect(from.backup(at, { seed: true })).rejects.toMatchObject({ code: 'cannot-write' });
    await expect(from.backup(from.dir, { seed: true })).rejects.toMatchObject({ code: 'home-exists' });
    await expect(from.backup(join(from.dir, 'inside'), { seed: true })).rejects.toMatchObject({ code: 'cannot-write' });
    expect(readdirSync(from.dir)).not.toContain('inside');
    await from.backup(`${from.dir}.backup`, { seed: true });
    await expect(from.backup(join(at, 'mine', 'deep'), { seed: true })).rejects.toMatchObject({ code: 'cannot-write' });
    expect(readdirSync(at)).toEqual(['mine']);
    from.close();
  });

  it('is no home, and a home is no backup', async () => {
    const from = await home();
    const to = join(tempDir(), 'backup');
    await from.backup(to, { seed: true });
    await expect(openHome({ dir: to, kinds })).rejects.toMatchObject({
      code: 'no-home',
      hint: expect.stringContaining('restore --from') as string,
    });
    const dir = join(tempDir(), 'again');
    for (const other of [from.dir, join(tempDir(), 'nothing')])
      await expect(restoreHome({ from: other, dir })).rejects.toMatchObject({
        code: 'no-home',
        hint: expect.stringContaining('spillway backup') as string, // and not how to make a home there
      });
    await expect(restoreHome({ from: to, dir: from.dir })).rejects.toMatchObject({ code: 'home-exists' });
    expect(existsSync(dir)).toBe(false);
    from.close();
  });

  it('without the seed comes back with the words of its home, and with no others', async () => {
    const from = await home();
    const to = join(tempDir(), 'backup');
    expect(await from.backup(to, { seed: false })).toMatchObject({ seed: 'left-out' });
    const dir = join(tempDir(), 'again');
    await expect(restoreHome({ from: to, dir })).rejects.toMatchObject({ code: 'usage' });
    const other = await home();
    await expect(restoreHome({ from: to, dir, mnemonic: other.words })).rejects.toMatchObject({ code: 'wrong-seed' });
    const again = await made({ from: to, dir, mnemonic: from.words });
    expect((await again.keys()).account()).toEqual((await from.keys()).account());
    for (const one of [from, other, again]) one.close();
  });

  it('that is damaged, or newer than the program, makes no home', async () => {
    const from = await home();
    const dir = join(tempDir(), 'again');
    const newer = join(tempDir(), 'backup');
    await from.backup(newer, { seed: true });
    const db = new DatabaseSync(join(newer, 'store.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    await expect(restoreHome({ from: newer, dir })).rejects.toMatchObject({ code: 'store-newer' });
    const damaged = join(tempDir(), 'backup');
    await from.backup(damaged, { seed: true });
    writeFileSync(join(damaged, 'store.db'), 'no database');
    await expect(restoreHome({ from: damaged, dir })).rejects.toMatchObject({ code: 'store-damaged' });
    rmSync(join(damaged, 'store.db'));
    await expect(restoreHome({ from: damaged, dir })).rejects.toMatchObject({ code: 'store-damaged' });
    expect(existsSync(dir)).toBe(false);
    from.close();
  });

  it('that can be read and is not whole makes no home', async () => {
    const { one, to } = await backedUp();
    one.close();
    breakRow(join(to, 'store.db'));
    const dir = join(tempDir(), 'again');
    const before = readFileSync(join(to, 'store.db'));
    await expect(restoreHome({ from: to, dir })).rejects.toMatchObject({
      code: 'store-damaged',
      message: expect.stringContaining('NULL'),
    });
    expect(existsSync(dir)).toBe(false);
    expect(readFileSync(join(to, 'store.db')).equals(before)).toBe(true);
  });

  it('that its disk did not keep as it was written is not left there', async () => {
    const one = await home();
    await pay(one, [A], 1);
    const parent = tempDir();
    const store = one.store as unknown as HomeStore;
    const snapshot = store.snapshot.bind(store);
    store.snapshot = async (work) => {
      const taken = await snapshot(work);
      const [made] = readdirSync(parent);
      breakRow(join(parent, made!, 'store.db'));
      return taken;
    };
    const before = await one.store.commits();
    await expect(one.backup(join(parent, 'backup'), { seed: true })).rejects.toMatchObject({
      code: 'store-damaged',
      message: expect.stringContaining('NULL'),
    });
    expect(readdirSync(parent)).toEqual([]);
    expect(await one.store.commits()).toEqual(before);
    store.snapshot = snapshot;
    await one.backup(join(parent, 'backup'), { seed: true });
    one.close();
  });
});

describe('reconcile', () => {
  it('is refused to a home that lost nothing', async () => {
    const one = await home();
    await pay(one, [A], 1);
    const files = filesOf(one);
    await expect(one.reconcile(files)).rejects.toMatchObject({ code: 'nothing-to-reconcile' });
    one.close();
  });

  it('is taken by a home that was made of its words and used since, which keeps what it has', async () => {
    const one = await home();
    await pay(one, [A], 5);
    one.close();
    const dir = join(tempDir(), 'words');
    await initHome({ dir, network: 'regtest', mnemonic: one.words });
    const again = await openHome({ dir, kinds });
    expect(again.restored).toBe(false);
    await pay(again, [B], 2);
    const nonce = nonceOf(B);
    await again.store.commit(commitOf({ key: 'open', opens: [nonce] }));
    const files = filesOf(one);
    expect((await again.reconcile(files)).outcomes.map(({ outcome }) => outcome)).toEqual(['added']);
    expect([await paidOf(again, A), await paidOf(again, B), again.restored]).toEqual([5, 2, false]);
    expect((await again.store.load([B])).nonces).toHaveLength(1);
    expect(await again.store.reply('open')).toBeDefined();
    again.close();
  });

  it('goes on where it was interrupted, in a home that was made again of its words', async () => {
    const one = await home();
    await pay(one, [A], 1);
    await pay(one, [B], 2);
    one.close();
    const dir = join(tempDir(), 'words');
    await initHome({ dir, network: 'regtest', mnemonic: one.words });
    let commits = 0;
    const point = (label: string): void => {
      if (label === 'before-journal' && (commits += 1) === 1) throw new Error('the machine stops');
    };
    const files = filesOf(one);
    const first = await openHome({ dir, kinds, point });
    await expect(first.reconcile(files)).rejects.toThrow('the machine stops');
    expect(await first.store.list()).toHaveLength(1);
    first.close();
    const again = await openHome({ dir, kinds });
    expect(again.restored).toBe(true);
    await again.reconcile(files);
    expect([await paidOf(again, A), await paidOf(again, B), again.restored]).toEqual([1, 2, false]);
    again.close();
  });

  it('tells what the store has left for good, and the journal has not', async () => {
    const { one, to } = await backedUp();
    await pay(one, [A], 2);
    await pay(one, [B], 3);
    one.close();
    const left: typeof things = { ...things, merged: (mine, other) => (mine.state === 'left' ? other : mine) };
    const dir = join(tempDir(), 'again');
    await restoreHome({ from: to, dir });
    const again = await openHome({ dir, kinds: async () => [left] });
    const { found } = await again.store.load([A]);
    const gone = thing(A, { state: 'left', paid: 1, name: 'aa'.repeat(32) });
    await again.store.commit(commitOf({ writes: [write(A, found.get(A)!.rev, gone)] }));
    const files = filesOf(one);
    const { outcomes } = await again.reconcile(files);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['added', 'conflict']);
    again.close();
  });

  it('is done by two runs at once', async () => {
    const one = await home();
    const to = join(tempDir(), 'backup');
    await one.backup(to, { seed: true });
    for (let i = 10; i < 40; i += 1) {
      await pay(one, [`id:${i}`], i);
      await one.store.commit(commitOf({ notes: [{ name: `n${i}`, body: { i } }] }));
    }
    one.close();
    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    const other = await openHome({ dir: again.dir, kinds });
    const files = filesOf(one);
    const done = await Promise.all([again.reconcile(files), other.reconcile(files)]);
    expect(done.flatMap(({ outcomes }) => outcomes).filter(({ outcome }) => outcome === 'conflict')).toEqual([]);
    expect((await again.store.notes(Array.from({ length: 30 }, (_, i) => `n${i + 10}`))).size).toBe(30);
    again.close();
    other.close();
  });

  it('is refused the journal of a home of the same words on another network, which no backup covers', async () => {
    const one = await home();
    await pay(one, [A], 1);
    const dir = join(tempDir(), 'other');
    const { words: mnemonic, journalDir } = one;
    await initHome({ dir, network: 'signet', mnemonic, journalDir });
    const other = await openHome({ dir, kinds });
    const files = filesOf(one);
    await expect(other.reconcile(files)).rejects.toMatchObject({ code: 'journal-foreign' });
    await other.acceptRestore();
    await pay(other, [B], 1);
    const { covered } = await other.backup(join(tempDir(), 'backup'), { seed: true });
    expect(covered).toHaveLength(1);
    expect(files).not.toContain(covered[0]!.replace('.sealed', ''));
    one.close();
    other.close();
  });

  it('names the files of the journal that were not given', async () => {
    const { one, to } = await backedUp();
    await pay(one, [A], 2);
    one.close();
    const files = filesOf(one).sort();
    expect(files.length).toBeGreaterThan(1);
    const dir = join(tempDir(), 'again');
    await restoreHome({ from: to, dir, journalDir: one.journalDir });
    const again = await openHome({ dir, kinds });
    expect((await again.reconcile(files.slice(1))).notGiven).toEqual([files[0]]);
    expect((await again.reconcile(filesOf(one))).notGiven).toEqual([]);
    again.close();
  });

  it('knows a file by its folder and its name, whatever the folder is called, and though a backup seals it meanwhile', () => {
    const [dir, elsewhere] = [tempDir(), tempDir()];
    const link = join(elsewhere, 'link');
    symlinkSync(dir, link);
    const files = [join(dir, 'x.sealed.journal'), join(dir, 'y.journal')];
    const given = [join(link, 'x.journal'), join(elsewhere, 'y.journal'), join(dir, 'y.cut.journal')];
    expect(without(files, given)).toEqual([files[1]]);
  });

  it('changes nothing where one file is altered or foreign', async () => {
    const { one, to } = await backedUp();
    await pay(one, [A], 2);
    one.close();
    const other = await home();
    await pay(other, [B], 1);
    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    await expect(again.reconcile([...filesOf(one), ...filesOf(other)])).rejects.toMatchObject({
      code: 'journal-foreign',
    });
    const [file] = filesOf(one);
    const text = readFileSync(file!, 'utf8');
    const altered = join(tempDir(), 'altered.journal');
    writeFileSync(altered, text.slice(0, -10) + (text.at(-10) === 'A' ? 'B' : 'A') + text.slice(-9));
    await expect(again.reconcile([file!, altered])).rejects.toMatchObject({ code: 'journal-altered' });
    expect(await paidOf(again, A)).toBe(1);
    expect(again.restored).toBe(true);
    again.close();
    other.close();
  });

  it('hands a claim from one record to another, whichever of them the journal has first', async () => {
    const one = await home();
    const [c, d] = ['id:cc', 'id:dd'] as const;
    const put = (dir: string, more: object, claim: Claim, paid: number) =>
      openHome({ dir, kinds }).then(async (each) => {
        const rev = (await each.store.load([claim])).found.get(claim)?.rev ?? 0;
        const record = thing(claim, { name: claim.slice(3).repeat(32), paid, ...more });
        await each.store.commit(commitOf({ writes: [write(rev ? claim : null, rev, record)] }));
        each.close();
      });
    await put(one.dir, {}, c, 1);
    await put(one.dir, { claims: [d, 'coin:1:0'] }, d, 1);
    const to = join(tempDir(), 'backup');
    await one.backup(to, { seed: true });
    const before = new Set(filesOf(one));
    await put(one.dir, { claims: [d] }, d, 2);
    await put(one.dir, { claims: [c, 'coin:1:0'] }, c, 2);
    one.close();
    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    const files = filesOf(one).filter((file) => !before.has(file));
    const { outcomes } = await again.reconcile(files.sort().reverse());
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['raised', 'raised']);
    expect(await paidOf(again, 'coin:1:0')).toBe(2);
    again.close();
  });

  it('keeps its own record where the journal has another one in its place', async () => {
    const { one, to } = await backedUp();
    await one.store.commit(
      commitOf({ writes: [write(null, 0, thing('key:x', { name: '11'.repeat(32), claims: ['key:x', 'coin:1:0'] }))] }),
    );
    one.close();
    const again = await made({ from: to, dir: join(tempDir(), 'again') });
    await again.store.commit(
      commitOf({ writes: [write(null, 0, thing('key:y', { name: '22'.repeat(32), claims: ['key:y', 'coin:1:0'] }))] }),
    );
    const files = filesOf(one);
    const { outcomes } = await again.reconcile(files);
    expect(outcomes.find(({ name }) => name === '11'.repeat(32))).toMatchObject({ outcome: 'conflict' });
    again.close();
  });
});

/** A disk of so many kilobytes, where this user may mount one. */
function smallDisk(kb: number): string | undefined {
  const at = tempDir();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kb}k`, 'tmpfs', at]);
  return status === 0 ? at : undefined;
}
const leave = (at: string) => spawnSync('umount', [at]);
const probe = smallDisk(64);
if (probe === undefined) process.stderr.write('no disk can be mounted here: backups to a full one are not tested\n');
else leave(probe);

it.runIf(probe !== undefined)('a backup to a disk that is too small is refused, or it is whole', async () => {
  const from = await home();
  for (let i = 0; i < 8; i += 1) {
    const writes = Array.from({ length: 100 }, (_, n) => {
      const name = (i * 100 + n).toString(16).padStart(64, '0');
      return write(null, 0, { ...thing(`id:${name}`, { name }), pad: 'x'.repeat(500) } as never);
    });
    expect(await from.store.commit(commitOf({ writes }))).toBe(true);
  }
  const said = new Set<string>();
  for (let kb = 400; kb <= 4_000; kb += 300) {
    const disk = smallDisk(kb)!;
    try {
      const to = join(disk, 'backup');
      const made = await from.backup(to, { seed: false }).catch((error: { code: string }) => error.code);
      said.add(typeof made === 'string' ? made : 'whole');
      if (typeof made === 'string') continue;
      const dir = join(tempDir(), 'again');
      await restoreHome({ from: to, dir, mnemonic: from.words });
      const again = await openHome({ dir, kinds: async () => [things] });
      expect((await again.store.list()).length).toBe(800);
      again.close();
    } finally {
      leave(disk);
    }
  }
  from.close();
  expect([...said].sort()).toEqual(['cannot-write', 'whole']);
});
