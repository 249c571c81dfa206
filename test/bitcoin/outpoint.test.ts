/** Outpoints as text, `TXID:VOUT`. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { outpointText, parseOutpoint } from '../../src/lib/bitcoin/outpoint.ts';

const txid = 'ab'.repeat(32);

it('is read as it is written', () => {
  const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('hex'));
  fc.assert(
    fc.property(id, fc.integer({ min: 0, max: 0xffffffff }), (txid, vout) => {
      expect(parseOutpoint(outpointText({ txid, vout }))).toEqual({ txid, vout });
    }),
  );
});
it.each([0, 0xfffffffe, 0xffffffff])('the index %i is one', (vout) => {
  expect(parseOutpoint(`${txid}:${vout}`)).toEqual({ txid, vout });
});
it.each([
  '',
  txid,
  `${txid}:`,
  `${txid}:01`,
  `${txid}:-1`,
  `${txid}:1.0`,
  `${txid}:1e1`,
  `${txid}:4294967296`,
  `${txid}:0\n`,
  `${txid.toUpperCase()}:0`,
  `${txid.slice(2)}:0`,
  `${txid}00:0`,
  ` ${txid}:0`,
  `${txid}:0:0`,
  `${txid}-0`,
])('%j is none', (text) => {
  expect(parseOutpoint(text)).toBeUndefined();
});
