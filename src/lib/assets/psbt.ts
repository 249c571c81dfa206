/** PSBTs as input of a decoder. In a file of its own, since it loads @scure/btc-signer. */
import { RawTx } from '@scure/btc-signer/script.js';
import type { Transaction } from '@scure/btc-signer/transaction.js';
import type { DecodeSubject } from './subject.ts';
import type { Parents } from './trace.ts';

/** Returns the transaction of a PSBT, with the parents that it carries (`non_witness_utxo`). */
export function subjectOfPsbt(psbt: Transaction, shared: Parents): DecodeSubject {
  const parents = shared.layer();
  for (let i = 0; i < psbt.inputsLength; i++) {
    const { nonWitnessUtxo } = psbt.getInput(i);
    if (nonWitnessUtxo) parents.add(RawTx.encode(nonWitnessUtxo as never));
  }
  return { tx: parents.read(psbt.unsignedTx), parents };
}
