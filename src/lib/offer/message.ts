/**
 * A BOLT12 message cut into records and read into named fields. What does not hold is listed and
 * not refused, so that a decoder can print what is there.
 *
 * Not here: the rules of each kind (`check.ts`), the string (`string.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { writeFields } from '../wire/fields.ts';
import { readStream, type TlvRecord } from '../wire/tlv.ts';
import { FIELDS, isAllowed, NAMES, type OfferValues } from './fields.ts';
import type { OfferKind } from './string.ts';

/** A rule that does not hold: an error code, the field, and words. */
export interface OfferProblem {
  code: ErrorCode;
  field: string;
  text: string;
}
/** Offer, invoice request or invoice, as records of a TLV stream. */
export interface OfferMessage {
  kind: OfferKind;
  bytes: Uint8Array;
  records: TlvRecord[];
  fields: OfferValues;
  /** Records that are not read or not allowed. */
  problems: OfferProblem[];
}

/** Throws the first problem, where there is one. @throws Refusal with its code */
export function refuseFirst(problems: readonly OfferProblem[]): void {
  const [first] = problems;
  if (first) throw new Refusal(first.code, `${first.field}: ${first.text}`);
}

/**
 * Reads a message. A value that its field cannot have stays in `custom`, in hex.
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

/** The fields of records that `chosen` takes, as another message repeats them. */
export const fieldsWhere = (message: OfferMessage, chosen: (type: bigint) => boolean): OfferValues =>
  Object.fromEntries(
    Object.entries(message.fields).flatMap(([name, value]): [string, unknown][] => {
      if (name !== 'custom') return chosen(FIELDS[name as keyof typeof FIELDS].type) ? [[name, value]] : [];
      const kept = Object.entries(value as Record<string, string>).filter(([type]) => chosen(BigInt(type)));
      return kept.length > 0 ? [['custom', Object.fromEntries(kept)]] : [];
    }),
  ) as OfferValues;
