/**
 * Claims and refunds of every form, by Bitcoin Core's consensus code: valid as they are made, invalid with anything
 * altered that the script guards. The chain with heights and times is in `test/node/htlc.test.ts`.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { lockNumber, isRelative } from '../../src/lib/htlc/lock.ts';
import { finishedHex } from '../../src/lib/htlc/finalize.ts';
import { PATHS } from '../../src/lib/htlc/scripts.ts';
import { signatureBy } from '../../src/lib/htlc/sign.ts';
import type { Spend } from '../../src/lib/htlc/spend.ts';
import { vsizeOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { altered, finished, formName, FORMS, htlcOf, known, PREIMAGE, secret, spendOf } from '../support/htlc.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

const valid = (made: Spend, hex: string): Promise<boolean> =>
  kernel!.scripts(hex, [{ sat: made.template.inputs[0]!.sat, script: made.template.inputs[0]!.script }]);
/** Signed as it stands, whatever it says. */
const hexOf = (made: Spend, preimage = PREIMAGE): string => finishedHex(made, known(made).signatures, preimage);

describe.skipIf(!kernel).each(FORMS.map((form) => [formName(form), form] as const))('%s', (_, form) => {
  const htlc = htlcOf(form);
  const [claim, refund] = PATHS.map((path) => spendOf(htlc, path)) as [Spend, Spend];

  it('the claim and the refund are valid, and pay the fee that was asked for', async () => {
    for (const made of [claim, refund]) {
      const { hex } = finished(made);
      expect(await valid(made, hex)).toBe(true);
      // The size was reckoned with the longest signatures.
      expect(made.feeSat).toBeGreaterThanOrEqual(2n * BigInt(vsizeOfHex(hex)));
      expect(made.feeSat).toBeLessThanOrEqual(2n * BigInt(vsizeOfHex(hex) + 4));
    }
  });

  it('no other preimage claims, and none of another size where the script counts', async () => {
    expect(await valid(claim, hexOf(claim, secret(8)))).toBe(false);
    expect(await valid(claim, hexOf(claim, PREIMAGE.subarray(1)))).toBe(false);
  });

  it('nobody else signs', async () => {
    for (const made of [claim, refund])
      for (const who of made.signers) {
        const signatures = { ...known(made).signatures, [who]: signatureBy(made, secret(9)) };
        expect(await valid(made, finishedHex(made, signatures, PREIMAGE))).toBe(false);
      }
  });

  it('the refund is not valid one too early, of another kind, or with a lock that does not count', async () => {
    // The lock of BOLT3's offered HTLC is in the transaction that both sign, and in no opcode.
    if (form.variant === 'bolt3-offered') return;
    const n = lockNumber(htlc.lock);
    const [input] = refund.template.inputs;
    const inputs = (sequence: number) => ({ inputs: [{ ...input!, sequence }] });
    const relative = isRelative(htlc.lock);
    const early = relative ? inputs(n - 1) : { locktime: n - 1 };
    const otherKind = relative
      ? inputs(n ^ (1 << 22))
      : { locktime: htlc.lock.kind === 'height' ? 1_900_000_000 : 400_000_000 };
    for (const change of [early, otherKind, inputs(0xffffffff), ...(relative ? [{ version: 1 as 2 }] : [])])
      expect(await valid(refund, hexOf(altered(refund, change)))).toBe(false);
    const later = relative ? inputs(n + 1) : { locktime: n + 1 };
    expect(await valid(refund, hexOf(altered(refund, later)))).toBe(true);
  });
});
