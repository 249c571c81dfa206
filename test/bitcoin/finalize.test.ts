/** Signed PSBTs of other wallets, made into transactions. */
import { describe, expect, it } from 'vitest';
import { finalHex } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { toTransaction, txidOf, txidOfHex, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { refusal } from '../support/refusal.ts';
import { coinOf, signAll, walletKey } from '../support/wallet.ts';

const keys = [walletKey('p2tr', 1), walletKey('p2wpkh', 2)];
const template: Template = {
  version: 2,
  locktime: 0,
  inputs: keys.map((k, i) => ({ ...coinOf(k, i + 1, 50_000n), sequence: 0xfffffffd })),
  outputs: [{ sat: 90_000n, script: keys[0]!.script }],
};

describe('a signed PSBT', () => {
  it('becomes the transaction that the wallet itself would extract', () => {
    const tx = signAll(template, keys);
    const made = finalHex(writePsbt(tx));
    tx.finalize();
    expect(made.hex).toBe(bytesToHex(tx.extract()));
    expect(made.template).toEqual(template);
    expect(txidOfHex(made.hex)).toBe(txidOf(template));
    expect(finalHex(writePsbt(tx)).hex).toBe(made.hex);
  });
  it('must be signed at every input', () => {
    const found = refusal(() => finalHex(writePsbt(signAll(template, keys.slice(0, 1)))));
    expect(found.code).toBe('not-signed');
    expect(found.message).toContain('input 1');
  });
  it('must be signed well, and by the default type', () => {
    const tx = signAll(template, keys);
    tx.updateInput(0, { tapKeySig: new Uint8Array(64).fill(1) }, true);
    expect(refusal(() => finalHex(writePsbt(tx))).code).toBe('signature-invalid');
    expect(refusal(() => finalHex(writePsbt(signAll(template, keys, 0x81)))).code).toBe('sighash-refused');
  });
  it('must be a PSBT', () => {
    expect(refusal(() => finalHex('AAAA')).code).toBe('malformed-psbt');
    expect(refusal(() => finalHex(writePsbt(toTransaction(template)))).code).toBe('not-signed');
  });
});
