/** Channel transactions as documents: outputs with roles, who may spend them and when; PSBTs. */
import { addressOf } from '../bitcoin/address.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { readSame, writePsbt } from '../bitcoin/psbt.ts';
import { toTransaction, withWitness, type Template } from '../bitcoin/transaction.ts';
import { witnessesOf } from '../bitcoin/wallet-inputs.ts';
import type { Hex } from '../protocol/action.ts';
import { TaprootControlBlock } from '@scure/btc-signer/psbt.js';
import type { RoleOutput } from './commitment.ts';
import { keyOwner, type ChannelSide } from './keys.ts';
import type { CommitmentHtlc, ChannelLock, ChannelWay } from './scripts.ts';

/** Returns whose key a way needs: a side of the channel, both, or anyone. */
const whoOf = ({ key, peer }: ChannelWay, holder: ChannelSide): ChannelSide | 'both' | 'anyone' => {
  if (key === null) return 'anyone';
  return peer ? 'both' : keyOwner(key, holder);
};

/** Returns the first moment of a way: confirmations of the output, or a height; null if at once. */
export function firstMoment({ sequence, locktime }: Pick<ChannelWay, 'sequence' | 'locktime'>): object | null {
  const isRelative = sequence < 0x80000000 && sequence > 0;
  if (!isRelative && locktime === 0) return null;
  return { ...(locktime > 0 && { height: locktime + 1 }), ...(isRelative && { confirmations: sequence }) };
}
const waysView = (lock: ChannelLock, holder: ChannelSide): object[] =>
  lock.ways.map((way) => ({ way: way.name, by: whoOf(way, holder), from: firstMoment(way) }));

export const htlcView = ({ direction, amountMsat, paymentHash, expiry, id }: CommitmentHtlc) => ({
  ...(id !== undefined && { id }),
  direction,
  amount_msat: amountMsat,
  payment_hash: bytesToHex(paymentHash),
  expiry,
});

/** Returns the document of an output whose role is known. */
export const outputView = (output: RoleOutput, vout: number, network: Network, holder: ChannelSide) => ({
  vout,
  amount_sat: output.sat,
  role: output.role,
  address: addressOf(output.script, network) ?? null,
  script: output.script,
  ...(output.htlc && { htlc: htlcView(output.htlc) }),
  spent_by: waysView(output.lock, holder),
});

type Stacks = readonly (readonly Uint8Array[] | undefined)[];
/** Returns the PSBT of a transaction, for other signers. `ways`: of inputs with known outputs. */
export function spendPsbt(
  template: Template,
  ways: readonly (readonly [ChannelLock, ChannelWay] | undefined)[],
  stacks: Stacks = [],
): string {
  const tx = toTransaction(template);
  template.inputs.forEach((_, index) => {
    const [lock, way] = ways[index] ?? [];
    const stack = stacks[index] ?? [];
    const fields = {
      ...(lock?.kind === 'p2wsh' && { witnessScript: lock.code! }),
      ...(lock?.internalKey && { tapInternalKey: hexToBytes(lock.internalKey), tapMerkleRoot: lock.merkleRoot! }),
      ...(way?.leaf && {
        tapLeafScript: [
          [TaprootControlBlock.decode(way.leaf.control), concatBytes(way.leaf.code, Uint8Array.of(0xc0))] as const,
        ],
      }),
      ...(stack.length > 0 && { finalScriptWitness: [...stack] }),
    };
    if (Object.keys(fields).length > 0) tx.updateInput(index, fields as Parameters<typeof tx.updateInput>[1], true);
  });
  return writePsbt(tx);
}

/**
 * Finishes a transaction with witnesses of its own inputs, the first ones, and a wallet's in merged
 * PSBTs.
 * @returns hex once none is missing, and a function that writes the PSBT
 * @throws Refusal `transaction-differs`, `signature-invalid`, `sighash-refused`
 */
export function finishWith(
  template: Template,
  own: Stacks,
  merged: readonly string[],
  ways: readonly (readonly [ChannelLock, ChannelWay])[] = [],
): { hex: Hex | undefined; psbt: () => string } {
  const stacks = template.inputs.map((_, i) => own[i]);
  const others = [...template.inputs.keys()].slice(own.length);
  for (const psbt of merged)
    for (const [i, stack] of witnessesOf(template, readSame(template, psbt, 'wallet'), others)) stacks[i] = stack;
  const whole = stacks.flatMap((stack) => (stack ? [stack] : []));
  const hex = whole.length === stacks.length ? withWitness(template, whole) : undefined;
  return { hex, psbt: () => spendPsbt(template, ways, stacks) };
}
