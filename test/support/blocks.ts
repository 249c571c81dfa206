/** Blocks made here: a coinbase, other transactions, and a header with (nearly) no work. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';

const dsha = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));
const le = (value: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 255);
const blob = (bytes: Uint8Array): Uint8Array => concatBytes(le(bytes.length, 1), bytes);

/** A transaction without witness; `spends` none for a coinbase. */
export function transaction(spends: number | undefined, scripts: readonly string[]): Uint8Array {
  const outpoint =
    spends === undefined
      ? concatBytes(new Uint8Array(32), hexToBytes('ffffffff'))
      : concatBytes(dsha(le(spends, 4)), le(0, 4));
  return concatBytes(
    le(2, 4),
    le(1, 1),
    outpoint,
    blob(Uint8Array.of(1, 2, 3)),
    hexToBytes('ffffffff'),
    le(scripts.length, 1),
    ...scripts.map((script) => concatBytes(le(1_000_000, 8), blob(hexToBytes(script)))),
    le(0, 4),
  );
}
/** The same with an empty witness for its input. */
export const withWitness = (bare: Uint8Array): Uint8Array =>
  concatBytes(bare.subarray(0, 4), Uint8Array.of(0, 1), bare.subarray(4, -4), Uint8Array.of(1, 0), bare.subarray(-4));

/** A block over transactions, of regtest's work. */
export function blockOf(transactions: readonly Uint8Array[]): Uint8Array {
  let row = transactions.map(dsha);
  while (row.length > 1) row = row.flatMap((hash, i) => (i % 2 ? [] : [dsha(concatBytes(hash, row[i + 1] ?? hash))]));
  for (let nonce = 0; ; nonce++) {
    const header = concatBytes(
      le(4, 4),
      new Uint8Array(32),
      row[0]!,
      le(1_700_000_000, 4),
      hexToBytes('ffff7f20'),
      le(nonce, 4),
    );
    if (dsha(header)[31]! < 0x7f)
      return concatBytes(
        header,
        le(transactions.length, 1),
        ...transactions.map((tx, i) => (i % 2 ? withWitness(tx) : tx)),
      );
  }
}
