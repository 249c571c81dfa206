/** The format of an input, told by its bytes: JSON, PSBT, or a transaction in hex. */
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { sniff, type SniffOptions } from '../../src/lib/engine/sniff.ts';

const PSBT = Buffer.from('70736274ff01000a0200000000000000000000', 'hex');
const of = (text: string | Uint8Array, wanted?: SniffOptions) => sniff(Buffer.from(text), wanted);
const code = (text: string | Uint8Array, wanted?: SniffOptions): string => {
  try {
    return of(text, wanted).form;
  } catch (error) {
    return (error as Refusal).code;
  }
};

describe('sniff', () => {
  const base64 = PSBT.toString('base64');
  it.each([
    ['binary', PSBT],
    ['base64', base64],
    ['base64', `${base64}\n`],
    ['base64', `  ${base64.slice(0, 8)}\r\n${base64.slice(8)}\r\n`],
    ['hex', PSBT.toString('hex')],
    ['hex', `${PSBT.toString('hex').toUpperCase()}\n`],
  ])('reads a PSBT in %s', (encoding, text) => {
    const found = of(text);
    expect(found).toMatchObject({ form: 'psbt', encoding });
    expect(Buffer.from((found as { bytes: Uint8Array }).bytes)).toEqual(PSBT);
  });
  it('passes JSON on as it is', () => expect(of(' {"a":"ü"}\n')).toEqual({ form: 'json', text: ' {"a":"ü"}\n' }));
  it('takes a transaction in hex only where the command does', () => {
    expect(code('0300000001', { transaction: true })).toBe('transaction');
    expect(code('0300000001')).toBe('malformed');
    expect(code('030000000', { transaction: true })).toBe('malformed-transaction');
  });
  it.each([
    ['', 'malformed'],
    ['   \n', 'malformed'],
    ['null', 'malformed'],
    ['/etc/passwd', 'malformed'],
    ['\ufeff{}', 'malformed'],
    [Uint8Array.of(0xff, 0xfe, 0x7b, 0), 'malformed'],
    [Uint8Array.of(0x7b, 0xff), 'malformed-json'],
    [base64.slice(0, -2), 'malformed-psbt'],
    [`${base64}!`, 'malformed-psbt'],
    ['cHNidP9=', 'malformed-psbt'],
    ['70736274ff0', 'malformed-psbt'],
    ['70736274ffzz', 'malformed-psbt'],
  ])('refuses %o as %s', (text, expected) => expect(code(text)).toBe(expected));
  it('shows no control characters of what it found', () => {
    expect(() => of('\u001b[31mred')).toThrowError(/"\\u001b\[31mred" found/);
  });
});
