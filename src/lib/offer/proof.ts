/**
 * Payer proofs: some records of an invoice, hashes of the others, and the issuer's signature.
 *
 * BOLT12, Payer Proofs (bolts#1346). The first record of an invoice (type 0) never leaves it: the
 * nonces of all records are made of it. Not here: checking one (`proof-check.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { writeBigSize } from '../wire/bigsize.ts';
import { writeStream } from '../wire/tlv.ts';
import { isSignature } from './fields.ts';
import { branch, leafHash, noncesOf, splitAt } from './merkle.ts';
import { readMessage, type OfferMessage } from './message.ts';

/** Types that each proof shows: payer, payment hash, features, node and the issuer's signature. */
const ALWAYS: readonly bigint[] = [88n, 168n, 174n, 176n, 240n];

/** The marker of a record that is left out: the next number that invoices can have. */
export const nextMarker = (last: bigint): bigint => (last + 1n === 240n ? 1_000_000_000n : last + 1n);

/** A leaf of the tree of an invoice; left out, or with its hash. */
type Leaf = { left: boolean; hash?: Uint8Array };

/**
 * The root of a tree of which some leaves are left out. At each node with exactly one side that is
 * wholly left out, `missing` is asked for the hash of that side, in post-order.
 * @returns undefined where all leaves are left out
 */
export function rootAround(
  leaves: readonly Leaf[],
  missing: (side: readonly Leaf[]) => Uint8Array,
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
export function makeProof(
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
  const nonce = noncesOf(records[0]!);
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
  return readMessage('payer_proof', writeStream([...records.filter(({ type }) => shown(type)), ...added]));
}
