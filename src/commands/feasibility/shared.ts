/** Networks for the feasibility commands: channels with members, or any dump of gossip. */
import { flagOf, textFlag } from '../../lib/cli/flags.ts';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { networkOfGraph, parseNetwork, parseWealth, type ChannelNetwork, type Wealth } from '../../lib/flow/network.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { graphIn, openDump } from '../gossip/dumps.ts';
import { note } from '../../lib/engine/log.ts';
import { readAll } from '../../lib/engine/files.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { readDocument } from '../../lib/cli/stateless.ts';

export const amountFlag = flagOf('SAT', (input) => {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(input) || !Number.isSafeInteger(Number(input)))
    throw new Refusal('usage', 'whole satoshis expected');
  return Number(input);
});
export const wealthFlag = textFlag('What each member owns, {member: sat} (default: wealth_sat of the network)', 'FILE');

/** Returns a random seed for draws. It is printed, so that they can be repeated. */
export const freshSeed = (): string => randomBytes(8).toString('hex');

export interface ReadNetwork {
  network: ChannelNetwork;
  /** Document of the network; undefined for a dump of gossip. */
  document: Fields | undefined;
}

/** Reads a network. @throws Refusal of the formats, `too-large`, `no-input` */
export async function readNetwork(file: string | undefined, limit: number): Promise<ReadNetwork> {
  const opened = await openDump(file, { limit, least: 4096 });
  if (opened.dump === 'json' && /"members"\s*:/.test(Buffer.from(opened.start.subarray(0, 4096)).toString('latin1'))) {
    const bytes = await readAll(Readable.from(opened.pieces), limit, file ?? 'stdin');
    const document = new Fields(parseJson(utf8(bytes)));
    return { network: parseNetwork(document), document };
  }
  const { network, unknown } = networkOfGraph(await graphIn(opened));
  if (unknown > 0) note(`${unknown} channels without a capacity are left out`);
  return { network, document: undefined };
}

/** Reads the members' wealth from a file, or the network's document. @throws Refusal `usage` */
export async function wealthOf({ network, document }: ReadNetwork, file: string | undefined): Promise<Wealth> {
  const from = file === undefined ? document?.object('wealth_sat') : await readDocument(file, 64_000_000);
  if (!from) throw new Refusal('usage', 'wealth_sat is not in the network, and --wealth is not given');
  return parseWealth(from, network);
}
