/** LDK (lightningdevkit) reads, verifies and takes what we take, refuses what we refuse, and syncs to the graph that we make. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import type { Graph, GossipPolicy } from '../../src/lib/gossip/graph.ts';
import { gossipLine, Verifier } from '../../src/lib/gossip/verify.ts';
import { StoreReader } from '../../src/lib/gossip/store.ts';
import { readUint } from '../../src/lib/wire/bigsize.ts';
import { scidBytes } from '../../src/lib/wire/fields.ts';
import { announcement, makeNetwork, nodeAnnouncement, rapidSync, update } from '../support/gossip.ts';
import { fixture } from '../support/vectors.ts';

type Answer = any;
const ask = (asked: readonly object[]): Answer[] =>
  execFileSync(process.execPath, [join(import.meta.dirname, '../support/peers/ldk-gossip.mjs')], {
    input: asked.map((each) => `${JSON.stringify(each)}\n`).join(''),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

const network = makeNetwork(6, 10, 4);
const { snapshots } = fixture<{ snapshots: { test: string; name: string; hex: string }[] }>('gossip/rapid-sync.json');
const own = bytesToHex(rapidSync(network, 1_700_000_000));
const chains = [
  ...snapshots.filter(({ test }) => !/clipped|unknown_version/.test(test)).map(({ hex }) => [hex]),
  ...['incremental_update_succeeds', 'duplicate_gossip'].map((test) =>
    snapshots.filter((each) => each.test.includes(test)).map(({ hex }) => hex),
  ),
  [own],
];
const flip = (message: Uint8Array, at: number): Uint8Array => {
  const made = message.slice();
  made[at]! ^= 1;
  return made;
};
const made = {
  announcements: network.channels.map((channel) => announcement(network, channel)),
  updates: network.channels.flatMap((channel) => [update(network, channel, 0), update(network, channel, 1)]),
  nodes: network.nodes.map((_, i) => nodeAnnouncement(network, i)),
};
/** With a bit of the signed part turned in every second one. */
const altered = {
  announcements: made.announcements,
  updates: made.updates.map((message, i) => (i % 2 ? flip(message, message.length - 9) : message)),
  nodes: made.nodes.map((message, i) => (i % 2 ? flip(message, 80) : message)),
};
const real = (name: string) => {
  const found: Record<string, Uint8Array[]> = { announcements: [], updates: [], nodes: [] };
  for (const { message } of new StoreReader().push(Buffer.from(fixture<any>('gossip/store.json')[name], 'base64'))) {
    const kind = { 256: 'announcements', 257: 'nodes', 258: 'updates' }[(message[0]! << 8) | message[1]!];
    if (kind) found[kind]!.push(message);
  }
  return found;
};
const inHex = (all: Record<string, Uint8Array[]>): object =>
  Object.fromEntries(Object.entries(all).map(([kind, list]) => [kind, list.map(bytesToHex)]));

let answers: Answer[];
const asked = [made, altered, real('mainnet')];
beforeAll(() => {
  answers = ask([...asked.map(inHex), ...chains.map((each) => ({ snapshots: each }))]);
});

describe('LDK', () => {
  it.each([
    ['made', 0],
    ['altered', 1],
    ['of mainnet', 2],
  ])('takes of messages %s those that we find valid', (_, i) => {
    const verifier = new Verifier();
    const valid = (list: readonly Uint8Array[]) => list.map((message) => gossipLine(message, { verifier }).valid);
    const { announcements, updates, nodes } = asked[i] as typeof made;
    expect(answers[i]).toEqual({ announcements: valid(announcements), updates: valid(updates), nodes: valid(nodes) });
    expect(announcements.length).toBeGreaterThan(5);
  });

  const direction = (policy: GossipPolicy | null): string | null =>
    policy &&
    [
      policy.timestamp,
      !policy.disabled,
      policy.cltv_expiry_delta,
      policy.htlc_minimum_msat,
      policy.htlc_maximum_msat,
      policy.fee_base_msat,
      policy.fee_proportional_millionths,
    ].join();
  it.each(chains.map((each, i) => [each, i] as const))('comes by rapid sync to our graph: %#', (hexes, i) => {
    let graph: Graph | undefined;
    for (const hex of hexes) ({ graph } = graphOf(hexToBytes(hex), 'rgs', graph));
    const ours = graph!.channels.map((channel) => [
      String(readUint(scidBytes(channel.short_channel_id!)!)),
      channel.node_1,
      channel.node_2,
      direction(channel.one_to_two),
      direction(channel.two_to_one),
    ]);
    const { ok, channels } = answers[asked.length + i];
    expect(ok).not.toContain(false);
    expect([...channels].sort()).toEqual(ours.sort());
  });
});
