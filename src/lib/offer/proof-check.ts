/**
 * Payer proofs checked: the invoice's tree is built of what is shown and hashes of the rest.
 *
 * BOLT12, Payer Proofs (bolts#1346), Requirements of readers. Not here: making one (`proof.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import { readBigSize } from '../wire/bigsize.ts';
import type { FieldName } from './fields.ts';
import { branch, leafHash, signedHash } from './merkle.ts';
import type { OfferMessage, Problem } from './message.ts';
import { nextMarker, rootAround } from './proof.ts';

const NEEDED: readonly FieldName[] = [
  'invreq_payer_id',
  'invoice_payment_hash',
  'invoice_node_id',
  'signature',
  'proof_preimage',
  'proof_leaf_hashes',
];
const isShown = (type: bigint): boolean => type < 240n || type >= 1_000_000_000n;

/** The problems of a proof whose records are all read, the payer's signature apart. */
export function checkProof(message: OfferMessage): Problem[] {
  const { fields: f, records } = message;
  const missing = NEEDED.find((name) => f[name] === undefined);
  const refuse = (field: string, text: string): Problem[] => [{ code: 'payer-proof', field, text }];
  if (missing) return refuse(missing, 'nothing found, which each proof has');
  if (bytesToHex(sha256(hexToBytes(f.proof_preimage!))) !== f.invoice_payment_hash)
    return [{ code: 'wrong-preimage', field: 'proof_preimage', text: 'it does not hash to the payment hash' }];
  if (records[0]!.type === 0n) return refuse('invreq_metadata', 'found, which no proof shows');
  try {
    const root = rootOfProof(message);
    if (!verifies(f.signature!, signedHash('invoice', 'signature', root), f.invoice_node_id!.slice(2)))
      return [{ code: 'signature-invalid', field: 'signature', text: `not by ${f.invoice_node_id} over this invoice` }];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refuse('proof', error.message);
  }
  return [];
}

/** The root of the invoice. @throws Refusal `payer-proof`, also for hashes left over */
function rootOfProof({ records, fields }: OfferMessage): Uint8Array {
  const shown = records.filter(({ type }) => isShown(type));
  const omitted = markersOf(hexToBytes(fields.proof_omitted_tlvs ?? ''));
  const nonces = hashes('proof_leaf_hashes', fields.proof_leaf_hashes!);
  const sides = hashes('proof_missing_hashes', fields.proof_missing_hashes ?? '');
  const refuse = (text: string): never => {
    throw new Refusal('payer-proof', text);
  };
  if (nonces.length !== shown.length) refuse(`${nonces.length} leaf hashes found, ${shown.length} expected`);
  const rows = [
    ...shown.map((record, i) => ({ type: record.type, left: false, hash: branch(leafHash(record), nonces[i]!) })),
    ...omitted.map((type) => ({ type, left: true })),
  ].sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
  let last = 0n;
  for (const { type, left } of rows) {
    if (left && type !== nextMarker(last)) refuse(`marker ${type} found, ${nextMarker(last)} expected`);
    last = type;
  }
  // The first record of an invoice is never shown.
  const root = rootAround(
    [{ left: true }, ...rows],
    () => sides.shift() ?? refuse('fewer missing hashes found than the tree needs'),
  );
  if (sides.length > 0) refuse(`${sides.length} missing hashes found that the tree does not need`);
  return root!;
}

function markersOf(bytes: Uint8Array): bigint[] {
  const markers: bigint[] = [];
  for (let at = 0; at < bytes.length;) {
    const { value, end } = readBigSize(bytes, at);
    if (value <= (markers.at(-1) ?? 0n))
      throw new Refusal('payer-proof', `marker ${value} found, rising ones expected`);
    markers.push(value);
    at = end;
  }
  return markers;
}

function hashes(name: string, hex: string): Uint8Array[] {
  if (hex.length % 64 !== 0)
    throw new Refusal('payer-proof', `${name}: ${hex.length / 2} bytes found, hashes of 32 bytes expected`);
  return Array.from({ length: hex.length / 64 }, (_, i) => hexToBytes(hex.slice(64 * i, 64 * (i + 1))));
}
