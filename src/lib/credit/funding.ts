/**
 * The transaction that funds a contract, from the home's coins or out of another wallet.
 *
 * Every input is native segwit: the id is final before the refund is signed, and the funding is signed last.
 * Not here: its signatures (`signing/funding.ts`).
 */
import { payFrom } from '../bitcoin/coins.ts';
import { guardFee } from '../bitcoin/fee.ts';
import { readPsbt, templateOf } from '../bitcoin/psbt.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { isNativeSegwit, scriptType } from '../bitcoin/script.ts';
import { feeOf, sumSat, txidOf, type Spent, type Template } from '../bitcoin/transaction.ts';
import type { Transaction } from '@scure/btc-signer/transaction.js';
import { Refusal } from '../protocol/refusal.ts';
import { keysOf, type Contract, type Terms } from './terms.ts';

/** Funds the contract from coins of a wallet; what is left goes to `change`. */
export function fundFrom(
  terms: Terms,
  coins: readonly Spent[],
  change: string,
  feerate: number,
  allowFee: boolean,
): Template {
  return payFrom({
    coins,
    outputs: [{ sat: terms.capacity_sat, script: keysOf(terms).script }],
    change,
    feerate,
    version: 2,
    network: terms.network,
    allowFee,
  });
}

/**
 * Reads the PSBT that another wallet made to fund the contract: any order of outputs, not signed yet.
 * @throws Refusal `unsafe-funding`, `fee-too-high`
 */
export function readFunding(terms: Terms, psbt: string, allowFee: boolean): Template {
  const tx = readPsbt(psbt);
  const template = templateOf(tx);
  const { script } = keysOf(terms);
  const unsafe = (why: string) => new Refusal('unsafe-funding', `the funding PSBT ${why}`);
  if (template.version !== 2 && template.version !== 3)
    throw unsafe(`has version ${String(template.version)}; 2 or 3 expected`);
  template.inputs.forEach((input, i) => {
    if (input.script === '') throw unsafe(`does not say what input ${i} spends (witness_utxo)`);
    if (!isNativeSegwit(input.script))
      throw unsafe(
        `spends a ${scriptType(input.script)} output at input ${i}; native segwit expected, whose spending cannot change its id`,
      );
    checkPrevious(tx, i, input);
  });
  const paying = template.outputs.filter((o) => o.script === script);
  if (paying.length !== 1 || paying[0]!.sat !== terms.capacity_sat)
    throw unsafe(
      `pays ${paying.map((o) => `${o.sat} sat`).join(' and ') || 'nothing'} to the contract's address; one output of ${terms.capacity_sat} sat expected`,
    );
  if (feeOf(template) < 0n) throw unsafe('spends more than its inputs hold');
  guardFee(feeOf(template), sumSat(template.inputs), allowFee);
  return template;
}

/** Where a PSBT holds the whole previous transaction, it proves amount and script. */
function checkPrevious(tx: Transaction, index: number, stated: Spent): void {
  const previous = tx.getInput(index).nonWitnessUtxo;
  if (!previous) return;
  const output = previous.outputs[stated.vout];
  if (!output || output.amount !== stated.sat || bytesToHex(output.script) !== stated.script)
    throw new Refusal(
      'unsafe-funding',
      `the funding PSBT states another amount or script for input ${index} than its previous transaction`,
    );
}

/** Where the contract's output lies in its funding transaction. */
export function contractOutpoint(terms: Terms, template: Template): Contract['outpoint'] {
  return { txid: txidOf(template), vout: template.outputs.findIndex((o) => o.script === keysOf(terms).script) };
}
