/**
 * A transaction that a wallet funds: the home's own keys sign what is theirs, another wallet's signatures come back in a
 * PSBT, and each is checked before it counts.
 */
import { Transaction } from '@scure/btc-signer/transaction.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { holds, readPsbt, readSame, writePsbt } from '../bitcoin/psbt.ts';
import { toTransaction, withWitness, type Template } from '../bitcoin/transaction.ts';
import { putWitnesses, signKeyPath, witnessesOf } from '../bitcoin/wallet-inputs.ts';
import type { Facts, Hand, Hex } from '../protocol/action.ts';

/** Its template, and the witnesses known so far, by input index. */
export interface Funding {
  template: Template;
  witnesses: Readonly<Record<string, readonly Hex[]>>;
  /** As the other wallet made it, with whatever its signers need to know. */
  psbt?: string;
}

/** The scripts of all inputs, to ask which are the home's own. */
export const inputScripts = (funding: Funding | null): Hex[] =>
  funding ? funding.template.inputs.map((i) => i.script) : [];

/**
 * Adds what signatures there are: by the home's own keys, and from PSBTs that came back.
 * @throws Refusal `sighash-refused`, `signature-invalid`
 */
export function signFunding(hand: Hand, funding: Funding, ours: Facts['ours'], skip: readonly number[] = []): Funding {
  const { template } = funding;
  const witnesses: Record<string, readonly Hex[]> = { ...funding.witnesses };
  const open = template.inputs.map((_, i) => i).filter((i) => !skip.includes(i) && !witnesses[i]);
  // Other PSBTs of the same step (its refund) come back by the same flag; the runner refuses what belongs to none.
  for (const psbt of hand.merged.filter((text) => holds(readPsbt(text), template))) {
    const signed = readSame(template, psbt, 'wallet');
    for (const [i, stack] of witnessesOf(template, signed, open)) witnesses[i] = stack.map((part) => bytesToHex(part));
  }
  for (const i of open) {
    const path = ours.get(template.inputs[i]!.script);
    if (path && !witnesses[i])
      witnesses[i] = signKeyPath(template, i, hand.keys.wallet(path), hand.random(32)).map((part) => bytesToHex(part));
  }
  return { ...funding, witnesses };
}

/** Are all inputs but these signed? */
export const isSigned = ({ template, witnesses }: Funding, skip: readonly number[] = []): boolean =>
  template.inputs.every((_, i) => skip.includes(i) || witnesses[i] !== undefined);

const stacks = (witnesses: Funding['witnesses']): Map<number, Uint8Array[]> =>
  new Map(Object.entries(witnesses).map(([i, stack]) => [Number(i), stack.map((part) => hexToBytes(part))]));

/** The funding as a PSBT with what witnesses there are. */
export const fundingPsbt = ({ template, witnesses, psbt }: Funding): string =>
  writePsbt(putWitnesses(psbt === undefined ? toTransaction(template) : readPsbt(psbt), stacks(witnesses)));
export const putStacks = (tx: Transaction, witnesses: Funding['witnesses']): Transaction =>
  putWitnesses(tx, stacks(witnesses));

/** The finished transaction, hex. */
export const fundingHex = ({ template, witnesses }: Funding): Hex => {
  const all = stacks(witnesses);
  return withWitness(
    template,
    template.inputs.map((_, i) => all.get(i)!),
  );
};
