/**
 * PSBTs read, compared and written.
 *
 * A PSBT carries data and decides nothing: its reader has built the transaction by itself, and
 * compares. Only nonces, partial signatures and signatures of other inputs are taken from it.
 * BIP174, BIP370 (both versions are read, version 0 is written), BIP371, BIP373 (MuSig2 fields).
 * Not here: making signatures (`signing/`), checking those of wallets (`wallet-inputs.ts`).
 */
import { base64 } from '@scure/base';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { bytesToHex, equalBytes, hexToBytes } from './bytes.ts';
import { FORM_LIMITS } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { difference, KEEP_ALL, toTransaction, type Template } from './transaction.ts';

/**
 * Reads a PSBT from base64. @param options `longest` length in characters, by default a contract's
 * @throws Refusal `malformed-psbt`, `too-large`
 */
export function readPsbt(text: string, { longest = FORM_LIMITS.psbt.most }: { longest?: number } = {}): Transaction {
  if (text.length > longest)
    throw new Refusal('too-large', `a PSBT of ${text.length} characters found, at most ${longest} expected`);
  try {
    return Transaction.fromPSBT(base64.decode(text), KEEP_ALL);
  } catch (error) {
    throw new Refusal('malformed-psbt', `not a PSBT: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** Writes a PSBT of version 0 in base64. @throws Refusal `malformed-psbt` if it needs version 2 */
export function writePsbt(tx: Transaction): string {
  try {
    return base64.encode(tx.toPSBT(0));
  } catch (error) {
    throw new Refusal(
      'malformed-psbt',
      `the PSBT cannot be written in version 0: ${(error as Error).message.slice(0, 200)}`,
    );
  }
}

/** Returns the transaction that a PSBT would sign; absent amounts are 0, absent scripts empty. */
export function templateOf(tx: Transaction): Template {
  const inputs = Array.from({ length: tx.inputsLength }, (_, i) => {
    const { txid, index, sequence, witnessUtxo, nonWitnessUtxo } = tx.getInput(i);
    const spent = witnessUtxo ?? nonWitnessUtxo?.outputs[index ?? -1];
    return {
      txid: bytesToHex(txid ?? new Uint8Array(32)),
      vout: index ?? 0,
      sequence: sequence ?? 0xffffffff,
      sat: spent?.amount ?? 0n,
      script: spent ? bytesToHex(spent.script) : '',
    };
  });
  const outputs = Array.from({ length: tx.outputsLength }, (_, i) => {
    const { amount, script } = tx.getOutput(i);
    return { sat: amount ?? 0n, script: bytesToHex(script ?? new Uint8Array()) };
  });
  return { version: tx.version as Template['version'], locktime: tx.lockTime, inputs, outputs };
}

/** Tells whether the PSBT has exactly this transaction, byte for byte. */
export const hasTransaction = (tx: Transaction, template: Template): boolean =>
  equalBytes(toTransaction(template).unsignedTx, tx.unsignedTx);

/**
 * Reads a PSBT that must have exactly this transaction, for the default sighash type.
 * @throws Refusal `transaction-differs`, which names the first difference; `sighash-refused`
 */
export function readSame(template: Template, psbt: string, from: string): Transaction {
  const tx = readPsbt(psbt);
  if (!hasTransaction(tx, template)) {
    const words = difference(template, templateOf(tx)) ?? 'an encoding of its own found';
    throw new Refusal(
      'transaction-differs',
      `the PSBT of the ${from} is not the transaction that the terms give: ${words}`,
      { blame: from },
    );
  }
  for (let i = 0; i < tx.inputsLength; i++) {
    const type = tx.getInput(i).sighashType;
    // A taproot input signs ALL only where the PSBT says so; anything else lets outputs or inputs be exchanged.
    const allowed = template.inputs[i]!.script.startsWith('5120') ? [undefined, 0] : [undefined, 0, 1];
    if (!allowed.includes(type))
      throw new Refusal('sighash-refused', `sighash type ${type} found at input ${i}, the default expected`, {
        blame: from,
      });
  }
  return tx;
}

/** MuSig2 key in a PSBT (BIP373): participants and aggregates as 33 bytes in hex. */
export interface MusigKey {
  /** Public keys in the order of aggregation. */
  participants: readonly string[];
  /** Aggregate key before any tweak, which lists the participants. */
  aggregateKey: string;
  /** Key before the taproot tweak: the aggregate, or with a plain tweak the sum of both. */
  internalKey: string;
  /** Aggregate key after the taproot tweak, with its true parity. */
  outputKey: string;
}
/** Nonce and partial signature of one participant. */
export interface MusigShare {
  /** Public nonce: 66 bytes in hex. */
  pubnonce?: string | undefined;
  /** Partial signature: 32 bytes in hex. */
  partial?: string | undefined;
}
export type MusigShares = Readonly<Record<string, MusigShare>>;

const xOnly = (key: string): Uint8Array => hexToBytes(key.slice(2));

/** Puts a key and its participants' shares into input `index`. */
export function putMusig(tx: Transaction, index: number, key: MusigKey, shares: MusigShares): Transaction {
  const place = (participant: string) => ({
    participantPubkey: hexToBytes(participant),
    aggregatePubkey: hexToBytes(key.outputKey),
  });
  const nonces = key.participants.flatMap((p) =>
    shares[p]?.pubnonce ? [[place(p), hexToBytes(shares[p].pubnonce)] as const] : [],
  );
  const partials = key.participants.flatMap((p) =>
    shares[p]?.partial ? [[place(p), hexToBytes(shares[p].partial)] as const] : [],
  );
  tx.updateInput(
    index,
    {
      tapInternalKey: xOnly(key.internalKey),
      musig2ParticipantPubkeys: [[hexToBytes(key.aggregateKey), key.participants.map((p) => hexToBytes(p))]],
      ...(nonces.length > 0 && { musig2PubNonce: nonces.map(([k, v]) => [k, v]) }),
      ...(partials.length > 0 && { musig2PartialSig: partials.map(([k, v]) => [k, v]) }),
    },
    true,
  );
  return tx;
}

/** States in output `index` that it pays a MuSig2 key, for signers that check change. */
export function putMusigOutput(tx: Transaction, index: number, key: MusigKey): Transaction {
  tx.updateOutput(
    index,
    {
      tapInternalKey: xOnly(key.internalKey),
      musig2ParticipantPubkeys: [[hexToBytes(key.aggregateKey), key.participants.map((p) => hexToBytes(p))]],
    },
    true,
  );
  return tx;
}

/** Returns a participant's share in input `index`, with what the PSBT has of it. */
export function shareOf(tx: Transaction, index: number, key: MusigKey, participant: string): MusigShare {
  const { musig2PubNonce, musig2PartialSig } = tx.getInput(index);
  const find = (
    rows:
      | readonly (readonly [
          { participantPubkey: Uint8Array; aggregatePubkey: Uint8Array; leafHash?: Uint8Array },
          Uint8Array,
        ])[]
      | undefined,
  ) => {
    const row = rows?.find(
      ([k]) =>
        !k.leafHash &&
        bytesToHex(k.participantPubkey) === participant &&
        bytesToHex(k.aggregatePubkey) === key.outputKey,
    );
    return row ? bytesToHex(row[1]) : undefined;
  };
  return { pubnonce: find(musig2PubNonce as never), partial: find(musig2PartialSig as never) };
}

/** Makes the PSBT of a transaction whose input `index` a MuSig2 key spends, with these shares. */
export const musigPsbt = (template: Template, index: number, key: MusigKey, shares: MusigShares): string =>
  writePsbt(putMusig(toTransaction(template), index, key, shares));
