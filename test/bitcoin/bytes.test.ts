/** Bytes and hex: strict when read, lowercase when written. */
import { expect, it } from 'vitest';
import { bytesToHex, concatBytes, equalBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';

it('hex is lowercase when written, and strict when read', () => {
  expect(bytesToHex(Uint8Array.of(0, 171, 255))).toBe('00abff');
  expect(hexToBytes('00ABff')).toEqual(Uint8Array.of(0, 171, 255));
  for (const bad of ['0', '0g', ' 00', '0x00', '00\n']) expect(() => hexToBytes(bad)).toThrow();
});
it('bytes are equal in length and content', () => {
  const [a, b] = [Uint8Array.of(1, 2), Uint8Array.of(1)];
  expect(equalBytes(a, concatBytes(b, Uint8Array.of(2)))).toBe(true);
  expect(equalBytes(a, b)).toBe(false);
  expect(equalBytes(b, a)).toBe(false);
  expect(equalBytes(a, Uint8Array.of(1, 3))).toBe(false);
});
