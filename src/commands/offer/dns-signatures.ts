/** Signatures of DNSSEC, checked by Node.js: RSA, ECDSA over P-256 and P-384, Ed25519. */
import { createPublicKey, verify } from 'node:crypto';
import type { DnsKey, VerifySignature } from '../../lib/names/records.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
function jwk(key: DnsKey): Record<string, string> {
  if (key.kind === 'rsa') return { kty: 'RSA', n: text(key.modulus), e: text(key.exponent) };
  if (key.kind === 'ec') return { kty: 'EC', crv: key.curve, x: text(key.x), y: text(key.y) };
  return { kty: 'OKP', crv: 'Ed25519', x: text(key.x) };
}
const hashOf = (key: DnsKey): string | null =>
  key.kind === 'rsa' ? key.hash : key.kind === 'ec' ? (key.curve === 'P-256' ? 'sha256' : 'sha384') : null;

/** Verifies a signature; false for bytes that are no key or no signature. */
export const verifyDnsSignature: VerifySignature = (key, data, signature) => {
  try {
    const read = createPublicKey({ key: jwk(key), format: 'jwk' });
    return verify(hashOf(key), data, { key: read, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false;
  }
};
