/** A kind of records, and commits, for the tests of this room and the processes that they start. */
import { randomBytes } from 'node:crypto';
import type { Claim, Kind, OpenNonce, RecordRow } from '../../src/lib/protocol/action.ts';
import { storedFigures } from '../../src/lib/home/figures.ts';
import type { Commit } from '../../src/lib/protocol/ports.ts';

export const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

export interface Thing {
  name: string;
  state: string;
  paid: number;
  claims: Claim[];
  /** Absent: those of all that the tests sign. */
  nonces?: string[];
}
const ALL = ['aa', 'bb'];
export const thing = (claim: Claim, more: Partial<Thing> = {}): Thing => ({
  name: '00'.repeat(32),
  state: 'open',
  paid: 0,
  claims: [claim],
  ...more,
});
const row = ({ name, state, paid }: Thing): RecordRow => ({
  name,
  state,
  highSat: BigInt(paid),
  limitSat: 1_000_000n,
  left: state === 'left' || state === 'vain',
  // Of what nobody has paid for the address goes to others; of what was settled it does not.
  ...(state === 'vain' && { over: 'nothing', frees: true }),
});
export const things: Kind<Thing> = {
  name: 'thing',
  parse: (json) => json as Thing,
  claims: (record) => record.claims,
  nonces: (record) => record.nonces ?? ALL,
  row,
  figures: ({ state, paid }) => ({ [state]: 1n, paid: BigInt(paid) }),
  restored: (record) =>
    record.state === 'offered' ? { ...record, state: 'ended', claims: [record.claims[0]!] } : record,
};

/** A write of `record`, read at `rev` under `claim`. */
export const write = (claim: Claim | null, rev: number, record: Thing): Commit['writes'][number] => ({
  kind: 'thing',
  claim,
  rev,
  record,
  row: row(record),
  claims: record.claims,
  nonces: record.nonces ?? ALL,
  figures: storedFigures(things, record),
});

export const commitOf = (more: Partial<Commit> = {}): Commit => ({
  key: null,
  reply: { text: '{}\n', exit: 0, type: 'thing', row: 'signed', stands: false, flags: '00', copies: [] },
  reads: [],
  writes: [],
  opens: [],
  shows: [],
  spends: [],
  notes: [],
  addresses: [],
  ...more,
});

export const nonceOf = (of: Claim, sighash = 'aa'): OpenNonce => ({
  of,
  sighash,
  pubnonce: hex(66),
  secret: new Uint8Array(randomBytes(97)),
});
