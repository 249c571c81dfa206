/**
 * Names of people, `user@domain`, whose TXT record holds payment instructions.
 *
 * BIP353 (https://github.com/bitcoin/bips/blob/master/bip-0353.mediawiki), bLIP-32 (the message
 * that sends a proof). Not here: proofs themselves (`dnssec.ts`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifyDnssec, type DnssecProof, type DnssecTrust } from './dnssec.ts';
import { labelsOf, nameOfLabels, dnsName, readName, latin1, DNS_TYPES, type DnsName } from './records.ts';

export const PERSON_NAME_LIMITS = {
  /** Number of aliases (CNAME, DNAME) that are followed. */
  aliases: { unit: 'items', most: 8 },
  time: {
    unit: 'Unix seconds',
    least: ({ validFrom }: DnssecProof) => validFrom,
    most: ({ validUntil }: DnssecProof) => validUntil,
  },
} satisfies Limits;

export interface PersonName {
  user: string;
  domain: string;
}

/** Reads `user@domain`, also with ₿ in front. @throws Refusal `usage` */
export function parsePersonName(text: string): PersonName {
  const [, user, domain] = /^₿?([0-9A-Za-z._-]+)@([0-9A-Za-z._-]+)$/u.exec(text) ?? [];
  if (user === undefined)
    throw new Refusal('usage', `${JSON.stringify(text.slice(0, 80))} found, user@domain in ASCII expected`);
  return { user, domain: domain! };
}

/** Returns the DNS name of a person's instructions. @throws Refusal `malformed-dns` if too long */
export const instructionsName = ({ user, domain }: PersonName): DnsName =>
  dnsName(`${user}.user._bitcoin-payment.${domain}`);

/** Proof as it was given: records, and the name that came with them, dotted or with an @. */
export interface GivenProof {
  records: Uint8Array;
  name?: string;
}

/** Opens bare records, a value of PSBT_OUT_DNSSEC_PROOF, or bLIP-32's message 65538. */
export function openProof(bytes: Uint8Array): GivenProof {
  const end = 1 + (bytes[0] ?? 0);
  const name = latin1(bytes.subarray(1, end));
  if (!/^[\x21-\x7e]+$/.test(name)) return { records: bytes };
  if (/^[^@]+@[^@]+$/.test(name)) return { records: bytes.subarray(end), name };
  const length = bytes.length - end - 2;
  if (name.endsWith('.') && length >= 0 && bytes[end]! * 256 + bytes[end + 1]! === length)
    return { records: bytes.subarray(end + 2), name };
  return { records: bytes };
}

/** Returns the texts at a name, behind its aliases. */
function textsAt({ sets }: DnssecProof, name: DnsName): string[] {
  let at = name;
  for (let aliases = 0; ; aliases++) {
    const find = (owner: DnsName, type: number) => sets.find((set) => set.owner === owner && set.type === type);
    const texts = find(at, DNS_TYPES.TXT);
    if (texts) return texts.values.map(textIn);
    const alias = find(at, DNS_TYPES.CNAME);
    const labels = labelsOf(at);
    const up = labels.map((_, i) => i + 1).find((i) => find(nameOfLabels(labels.slice(i)), DNS_TYPES.DNAME));
    if (!alias && up === undefined) return [];
    if (!allows({ most: PERSON_NAME_LIMITS.aliases.most }, aliases + 1))
      throw new Refusal('dnssec-invalid', `more than ${PERSON_NAME_LIMITS.aliases.most} aliases found`);
    const target = readName((alias ?? find(nameOfLabels(labels.slice(up)), DNS_TYPES.DNAME))!.values[0]!).name;
    at = alias ? target : nameOfLabels([...labels.slice(0, up), ...labelsOf(target)]);
  }
}

/** Joins the strings of a TXT record. @throws Refusal `malformed-dns` */
function textIn(data: Uint8Array): string {
  let text = '';
  for (let at = 0; at < data.length; at += 1 + data[at]!) {
    const end = at + 1 + data[at]!;
    if (end > data.length) throw new Refusal('malformed-dns', 'a text that ends behind its record');
    text += latin1(data.subarray(at + 1, end));
  }
  return text;
}

/** Returns the proven texts at a name. @throws Refusal `name-unproven`, as `verifyDnssec` */
export function provenTexts(
  given: GivenProof,
  place: DnsName,
  trust: DnssecTrust,
): { texts: string[]; proof: DnssecProof } {
  const stated = given.name?.includes('@')
    ? instructionsName(parsePersonName(given.name))
    : given.name && dnsName(given.name);
  if (stated !== undefined && stated !== place) throw new Refusal('name-unproven', `a proof for ${given.name} found`);
  const proof = verifyDnssec(given.records, trust);
  return { texts: textsAt(proof, place), proof };
}

/** Checks that a proof holds at a time, in Unix seconds. @throws Refusal `dnssec-time` */
export function checkProofTime(proof: DnssecProof, at: bigint): void {
  if (!allows({ least: PERSON_NAME_LIMITS.time.least(proof), most: PERSON_NAME_LIMITS.time.most(proof) }, at))
    throw new Refusal('dnssec-time', `${at} found, from ${proof.validFrom} to ${proof.validUntil} expected`);
}

/**
 * Returns the payment instructions that a proof shows for a name.
 * @param at Unix seconds
 * @throws Refusal `name-unproven`, `name-ambiguous`, `dnssec-time`, as `provenTexts`
 */
export function resolveName(name: PersonName, given: GivenProof, trust: DnssecTrust, at: bigint): object {
  const { texts, proof } = provenTexts(given, instructionsName(name), trust);
  const uris = texts.filter((text) => /^bitcoin:/i.test(text));
  if (uris.length === 0)
    throw new Refusal('name-unproven', `no payment instructions of ${name.user}@${name.domain} are proven`);
  if (uris.length > 1) throw new Refusal('name-ambiguous', `${uris.length} payment instructions found, one expected`);
  checkProofTime(proof, at);
  const [uri] = uris as [string];
  if (!/^[\x21-\x7e]*$/.test(uri))
    throw new Refusal('malformed-dns', 'payment instructions with other letters than ASCII found');
  const { offer, address } = instructionsIn(uri);
  return {
    type: 'name',
    version: 1,
    name: `${name.user}@${name.domain}`,
    uri,
    ...(offer !== undefined && { offer }),
    ...(address !== undefined && { address }),
    valid_from: proof.validFrom,
    valid_until: proof.validUntil,
    cache_seconds: proof.cacheSeconds,
  };
}

/** Reads offer and address of a URI (BIP321). @throws Refusal `name-ambiguous` for two of one */
function instructionsIn(uri: string): { offer?: string; address?: string } {
  const [, path, query = ''] = /^bitcoin:([^?]*)(?:\?(.*))?$/i.exec(uri)!;
  const pairs = query.split('&').map((pair) => pair.split('=', 2));
  const one = (name: string): string | undefined => {
    const found = pairs.flatMap(([key, value]) => (key!.toLowerCase() === name && value ? [value] : []));
    if (found.length > 1) throw new Refusal('name-ambiguous', `${name}: ${found.length} values found, one expected`);
    return found[0];
  };
  const [offer, address] = [one('lno'), path || one('bc')];
  return { ...(offer !== undefined && { offer }), ...(address !== undefined && { address }) };
}
