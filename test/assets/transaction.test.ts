/** The reader of transactions beside @scure/btc-signer's, on published ones, mutated ones and noise. */
import { RawTx } from '@scure/btc-signer/script.js';
import { Transaction } from '@scure/btc-signer';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readTx, txFromHex } from '../../src/lib/assets/transaction.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { KEEP_ALL } from '../../src/lib/bitcoin/transaction.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const given: string[] = [
  ...fixture('assets/openassets.json').transactions.flatMap((t: any) => [t.tx, ...Object.values(t.prev_txs)]),
  ...fixture('assets/counterparty.json').raw_transactions.map((t: any) => t.tx),
  ...fixture('assets/epobc.json').transactions.map((t: any) => t.tx),
];
it.each(given)('%s', (hex) => {
  const found = txFromHex(hex);
  const raw = RawTx.decode(hexToBytes(hex));
  expect(found.outputs).toEqual(raw.outputs.map(({ amount, script }) => ({ sat: amount, script })));
  expect(found.inputs.map((i) => [i.vout, i.sequence, i.scriptSig])).toEqual(
    raw.inputs.map((i) => [i.index, i.sequence, i.finalScriptSig]),
  );
  expect(found.witnesses.length).toBe(raw.segwitFlag ? raw.inputs.length : 0);
  expect(found.txid).toBe(Transaction.fromRaw(hexToBytes(hex), KEEP_ALL).id);
});
it('takes what the library takes, and nothing else', () => {
  const mutated = fc.tuple(fc.constantFrom(...given), fc.nat(), fc.nat(255), fc.nat(3)).map(([hex, at, byte, cut]) => {
    const bytes = hexToBytes(hex);
    bytes[at % Math.min(bytes.length, 60)] = byte;
    return bytes.subarray(0, bytes.length - (cut === 3 ? 1 : 0));
  });
  const judge = (bytes: Uint8Array): string => {
    try {
      return String(RawTx.decode(bytes).outputs.length);
    } catch {
      return 'no';
    }
  };
  const ours = (bytes: Uint8Array): string => {
    try {
      return String(readTx(bytes).outputs.length);
    } catch (error) {
      return (error as { code: string }).code === 'malformed-transaction' ? 'no' : String(error);
    }
  };
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      expect(ours(bytes)).toBe(judge(bytes));
    }),
    { numRuns: 2000 },
  );
});
it('a count that its bytes do not fill makes nothing', () => {
  expect(codeOf(() => txFromHex('01000000ffffffffffffffffff'))).toBe('malformed-transaction');
  expect(codeOf(() => txFromHex('0100000000feffffffff'))).toBe('malformed-transaction');
});
