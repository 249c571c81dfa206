/** Checksum of output descriptors (BIP380). */
import { Refusal } from '../protocol/refusal.ts';

const INPUT = '0123456789()[],\'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#"\\ ';
const OUTPUT = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

function step(checksum: bigint, value: number): bigint {
  const top = checksum >> 35n;
  let next = ((checksum & 0x7ffffffffn) << 5n) ^ BigInt(value);
  GENERATOR.forEach((g, i) => {
    if ((top >> BigInt(i)) & 1n) next ^= g;
  });
  return next;
}

/**
 * Returns a descriptor with its checksum (BIP380).
 * @example
 * ```ts
 * withChecksum('raw(deadbeef)'); // 'raw(deadbeef)#89f8spxm'
 * ```
 */
export function withChecksum(descriptor: string): string {
  let checksum = 1n;
  let group = 0;
  let count = 0;
  for (const char of descriptor) {
    const at = INPUT.indexOf(char);
    if (at < 0) throw new Refusal('bug', `no descriptor holds ${JSON.stringify(char)}`);
    checksum = step(checksum, at & 31);
    group = group * 3 + (at >> 5);
    if (++count === 3) {
      checksum = step(checksum, group);
      group = count = 0;
    }
  }
  if (count > 0) checksum = step(checksum, group);
  for (let i = 0; i < 8; i++) checksum = step(checksum, 0);
  checksum ^= 1n;
  return `${descriptor}#${Array.from({ length: 8 }, (_, i) => OUTPUT[Number((checksum >> BigInt(5 * (7 - i))) & 31n)]).join('')}`;
}
