/** Front page, pages of families and topics, short help, and how a command is spelled. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES, familyOf } from '../../src/lib/families.ts';
import { TOPICS } from '../../src/lib/cli/front.ts';
import { ROOT } from './run.ts';
import { warm } from '../support/host.ts';

const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { summary: string }>;
};
const words = (id: string): string => id.replace(':', ' ');

describe('the front page', () => {
  it('names every family and topic on one screen', async () => {
    const { code, stdout } = await warm(['--help']);
    expect(code).toBe(0);
    expect(stdout.split('\n').length).toBeLessThanOrEqual(50);
    for (const { name, summary } of FAMILIES) expect(stdout).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
    for (const [name, { title }] of Object.entries(TOPICS))
      expect(stdout).toMatch(new RegExp(`^  ${name} +${title}$`, 'm'));
  });
  it('shows every topic, within 80 columns', async () => {
    for (const name of Object.keys(TOPICS)) {
      const { code, stdout } = await warm(['help', name]);
      expect([code, stdout]).toEqual([0, expect.stringContaining(TOPICS[name]!.text())]);
      expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    }
  });
  it('names every variable that the sources read', async () => {
    const { stdout } = await warm(['help', 'environment']);
    const read = [
      ...['contract.ts', 'flags.ts', 'errors.ts'].map((file) => `lib/cli/${file}`),
      'commands/ecash/mint-flags.ts',
    ].flatMap((file) => [...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/'(SPILLWAY_\w+)'/g)]);
    const names = new Set(read.map(([, name]) => name!).filter((name) => name !== 'SPILLWAY_STOP_AT'));
    expect([...names].filter((name) => !stdout.includes(`  ${name} `))).toEqual([]);
    expect(names.size).toBeGreaterThan(5);
  });
});

describe('families', () => {
  it('each command belongs to one, each name leads to commands', () => {
    expect(Object.keys(commands).filter((id) => !familyOf(id))).toEqual([]);
    expect(FAMILIES.flatMap(({ others = [] }) => others).filter((id) => !commands[id])).toEqual([]);
    for (const family of FAMILIES) expect(Object.keys(commands).some((id) => familyOf(id) === family)).toBe(true);
  });
  it.each(FAMILIES.map((family) => [family.name, family] as const))(
    '%s alone lists its commands',
    async (name, family) => {
      const { code, stdout } = await warm([name]);
      expect(code).toBe(0);
      const own = Object.keys(commands).filter((id) => familyOf(id) === family);
      for (const id of own) expect(stdout).toContain(`  ${words(id)} `);
      expect(stdout.split('\n').length).toBe(own.length + 3);
      expect((await warm(['help', name])).stdout).toBe(stdout);
    },
  );
});

describe('-h', () => {
  it.each(Object.keys(commands))('%s fits on a screen', async (id) => {
    const { code, stdout } = await warm([...words(id).split(' '), '-h']);
    expect(code).toBe(0);
    expect(stdout).toContain(`  $ spillway ${words(id)}`);
    expect(stdout.split('\n').length).toBeLessThanOrEqual(60);
  });
});

describe('a command is found', () => {
  const missing = ['--home', '/nowhere'];
  const found = { code: 66, stdout: '', stderr: expect.stringMatching(/^error\[no-home\]: there is no \/nowhere/) };
  it.each([
    ['by a space in place of its hyphen', ['statechain', 'open', ...missing, '--as', 'operator']],
    ['behind flags that every command has', [...missing, 'status']],
    ['behind flags, by two words', [...missing, 'statechain', 'open', '--as', 'operator']],
    ['by a hyphen in place of its space', ['htlc-key', ...missing]],
  ])('%s', async (_, argv) => expect(await warm(argv)).toMatchObject(found));

  it.each([
    ['statechain', 'opn', 'did you mean statechain-open?'],
    ['htlc', 'creat', 'did you mean htlc create?'],
    ['statechain', 'edit', 'spillway --help lists them'],
    ['clos-credit', '', 'spillway --help lists them'],
  ])('but nobody is led to one that spends or ends something: %s %s', async (first, second, hint) => {
    const argv = [first, second].filter(Boolean);
    expect(await warm(argv)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `error[usage]: "${argv.join(' ')}" found, a command expected\nhint: ${hint}\n`,
    });
  });
});
