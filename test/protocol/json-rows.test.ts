/** Large JSON as a stream: what the engine reads at once comes row by row, in pieces of any size, and what it refuses is refused. */
import { describe, expect, it } from 'vitest';
import { JsonRows } from '../../src/lib/protocol/json-rows.ts';
import { codeOf } from '../support/refusal.ts';

/** Reads in pieces, and puts the rows back where they were. */
function read(text: string | Uint8Array, size: number): unknown {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const lists: Record<string, unknown[]> = {};
  const reader = new JsonRows((list, rows) => (lists[list] ??= []).push(...rows));
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  const frame = reader.end();
  return Array.isArray(frame) ? (lists[''] ?? []) : Object.assign(frame as object, lists);
}
const SIZES = [1, 2, 3, 7, 64, 100_000];

describe('a document in pieces', () => {
  const DOCUMENTS = [
    { edges: [{ a: 1, b: '}],[{"\\' }, { b: [[1], { c: [] }] }], nodes: [], at: 5, name: 'é⚡[' },
    [{ a: ['x', { y: '\\"' }] }, {}, { '': '\u0000"' }],
    { 'a "quoted" [name': [{ k: '⚡'.repeat(40) }, { k: '\ufffd' }], deep: { list: [{ a: 1 }] } },
    {},
    [],
    { numbers: [1, 2, 3], mixed: [1, { a: 2 }, 'x', [3], null] },
  ];
  it.each(DOCUMENTS.map((document) => [document]))('is what the engine reads: %j', (document) => {
    for (const text of [JSON.stringify(document), JSON.stringify(document, null, 2)])
      for (const size of SIZES) expect(read(text, size)).toEqual(document);
  });
  it.each([
    '{"a":[{},]}',
    '{"a":[,{}]}',
    '{"a":[{}{}]}',
    '{"a":[{},,{}]}',
    '{"a":[{}',
    '{"a":[{}]',
    '{"a":[{]}',
    '[{}]]',
    '{"a":["}',
    '{a:[{}]}',
    '[}]',
    '',
  ])('that is none is refused: %s', (text) => {
    for (const size of SIZES) expect(codeOf(() => read(text, size))).toBe('malformed-json');
  });
  it('that is no UTF-8 is refused', () => {
    const bytes = new TextEncoder().encode('{"a":[{"b":"x"}],"c":"x"}');
    for (const at of [12, 22]) {
      const broken = bytes.slice();
      broken[at] = 0xff;
      for (const size of SIZES) expect(codeOf(() => read(broken, size))).toBe('malformed-json');
    }
  });
});
