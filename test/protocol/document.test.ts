/** Documents of stateless commands, a field at a time. */
import { describe, expect, it } from 'vitest';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { refusal } from '../support/refusal.ts';

const malformed = (message: string) => ({ code: 'malformed-message', exit: 65, message });

describe('a document', () => {
  it.each([
    ['null', 'null'],
    ['1.5', 'a number'],
    ['7', 'a number'],
    ['"x"', 'text'],
    ['true', 'true or false'],
    ['[{}]', 'a list'],
  ])('that is %s is no object', (text, found) => {
    const wrong = malformed(`the document: ${found} found, an object expected`);
    expect(refusal(() => new Fields(parseJson(text)))).toMatchObject(wrong);
    const inside = malformed(`a[1]: ${found} found, an object expected`);
    const list = new Fields(parseJson(`{"a":[{},${text}]}`));
    expect(refusal(() => list.objects('a', (fields) => fields))).toMatchObject(inside);
  });
  it('that is not there is none', () => {
    expect(refusal(() => new Fields(undefined)).message).toBe('the document: nothing found, an object expected');
  });
});

it.each([
  ['true', true],
  ['false', false],
  ['null', false],
])('a flag that is %s', (text, flag) => {
  expect(new Fields(parseJson(`{"a":${text}}`)).flag('a')).toBe(flag);
  expect(new Fields({}).flag('a')).toBe(false);
});
it.each(['0', '1', '"true"', '""', '[]', '{}', '0.0'])('a flag that is %s is refused', (text) => {
  const found = refusal(() => new Fields(parseJson(`{"a":{"b":${text}}}`)).object('a')!.flag('b'));
  expect(found).toMatchObject({ code: 'malformed-message', message: expect.stringMatching(/^a\.b: .*true or false/) });
});

it.each(['1', 'true', '1.50', '[]', '{}'])('a text that is %s is refused', (text) => {
  const found = refusal(() => new Fields(parseJson(`{"a":[{},{"b":${text}}]}`)).objects('a', (one) => one.text('b')));
  expect(found).toMatchObject({ code: 'malformed-message', message: expect.stringMatching(/^a\[1\]\.b: .*text/) });
});
it('a text that is null is none', () => {
  expect(new Fields(parseJson('{"a":null}')).text('a')).toBeUndefined();
  expect(new Fields(parseJson('{"a":"b"}')).text('a')).toBe('b');
});
