/**
 * What the channel commands print of transactions: outputs with their roles and who may spend them when, PSBTs.
 */
import { addressOf } from '../bitcoin/address.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { writePsbt } from '../bitcoin/psbt.ts';
import { toTransaction, type Template } from '../bitcoin/transaction.ts';
import { TaprootControlBlock } from '@scure/btc-signer/psbt.js';
import type { Htlc, Lock, Way } from './scripts.ts';
import { otherSide, type KeyName, type Side } from './keys.ts';
import type { RoleOutput } from './commitment.ts';

const HOLDERS: readonly KeyName[] = ['delayed', 'holderHtlc', 'holderFunding'];
/** Who has the key of a way: a side of the channel, both, or anyone. */
const whoOf = (way: Way, holder: Side): Side | 'both' | 'anyone' =>
  way.key === null ? 'anyone' : way.peer ? 'both' : HOLDERS.includes(way.key) ? holder : otherSide(holder);

/** From when a way is open: blocks after the output confirmed, or a height; null: at once. */
function fromOf({ sequence, locktime }: Way): object | null {
  const relative = sequence < 0x80000000 && sequence > 0 ? { confirmations: sequence } : {};
  const absolute = locktime > 0 ? { height: locktime + 1 } : {};
  const all = { ...relative, ...absolute };
  return Object.keys(all).length === 0 ? null : all;
}
export const waysView = (lock: Lock, holder: Side): object[] =>
  lock.ways.map((way) => ({ way: way.name, by: whoOf(way, holder), from: fromOf(way) }));

export const htlcView = ({ direction, amountMsat, paymentHash, expiry, id }: Htlc) => ({
  ...(id !== undefined && { id }),
  direction,
  amount_msat: amountMsat,
  payment_hash: bytesToHex(paymentHash),
  expiry,
});

/** An output whose role is known. */
export const outputView = (output: RoleOutput, vout: number, network: Network, holder: Side) => ({
  vout,
  amount_sat: output.sat,
  role: output.role,
  address: addressOf(output.script, network) ?? null,
  script: output.script,
  ...(output.htlc && { htlc: htlcView(output.htlc) }),
  spent_by: waysView(output.lock, holder),
});

/** The PSBT of a transaction whose inputs spend known outputs by known ways, for other signers. */
export function spendPsbt(
  template: Template,
  ways: readonly (readonly [Lock, Way] | undefined)[],
  stacks?: readonly (readonly Uint8Array[])[],
): string {
  const tx = toTransaction(template);
  ways.forEach((found, index) => {
    if (!found) return;
    const [lock, way] = found;
    const stack = stacks?.[index];
    tx.updateInput(
      index,
      {
        ...(lock.kind === 'p2wsh' && { witnessScript: lock.code! }),
        ...(lock.kind === 'p2tr' && { tapInternalKey: hexToBytes(lock.internalKey!), tapMerkleRoot: lock.merkleRoot! }),
        ...(way.leaf && {
          tapLeafScript: [
            [TaprootControlBlock.decode(way.leaf.control), concatBytes(way.leaf.code, Uint8Array.of(0xc0))],
          ],
        }),
        ...(stack && stack.length > 0 && { finalScriptWitness: [...stack] }),
      },
      true,
    );
  });
  return writePsbt(tx);
}
