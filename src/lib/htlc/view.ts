/**
 * The document of an HTLC, which `htlc create` prints and every other verb reads: terms, and what
 * follows from them. Whoever reads one derives everything again and compares.
 */
import * as v from 'valibot';
import { addressOf } from '../bitcoin/address.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { NETWORKS } from '../bitcoin/network.ts';
import type { Hex } from '../protocol/action.ts';
import { canonicalJson, sameJson } from '../protocol/json.ts';
import { hexOf, hexText, parseAs, pubkey, text } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedTextHash } from '../signing/curve.ts';
import { LOCK_KINDS } from './lock.ts';
import { pathsOf } from './paths.ts';
import { SCRIPT_TYPES, VARIANTS, type PathName } from './scripts.ts';
import { build, checkHtlc, type Built, type Htlc } from './terms.ts';

const leaf = v.strictObject({ script: hexText, control_block: hexText });
export const htlcEntries = {
  type: v.literal('htlc'),
  version: v.literal(1),
  network: v.picklist(NETWORKS),
  variant: v.picklist(VARIANTS),
  script_type: v.picklist(SCRIPT_TYPES),
  hash: v.strictObject({ sha256: v.nullable(hexOf(32)), hash160: hexOf(20) }),
  claim_pubkey: v.nullable(pubkey),
  refund_pubkey: pubkey,
  revocation_pubkey: v.optional(pubkey),
  anchors: v.optional(v.boolean()),
  locktime: v.strictObject({ kind: v.picklist(LOCK_KINDS), value: v.number() }),
  script: v.optional(hexText),
  internal_key: v.optional(hexOf(32)),
  participants: v.optional(v.nullable(v.strictTuple([pubkey, pubkey]))),
  merkle_root: v.optional(hexOf(32)),
  leaves: v.optional(v.strictObject({ claim: leaf, refund: leaf })),
  address: text,
  output_script: hexText,
  claim_auth: v.optional(hexOf(32)),
  refund_auth: v.optional(hexOf(32)),
};
/** Form of a stateless document, whose unknown fields are ignored; messages are strict. */
const schema = v.object(htlcEntries);
export const htlcSchema = v.strictObject(htlcEntries);
/** Terms of an HTLC with the values derived from them. */
export type HtlcView = v.InferOutput<typeof schema>;

/** Returns the document: the terms, and each path in words. */
export const documentOf = (htlc: Htlc): HtlcView & { paths: object } => ({
  ...viewOf(htlc),
  paths: pathsOf(htlc, build(htlc)),
});

/** Returns the terms as messages show them. */
export function viewOf(htlc: Htlc): HtlcView {
  const built = build(htlc);
  return {
    type: 'htlc',
    version: 1,
    network: htlc.network,
    variant: htlc.variant,
    script_type: htlc.type,
    hash: { sha256: htlc.hash.sha256, hash160: htlc.hash.hash160 },
    claim_pubkey: htlc.claim,
    refund_pubkey: htlc.refund,
    ...(htlc.revocation !== null && { revocation_pubkey: htlc.revocation, anchors: htlc.anchors }),
    locktime: { kind: htlc.lock.kind, value: htlc.lock.value },
    ...(built.type === 'p2tr'
      ? {
          internal_key: built.tree.internalKey,
          participants: htlc.internal ? [...htlc.internal] : null,
          merkle_root: bytesToHex(built.tree.merkleRoot),
          leaves: { claim: leafView(built, 'claim'), refund: leafView(built, 'refund') },
        }
      : { script: bytesToHex(built.script) }),
    address: addressOf(built.output, htlc.network)!,
    output_script: built.output,
    ...(htlc.claimAuth !== null && { claim_auth: htlc.claimAuth }),
    ...(htlc.refundAuth !== null && { refund_auth: htlc.refundAuth }),
  } as HtlcView;
}

const leafView = (built: Extract<Built, { type: 'p2tr' }>, path: PathName) => ({
  script: bytesToHex(built.leaves[path]),
  control_block: bytesToHex(built.tree.control[path]),
});

/** Reads a document, and checks its derived values against its terms. */
export function readHtlc(json: unknown): Htlc {
  const view = parseAs(schema as v.GenericSchema<unknown, HtlcView>, json);
  const htlc = checkHtlc({
    network: view.network,
    variant: view.variant,
    type: view.script_type,
    hash: view.hash,
    claim: view.claim_pubkey,
    refund: view.refund_pubkey,
    lock: view.locktime,
    revocation: view.revocation_pubkey ?? null,
    anchors: view.anchors ?? false,
    internal: view.participants ?? null,
    claimAuth: view.claim_auth ?? null,
    refundAuth: view.refund_auth ?? null,
  });
  for (const [name, value] of Object.entries({ script: undefined, leaves: undefined, ...viewOf(htlc) })) {
    const stated = view[name as keyof HtlcView];
    if (!sameJson(value ?? null, stated ?? null))
      throw new Refusal('terms-differ', `${name} does not follow from the terms of the HTLC`);
  }
  return htlc;
}

/** Returns the id of an HTLC: the tagged hash of its terms. */
export const htlcId = (htlc: Htlc): Hex => bytesToHex(taggedTextHash('spillway/htlc', canonicalJson(viewOf(htlc))));
