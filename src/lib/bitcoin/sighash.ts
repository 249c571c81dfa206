/**
 * Signature hashes of segwit inputs: BIP143 (version 0), BIP341 and BIP342 (key path and leaves).
 *
 * Parts that all inputs share are hashed once, so that signing takes linear time. Not here:
 * annexes, OP_CODESEPARATOR, SIGHASH_NONE.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { taggedHash } from '../signing/curve.ts';
import { concatBytes, hexToBytes } from './bytes.ts';
import type { Input, Output, Template } from './transaction.ts';

export const SIGHASH_DEFAULT = 0;
export const SIGHASH_ALL = 1;
/** SINGLE|ANYONECANPAY: signs its own input and the output of the same index. */
export const SIGHASH_SINGLE_ACP = 0x83;
/** ALL|ANYONECANPAY: signs its own input and all outputs. */
export const SIGHASH_ALL_ACP = 0x81;
export type SighashType =
  typeof SIGHASH_DEFAULT | typeof SIGHASH_ALL | typeof SIGHASH_SINGLE_ACP | typeof SIGHASH_ALL_ACP;
const anyoneCanPay = (type: SighashType): boolean => type >= 0x80;

function littleEndian(n: number | bigint, size: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 4) view.setUint32(0, Number(n), true);
  else view.setBigUint64(0, BigInt(n), true);
  return bytes;
}
/** Writes bytes behind their length, up to 65,535 bytes. */
const sized = (bytes: Uint8Array): Uint8Array =>
  concatBytes(
    bytes.length < 253 ? Uint8Array.of(bytes.length) : Uint8Array.of(253, bytes.length & 255, bytes.length >> 8),
    bytes,
  );
const outpoint = ({ txid, vout }: Input): Uint8Array => concatBytes(hexToBytes(txid).reverse(), littleEndian(vout, 4));
const output = ({ sat, script }: Output): Uint8Array => concatBytes(littleEndian(sat, 8), sized(hexToBytes(script)));
const twice = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));
const ZERO = new Uint8Array(32);

/** Computes the hash of a leaf of version 0xc0 (BIP341). */
const leafHash = (leaf: Uint8Array): Uint8Array => taggedHash('TapLeaf', Uint8Array.of(0xc0), sized(leaf));

/** Signature hashes of one transaction. */
export class Sighashes {
  readonly #template: Template;
  readonly #shared = new Map<string, Uint8Array>();

  constructor(template: Template) {
    this.#template = template;
  }
  /** Returns the hashes for other inputs and the same outputs, which are not hashed again. */
  withInputs(inputs: readonly Input[]): Sighashes {
    const made = new Sighashes({ ...this.#template, inputs });
    made.#shared.set('outputs', this.#over('outputs'));
    return made;
  }
  /** Computes SHA256 over one part of every input or output. */
  #over(part: 'outpoints' | 'amounts' | 'scripts' | 'sequences' | 'outputs'): Uint8Array {
    let hash = this.#shared.get(part);
    if (!hash) {
      const { inputs, outputs } = this.#template;
      const parts = {
        outpoints: () => inputs.map(outpoint),
        amounts: () => inputs.map((i) => littleEndian(i.sat, 8)),
        scripts: () => inputs.map((i) => sized(hexToBytes(i.script))),
        sequences: () => inputs.map((i) => littleEndian(i.sequence, 4)),
        outputs: () => outputs.map(output),
      }[part]();
      this.#shared.set(part, (hash = sha256(concatBytes(...parts))));
    }
    return hash;
  }
  /** Computes the double SHA256 of BIP143. */
  #twiceOver(part: 'outpoints' | 'sequences' | 'outputs'): Uint8Array {
    const name = `${part} twice`;
    let hash = this.#shared.get(name);
    if (!hash) this.#shared.set(name, (hash = sha256(this.#over(part))));
    return hash;
  }
  /** Computes the hash of BIP143. @param code witness script, or for P2WPKH the P2PKH script */
  v0(index: number, code: Uint8Array, type: SighashType): Uint8Array {
    const { version, locktime, inputs, outputs } = this.#template;
    const input = inputs[index]!;
    const single = type === SIGHASH_SINGLE_ACP;
    const alone = anyoneCanPay(type);
    return twice(
      concatBytes(
        littleEndian(version, 4),
        alone ? ZERO : this.#twiceOver('outpoints'),
        alone ? ZERO : this.#twiceOver('sequences'),
        outpoint(input),
        sized(code),
        littleEndian(input.sat, 8),
        littleEndian(input.sequence, 4),
        single ? twice(output(outputs[index]!)) : this.#twiceOver('outputs'),
        littleEndian(locktime, 4),
        littleEndian(type, 4),
      ),
    );
  }
  /** Computes the hash of BIP341: of the key path, or of a leaf (BIP342). */
  v1(index: number, type: SighashType, leaf?: Uint8Array): Uint8Array {
    const { version, locktime, inputs, outputs } = this.#template;
    const input = inputs[index]!;
    const single = type === SIGHASH_SINGLE_ACP;
    const alone = anyoneCanPay(type);
    const inputParts = alone ? [] : (['outpoints', 'amounts', 'scripts', 'sequences'] as const);
    const shared = single ? inputParts : [...inputParts, 'outputs' as const];
    return taggedHash(
      'TapSighash',
      Uint8Array.of(0, type),
      littleEndian(version, 4),
      littleEndian(locktime, 4),
      ...shared.map((part) => this.#over(part)),
      Uint8Array.of(leaf ? 2 : 0),
      ...(alone
        ? [
            outpoint(input),
            littleEndian(input.sat, 8),
            sized(hexToBytes(input.script)),
            littleEndian(input.sequence, 4),
          ]
        : [littleEndian(index, 4)]),
      ...(single ? [sha256(output(outputs[index]!))] : []),
      ...(leaf ? [leafHash(leaf), Uint8Array.of(0), littleEndian(0xffffffff, 4)] : []),
    );
  }
}

/**
 * Computes BIP341's hash of input `index`: key path, SIGHASH_DEFAULT, no annex.
 * @throws Error for an input that is not there, and for an amount below zero
 */
export function taprootSighash(template: Template, index: number): Uint8Array {
  if (!template.inputs[index]) throw new Error(`input ${index} of ${template.inputs.length} expected`);
  if ([...template.inputs, ...template.outputs].some(({ sat }) => sat < 0n))
    throw new Error('an amount below zero found');
  return new Sighashes(template).v1(index, SIGHASH_DEFAULT);
}
