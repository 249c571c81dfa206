/** A PSBT whose wallet inputs are all signed, made into the transaction that nodes take. */
import { Refusal } from '../protocol/refusal.ts';
import { readPsbt, templateOf } from './psbt.ts';
import { withWitness, type Template } from './transaction.ts';
import { witnessesOf } from './wallet-inputs.ts';

/** @throws Refusal `malformed-psbt`, `not-signed`, `signature-invalid`, `sighash-refused` */
export function finalHex(psbt: string): { hex: string; template: Template } {
  const tx = readPsbt(psbt);
  const template = templateOf(tx);
  const all = template.inputs.map((_, i) => i);
  const witnesses = witnessesOf(template, tx, all);
  const missing = all.find((i) => !witnesses.has(i));
  if (missing !== undefined)
    throw new Refusal('not-signed', `input ${missing} of the PSBT is not signed`, {
      hint: 'sign it in the wallet that owns its coins',
    });
  return {
    hex: withWitness(
      template,
      all.map((i) => witnesses.get(i)!),
    ),
    template,
  };
}
