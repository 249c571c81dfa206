/** Headers: their fields, their work, and chains of them. */
import { describe, expect, it } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { hasWork, parseHeader, targetOf } from '../../src/lib/bitcoin/header.ts';
import { checkHeaders, headersIn, retarget, workOf, type Placed } from '../../src/lib/notary/headers.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { mine, REGTEST_GENESIS, regtestChain } from '../support/headers.ts';

/** The first blocks of mainnet. */
const GENESIS =
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c';
const FIRST =
  '010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299';

const refusal = (headers: Iterable<Uint8Array>, ...more: unknown[]): string => {
  try {
    return `${[...checkHeaders(headers, 'regtest', ...(more as []))].length} taken`;
  } catch (error) {
    if (error instanceof Refusal) return `${error.code}: ${error.message}`;
    throw error;
  }
};

describe('a header', () => {
  it('is read as Bitcoin has it', () => {
    const header = parseHeader(hexToBytes(FIRST));
    expect(header).toMatchObject({
      hash: '00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048',
      previous: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
      time: 1231469665,
      bits: 0x1d00ffff,
    });
    expect(bytesToHex(header.root.toReversed())).toBe(
      '0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098',
    );
    expect(hasWork(header)).toBe(true);
    expect(workOf(header)).toBe(0x100010001n); // chainwork of the first block
  });
  it('of another size is refused', () => {
    for (const size of [79, 81]) expect(() => parseHeader(new Uint8Array(size))).toThrow(/80 expected/);
  });
  it('whose bits name no target has no work', () => {
    // The last would be 2^256 and more.
    for (const bits of [0, 0x01800000, 0x04923456, 0x21010000, 0xff7fffff])
      expect(hasWork({ ...parseHeader(hexToBytes(FIRST)), bits })).toBe(false);
    expect(targetOf(0x05009234)).toBe(0x92340000n);
    expect(targetOf(0x03123456)).toBe(0x123456n);
    expect(targetOf(0x01120000)).toBe(0x12n);
  });
  it('has work up to its target', () => {
    const header = parseHeader(hexToBytes(FIRST));
    const hashed = (hash: bigint) => hasWork({ ...header, hash: hash.toString(16).padStart(64, '0') });
    const target = targetOf(header.bits);
    expect([target - 1n, target, target + 1n].map(hashed)).toEqual([true, true, false]);
  });
});

// Bitcoin Core, src/test/pow_tests.cpp
describe('a retarget', () => {
  it.each([
    ['follows the time that the period took', 0x1d00ffff, 1262152739 - 1261130161, 0x1d00d86a],
    ['never goes below the easiest target', 0x1d00ffff, 1233061996 - 1231006505, 0x1d00ffff],
    ['stays at the easiest target', 0x1d00ffff, 2016 * 600, 0x1d00ffff],
    ['writes a target of three bytes', 0x03123456, 2016 * 600, 0x03123456],
    ['at most quarters', 0x1c05a3f4, 1279297671 - 1279008237, 0x1c0168fd],
    ['at most takes four times', 0x1c387f6f, 1269211443 - 1263163443, 0x1d00e1fd],
  ])('%s', (_, bits, took, expected) => expect(retarget(bits, took, 'mainnet')).toBe(expected));
});

describe('a chain of headers', () => {
  it('is checked from the first block on, with the median of eleven', () => {
    expect([...checkHeaders([hexToBytes(GENESIS), hexToBytes(FIRST)], 'mainnet')].map(({ height }) => height)).toEqual([
      0, 1,
    ]);
    const chain = regtestChain(20);
    const placed: Placed[] = [...checkHeaders(chain, 'regtest')];
    expect(placed.at(-1)).toMatchObject({ height: 20, header: { hash: parseHeader(chain[20]!).hash } });
    const times = placed.map(({ header }) => header.time);
    expect(placed[20]!.medianTime).toBe(times.slice(9, 20).sort((a, b) => a - b)[5]);
  });
  it('may start at a block that is known', () => {
    const start = mine({ previous: 'aa'.repeat(32), time: 1_700_000_000 });
    const from = { height: 4032, hash: parseHeader(start).hash };
    expect(refusal([start, mine({ previous: from.hash, time: 1_700_000_001 })], from)).toBe('2 taken');
    expect(refusal([start], { height: 4033, hash: from.hash })).toMatch(/^usage: .*a multiple of 2016 expected/);
  });
  it('is refused where a rule is broken', () => {
    const chain = regtestChain(3);
    const last = parseHeader(chain[3]!);
    const after = (more: object) => [...chain, mine({ previous: last.hash, time: last.time + 1, ...more })];
    expect(refusal(after({}))).toBe('5 taken');
    expect(refusal(chain.slice(1))).toMatch(/^header-invalid: the header at height 0 is /);
    expect(refusal(after({ previous: 'bb'.repeat(32) }))).toMatch(/^header-invalid: the header at height 4 follows /);
    expect(refusal(after({ bits: 0x2000ffff }))).toMatch(
      /^header-invalid: .* has the bits 2000ffff, 207fffff expected/,
    );
    const median = parseHeader(chain[2]!).time;
    for (const time of [median - 1, median]) expect(refusal(after({ time }))).toMatch(/not later than the median/);
    expect(refusal(after({ time: median + 1 }))).toBe('5 taken');
    expect(refusal(after({ worked: false }))).toMatch(/has no proof of work/);
    expect(refusal(after({ bits: 0x2100ffff }))).toMatch(/has no proof of work/); // easier than the network allows
  });
  it('is cut out of bytes or hex', () => {
    const chain = regtestChain(2);
    const bytes = concatBytes(...chain);
    const hex = new TextEncoder().encode(chain.map((header) => `${bytesToHex(header)}\n`).join(''));
    for (const given of [bytes, hex]) expect([...headersIn(given)].map(bytesToHex)).toEqual(chain.map(bytesToHex));
    expect([...headersIn(hex.subarray(0, 160))].map(bytesToHex)).toEqual([bytesToHex(chain[0]!)]);
    expect(() => [...headersIn(bytes.subarray(1))]).toThrow(/a multiple of 80 expected/);
    expect(parseHeader(chain[0]!).hash).toBe(REGTEST_GENESIS);
  });
});
