/** The limits of what comes into commands beside their messages: copies, secrets, answers of programs, numbers in flags. */
import type { OptionFlag } from '@oclif/core/interfaces';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import DecodeOpenassets from '../../src/commands/assets/decode-openassets.ts';
import { decodeMarker } from '../../src/lib/assets/openassets/decode.ts';
import { writeMarker } from '../../src/lib/assets/openassets/marker.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { BATCH_LIMITS } from '../../src/commands/assets/decoding.ts';
import { outlet, OUTLET_LIMITS } from '../../src/lib/cli/outlet.ts';
import Coins from '../../src/commands/home/coins.ts';
import { askProgram, PROGRAM_LIMITS } from '../../src/lib/engine/outside.ts';
import { KEEP_LIMITS } from '../../src/lib/engine/keep.ts';
import { keepFlag } from '../../src/lib/cli/keep-flags.ts';
import { COPY_LIMITS, readRefunds } from '../../src/commands/home/refunds.ts';
import { readPassphrase, SECRET_FILE_LIMITS } from '../../src/lib/cli/secrets.ts';
import { command } from '../support/command.ts';
import { SCAN_LIMITS, scanWallet } from '../../src/lib/engine/wallet-scan.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import { limits } from '../support/limits.ts';
import { scanner } from '../support/scan.ts';
import { freshDir, ROOT } from './run.ts';

describe('files', () => {
  const copy = { type: 'refund-copy', version: 1, network: 'regtest', contract: 'ab'.repeat(32), capacity_sat: 1 };
  const rest = { valid_from_height: 1, txid: 'ab'.repeat(32), hex: '00', address: 'a', path: null };
  /** Is the copy with this change read? */
  const reads = (change: object): boolean => {
    const copies = [{ name: 'a', body: { ...copy, ...rest, ...change } }];
    const { read, unreadable } = readRefunds({ copies: () => ({ copies, unreadable: [] }), network: 'regtest' });
    expect(read.length + unreadable.length).toBe(1);
    return read.length === 1;
  };
  limits(COPY_LIMITS, {
    address: { takes: (n: number) => reads({ address: 'a'.repeat(n) }), above: 'not taken' },
    index: { takes: (index: number) => reads({ path: { chain: 0, index } }), below: 'not taken', above: 'not taken' },
  });
  limits(SECRET_FILE_LIMITS, {
    secret: {
      takes(n: number) {
        const file = join(freshDir(), 'secret');
        writeFileSync(file, 'x'.repeat(n), { mode: 0o600 });
        return readPassphrase({ passphraseFile: file });
      },
      above: 'too-large',
    },
  });
});

describe('programs', () => {
  limits(PROGRAM_LIMITS, {
    answer: {
      // A list of one text.
      takes: async (n: number) =>
        expect(await askProgram(`printf '["'; head -c ${n - 4} /dev/zero | tr '\\0' x; printf '"]'`, {})).toEqual([
          'x'.repeat(n - 4),
        ]),
      above: 'outside-failed',
    },
  });
});

describe('what is printed', () => {
  /** A marker whose answer in a batch has so many characters. */
  function markerOf(characters: number): string {
    // Of three characters a byte of the metadata is shown in hex and as text; what is left over are digits of a quantity.
    const made = (digits: number, size: number) =>
      writeMarker({ quantities: [10n ** BigInt(digits - 1)], metadata: new Uint8Array(size).fill(0x78) });
    const answered = (payload: Uint8Array) => JSON.stringify(decodeMarker(payload)).length + 1;
    const spare = characters - answered(made(1, 1));
    const payload = made(1 + (spare % 3), 1 + Math.floor(spare / 3));
    expect(answered(payload)).toBe(characters);
    return bytesToHex(payload);
  }
  limits(BATCH_LIMITS, {
    held: {
      /** Are they written together with the next? */
      async takes(n: number) {
        const file = join(freshDir(), 'lines');
        writeFileSync(file, [markerOf(n), markerOf(300)].map((marker) => `{"marker":"${marker}"}\n`).join(''));
        const { stdout, writes } = await command(DecodeOpenassets, ['--batch', file]);
        expect(stdout).toHaveLength(n + 300);
        return writes === 1;
      },
      above: 'not taken',
    },
  });
  limits(OUTLET_LIMITS, {
    waiting: {
      async takes(n: number) {
        const spies = [
          vi.spyOn(process.stdout, 'writableLength', 'get').mockReturnValue(n),
          vi.spyOn(process.stdout, 'write').mockImplementation((_, done?: unknown) => ((done as () => void)(), true)),
        ] as const;
        const out = outlet(() => {});
        await out.print('one');
        const written = spies[1].mock.calls.map(([text]) => text);
        out.close();
        spies.forEach((spy) => spy.mockRestore());
        const lost = out.lost();
        expect(written).toEqual(lost ? [] : ['one\n']);
        if (lost) throw lost;
      },
      above: 'cannot-write',
    },
  });
});

describe('days that are kept', () => {
  const flag = keepFlag('');
  limits(KEEP_LIMITS, {
    days: {
      takes: (days: number) =>
        flag.parse(String(days), {} as never, { ...flag, name: 'keep' } as never).then(
          () => true,
          () => false,
        ),
      below: 'not taken',
      above: 'not taken',
    },
  });
});

describe('the search for coins', () => {
  const keys = homeKeys(seedOf(`${'abandon '.repeat(11)}about`), 'regtest');
  const flag = Coins.flags['gap'] as OptionFlag<number>;
  /** With as many addresses in use. */
  const ranges = async (count: number): Promise<string> => {
    const node = scanner([]);
    await scanWallet(node, keys, [{ chain: 0, index: count - 1 }], 1);
    return node.ranges()[0]!;
  };
  limits(SCAN_LIMITS, {
    gap: {
      takes: (gap: number) =>
        flag.parse(String(gap), {} as never, { ...flag, name: 'gap' } as never).then(
          () => true,
          () => false,
        ),
      below: 'not taken',
      above: 'not taken',
    },
    range: { takes: async (n: number) => (await ranges(n - 1)) === `0:0-${n - 1} 1:0-999`, above: 'not taken' },
    looks: {
      async takes(n: number) {
        const coins = Array.from({ length: n - 1 }, (_, index) => ({ index }));
        return (await scanWallet(scanner(coins), keys, [], 1)).cutAt === undefined;
      },
      above: 'not taken',
    },
    index: { takes: async (n: number) => (await ranges(n)).endsWith(`-${n} 1:0-999`), above: 'not taken' },
  });
});

describe('numbers in flags', () => {
  interface NumberFlag {
    min?: number;
    max?: number;
    parse(input: string, context: object, options: object): Promise<number>;
  }
  it('are taken from their least to their most, and no further', async () => {
    const files = readdirSync(join(ROOT, 'src/commands'), { recursive: true, encoding: 'utf8' });
    let tried = 0;
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const found = (await import(join(ROOT, 'src/commands', file))) as Record<string, { flags?: object } | undefined>;
      const all = Object.values(found).flatMap((command) => Object.entries(command?.flags ?? {}));
      for (const [name, flag] of all as [string, NumberFlag][]) {
        const takes = (n: number) =>
          flag.parse(String(n), {}, { ...flag, name }).then(
            () => true,
            () => false,
          );
        if (flag.min !== undefined)
          expect([file, name, await takes(flag.min - 1), await takes(flag.min), await takes(flag.min + 1)]).toEqual([
            file,
            name,
            false,
            true,
            true,
          ]);
        if (flag.max !== undefined)
          expect([file, name, await takes(flag.max - 1), await takes(flag.max), await takes(flag.max + 1)]).toEqual([
            file,
            name,
            true,
            true,
            false,
          ]);
        if (flag.min !== undefined || flag.max !== undefined) tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(40);
  });
});
