/**
 * The payer's receipt: its signature over (contract, paid in all). The payee shows the latest one
 * in every message that states `paid`. So a payer restored from a backup learns how much it had
 * signed, instead of refusing for ever.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedHash } from '../signing/curve.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import type { Contract } from './terms.ts';

function receiptHash(id: Hex, paid: bigint): Uint8Array {
  const amount = new Uint8Array(8);
  new DataView(amount.buffer).setBigUint64(0, paid);
  return taggedHash('spillway/receipt', hexToBytes(id), amount);
}

/** Signs that `paid` was signed for in all. Deterministic, so that a retry repeats it. */
export const signReceipt = (id: Hex, paid: bigint, secret: Uint8Array): Hex => signHash(receiptHash(id, paid), secret);

/** @throws Refusal `bad-receipt`; nothing paid needs no receipt */
export function checkReceipt(contract: Contract, paid: bigint, receipt: Hex | null, from: string): void {
  if (paid === 0n && receipt === null) return;
  if (!verifies(receipt ?? '', receiptHash(contract.id, paid), contract.terms.payer_auth))
    throw new Refusal('bad-receipt', `no valid receipt of the payer over ${paid} sat found in the message`, {
      blame: from,
    });
}
