/** DNS zones for tests: keys of Ed25519, records signed by them, and chains from a root of their own. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { sha256 } from '@noble/hashes/sha2.js';
import { keyTagOf, dnsName, ROOT, signedData, DNS_TYPES, type DnsName } from '../../src/lib/names/records.ts';
import { bytes, fill, hex } from './onion.ts';

const u = (n: number, size: number): Buffer => {
  const made = Buffer.alloc(size);
  made.writeUIntBE(n, 0, size);
  return made;
};
const raw = (name: DnsName): Buffer => Buffer.from(name, 'latin1');
export const name = (text: string): DnsName => (text === '.' ? ROOT : dnsName(text));
export const record = (owner: string, type: number, data: Uint8Array, ttl = 300): Buffer =>
  Buffer.concat([raw(name(owner)), u(type, 2), u(1, 2), u(ttl, 4), u(data.length, 2), data]);
export const txt = (...texts: string[]): Buffer =>
  Buffer.concat(texts.flatMap((text) => [u(text.length, 1), Buffer.from(text, 'latin1')]));
export const FROM = 1_700_000_000;
export const UNTIL = 1_800_000_000;

export interface Zone {
  /** DNSKEY's value, and its DS record's. */
  key: Buffer;
  ds: Buffer;
  /** A signature over records of one owner and type. */
  rrsig(
    owner: string,
    type: number,
    values: readonly Uint8Array[],
    more?: { labels?: number; owner?: string; from?: number; until?: number },
  ): Buffer;
  /** Records and their signature. */
  signed(owner: string, type: number, values: readonly Uint8Array[], more?: Parameters<Zone['rrsig']>[3]): Buffer;
}

/** A zone with a key of one repeated byte. */
export function zone(apex: string, byte: number): Zone {
  const secret = createPrivateKey({
    key: Buffer.concat([bytes('302e020100300506032b657004220420'), fill(byte)]),
    format: 'der',
    type: 'pkcs8',
  });
  const x = Buffer.from(createPublicKey(secret).export({ format: 'jwk' }).x!, 'base64url');
  const key = Buffer.concat([u(257, 2), u(3, 1), u(15, 1), x]);
  const ds = Buffer.concat([u(keyTagOf(key), 2), u(15, 1), u(2, 1), sha256(Buffer.concat([raw(name(apex)), key]))]);
  const rrsig: Zone['rrsig'] = (
    owner,
    type,
    values,
    { labels, owner: signedAs = owner, from = FROM, until = UNTIL } = {},
  ) => {
    const count = labels ?? (owner === '.' ? 0 : owner.split('.').filter((label) => label !== '*').length);
    const head = Buffer.concat([
      u(type, 2),
      u(15, 1),
      u(count, 1),
      u(300, 4),
      u(until, 4),
      u(from, 4),
      u(keyTagOf(key), 2),
      raw(name(apex)),
    ]);
    const data = signedData({ head, covers: type, originalTtl: 300n } as never, name(signedAs), values);
    return record(owner, DNS_TYPES.RRSIG, Buffer.concat([head, sign(null, data, secret)]));
  };
  return {
    key,
    ds,
    rrsig,
    signed: (owner, type, values, more) =>
      Buffer.concat([...values.map((value) => record(owner, type, value)), rrsig(owner, type, values, more)]),
  };
}

export const root = zone('.', 1);
export const org = zone('example.org', 2);
/** The anchor of this root, as it is handed to the checker. */
export const ANCHOR = [{ tag: keyTagOf(root.key), algorithm: 15, digestType: 2, digest: hex(root.ds.subarray(4)) }];
/** From the root down to example.org, without any other record. */
export const chainTo = (): Buffer[] => [
  root.signed('.', DNS_TYPES.DNSKEY, [root.key]),
  root.signed('example.org', DNS_TYPES.DS, [org.ds]),
  org.signed('example.org', DNS_TYPES.DNSKEY, [org.key]),
];
