/** The examples in the doc comments of the library: each line `EXPRESSION; // VALUE` is worked out. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as spillway from '../src/index.ts';
import { ROOT } from './cli/run.ts';

interface Example {
  file: string;
  expression: string;
  value: string;
}
const examples: Example[] = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .flatMap((file) =>
    [...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(/@example\n \* ```ts\n([^]*?) \* ```/g)].flatMap(
      ([, block]) =>
        block!
          .trimEnd()
          .split('\n')
          .map((line) => {
            const [, expression, value] = /^ \* (.+); \/\/ (.+)$/.exec(line) ?? [];
            return { file, expression: expression ?? line, value: value ?? '' };
          }),
    ),
  );
/** Works out an expression with the exports of the library as its only names. */
const worked = (expression: string): unknown =>
  // oxlint-disable-next-line no-new-func -- the text stands in this repository
  new Function(...Object.keys(spillway), `return (${expression});`)(...Object.values(spillway));

describe('examples of the library', () => {
  it('are those of the twenty functions that are used most', () => {
    const named = new Set(
      examples.map(({ expression }) => /\b(\w+)\(/.exec(expression.replace('Buffer.from(', ''))?.[1]),
    );
    expect(named.size).toBeGreaterThanOrEqual(20);
  });
  it.each(examples)('$expression is $value', ({ expression, value }) => {
    expect(value).not.toBe('');
    expect(worked(expression)).toEqual(worked(value));
  });
});
