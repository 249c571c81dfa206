/**
 * Chains of block headers: the rules by which one follows another.
 *
 * After Bitcoin Core's `pow.cpp` and `validation.cpp` (ContextualCheckBlockHeader): links, proof of
 * work, retargets every 2,016 blocks, and times above the median of the last eleven blocks. Not
 * here: testnets with minimum-difficulty blocks, signet's signatures, transactions.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { HEADER_SIZE, hasWork, parseHeader, targetOf, type Header } from '../bitcoin/header.ts';
import { Refusal } from '../protocol/refusal.ts';

const PERIOD = 2016;
const SPAN = 14 * 24 * 60 * 60;
const MEDIAN_OF = 11;

/** Networks whose headers prove themselves: easiest target, whether it moves, first block. */
const RULES = {
  mainnet: {
    easiest: 0x1d00ffff,
    retargets: true,
    // Reached in 2024. A chain with less work may be anybody's, because the first headers cost little.
    leastWork: 1n << 95n,
    genesis: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
  },
  regtest: {
    easiest: 0x207fffff,
    retargets: false,
    leastWork: 0n,
    genesis: '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206',
  },
} as const;
/** Returns the least work since the first block that only the network itself has done. */
export const leastWorkOf = (network: CheckedNetwork): bigint => RULES[network].leastWork;
export type CheckedNetwork = keyof typeof RULES;
export const CHECKED_NETWORKS = Object.keys(RULES) as CheckedNetwork[];

const invalid = (why: string): Refusal => new Refusal('header-invalid', why);

function bitsOf(target: bigint): number {
  let size = Math.ceil(target.toString(2).length / 8);
  let mantissa = Number(size <= 3 ? target << BigInt(8 * (3 - size)) : target >> BigInt(8 * (size - 3)));
  if ((mantissa & 0x800000) !== 0) {
    mantissa >>= 8;
    size += 1;
  }
  return ((size << 24) | mantissa) >>> 0;
}

/** Returns the expected number of hashes behind a header's target. */
export const workOf = ({ bits }: Header): bigint => (1n << 256n) / (targetOf(bits) + 1n);

/** Header of a checked chain. */
export interface Placed {
  height: number;
  header: Header;
  /** Median time of the eleven blocks before it; null for the first header. */
  medianTime: number | null;
  /** Expected number of hashes behind this header and those before it in the chain. */
  chainWork: bigint;
}

/**
 * Checks a chain of headers from a known block on, and yields each.
 * @param from height and hash of the first header, at the start of a retarget period; default: the
 * network's first block
 * @throws Refusal `header-invalid`, `usage` for a start within a period
 */
export function* checkHeaders(
  headers: Iterable<Uint8Array>,
  network: CheckedNetwork,
  from: { height: number; hash: string } = { height: 0, hash: RULES[network].genesis },
): Generator<Placed> {
  const { easiest, retargets } = RULES[network];
  if (from.height % PERIOD !== 0)
    throw new Refusal('usage', `headers from height ${from.height} on found, a multiple of ${PERIOD} expected`);
  const times: number[] = [];
  let [height, periodStart] = [from.height, 0];
  let last: Header | undefined;
  let chainWork = 0n;
  for (const bytes of headers) {
    const header = parseHeader(bytes);
    const at = `the header at height ${height}`;
    if (!hasWork(header) || targetOf(header.bits) > targetOf(easiest)) throw invalid(`${at} has no proof of work`);
    const medianTime = times.length === 0 ? null : times.toSorted((a, b) => a - b)[times.length >> 1]!;
    if (!last) {
      if (header.hash !== from.hash) throw invalid(`${at} is ${header.hash}, ${from.hash} expected`);
    } else {
      if (header.previous !== last.hash) throw invalid(`${at} follows ${header.previous}, ${last.hash} expected`);
      const expected =
        retargets && height % PERIOD === 0 ? retarget(last.bits, last.time - periodStart, network) : last.bits;
      if (header.bits !== expected)
        throw invalid(`${at} has the bits ${header.bits.toString(16)}, ${expected.toString(16)} expected`);
      if (header.time <= medianTime!) throw invalid(`${at} is not later than the median of the blocks before it`);
    }
    if (height % PERIOD === 0) periodStart = header.time;
    chainWork += workOf(header);
    yield { height, header, medianTime, chainWork };
    if (times.push(header.time) > MEDIAN_OF) times.shift();
    last = header;
    height += 1;
  }
}

/** Returns the bits of the next period (CalculateNextWorkRequired). `took`: seconds of the last. */
export function retarget(bits: number, took: number, network: CheckedNetwork): number {
  const { easiest } = RULES[network];
  const span = BigInt(Math.min(Math.max(took, SPAN / 4), SPAN * 4));
  const target = (targetOf(bits) * span) / BigInt(SPAN);
  return target > targetOf(easiest) ? easiest : bitsOf(target);
}

/** Cuts bytes, or lines of hex, into headers. @throws Refusal `header-invalid` for a part of one */
export function* headersIn(bytes: Uint8Array): Generator<Uint8Array> {
  const whole = isHex(bytes) ? hexToBytes(new TextDecoder().decode(bytes).replace(/\s+/g, '')) : bytes;
  if (whole.length % HEADER_SIZE !== 0)
    throw invalid(`${whole.length} bytes of headers found, a multiple of ${HEADER_SIZE} expected`);
  for (let i = 0; i < whole.length; i += HEADER_SIZE) yield whole.subarray(i, i + HEADER_SIZE);
}
const isHex = (bytes: Uint8Array): boolean => {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, HEADER_SIZE * 2));
  return bytes.length >= HEADER_SIZE * 2 && /^[0-9a-fA-F\s]+$/.test(text);
};
