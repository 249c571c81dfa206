/**
 * Rules for readers of BOLT11 invoices. A second field where one must stand is refused.
 *
 * BOLT11, Requirements; bolts#1357 (two libraries that took different payment hashes from one
 * invoice). Not here: time and amounts that a payer expects (`bolt11-document.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { ErrorCode } from '../protocol/refusal.ts';
import { parseScalar } from '../signing/curve.ts';
import { recoverEcdsa, verifiesCompact } from '../signing/ecdsa.ts';
import type { Bolt11 } from './bolt11.ts';
import { LENGTHS, valueOf, type FieldJson } from './bolt11-fields.ts';
import type { Problem } from './message.ts';

/** Tags of which there is one at most: all but fallbacks and routes. */
const SINGLE = ['p', 's', 'd', 'h', 'n', 'x', 'c', 'm', '9'];
/** Even bits of features that BOLT9 has for invoices. */
const KNOWN = [8, 14, 16, 24, 36, 48];
const [SECRET, MPP] = [14, 16];
const has = (bits: readonly number[], even: number): boolean => bits.includes(even) || bits.includes(even + 1);

/** The key that signed an invoice: named by its field `n`, or recovered from the signature. */
export interface Payee {
  key: string;
  by: 'n' | 'recovered';
}

/** @param fields those of `invoice`, as they are read */
export function payeeOf({ signature, recovery, hash }: Bolt11, fields: readonly FieldJson[]): Payee | undefined {
  const named = fields
    .map((field) => (field.tag === 'n' ? valueOf(field) : undefined))
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

/** @param lenient passes over fields of a wrong length, as older readers do */
export function checkBolt11(invoice: Bolt11, all: readonly FieldJson[], lenient = false): Problem[] {
  const found: Problem[] = [];
  const say = (field: string, text: string, code: ErrorCode = 'offer-field') => found.push({ code, field, text });
  const wrong = all.filter((_, i) => {
    const { tag, words } = invoice.tagged[i]!;
    return LENGTHS[tag] !== undefined && words.length !== LENGTHS[tag];
  });
  const fields = all.filter((field) => !wrong.includes(field));
  if (!lenient)
    for (const { tag, letters } of wrong) say(tag, `${letters!.length} letters found, ${LENGTHS[tag]} expected`);
  for (const { tag } of fields.filter((field) => 'pshndxcmr9'.includes(field.tag) && valueOf(field) === undefined))
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
  const bits = fields.flatMap((field) => (field.tag === '9' ? ((valueOf(field) ?? []) as number[]) : []));
  const unknown = bits.find((bit) => bit % 2 === 0 && !KNOWN.includes(bit));
  if (unknown !== undefined) say('9', `bit ${unknown} is not known`, 'feature-unknown');
  if (has(bits, MPP) && !has(bits, SECRET)) say('9', 'payment in parts found without a payment secret');
  if (!payeeOf(invoice, fields)) say('signature', 'no signature of a node over these fields', 'signature-invalid');
  return found;
}
