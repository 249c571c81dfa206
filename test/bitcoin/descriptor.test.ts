/** Checksums of output descriptors (BIP380). */
import { describe, expect, it } from 'vitest';
import { withChecksum } from '../../src/lib/bitcoin/descriptor.ts';
import { refusal } from '../support/refusal.ts';

const SH =
  "sh(multi(2,[00000000/111'/222]xprvA1RpRA33e1JQ7ifknakTFpgNXPmW2YvmhqLQYMmrj4xJXXWYpDPS3xz7iAxn8L39njGVyuoseXzU6rcxFLJ8HFsTjSyQbLYnMpCqE2VbFWc,xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L/0))";

describe('the checksum of BIP380', () => {
  it.each([
    // BIP380, test vectors
    ['raw(deadbeef)', '89f8spxm'],
    // Bitcoin Core, help of deriveaddresses: of a length that three divides
    [
      'wpkh([d34db33f/84h/0h/0h]xpub6DJ2dNUysrn5Vt36jH2KLBT2i1auw1tTSSomg8PhqNiUtx8QX2SvC9nrHu81fT41fvDUnhMjEzQgXnQjKEu3oaqMSzhSrHMxyyoEAmUHQbY/0/*)',
      'cjjspncu',
    ],
    // Bitcoin Core, descriptor_tests.cpp
    [SH, 'ggrsrxfy'],
    [
      "sh(multi(2,[00000000/111'/222]xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL,xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y/0))",
      'tjg09x5t',
    ],
  ])('%s', (descriptor, checksum) => {
    expect(withChecksum(descriptor)).toBe(`${descriptor}#${checksum}`);
  });
  it('tells every changed character, and two that changed places', () => {
    const descriptor = 'tr(musig(02aa,03bb))';
    const sum = (text: string) => withChecksum(text).split('#')[1];
    const others = [...descriptor].flatMap((char, i) => [
      descriptor.slice(0, i) + (char === 'x' ? 'y' : 'x') + descriptor.slice(i + 1),
      descriptor.slice(0, i) + (char === 'X' ? 'Y' : 'X') + descriptor.slice(i + 1),
    ]);
    others.push('tr(musig(20aa,03bb))');
    for (const other of others) expect(sum(other)).not.toBe(sum(descriptor));
    expect(sum(descriptor)).toMatch(/^[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{8}$/);
  });
  it('is for the characters of descriptors', () => {
    for (const text of ['ü', 'a\n', 'raw(\u0000)']) expect(refusal(() => withChecksum(text)).code).toBe('bug');
  });
});
