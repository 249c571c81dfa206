/** Homes: made whole or not at all, opened, refused where something about them is wrong. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { initHome, openHome, type OpenHomeOptions } from '../../src/lib/home/home.ts';
import { commitOf, tempDir, thing, things, write } from './fixture.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const SEED = new Uint8Array(32).fill(7);
const kinds = async () => [things];
const open = (dir: string, more: Partial<OpenHomeOptions> = {}) => openHome({ dir, kinds, ...more });

describe('initHome', () => {
  it('makes a private directory, and nothing beside it', async () => {
    const at = tempDir();
    const dir = join(at, 'deep', 'home');
    const { id, mnemonic } = await initHome({ dir, network: 'regtest' });
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(mnemonic.split(' ')).toHaveLength(24);
    expect(readdirSync(dir).sort()).toEqual(['config.json', 'identity', 'seed', 'store.db']);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(dir)) expect(statSync(join(dir, file)).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(at, 'deep'))).toEqual(['home']);
    expect(JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))).toEqual({
      version: 1,
      network: 'regtest',
      journal_key: expect.stringMatching(/^[0-9a-f]{64}$/),
      id,
      insecure: false,
    });
  });

  it('takes an empty directory, refuses any other and every home', async () => {
    const dir = tempDir();
    await initHome({ dir, network: 'signet' });
    await expect(initHome({ dir, network: 'signet' })).rejects.toMatchObject({ code: 'home-exists', exit: 73 });
    const other = tempDir();
    writeFileSync(join(other, 'file'), '');
    await expect(initHome({ dir: other, network: 'signet' })).rejects.toMatchObject({ code: 'cannot-write' });
    await expect(initHome({ dir: join(other, 'file'), network: 'signet' })).rejects.toMatchObject({
      code: 'cannot-write',
    });
    await expect(initHome({ dir: join(other, 'file', 'home'), network: 'signet' })).rejects.toMatchObject({
      code: 'cannot-write',
    });
    expect(readdirSync(other)).toEqual(['file']);
  });

  it('leaves nothing half-made', async () => {
    const at = tempDir();
    const dir = join(at, 'home');
    await expect(initHome({ dir, network: 'regtest', mnemonic: 'no such words' })).rejects.toMatchObject({
      code: 'malformed',
    });
    await expect(initHome({ dir, network: 'moon' })).rejects.toMatchObject({ code: 'usage' });
    symlinkSync(join(at, 'nowhere'), dir);
    await expect(initHome({ dir, network: 'regtest' })).rejects.toMatchObject({ code: 'cannot-write' });
    expect(readdirSync(at)).toEqual(['home']);
  });

  it('two at once make one home', async () => {
    const dir = join(tempDir(), 'home');
    const made = await Promise.allSettled([1, 2, 3].map(() => initHome({ dir, network: 'regtest' })));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const { reason } of made.filter((one) => one.status === 'rejected'))
      expect(reason).toMatchObject({ code: 'home-exists' });
    (await open(dir)).close();
  });

  it('restores keys from words', async () => {
    const dir = join(tempDir(), 'home');
    expect(await initHome({ dir, network: 'mainnet', mnemonic: ` ${WORDS}\n` })).toMatchObject({ mnemonic: WORDS });
    const home = await open(dir);
    expect((await home.store.fresh(1))[0]!.address).toBe(
      'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr',
    );
    home.close();
  });
});

describe('openHome', () => {
  it('refuses what is no home, with the command that makes one', async () => {
    const dir = tempDir();
    await expect(open(dir)).rejects.toMatchObject({
      code: 'no-home',
      exit: 66,
      hint: `spillway init --home ${dir} --network regtest`,
    });
    await expect(open(join(dir, 'none'))).rejects.toMatchObject({ code: 'no-home' });
  });

  it('refuses a home that others can read', async () => {
    for (const [file, mode] of [
      ['', 0o750],
      ['seed', 0o604],
      ['store.db', 0o660],
    ] as const) {
      const dir = join(tempDir(), 'home');
      await initHome({ dir, network: 'regtest' });
      chmodSync(join(dir, file), mode);
      await expect(open(dir)).rejects.toMatchObject({
        code: 'secret-exposed',
        exit: 77,
        message: expect.stringContaining(join(dir, file)),
      });
    }
  });

  it('refuses the seed of another home', async () => {
    const [dir, other] = [join(tempDir(), 'home'), join(tempDir(), 'home')];
    for (const one of [dir, other]) await initHome({ dir: one, network: 'regtest' });
    writeFileSync(join(dir, 'seed'), readFileSync(join(other, 'seed')));
    const home = await open(dir);
    await expect(home.keys()).rejects.toMatchObject({ code: 'wrong-seed', exit: 77 });
    await expect(home.store.fresh(1)).rejects.toMatchObject({ code: 'wrong-seed' });
    home.close();
  });

  it('refuses a configuration that is newer or damaged', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const path = join(dir, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8'));
    for (const text of [
      '{',
      '{}',
      JSON.stringify({ ...config, version: '1' }),
      JSON.stringify({ ...config, id: '../x' }),
      JSON.stringify({ ...config, journal_key: 'ab' }),
      JSON.stringify({ ...config, journal_key: undefined }),
      JSON.stringify({ ...config, journal: ['x'] }),
    ]) {
      writeFileSync(path, text);
      await expect(open(dir)).rejects.toMatchObject({ code: 'store-damaged' });
    }
    writeFileSync(path, JSON.stringify({ ...config, version: 2 }));
    await expect(open(dir)).rejects.toMatchObject({ code: 'store-newer' });
  });

  it('refuses one that cannot be read, or has lost its store, and makes none in its place', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const [path, kept] = [join(dir, 'config.json'), join(dir, 'kept')];
    renameSync(path, kept);
    mkdirSync(path);
    await expect(open(dir)).rejects.toMatchObject({ code: 'no-input', message: expect.stringContaining(path) });
    rmdirSync(path);
    await expect(open(dir)).rejects.toMatchObject({ code: 'no-home' });
    renameSync(kept, path);
    rmSync(join(dir, 'store.db'));
    await expect(open(dir)).rejects.toMatchObject({ code: 'store-damaged', message: /no store\.db/ });
    expect(existsSync(join(dir, 'store.db'))).toBe(false);
  });

  it('needs the passphrase for keys only, and takes another after a wrong one', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest', passphrase: 'right' });
    const given = ['wrong', 'right'];
    const home = await open(dir, { passphrase: async () => given.shift()! });
    await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:aa'))] }));
    expect(await home.store.list()).toHaveLength(1);
    expect(given).toHaveLength(2);
    await expect(home.keys()).rejects.toMatchObject({ code: 'wrong-passphrase' });
    expect(await home.keys()).toBe(await home.keys());
    home.close();
  });

  it('keeps copies beside itself, or where the home or the call says', async () => {
    const at = tempDir();
    const copies = [{ name: 'refund-aa', body: { psbt: 'x' } }];
    const [dir, named] = [join(at, 'home'), join(at, 'named')];
    await initHome({ dir, network: 'regtest' });
    await initHome({ dir: named, network: 'regtest', refundsDir: join(at, 'kept') });
    for (const [options, expected] of [
      [{ dir }, join(at, 'home.refunds')],
      [{ dir: named }, join(at, 'kept')],
      [{ dir: named, refundsDir: join(at, 'told') }, join(at, 'told')],
    ] as const) {
      const home = await open(options.dir, options);
      await home.copy(copies);
      expect(home.refundsDir).toBe(expected);
      expect(existsSync(join(expected, 'refund-aa.json'))).toBe(true);
      expect(home.copies().copies).toEqual(copies);
      home.close();
    }
  });

  it('finds folders that its configuration names by a relative path from the home, wherever it is run', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const path = join(dir, 'config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, refunds: '../kept', journal: '../lines' }));
    const home = await open(dir);
    expect([home.refundsDir, home.journalDir]).toEqual([join(dir, '../kept'), join(dir, '../lines')]);
    home.close();
  });

  it('refuses to work without a folder for refunds that it can use', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const refunds = `${dir}.refunds`;
    writeFileSync(refunds, '');
    await expect(open(dir)).rejects.toMatchObject({ code: 'cannot-write' });
    unlinkSync(refunds);
    const home = await open(dir, { refundsDir: `${dir}.else` });
    writeFileSync(refunds, '');
    await expect(home.store.commit(commitOf({ key: 'k' }))).rejects.toMatchObject({
      code: 'cannot-write',
      exit: 73,
      hint: expect.stringContaining('config.json'),
    });
    expect(await home.store.commits()).toBe(0);
    unlinkSync(refunds);
    expect(await home.store.commit(commitOf({ key: 'k' }))).toBe(true);
    home.close();
  });
});

describe('insecure homes', () => {
  it('are for regtest, and for the seed alone', async () => {
    const at = tempDir();
    for (const network of ['mainnet', 'testnet', 'testnet4', 'signet'])
      await expect(initHome({ dir: join(at, 'x'), network, insecureSeed: SEED })).rejects.toMatchObject({
        code: 'insecure-home',
        exit: 77,
      });
    const [dir, real] = [join(at, 'home'), join(at, 'real')];
    await initHome({ dir, network: 'regtest', insecureSeed: SEED });
    await initHome({ dir: real, network: 'regtest' });
    await expect(open(dir)).rejects.toMatchObject({
      code: 'insecure-home',
      hint: expect.stringContaining('--insecure-seed'),
    });
    await expect(open(real, { insecureSeed: SEED })).rejects.toMatchObject({ code: 'insecure-home' });
    const path = join(dir, 'config.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('regtest', 'mainnet'));
    await expect(open(dir, { insecureSeed: SEED })).rejects.toMatchObject({ code: 'insecure-home' });
  });

  it('repeat: words, id, and what each run draws', async () => {
    const drawn = async () => {
      const dir = join(tempDir(), 'home');
      const made = await initHome({ dir, network: 'regtest', insecureSeed: SEED });
      const home = await open(dir, { insecureSeed: SEED });
      const draws = [(await home.random())(8), (await home.random())(8)];
      await home.store.commit(commitOf());
      draws.push((await home.random())(8));
      home.close();
      return { made, draws };
    };
    const first = await drawn();
    expect(await drawn()).toEqual(first);
    expect(first.draws[0]).toEqual(first.draws[1]);
    expect(first.draws[0]).not.toEqual(first.draws[2]);
  });
});
