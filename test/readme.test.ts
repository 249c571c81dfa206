/** The README is executed: its first contract is played as it is printed, and its example of the library runs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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

  it('plays its first contract as it is printed', async () => {
    const from = readme.indexOf('\n## A first contract\n');
    const section = readme.slice(from, readme.indexOf('\n## ', from + 1));
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

  it('shows library code that runs', () => {
    const [block] = blocksOf('js', readme);
    const here = block!.replace("from 'spillway'", `from ${JSON.stringify(join(ROOT, 'dist/index.js'))}`);
    const [requested] = readFileSync(join(ROOT, 'fixtures/snapshots/sign-update.json'), 'utf8').split('\n');
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', here], {
      cwd: ROOT,
      input: requested!,
      encoding: 'utf8',
    });
    expect(said).toMatch(/^\d+n [0-9a-f]{64}\npayer: signed\n$/);
  });
});
