/** Shares in files of their own: made before the commit, destroyed after it, swept, under one lock. */
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Claim, ShareFile } from '../../src/lib/protocol/action.ts';
import { hold } from '../../src/lib/home/hold.ts';
import { sharesBeside, ShareFolder } from '../../src/lib/home/shares.ts';
import { destroyFile } from '../../src/lib/home/files.ts';

const ID = 'ab'.repeat(16);
const LIFE = '0123456789abcdef';
const [A, B] = ['0a'.repeat(16), '0b'.repeat(16)] as [string, string];
const secret = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const key = new Uint8Array(32).fill(7);
let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'spillway-shares-')), 'home.shares');
});
const folder = (homeId = ID, point?: (label: string) => void, life = LIFE) =>
  new ShareFolder({ dir, homeId, life, key: async () => key, point });
const files = (): string[] =>
  existsSync(dir)
    ? readdirSync(dir)
        .filter((f) => f.endsWith('.share'))
        .sort()
    : [];
/** A store that claims these names. */
const claiming = (...names: string[]) => ({
  load: async (claims: readonly Claim[]) => ({
    found: new Map(
      claims.filter((c) => names.includes(c.slice(6))).map((c) => [c, { name: '', kind: 'k', record: {}, rev: 1 }]),
    ),
    nonces: [],
  }),
  claimed: async (claims: readonly Claim[]) => new Set(claims.filter((c) => names.includes(c.slice(6)))),
});

/** One change, of a store that claims what was made and nothing that is gone. */
const around = (
  shares: ShareFolder,
  made: readonly ShareFile[],
  gone: readonly string[],
  commit: () => Promise<boolean>,
): Promise<boolean> => shares.around(made, gone, commit, claiming(...made.map(({ name }) => name)));

describe('the shares of a home', () => {
  it('lie beside it, whatever slash its name ends with', () => {
    expect([sharesBeside('/x/home'), sharesBeside('/x/home/')]).toEqual(['/x/home.shares', '/x/home.shares']);
  });

  it('wait for whoever holds them, up to ten seconds: then store-unavailable, and nothing was made or committed', async () => {
    const shares = folder();
    await around(shares, [{ name: A, secret: secret(1) }], [], async () => true);
    const free = await hold(
      join(
        dir,
        readdirSync(dir).find((file) => file.endsWith('lock'))!,
      ),
    );
    const before = files();
    const times = [7, 8];
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => times.shift() ?? 99_999);
    const commit = vi.fn(async () => true);
    await expect(around(shares, [{ name: B, secret: secret(2) }], [], commit)).rejects.toMatchObject({
      code: 'store-unavailable',
    });
    expect(clock).toHaveBeenCalledTimes(3);
    clock.mockRestore();
    expect(commit).not.toHaveBeenCalled();
    expect(files()).toEqual(before);
    free!();
    expect(await around(shares, [{ name: B, secret: secret(2) }], [], commit)).toBe(true);
  });

  it('are there before the commit, sealed, and gone after the commit that drops them', async () => {
    const shares = folder();
    const commit = async () => {
      expect(files()).toEqual([`${ID}-${A}.share`]);
      expect(readFileSync(join(dir, files()[0]!)).includes(Buffer.from(secret(1)))).toBe(false);
      return true;
    };
    expect(await around(shares, [{ name: A, secret: secret(1) }], [], commit)).toBe(true);
    expect(await shares.read([A, B])).toEqual(new Map([[A, secret(1)]]));
    expect(await around(shares, [{ name: B, secret: secret(2) }], [A], async () => true)).toBe(true);
    expect(await shares.read([A, B])).toEqual(new Map([[B, secret(2)]]));
  });

  it('a commit that does not stand leaves the old ones and no new one', async () => {
    const shares = folder();
    await around(shares, [{ name: A, secret: secret(1) }], [], async () => true);
    expect(await around(shares, [{ name: B, secret: secret(2) }], [A], async () => false)).toBe(false);
    expect(files()).toEqual([`${ID}-${A}.share`]);
  });

  it('a file that is still claimed after the commit is never destroyed, and a new one must be claimed', async () => {
    const shares = folder();
    const commit = async () => true;
    await around(shares, [{ name: A, secret: secret(1) }], [], commit);
    await expect(shares.around([], [A], commit, claiming(A))).rejects.toMatchObject({ code: 'bug' });
    expect(await shares.read([A])).toEqual(new Map([[A, secret(1)]]));
    const unclaimed = shares.around([{ name: B, secret: secret(2) }], [], commit, claiming(A));
    await expect(unclaimed).rejects.toMatchObject({ code: 'bug' });
    expect(files()).toHaveLength(2);
  });

  it('a name that is there is a lost race, and its file is left alone', async () => {
    const shares = folder();
    await around(shares, [{ name: A, secret: secret(1) }], [], async () => true);
    expect(await around(shares, [{ name: A, secret: secret(9) }], [], async () => expect.fail('no commit'))).toBe(
      false,
    );
    expect(await shares.read([A])).toEqual(new Map([[A, secret(1)]]));
  });

  it('a commit that throws leaves both to the next sweep, which knows', async () => {
    const shares = folder();
    await around(shares, [{ name: A, secret: secret(1) }], [], async () => true);
    const failing = async (): Promise<boolean> => {
      throw new Error('a disk');
    };
    await expect(around(shares, [{ name: B, secret: secret(2) }], [A], failing)).rejects.toThrow('a disk');
    expect(files()).toHaveLength(2);
    await shares.sweep(claiming(B));
    expect(files()).toEqual([`${ID}-${B}.share`]);
  });

  it('a sweep destroys what no record claims, and nothing of another home', async () => {
    await around(folder(), [{ name: A, secret: secret(1) }], [], async () => true);
    await around(folder('cd'.repeat(16)), [{ name: A, secret: secret(1) }], [], async () => true);
    await folder().sweep(claiming());
    expect(files()).toEqual([`${'cd'.repeat(16)}-${A}.share`]);
  });

  it('a sweep waits for a move that is between its file and its commit', async () => {
    let commits = () => {};
    const held = new Promise<void>((resolve) => (commits = resolve));
    const claimed: string[] = [];
    const moving = around(folder(), [{ name: A, secret: secret(1) }], [], async () => {
      await held;
      claimed.push(A);
      return true;
    });
    while (files().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    const store = {
      load: (claims: readonly Claim[]) => claiming(...claimed).load(claims),
      claimed: (claims: readonly Claim[]) => claiming(...claimed).claimed(claims),
    };
    const sweeping = folder().sweep(store);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(files()).toHaveLength(1);
    commits();
    await Promise.all([moving, sweeping]);
    expect(files()).toHaveLength(1);
  });

  it('open for their home alone: another seed, an altered file, another place, group access', async () => {
    const shares = folder();
    await around(shares, [{ name: A, secret: secret(1) }], [], async () => true);
    const path = join(dir, files()[0]!);
    const other = new ShareFolder({ dir, homeId: ID, life: LIFE, key: async () => new Uint8Array(32) });
    await expect(other.read([A])).rejects.toMatchObject({ code: 'store-damaged' });
    cpSync(path, join(dir, `${ID}-${B}.share`));
    await expect(shares.read([B])).rejects.toMatchObject({ code: 'store-damaged' });
    const bytes = readFileSync(path);
    bytes[20]! ^= 1;
    writeFileSync(path, bytes);
    await expect(shares.read([A])).rejects.toMatchObject({ code: 'store-damaged' });
    chmodSync(path, 0o640);
    await expect(shares.read([A])).rejects.toMatchObject({ code: 'secret-exposed' });
    await expect(shares.read(['../x'])).rejects.toMatchObject({ code: 'bug' });
  });

  it('a folder that others may enter takes no share: nothing is made, destroyed or committed', async () => {
    const shares = folder();
    await around(shares, [{ name: A, secret: secret(1) }], [], async () => true);
    const before = files();
    chmodSync(dir, 0o710);
    const commit = vi.fn(async () => true);
    for (const work of [
      () => around(shares, [{ name: B, secret: secret(2) }], [A], commit),
      () => shares.sweep(claiming(), { take: true }),
    ])
      await expect(work()).rejects.toMatchObject({ code: 'secret-exposed' });
    expect(commit).not.toHaveBeenCalled();
    expect(files()).toEqual(before);
  });

  it('a folder that cannot be made is 73', async () => {
    writeFileSync(dir, 'a file');
    await expect(around(folder(), [{ name: A, secret: secret(1) }], [], async () => true)).rejects.toMatchObject({
      code: 'cannot-write',
    });
  });

  it('destroying a file that is gone is done', () => expect(() => destroyFile(join(dir, 'nothing'))).not.toThrow());
});
