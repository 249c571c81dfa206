/**
 * All tables of limits: what each allows, as `limits.txt` has it, and that its room's tests go through it. A limit that is
 * changed, comes or goes shows there. The rules that read them: `src/**`; the cases: `test/<room>/limits.test.ts`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Limit, Limits } from '../src/lib/protocol/limit.ts';
import { ROOT } from './cli/run.ts';

const files = (dir: string, ending: string): string[] =>
  readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${dir}/${name}`)
    .sort();
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const sources = files('src', '.ts');
/** Table and file. */
const tables = sources.flatMap((file) =>
  [...read(file).matchAll(/^(?:export )?const (\w*LIMITS) = /gm)].map(([, name]) => [name!, file] as const),
);
const tests = files('test', 'limits.test.ts').map(read);

describe('limits', () => {
  it('each table stands under a name of its own, and all its rows are tried', () => {
    expect(new Set(tables.map(([name]) => name)).size).toBe(tables.length);
    const untried = tables.filter(([name]) => !tests.some((text) => text.includes(`limits(${name},`)));
    expect(untried).toEqual([]);
    expect(tables.length).toBeGreaterThan(30);
  });

  it('are those of limits.txt', async () => {
    const figure = (end: Limit['least']): string =>
      end === undefined ? '' : typeof end === 'function' ? 'moves' : `${end}`;
    const lines: string[] = [];
    for (const [name, file] of tables) {
      const { [name]: table } = (await import(join(ROOT, file))) as Record<string, Limits>;
      for (const [row, { unit, least, most }] of Object.entries(table!))
        lines.push(`${file.replace(/^src\/(?:lib\/)?/, '')} ${row}: ${figure(least)}..${figure(most)} ${unit}`);
    }
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('limits.txt');
  });

  it('in forms of fields are read from a table', () => {
    const bare = sources.flatMap((file) =>
      [...read(file).matchAll(/v\.(?:max|min)(?:Length|Value)\((?![01][,)])-?\d[^)]*\)/g)].map(
        ([found]) => `${file}: ${found}`,
      ),
    );
    expect(bare).toEqual([]);
  });
});
