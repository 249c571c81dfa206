/** The limits of sketches. */
import { describe } from 'vitest';
import { decodeSketchDocument, makeDocument, parseSketch } from '../../src/lib/sketch/document.ts';
import { FIELD_LIMITS } from '../../src/lib/sketch/field.ts';
import { makeSketch, SKETCH_LIMITS } from '../../src/lib/sketch/sketch.ts';
import { decode as SketchDecode } from '../../src/commands/sketch.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { command } from '../support/command.ts';
import { limits } from '../support/limits.ts';

const sketch = (bits: number, capacity: number) =>
  parseSketch(new Fields({ bits, capacity, sketch: '00'.repeat(Math.ceil((bits * capacity) / 8)) }));
const malformed = 'malformed-message' as const;

describe('a field', () =>
  limits(FIELD_LIMITS, { bits: { takes: (n) => sketch(n, 8), below: malformed, above: malformed } }));
describe('a sketch', () =>
  limits(SKETCH_LIMITS, {
    capacity: { takes: (n) => sketch(8, n), below: malformed, above: malformed },
    element: [
      { takes: (e) => makeSketch([e], 8, 2), below: 'element-range', above: 'element-range', figures: [8] },
      { takes: (e) => makeDocument([e], 64, 2), below: 'element-range', above: 'element-range', figures: [64] },
    ],
    falsePositive: {
      takes: async (n: number) => {
        decodeSketchDocument(new Fields(makeDocument([1n], 8, 3) as never), 0);
        const ended = await command(SketchDecode, ['--false-positive-bits', String(n), '/nowhere']);
        if (ended.code !== 'no-input') throw new Refusal('usage', ended.message);
      },
      below: 'usage',
      above: 'usage',
    },
  }));
