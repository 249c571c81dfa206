/** Published commitments (`fixtures/channel`), and channels of known keys, for tests. */
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import type { Channel } from '../../src/lib/channel/commitment.ts';
import { readChannel } from '../../src/lib/channel/document.ts';
import type { FormatName } from '../../src/lib/channel/format.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import type { Prevout } from './kernel.ts';
import { fixture } from './vectors.ts';

export interface Case {
  source: string;
  channel: FormatName;
  name: string;
  state: Record<string, unknown> & { htlcs: { preimage?: string }[] };
  signature?: string;
  htlc_signatures: string[];
  commitment: string;
  htlc_transactions: string[];
  nonces?: { local: string; remote: string };
  secret_nonces?: { local: string; remote: string };
  partial_signatures?: { remote: string };
}
interface Vectors {
  channels: Record<string, object>;
  keys: Record<string, Record<'local' | 'remote', object>>;
  cases: Case[];
}
const all = fixture<Vectors>('channel/commitments.json');
export const CASES = all.cases;
export const channelDocument = (name: string): object => all.channels[name]!;
export const channelOf = (name: string): Channel => readChannel(new Fields(all.channels[name] as never));
export const keysOf = (name: string, side: 'local' | 'remote'): object => all.keys[name]![side];

/** What a transaction of a case spends: the funding, or an output of the commitment. */
export function spentBy(one: Case, hex: string): Prevout[] {
  const { funding } = channelOf(one.channel);
  const { outputs } = parseTransaction(one.commitment);
  return parseTransaction(hex).inputs.map((input) => {
    if (bytesToHex(input.txid) === funding.txid) return { sat: funding.sat, script: funding.script };
    if (bytesToHex(input.txid) !== txidOfHex(one.commitment)) throw new Error('an input that is none of the case');
    const output = outputs[input.index]!;
    return { sat: output.amount, script: bytesToHex(output.script) };
  });
}
