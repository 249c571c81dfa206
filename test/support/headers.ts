/** Headers of a chain that tests mine: on regtest every second hash has enough work. */
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { hasWork, parseHeader } from '../../src/lib/bitcoin/header.ts';

export const REGTEST_GENESIS = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206';
const GENESIS = hexToBytes(
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000',
);

const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

interface Mined {
  previous: string;
  time: number;
  root?: Uint8Array;
  bits?: number;
  /** Whether its hash is to have the work that its bits ask for. */
  worked?: boolean;
}
/** A header with the work that its bits ask for, or without it. */
export function mine({
  previous,
  time,
  root = new Uint8Array(32),
  bits = 0x207fffff,
  worked = true,
}: Mined): Uint8Array {
  for (let nonce = 0; ; nonce++) {
    const previousBytes = hexToBytes(previous).reverse();
    const header = concatBytes(u32(4), previousBytes, root, u32(time), u32(bits), u32(nonce));
    if (hasWork(parseHeader(header)) === worked) return header;
  }
}

/** The first block of regtest and so many behind it; `roots` are those of the last ones. */
export function regtestChain(length: number, roots: readonly Uint8Array[] = []): Uint8Array[] {
  const chain: Uint8Array[] = [GENESIS];
  for (let height = 1; height <= length; height++) {
    const { hash, time } = parseHeader(chain.at(-1)!);
    const root = roots[roots.length - 1 - (length - height)] ?? new Uint8Array(32);
    chain.push(mine({ previous: hash, time: time + (height % 3 === 0 ? 1 : 600), root }));
  }
  return chain;
}
export const hexOf = (headers: readonly Uint8Array[]): string => headers.map(bytesToHex).join('\n');
