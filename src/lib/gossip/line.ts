/** A message of a stream as one line of JSON, and the verdict over its signatures. Not here: reading the stream. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { detailsOf, problemsOf, type Inflate, type Problem } from './details.ts';
import { isMessage2, readMessage2, valuesOf2 } from './message-2.ts';
import { readMessage, valuesOf } from './message.ts';
import { storeValues, type StoreRecord } from './store.ts';
import { verifyMessage2 } from './verify-2.ts';
import type { Verdict, Verifier } from './verify.ts';

export interface Line {
  type: 'gossip-message';
  version: 1;
  kind: string;
  problems: Problem[];
  signatures?: boolean[];
  valid?: boolean | null;
  checks?: Verdict['checks'];
  [field: string]: unknown;
}

/** @throws Refusal `malformed-gossip`, `malformed-dump` for what cannot be cut into fields */
export function lineOf(
  message: Uint8Array,
  { verifier, inflate, record }: { verifier?: Verifier | undefined; inflate?: Inflate; record?: StoreRecord } = {},
): Line {
  const envelope = { type: 'gossip-message', version: 1 } as const;
  const flags = { ...(record?.deleted && { deleted: true }), ...(record?.dying && { dying: true }) };
  const own = record && storeValues(message);
  if (own) return { ...envelope, ...own, ...flags, problems: [] };
  if (isMessage2(message)) {
    const read = readMessage2(message);
    const verdict = verifier ? verifyMessage2(read, verifier) : undefined;
    return { ...envelope, kind: read.kind, ...valuesOf2(read), ...flags, problems: [], ...verdict };
  }
  const read = readMessage(message);
  const problems: Problem[] = [];
  const details = detailsOf(read, problems, inflate);
  const verdict = verifier?.verify(read);
  return {
    ...envelope,
    kind: read.kind,
    ...valuesOf(read),
    ...(verifier && { message: bytesToHex(message) }),
    ...details,
    ...flags,
    ...verdict,
    problems: [...problems, ...(verdict?.problems ?? problemsOf(read))],
  };
}
