/** Files that a command writes: replaced whole, or made only where there is none. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFile, writeFileWhole } from '../../src/lib/cli/output.ts';
import { freshDir } from './run.ts';

const dir = freshDir();

describe('writeFileWhole', () => {
  it('replaces a file, with the mode that was asked for, and leaves nothing else', async () => {
    const path = join(dir, 'a');
    writeFileSync(path, 'old');
    await writeFileWhole(path, 'new', 0o600);
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['new', 0o600]);
    expect(readdirSync(dir)).toEqual(['a']);
  });
  it('says where it cannot write', async () => {
    await expect(writeFileWhole(join(dir, 'none', 'a'), '')).rejects.toMatchObject({ code: 'cannot-write', exit: 73 });
  });
});

describe('createFile', () => {
  it('makes a file that only its owner reads', async () => {
    await createFile(join(dir, 'words'), 'x');
    expect(statSync(join(dir, 'words')).mode & 0o777).toBe(0o600);
  });
  it('never replaces one', async () => {
    await expect(createFile(join(dir, 'words'), 'y')).rejects.toMatchObject({ code: 'cannot-write' });
    expect(readFileSync(join(dir, 'words'), 'utf8')).toBe('x');
  });
});
