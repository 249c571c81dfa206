/**
 * Payer proofs: some records of an invoice, hashes of the others, and the issuer's signature.
 *
 * BOLT12, Payer Proofs (bolts#1346). The first record of an invoice (type 0) never leaves it, since
 * the nonces of all records are made of it. A reader builds the invoice's tree of the shown records
 * and the hashes.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes, bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { writeBigSize, readBigSize } from '../wire/bigsize.ts';
import { writeStream } from '../wire/tlv.ts';
import { isSignature, type FieldName } from './fields.ts';
import { branch, leafHash, leafNonces, splitAt, offerDigest } from './merkle.ts';
import { readOfferMessage, type OfferMessage, type OfferProblem } from './message.ts';
import { verifies } from '../signing/bip340.ts';

/** Types that each proof shows: payer, payment hash, features, node and the issuer's signature. */
const ALWAYS: readonly bigint[] = [88n, 168n, 174n, 176n, 240n];

/** Returns the marker of a record that is left out: the next type that invoices can have. */
const nextMarker = (last: bigint): bigint => (last + 1n === 240n ? 1_000_000_000n : last + 1n);

/** Leaf of an invoice's tree: left out, or with its hash. */
type ProofLeaf = { left: boolean; hash?: Uint8Array };

/**
 * Computes the root of a tree without some leaves; undefined without all of them.
 * @param missing returns the hash of a side that is wholly left out beside one that is not, in
 *   post-order
 */
function rootAround(
  leaves: readonly ProofLeaf[],
  missing: (side: readonly ProofLeaf[]) => Uint8Array,
): Uint8Array | undefined {
  if (leaves.length === 1) return leaves[0]!.left ? undefined : leaves[0]!.hash;
  const at = splitAt(leaves.length);
  const sides = [leaves.slice(0, at), leaves.slice(at)] as const;
  const [a, b] = sides.map((side) => rootAround(side, missing));
  if (!a && !b) return undefined;
  return branch(a ?? missing(sides[0]), b ?? missing(sides[1]));
}

/**
 * Makes a proof without the payer's signature.
 * @param include types to show besides those that each proof shows
 * @param preimage of the payment hash
 * @throws Refusal `wrong-preimage`; `malformed-message` for a type that the invoice does not have
 */
export function makePayerProof(
  invoice: OfferMessage,
  include: readonly bigint[],
  preimage: Uint8Array,
  note?: string,
): OfferMessage {
  const { records, fields } = invoice;
  const hash = records.find(({ type }) => type === 168n)!.value;
  if (!equalBytes(sha256(preimage), hash))
    throw new Refusal('wrong-preimage', `the preimage does not hash to ${fields.invoice_payment_hash}`);
  for (const type of include)
    if (type === 0n || !records.some((record) => record.type === type))
      throw new Refusal('malformed-message', `type ${type}: nothing found to include`);
  const shown = (type: bigint) => type !== 0n && (include.includes(type) || ALWAYS.includes(type));
  const nonce = leafNonces(records[0]!);
  const [markers, nonces]: [Uint8Array[], Uint8Array[]] = [[], []];
  let last = 0n;
  const leaves = records
    .filter(({ type }) => !isSignature(type))
    .map((record) => {
      const made = nonce(record.type);
      if (shown(record.type)) {
        last = record.type;
        nonces.push(made);
      } else if (record.type !== 0n) {
        last = nextMarker(last);
        markers.push(writeBigSize(last));
      }
      return { left: !shown(record.type), hash: branch(leafHash(record), made) };
    });
  const missing: Uint8Array[] = [];
  rootAround(leaves, (side) => {
    const known = side.map((leaf) => ({ ...leaf, left: false }));
    const root = rootAround(known, () => new Uint8Array())!;
    missing.push(root);
    return root;
  });
  const added = [
    { type: 1001n, value: preimage },
    { type: 1002n, value: concatBytes(...markers) },
    { type: 1003n, value: concatBytes(...missing) },
    { type: 1004n, value: concatBytes(...nonces) },
    { type: 1005n, value: new TextEncoder().encode(note ?? '') },
  ].filter(({ value }) => value.length > 0);
  return readOfferMessage('payer_proof', writeStream([...records.filter(({ type }) => shown(type)), ...added]));
}

const NEEDED: readonly FieldName[] = [
  'invreq_payer_id',
  'invoice_payment_hash',
  'invoice_node_id',
  'signature',
  'proof_preimage',
  'proof_leaf_hashes',
];
const isShown = (type: bigint): boolean => type < 240n || type >= 1_000_000_000n;

/** Lists the problem of a proof without unreadable records, the payer's signature apart. */
export function checkProof(message: OfferMessage): OfferProblem[] {
  const { fields: f, records } = message;
  const missing = NEEDED.find((name) => f[name] === undefined);
  const refuse = (field: string, text: string): OfferProblem[] => [{ code: 'payer-proof', field, text }];
  if (missing) return refuse(missing, 'nothing found, which each proof has');
  if (bytesToHex(sha256(hexToBytes(f.proof_preimage!))) !== f.invoice_payment_hash)
    return [{ code: 'wrong-preimage', field: 'proof_preimage', text: 'it does not hash to the payment hash' }];
  if (records[0]!.type === 0n) return refuse('invreq_metadata', 'found, which no proof shows');
  try {
    const root = rootOfProof(message);
    if (!verifies(f.signature!, offerDigest('invoice', 'signature', root), f.invoice_node_id!.slice(2)))
      return [{ code: 'signature-invalid', field: 'signature', text: `not by ${f.invoice_node_id} over this invoice` }];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refuse('proof', error.message);
  }
  return [];
}

/** Computes the invoice's root. @throws Refusal `payer-proof`, also for hashes left over */
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
