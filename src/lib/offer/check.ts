/**
 * Rules for readers of offers, requests and invoices: fields, signatures, time.
 *
 * BOLT12, Requirements of each message. A broken rule is a problem with a code. Not here:
 * recurrence (`recurrence.ts`), payer proofs (`proof.ts`), messages that answer one another
 * (`verify.ts`).
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import type { ErrorCode } from '../protocol/refusal.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { verifies } from '../signing/bip340.ts';
import type { FieldName, OfferValues } from './fields.ts';
import { CHAIN_HASHES } from '../bitcoin/network.ts';
import { offerRoot, offerDigest } from './merkle.ts';
import type { OfferMessage, OfferProblem } from './message.ts';
import { checkRecurrence, dueFor, periodIndex, recurrenceOf } from './recurrence.ts';

export const BOLT12_LIMITS = {
  amount: { unit: 'msat', least: 1n },
  quantity: {
    unit: 'items',
    least: 1n,
    most: ({ offer_quantity_max: max = 0n }: OfferValues) => (max === 0n ? (1n << 64n) - 1n : max),
  },
  requested: { unit: 'msat', least: (f: OfferValues) => expectedMsat(f) ?? 0n },
  /** Time until which an offer is good; then an invoice. */
  offer: { unit: 'Unix seconds', most: ({ offer_absolute_expiry: until = 1n << 64n }: OfferValues) => until },
  invoice: {
    unit: 'Unix seconds',
    most: ({ invoice_created_at: from = 0n, invoice_relative_expiry: seconds = DEFAULT_EXPIRY }: OfferValues) =>
      from + seconds,
  },
} satisfies Limits;
/** Seconds for which an invoice is good by default. */
export const DEFAULT_EXPIRY = 7200n;
const MPP = [16, 17];

type Say = (field: FieldName, text: string, code?: ErrorCode) => void;

/** Finds the first even bit that is set and not known, in features in hex. */
function unknownFeature(hex: string, known: readonly number[] = []): number | undefined {
  for (const [i, byte] of hexToBytes(hex).reverse().entries())
    for (let bit = 0; bit < 8; bit += 2) if ((byte >> bit) & 1 && !known.includes(8 * i + bit)) return 8 * i + bit;
  return undefined;
}

/** Tells whether these fields answer an offer, whose issuer or paths a refund has not. */
export const answersOffer = (f: OfferValues): boolean => f.offer_issuer_id !== undefined || f.offer_paths !== undefined;

/**
 * Returns the amount that an offer asks for, in millisatoshis; undefined without amount or rate.
 * @param rate millisatoshis for a unit of its currency
 */
export function expectedMsat(f: OfferValues, rate?: bigint): bigint | undefined {
  const each = f.offer_currency === undefined ? 1n : rate;
  if (f.offer_amount === undefined || each === undefined) return undefined;
  return f.offer_amount * each * (f.invreq_quantity ?? 1n);
}

/** Lists the rules that fields break, apart from signatures and time. */
export function checkFields({ kind, fields, problems }: OfferMessage): OfferProblem[] {
  const found = [...problems];
  const say: Say = (field, text, code = 'offer-field') => found.push({ code, field, text });
  const need = (...names: FieldName[]) => {
    const missing = (name: FieldName) => fields[name] === undefined && !problems.some(({ field }) => field === name);
    for (const name of names.filter(missing)) say(name, `nothing found, which each ${kind} has`);
  };
  if (kind === 'payer_proof') return found;
  if (kind === 'offer' || answersOffer(fields)) checkOffer(fields, say);
  if (kind === 'offer') {
    if (!answersOffer(fields)) say('offer_issuer_id', 'neither an id nor paths found, one of them expected');
  } else {
    need('invreq_metadata', 'invreq_payer_id');
    checkRequest(fields, say);
  }
  if (kind === 'invoice') {
    need(
      'invoice_paths',
      'invoice_blindedpay',
      'invoice_created_at',
      'invoice_payment_hash',
      'invoice_amount',
      'invoice_node_id',
    );
    checkInvoice(fields, say);
  }
  found.push(...checkRecurrence(kind, fields));
  return found;
}

function features(f: OfferValues, name: 'offer_features' | 'invreq_features' | 'invoice_features', say: Say): void {
  const bit = unknownFeature(f[name] ?? '', name === 'invoice_features' ? MPP : []);
  if (bit !== undefined) say(name, `bit ${bit} is not known`, 'feature-unknown');
}

function checkOffer(f: OfferValues, say: Say): void {
  features(f, 'offer_features', say);
  if (f.offer_chains?.length === 0) say('offer_chains', 'a list without chains found');
  if (f.offer_amount !== undefined) {
    if (!allows(BOLT12_LIMITS.amount, f.offer_amount)) say('offer_amount', '0 found, more expected');
    if (f.offer_description === undefined) say('offer_description', 'an amount found without a description');
  }
  if (f.offer_currency === undefined) return;
  if (f.offer_amount === undefined) say('offer_amount', 'a currency found without an amount');
  if (!/^[A-Z]{3}$/.test(f.offer_currency)) say('offer_currency', 'three capital letters of ISO 4217 expected');
}

function checkRequest(f: OfferValues, say: Say): void {
  features(f, 'invreq_features', say);
  const { name = '', domain = '' } = f.invreq_bip_353_name ?? {};
  if (!/^[0-9a-zA-Z._-]*$/.test(name + domain))
    say('invreq_bip_353_name', 'another character than letters, digits, dot, - and _ found');
  if (!answersOffer(f)) {
    for (const field of ['offer_chains', 'offer_features', 'offer_quantity_max'] as const)
      if (f[field] !== undefined) say(field, 'found in a request without an offer');
    if (f.invreq_amount === undefined) say('invreq_amount', 'nothing found, which a request without an offer has');
    if (f.invreq_quantity !== undefined) say('invreq_quantity', 'found in a request without an offer');
    if (f.offer_description === undefined)
      say('offer_description', 'nothing found, which a request without an offer has');
    return;
  }
  const offered = f.offer_chains ?? [CHAIN_HASHES.mainnet];
  if (!offered.includes(f.invreq_chain ?? CHAIN_HASHES.mainnet))
    say('invreq_chain', 'a chain found that is not offered');
  const { invreq_quantity: quantity, offer_quantity_max: max } = f;
  if (max === undefined && quantity !== undefined)
    say('invreq_quantity', `${quantity} found, the offer has no quantities`);
  if (max !== undefined && quantity === undefined) say('invreq_quantity', 'nothing found, a quantity expected');
  if (max !== undefined && quantity !== undefined) {
    const most = BOLT12_LIMITS.quantity.most(f);
    if (!allows({ ...BOLT12_LIMITS.quantity, most }, quantity))
      say('invreq_quantity', `${quantity} found, from 1 to ${most} expected`);
  }
  if (f.invreq_amount === undefined) {
    if (f.offer_amount === undefined) say('invreq_amount', 'nothing found, and the offer has no amount');
    return;
  }
  const least = BOLT12_LIMITS.requested.least(f);
  if (!allows({ least }, f.invreq_amount))
    say('invreq_amount', `${f.invreq_amount} msat found, at least ${least} expected`);
}

function checkInvoice(f: OfferValues, say: Say): void {
  features(f, 'invoice_features', say);
  const [paths, infos] = [f.invoice_paths ?? [], f.invoice_blindedpay ?? []];
  if (f.invoice_paths && f.invoice_blindedpay) {
    if (paths.length !== infos.length)
      say('invoice_blindedpay', `${infos.length} found, one for each of ${paths.length} paths expected`);
    else if (infos.every((info) => unknownFeature(info.features) !== undefined))
      say('invoice_blindedpay', 'no path found whose features are all known', 'feature-unknown');
  }
  const amount = f.invreq_amount ?? dueAt(f, f.invoice_created_at);
  if (amount !== undefined && f.invoice_amount !== undefined && f.invoice_amount !== amount)
    say('invoice_amount', `${f.invoice_amount} msat found, ${amount} expected`, 'invoice-differs');
  const ids = nodeIds(f);
  if (ids && f.invoice_node_id !== undefined && !ids.includes(f.invoice_node_id))
    say('invoice_node_id', 'another key found than that of the offer', 'invoice-differs');
}

/** Returns the amount due at a time: less for a begun period of a proportional offer. */
function dueAt(f: OfferValues, at: bigint | undefined): bigint | undefined {
  const [r, amount] = [recurrenceOf(f), expectedMsat(f)];
  const index = r && periodIndex(r);
  if (amount === undefined || index === undefined || r?.basetime === undefined || at === undefined) return amount;
  return dueFor(r, r.basetime, index, amount, at);
}

/** Lists the keys that may sign an invoice; undefined if its request answers no offer. */
export function nodeIds(f: OfferValues): string[] | undefined {
  if (f.offer_issuer_id !== undefined) return [f.offer_issuer_id];
  return f.offer_paths?.map(({ hops }) => hops.at(-1)!.blinded_node_id);
}

/** Returns the field of a message's signature, and the public key (33 bytes, hex) that signs. */
export function signerOf({ kind, fields: f }: OfferMessage): {
  field: 'signature' | 'proof_signature';
  key: string | undefined;
} {
  if (kind === 'payer_proof') return { field: 'proof_signature', key: f.invreq_payer_id };
  return { field: 'signature', key: kind === 'invoice' ? f.invoice_node_id : f.invreq_payer_id };
}

/** Computes the hash that is signed; undefined for an offer. */
export function offerHashToSign(message: OfferMessage): Uint8Array | undefined {
  const root = message.kind === 'offer' ? undefined : offerRoot(message.records);
  return root && offerDigest(message.kind, signerOf(message).field, root);
}

/** Checks a signature: returns its key, or the problem. An offer has none, a refund needs none. */
export function checkOfferSignature(message: OfferMessage): { signedBy?: string; problem?: OfferProblem } {
  const { field, key } = signerOf(message);
  const [hash, signature] = [offerHashToSign(message), message.fields[field]];
  if (!hash) return {};
  const said = (text: string) => ({ problem: { code: 'signature-invalid' as const, field, text } });
  if (signature === undefined)
    return message.kind === 'invoice_request' && !answersOffer(message.fields)
      ? {}
      : said('nothing found, a signature expected');
  if (key === undefined) return said('a signature found, and no key that it is by');
  return verifies(signature, hash, key.slice(2)) ? { signedBy: key } : said(`not by ${key} over these fields`);
}

/** Lists the problem of a message that is over. @param at Unix seconds */
export function checkOfferTime({ kind, fields: f }: OfferMessage, at: bigint): OfferProblem[] {
  const found: OfferProblem[] = [];
  const until = BOLT12_LIMITS.offer.most(f);
  if (kind !== 'invoice' && !allows({ most: until }, at))
    found.push({ code: 'offer-expired', field: 'offer_absolute_expiry', text: `over since ${until}` });
  const end = BOLT12_LIMITS.invoice.most(f);
  if (kind === 'invoice' && f.invoice_created_at !== undefined && !allows({ most: end }, at))
    found.push({ code: 'invoice-expired', field: 'invoice_relative_expiry', text: `over since ${end}` });
  return found;
}
