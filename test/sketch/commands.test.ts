/** The sketch commands: lists in, sketches through files, what two lists do not share out. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  decode as SketchDecode,
  extend as SketchExtend,
  make as SketchMake,
  merge as SketchMerge,
} from '../../src/commands/sketch.ts';
import { command, refusedCommand } from '../support/command.ts';

const dir = mkdtempSync(join(tmpdir(), 'sketch-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const format = ['--bits', '32', '--capacity', '4'];
const list = (from: number, count: number): string => Array.from({ length: count }, (_, i) => from + i).join('\n');

describe('two lists', () => {
  const ours = file('ours.txt', list(100, 5000));
  const theirs = file('theirs.txt', list(102, 5000));
  it('differ in what the merged sketch decodes to', async () => {
    const a = await command(SketchMake, [...format, ours]);
    const b = await command(SketchMake, [...format, theirs]);
    const merged = await command(SketchMerge, [file('a.json', a.stdout), file('b.json', b.stdout)]);
    const decoded = await command(SketchDecode, ['--false-positive-bits', '0', file('m.json', merged.stdout)]);
    expect(JSON.parse(decoded.stdout)).toEqual({
      type: 'sketch-elements',
      version: 1,
      bits: 32,
      decoded: true,
      elements: [100, 101, 5100, 5101],
    });
    const fewer = await command(SketchDecode, [
      '--max',
      '3',
      '--false-positive-bits',
      '0',
      file('m.json', merged.stdout),
    ]);
    expect(fewer).toMatchObject({ exit: 3 });
    expect(JSON.parse(fewer.stdout)).toMatchObject({ decoded: false });
  });
  it('that differ by more than the capacity need an extension', async () => {
    const few = file('few.txt', list(1, 6));
    const small = await command(SketchMake, [...format, few]);
    const failed = await command(SketchDecode, [file('small.json', small.stdout)]);
    expect(failed).toMatchObject({ exit: 3 });
    expect(JSON.parse(failed.stdout)).toMatchObject({ decoded: false, most_elements: 3 });
    const fewer = await command(SketchDecode, ['--max', '2', file('small.json', small.stdout)]);
    expect(JSON.parse(fewer.stdout)).toMatchObject({ decoded: false, most_elements: 2 });
    const more = await command(SketchExtend, ['--bits', '32', '--from', '4', '--capacity', '8', few]);
    const large = await command(SketchMerge, [file('small.json', small.stdout), file('more.json', more.stdout)]);
    const decoded = await command(SketchDecode, [file('large.json', large.stdout)]);
    expect(JSON.parse(decoded.stdout).elements).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('sketch make', () => {
  it('says that equal elements cancel', async () => {
    const made = await command(SketchMake, ['--bits', '8', '--capacity', '3', file('twice.json', '[1,2,255,9,9]')]);
    expect(JSON.parse(made.stdout).sketch).toBe('fc7ac5');
    expect(made.stderr).toContain('1 pairs of equal elements cancel');
  });
  it('refuses what is no element, and says which', async () => {
    await refusedCommand(SketchMake, [...format, file('zero.json', '[0]')], 'element-range');
    const ended = await refusedCommand(SketchMake, [...format, file('half.json', '[1, 0.5]')], 'malformed-message');
    expect(ended.message).toContain('elements[1]');
    await refusedCommand(SketchMake, ['--bits', '65', '--capacity', '4', file('one.json', '[1]')], 'usage');
    await refusedCommand(SketchMake, ['--max-input', '2', ...format, file('one.json', '[1]')], 'too-large');
  });
});
