/**
 * A payment that a command makes once and prints again, or gives up.
 * Not here: how it is built (`engine/wallet.ts`), the record that stores it (each family's).
 */
import { fundingHex, fundingPsbt, isSigned, type Funding } from '../bitcoin/funding.ts';
import { feeOf, txidOf, type Template } from '../bitcoin/transaction.ts';
import { note } from '../engine/log.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { factsFor } from './chain.ts';

/** Checks that a node shows no output of a given-up payment. @throws Refusal `wrong-state` */
export async function checkUnsent(
  paid: Template,
  factsOf: (at: readonly string[]) => ReturnType<typeof factsFor>,
  hint: string,
): Promise<void> {
  const txid = txidOf(paid);
  const { facts } = await factsOf(paid.outputs.map((_, vout) => `${txid}:${vout}`));
  const found = facts.coins === 'not-checked' ? [] : [...facts.coins.values()];
  if (found.some((coin) => coin !== 'missing'))
    throw new Refusal('wrong-state', `the payment ${txid} was sent`, { hint });
}

/** Returns the printed fields of a payment; exit 3 while a signature is missing. */
export function paymentFields(funding: Funding): { psbt: string; hex: Hex | null; txid: Hex; fee_sat: bigint } {
  const { template } = funding;
  const signed = isSigned(funding);
  if (!signed) {
    note('sign the PSBT in the wallet that owns its coins');
    process.exitCode = 3;
  }
  const hex = signed ? fundingHex(funding) : null;
  return { psbt: fundingPsbt(funding), hex, txid: txidOf(template), fee_sat: feeOf(template) };
}
