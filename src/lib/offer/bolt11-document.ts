/**
 * BOLT11 invoices checked, and as JSON: read, shown, verified and written.
 *
 * BOLT11, Requirements. A second field where one must stand is refused, since libraries took
 * different payment hashes from one invoice (bolts#1357).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { isNetwork } from '../bitcoin/network.ts';
import { MOST_MSAT } from '../wire/fees.ts';
import type { Fields } from '../protocol/document.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { BOLT11_LIMITS, prefixOf, readBolt11, readPrefix, writeBolt11, type Bolt11, type Tagged } from './bolt11.ts';
import { fieldOf, parseField, fieldValue, LENGTHS, type FieldJson } from './bolt11-fields.ts';
import { refuseFirst, type OfferProblem } from './message.ts';
import { bareString } from './string.ts';
import { parseScalar } from '../signing/curve.ts';
import { recoverEcdsa, verifiesCompact } from '../signing/ecdsa.ts';

/** Tags that may stand once: all but fallbacks and routes. */
const SINGLE = ['p', 's', 'd', 'h', 'n', 'x', 'c', 'm', '9'];
/** Even feature bits that BOLT9 knows for invoices. */
const KNOWN = [8, 14, 16, 24, 36, 48];
const [SECRET, MPP] = [14, 16];
const has = (bits: readonly number[], even: number): boolean => bits.includes(even) || bits.includes(even + 1);

/** Key that signed an invoice: from its field `n`, or recovered from the signature. */
export interface Payee {
  key: string;
  by: 'n' | 'recovered';
}

/** Returns the payee's key; undefined if the signature is not by it. @param fields of `invoice` */
export function payeeOf({ signature, recovery, hash }: Bolt11, fields: readonly FieldJson[]): Payee | undefined {
  const named = fields
    .map((field) => (field.tag === 'n' ? fieldValue(field) : undefined))
    .find((key) => key !== undefined);
  if (named !== undefined)
    return verifiesCompact(signature, hash, hexToBytes(named as string))
      ? { key: named as string, by: 'n' }
      : undefined;
  const halves = [signature.subarray(0, 32), signature.subarray(32)];
  if (recovery > 3 || halves.some((half) => parseScalar(half) === undefined)) return undefined;
  const key = recoverEcdsa(signature, recovery, hash);
  return key && { key: bytesToHex(key), by: 'recovered' };
}

/** Lists the rules that an invoice breaks. @param lenient skips fields of a wrong length */
export function checkBolt11(invoice: Bolt11, all: readonly FieldJson[], lenient = false): OfferProblem[] {
  const found: OfferProblem[] = [];
  const say = (field: string, text: string, code: ErrorCode = 'offer-field') => found.push({ code, field, text });
  const wrong = all.filter((_, i) => {
    const { tag, words } = invoice.tagged[i]!;
    return LENGTHS[tag] !== undefined && words.length !== LENGTHS[tag];
  });
  const fields = all.filter((field) => !wrong.includes(field));
  if (!lenient)
    for (const { tag, letters } of wrong) say(tag, `${letters!.length} letters found, ${LENGTHS[tag]} expected`);
  for (const { tag } of fields.filter((field) => 'pshndxcmr9'.includes(field.tag) && fieldValue(field) === undefined))
    say(tag, 'no value of this field found');
  const count = (tag: string) => fields.filter((field) => field.tag === tag).length;
  for (const tag of SINGLE)
    if (count(tag) > 1) say(tag, `found ${count(tag)} times: readers would differ`, 'field-twice');
  if (count('p') === 0) say('p', 'no payment_hash found, which each invoice has');
  if (count('s') === 0) say('s', 'no payment_secret found, which each invoice has');
  if (count('d') + count('h') === 0) say('d', 'neither a description nor its hash found');
  if (count('d') > 0 && count('h') > 0) say('d', 'a description and a hash of one found');
  all.forEach(({ tag }, i) => {
    if ('xc9'.includes(tag) && invoice.tagged[i]!.words[0] === 0) say(tag, 'a leading zero found');
  });
  const bits = fields.flatMap((field) => (field.tag === '9' ? ((fieldValue(field) ?? []) as number[]) : []));
  const unknown = bits.find((bit) => bit % 2 === 0 && !KNOWN.includes(bit));
  if (unknown !== undefined) say('9', `bit ${unknown} is not known`, 'feature-unknown');
  if (has(bits, MPP) && !has(bits, SECRET)) say('9', 'payment in parts found without a payment secret');
  if (!payeeOf(invoice, fields)) say('signature', 'no signature of a node over these fields', 'signature-invalid');
  return found;
}

/** Defaults of an invoice: seconds until it expires, and blocks of its last HTLC. */
const DEFAULTS = { expiry: 3600n, delta: 18n };

/** Time until which an invoice is good. */
export const BOLT11_TIME_LIMITS = {
  until: { unit: 'Unix seconds', most: (expiresAt: bigint) => expiresAt },
} satisfies Limits;

const fieldsOf = ({ tagged, network }: Bolt11): FieldJson[] => tagged.map((each) => fieldOf(each, network));
const first = <T>(fields: readonly FieldJson[], tag: string): T | undefined =>
  fields.map((field) => (field.tag === tag ? fieldValue(field) : undefined)).find((value) => value !== undefined) as
    T | undefined;
const expiresAt = ({ timestamp }: Bolt11, fields: readonly FieldJson[]): bigint =>
  timestamp + (first<bigint>(fields, 'x') ?? DEFAULTS.expiry);

/** Reads the invoice in `string`. @throws Refusal `malformed-bolt11`, `malformed-message` */
export function invoiceIn(from: Fields): { invoice: Bolt11; string: string } {
  const text = bareString(from.need('string', from.text('string'), 'an invoice'));
  from.skip(...from.names());
  return { invoice: readBolt11(text), string: text.toLowerCase() };
}

/** Shows an invoice with its payee's key and the rules that it breaks. */
export function bolt11Document(invoice: Bolt11, string: string, lenient = false): object {
  const fields = fieldsOf(invoice);
  const payee = payeeOf(invoice, fields);
  return {
    type: 'invoice',
    version: 1,
    string,
    network: invoice.network,
    prefix: invoice.prefix,
    ...(invoice.amountMsat !== undefined && { amount_msat: invoice.amountMsat }),
    timestamp: invoice.timestamp,
    expires_at: expiresAt(invoice, fields),
    min_final_cltv_expiry_delta: first<bigint>(fields, 'c') ?? DEFAULTS.delta,
    ...(payee && { payee: payee.key, signed_by: payee.by }),
    fields,
    routes: fields
      .filter(({ tag }) => tag === 'r')
      .flatMap((field) => [fieldValue(field)].filter((route) => route !== undefined)),
    features: first<number[]>(fields, '9') ?? [],
    problems: checkBolt11(invoice, fields, lenient),
  };
}

export interface Expected {
  /** Time, in Unix seconds. */
  at: bigint;
  amountMsat?: bigint | undefined;
  preimage?: Uint8Array | undefined;
  lenient?: boolean;
}

/** Verifies rules, time, amount and preimage. @throws Refusal for the first problem */
export function verifyBolt11(invoice: Bolt11, { at, amountMsat, preimage, lenient = false }: Expected): void {
  const fields = fieldsOf(invoice);
  refuseFirst(checkBolt11(invoice, fields, lenient));
  const until = expiresAt(invoice, fields);
  if (!allows({ most: BOLT11_TIME_LIMITS.until.most(until) }, at))
    throw new Refusal('invoice-expired', `over since ${until}`);
  if (amountMsat !== undefined && invoice.amountMsat !== undefined && invoice.amountMsat !== amountMsat)
    throw new Refusal('amount-differs', `${invoice.amountMsat} msat found, ${amountMsat} expected`);
  const hash = first<string>(fields, 'p');
  if (preimage && bytesToHex(sha256(preimage)) !== hash)
    throw new Refusal('wrong-preimage', `the preimage does not hash to ${hash}`);
}

/**
 * Writes an invoice from what `decode` prints, or from network, amount_msat, timestamp and fields.
 * @param now timestamp for a document without one
 * @throws Refusal `malformed-message`, or for the first rule that the invoice breaks
 */
export function encodeBolt11(from: Fields, secret: Uint8Array, now: bigint): object {
  const network = from.text('network') ?? 'mainnet';
  if (!isNetwork(network)) return from.refuse('network', 'a network');
  const amount = from.whole('amount_msat', MOST_MSAT);
  if (amount === 0n) from.refuse('amount_msat', 'an amount above 0');
  const timestamp = from.whole('timestamp', BOLT11_LIMITS.timestamp.most) ?? now;
  const tagged =
    from.objects('fields', (field): Tagged => parseField(field, network)) ?? from.refuse('fields', 'a list of fields');
  // BOLT11: a vector of features without any is left out.
  const written = tagged.filter(({ tag, words }) => tag !== '9' || words.some((word) => word > 0));
  const said = from.text('prefix');
  const read = said === undefined ? undefined : readPrefix(said);
  from.skip(
    'type',
    'version',
    'string',
    'expires_at',
    'min_final_cltv_expiry_delta',
    'payee',
    'signed_by',
    'routes',
    'features',
    'problems',
  );
  from.end();
  // The document's prefix is kept, even if the same amount has a shorter one.
  const kept = read?.network === network && read.amountMsat === amount ? said : undefined;
  const prefix = kept ?? prefixOf(network, amount);
  const string = writeBolt11({ prefix, timestamp, tagged: written }, secret);
  const invoice = readBolt11(string);
  refuseFirst(checkBolt11(invoice, fieldsOf(invoice)));
  return bolt11Document(invoice, string);
}
