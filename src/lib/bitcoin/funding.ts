/**
 * The transaction that pays into a contract, from the home's coins or out of another wallet, and
 * its signatures.
 *
 * Every input is native segwit: the id is final before the refund is signed, and the funding is
 * signed last.
 */
import { checkSpendable, outpointsOf } from './coin-checks.ts';
import { payFrom } from './coins.ts';
import { guardFee } from './fee.ts';
import { isAnchor } from './package.ts';
import { hasTransaction, readPsbt, readSame, templateOf, writePsbt } from './psbt.ts';
import { bytesToHex, hexToBytes } from './bytes.ts';
import { isNativeSegwit, scriptType } from './script.ts';
import {
  feeOf,
  sumSat,
  toTransaction,
  txidOf,
  withWitness,
  type Output,
  type Spent,
  type Template,
} from './transaction.ts';
import { putWitnesses, signKeyPath, witnessesOf } from './wallet-inputs.ts';
import { Transaction } from '@scure/btc-signer/transaction.js';
import type { Facts, Hand, Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Network } from './network.ts';
import type { Outpoint } from './outpoint.ts';

/** Transaction that a wallet funds: its template and known witnesses, by input index. */
export interface Funding {
  template: Template;
  witnesses: Readonly<Record<string, readonly Hex[]>>;
  /** PSBT of another wallet, with the fields that its signers need. */
  psbt?: string;
}

/** Returns the transaction that pays a contract from coins, with the rest to `change`. */
export const payContract = (
  output: Output,
  how: { coins: readonly Spent[]; change: string; feerate: number; network: Network; allowFee: boolean },
): Template => payFrom({ ...how, outputs: [output], version: 2 });

/**
 * Reads the PSBT that another wallet made to fund the contract: any order of outputs, not signed
 * yet. One that states another amount or script of an input than the previous transaction in it is
 * no PSBT (`readPsbt`).
 * @throws Refusal `unsafe-funding`, `fee-too-high`
 */
export function readPayment({ sat, script }: Output, psbt: string, allowFee: boolean): Template {
  const template = templateOf(readPsbt(psbt));
  const unsafe = (why: string) => new Refusal('unsafe-funding', `the funding PSBT ${why}`);
  if (template.version !== 2 && template.version !== 3)
    throw unsafe(`has version ${String(template.version)}; 2 or 3 expected`);
  template.inputs.forEach((input, i) => {
    if (input.script === '') throw unsafe(`does not say what input ${i} spends (witness_utxo)`);
    if (!isNativeSegwit(input.script))
      throw unsafe(
        `spends a ${scriptType(input.script)} output at input ${i}; native segwit expected, whose spending cannot change its id`,
      );
  });
  const paying = template.outputs.filter((o) => o.script === script);
  if (paying.length !== 1 || paying[0]!.sat !== sat)
    throw unsafe(
      `pays ${paying.map((o) => `${o.sat} sat`).join(' and ') || 'nothing'} to the contract's address; one output of ${sat} sat expected`,
    );
  if (feeOf(template) < 0n) throw unsafe('spends more than its inputs hold');
  guardFee(feeOf(template), sumSat(template.inputs), allowFee);
  return template;
}

/**
 * Returns the queries behind `ownCoins`: which inputs and outputs of the PSBT are this home's, and
 * whether those inputs are free.
 */
export function paymentQueries(psbt: string) {
  const { inputs, outputs } = templateOf(readPsbt(psbt));
  const at = outpointsOf(inputs);
  return { ours: [...inputs, ...outputs].map((one) => one.script), coins: at, reserved: at } as const;
}

/**
 * Returns this home's coins in it, which it will sign, and how they were judged. Each is free, like
 * any that it spends. Their value goes into the contract, back home or into the fee, never to the
 * other wallet.
 * @throws Refusal `unsafe-funding`, and as `checkSpendable`
 */
export function ownCoins({ sat }: Output, template: Template, facts: Pick<Facts, 'ours' | 'coins' | 'reserved'>) {
  const isOurs = ({ script }: Output): boolean => facts.ours.has(script);
  const own = template.inputs.filter(isOurs);
  const spent = sumSat(own) - sumSat(template.outputs.filter(isOurs));
  if (own.length > 0 && spent > sat + feeOf(template))
    throw new Refusal(
      'unsafe-funding',
      `the funding PSBT spends ${spent} sat of this home's, ${sat} sat and the fee expected`,
      { hint: 'give the coins of this home with --utxo, in place of a PSBT' },
    );
  return { coins: outpointsOf(own), checked: checkSpendable(facts, own) };
}

/** Returns the outpoint of the contract's output in its funding transaction. */
export const outpointIn = (template: Template, script: Hex): Outpoint => ({
  txid: txidOf(template),
  vout: template.outputs.findIndex((o) => o.script === script),
});

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
  for (const psbt of hand.merged.filter((text) => hasTransaction(readPsbt(text), template))) {
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

/** Returns a transaction whose anchor inputs need no signature. */
export const withAnchors = (template: Template): Funding => ({
  template,
  witnesses: Object.fromEntries(template.inputs.flatMap((input, i) => (isAnchor(input) ? [[i, []]] : []))),
});

/** Returns whether all inputs but these are signed. */
export const isSigned = ({ template, witnesses }: Funding, skip: readonly number[] = []): boolean =>
  template.inputs.every((_, i) => skip.includes(i) || witnesses[i] !== undefined);

/** Warning beside an address that is not to be paid before its refund is stored. */
export const NOTICE = 'do not pay yet';
/** Returns advice for the wallet that is to fund a contract. */
export const fundingAdvice = (sat: bigint, address: string): string =>
  `make a PSBT that pays ${sat} sat to ${address}, do not sign or pay it yet, and give it with --funding FILE on this output`;

/** Returns what a step adds whose funding another wallet has still to sign. */
export const unsignedFunding = (funding: Funding) =>
  isSigned(funding)
    ? {}
    : ({
        exit: 3,
        hint: 'sign psbt.funding in the wallet that owns its inputs; broadcast it there, or give it back with --merge FILE',
      } as const);

const stacks = (witnesses: Funding['witnesses']): Map<number, Uint8Array[]> =>
  new Map(Object.entries(witnesses).map(([i, stack]) => [Number(i), stack.map((part) => hexToBytes(part))]));

/** Returns the funding as a PSBT with its present witnesses. */
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
