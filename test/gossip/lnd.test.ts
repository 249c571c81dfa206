/**
 * lnd's own packages (`lnwire`, `netann`, `lnrpc`), compiled here where go and lnd's module are there: they read, verify and
 * write what we do, in both versions of gossip, and a describegraph that passes through lnd's type is the same graph to us.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { announceDocument } from '../../src/lib/gossip/announce.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import { gossipLine, Verifier } from '../../src/lib/gossip/verify.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { keyPathScript } from '../../src/lib/signing/keyset.ts';
import {
  announcement,
  describeGraph,
  keyOf,
  makeNetwork,
  nodeAnnouncement,
  scriptOf,
  secretOf,
  update,
  written,
} from '../support/gossip.ts';
import { fixture } from '../support/vectors.ts';

/** The folder of lnd's module; undefined, and one line that says so, where it or go is missing. */
function lndModule(): string | undefined {
  try {
    const cache = execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const path =
      process.env['SPILLWAY_LND_MODULE'] ?? join(cache.trim(), 'github.com/lightningnetwork/lnd@v0.21.0-beta');
    if (existsSync(join(path, 'go.mod'))) return path;
    console.log(
      `skipped: gossip judged by lnd (no module in ${path}: go install github.com/lightningnetwork/lnd@v0.21.0-beta)`,
    );
  } catch {
    console.log('skipped: gossip judged by lnd (go is not on PATH)');
  }
  return undefined;
}
const module = lndModule();

const network = makeNetwork(5, 8, 61);
const flip = (message: Uint8Array, at: number): Uint8Array => message.with(at, message[at]! ^ 1);
interface Case {
  what: string;
  message: Uint8Array;
  /** The script of an announcement's output, or the key of an update's node. */
  argument?: string;
}

const first: Case[] = network.channels.flatMap((channel) => {
  const message = announcement(network, channel);
  const key = (side: number) => network.nodes[channel.ends[side]!]!.key;
  return [
    { what: 'announcement', message, argument: scriptOf(message) },
    { what: 'announcement, flipped', message: flip(message, message.length - 100), argument: scriptOf(message) },
    { what: 'update', message: update(network, channel, 0), argument: key(0) },
    { what: 'update of the other node', message: update(network, channel, 1), argument: key(0) },
    { what: 'update, flipped', message: flip(update(network, channel, 1), 120), argument: key(1) },
  ];
});
const nodes: Case[] = network.nodes.flatMap((_, i) => {
  const message = nodeAnnouncement(network, i);
  return [
    { what: 'node', message },
    { what: 'node, flipped', message: flip(message, message.length - 1) },
  ];
});
const made2 = (document: object, secrets: readonly number[]): Uint8Array =>
  hexToBytes(announceDocument(new Fields(document as never), { secrets: secrets.map(secretOf) }).message);
const [one, two] = [0, 1].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) as [number, number];
const CHANNEL = {
  kind: 'channel_announcement_2',
  features: '',
  short_channel_id: '800000x5x1',
  capacity_sat: 5,
  node_id_1: keyOf(one),
  node_id_2: keyOf(two),
  outpoint: `${'ab'.repeat(32)}:1`,
};
const four = made2({ ...CHANNEL, bitcoin_key_1: keyOf(2), bitcoin_key_2: keyOf(3) }, [0, 1, 2, 3]);
const three = made2(CHANNEL, [0, 1, 4]);
const update2 = made2(
  { kind: 'channel_update_2', short_channel_id: '800000x5x1', block_height: 9, htlc_maximum_msat: 7 },
  [one],
);
const second: Case[] = [
  ...(fixture('gossip/version-2.json').messages as { case: string; message: string; script_or_key: string }[]).map(
    ({ case: what, message, script_or_key: argument }) => ({ what, message: hexToBytes(message), argument }),
  ),
  { what: 'announcement 2 of four keys', message: four, argument: scriptOf(four) },
  { what: 'announcement 2 of three keys', message: three, argument: keyPathScript(secretOf(4)) },
  { what: 'announcement 2 of another output', message: three, argument: keyPathScript(secretOf(9)) },
  { what: 'update 2', message: update2, argument: keyOf(one) },
  { what: 'update 2 of the other node', message: update2, argument: keyOf(two) },
];
const queries: Case[] = [
  ...(fixture('gossip/queries.json').queries as { hex: string; msg: { checksums?: object } }[]).map(({ hex, msg }) => ({
    what: hex.includes('01789c') ? 'query in zlib' : msg.checksums ? 'query with checksums' : 'query',
    message: hexToBytes(hex),
  })),
  { what: 'query', message: written(262, { chain_hash: 'ab'.repeat(32), full_information: 1 }) },
  {
    what: 'query',
    message: written(265, { chain_hash: 'ab'.repeat(32), first_timestamp: 5, timestamp_range: 6 }),
  },
];

/** Are all signatures those of the keys? lnd does not compare the script of an output. */
function ours({ message, argument }: Case): boolean {
  const verifier = new Verifier(
    argument === undefined ? undefined : () => ({ script: argument, amountSat: 10n ** 9n }),
  );
  if (argument !== undefined) verifier.channel(String(gossipLine(message)['short_channel_id']), argument, argument);
  return gossipLine(message, { verifier }).signatures?.every(Boolean) ?? true;
}

describe.skipIf(module === undefined)('lnd', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lnd-gossip-'));
  const judge = join(dir, 'judge');
  const ask = (lines: readonly string[]): any[] =>
    execFileSync(judge, { input: `${lines.join('\n')}\n`, encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  beforeAll(() => {
    const source = join(import.meta.dirname, '../support/peers/lnd-gossip.go');
    execFileSync('go', ['build', '-C', module!, '-o', judge, source], { stdio: ['ignore', 'ignore', 'inherit'] });
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each([
    ['version 1', [...first, ...nodes]],
    ['version 2', second],
    ['queries', queries],
  ])('%s: says of each message what we say, and writes it as we do', (_, cases) => {
    const answers = ask(cases.map(({ message, argument = '' }) => `message ${bytesToHex(message)} ${argument}`));
    expect(answers.map(({ valid }, i) => `${cases[i]!.what}: ${valid}`)).toEqual(
      cases.map((each) => `${each.what}: ${ours(each)}`),
    );
    // Its zlib compresses in another way, and it does not know checksums.
    const others = cases.filter(({ what }, i) => answers[i].valid && !answers[i].same && !/zlib|checksums/.test(what));
    expect(others).toEqual([]);
    expect(answers.filter(({ valid }) => valid).length).toBeGreaterThan(cases.length / 3);
  });

  it('prints a describegraph that is the same graph', () => {
    const document = JSON.stringify(describeGraph(network));
    const [printed] = ask([`graph ${document}`]);
    expect(printed.edges).toHaveLength(network.channels.length);
    expect(printed.edges[0].node1_policy).toHaveProperty('inbound_fee_base_msat');
    const graph = (text: string) => graphOf(new TextEncoder().encode(text), 'json').graph;
    expect(graph(JSON.stringify(printed))).toEqual(graph(document));
  });
});
