/**
 * Inputs that a wallet owns: signed by the home's keys, or taken from a PSBT and checked.
 *
 * Only native segwit inputs, so that the txid is final before anybody signs. A key-path or P2WPKH
 * signature is verified in full. Of other witnesses only sighash types are checked, since their
 * scripts are unknown.
 */
import { Transaction } from '@scure/btc-signer/transaction.js';
import { hash160 } from '@scure/btc-signer/utils.js';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { verifiesEcdsa } from '../signing/ecdsa.ts';
import { keyPathSecret } from '../signing/keyset.ts';
import { bytesToHex, equalBytes, hexToBytes } from './bytes.ts';
import { isAnchor } from './package.ts';
import { scriptType } from './script.ts';
import { taprootSighash } from './sighash.ts';
import { toTransaction, withWitness, type Template } from './transaction.ts';
import { readPsbt, templateOf } from './psbt.ts';

/** Witnesses of the signed inputs, by index. */
export type Witnesses = ReadonlyMap<number, readonly Uint8Array[]>;

/**
 * Signs input `index` with the key of its output (untweaked, 32 bytes), by BIP86 or over a script
 * tree.
 * @param aux 32 random bytes
 */
export function signKeyPath(
  template: Template,
  index: number,
  secret: Uint8Array,
  aux: Uint8Array,
  tree?: Uint8Array,
): readonly Uint8Array[] {
  return [hexToBytes(signHash(taprootSighash(template, index), keyPathSecret(secret, tree), aux))];
}

/**
 * Returns the witnesses that a signed PSBT has for these inputs, each checked; an anchor's is
 * empty.
 * @throws Refusal `signature-invalid`, `sighash-refused`
 */
export function witnessesOf(template: Template, signed: Transaction, indexes: readonly number[]): Witnesses {
  const found = new Map<number, readonly Uint8Array[]>();
  const tx = toTransaction(template);
  for (const index of indexes) {
    if (isAnchor(template.inputs[index]!)) {
      found.set(index, []);
      continue;
    }
    const stack = stackOf(signed.getInput(index));
    if (!stack) continue;
    checkWitness(template, index, stack, tx);
    found.set(index, stack);
  }
  return found;
}

function stackOf(input: ReturnType<Transaction['getInput']>): Uint8Array[] | undefined {
  if (input.finalScriptWitness?.length) return [...input.finalScriptWitness];
  if (input.tapKeySig) return [input.tapKeySig];
  const [first, ...more] = input.partialSig ?? [];
  return first &&
    more.length === 0 &&
    input.witnessUtxo &&
    scriptType(bytesToHex(input.witnessUtxo.script)) === 'p2wpkh'
    ? [first[1], first[0]]
    : undefined;
}

/**
 * Checks the witness of an input. @param tx the template's transaction, made once for all inputs
 * @throws Refusal `signature-invalid`, `sighash-refused`
 */
export function checkWitness(
  template: Template,
  index: number,
  stack: readonly Uint8Array[],
  tx = toTransaction(template),
): void {
  const { script, sat } = template.inputs[index]!;
  const type = scriptType(script);
  const invalid = (why: string) =>
    new Refusal('signature-invalid', `the signature of input ${index} does not verify: ${why}`);
  const [signature, pubkey = new Uint8Array()] = stack;
  if (!signature) throw invalid('an empty witness found');
  // An annex is not relayed, and would hide what the last elements are.
  if (type === 'p2tr' && stack.length > 1 && stack.at(-1)![0] === 0x50) throw invalid('a witness with an annex found');
  if (type === 'p2tr' && stack.length === 1) {
    const hashType = schnorrType(signature, index);
    const hash = tx.preimageWitnessV1(
      index,
      template.inputs.map((i) => hexToBytes(i.script)),
      hashType,
      template.inputs.map((i) => i.sat),
    );
    if (!verifies(bytesToHex(signature.subarray(0, 64)), hash, script.slice(4))) throw invalid('BIP340 refuses it');
  } else if (type === 'p2wpkh') {
    if (stack.length !== 2) throw invalid(`a witness of ${stack.length} elements found, 2 expected`);
    if (signature.at(-1) !== 1)
      throw new Refusal('sighash-refused', `sighash type ${signature.at(-1)} found at input ${index}, ALL expected`);
    if (!equalBytes(hash160(pubkey), hexToBytes(script.slice(4))))
      throw invalid('another public key than the output asks for');
    const code = p2wpkhCode(script);
    const hash = tx.preimageWitnessV0(index, code, 1, sat);
    if (!verifiesEcdsa(signature.subarray(0, -1), hash, pubkey)) throw invalid('ECDSA refuses it');
  } else {
    // In an unknown script, every element that could be a signature must sign everything.
    for (const element of type === 'p2tr' ? stack.slice(0, -2) : stack.slice(0, -1)) {
      if (type === 'p2tr') {
        if (element.length === 64 || element.length === 65) schnorrType(element, index);
      } else if (
        element.length >= 9 &&
        element.length <= 73 &&
        element[0] === 0x30 &&
        element[1] === element.length - 3 &&
        element.at(-1) !== 1
      )
        throw new Refusal('sighash-refused', `sighash type ${element.at(-1)} found at input ${index}, ALL expected`);
    }
  }
}

/** Returns the script code of a P2WPKH spend (BIP143): the P2PKH script of its hash. */
export const p2wpkhCode = (script: string): Uint8Array => hexToBytes(`76a914${script.slice(4)}88ac`);

function schnorrType(signature: Uint8Array, index: number): number {
  const type = signature.length === 64 ? 0 : signature.length === 65 ? signature[64]! : -1;
  if (type !== 1 && !(type === 0 && signature.length === 64))
    throw new Refusal('sighash-refused', `sighash type ${type} found at input ${index}, DEFAULT or ALL expected`);
  return type;
}

/** Puts final witnesses into a PSBT, so that any wallet can extract it; an anchor has none. */
export function putWitnesses(tx: Transaction, witnesses: Witnesses): Transaction {
  for (const [index, stack] of witnesses)
    if (stack.length > 0) tx.updateInput(index, { finalScriptWitness: [...stack] }, true);
  return tx;
}

/**
 * Returns the finished transaction (hex) of a PSBT whose inputs are all signed.
 * @throws Refusal `malformed-psbt`, `not-signed`, `signature-invalid`, `sighash-refused`
 */
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
