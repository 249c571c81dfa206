/**
 * Fields of BOLT12 messages: names, types, codecs, and which message may have which type.
 *
 * BOLT12, TLV Fields. Recurrence is by bolts#1240, a draft, under its own numbers and under those
 * of Core Lightning. Two proposals of this project have odd experimental types (`preimages.ts`, and
 * the replacement of an invoice). Types without a name go into `custom`.
 */
import { Refusal } from '../protocol/refusal.ts';
import { field, hexBytes, point, truncated, type Namespace, type ValuesOf } from '../wire/fields.ts';
import { blindedPaths } from '../wire/path.ts';
import {
  bip353Name,
  chain,
  chains,
  fallbacks,
  payinfos,
  utf8Text,
  base,
  cancel,
  chainPlace,
  paywindow,
  period,
} from './codecs.ts';
import type { OfferKind } from './string.ts';

/** Fields of offers, invoice requests, invoices and payer proofs. */
export const FIELDS = {
  invreq_metadata: field(0n, hexBytes()),
  offer_chains: field(2n, chains),
  offer_metadata: field(4n, hexBytes()),
  offer_currency: field(6n, utf8Text),
  offer_amount: field(8n, truncated(8)),
  offer_description: field(10n, utf8Text),
  offer_features: field(12n, hexBytes()),
  offer_absolute_expiry: field(14n, truncated(8)),
  offer_paths: field(16n, blindedPaths),
  offer_issuer: field(18n, utf8Text),
  offer_quantity_max: field(20n, truncated(8)),
  offer_issuer_id: field(22n, point),
  offer_recurrence_compulsory: field(24n, period),
  offer_recurrence_optional: field(25n, period),
  offer_recurrence_base: field(26n, base),
  offer_recurrence_paywindow: field(27n, paywindow),
  offer_recurrence_limit: field(29n, truncated(4)),
  invreq_chain: field(80n, chain),
  invreq_amount: field(82n, truncated(8)),
  invreq_features: field(84n, hexBytes()),
  invreq_quantity: field(86n, truncated(8)),
  invreq_payer_id: field(88n, point),
  invreq_payer_note: field(89n, utf8Text),
  invreq_paths: field(90n, blindedPaths),
  invreq_bip_353_name: field(91n, bip353Name),
  invreq_recurrence_counter: field(92n, truncated(4)),
  invreq_recurrence_start: field(93n, truncated(4)),
  invreq_recurrence_cancel: field(94n, cancel),
  invoice_paths: field(160n, blindedPaths),
  invoice_blindedpay: field(162n, payinfos),
  invoice_created_at: field(164n, truncated(8)),
  invoice_relative_expiry: field(166n, truncated(4)),
  invoice_payment_hash: field(168n, hexBytes(32)),
  invoice_amount: field(170n, truncated(8)),
  invoice_fallbacks: field(172n, fallbacks),
  invoice_features: field(174n, hexBytes()),
  invoice_node_id: field(176n, point),
  invoice_recurrence_basetime: field(177n, truncated(8)),
  signature: field(240n, hexBytes(64)),
  proof_signature: field(241n, hexBytes(64)),
  proof_preimage: field(1001n, hexBytes(32)),
  proof_omitted_tlvs: field(1002n, hexBytes()),
  proof_missing_hashes: field(1003n, hexBytes()),
  proof_leaf_hashes: field(1004n, hexBytes()),
  proof_note: field(1005n, utf8Text),
  cln_offer_recurrence_compulsory: field(1_000_000_024n, period),
  cln_offer_recurrence_optional: field(1_000_000_025n, period),
  cln_offer_recurrence_base: field(1_000_000_026n, base),
  cln_offer_recurrence_paywindow: field(1_000_000_027n, paywindow),
  cln_offer_recurrence_limit: field(1_000_000_029n, truncated(4)),
  cln_invreq_recurrence_counter: field(2_000_000_092n, truncated(4)),
  cln_invreq_recurrence_start: field(2_000_000_093n, truncated(4)),
  cln_invreq_recurrence_cancel: field(2_000_000_094n, cancel),
  proposal_replaces: field(2_000_000_257n, hexBytes(32)),
  cln_invoice_recurrence_basetime: field(3_000_000_177n, truncated(8)),
  proposal_preimage_chain: field(3_000_000_203n, chainPlace),
} satisfies Namespace;
/** Fields of a message by name. */
export type OfferValues = ValuesOf<typeof FIELDS>;
export type FieldName = keyof typeof FIELDS;
/** Names of fields by type. */
export const NAMES = new Map(Object.entries(FIELDS).map(([name, { type }]) => [type, name as FieldName]));

const between = (type: bigint, ...ranges: readonly (readonly [bigint, bigint])[]): boolean =>
  ranges.some(([first, last]) => type >= first && type <= last);
const BILLION = 1_000_000_000n;

/** Tells whether a type is a signature's (240 to 1000), which is no leaf of the tree. */
export const isSignature = (type: bigint): boolean => between(type, [240n, 1000n]);
/** Tells whether a field comes from the offer. */
export const isOfferField = (type: bigint): boolean => between(type, [1n, 79n], [BILLION, 2n * BILLION - 1n]);
/** Tells whether a field is one of a request, which its invoice repeats. */
export const isRequestField = (type: bigint): boolean => between(type, [0n, 159n], [BILLION, 3n * BILLION - 1n]);
const isInvoiceField = (type: bigint): boolean => between(type, [0n, 239n], [BILLION, 4n * BILLION - 1n]);

/** Tells whether a message of this kind may have this type. */
export function isAllowed(kind: OfferKind, type: bigint): boolean {
  if (kind === 'offer') return isOfferField(type);
  if (kind === 'invoice_request') return isRequestField(type) || type === 240n;
  if (kind === 'invoice') return isInvoiceField(type) || type === 240n;
  return isInvoiceField(type) || between(type, [240n, 241n], [1001n, 1005n]);
}

/**
 * Returns the types that a name means in these records: `offer_amount`, `170`, or `amount`.
 * @throws Refusal `malformed-message` for a name that none of them has
 */
export function typesNamed(name: string, records: readonly { type: bigint }[]): bigint[] {
  const found = records
    .map(({ type }) => type)
    .filter((type) => {
      const known = NAMES.get(type);
      return String(type) === name || known === name || known?.replace(/^(?:offer|invreq|invoice)_/, '') === name;
    });
  if (found.length === 0) throw new Refusal('malformed-message', `${name}: nothing found of that name or type`);
  return found;
}
