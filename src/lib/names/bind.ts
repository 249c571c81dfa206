/**
 * Domains and nodes that name each other: a proposal of this project, in no BIP or BOLT.
 *
 * The domain has a TXT record `lightning-node=HEX` at `_bitcoin-node.DOMAIN`, with its DNSSEC
 * proof. The node signs (BIP340) taggedHash("spillway/node-domain", domain ‖ 0 ‖ node id ‖ u64
 * expiry). One without the other binds nothing.
 */
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { publicBytes, secretScalar, taggedHash } from '../signing/curve.ts';
import { writeUint } from '../wire/bigsize.ts';
import { checkProofTime, provenTexts, type GivenProof } from './bip353.ts';
import type { DnssecTrust } from './dnssec.ts';
import { dnsName } from './records.ts';

export const BIND_LIMITS = { until: { unit: 'Unix seconds', most: (expiresAt: bigint) => expiresAt } } satisfies Limits;

/** Signed statement of a node that it belongs to a domain. */
export interface Binding {
  domain: string;
  nodeId: Uint8Array;
  expiresAt: bigint;
  signature: string;
}
const hashOf = ({ domain, nodeId, expiresAt }: Omit<Binding, 'signature'>): Uint8Array =>
  taggedHash(
    'spillway/node-domain',
    concatBytes(new TextEncoder().encode(domain), Uint8Array.of(0), nodeId, writeUint(expiresAt, 8)),
  );

/** Signs a binding. @throws Refusal `malformed-dns` for no domain; Error for a key out of range */
export function makeBinding(domain: string, expiresAt: bigint, secret: Uint8Array): Binding {
  dnsName(domain);
  const part = {
    domain: domain.toLowerCase().replace(/\.$/, ''),
    nodeId: publicBytes(secretScalar(secret)),
    expiresAt,
  };
  return { ...part, signature: signHash(hashOf(part), secret) };
}

export const bindingDocument = ({ domain, nodeId, expiresAt, signature }: Binding): object => ({
  type: 'node-domain',
  version: 1,
  proposal: 'bind',
  domain,
  node_id: bytesToHex(nodeId),
  record: `_bitcoin-node.${domain}. TXT "lightning-node=${bytesToHex(nodeId)}"`,
  expires_at: expiresAt,
  signature,
});

/** Reads a binding. @throws Refusal `malformed-message`, `wrong-key` */
export function parseBinding(from: Fields): Binding {
  const made = {
    domain: from.need('domain', from.text('domain'), 'a domain'),
    nodeId: pointIn(from, 'node_id'),
    expiresAt: from.need('expires_at', from.whole('expires_at')),
    signature: bytesToHex(from.need('signature', from.bytes('signature', 64), '64 bytes in hex')),
  };
  from.skip('type', 'version', 'proposal', 'record', 'bound', 'valid_from', 'valid_until');
  from.end();
  return made;
}

/**
 * Checks that domain and node name each other.
 * @param at Unix seconds
 * @throws Refusal `signature-invalid`, `offer-expired`, `name-unproven`, and as `provenTexts`
 */
export function checkBinding(binding: Binding, given: GivenProof, trust: DnssecTrust, at: bigint): object {
  const { domain, nodeId, expiresAt, signature } = binding;
  const id = bytesToHex(nodeId);
  if (!verifies(signature, hashOf(binding), id.slice(2)))
    throw new Refusal('signature-invalid', `the word that ${id} belongs to ${domain} is not by that node`);
  if (!allows({ most: BIND_LIMITS.until.most(expiresAt) }, at))
    throw new Refusal('offer-expired', `the node's word is over since ${expiresAt}`);
  const { texts, proof } = provenTexts(given, dnsName(`_bitcoin-node.${domain}`), trust);
  const nodes = texts.flatMap((text) => /^lightning-node=([0-9a-fA-F]{66})$/.exec(text)?.[1]?.toLowerCase() ?? []);
  if (!nodes.includes(id)) throw new Refusal('name-unproven', `nothing proves that ${domain} names ${id}`);
  checkProofTime(proof, at);
  return { ...bindingDocument(binding), bound: true, valid_from: proof.validFrom, valid_until: proof.validUntil };
}
