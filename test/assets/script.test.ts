/** Scripts, counts and numbers as the asset protocols read them, on both sides of every form. */
import { safeNumber } from '../../src/lib/wire/bigsize.ts';
import { expect, it } from 'vitest';
import { orMalformed, PayloadCursor } from '../../src/lib/assets/bytes.ts';
import { memoized } from '../../src/lib/assets/document.ts';
import { isPush, multisigKeys, readOps, opReturnPushes, opReturnScript } from '../../src/lib/assets/script.ts';
import { readTx } from '../../src/lib/assets/transaction.ts';
import { concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { codeOf } from '../support/refusal.ts';
import { txBytes } from './make.ts';

it.each([
  // opcode, bytes of its length, bytes that it pushes
  [75, 0, 75],
  [76, 1, 2],
  [77, 2, 2],
  [78, 4, 2],
  [79, 0, null],
])('opcode %i, a length of %i bytes', (code, width, size) => {
  const length = Uint8Array.from({ length: width }, (_, i) => (i === 0 ? 2 : 0));
  const script = concatBytes(Uint8Array.of(code), length, new Uint8Array(size ?? 0).fill(7));
  expect(readOps(script)).toEqual({
    ops: [{ code, data: size === null ? undefined : new Uint8Array(size).fill(7) }],
    truncated: false,
  });
  const cut = readOps(script.subarray(0, -1));
  expect(cut.truncated).toBe(size !== null);
});

it.each([
  [0x4f, true],
  [0x50, false],
  [0x51, true],
  [0x5f, true],
  [0x60, true],
  [0x61, false],
])('opcode %i pushes something: %s', (code, pushes) => {
  expect(isPush({ code, data: undefined })).toBe(pushes);
});

it.each([
  // bytes, and those in front of them
  [74, 2],
  [75, 2],
  [76, 3],
  [255, 3],
  [256, 4],
  [257, 4],
])('%i bytes are returned in the shortest form', (length, head) => {
  const data = new Uint8Array(length).fill(9);
  const script = opReturnScript(data);
  expect(script).toHaveLength(head + length);
  expect(opReturnPushes(script)).toMatchObject({ pushes: [data], truncated: false });
});

it.each([
  // what stands for both numbers
  [0x50, 0, false],
  [0x51, 1, true],
  [0x5f, 15, true],
  [0x60, 16, true],
  [0x61, 17, false],
])('a multisig that begins and ends with opcode %i over %i keys: %s', (code, count, read) => {
  const keys = Array.from({ length: count }, () => Uint8Array.of(1, 5));
  const found = multisigKeys(concatBytes(Uint8Array.of(code), ...keys, Uint8Array.of(code, 0xae)));
  expect(found).toEqual(read ? { required: count, keys: keys.map((key) => key.subarray(1)) } : undefined);
});

it.each([
  ['ffffffffffff1f00', 2 ** 53 - 1],
  ['feffffffffff1f00', 2 ** 53 - 2],
  ['0000000000002000', 2 ** 53 - 1],
  ['ffffffffffffffff', 2 ** 53 - 1],
])('a count of %s is at most the largest safe number', (bytes, count) => {
  expect(new PayloadCursor(hexToBytes(`ff${bytes}`)).compactSize('count')).toBe(count);
  expect(orMalformed(() => new PayloadCursor(hexToBytes(`ff${bytes.slice(2)}`)).compactSize('count'))).toMatchObject({
    reason: 'truncated',
  });
});

it.each([
  [2n ** 53n - 2n, 2 ** 53 - 2],
  [2n ** 53n - 1n, 2 ** 53 - 1],
  [2n ** 53n, 2n ** 53n],
])('%i sat are written exactly', (sat, written) => {
  expect(safeNumber(sat)).toBe(written);
});

it('names are kept up to 4,000 of fewer than 200 letters, by network', () => {
  let made = 0;
  const name = memoized((text, network) => {
    made += 1;
    return `${network} ${text.length}`;
  });
  const twice = (text: string) => {
    made = 0;
    expect(name(text, 'mainnet')).toBe(name(text, 'mainnet'));
    return made;
  };
  expect([198, 199, 200, 201].map((length) => twice('x'.repeat(length)))).toEqual([1, 1, 2, 2]);
  expect(name('x'.repeat(199), 'regtest')).toBe('regtest 199');
  // Two are there: all 4,000 are kept, one more and they begin anew.
  for (let i = 2; i < 4_000; i++) name(`${i}`, 'mainnet');
  expect([twice('x'.repeat(198)), twice('3999')]).toEqual([0, 0]);
  expect([twice('4000'), twice('x'.repeat(198))]).toEqual([1, 1]);
});

it.each([
  // the count of bytes as it is written, and how many follow
  ['fc', 252, true],
  ['fdfc00', 252, false],
  ['fdfd00', 253, true],
  ['fdfe00', 254, true],
  ['feffff0000', 65_535, false],
  ['fe00000100', 65_536, true],
  ['fe01000100', 65_537, true],
  ['ff0000010000000000', 65_536, false],
  ['ffffffffff00000000', 10, false],
])('a script whose length is written %s', (written, length, read) => {
  const empty = txBytes([{ txid: '11'.repeat(32), vout: 0 }], [{ sat: 5n, script: new Uint8Array() }]);
  // The last bytes are the length of the script, none, and the lock time.
  const bytes = concatBytes(
    empty.subarray(0, -5),
    hexToBytes(written),
    new Uint8Array(length).fill(0x51),
    new Uint8Array(4),
  );
  if (read) expect(readTx(bytes).outputs[0]!.script).toHaveLength(length);
  else expect(codeOf(() => readTx(bytes))).toBe('malformed-transaction');
});
