/**
 * TLV streams: records of type, length and value, with growing types.
 *
 * BOLT1, Type-Length-Value Format and Appendix B. A refusal has the type and offset of its record,
 * as BOLT4's `invalid_onion_payload` reports them. Not here: what a record means (`fields.ts`).
 */
import { concatBytes } from '../bitcoin/bytes.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { readBigSize, writeBigSize } from './bigsize.ts';

export interface TlvRecord {
  type: bigint;
  value: Uint8Array;
  /** Offset of the record in its stream; 0 for one that was not read from a stream. */
  offset: number;
}

/** Refusal of one record of a stream. */
export class RecordRefusal extends Refusal {
  readonly type: bigint;
  readonly offset: number;
  constructor(code: ErrorCode, text: string, type: bigint, offset: number) {
    super(code, text);
    this.type = type;
    this.offset = offset;
  }
}

/** Runs `work`, and turns its refusals into those of this record. */
export function atRecord<T>(type: bigint, offset: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Refusal) || error instanceof RecordRefusal) throw error;
    throw new RecordRefusal(error.code, `type ${type} at byte ${offset}: ${error.message}`, type, offset);
  }
}

/**
 * Reads all records of a stream.
 * @throws RecordRefusal `tlv-truncated`, `bigsize-not-canonical`, `tlv-order`, `tlv-duplicate`
 */
export function readStream(bytes: Uint8Array): TlvRecord[] {
  const records: TlvRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const offset = at;
    const type = atRecord(0n, offset, () => readBigSize(bytes, offset));
    const length = atRecord(type.value, offset, () => readBigSize(bytes, type.end));
    const left = bytes.length - length.end;
    const refuse = (code: ErrorCode, text: string) => {
      throw new RecordRefusal(code, `type ${type.value} at byte ${offset}: ${text}`, type.value, offset);
    };
    if (length.value > BigInt(left)) refuse('tlv-truncated', `${left} bytes found, ${length.value} expected`);
    const last = records.at(-1)?.type ?? -1n;
    if (type.value <= last)
      if (type.value === last) refuse('tlv-duplicate', 'found twice');
      else refuse('tlv-order', `found behind type ${last}, growing types expected`);
    at = length.end + Number(length.value);
    records.push({ type: type.value, value: bytes.subarray(length.end, at), offset });
  }
  return records;
}

/** Writes records, sorted by type. @throws Refusal `tlv-duplicate` */
export function writeStream(records: readonly Pick<TlvRecord, 'type' | 'value'>[]): Uint8Array {
  const sorted = [...records].sort((a, b) => (a.type < b.type ? -1 : 1));
  sorted.forEach(({ type }, i) => {
    if (i > 0 && sorted[i - 1]!.type === type) throw new Refusal('tlv-duplicate', `type ${type} found twice`);
  });
  return concatBytes(
    ...sorted.flatMap(({ type, value }) => [writeBigSize(type), writeBigSize(BigInt(value.length)), value]),
  );
}
