/** Guides are executed: their pipelines are those of the runbook beside them, and what they show is what it prints. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, start, type Ran } from './cli/run.ts';
import { refusedByInspect, Recording } from './support/recorded.ts';
import { blocksOf, brokenLinks, openFences } from './support/markdown.ts';

const RUNBOOKS = join(ROOT, 'fixtures/runbooks');
const guides = readdirSync(RUNBOOKS)
  .filter((name) => name.endsWith('.md'))
  .map((name) => name.slice(0, -3));
const guideOf = (name: string): string => readFileSync(join(RUNBOOKS, `${name}.md`), 'utf8');
const hasRunbook = (name: string): boolean => existsSync(join(RUNBOOKS, `${name}.sh`));
/** A running mint is needed by `running-mint.sh`: `npm run test:mint` runs it. */
const here = guides.filter((name) => hasRunbook(name) && name !== 'running-mint');
const shown = guides.filter((name) => blocksOf('sh', guideOf(name)).length > 0);

/** Runs a runbook in nothing of the environment of the tests but what finds the tools. */
const run = (name: string, env: Record<string, string> = {}): Promise<Ran> =>
  start('bash', [join(RUNBOOKS, `${name}.sh`)], { env: { HOME: process.env['HOME'] ?? '', ...env } });

/** Expects these texts in this order, each from the beginning of a line. */
function expectInOrder(texts: readonly string[], printed: string): void {
  let at = 0;
  for (const text of texts) {
    const found = `\n${printed}`.indexOf(`\n${text}`, at);
    expect(found, `${text} after character ${at} of\n${printed}`).toBeGreaterThanOrEqual(0);
    at = found + text.length;
  }
}

describe('every guide', () => {
  it.each(guides)('%s begins with its title and closes every block of code', (name) => {
    expect(guideOf(name)).toMatch(/^# .+\n/);
    expect(openFences(guideOf(name))).toEqual([]);
  });
  it.each(guides)('%s leads to files and headings that there are', (name) => {
    expect(brokenLinks(guideOf(name), RUNBOOKS)).toEqual([]);
  });
  it.each(shown)('%s shows pipelines of its runbook', (name) => {
    const runbook = readFileSync(join(RUNBOOKS, `${name}.sh`), 'utf8');
    expect(blocksOf('sh', guideOf(name)).filter((block) => !runbook.includes(block))).toEqual([]);
  });

  // Each has homes of its own: they run beside one another.
  it.concurrent.each(here.filter((name) => name !== 'credit-month'))(
    '%s shows what its runbook prints, and inspect reads every document of it',
    async (name) => {
      const recording = new Recording();
      const ran = await run(name, recording.env);
      expect(ran.code, ran.stderr).toBe(0);
      expect(await refusedByInspect(recording)).toEqual([]);
      expectInOrder(blocksOf('(?:text|console)', guideOf(name)), ran.stderr);
      expect(ran.stdout.trim().split('\n').at(-1)).toMatch(/^proved: /);
    },
  );
});

describe('a month of ecash credit', () => {
  it.concurrent('prints what its guide shows, its sums add up, and inspect reads every document of it', async () => {
    const recording = new Recording();
    const ran = await run('credit-month', { SPILLWAY_DEMO_SEED: 'readme', ...recording.env });
    expect(ran.code, ran.stderr).toBe(0);
    expect(await refusedByInspect(recording)).toEqual([]);
    expectInOrder(blocksOf('text', guideOf('credit-month')), ran.stderr);
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
  });
});

it('the guide for proxies shows the configurations that the tests run', () => {
  const fixture = (name: string): string => readFileSync(join(ROOT, 'fixtures/proxy', name), 'utf8');
  const guide = guideOf('proxy');
  expect([blocksOf('nginx', guide), blocksOf('caddyfile', guide)]).toEqual([
    [fixture('nginx.conf')],
    [fixture('Caddyfile')],
  ]);
});
