/** Text of strangers, made safe to show on a terminal. */
import { describe, expect, it } from 'vitest';
import { visible } from '../../src/lib/engine/log.ts';

describe('visible', () => {
  it.each([
    ['an escape sequence', '\u001b[2Jgone', '\\u001b[2Jgone'],
    ['a newline', 'a\nerror[ok]: b', 'a\\u000aerror[ok]: b'],
    ['an 8-bit control', '\u009b31m', '\\u009b31m'],
    ['a direction override', 'bc1\u202eq', 'bc1\\u202eq'],
    ['zero-width characters', 'a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
    ['half a surrogate pair', 'a\ud800b', 'a\\ud800b'],
  ])('escapes %s', (_, text, shown) => expect(visible(text)).toBe(shown));

  it('leaves letters of every script and whole pairs alone', () =>
    expect(visible('Zürich 東京 🜚')).toBe('Zürich 東京 🜚'));
  it('cuts after escaping, so that the limit holds', () => {
    expect(visible('\u0000'.repeat(1000), 500)).toHaveLength(500);
    for (const length of [499, 500]) expect(visible('x'.repeat(length), 500)).toBe('x'.repeat(length));
    expect(visible('x'.repeat(501), 500)).toBe(`${'x'.repeat(499)}…`);
  });
});
