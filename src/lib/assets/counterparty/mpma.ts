/**
 * Counterparty's "multi peer, multi asset" send (type 3): addresses, then bit-packed sends.
 *
 * Addresses are short ones of 21 bytes, or, from block 971700 on (`mpma_taproot_support`), packed
 * ones behind their length; the first byte tells. Source: counterparty-core messages/versions/mpma,
 * utils/mpmaencoding; release notes of 11.4.
 */
import type { Network } from '../../bitcoin/network.ts';
import { PayloadCursor, Malformed } from '../bytes.ts';
import { memoOf, assetName, packedAddress, shortAddress, type MessageFields, type Memo } from './names.ts';

class Bits {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  take(count: number): bigint {
    if (this.#at + count > this.#bytes.length * 8) throw new Malformed('truncated', 'a list of sends that is cut off');
    let value = 0n;
    for (let i = 0; i < count; i++, this.#at++)
      value = (value << 1n) | BigInt((this.#bytes[this.#at >> 3]! >> (7 - (this.#at & 7))) & 1);
    return value;
  }
  yes(): boolean {
    return this.take(1) === 1n;
  }
}

function memo(bits: Bits): Memo {
  if (!bits.yes()) return null;
  const binary = bits.yes();
  const size = Number(bits.take(6));
  return memoOf(
    Uint8Array.from({ length: size }, () => Number(bits.take(8))),
    !binary,
  );
}

/** Tells whether a byte is the length of a packed address; a short one may begin with 5 (P2SH). */
const isLength = (first = 0): boolean => first >= 4 && first <= 42 && first !== 5;

/** Reads a send. @throws Malformed `truncated`, `no-address`, `bad-address`, `bad-asset` */
export function readMpma(body: Uint8Array, network: Network): MessageFields {
  const cursor = new PayloadCursor(body);
  const count = cursor.num(2, 'number of addresses');
  if (count === 0) throw new Malformed('no-address', 'no address found');
  const address = isLength(body[2])
    ? () => packedAddress(cursor.take(cursor.u8('length of an address'), 'address'), network).address
    : () => shortAddress(cursor.take(21, 'address'), network).address;
  const table = Array.from({ length: count }, address);
  const width = Math.ceil(Math.log2(count));
  const bits = new Bits(cursor.rest());
  const shared = memo(bits);
  const sends: object[] = [];
  while (bits.yes()) {
    const asset = assetName(bits.take(64));
    const recipients = width > 0 ? Number(bits.take(width)) + 1 : 1;
    for (let i = 0; i < recipients; i++) {
      const index = width > 0 ? Number(bits.take(width)) : 0;
      if (index >= count) throw new Malformed('bad-address', `address ${index} of ${count} found`);
      const quantity = bits.take(64);
      sends.push({ asset, address: table[index], quantity, memo: memo(bits) ?? shared });
    }
  }
  return { sends };
}
