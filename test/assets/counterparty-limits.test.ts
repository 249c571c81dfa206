/** Counterparty's names, messages and carriers, on both sides of every limit. */
import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import { ascii, orMalformed } from '../../src/lib/assets/bytes.ts';
import { carriedBy, rc4 } from '../../src/lib/assets/counterparty/carrier.ts';
import { cborJson } from '../../src/lib/assets/counterparty/cbor.ts';
import { readCounterpartyMessage } from '../../src/lib/assets/counterparty/decode.ts';
import { packedAddress, shortAddress, subassetName } from '../../src/lib/assets/counterparty/names.ts';
import { opReturnScript } from '../../src/lib/assets/script.ts';
import type { Tx } from '../../src/lib/assets/transaction.ts';
import { concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { makeTx, P2PKH } from './make.ts';

const hex = (text: string) => hexToBytes(text);
const reasonOf = (read: () => unknown): string | undefined => (orMalformed(read) as { reason?: string }).reason;
/** A whole number of so many bytes, in hex. */
const n = (value: number, bytes: number): string => value.toString(16).padStart(2 * bytes, '0');

describe('addresses', () => {
  it.each([
    // bytes of the witness program, and its version
    [1, 1, null],
    [2, 1, '5102'],
    [40, 1, '5128'],
    [41, 1, null],
    [32, 0, '0020'],
    [32, 15, '5f20'],
    [32, 16, '6020'],
    [32, 17, null],
  ])('packed: a program of %i bytes, version %i', (size, version, head) => {
    const program = '22'.repeat(size);
    const read = () => packedAddress(hex(`03${n(version, 1)}${program}`), 'mainnet');
    if (head === null) expect(reasonOf(read)).toBe('bad-address');
    else expect(read().script).toBe(`${head}${program}`);
  });
  it.each([
    [0x7f, null],
    [0x80, '0014'],
    [0x81, '5114'],
    [0x8f, '5f14'],
    [0x90, '6014'],
    [0x91, null],
  ])('short: version %i', (version, head) => {
    const read = () => shortAddress(hex(`${n(version, 1)}${'33'.repeat(20)}`), 'mainnet');
    if (head === null) expect(reasonOf(read)).toBe('bad-address');
    else expect(read().script).toBe(`${head}${'33'.repeat(20)}`);
  });
});

it.each([199, 200, 201])('the name of a subasset of %i bytes, of at most 200', (size) => {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i === size - 1 ? 1 : 0));
  if (size <= 200) expect(subassetName(bytes)).toBe('a');
  else expect(reasonOf(() => subassetName(bytes))).toBe('bad-asset');
  const message = concatBytes(hex(`15${n(1, 8)}${n(5, 8)}00${n(size, 1)}`), bytes);
  expect(readCounterpartyMessage(message, 'mainnet')).toMatchObject(
    size <= 200 ? { format: 'packed', fields: { asset_longname: 'a' } } : { fields: null, reason: 'bad-asset' },
  );
});

describe('packed messages', () => {
  const send = `${n(1, 8)}${n(5, 8)}`;
  it.each<[string, string, object | string]>([
    ['a flag of 0', `16${send}000000`, { divisible: false, lock: false, reset: false }],
    ['a flag of 1', `16${send}010001`, { divisible: true, lock: false, reset: true }],
    ['a flag of 2', `16${send}010200`, 'bad-flag'],
    ['a number', `5b${Buffer.from('XCP|12').toString('hex')}`, { asset: 'XCP', quantity: '12' }],
    ['no number', `5b${Buffer.from('XCP|12x').toString('hex')}`, 'bad-fields'],
    ['nothing for a number', `5b${Buffer.from('XCP|').toString('hex')}`, 'bad-fields'],
    [
      'a number of 20 digits',
      `5b${Buffer.from(`XCP|${'9'.repeat(20)}`).toString('hex')}`,
      { quantity: '9'.repeat(20) },
    ],
    ['a number of 21 digits', `5b${Buffer.from(`XCP|${'9'.repeat(21)}`).toString('hex')}`, 'bad-fields'],
    ['a dividend', `32${send.slice(0, 16)}${n(1, 8)}`, { dividend_asset: 'XCP' }],
    ['a dividend in another asset', `32${send.slice(0, 16)}${n(1, 8)}${n(0, 8)}`, { dividend_asset: 'BTC' }],
    ['a dividend that is cut', `32${send.slice(0, 16)}${n(1, 8)}00`, 'truncated'],
  ])('%s', (_, text, expected) => {
    const found = readCounterpartyMessage(hex(text), 'mainnet');
    if (typeof expected === 'string') expect(found).toMatchObject({ fields: null, reason: expected });
    else expect(found).toMatchObject({ format: 'packed', fields: expected });
  });
  it.each([
    [489_955, 0x46_00_00_01],
    [489_956, 70],
    [489_957, 70],
  ])('a type at height %i is %i', (height, type) => {
    expect(readCounterpartyMessage(hex(`46000001${'aa'.repeat(31)}`), 'mainnet', height).type_id).toBe(type);
  });
});

describe('sends to many', () => {
  const short = `00${'11'.repeat(20)}`;
  /** Type 3, addresses, then bits: no shared memo, and as they are given. */
  const message = (count: number, addresses: string, bits: string): Uint8Array => {
    const all = `0${bits}`;
    const bytes = all.padEnd(Math.ceil(all.length / 8) * 8, '0').match(/.{8}/g) ?? [];
    return concatBytes(
      hex(`03${n(count, 2)}${addresses}`),
      Uint8Array.from(bytes, (byte) => parseInt(byte, 2)),
    );
  };
  const bits = (value: number, count: number) => value.toString(2).padStart(count, '0');
  /** One asset, one recipient of three addresses, without a memo; then the end. */
  const to = (index: number) => `1${bits(1, 64)}${bits(0, 2)}${bits(index, 2)}${bits(5, 64)}00`;

  it.each([
    [0, null],
    [2, null],
    [3, 'bad-address'],
  ])('address %i of 3', (index, reason) => {
    const found = readCounterpartyMessage(message(3, short.repeat(3), to(index)), 'mainnet');
    if (reason === null) expect(found.fields).toMatchObject({ sends: [{ asset: 'XCP', quantity: '5', memo: null }] });
    else expect(found).toMatchObject({ fields: null, reason });
  });
  it('none, or a list that is cut at any byte', () => {
    expect(readCounterpartyMessage(message(0, '', ''), 'mainnet')).toMatchObject({
      fields: null,
      reason: 'no-address',
    });
    const whole = message(3, short.repeat(3), to(0));
    const list = 1 + 2 + 63;
    for (let end = list; end < whole.length; end++)
      expect(readCounterpartyMessage(whole.subarray(0, end), 'mainnet')).toMatchObject({
        fields: null,
        reason: 'truncated',
      });
    expect(readCounterpartyMessage(whole, 'mainnet').fields).not.toBeNull();
  });
  it.each([
    // the first byte behind the count, with as many bytes as it may say; 5 is a version
    [3, 'bad-address'],
    [4, 'packed'],
    [5, 'short'],
    [6, 'packed'],
    [41, 'packed'],
    [42, 'packed'],
    [43, 'bad-address'],
  ])('%i begins an address that is %s', (first, expected) => {
    const one = `1${bits(1, 64)}${bits(5, 64)}00`;
    const program = `0301${'22'.repeat(first - 2)}`;
    const address = expected === 'packed' ? `${n(first, 1)}${program}` : `${n(first, 1)}${'22'.repeat(20)}`;
    const found = readCounterpartyMessage(message(1, address, one), 'mainnet');
    if (expected === 'bad-address') expect(found).toMatchObject({ fields: null, reason: expected });
    else expect(found.fields).toMatchObject({ sends: [{ quantity: '5' }] });
  });
});

describe('lists in CBOR', () => {
  const send = (id: number | bigint, amount: number | bigint) =>
    readCounterpartyMessage(concatBytes(Uint8Array.of(91), encode([id, amount])), 'mainnet');
  it.each([
    [0, 0n, { asset: 'BTC', quantity: '0' }],
    [1, 2n ** 53n, { asset: 'XCP', quantity: String(2n ** 53n) }],
    [2n ** 64n - 1n, 1, { asset: `A${2n ** 64n - 1n}`, quantity: '1' }],
    [1, -1, null],
    [1, -(2n ** 60n), null],
    [-1, 1, null],
    [17_575, 1, null],
    [17_576, 1, { asset: 'BAAA', quantity: '1' }],
  ])('%s and %s', (id, amount, fields) => {
    const found = send(id, amount);
    if (fields) expect(found).toMatchObject({ format: 'cbor', fields });
    else expect(found.format).not.toBe('cbor');
  });
  it.each([15, 16, 17])('a number in %i lists is shown up to 16', (depth) => {
    const list = (left: number): unknown => (left === 0 ? 7 : [list(left - 1)]);
    const found = readCounterpartyMessage(concatBytes(Uint8Array.of(22), encode(list(depth))), 'mainnet');
    expect(found.alternatives !== undefined).toBe(depth <= 16);
    if (depth > 16) expect(reasonOf(() => cborJson(list(depth)))).toBe('too-deep');
  });
});

describe('carriers', () => {
  const txid = '11'.repeat(32);
  const PREFIX = ascii('CNTRPRTY');
  const to = { sat: 600n, script: P2PKH };
  const inTx = (script: Uint8Array) => carriedBy(makeTx([{ txid, vout: 0 }], [to, { sat: 600n, script }]));
  const PUBKEY = Uint8Array.of(33, 2, ...new Uint8Array(32).fill(5));
  const oneOfTwo = (first: Uint8Array, second: Uint8Array) => Uint8Array.of(0x51, ...first, ...second, 0x52, 0xae);
  /** A length, the prefix, and data up to the end. */
  const counted = (size: number, length: number) =>
    rc4(
      hex(txid),
      Uint8Array.from({ length }, (_, i) => (i === 0 ? size : (PREFIX[i - 1] ?? i))),
    );

  it.each([
    // what the first byte says of the 30 or 19 behind it
    [7, 31, null],
    [8, 31, 0],
    [9, 31, 1],
    [29, 31, 21],
    [30, 31, 22],
    [31, 31, null],
    [7, 20, null],
    [8, 20, 0],
    [19, 20, 11],
    [20, 20, null],
  ])('a length of %i in %i bytes', (size, length, message) => {
    const data = counted(size, length);
    const script =
      length === 31
        ? oneOfTwo(Uint8Array.of(33, 2, ...data, 0), PUBKEY)
        : Uint8Array.of(0x76, 0xa9, 20, ...data, 0x88, 0xac);
    const found = inTx(script);
    if (message === null) expect(found).toBeUndefined();
    else expect(found).toMatchObject({ obfuscated: true, message: { length: message } });
  });
  it.each([
    // of the first form, what the first byte of a key says of the 32 behind it
    [0, null],
    [7, null],
    [8, 0],
    [31, 23],
    [32, 24],
    [33, null],
  ])('a length of %i in the clear', (size, message) => {
    const key = Uint8Array.from({ length: 33 }, (_, i) => (i === 0 ? size : (PREFIX[i - 1] ?? i)));
    const found = inTx(oneOfTwo(PUBKEY, Uint8Array.of(33, ...key)));
    if (message === null) expect(found).toBeUndefined();
    else expect(found).toMatchObject({ encoding: 'multisig', obfuscated: false, message: { length: message } });
  });

  const push = (bytes: Uint8Array) => opReturnScript(bytes).subarray(1);
  const reveal = (...parts: Uint8Array[]): Tx => ({
    ...makeTx([{ txid, vout: 0 }], [{ sat: 0n, script: opReturnScript(PREFIX) }]),
    witnesses: [
      [
        new Uint8Array(64),
        concatBytes(Uint8Array.of(0, 0x63), ...parts, Uint8Array.of(0x68, 0xac)),
        new Uint8Array(33),
      ],
    ],
  });
  it.each([
    [0x4f, ''],
    [0x50, ''],
    [0x51, '01'],
    [0x5f, '0f'],
    [0x60, '10'],
    [0x61, ''],
  ])('in an envelope opcode %i pushes %j', (code, pushed) => {
    const found = carriedBy(reveal(Uint8Array.of(code), push(ascii('rest'))));
    expect(Buffer.from(found!.message).toString('hex')).toBe(`${pushed}${Buffer.from('rest').toString('hex')}`);
  });
  it('an envelope ends: nothing is read of one that does not', () => {
    const whole = reveal(push(ascii('rest')));
    expect(carriedBy(whole)).toMatchObject({ encoding: 'taproot' });
    for (const script of [Uint8Array.of(0, 0x63, 0xac), Uint8Array.of(0x68), Uint8Array.of(0, 0x68, 0x63)])
      expect(carriedBy({ ...whole, witnesses: [[new Uint8Array(64), script, new Uint8Array(33)]] })).not.toMatchObject({
        encoding: 'taproot',
      });
  });
  it('an inscription whose last tag has no value has no content', () => {
    const list = encode([1, 2]);
    const tags = [push(ascii('ord')), Uint8Array.of(0x55), push(list)];
    for (const [more, content] of [
      [[], ''],
      [[Uint8Array.of(0x57)], ''],
      [[Uint8Array.of(0x55)], ''],
      [[Uint8Array.of(0x57), push(ascii('xcp'))], ''],
      [[Uint8Array.of(0), push(ascii('hello'))], 'hello'],
      [[Uint8Array.of(0)], ''],
    ] as [Uint8Array[], string][]) {
      const found = carriedBy(reveal(...tags, ...more))!;
      expect([Buffer.from(found.inscription!.content).toString(), found.message]).toEqual([content, list]);
    }
  });
});
