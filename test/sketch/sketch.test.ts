/** Sketches: bytes as libminisketch writes them, and every difference within the capacity decodes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import {
  decodeSketchDocument,
  makeDocument,
  mergeDocuments,
  parseElements,
  parseSketch,
  rawElements,
} from '../../src/lib/sketch/document.ts';
import { BinaryField } from '../../src/lib/sketch/field.ts';
import {
  capacityOf,
  decodeSketch,
  makeSketch,
  maxElements,
  mergeSketches,
  readSketch,
  sketchBytes,
} from '../../src/lib/sketch/sketch.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { drawer, MUTATIONS, mutated } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

interface Row {
  bits: number;
  capacity: number;
  elements: string[];
  sketch: string;
}
const published = fixture<{ fields: Row[]; goldens: Row[]; max: [number, number, number, number][] }>(
  'sketch/minisketch.json',
);
const SEED = 20_261_124;
const document = (value: object): Fields => new Fields(parseJson(printJson(value)));
const rising = (set: Iterable<bigint>): bigint[] => [...set].sort((a, b) => (a < b ? -1 : 1));

describe('libminisketch', () => {
  const rows = [...published.goldens, ...published.fields];
  it('has vectors here of every field', () => expect(new Set(rows.map(({ bits }) => bits)).size).toBe(63));
  it.each(rows)('writes $bits/$capacity $sketch, and reads it', ({ bits, capacity, elements, sketch }) => {
    const set = elements.map(BigInt);
    expect(bytesToHex(sketchBytes(makeSketch(set, bits, capacity)))).toBe(sketch);
    expect(decodeSketch(readSketch(hexToBytes(sketch), bits, capacity))).toEqual(rising(set));
  });
  it('counts the elements that a false positive rate leaves', () => {
    const wrong = published.max.filter(([b, c, f, n]) => maxElements(b, c, f) !== n);
    expect(wrong).toEqual([]);
    expect(published.max.length).toBe(168);
  });
});

describe('a sketch', () => {
  const sets = fc
    .integer({ min: 2, max: 64 })
    .chain((bits) =>
      fc.tuple(
        fc.constant(bits),
        fc.uniqueArray(fc.bigInt({ min: 1n, max: (1n << BigInt(bits)) - 1n }), { maxLength: 24 }),
      ),
    );
  it('of any set within its capacity decodes', () => {
    fc.assert(
      fc.property(sets, fc.nat(3), ([bits, set], spare) => {
        expect(decodeSketch(makeSketch(set, bits, Math.max(1, set.length + spare)))).toEqual(rising(set));
      }),
      { numRuns: 400, seed: SEED },
    );
  });
  it('of more elements never decodes to another set than one with the same sketch', () => {
    fc.assert(
      fc.property(sets, ([bits, set]) => {
        const capacity = Math.max(1, set.length - 2);
        const sketch = makeSketch(set, bits, capacity);
        const found = decodeSketch(sketch);
        if (found) expect(sketchBytes(makeSketch(found, bits, capacity))).toEqual(sketchBytes(sketch));
      }),
      { numRuns: 400, seed: SEED },
    );
  });
  it('merged with another is that of the difference', () => {
    const ours = Array.from({ length: 10 }, (_, i) => 3000n + BigInt(i));
    const theirs = Array.from({ length: 10 }, (_, i) => 3002n + BigInt(i));
    const merged = mergeSketches(makeSketch(ours, 32, 8), makeSketch(theirs, 32, 6));
    expect(capacityOf(merged)).toBe(6);
    expect(decodeSketch(merged)).toEqual([3000n, 3001n, 3010n, 3011n]);
  });
  it.each([8, 13, 32, 47, 64])('of %i bits grows by an extension into the sketch made at once', (bits) => {
    const set = Array.from({ length: 30 }, (_, i) => BigInt(i * 5 + 1));
    const [small, more, large] = [
      makeDocument(set, bits, 7),
      makeDocument(set, bits, 33, 7),
      makeDocument(set, bits, 33),
    ];
    expect(mergeDocuments(document(small), document(more))).toEqual(large);
  });
  it('of 200 elements in a capacity of 200 uses the large tables and decodes', () => {
    const set = Array.from({ length: 200 }, (_, i) => (BigInt(i) * 0x9e3779b97f4a7c15n) & ((1n << 64n) - 1n) || 1n);
    for (const bits of [32, 33, 64]) {
      const narrow = rising(new Set(set.map((e) => (e >> BigInt(64 - bits)) | 1n)));
      expect(narrow.length).toBeGreaterThan(150);
      expect(decodeSketch(makeSketch(narrow, bits, 200))).toEqual(narrow);
    }
  });
  it('refuses 0, what is too wide, and bits behind its end', () => {
    expect(codeOf(() => makeSketch([0n], 8, 3))).toBe('element-range');
    expect(codeOf(() => makeSketch([256n], 8, 3))).toBe('element-range');
    expect(codeOf(() => readSketch(hexToBytes('fff7'), 3, 4))).toBe('malformed-message');
    expect(codeOf(() => readSketch(hexToBytes('ffffff'), 8, 4))).toBe('malformed-message');
  });
});

describe('bytes from strangers', () => {
  it('of a sketch, changed in any way, decode to a set or to none', () => {
    const draw = drawer(6);
    const set = [3000n, 3001n, 3002n, 3003n];
    const bytes = sketchBytes(makeSketch(set, 32, 6));
    let sets = 0;
    for (let i = 0; i < MUTATIONS; i++)
      try {
        const sketch = readSketch(mutated(bytes, draw), 32, 6);
        const found = decodeSketch(sketch, 16);
        if (!found) continue;
        sets += 1;
        expect(sketchBytes(makeSketch(found, 32, 6))).toEqual(sketchBytes(sketch));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    // A byte that was replaced by itself.
    expect(sets).toBeLessThan(MUTATIONS / 20);
  });
  it('of elements and of sketches as documents, changed in any way, are read or refused', () => {
    const draw = drawer(7);
    const texts = [
      '{"elements":[1,"0xff",9007199254740993,255]}',
      '1 2 0xff 300 77',
      '[5,6,"7"]',
      printJson(makeDocument([3000n, 3001n], 32, 4)),
      printJson(makeDocument([300n, 301n], 9, 8, 3)),
    ].map((text) => new TextEncoder().encode(text));
    const read = texts.map(() => 0);
    for (let i = 0; i < MUTATIONS; i++)
      try {
        const kind = i % texts.length;
        const text = new TextDecoder().decode(mutated(texts[kind]!, draw)).trim();
        const from = new Fields(rawElements(text) ?? parseJson(text));
        if (kind < 3) {
          const { elements } = parseElements(from);
          expect(new Set(elements).size).toBe(elements.length);
        } else {
          const { sketch, from: start } = parseSketch(from);
          expect(start + capacityOf(sketch)).toBeLessThanOrEqual(65_536);
          if (capacityOf(sketch) < 100) decodeSketch(sketch, 16);
        }
        read[kind]! += 1;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    expect(Math.min(...read)).toBeGreaterThan(0);
  });
});

describe('the field', () => {
  it('has an inverse of every element tried', () => {
    for (let bits = 2; bits <= 64; bits++) {
      const field = new BinaryField(bits);
      for (const e of [1n, 2n, 3n, (1n << BigInt(bits)) - 1n, 1n << BigInt(bits - 1)]) {
        const row = BinaryField.row([e]);
        expect(BinaryField.number(field.times(row, field.inverse(row)), 0)).toBe(1n);
      }
    }
  });
});

describe('documents', () => {
  it('take elements as a list, as words, and as numbers above 2^53', () => {
    expect(rawElements('[1, 2]')).toEqual({ elements: [1, 2] });
    expect(rawElements('1\n0xff 3')).toEqual({ elements: ['1', '0xff', '3'] });
    expect(rawElements('one')).toBeUndefined();
    expect(rawElements('ff')).toBeUndefined();
    const { elements } = decodeSketchDocument(document(makeDocument([2n ** 63n], 64, 2)), 16);
    expect(elements).toEqual([String(2n ** 63n)]);
    expect(decodeSketchDocument(document(makeDocument([2n ** 52n], 53, 2)), 16).elements).toEqual([2n ** 52n]);
    expect(decodeSketchDocument(document(makeDocument([2n ** 52n], 54, 2)), 16).elements).toEqual([String(2n ** 52n)]);
  });
  it('say what does not fit together', () => {
    const [a, b, c] = [makeDocument([1n], 8, 3), makeDocument([1n], 9, 3), makeDocument([1n], 8, 9, 4)];
    expect(codeOf(() => mergeDocuments(document(a), document(b)))).toBe('malformed-message');
    expect(codeOf(() => mergeDocuments(document(a), document(c)))).toBe('malformed-message');
    expect(codeOf(() => decodeSketchDocument(document(c), 16))).toBe('malformed-message');
    expect(codeOf(() => makeDocument([1n], 8, 3, 3))).toBe('usage');
  });
});
