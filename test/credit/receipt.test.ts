/** The payer's receipt: its signature over contract and amount, and over nothing else. */
import { describe, expect, it } from 'vitest';
import { checkReceipt, signReceipt } from '../../src/lib/credit/receipt.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { contractWith, secret } from './things.ts';

describe('receipt', () => {
  const payer = secret(101);
  const contract = contractWith({ payer_auth: xOnlyKey(payer) });
  const receipt = signReceipt(contract.id, 2_100n, payer);
  const check =
    (paid: bigint, r: string | null, c = contract) =>
    () =>
      checkReceipt(c, paid, r, 'payee');
  const bad = expect.objectContaining({ code: 'bad-receipt', blame: 'payee', exit: 76 });

  it('holds for its contract and amount', () => expect(check(2_100n, receipt)).not.toThrow());
  it('is the same bytes whenever it is made', () => expect(signReceipt(contract.id, 2_100n, payer)).toBe(receipt));
  it('holds for no other amount', () => {
    for (const paid of [0n, 2_099n, 2_101n, 2n ** 40n]) expect(check(paid, receipt)).toThrow(bad);
  });
  it('holds for no other contract of the same payer', () =>
    expect(check(2_100n, receipt, contractWith({ payer_auth: xOnlyKey(payer), expiry: 5_321 }))).toThrow(bad));
  it('holds by no other key', () => expect(check(2_100n, signReceipt(contract.id, 2_100n, secret(102)))).toThrow(bad));
  it('is needed as soon as something is paid, and not before', () => {
    expect(check(0n, null)).not.toThrow();
    expect(check(1n, null)).toThrow(bad);
  });
});
