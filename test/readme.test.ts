/** The README is executed: its pipelines are those of its runbooks, and what it prints is what they print. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, start, type Ran } from './cli/run.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** Runbooks whose lines, and what they print, a section shows. */
const SECTIONS = [
  ['htlc.sh', 'Hashed time locks'],
  ['statechain.sh', 'Statecoins (experimental)'],
  ['ecash.sh', 'Credits become ecash'],
  ['serve.sh', 'A mint behind HTTP'],
  ['watch.sh', 'Deadlines, watched'],
  ['mint-operator.sh', "An operator's month"],
  ['ecash-token.sh', 'Cashu tokens, looked into'],
  ['onion.sh', 'Onions on the shell'],
  ['assets.sh', 'Coloured coins, for archivists'],
] as const;
/** `running-mint.sh` needs a mint: `npm run test:mint` runs it. */
const runbook = ['credit-month.sh', 'running-mint.sh', ...SECTIONS.map(([name]) => name)]
  .map((name) => readFileSync(join(ROOT, 'fixtures/runbooks', name), 'utf8'))
  .join('\n');
const blocks = (language: string, text = readme): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((m) => m[1]!);

/** Runs a runbook, in nothing of the environment of the tests but what finds the tools. */
const run = (name: string, env: Record<string, string> = {}): Promise<Ran> =>
  start('bash', [join(ROOT, 'fixtures/runbooks', name)], { env: { HOME: process.env['HOME'] ?? '', ...env } });

describe('README', () => {
  it('names the two commands', () => {
    expect(blocks('sh').slice(0, 2)).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n']);
  });

  it('closes every block of code before prose goes on', () => {
    const fences = readme.match(/^```.*$/gm)!;
    expect(fences.filter((fence, i) => (i % 2 === 0) !== /^```[a-z]+$/.test(fence))).toEqual([]);
    expect(fences.length % 2).toBe(0);
  });

  it('leads to headings that there are', () => {
    const anchors = [...readme.matchAll(/^## (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = [...readme.matchAll(/\]\(#([^)]*)\)/g)].map(([, to]) => to!);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((to) => !anchors.includes(to))).toEqual([]);
  });

  it.each(
    blocks('sh')
      .slice(2)
      .map((block) => [block.split('\n')[0]!, block]),
  )('shows the pipeline of the runbook: %s', (_, block) => {
    expect(runbook).toContain(block);
  });

  // Each has homes of its own: they run beside one another.
  it.concurrent(
    'prints what the month really prints, whose sums add up',
    async () => {
      const ran = await run('credit-month.sh', { SPILLWAY_DEMO_SEED: 'readme' });
      expect(ran.code, ran.stderr).toBe(0);
      let at = 0;
      const month = readme.slice(0, readme.indexOf('\n## ', readme.indexOf('## A month')));
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
    },
    240_000,
  );

  it.concurrent.each(SECTIONS)(
    'shows what %s prints, under ‘%s’',
    async (name, title) => {
      const ran = await run(name);
      expect(ran.code, ran.stderr).toBe(0);
      // From its heading to the next of its kind.
      const from = readme.indexOf(`\n## ${title}\n`);
      expect(from).toBeGreaterThan(0);
      const section = readme.slice(from, readme.indexOf('\n## ', from + 1));
      for (const block of blocks('(?:text|console)', section)) expect(ran.stderr).toContain(`\n${block}`);
      expect(ran.stdout.trim().split('\n').at(-1)).toMatch(/^proved: /);
    },
    240_000,
  );

  it('shows the configurations of proxies that the tests run', () => {
    const fixture = (name: string): string => readFileSync(join(ROOT, 'fixtures/proxy', name), 'utf8');
    expect([blocks('nginx'), blocks('caddyfile')]).toEqual([[fixture('nginx.conf')], [fixture('Caddyfile')]]);
  });

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
