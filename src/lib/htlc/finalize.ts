/**
 * The finaliser: signatures and preimage put in the places where the script looks for them, for
 * each variant and path.
 * @scure/btc-signer's own would make, for a script that it does not know, a witness of the script
 * alone.
 */
import { Script } from '@scure/btc-signer/script.js';
import type { Transaction } from '@scure/btc-signer/transaction.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { toTransaction, type Template } from '../bitcoin/transaction.ts';
import { stackOf, type Element, type PathName } from './scripts.ts';
import { witnessProgram, type Built, type Htlc } from './terms.ts';

/** Signatures in the form of a witness, by signer. */
export type Signatures = Partial<Record<PathName, Uint8Array>>;
export interface Finishing {
  htlc: Pick<Htlc, 'refund'>;
  path: PathName;
  built: Built;
  elements: readonly Element[];
  template: Template;
}
export interface Finals {
  finalScriptSig?: Uint8Array;
  finalScriptWitness?: Uint8Array[];
}

/** All signatures that the path needs must be there. */
export function finalsOf(
  { htlc, path, built, elements }: Omit<Finishing, 'template'>,
  signatures: Signatures,
  preimage: Uint8Array | undefined,
): Finals {
  const stack = stackOf(elements, {
    preimage,
    'refund-key': hexToBytes(htlc.refund),
    'claim-sig': signatures.claim,
    'refund-sig': signatures.refund,
  });
  if (built.type === 'p2tr') return { finalScriptWitness: [...stack, built.leaves[path], built.tree.control[path]] };
  if (built.type === 'p2sh')
    // Small numbers by their opcodes: a push of 01 would not be the shortest.
    return {
      finalScriptSig: Script.encode([
        ...stack.map((part) => (part.length === 0 ? 0 : part.length === 1 ? part[0]! : part)),
        built.script,
      ]),
    };
  const nested = built.type === 'p2sh-p2wsh' && { finalScriptSig: Script.encode([witnessProgram(built.script)]) };
  return { ...nested, finalScriptWitness: [...stack, built.script] };
}

export function putFinals(tx: Transaction, finals: Finals): Transaction {
  tx.updateInput(0, finals, true);
  return tx;
}

/** The finished transaction, hex. */
export const finishedHex = (spend: Finishing, signatures: Signatures, preimage: Uint8Array | undefined): string =>
  bytesToHex(putFinals(toTransaction(spend.template), finalsOf(spend, signatures, preimage)).extract());
