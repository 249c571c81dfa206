/** Input of a command: files, descriptors, stdin, and how much of each is read. */
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../src/lib/engine/files.ts';
import { openDescriptor, readInput } from '../../src/lib/cli/input.ts';
import { bash, freshDir, hasTerminal, onTerminal, ROOT } from './run.ts';

const dir = freshDir();
const file = join(dir, 'ten');
writeFileSync(file, '0123456789');

describe('readInput', () => {
  it('reads a file', async () => expect(Buffer.from(await readInput(file)).toString()).toBe('0123456789'));
  it('reads up to the limit and no more', async () => {
    expect(await readInput(file, 10)).toHaveLength(10);
    await expect(readInput(file, 9)).rejects.toMatchObject({ code: 'too-large' });
  });
  it.each([join(dir, 'absent'), dir])('has no input in %s', (name) =>
    expect(readInput(name)).rejects.toMatchObject({
      code: 'no-input',
      message: expect.stringMatching(/^there is no \/|^\/.* is a directory, a file expected$/) as string,
    }),
  );
});

describe('openDescriptor', () => {
  it('reads what the caller opened', async () => {
    const bytes = await readAll(openDescriptor(openSync(file, 'r')), 100, 'fd');
    expect(Buffer.from(bytes).toString()).toBe('0123456789');
  });
  it('refuses a folder', () => expect(() => openDescriptor(openSync(dir, 'r'))).toThrowError(/EBADF/));
  it('refuses one that is not open', () => expect(() => openDescriptor(2 ** 30)).toThrowError(/EBADF/));
});

it.each([undefined, '-'])('nobody is waited for at a terminal: %j is refused', async (name) => {
  const { isTTY } = process.stdin;
  process.stdin.isTTY = true;
  await expect(readInput(name)).rejects.toMatchObject({ code: 'usage', message: /a terminal found/ });
  process.stdin.isTTY = isTTY;
});

it('a stream that breaks is no input', async () => {
  const broken = new Readable({ read: (): void => void broken.destroy(new Error('cut')) });
  await expect(readAll(broken, 100, 'x')).rejects.toMatchObject({ code: 'no-input' });
});

describe('stdin', () => {
  const probe = join(dir, 'probe.mjs');
  writeFileSync(
    probe,
    `import { readInput } from '${ROOT}src/lib/cli/input.ts';
     import { reportFailure } from '${ROOT}src/lib/cli/errors.ts';
     await readInput(process.argv[2], 100).then(
       (bytes) => console.log(Buffer.from(bytes).toString()),
       async (error) => (process.exitCode = await reportFailure(error, [])),
     );`,
  );
  const node = `"${process.execPath}" "${probe}"`;

  it('is read to its end, however slowly it comes', async () => {
    expect((await bash(`(echo -n a; sleep 0.4; echo -n b) | ${node}`)).stdout).toBe('ab\n');
    expect((await bash(`(sleep 0.4; echo -n ab) | ${node} -`)).stdout).toBe('ab\n');
  });
  it('that does not end is left once it is too large', async () => {
    expect(await bash(`yes | ${node}`)).toMatchObject({
      code: 65,
      stdout: '',
      stderr: 'error[too-large]: more than 100 bytes found in stdin\n',
    });
  });
  it.skipIf(!hasTerminal)('that is a terminal is not waited for', async () => {
    const { stdout } = await onTerminal(`${node}; echo $?`);
    expect(stdout).toMatch(/error\[usage\].*: a terminal found as input[^]*\n2\r?\n$/);
  });
});
