/**
 * Transactions as values: a template has everything that is signed, so that each party can build
 * it.
 *
 * BIP144 (serialization). Bytes are read by @scure/btc-signer. Not here: signature hashes
 * (`sighash.ts`), PSBTs (`psbt.ts`), fees (`fee.ts`).
 */
import { RawTx } from '@scure/btc-signer/script.js';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { Refusal } from '../protocol/refusal.ts';
import type { Outpoint } from './outpoint.ts';
import { outputSize } from './script.ts';
import { Writer } from './writer.ts';

/** Spent output, with the amount and script that BIP341 signs. */
export interface Spent extends Outpoint {
  sat: bigint;
  /** The output script, hex. */
  script: string;
}
/** Input of a transaction that is built: the coin that it spends, and its sequence number. */
export interface Input extends Spent {
  sequence: number;
}
/** Output of a transaction: its amount in satoshis and its script, hex. */
export interface Output {
  sat: bigint;
  script: string;
}
/** Transaction without its witnesses, with the amounts and scripts of the coins that it spends. */
export interface Template {
  version: 2 | 3;
  locktime: number;
  inputs: readonly Input[];
  outputs: readonly Output[];
}

/** No relative locktime (bit 31), no replacement signalled, and nLockTime counts. */
export const SEQUENCE_LOCKTIME = 0xfffffffe;
/** Sequence as wallets set it: replacement signalled, nLockTime counts. */
export const SEQUENCE_RBF = 0xfffffffd;

/** Options that keep @scure/btc-signer from dropping or judging what contracts decide. */
export const KEEP_ALL = {
  allowUnknownOutputs: true,
  allowUnknownInputs: true,
  disableScriptCheck: true,
  allowUnknownVersion: true,
  unknown: 'ignore',
  proprietary: 'ignore',
} as const;

/** Sorts outputs by BIP69: amount, then script. All parties build the same bytes. */
export function sortOutputs<O extends Output>(outputs: readonly O[]): O[] {
  return [...outputs].sort((a, b) =>
    a.sat < b.sat ? -1 : a.sat > b.sat ? 1 : a.script < b.script ? -1 : a.script > b.script ? 1 : 0,
  );
}
/** Sorts inputs by BIP69: txid in display order, then index. */
export function sortInputs<O extends Outpoint>(inputs: readonly O[]): O[] {
  return [...inputs].sort((a, b) => (a.txid < b.txid ? -1 : a.txid > b.txid ? 1 : a.vout - b.vout));
}

/** Makes the library's transaction (and PSBT) of a template. */
export function toTransaction(template: Template): Transaction {
  const tx = new Transaction({ ...KEEP_ALL, version: template.version, lockTime: template.locktime });
  for (const { txid, vout, sequence, sat, script } of template.inputs)
    tx.addInput({ txid, index: vout, sequence, witnessUtxo: { amount: sat, script: hexToBytes(script) } });
  for (const { sat, script } of template.outputs) tx.addOutput({ amount: sat, script: hexToBytes(script) });
  return tx;
}

/** Parts of a transaction that its txid covers. */
export type Bare = Pick<Template, 'version' | 'locktime' | 'outputs'> & {
  inputs: readonly (Outpoint & { sequence: number })[];
};

/** Serializes a transaction, with witness stacks if given. @throws Error for impossible values */
function encoded(
  { version, locktime, inputs, outputs }: Bare,
  stacks?: readonly (readonly Uint8Array[])[],
): Uint8Array {
  if (stacks && (stacks.length !== inputs.length || stacks.every((stack) => stack.length === 0)))
    throw new Error('a witness for each input expected, one of them not empty');
  const to = new Writer().i32(version);
  if (stacks) to.u8(0).u8(1);
  to.compact(inputs.length);
  for (const { txid, vout, sequence } of inputs) to.put(txidBytes(txid)).u32(vout).compact(0).u32(sequence);
  to.compact(outputs.length);
  for (const { sat, script } of outputs) to.u64(sat).sizedHex(script);
  for (const stack of stacks ?? []) {
    to.compact(stack.length);
    for (const element of stack) to.sized(element);
  }
  return to.u32(locktime).written();
}
/** Returns the bytes of a txid. @throws Error for another length */
function txidBytes(txid: string): Uint8Array {
  const bytes = hexToBytes(txid);
  if (bytes.length !== 32) throw new Error(`a txid of ${bytes.length} bytes found`);
  return bytes.reverse();
}
const idOf = (bare: Uint8Array): string => bytesToHex(sha256(sha256(bare)).reverse());

/** Serializes a transaction (hex) without witnesses. */
export const unsignedHex = (template: Bare): string => bytesToHex(encoded(template));

/** Computes the txid in display order. It is final if every input is native segwit. */
export const txidOf = (template: Bare): string => idOf(encoded(template));

/** Returns what `txidOf` and `unsignedHex` return. */
export function unsignedOf(template: Bare): { txid: string; unsigned: string } {
  const bytes = encoded(template);
  return { txid: idOf(bytes), unsigned: bytesToHex(bytes) };
}

/** Serializes a finished transaction (hex), with a witness stack for each input. */
export const withWitness = (template: Bare, stacks: readonly (readonly Uint8Array[])[]): string =>
  bytesToHex(encoded(template, stacks));

function decoded(hex: string): { bytes: Uint8Array; raw: ReturnType<typeof RawTx.decode> } {
  try {
    const bytes = hexToBytes(hex);
    return { bytes, raw: RawTx.decode(bytes) };
  } catch {
    throw new Refusal('malformed-transaction', `${hex.length / 2} bytes found that are no transaction`);
  }
}
/** Reads a raw transaction. @throws Refusal `malformed-transaction` */
export const parseTransaction = (hex: string): ReturnType<typeof RawTx.decode> => decoded(hex).raw;

const sized = (length: number): number => (length < 253 ? 1 : length < 65_536 ? 3 : 5) + length;
/** Cuts the serialization without witnesses out of the bytes, which is faster than writing it. */
function withoutWitness({ bytes, raw: { segwitFlag, inputs, outputs } }: ReturnType<typeof decoded>): Uint8Array {
  if (!segwitFlag) return bytes;
  const counts = sized(inputs.length) - inputs.length + sized(outputs.length) - outputs.length;
  const parts =
    inputs.reduce((sum, i) => sum + 40 + sized(i.finalScriptSig.length), counts) +
    outputs.reduce((sum, o) => sum + 8 + sized(o.script.length), 0);
  return concatBytes(bytes.subarray(0, 4), bytes.subarray(6, 6 + parts), bytes.subarray(-4));
}
const bareBytes = (hex: string): Uint8Array => withoutWitness(decoded(hex));

/** Computes the txid of a finished transaction. @throws Refusal `malformed-transaction` */
export const txidOfHex = (hex: string): string => idOf(bareBytes(hex));

const vsizeOf = (bare: Uint8Array, hex: string): number => Math.ceil((3 * bare.length + hex.length / 2) / 4);
/** Computes the virtual size of a finished transaction. @throws Refusal `malformed-transaction` */
export const vsizeOfHex = (hex: string): number => vsizeOf(bareBytes(hex), hex);

/** Computes the virtual size of a template whose inputs are all taproot key-path spends. */
export function keySpendVsize(template: {
  inputs: readonly unknown[];
  outputs: readonly Pick<Output, 'script'>[];
}): number {
  const base = 10 + 41 * template.inputs.length + template.outputs.reduce((sum, o) => sum + outputSize(o.script), 0);
  return Math.ceil((4 * base + 2 + 66 * template.inputs.length) / 4);
}

/** Computes the virtual size of a key-path spend of one taproot coin to these scripts. */
export const sweepVsize = (...scripts: readonly string[]): number =>
  keySpendVsize({ inputs: [null], outputs: scripts.map((script) => ({ script })) });

export const sumSat = (parts: readonly { sat: bigint }[]): bigint => parts.reduce((sum, p) => sum + p.sat, 0n);
/** Returns the fee in satoshis; negative if outputs exceed inputs. */
export const feeOf = (template: Template): bigint => sumSat(template.inputs) - sumSat(template.outputs);

/** Says how two unsigned transactions differ; undefined if they are the same. */
export function difference(expected: Template, found: Template): string | undefined {
  const field = (name: string, want: unknown, got: unknown) =>
    want === got ? undefined : `${name} ${got} found, ${want} expected`;
  const all: (string | undefined)[] = [
    field('version', expected.version, found.version),
    field('nLockTime', expected.locktime, found.locktime),
    field('number of inputs', expected.inputs.length, found.inputs.length),
    field('number of outputs', expected.outputs.length, found.outputs.length),
    ...expected.inputs.flatMap((want, i) => {
      const got = found.inputs[i];
      return got
        ? [
            field(`outpoint of input ${i}`, `${want.txid}:${want.vout}`, `${got.txid}:${got.vout}`),
            field(`sequence of input ${i}`, want.sequence, got.sequence),
          ]
        : [];
    }),
    ...expected.outputs.flatMap((want, i) => {
      const got = found.outputs[i];
      return got
        ? [field(`amount of output ${i}`, want.sat, got.sat), field(`script of output ${i}`, want.script, got.script)]
        : [];
    }),
  ];
  return all.find((d) => d !== undefined);
}

/** Template without amounts and scripts of its inputs, with txid and witness stacks. */
export type BareTransaction = Template & { txid: string; stacks: readonly (readonly Uint8Array[])[] };
/** Reads a transaction as a template. @throws Refusal `malformed-transaction` */
export function parseBareTransaction(hex: string): BareTransaction {
  const found = decoded(hex);
  const { raw } = found;
  return {
    version: raw.version as Template['version'],
    locktime: raw.lockTime,
    inputs: raw.inputs.map((i) => ({
      txid: bytesToHex(i.txid),
      vout: i.index,
      sequence: i.sequence,
      sat: 0n,
      script: '',
    })),
    outputs: outputsIn(raw),
    txid: idOf(withoutWitness(found)),
    stacks: raw.witnesses ?? [],
  };
}

const outputsIn = ({ outputs }: ReturnType<typeof RawTx.decode>): Output[] =>
  outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) }));
/** Reads the outputs of a transaction (hex). @throws Refusal `malformed-transaction` */
export const outputsOf = (hex: string): Output[] => outputsIn(parseTransaction(hex));

/** Reads txid, virtual size and outputs. @throws Refusal `malformed-transaction` */
export function parseFinished(hex: string): { txid: string; vsize: number; outputs: Output[] } {
  const found = decoded(hex);
  const bare = withoutWitness(found);
  return { txid: idOf(bare), vsize: vsizeOf(bare, hex), outputs: outputsIn(found.raw) };
}
