/** A message of a stream as one line of JSON, with the verdict on its signatures. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { detailsOf, problemsOf, type Inflate, type Problem } from './details.ts';
import { readMessage } from './message.ts';
import type { StoreRecord } from './store.ts';
import type { Verdict, Verifier } from './verify.ts';

export interface Line extends Partial<Verdict> {
  type: 'gossip-message';
  version: 1;
  kind: string;
  problems: Problem[];
  [field: string]: unknown;
}

/** Returns the line of a message. @throws Refusal as `readMessage` */
export function lineOf(
  message: Uint8Array,
  { verifier, inflate, record }: { verifier?: Verifier | undefined; inflate?: Inflate; record?: StoreRecord } = {},
): Line {
  const read = readMessage(message);
  const problems: Problem[] = [];
  const details = detailsOf(read, problems, inflate);
  const verdict = verifier?.verify(read);
  return {
    type: 'gossip-message',
    version: 1,
    kind: read.kind,
    ...read.values,
    ...(verifier && { message: bytesToHex(message) }),
    ...details,
    ...(record?.deleted && { deleted: true }),
    ...(record?.dying && { dying: true }),
    ...verdict,
    problems: [...problems, ...(verdict?.problems ?? problemsOf(read))],
  };
}
