/**
 * Public keys of DNSSEC: what a DNSKEY record holds, by algorithm.
 *
 * RFC 3110 (RSA), RFC 6605 (ECDSA), RFC 8080 (Ed25519). Not here: computing with them, which is
 * handed in as a function.
 */
import { allows, type Limits } from '../protocol/limit.ts';

export const DNS_KEY_LIMITS = { rsa: { unit: 'number', least: 1024, most: 4096 } } satisfies Limits;

/** Public key of a DNS zone. */
export type DnsKey =
  | { kind: 'rsa'; hash: 'sha256' | 'sha512'; exponent: Uint8Array; modulus: Uint8Array }
  | { kind: 'ec'; curve: 'P-256' | 'P-384'; x: Uint8Array; y: Uint8Array }
  | { kind: 'ed25519'; x: Uint8Array };
/** Verifies a signature; of ECDSA, r and s follow one another. Malformed input is false. */
export type VerifySignature = (key: DnsKey, data: Uint8Array, signature: Uint8Array) => boolean;

const bits = (bytes: Uint8Array): number => 8 * bytes.length - Math.clz32(bytes[0] ?? 0) + 24;

/** Algorithms that are known, by their number: 8, 10, 13, 14, 15. */
export const ALGORITHMS: ReadonlyMap<number, (key: Uint8Array) => DnsKey | undefined> = new Map([
  [8, (key: Uint8Array) => rsa(key, 'sha256')],
  [10, (key: Uint8Array) => rsa(key, 'sha512')],
  [13, (key: Uint8Array) => ec(key, 'P-256', 32)],
  [14, (key: Uint8Array) => ec(key, 'P-384', 48)],
  [15, (key: Uint8Array): DnsKey | undefined => (key.length === 32 ? { kind: 'ed25519', x: key } : undefined)],
]);

function rsa(key: Uint8Array, hash: 'sha256' | 'sha512'): DnsKey | undefined {
  const [from, length] = key[0] === 0 ? [3, (key[1] ?? 0) * 256 + (key[2] ?? 0)] : [1, key[0] ?? 0];
  const [exponent, modulus] = [key.subarray(from, from + length), key.subarray(from + length)];
  return length > 0 && modulus[0] !== 0 && allows(DNS_KEY_LIMITS.rsa, bits(modulus))
    ? { kind: 'rsa', hash, exponent, modulus }
    : undefined;
}
const ec = (key: Uint8Array, curve: 'P-256' | 'P-384', size: number): DnsKey | undefined =>
  key.length === 2 * size ? { kind: 'ec', curve, x: key.subarray(0, size), y: key.subarray(size) } : undefined;
