/**
 * Transactions as the asset protocols read them: ids, sequences, scripts and amounts, and nothing that signs.
 * The encoding is @scure/btc-signer's. Not here: templates and PSBTs that are made (`bitcoin/`).
 */
import { RawOldTx, RawTx } from '@scure/btc-signer/script.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface TxInput {
  /** Display order. */
  txid: string;
  vout: number;
  sequence: number;
  scriptSig: Uint8Array;
}
export interface TxOutput {
  sat: bigint;
  script: Uint8Array;
}
export interface Tx {
  txid: string;
  /** As they were given, with witnesses. */
  bytes: Uint8Array;
  version: number;
  inputs: readonly TxInput[];
  outputs: readonly TxOutput[];
  /** One stack an input; empty without witnesses. */
  witnesses: readonly (readonly Uint8Array[])[];
}

const NOBODY = '00'.repeat(32);

export const isCoinbase = ({ inputs }: Tx): boolean => inputs.length === 1 && inputs[0]!.txid === NOBODY;

/** The id (display order) that these bytes, without witness, hash to. */
const idOf = (bytes: Uint8Array): string => bytesToHex(sha256(sha256(bytes)).reverse());

/** Reads a transaction and computes its id. @throws Refusal `malformed-transaction` */
export function readTx(bytes: Uint8Array): Tx {
  let raw: ReturnType<typeof RawTx.decode>;
  try {
    raw = RawTx.decode(bytes);
  } catch {
    throw new Refusal('malformed-transaction', `${bytes.length} bytes found that are no transaction`);
  }
  return {
    txid: idOf(raw.segwitFlag ? RawOldTx.encode(raw) : bytes),
    bytes,
    version: raw.version,
    inputs: raw.inputs.map(({ txid, index, sequence, finalScriptSig }) => ({
      txid: bytesToHex(txid),
      vout: index,
      sequence,
      scriptSig: finalScriptSig,
    })),
    outputs: raw.outputs.map(({ amount, script }) => ({ sat: amount, script })),
    witnesses: raw.witnesses ?? [],
  };
}

/** Reads a transaction from hex. @throws Refusal `malformed-transaction` */
export function txFromHex(hex: string): Tx {
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(hex))
    throw new Refusal('malformed-transaction', 'broken hex found, pairs of hex digits expected');
  return readTx(hexToBytes(hex));
}
