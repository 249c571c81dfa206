/** JSON of messages: a strict reader, and the canonical form of RFC 8785. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, DecimalText, parseJson, printJson, withSats, type Json } from '../../src/lib/protocol/json.ts';
import { codeOf, refusal } from '../support/refusal.ts';

/** What messages hold. */
const value = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
    fc.string({ unit: 'binary' }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((k) => k !== '__proto__'),
      tie('any'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).any;

describe('reading', () => {
  it('gives back what was printed, in one line or many', () => {
    fc.assert(
      fc.property(value, (x) => {
        expect(parseJson(printJson(x))).toEqual(x);
        expect(parseJson(printJson(x, '  '))).toEqual(x);
        expect(parseJson(canonicalJson(x))).toEqual(x);
        expect(printJson(x)).not.toContain('\n');
        expect(printJson(x)).toBe(JSON.stringify(x));
        expect(printJson(x, '  ')).toBe(JSON.stringify(x, null, 2));
      }),
    );
  });
  it('agrees with JSON.parse wherever it takes a text', () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: fc.constantFrom(...'{}[]",:0123456789.-+eE\\u truefalsn\n\t'.split('')) }),
    );
    fc.assert(
      fc.property(text, (t) => {
        let mine: Json;
        try {
          mine = parseJson(t);
        } catch (error) {
          expect((error as { code: string }).code).toBe('malformed-json');
          return;
        }
        const plain = (x: Json): unknown =>
          x instanceof DecimalText
            ? Number(x.text)
            : Array.isArray(x)
              ? x.map(plain)
              : x && typeof x === 'object'
                ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)]))
                : x;
        expect(plain(mine)).toEqual(JSON.parse(t));
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    '',
    ' ',
    '{',
    '[',
    '{"a":1',
    '[1',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '[1,]',
    '{"a":1,}',
    '[,1]',
    '[1 2]',
    '{"a" 1}',
    '1 2',
    '{} {}',
    '{}x',
    'null,',
    'nul',
    'True',
    'NaN',
    'Infinity',
    '-',
    '+1',
    '01',
    '-01',
    '1.',
    '.5',
    '1e',
    '1e+',
    '0x1',
    '1_0',
    '"',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"a\nb"',
    '"\t"',
    '"\u0000"',
    '// x\n1',
    '/**/1',
    '\ufeff{}',
    '\u00a01',
    '{}\u0000',
    ']',
    '}',
    ',',
  ])('%j is refused', (text) => {
    expect(refusal(() => parseJson(text))).toMatchObject({ code: 'malformed-json', exit: 65 });
  });

  it('refuses a repeated key at any depth, however it is written', () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"b":2,"a":3}',
      '{"x":{"a":1,"a":2}}',
      '[[{"a":null,"a":null}]]',
      '{"a":1,"\\u0061":2}',
      '{"":1,"":2}',
      '{"toString":1,"toString":2}',
    ])
      expect(refusal(() => parseJson(text)).message, text).toContain('is repeated');
    expect(parseJson('{"a":{"a":1},"b":{"a":2}}')).toEqual({ a: { a: 1 }, b: { a: 2 } });
    expect(parseJson('{"toString":1,"constructor":2}')).toEqual({ toString: 1, constructor: 2 });
  });

  it('refuses __proto__, however it is written', () => {
    for (const text of ['{"__proto__":{}}', '{"a":{"__proto__":1}}', '{"\\u005f_proto__":[]}'])
      expect(refusal(() => parseJson(text)).message).toContain('__proto__');
    expect(parseJson('"__proto__"')).toBe('__proto__');
  });

  it.each([
    '1.0',
    '0.1',
    '1e3',
    '1E3',
    '1e-3',
    '-0',
    '-0.0',
    '9007199254740992',
    '-9007199254740992',
    '1e400',
    '123456789012345678901234567890',
  ])('the number %s stays text, which nothing but a reader of decimals takes', (text) => {
    expect(parseJson(text)).toEqual(new DecimalText(text));
    expect(parseJson(`[${text}]`)).toEqual([new DecimalText(text)]);
    expect(printJson(parseJson(text))).toBe(text);
  });
  it.each([
    ['0', 0],
    ['7', 7],
    ['-7', -7],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', -Number.MAX_SAFE_INTEGER],
  ])('the number %s is whole', (text, number) => {
    expect(parseJson(text)).toBe(number);
  });

  it('goes 32 levels deep', () => {
    const deep = (n: number) => '['.repeat(n) + ']'.repeat(n);
    const objects = (n: number) => '{"a":'.repeat(n) + '1' + '}'.repeat(n);
    expect(parseJson(deep(33))).toHaveLength(1);
    expect(parseJson(objects(32))).toBeTypeOf('object');
    for (const text of [deep(34), objects(33), deep(100_000), '['.repeat(1_000_000)])
      expect(refusal(() => parseJson(text)).message).toContain('at most 32 levels');
  });

  it('takes white space of JSON around everything', () => {
    expect(parseJson(' \t\r\n{ "a" : [ 1 , 2 ] , "b" : { } , "c" : [ ] } \n')).toEqual({ a: [1, 2], b: {}, c: [] });
  });

  it('reads escapes, and keeps lone surrogates as they are', () => {
    expect(parseJson('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac"')).toBe('"\\/\b\f\n\r\t€');
    expect(parseJson('"\\ud83d\\ude00"')).toBe('😀');
    // Well-formed output has no lone surrogates: it is written as an escape, so that bytes of UTF-8 can carry it.
    expect(parseJson('"\\ud800"')).toBe('\ud800');
    expect(printJson('\ud800')).toBe('"\\ud800"');
    expect(canonicalJson(parseJson('"\\uDC00"'))).toBe('"\\udc00"');
  });

  it('says what it found and where', () => {
    expect(refusal(() => parseJson('{"a":1 "b":2}')).message).toBe(
      '"\\"b\\":2}" found at character 7, "," or "}" expected',
    );
    expect(refusal(() => parseJson('[1,')).message).toContain('the end of the input found at character 3');
  });
  it('is not slow where a text is long', () => {
    const long = JSON.stringify(Array.from({ length: 50_000 }, (_, i) => ({ [`k${i}`]: 'x'.repeat(20) })));
    expect(parseJson(long)).toHaveLength(50_000);
    expect(codeOf(() => parseJson(`"${'\\'.repeat(99_999)}`))).toBe('malformed-json');
  });
});

describe('the canonical form', () => {
  // RFC 8785, 3.2.3: keys in the order of UTF-16 code units.
  it('sorts keys as RFC 8785 does', () => {
    const object = JSON.parse(
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
    );
    const order = [...canonicalJson(object).matchAll(/:"([^"]+)"/g)].map((m) => m[1]);
    expect(order).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });
  // RFC 8785, 3.2.2, less its numbers that are not whole.
  it('escapes as RFC 8785 does', () => {
    const text = parseJson(
      '{"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );
    expect(canonicalJson(text)).toBe('{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
  });
  it('has no white space, sorts at every depth, and not in lists', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }, 'x'], a: { z: {}, y: [] } })).toBe(
      '{"a":{"y":[],"z":{}},"b":[{"c":2,"d":1},"x"]}',
    );
  });
  it('is one for all orders of keys, and another for another value', () => {
    const shuffled = (x: Json): Json =>
      Array.isArray(x)
        ? x.map(shuffled)
        : x && typeof x === 'object'
          ? (Object.fromEntries(
              Object.entries(x)
                .reverse()
                .map(([k, v]) => [k, shuffled(v)]),
            ) as Json)
          : x;
    fc.assert(
      fc.property(value, value, (x, y) => {
        expect(canonicalJson(shuffled(x))).toBe(canonicalJson(x));
        const same = canonicalJson(x) === canonicalJson(y);
        if (same) expect(y).toEqual(x);
        else expect(y).not.toEqual(x);
      }),
    );
  });
  it('writes satoshis as whole numbers', () => {
    expect(canonicalJson({ sat: 2_100_000_000_000_000n })).toBe('{"sat":2100000000000000}');
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });
});

describe('printing', () => {
  it('keeps the order of keys', () => {
    expect(printJson({ b: 1, a: 2n })).toBe('{"b":1,"a":2}');
  });
  it.each([0.5, NaN, Infinity, 2 ** 53, Symbol('x'), () => 1, undefined])(
    '%s is refused as a fault of the program',
    (x) => {
      expect(codeOf(() => printJson(x))).toBe('bug');
      expect(codeOf(() => canonicalJson([x]))).toBe('bug');
    },
  );
});

it('amounts come back as bigint by their names', () => {
  const stored = {
    sat: 1,
    paidSat: 2,
    amount_sat: 3,
    vout: 4,
    saturn: 5,
    list: [{ feeSat: 6 }],
    sats: 7,
    none_sat: null,
    text: 'sat',
    beSat: { sat: 8 },
  };
  expect(withSats(stored)).toEqual({
    ...stored,
    sat: 1n,
    paidSat: 2n,
    amount_sat: 3n,
    list: [{ feeSat: 6n }],
    beSat: { sat: 8n },
  });
});
