/** BOLT11 invoices: the published examples in both directions, two libraries that would differ, LDK. */
import { describe, expect, it } from 'vitest';
import {
  decode as InvoiceDecode,
  encode as InvoiceEncode,
  verify as InvoiceVerify,
} from '../../src/commands/invoice.ts';
import { prefixOf, readBolt11 } from '../../src/lib/offer/bolt11.ts';
import { payeeOf, bolt11Document, encodeBolt11, invoiceIn, verifyBolt11 } from '../../src/lib/offer/bolt11-document.ts';
import { verifiesCompact } from '../../src/lib/signing/ecdsa.ts';
import { readString } from '../../src/lib/offer/string.ts';
import { bytes, fill, hex, peer } from '../support/onion.ts';
import { document, file, pubkey, run, secretFile } from '../support/offer.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const published = fixture('offer/bolt11.json');
const key = bytes(published.privkey);
const decode = (string: string): any => {
  const { invoice, string: lower } = invoiceIn(document({ string }));
  return bolt11Document(invoice, lower);
};
const verify = (string: string, more: object = {}) => verifyBolt11(readBolt11(string), { at: 1_496_314_700n, ...more });
/** The names by which the published file has values. */
const valueIn = ({ type, ...field }: any) =>
  ({
    p: { payment_hash: field.hex },
    s: { payment_secret: field.hex },
    h: { description_hash: field.hex },
    d: { description: field.text },
    m: { payment_metadata: field.hex },
    n: { node_id: field.hex },
    x: { expiry: BigInt(field.value ?? 0) },
    c: { min_final_cltv_expiry_delta: BigInt(field.value ?? 0) },
    9: { features: field.bits },
    f: { fallback: { version: field.version, program: field.hex } },
    r: {
      route: field.hops?.map((hop: any) => ({
        ...hop,
        fee_base_msat: BigInt(hop.fee_base_msat),
        fee_proportional_millionths: BigInt(hop.fee_proportional_millionths),
        cltv_expiry_delta: BigInt(hop.cltv_expiry_delta),
      })),
    },
  })[type as 'p'];
const FIXED: Record<string, number> = { p: 52, s: 52, h: 52, n: 53 };

describe('a published invoice', () => {
  it.each<any>(published.valid)('$description_in_spec', (vector) => {
    const shown = decode(vector.invoice);
    expect(shown).toMatchObject({
      prefix: vector.hrp,
      timestamp: BigInt(vector.timestamp),
      payee: vector.payee,
      signed_by: vector.fields.some(({ type }: any) => type === 'n') ? expect.any(String) : 'recovered',
    });
    expect(String(shown.amount_msat ?? null)).toBe(String(vector.amount_msat));
    vector.fields.forEach((field: any, i: number) => {
      expect(shown.fields[i].tag).toBe(field.type);
      const odd = FIXED[field.type] !== undefined && field.data_length !== FIXED[field.type];
      if (!odd && shown.fields[i].letters === undefined) expect(shown.fields[i]).toMatchObject(valueIn(field)!);
    });
    const { invoice } = invoiceIn(document({ string: vector.invoice }));
    expect(hex(invoice.hash)).toBe(vector.signing_hash ?? hex(invoice.hash));
    // The example of fields to be ignored has some of a wrong length, which the text refuses.
    const ignored = vector.description_in_spec.includes('must be ignored');
    if (ignored) expect(codeOf(() => verify(vector.invoice))).toBe('offer-field');
    verify(vector.invoice, { at: BigInt(vector.timestamp), lenient: ignored });
    if (ignored) return;
    expect((encodeBolt11(document(shown), key, 0n) as { string: string }).string).toBe(vector.invoice.toLowerCase());
    expect((encodeBolt11(document({ ...shown, prefix: undefined }), key, 0n) as any).amount_msat).toBe(
      shown.amount_msat,
    );
  });
  it.each<any>(published.invalid)('is refused: $reason', ({ invoice }) => {
    expect(['malformed-bolt11', 'feature-unknown', 'offer-field', 'signature-invalid', 'field-twice']).toContain(
      codeOf(() => verify(invoice)),
    );
  });
});

const FIELDS = [
  { tag: 'p', payment_hash: '72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793' },
  { tag: 's', payment_secret: '22'.repeat(32) },
  { tag: 'd', description: 'ナンセンス 1杯' },
];
const base = { network: 'regtest', amount_msat: 1_234_500, timestamp: 1_496_314_658, fields: FIELDS };
const encode = (more: object = {}, secret = key): any => encodeBolt11(document({ ...base, ...more }), secret, 5n);
const withFields = (...more: object[]) => encode({ fields: [...FIELDS, ...more] });

describe('an invoice', () => {
  it.each<[string, object[]]>([
    ['field-twice', [FIELDS[0]!]],
    ['field-twice', [{ tag: 'p', payment_hash: '33'.repeat(32) }]],
    ['field-twice', [FIELDS[1]!]],
    ['field-twice', [{ tag: 'd', description: 'tea' }]],
    [
      'field-twice',
      [
        { tag: 'x', expiry: 1 },
        { tag: 'x', expiry: 2 },
      ],
    ],
    [
      'field-twice',
      [
        { tag: 'c', min_final_cltv_expiry_delta: 1 },
        { tag: 'c', min_final_cltv_expiry_delta: 2 },
      ],
    ],
    [
      'field-twice',
      [
        { tag: 'm', payment_metadata: '01' },
        { tag: 'm', payment_metadata: '02' },
      ],
    ],
    [
      'field-twice',
      [
        { tag: '9', features: [8] },
        { tag: '9', features: [14] },
      ],
    ],
    ['offer-field', [{ tag: 'h', description_hash: '33'.repeat(32) }]],
    ['offer-field', [{ tag: 'p', letters: 'qqqq' }]],
    ['offer-field', [{ tag: 'x', letters: 'qp' }]],
    ['offer-field', [{ tag: 'c', letters: 'qp' }]],
    ['offer-field', [{ tag: '9', letters: 'qsq' }]],
    ['offer-field', [{ tag: 'r', letters: 'qq' }]],
    ['offer-field', [{ tag: 'r', letters: 'q' }]],
    ['offer-field', [{ tag: '9', features: [17] }]],
    ['feature-unknown', [{ tag: '9', features: [8, 14, 100] }]],
    // The last bit that a field has room for, and the one behind it.
    ['feature-unknown', [{ tag: '9', features: [5114] }]],
    ['malformed-message', [{ tag: '9', features: [5115] }]],
    ['feature-unknown', [{ tag: '9', features: [0] }]],
    // A number of thirteen letters has more than 64 bits.
    ['offer-field', [{ tag: 'x', letters: 'pqqqqqqqqqqqq' }]],
    ['malformed-message', [{ tag: '', letters: 'q' }]],
    ['malformed-message', [{ tag: 'b', letters: 'q' }]],
    ['malformed-message', [{ tag: 'qq', letters: 'q' }]],
    ['signature-invalid', [{ tag: 'n', node_id: pubkey(0x41) }]],
  ])('is refused with %s: %j', (code, more) => {
    expect(codeOf(() => withFields(...more))).toBe(code);
  });
  it('has one payment hash, one secret, and a description or its hash', () => {
    for (let at = 0; at < 3; at++)
      expect(codeOf(() => encode({ fields: FIELDS.toSpliced(at, 1) }))).toBe('offer-field');
    const hashed = [...FIELDS.slice(0, 2), { tag: 'h', description_hash: '33'.repeat(32) }];
    expect(encode({ fields: hashed }).problems).toEqual([]);
  });
  it('keeps odd features, unknown fields, versions and letters as they are', () => {
    const more = [
      { tag: '2', letters: 'qpzry' },
      { tag: 'f', letters: 'lqqq' },
      { tag: '9', features: [8, 14, 17, 101] },
      { tag: 'f', fallback: { address: 'bcrt1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvses69jayx' } },
      { tag: 'f', fallback: { address: 'mk2QpYatsKicvFVuTAQLBryyccRXMUaGHP' } },
      { tag: 'f', fallback: { version: 16, program: '11'.repeat(20) } },
      { tag: 'f', fallback: { version: 18, program: '11'.repeat(20) } },
    ].filter(
      (field) => !('fallback' in field && 'address' in field.fallback && field.fallback.address.startsWith('bcrt1p')),
    );
    const made = withFields(...more);
    expect(made.problems).toEqual([]);
    expect(encodeBolt11(document(made), key, 0n)).toEqual(made);
    expect(made.fields.at(-2)).toMatchObject({ fallback: { version: 16, program: '11'.repeat(20) } });
    expect(made.fields.at(-1)).toMatchObject({ fallback: { version: 18, program: '11'.repeat(20) } });
    expect(made.string).toMatch(/^lnbcrt12345n1/);
  });
  it('has no field of features where none is set', () => {
    const made = withFields({ tag: '9', features: [] });
    expect(made.fields.map(({ tag }: { tag: string }) => tag)).toEqual(FIELDS.map(({ tag }) => tag));
    expect(made.string).toBe(withFields().string);
  });
  it('that is none is named by its first letters', () => {
    expect(() => readBolt11('lno1pqpsrp4qpgp4getpzcss')).toThrow(
      '"lno1pqpsrp4qpgp4getp…" found, a string that begins with lnbc',
    );
    expect(() => readBolt11(`lnbc1${'q'.repeat(1000)}`)).toThrow(/^"lnbc1q{15}…": the checksum does not fit/);
    expect(() => readString('LNBC1QQQ')).toThrow(expect.objectContaining({ hint: expect.stringContaining('BOLT11') }));
    expect(() => encode({ fields: FIELDS.slice(0, 1) })).toThrow('s: no payment_secret found');
  });
  it('writes 0 in no letters', () => {
    const made = withFields({ tag: 'x', expiry: 0 }, { tag: 'c', min_final_cltv_expiry_delta: 0 });
    expect(made).toMatchObject({ expires_at: made.timestamp, min_final_cltv_expiry_delta: 0n, problems: [] });
    expect(withFields({ tag: 'x', letters: '' }, { tag: 'c', letters: '' }).string).toBe(made.string);
  });
  it('shows the letters of a value that would be written in others', () => {
    // The bit behind the text is set.
    const fields = FIELDS.map((field) => (field.tag === 'd' ? { tag: 'd', letters: 'w3jkr' } : field));
    const made = encode({ fields });
    expect(made.fields.find(({ tag }: any) => tag === 'd')).toEqual({ tag: 'd', description: 'tea', letters: 'w3jkr' });
    expect(encodeBolt11(document(made), key, 0n)).toEqual(made);
  });
  it('is written in the shortest amount, or in the one that it had', () => {
    const amount = (amount_msat: number, more: object = {}) => encode({ amount_msat, ...more }).prefix;
    expect([100_000_000_000, 100_000_000, 200_000, 300, 1].map((msat) => amount(msat))).toEqual([
      'lnbcrt1',
      'lnbcrt1m',
      'lnbcrt2u',
      'lnbcrt3n',
      'lnbcrt10p',
    ]);
    expect(amount(200_000, { prefix: 'lnbcrt2000n' })).toBe('lnbcrt2000n');
    expect(amount(200_000, { prefix: 'lnbcrt2001n' })).toBe('lnbcrt2u');
    expect(amount(200_000, { prefix: 'lnbc2000n' })).toBe('lnbcrt2u');
    expect(encode({ amount_msat: undefined }).prefix).toBe('lnbcrt');
    expect(codeOf(() => encode({ amount_msat: 0 }))).toBe('malformed-message');
    expect(codeOf(() => prefixOf('testnet4', 1n))).toBe('wrong-network');
  });
  it.each(['lnbc01m', 'lnbc1x', 'lnbc11p', 'lnxx1m', 'bc1m', 'lnbc-1m'])('has no prefix like %s', (prefix) => {
    const words = `${prefix}1${encode().string.split('1').at(-1)}`;
    expect(codeOf(() => readBolt11(words))).toBe('malformed-bolt11');
  });
  it('is by the key of its field n, with low s, or by the one that its signature gives', () => {
    const named = encode({ fields: [...FIELDS, { tag: 'n', node_id: pubkey(0x41) }] }, fill(0x41));
    expect(named).toMatchObject({ payee: pubkey(0x41), signed_by: 'n' });
    expect(encode()).toMatchObject({ signed_by: 'recovered' });
    const bad = published.invalid.find(({ reason }: any) => reason.includes('high-S')).invoice;
    // It has its payment secret twice, too.
    expect(decode(bad).problems.map(({ code }: any) => code)).toEqual(['field-twice', 'signature-invalid']);
  });
  it('may be by a key of any of four numbers, also where r is above the order of the group', () => {
    const invoice = readBolt11(encode().string);
    // Of small numbers r, one with a point at r + N.
    const keys = Array.from({ length: 20 }, (_, i) => {
      const signature = Uint8Array.from([...fill(0, 31), i + 1, ...fill(1)]);
      const [found, beyond] = [3, 4].map((recovery) => payeeOf({ ...invoice, signature, recovery }, []));
      expect(beyond).toBeUndefined();
      return found && verifiesCompact(signature, invoice.hash, bytes(found.key));
    });
    expect(new Set(keys)).toEqual(new Set([true, undefined]));
  });
  it('is over at its end, for one amount, and paid by one preimage', () => {
    const { string } = withFields({ tag: 'x', expiry: 60 });
    verify(string, { at: 1_496_314_718n, amountMsat: 1_234_500n, preimage: fill(1) });
    expect(codeOf(() => verify(string, { at: 1_496_314_719n }))).toBe('invoice-expired');
    expect(codeOf(() => verify(string, { amountMsat: 1n }))).toBe('amount-differs');
    expect(codeOf(() => verify(string, { preimage: fill(2) }))).toBe('wrong-preimage');
    verify(encode({ amount_msat: undefined }).string, { amountMsat: 1n });
  });
});

describe('LDK', () => {
  it('reads the published invoices and those that are made here, and refuses the same', () => {
    const route = [
      {
        pubkey: pubkey(0x41),
        short_channel_id: '1x2x3',
        fee_base_msat: 1,
        fee_proportional_millionths: 2,
        cltv_expiry_delta: 3,
      },
    ];
    const own = [
      encode({ fields: [...FIELDS, { tag: '9', features: [8, 14] }] }),
      encode({ fields: [...FIELDS, { tag: 'x', expiry: 0 }, { tag: '9', features: [8, 14] }] }),
      encode({
        fields: [
          ...FIELDS,
          { tag: 'x', expiry: 77 },
          { tag: 'c', min_final_cltv_expiry_delta: 40 },
          { tag: 'r', route },
          { tag: '9', features: [8, 14, 17] },
        ],
      }),
    ];
    const valid = [...published.valid.map(({ invoice }: any) => decode(invoice)), ...own];
    const said = peer('ldk-offers', [
      ...valid.map(({ string }) => ({ bolt11: string })),
      ...published.invalid.map(({ invoice }: any) => ({ bolt11: invoice })),
    ]);
    valid.forEach((shown, i) =>
      expect(said[i]).toMatchObject({
        ok: true,
        string: shown.string,
        amount: shown.amount_msat === undefined ? null : String(shown.amount_msat),
        timestamp: String(shown.timestamp),
        expiry: String(shown.expires_at - shown.timestamp),
        payee: shown.payee,
        hash: shown.fields.find((field: any) => field.payment_hash).payment_hash,
        secret: shown.fields.find((field: any) => field.payment_secret).payment_secret,
        routes: shown.routes.length,
      }),
    );
    expect(said.slice(valid.length).map(({ ok }) => ok)).toEqual(published.invalid.map(() => false));
  });
});

describe('the commands of invoices', async () => {
  const nodeKey = secretFile(0x41);
  const made = await run(InvoiceEncode, ['--key-file', nodeKey], base);
  it('make one, show it and take it', async () => {
    expect(made).toMatchObject({ exit: 0, json: { type: 'invoice', version: 1, payee: pubkey(0x41), problems: [] } });
    expect((await run(InvoiceDecode, [], `lightning:${made.json.string.toUpperCase()}`)).json).toEqual(made.json);
    const verified = await run(
      InvoiceVerify,
      ['--at', '1496314700', '--amount-msat', '1234500', '--preimage-file', secretFile(1)],
      made.json,
    );
    expect(verified).toMatchObject({ exit: 0, json: made.json });
  });
  it('refuse it for what it is, and show it all the same', async () => {
    expect(await run(InvoiceVerify, [], made.json.string)).toMatchObject({ code: 'invoice-expired', stdout: '' });
    expect(await run(InvoiceDecode, [], published.invalid[1].invoice)).toMatchObject({ code: 'malformed-bolt11' });
    expect(await run(InvoiceEncode, [], base)).toMatchObject({ code: 'usage' });
    const lines = `${made.json.string}\nlnbc1\n`;
    const batch = await run(InvoiceDecode, ['--batch'], lines);
    expect([batch.exit, batch.stdout.trim().split('\n').length]).toEqual([65, 2]);
    const odd = published.valid.find(({ description_in_spec: text }: any) => text.includes('must be ignored')).invoice;
    expect(await run(InvoiceVerify, ['--lenient', '--at', '1496314700'], odd)).toMatchObject({ exit: 0 });
    expect(file('')).toBeDefined();
  });
});
