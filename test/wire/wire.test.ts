/** BigSize and TLV streams: BOLT1, Appendix A and B, and that there is one encoding of everything. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBigSize, readTruncated, writeBigSize, writeTruncated, writeUint } from '../../src/lib/wire/bigsize.ts';
import {
  field,
  hexBytes,
  parseFields,
  point,
  readFields,
  shortChannelId,
  truncated,
  writeFields,
  type Codec,
} from '../../src/lib/wire/fields.ts';
import { MAX_U64 } from '../../src/lib/bitcoin/bytes.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { PAYLOAD } from '../../src/lib/onion/payload.ts';
import { RECIPIENT_DATA } from '../../src/lib/onion/recipient-data.ts';
import { counted, struct, structs, uint } from '../../src/lib/wire/struct.ts';
import { readStream, writeStream } from '../../src/lib/wire/tlv.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { bytes, hex } from '../support/onion.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

const wire = fixture('wire/bolt1.json');

describe('BigSize', () => {
  for (const { name, value, bytes: encoded, exp_error: error } of wire.bigsize.decode)
    it(`reads: ${name}`, () => {
      if (error)
        expect(codeOf(() => readBigSize(bytes(encoded)))).toBe(
          error.includes('canonical') ? 'bigsize-not-canonical' : 'tlv-truncated',
        );
      else expect(readBigSize(bytes(encoded))).toEqual({ value: BigInt(value), end: encoded.length / 2 });
    });
  it.each<{ name: string; value: string; bytes: string }>(wire.bigsize.encode)(
    'writes: $name',
    ({ value, bytes: encoded }) => {
      expect(hex(writeBigSize(BigInt(value)))).toBe(encoded);
    },
  );
  it('comes back, and needs at least one byte', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, MAX_U64), (n) => {
        const written = writeBigSize(n);
        expect(readBigSize(written)).toEqual({ value: n, end: written.length });
        expect(readTruncated(writeTruncated(n, 8), 8)).toBe(n);
      }),
    );
    expect(codeOf(() => readBigSize(new Uint8Array()))).toBe('tlv-truncated');
    expect(codeOf(() => writeBigSize(MAX_U64 + 1n))).toBe('malformed-message');
    expect(codeOf(() => writeUint(-1n, 2))).toBe('malformed-message');
  });
  it('truncated integers have no leading zero and a largest size', () => {
    expect(codeOf(() => readTruncated(bytes('00'), 8))).toBe('tlv-value');
    expect(codeOf(() => readTruncated(bytes('0001'), 4))).toBe('tlv-value');
    expect(codeOf(() => readTruncated(bytes('0102030405'), 4))).toBe('tlv-value');
  });
});

/** The two namespaces of Appendix B. */
const nodeAndAmounts: Codec<string> = {
  ...hexBytes(49),
  read: (value) => {
    const made = hexBytes(49).read(value);
    point.read(value.subarray(0, 33));
    return made;
  },
};
const NAMESPACES = {
  n1: {
    tlv1: field(1n, truncated(8)),
    tlv2: field(2n, shortChannelId),
    tlv3: field(3n, nodeAndAmounts),
    tlv4: field(254n, hexBytes(2)),
  },
  n2: { tlv1: field(0n, truncated(8)), tlv2: field(11n, truncated(4)) },
};
const CODES: Record<string, string> = {
  'type truncated': 'tlv-truncated',
  'missing length': 'tlv-truncated',
  'length truncated': 'tlv-truncated',
  '(length truncated)': 'tlv-truncated',
  'missing value': 'tlv-truncated',
  'not minimally encoded type': 'bigsize-not-canonical',
  'not minimally encoded length': 'bigsize-not-canonical',
  'value truncated': 'tlv-truncated',
  'unknown even type.': 'tlv-unknown-even',
  'unknown even field for `n1`s namespace.': 'tlv-unknown-even',
  'valid TLV records but invalid ordering': 'tlv-order',
  'duplicate TLV type': 'tlv-duplicate',
  'duplicate TLV type (ignored)': 'tlv-duplicate',
  'valid (ignored) TLV records but invalid ordering': 'tlv-order',
};
interface TlvCase {
  namespace: string;
  valid: boolean;
  stream: string;
  reason?: string;
  values?: string;
}

describe('TLV streams', () => {
  const cases: TlvCase[] = wire.tlv.cases;
  it.each(cases)('$section: $stream ($reason$values)', ({ namespace, valid, stream, reason }) => {
    const spaces = namespace.includes('n1') ? ['n1'] : namespace.includes('n2') ? ['n2'] : ['n1', 'n2'];
    for (const space of spaces) {
      const names = NAMESPACES[space as 'n1'];
      if (valid) expect(hex(writeFields(names, readFields(names, bytes(stream)).values))).toBe(stream);
      else expect(codeOf(() => readFields(names, bytes(stream)))).toBe(CODES[reason!] ?? 'tlv-value');
    }
  });
  it('are all of BOLT1 that the bulk has', () => {
    const bulk = vectors('bolt1/tlv_streams.json');
    if (bulk) expect(cases).toEqual(bulk.cases);
  });
  it('come back, and say where a record is wrong', () => {
    const records = fc.uniqueArray(fc.tuple(fc.bigInt(0n, MAX_U64), fc.uint8Array({ maxLength: 300 })), {
      selector: ([type]) => type,
      maxLength: 8,
    });
    fc.assert(
      fc.property(records, (list) => {
        const written = writeStream(list.map(([type, value]) => ({ type, value })));
        const read = readStream(written);
        expect(read.map(({ type }) => type)).toEqual(list.map(([type]) => type).sort((a, b) => (a < b ? -1 : 1)));
        expect(writeStream(read)).toEqual(written);
      }),
    );
    try {
      readStream(bytes('010101' + '0502aa'));
    } catch (error) {
      expect(error).toMatchObject({ code: 'tlv-truncated', type: 5n, offset: 3 });
    }
    expect(codeOf(() => writeStream([1n, 1n].map((type) => ({ type, value: new Uint8Array() }))))).toBe(
      'tlv-duplicate',
    );
  });
  it('no bytes make it crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (any) => {
        try {
          expect(writeStream(readStream(any))).toEqual(any);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('values of records that are cut', () => {
  // Bytes of the part that is there whatever the amount behind it is.
  it.each<[string, Parameters<typeof readFields>[0], number, number]>([
    ['payment_data', PAYLOAD, 8, 32],
    ['payment_relay', RECIPIENT_DATA, 10, 6],
    ['payment_constraints', RECIPIENT_DATA, 12, 4],
  ])('%s', (name, fields, type, least) => {
    const read = (length: number) =>
      readFields(fields, Uint8Array.of(type, length, ...new Uint8Array(length).fill(1))).values;
    for (const length of [0, least - 1]) expect(codeOf(() => read(length))).toBe('tlv-value');
    for (const length of [least, least + 1]) expect(read(length)).toHaveProperty(name);
  });
});

describe('documents', () => {
  const parse = (json: string) => {
    const unread: string[] = [];
    return { values: parseFields(NAMESPACES.n1, new Fields(parseJson(json), 'p', unread)), unread };
  };
  it('take numbers above 2^53, as numbers and as text, and channels in both forms', () => {
    expect(parse('{"tlv1":18446744073709551615}').values.tlv1).toBe(MAX_U64);
    expect(parse('{"tlv1":"18446744073709551615"}').values.tlv1).toBe(MAX_U64);
    expect(parse('{"tlv2":"0000010000020003"}').values.tlv2).toBe('1x2x3');
  });
  it('name what they do not know, and what is wrong', () => {
    expect(parse('{"tlv1":1,"other":2,"custom":{"65537":"aa"}}')).toEqual({
      values: { tlv1: 1n, custom: { 65537: 'aa' } },
      unread: ['p.other'],
    });
    for (const json of [
      '{"tlv1":18446744073709551616}',
      '{"tlv1":-1}',
      '{"tlv1":1.5}',
      '{"tlv1":[]}',
      '{"tlv1":""}',
      '[]',
      '"x"',
      '1',
    ])
      expect(
        codeOf(() => parse(json)),
        json,
      ).toBe('malformed-message');
    for (const json of [
      '{"tlv2":"16777216x0x0"}',
      '{"tlv2":"0x0x65536"}',
      '{"tlv2":"1x2"}',
      '{"tlv4":"aaa"}',
      '{"tlv4":"aa"}',
      '{"custom":{"x":"aa"}}',
      '{"custom":{"1":"zz"}}',
      '{"custom":{"18446744073709551616":""}}',
    ])
      expect(
        codeOf(() => parse(json)),
        json,
      ).toBe('malformed-message');
  });
});

describe('values of parts', () => {
  const PARTS = { count: uint(2, { most: 0xffffn }), name: counted({ most: 2 }) };
  const [one, many] = [struct(PARTS), structs(PARTS, { name: '' })];
  const parse = (kind: Codec<any>, value: object) =>
    kind.parse(new Fields(parseJson(JSON.stringify({ value }))), 'value');
  it('come back, one or many', () => {
    const values = [
      { count: 7n, name: 'aabb' },
      { count: 0n, name: '' },
    ];
    expect(hex(many.write(values))).toBe('00070002aabb00000000');
    expect(many.read(many.write(values))).toEqual(values);
    expect(many.read(bytes(''))).toEqual([]);
    expect(one.read(one.write(values[0]!))).toEqual(values[0]);
  });
  it('end where their bytes end', () => {
    for (const cut of ['', '00', '0007', '00070002aa', '0000000000', '00000000ff'])
      expect([cut, codeOf(() => one.read(bytes(cut)))]).toEqual([cut, 'tlv-value']);
    expect(codeOf(() => one.read(bytes('0000000000000000')))).toBe('tlv-value');
    expect(codeOf(() => many.read(bytes('000000000000')))).toBe('tlv-value');
  });
  it('are objects in JSON, of which only named parts may be absent', () => {
    expect(parse(many, [{ count: 1 }])).toEqual([{ count: 1n, name: '' }]);
    expect(parse(one, { count: 1, name: '00' })).toEqual({ count: 1n, name: '00' });
    for (const wrong of [{ count: 1 }, { name: '' }, { count: 65_536, name: '' }, { count: 1, name: '000000' }])
      expect(codeOf(() => parse(one, wrong))).toBe('malformed-message');
    expect(() => parse(one, [])).toThrow('an object expected');
  });
});
