/**
 * DNSSEC proofs (RFC 9102), checked offline from the root's keys down.
 *
 * RFC 4035 5, RFC 5155 (NSEC3), RFC 9102 (https://www.rfc-editor.org/rfc/rfc9102), RFC 9276. The
 * number of signatures is bounded, and the first wrong one ends the check, so that no proof costs
 * much. Not here: what the records mean (`bip353.ts`), and the time at which a proof holds.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { base32hexnopad } from '@scure/base';
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  ALGORITHMS,
  bytesOfName,
  compareNames,
  isWithin,
  keyTagOf,
  labelsOf,
  nameOfLabels,
  readName,
  readRecords,
  readRrsig,
  ROOT,
  signedData,
  DNS_TYPES,
  type VerifySignature,
  type DnsName,
  type DnsRecord,
  type Rrsig,
} from './records.ts';

export const DNSSEC_LIMITS = {
  signatures: { unit: 'items', most: 64 },
  /** Extra rounds of hashing a name for NSEC3, for which RFC 9276 asks zones to use none. */
  rounds: { unit: 'number', most: 100 },
} satisfies Limits;

export interface DelegatedKey {
  tag: number;
  algorithm: number;
  digestType: number;
  digest: string;
}
/** Keys of the root of 2017 and 2024, as DS records. */
const ANCHORS: readonly DelegatedKey[] = [
  [20326, 'e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d'] as const,
  [38696, '683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16'] as const,
].map(([tag, digest]) => ({ tag, algorithm: 8, digestType: 2, digest }));

/** Means to check a proof: a function for signatures, and the root's keys (by default IANA's). */
export interface DnssecTrust {
  verify: VerifySignature;
  anchors?: readonly DelegatedKey[];
}

/** Records of one owner and type that a zone has signed. */
export interface ProvenSet {
  owner: DnsName;
  type: number;
  values: Uint8Array[];
}
/** Verified chain of signed DNS records. */
export interface DnssecProof {
  sets: ProvenSet[];
  /** Time, in Unix seconds, from which all signatures hold; then until when. */
  validFrom: bigint;
  validUntil: bigint;
  /** Seconds for which a resolver may keep the proof. */
  cacheSeconds: bigint;
}

const invalid = (text: string): never => {
  throw new Refusal('dnssec-invalid', text);
};
const dotted = (name: DnsName): string => `${labelsOf(name).join('.')}.`;

/** Checks a chain of records. @throws Refusal `malformed-dns`, `too-large`, `dnssec-invalid` */
export function verifyDnssec(bytes: Uint8Array, { verify, anchors = ANCHORS }: DnssecTrust): DnssecProof {
  const records = readRecords(bytes);
  const sets = groups(records.filter(({ type }) => type !== DNS_TYPES.RRSIG));
  const signatures = records
    .filter(({ type }) => type === DNS_TYPES.RRSIG)
    .map(({ owner, ttl, data }) => ({ owner, ttl, ...readRrsig(data) }));
  if (!allows(DNSSEC_LIMITS.signatures, signatures.length))
    invalid(`${signatures.length} signatures found, at most ${DNSSEC_LIMITS.signatures.most} expected`);
  let tried = 0;
  const proof: DnssecProof = { sets: [], validFrom: 0n, validUntil: (1n << 32n) - 1n, cacheSeconds: (1n << 32n) - 1n };

  /** Finds the signature of a set by one of these keys; undefined without a known algorithm. */
  const signedBy = (set: DnsRecord[], zone: DnsName, keys: readonly Uint8Array[]): Rrsig | undefined => {
    const [{ owner, type }] = set as [DnsRecord];
    for (const signature of signatures) {
      if (signature.owner !== owner || signature.covers !== type || signature.signer !== zone) continue;
      const read = ALGORITHMS.get(signature.algorithm);
      const fits = keys.filter((key) => key[3] === signature.algorithm && keyTagOf(key) === signature.keyTag);
      if (!read || fits.length === 0) continue;
      const data = signedData(
        signature,
        signedOwner(owner, signature),
        set.map((each) => each.data),
      );
      const right = fits.some((key) => {
        const found = read(key.subarray(4));
        if (!allows(DNSSEC_LIMITS.signatures, ++tried))
          invalid(`more than ${DNSSEC_LIMITS.signatures.most} signatures to check`);
        return found !== undefined && verify(found, data, signature.bytes);
      });
      if (!right) invalid(`${dotted(owner)}: the signature of type ${type} by ${dotted(zone)} is wrong`);
      proof.validFrom = signature.begins > proof.validFrom ? signature.begins : proof.validFrom;
      proof.validUntil = signature.expires < proof.validUntil ? signature.expires : proof.validUntil;
      for (const ttl of [...set.map((each) => each.ttl), signature.originalTtl])
        if (ttl < proof.cacheSeconds) proof.cacheSeconds = ttl;
      return signature;
    }
    return undefined;
  };

  const zones = new Map<DnsName, readonly DelegatedKey[]>([[ROOT, anchors]]);
  for (const [zone, delegated] of zones) {
    const own = sets.find(([{ owner, type }]) => owner === zone && type === DNS_TYPES.DNSKEY);
    if (!own) continue;
    const trusted = own
      .map(({ data }) => data)
      .filter((data) => isZoneKey(data) && delegated.some((ds) => isKeyOf(ds, zone, data)));
    if (trusted.length === 0) invalid(`${dotted(zone)}: no key found that its parent names`);
    if (!signedBy(own, zone, trusted))
      invalid(`${dotted(zone)}: its keys are not signed by the one that its parent names`);
    const keys = own.map(({ data }) => data).filter(isZoneKey);
    const here: { set: ProvenSet; by: Rrsig }[] = [];
    for (const set of sets) {
      const [{ owner, type }] = set;
      if (set === own || !isWithin(owner, zone) || (type === DNS_TYPES.DS && owner === zone)) continue;
      const by = signedBy(set, zone, keys);
      if (by) here.push({ set: { owner, type, values: set.map(({ data }) => data) }, by });
    }
    for (const { set, by } of here) {
      const expanded = by.labels < labelCount(set.owner);
      if (expanded && (set.type === DNS_TYPES.NSEC || set.type === DNS_TYPES.NSEC3))
        invalid(`${dotted(set.owner)}: a denial found that comes from a wildcard`);
      if (
        expanded &&
        !isDenied(
          nextCloser(set.owner, by.labels),
          zone,
          here.filter((each) => each.by.labels === labelCount(each.set.owner)).map((each) => each.set),
        )
      )
        invalid(`${dotted(set.owner)}: found by a wildcard, and nothing proves that it is not there itself`);
      proof.sets.push(set);
      if (set.type === DNS_TYPES.DS && !zones.has(set.owner)) zones.set(set.owner, delegatedKeys(set.values));
    }
  }
  if (proof.sets.length === 0) invalid('no record found that the root leads to');
  return proof;
}

/** Groups records by owner and type. */
const groups = (records: readonly DnsRecord[]): [DnsRecord, ...DnsRecord[]][] =>
  [...Map.groupBy(records, ({ owner, type }) => `${type} ${owner}`).values()] as [DnsRecord, ...DnsRecord[]][];

/** Tells whether a DNSKEY is a zone's: flag 256, protocol 3. */
const isZoneKey = (data: Uint8Array): boolean => data.length > 4 && (data[0]! & 1) === 1 && data[2] === 3;

function delegatedKeys(values: readonly Uint8Array[]): DelegatedKey[] {
  const all = values
    .filter((data) => data.length > 4)
    .map((data) => ({
      tag: data[0]! * 256 + data[1]!,
      algorithm: data[2]!,
      digestType: data[3]!,
      digest: bytesToHex(data.subarray(4)),
    }));
  const strong = all.filter(({ digestType }) => digestType !== 1);
  return strong.length > 0 ? strong : all;
}

function isKeyOf({ tag, algorithm, digestType, digest }: DelegatedKey, zone: DnsName, data: Uint8Array): boolean {
  const hash = new Map([
    [1, sha1],
    [2, sha256],
    [4, sha384],
  ]).get(digestType);
  if (!hash || data[3] !== algorithm || keyTagOf(data) !== tag) return false;
  return bytesToHex(hash(concatBytes(bytesOfName(zone), data))) === digest;
}

/** Counts the labels of an owner as signatures do: without the root and a first `*`. */
function labelCount(owner: DnsName): number {
  const labels = labelsOf(owner);
  return labels[0] === '*' ? labels.length - 1 : labels.length;
}
function signedOwner(owner: DnsName, { labels }: Rrsig): DnsName {
  const all = labelsOf(owner);
  if (labels > labelCount(owner)) invalid(`${dotted(owner)}: a signature over ${labels} labels found`);
  return labels < labelCount(owner) ? nameOfLabels(['*', ...all.slice(all.length - labels)]) : owner;
}
const nextCloser = (owner: DnsName, labels: number): DnsName => {
  const all = labelsOf(owner);
  return nameOfLabels(all.slice(all.length - labels - 1));
};

/** Tells whether a record covers the gap in which a name would be. */
function isDenied(name: DnsName, zone: DnsName, sets: readonly ProvenSet[]): boolean {
  const hashes = new Map<string, string>();
  const hashed: HashedName = (salt, rounds) => {
    const id = `${rounds} ${bytesToHex(salt)}`;
    const known = hashes.get(id) ?? hashOf(name, salt, rounds);
    hashes.set(id, known);
    return known;
  };
  return sets.some(({ owner, type, values }) => {
    if (type === DNS_TYPES.NSEC) {
      const next = readName(values[0]!).name;
      const after = compareNames(owner, name) < 0;
      // If the next name lies below it, the name exists, be it as a branch alone.
      if (!after || isWithin(next, name)) return false;
      return compareNames(owner, next) >= 0 || compareNames(name, next) < 0;
    }
    return type === DNS_TYPES.NSEC3 && deniesHashed(hashed, zone, owner, values[0]!);
  });
}

/** Hashes a name with this salt and this number of extra rounds, to hex. */
type HashedName = (salt: Uint8Array, rounds: number) => string;
function hashOf(name: DnsName, salt: Uint8Array, rounds: number): string {
  let hash = sha1(concatBytes(bytesOfName(name), salt));
  for (let round = 0; round < rounds; round++) hash = sha1(concatBytes(hash, salt));
  return bytesToHex(hash);
}

function deniesHashed(hashed: HashedName, zone: DnsName, owner: DnsName, data: Uint8Array): boolean {
  const rounds = (data[2] ?? 0) * 256 + (data[3] ?? 0);
  const saltLength = data[4] ?? 0;
  const nextLength = data[5 + saltLength] ?? 0;
  // SHA-1 alone is defined; a range that leaves out unsigned zones (flag 1) denies nothing.
  if (data[0] !== 1 || data[1] !== 0 || nextLength !== 20 || !allows(DNSSEC_LIMITS.rounds, rounds)) return false;
  const [label, ...rest] = labelsOf(owner);
  if (label === undefined || nameOfLabels(rest) !== zone) return false;
  let start: string;
  try {
    start = bytesToHex(base32hexnopad.decode(label.toUpperCase()));
  } catch {
    return false;
  }
  const at = hashed(data.subarray(5, 5 + saltLength), rounds);
  const next = bytesToHex(data.subarray(6 + saltLength, 26 + saltLength));
  return start < next ? start < at && at < next : start < at || at < next;
}
