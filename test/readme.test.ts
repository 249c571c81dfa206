/** The README is executed: its contracts are played as they are printed, and its example of the library runs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT, freshDir, start } from './cli/run.ts';
import { blocksOf, brokenLinks, openFences } from './support/markdown.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

describe('README', () => {
  it('names the two commands', () => {
    expect(blocksOf('sh', readme).slice(0, 2)).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n']);
  });
  it('is read in five minutes', () => expect(readme.split('\n').length).toBeLessThanOrEqual(201));
  it('closes every block of code before prose goes on', () => expect(openFences(readme)).toEqual([]));
  it('leads to files and headings that there are', () => expect(brokenLinks(readme, ROOT)).toEqual([]));

  it('plays its contracts of every family as they are printed, one shell after another, without a node', async () => {
    const [first, after] = ['A first contract', 'How a message goes round'].map((title) =>
      readme.indexOf(`\n## ${title}\n`),
    );
    const section = readme.slice(first, after);
    const script = [
      'set -euo pipefail',
      `source ${JSON.stringify(join(ROOT, 'fixtures/runbooks/lib/common.sh'))}`,
      ...blocksOf('sh', section),
    ].join('\n');
    const ran = await start('bash', ['-c', script], { env: { HOME: freshDir() } });
    expect(ran.code, ran.stderr).toBe(0);
    const printed = ran.stdout.replace(/^\{"type":"init".*\n/gm, '');
    expect(printed).toBe(blocksOf('text', section).join(''));
  });

  describe('as a library', () => {
    const [example] = blocksOf('ts', readme) as [string];
    const messages = (name: string): string[] =>
      readFileSync(join(ROOT, 'fixtures/snapshots', `${name}.json`), 'utf8')
        .trim()
        .split('\n');
    const dir = freshDir();
    const run = (stdin: string): string =>
      execFileSync(process.execPath, ['what.ts'], { cwd: dir, input: stdin, encoding: 'utf8' });
    beforeAll(() => {
      mkdirSync(join(dir, 'node_modules'));
      symlinkSync(ROOT, join(dir, 'node_modules/spillway'));
      writeFileSync(join(dir, 'what.ts'), example);
      writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
    });

    it('is the example at the head of the library', () => {
      const head = readFileSync(join(ROOT, 'src/index.ts'), 'utf8').replace(/^ \* ?/gm, '');
      expect(blocksOf('ts', head)).toEqual([example]);
    });
    it('compiles in strict mode, with the types that the package has', async () => {
      const strict = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--noEmit'];
      const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
      const target = ['--module', 'nodenext', '--target', 'es2024'];
      const tsc = join(ROOT, 'node_modules/.bin/tsc');
      const ran = await start(tsc, ['--ignoreConfig', ...strict, ...target, ...types, 'what.ts'], { cwd: dir });
      expect(ran).toEqual({ code: 0, stdout: '', stderr: '' });
    });
    it('says of a payment which transaction it is about and who acts next', () => {
      expect(run(messages('sign-update')[0]!)).toMatch(/^\d+n [0-9a-f]{64}\npayer: signed\n$/);
    });
    it('says of a wish to pay who acts next', () => {
      const [requested] = messages('sign-update').map((line) => JSON.parse(line) as Record<string, unknown>);
      const { type, version, network, contract, amount_sat, auth } = requested!;
      const asked = { id: 'ab'.repeat(16), until: 1_800_000_000, quote: null };
      const wish = { type, version, step: 'asked', network, contract, amount_sat, asked, auth };
      expect(run(JSON.stringify(wish))).toBe('payee: requested\n');
    });
  });
});
