/** The limits of what a home writes beside its store: numbers of commits, levels of key paths, files of its journal; and how long its shares are waited for. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { COMMIT_LIMITS, commitIn, digits } from '../../src/lib/home/tide.ts';
import { hardenedChild, LEVEL_LIMITS, masterNode, normalChild } from '../../src/lib/home/hardened.ts';
import { IDENTITY_LIMITS, isWorn } from '../../src/lib/home/identity.ts';
import { Journal, JOURNAL_LIMITS, readJournal } from '../../src/lib/home/journal.ts';
import { hold } from '../../src/lib/home/hold.ts';
import { ShareFolder, WAIT_LIMITS } from '../../src/lib/home/shares.ts';
import { limits } from '../support/limits.ts';
import { tempDir } from './fixture.ts';

describe('numbers', () => {
  const seed = masterNode(new Uint8Array(64).fill(3));
  limits(COMMIT_LIMITS, {
    commit: { takes: (n: number) => commitIn(digits(n)) === n, below: 'not taken', above: 'not taken' },
  });
  limits(LEVEL_LIMITS, {
    index: [hardenedChild, normalChild].map((derive) => ({
      takes: (n: number) => derive(seed, n),
      below: 'bug' as const,
      above: 'bug' as const,
    })),
  });
});

limits(IDENTITY_LIMITS, {
  age: {
    takes(ms: number) {
      const dir = tempDir();
      writeFileSync(join(dir, 'identity'), '');
      return !isWorn(dir, '', statSync(join(dir, 'identity')).mtimeMs + ms);
    },
    above: 'not taken',
  },
});

describe('a journal', () => {
  const KEY = new Uint8Array(32).fill(7);
  const HOME = 'ab'.repeat(16);
  const numberOf = (name: string): number => Number.parseInt(Buffer.from(name).toString('hex').slice(0, 12), 16);
  const made = (worn?: { bytes: number; ms: number }) => {
    const dir = join(tempDir(), 'journal');
    return { dir, journal: new Journal({ dir, home: HOME, key: async () => KEY, ...(worn && { worn }) }) };
  };
  const line = (commit: number, names: readonly string[] = ['a']) => ({
    commit,
    records: names.map((name) => ({ id: numberOf(name), kind: 'thing', name, rev: commit, record: {} })),
    notes: [],
    addresses: [],
  });
  const filesOf = (dir: string) => readdirSync(dir).map((file) => join(dir, file));

  /** Bytes of a file of three lines. */
  const size = async () => {
    const { dir, journal } = made();
    for (const commit of [1, 2, 3]) await journal.append(line(commit));
    return statSync(filesOf(dir)[0]!).size;
  };
  limits(JOURNAL_LIMITS, {
    age: {
      async takes(n: number) {
        const clock = vi.spyOn(performance, 'now').mockReturnValue(5);
        const { dir, journal } = made();
        await journal.append(line(1));
        clock.mockReturnValue(5 + n);
        await journal.append(line(2));
        clock.mockRestore();
        return filesOf(dir).length === 1;
      },
      above: 'not taken',
    },
    size: {
      async takes(n: number) {
        // So much more or less than is allowed as `n` is more or less than 1,000.
        const { dir, journal } = made({ ms: 1e9, bytes: (await size()) + 1_000 - n });
        for (const commit of [1, 2, 3, 4]) await journal.append(line(commit));
        return filesOf(dir).length === 1;
      },
      figures: [{ ms: 1e9, bytes: 1_000 }],
      above: 'not taken',
    },
    remembered: {
      /** A version that is still remembered is not written twice. */
      async takes(n: number) {
        const { dir, journal } = made();
        await journal.append(line(1, ['first']));
        await journal.append(
          line(
            2,
            Array.from({ length: n - 1 }, (_, i) => `n${i}`),
          ),
        );
        journal.saw({ id: numberOf('first'), kind: 'thing', name: 'first', rev: 1, record: {} });
        await journal.flush();
        return filesOf(dir).flatMap((file) => readJournal(file, KEY).lines).length === 2;
      },
      above: 'not taken',
    },
  });
});

describe('the shares of a home', () => {
  limits(WAIT_LIMITS, {
    held: {
      /** Are they still waited for, so long after the beginning? Then they become free. */
      async takes(n: number) {
        const dir = tempDir();
        const options = { dir, homeId: 'ab'.repeat(16), life: '0123456789abcdef', key: async () => new Uint8Array(32) };
        const free = (await hold(join(dir, `${options.homeId}-lock`)))!;
        const commit = vi.fn(async () => true);
        let looks = 0;
        const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
          if ((looks += 1) === 2) free();
          return looks === 1 ? 7 : 7 + n;
        });
        const store = { load: async () => ({ found: new Map(), nonces: [] }) };
        await new ShareFolder(options).around([], [], commit, store).finally(() => clock.mockRestore());
        expect(commit).toHaveBeenCalledTimes(1);
      },
      above: 'store-unavailable',
    },
  });
});
