/**
 * BOLT12 messages as records and named fields.
 *
 * Rules that a message breaks are listed and not thrown, so that a decoder can print the rest. Not
 * here: the rules of each kind (`check.ts`), the string (`string.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { writeFields } from '../wire/fields.ts';
import { readStream, type TlvRecord } from '../wire/tlv.ts';
import { FIELDS, isAllowed, NAMES, type OfferValues } from './fields.ts';
import type { OfferKind } from './string.ts';

/** Rule that a message breaks: error code, field, and words. */
export interface OfferProblem {
  code: ErrorCode;
  field: string;
  text: string;
}
/** BOLT12 message: offer, invoice request, invoice or payer proof. */
export interface OfferMessage {
  kind: OfferKind;
  bytes: Uint8Array;
  records: TlvRecord[];
  fields: OfferValues;
  /** Problems of records that cannot be read or are not allowed. */
  problems: OfferProblem[];
}

/** Throws the first problem. @throws Refusal with its code */
export function refuseFirst(problems: readonly OfferProblem[]): void {
  const [first] = problems;
  if (first) throw new Refusal(first.code, `${first.field}: ${first.text}`);
}

/**
 * Reads a message. A value that its field cannot have stands in `custom`, in hex.
 * @throws RecordRefusal `tlv-truncated`, `bigsize-not-canonical`, `tlv-order`, `tlv-duplicate`
 */
export function readOfferMessage(kind: OfferKind, bytes: Uint8Array): OfferMessage {
  const values: Record<string, unknown> = {};
  const custom: Record<string, string> = {};
  const problems: OfferProblem[] = [];
  const records = readStream(bytes);
  for (const { type, value } of records) {
    const name = NAMES.get(type);
    const say = (code: ErrorCode, text: string) => problems.push({ code, field: name ?? String(type), text });
    if (!isAllowed(kind, type)) say('offer-field', `type ${type} found, which no ${kind} has`);
    try {
      if (name !== undefined) values[name] = FIELDS[name].read(value);
      else custom[String(type)] = bytesToHex(value);
      if (name === undefined && type % 2n === 0n) say('tlv-unknown-even', `type ${type} is not known`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      custom[String(type)] = bytesToHex(value);
      say(error.code, error.message);
    }
  }
  const fields = { ...values, ...(Object.keys(custom).length > 0 && { custom }) } as OfferValues;
  return { kind, bytes, records, fields, problems };
}

/** Makes a message of fields. @throws Refusal `tlv-duplicate` for a named type also in `custom` */
export const makeOfferMessage = (kind: OfferKind, fields: OfferValues): OfferMessage =>
  readOfferMessage(kind, writeFields(FIELDS, fields));

/** Returns the fields whose types are chosen, such as those that an answer repeats. */
export const fieldsWhere = (message: OfferMessage, chosen: (type: bigint) => boolean): OfferValues =>
  Object.fromEntries(
    Object.entries(message.fields).flatMap(([name, value]): [string, unknown][] => {
      if (name !== 'custom') return chosen(FIELDS[name as keyof typeof FIELDS].type) ? [[name, value]] : [];
      const kept = Object.entries(value as Record<string, string>).filter(([type]) => chosen(BigInt(type)));
      return kept.length > 0 ? [['custom', Object.fromEntries(kept)]] : [];
    }),
  ) as OfferValues;
