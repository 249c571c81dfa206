/**
 * DNS records as bytes: names, records without compression, signatures, keys, their order.
 *
 * RFC 1035 3.2.1, RFC 4034 (https://www.rfc-editor.org/rfc/rfc4034) 2, 3, 5 and 6; keys by RFC 3110
 * (RSA), RFC 6605 (ECDSA), RFC 8080 (Ed25519). Not here: what signs what (`dnssec.ts`), and
 * computing with keys, which is handed in as a function.
 */
import { compareBytes, concatBytes } from '../bitcoin/bytes.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';

export const DNS_LIMITS = {
  proof: { unit: 'bytes', most: 65_536 },
  label: { unit: 'bytes', least: 1, most: 63 },
  /** Size of a name with the lengths of its labels. */
  name: { unit: 'bytes', most: 255 },
} satisfies Limits;

export const DNS_TYPES = { CNAME: 5, TXT: 16, DNAME: 39, DS: 43, RRSIG: 46, NSEC: 47, DNSKEY: 48, NSEC3: 50 } as const;

/** Name as on the wire, in lower case, a character for each byte; the root is one zero byte. */
export type DnsName = string;
export const ROOT: DnsName = '\0';

export interface DnsRecord {
  owner: DnsName;
  type: number;
  ttl: bigint;
  data: Uint8Array;
}
export interface Rrsig {
  covers: number;
  algorithm: number;
  labels: number;
  originalTtl: bigint;
  expires: bigint;
  begins: bigint;
  keyTag: number;
  signer: DnsName;
  bytes: Uint8Array;
  /** Bytes that are signed in front of the records. */
  head: Uint8Array;
}

const malformed = (text: string): never => {
  throw new Refusal('malformed-dns', text);
};
export const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
export const bytesOfName = (name: DnsName): Uint8Array => Uint8Array.from(name, (c) => c.charCodeAt(0));
const small = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Reads dotted text, with or without its last dot. @throws Refusal `malformed-dns` */
export function dnsName(text: string): DnsName {
  const labels = text.replace(/\.$/, '').split('.');
  if (!labels.every((label) => /^[\x21-\x7e]*$/.test(label) && allows(DNS_LIMITS.label, label.length)))
    malformed(`${JSON.stringify(text.slice(0, 80))}: labels of 1 to ${DNS_LIMITS.label.most} letters expected`);
  const made = small(nameOfLabels(labels));
  return allows(DNS_LIMITS.name, made.length)
    ? made
    : malformed(`a name of ${made.length} bytes found, at most ${DNS_LIMITS.name.most} expected`);
}

/** Splits a name into its labels, without the root's. */
export function labelsOf(name: DnsName): string[] {
  const labels: string[] = [];
  for (let at = 0; name.charCodeAt(at) !== 0; at += 1 + name.charCodeAt(at))
    labels.push(name.slice(at + 1, at + 1 + name.charCodeAt(at)));
  return labels;
}
export const nameOfLabels = (labels: readonly string[]): DnsName =>
  `${labels.map((label) => String.fromCharCode(label.length) + label).join('')}\0`;
/** Tells whether a name is the zone, or in it. */
export const isWithin = (name: DnsName, zone: DnsName): boolean => {
  const [all, last] = [labelsOf(name), labelsOf(zone)];
  return all.length >= last.length && nameOfLabels(all.slice(all.length - last.length)) === zone;
};

/** Compares names by RFC 4034 6.1: labels from the last to the first. */
export function compareNames(a: DnsName, b: DnsName): number {
  const [left, right] = [labelsOf(a).reverse(), labelsOf(b).reverse()];
  for (let i = 0; i < Math.min(left.length, right.length); i++)
    if (left[i]! !== right[i]!) return left[i]! < right[i]! ? -1 : 1;
  return left.length - right.length;
}

/** Reads a name without compression. @throws Refusal `malformed-dns` */
export function readName(bytes: Uint8Array, at = 0): { name: DnsName; end: number } {
  let end = at;
  for (;;) {
    const length = bytes[end];
    if (length === undefined) return malformed(`the end found in a name at byte ${at}`);
    if (length > DNS_LIMITS.label.most)
      malformed(`a label of ${length} bytes found at byte ${end}, at most ${DNS_LIMITS.label.most} expected`);
    end += 1 + length;
    if (!allows(DNS_LIMITS.name, end - at))
      malformed(`a name of more than ${DNS_LIMITS.name.most} bytes found at byte ${at}`);
    if (length === 0) break;
  }
  if (end > bytes.length) malformed(`the end found in a name at byte ${at}`);
  return { name: small(latin1(bytes.subarray(at, end))), end };
}

/** Reads records of the internet's class. @throws Refusal `malformed-dns`, `too-large` */
export function readRecords(bytes: Uint8Array): DnsRecord[] {
  if (!allows(DNS_LIMITS.proof, bytes.length))
    throw new Refusal('too-large', `${bytes.length} bytes of proof found, at most ${DNS_LIMITS.proof.most} expected`);
  const records: DnsRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const { name: owner, end } = readName(bytes, at);
    if (end + 10 > bytes.length) malformed(`the end found in a record at byte ${at}`);
    const n = (from: number, to: number) => readUint(bytes.subarray(end + from, end + to));
    const [type, kind, ttl, length] = [n(0, 2), n(2, 4), n(4, 8), n(8, 10)];
    if (kind !== 1n) malformed(`class ${kind} found at byte ${at}, the internet's (1) expected`);
    at = end + 10 + Number(length);
    if (at > bytes.length) malformed(`the end found in a record of ${length} bytes`);
    records.push({ owner, type: Number(type), ttl, data: bytes.slice(end + 10, at) });
  }
  return records;
}

/** Reads the value of an RRSIG record. @throws Refusal `malformed-dns` */
export function readRrsig(data: Uint8Array): Rrsig {
  if (data.length < 19) malformed(`a signature of ${data.length} bytes found`);
  const n = (from: number, to: number) => readUint(data.subarray(from, to));
  const { name: signer, end } = readName(data, 18);
  return {
    covers: Number(n(0, 2)),
    algorithm: data[2]!,
    labels: data[3]!,
    originalTtl: n(4, 8),
    expires: n(8, 12),
    begins: n(12, 16),
    keyTag: Number(n(16, 18)),
    signer,
    bytes: data.subarray(end),
    head: concatBytes(data.subarray(0, 18), bytesOfName(signer)),
  };
}

/** Computes the key tag of a DNSKEY's value (RFC 4034, Appendix B). */
export function keyTagOf(data: Uint8Array): number {
  let sum = 0;
  data.forEach((byte, i) => (sum += i % 2 ? byte : byte << 8));
  return (sum + (sum >> 16)) & 0xffff;
}

/**
 * Returns the bytes that a signature signs: records of one owner and type, sorted, without doubles.
 * @param owner as it is signed: for a wildcard, the wildcard
 */
export function signedData(
  { head, covers, originalTtl }: Rrsig,
  owner: DnsName,
  values: readonly Uint8Array[],
): Uint8Array {
  const aliases = covers === DNS_TYPES.CNAME || covers === DNS_TYPES.DNAME;
  const canonical = values.map((data) => (aliases ? bytesOfName(readName(data).name) : data)).sort(compareBytes);
  const rows = canonical.filter((data, i) => i === 0 || compareBytes(data, canonical[i - 1]!) !== 0);
  const common = [bytesOfName(owner), writeUint(BigInt(covers), 2), writeUint(1n, 2), writeUint(originalTtl, 4)];
  return concatBytes(head, ...rows.flatMap((data) => [...common, writeUint(BigInt(data.length), 2), data]));
}

export const DNS_KEY_LIMITS = { rsa: { unit: 'number', least: 1024, most: 4096 } } satisfies Limits;

/** Public key of a DNS zone. */
export type DnsKey =
  | { kind: 'rsa'; hash: 'sha256' | 'sha512'; exponent: Uint8Array; modulus: Uint8Array }
  | { kind: 'ec'; curve: 'P-256' | 'P-384'; x: Uint8Array; y: Uint8Array }
  | { kind: 'ed25519'; x: Uint8Array };
/** Verifies a signature; false for malformed input. An ECDSA signature is r, then s. */
export type VerifySignature = (key: DnsKey, data: Uint8Array, signature: Uint8Array) => boolean;

const bits = (bytes: Uint8Array): number => 8 * bytes.length - Math.clz32(bytes[0] ?? 0) + 24;

/** Readers of keys, by the numbers of known algorithms. */
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
