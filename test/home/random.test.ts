/** Randomness of a home: real, or a stream that repeats for snapshots. */
import { describe, expect, it } from 'vitest';
import { insecureRandom, parseInsecureSeed, realRandom } from '../../src/lib/home/random.ts';

const seed = parseInsecureSeed('07'.repeat(32));

describe('randomness', () => {
  it('differs, when it is real', () => {
    expect(realRandom(32)).toHaveLength(32);
    expect(realRandom(32)).not.toEqual(realRandom(32));
  });

  it('repeats at the same counter, and only there', () => {
    const draw = (home: string, commits: number) => [32, 5, 100].map(insecureRandom(seed, home, commits));
    expect(draw('a', 1)).toEqual(draw('a', 1));
    expect(draw('a', 1).map((bytes) => bytes.length)).toEqual([32, 5, 100]);
    const all = [draw('a', 1), draw('a', 2), draw('b', 1)]
      .flat()
      .map((bytes) => Buffer.from(bytes.subarray(0, 5)).toString('hex'));
    expect(new Set(all).size).toBe(all.length);
    const long = Buffer.from(insecureRandom(seed, 'a', 1)(96)).toString('hex');
    expect(new Set([long.slice(0, 64), long.slice(64, 128), long.slice(128)]).size).toBe(3);
  });

  it.each(['', '07', '0g'.repeat(32), 'AA'.repeat(32), '07'.repeat(33)])('takes 32 bytes of hex, not %s', (hex) => {
    expect(() => parseInsecureSeed(hex)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
