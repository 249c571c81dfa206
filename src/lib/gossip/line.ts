/** A message of a stream as one line of JSON, with the verdict on its signatures. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { detailsOf, gossipProblems, type Inflate, type GossipProblem } from './details.ts';
import { readGossip } from './message.ts';
import type { StoreRecord } from './store.ts';
import type { SignatureVerdict, Verifier } from './verify.ts';

export interface GossipLine extends Partial<SignatureVerdict> {
  type: 'gossip-message';
  version: 1;
  kind: string;
  problems: GossipProblem[];
  [field: string]: unknown;
}

/** Returns the line of a message. @throws Refusal as `readGossip` */
export function gossipLine(
  message: Uint8Array,
  { verifier, inflate, record }: { verifier?: Verifier | undefined; inflate?: Inflate; record?: StoreRecord } = {},
): GossipLine {
  const read = readGossip(message);
  const problems: GossipProblem[] = [];
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
    problems: [...problems, ...(verdict?.problems ?? gossipProblems(read))],
  };
}
