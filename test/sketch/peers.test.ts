/**
 * pyminisketch, where `SPILLWAY_PYMINISKETCH` names its file (tests/pyminisketch.py of
 * https://github.com/bitcoin-core/minisketch): 63 fields by 4 capacities, our bytes and our answers are its own.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { decodeSketch, makeSketch, sketchBytes } from '../../src/lib/sketch/sketch.ts';

const judge = process.env['SPILLWAY_PYMINISKETCH'];

it('agrees with pyminisketch, where it is installed', () => {
  if (judge === undefined) {
    console.log('skipped: pyminisketch (SPILLWAY_PYMINISKETCH is not set)');
    return;
  }
  let state = 88_172_645_463_325_252n;
  const draw = (bits: number): bigint => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & ((1n << 64n) - 1n);
    return ((state >> BigInt(64 - bits)) % ((1n << BigInt(bits)) - 1n)) + 1n;
  };
  const cases = Array.from({ length: 63 }, (_, i) => i + 2).flatMap((bits) =>
    [1, 2, 5, 12].map((capacity) => {
      const set = new Set<bigint>();
      // Every third set is too large for its sketch.
      const wanted = Math.min(capacity + (capacity % 3 === 0 ? 2 : 0), 2 ** Math.min(bits, 20) - 1);
      while (set.size < wanted) set.add(draw(bits));
      const sketch = makeSketch(set, bits, capacity);
      return { bits, capacity, elements: [...set].map(String), sketch, ours: bytesToHex(sketchBytes(sketch)) };
    }),
  );
  const lines = execFileSync('python3', [join(import.meta.dirname, '../support/peers/minisketch.py'), judge], {
    input: cases.map(({ sketch: _, ...asked }) => `${JSON.stringify(asked)}\n`).join(''),
    encoding: 'utf8',
  });
  const answers = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(answers.map(({ sketch }) => sketch)).toEqual(cases.map(({ ours }) => ours));
  expect(answers.map(({ decoded }) => decoded)).toEqual(
    cases.map(({ sketch }) => decodeSketch(sketch)?.map(String) ?? null),
  );
  expect(answers.length).toBe(252);
});
