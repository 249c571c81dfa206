/** The README is executed: its pipelines are those of its runbooks, and what it prints is what they print. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './cli/run.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const runbook = ['credit-month.sh', 'onion.sh', 'assets.sh', 'htlc.sh']
  .map((name) => readFileSync(join(ROOT, 'fixtures/runbooks', name), 'utf8'))
  .join('\n');
const blocks = (language: string, text = readme): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((m) => m[1]!);

/** From a heading to the next of its kind. */
const sectionOf = (heading: string): string => {
  const from = readme.indexOf(heading);
  expect(from).toBeGreaterThan(0);
  return readme.slice(from, readme.indexOf('\n## ', from));
};

describe('README', () => {
  it('names the two commands', () => {
    expect(blocks('sh').slice(0, 2)).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n']);
  });

  it.each(
    blocks('sh')
      .slice(2)
      .map((block) => [block.split('\n')[0]!, block]),
  )('shows the pipeline of the runbook: %s', (_, block) => {
    expect(runbook).toContain(block);
  });

  it('prints what the month really prints, whose sums add up', () => {
    const ran = spawnSync('bash', [join(ROOT, 'fixtures/runbooks/credit-month.sh')], {
      env: { ...process.env, SPILLWAY_DEMO_SEED: 'readme', SPILLWAY_CHAIN: '', SPILLWAY_TIP: '' },
      encoding: 'utf8',
    });
    expect(ran.status, ran.stderr).toBe(0);
    let at = 0;
    const month = readme.slice(0, readme.indexOf('## Coloured coins'));
    for (const line of blocks('text', month).flatMap((block) => block.trimEnd().split('\n'))) {
      const found = ran.stderr.indexOf(`\n${line}\n`, at);
      expect(found, `${line} after character ${at} of\n${ran.stderr}`).toBeGreaterThanOrEqual(0);
      at = found;
    }
    const summary = JSON.parse(ran.stdout);
    expect(summary).toMatchObject({ type: 'demo', balanced: true, mint_sat: 62_400, paid_sat: 62_400 });
    expect(summary.funded_sat).toBe(summary.mint_sat + summary.user_sat + summary.fees_sat);
    expect(summary.transactions.map((t: { title: string }) => t.title)).toEqual([
      'funding',
      'rollover',
      'exit',
      'funding',
      'refund',
    ]);
  }, 120_000);

  it('shows onions that are peeled as it says', () => {
    const ran = spawnSync('bash', [join(ROOT, 'fixtures/runbooks/onion.sh')], {
      env: { PATH: '/usr/bin:/bin' },
      encoding: 'utf8',
    });
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^proved: /);
    const section = sectionOf('## Onions on the shell');
    for (const block of blocks('console', section)) expect(ran.stderr).toContain(`\n${block}`);
  }, 120_000);

  it('makes, claims, refunds and swaps hashed time locks as the runbook does', () => {
    const ran = spawnSync('bash', [join(ROOT, 'fixtures/runbooks/htlc.sh')], {
      env: { ...process.env, SPILLWAY_CHAIN: '', SPILLWAY_TIP: '', SPILLWAY_HOME: '' },
      encoding: 'utf8',
    });
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^proved: /);
    const section = sectionOf('## Hashed time locks');
    expect(blocks('console', section).length).toBeGreaterThan(1);
    for (const block of blocks('console', section)) expect(ran.stderr).toContain(`\n${block}`);
  }, 120_000);

  it('decodes coloured coins as the runbook does', () => {
    const ran = spawnSync('bash', [join(ROOT, 'fixtures/runbooks/assets.sh')], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).toBe(0);
    const section = readme.slice(readme.indexOf('## Coloured coins'), readme.indexOf('## Commands'));
    for (const line of blocks('text', section)) expect(ran.stderr).toContain(`\n${line}`);
    expect(ran.stdout.trim().split('\n').at(-1)).toContain('proved: ');
  }, 60_000);

  it('lists every command with its summary', () => {
    const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, { summary: string }>;
    };
    for (const [id, { summary }] of Object.entries(commands))
      expect(readme).toContain(`| \`${id.replace(':', ' ')}\` | ${summary} |`);
  });

  it('shows library code that runs', () => {
    const [block] = blocks('js');
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
