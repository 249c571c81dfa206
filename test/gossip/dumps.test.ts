/** Dumps: one network gives one graph from each format, snapshots are what LDK makes of them, and broken ones are refused. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { graphOf, sniffDump, type Dump } from '../../src/lib/gossip/dump.ts';
import type { Graph } from '../../src/lib/gossip/graph.ts';
import { readGossip } from '../../src/lib/gossip/message.ts';
import { crc32c, StoreReader } from '../../src/lib/gossip/store.ts';
import {
  capacities,
  describeGraph,
  gossmap,
  keyOf,
  listChannels,
  makeNetwork,
  messages,
  nodeAnnouncement,
  rapidSync,
  storeOf,
} from '../support/gossip.ts';
import { graphText } from '../../src/commands/gossip/dumps.ts';
import { announceDocument } from '../../src/lib/gossip/announce.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { codeOf } from '../support/refusal.ts';
import { bulkFile, fixture } from '../support/vectors.ts';

const network = makeNetwork(12, 30, 3);
const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const lines = (all: readonly Uint8Array[]): Uint8Array =>
  new TextEncoder().encode(`${all.map(bytesToHex).join('\n')}\n`);
const graph = (bytes: Uint8Array, base?: Graph): Graph => graphOf(bytes, sniffDump(bytes), base).graph;
const dumps: Record<Dump, Uint8Array> = {
  gossip_store: storeOf(messages(network), capacities(network)),
  json: json(describeGraph(network)),
  rgs: rapidSync(network, 1_700_000_000),
  gossmap: gossmap(network),
  messages: lines(messages(network)),
};

describe('one network', () => {
  const whole = graph(dumps.gossip_store);
  it('is one graph from a store and from describegraph', () => {
    expect(whole).toMatchObject({ network: 'mainnet', source: 'gossip_store' });
    expect(whole.channels).toHaveLength(30);
    const { nodes, channels } = graph(dumps.json);
    expect({ nodes, channels }).toEqual({ nodes: whole.nodes, channels: whole.channels });
    expect(graph(json(whole))).toEqual(whole);
  });
  it('has no capacities in messages alone', () => {
    const bare = whole.channels.map(({ capacity_sat: _, ...rest }) => rest);
    expect(graph(dumps.messages).channels).toEqual(bare);
  });
  it('has no names in listchannels', () => {
    const found = graph(json(listChannels(network)));
    expect(found.channels).toEqual(whole.channels);
    expect(found.nodes.map(({ node_id: id }) => id)).toEqual(whole.nodes.map(({ node_id: id }) => id));
  });
  it('has the time of a snapshot, less a week', () => {
    const at = <T>(policy: T): T => ({ ...policy, timestamp: 1_700_000_000 });
    const timed = whole.channels.map((channel) => ({
      ...channel,
      one_to_two: at(channel.one_to_two),
      two_to_one: at(channel.two_to_one),
    }));
    const found = graph(dumps.rgs);
    expect(found.channels).toEqual(timed);
    expect(found.at).toBe(1_700_604_800);
  });
  it('has numbers for nodes in a gossmap', () => {
    const place = new Map(network.nodes.map(({ key }, i) => [key as unknown, i]));
    const timeless = <T extends object | null>(policy: T): object => {
      const { timestamp: _, ...rest } = policy as { timestamp: number };
      return rest;
    };
    const expected = network.channels.map(({ scid }) => {
      const { short_channel_id: _, ...channel } = whole.channels.find((each) => each.short_channel_id === scid)!;
      return {
        ...channel,
        node_1: place.get(channel.node_1),
        node_2: place.get(channel.node_2),
        one_to_two: timeless(channel.one_to_two),
        two_to_one: timeless(channel.two_to_one),
      };
    });
    expect(graph(dumps.gossmap).channels).toEqual(expected);
  });
  it('is told by its first bytes', () => {
    for (const [kind, bytes] of Object.entries(dumps)) expect(sniffDump(bytes)).toBe(kind);
    expect(codeOf(() => sniffDump(hexToBytes('ffff')))).toBe('malformed-dump');
  });
});

describe('messages of version 2', () => {
  const made = (document: object): Uint8Array =>
    hexToBytes(announceDocument(new Fields(parseJson(printJson(document))), {}).message);
  const [one, two] = [keyOf(0), keyOf(1)].sort() as [string, string];
  const channel = {
    kind: 'channel_announcement_2',
    short_channel_id: '800000x5x1',
    capacity_sat: 5000,
    node_id_1: one,
    node_id_2: two,
    outpoint: `${'ab'.repeat(32)}:1`,
  };
  it('make a graph with heights in place of times', () => {
    const found = graph(
      lines([
        made(channel),
        made({ kind: 'channel_update_2', short_channel_id: '800000x5x1', block_height: 800_010, htlc_maximum_msat: 9 }),
        made({
          kind: 'channel_update_2',
          short_channel_id: '800000x5x1',
          block_height: 800_011,
          second_peer: true,
          disable_flags: 1,
        }),
        made({ kind: 'node_announcement_2', node_id: two, alias: 'two', block_height: 7 }),
      ]),
    );
    expect(found).toMatchObject({
      network: 'mainnet',
      nodes: [{ node_id: one }, { node_id: two, alias: 'two', block_height: 7 }],
    });
    expect(found.channels).toMatchObject([
      {
        short_channel_id: '800000x5x1',
        capacity_sat: 5000,
        one_to_two: {
          fee_base_msat: 1000,
          cltv_expiry_delta: 80,
          htlc_maximum_msat: 9,
          disabled: false,
          block_height: 800_010,
        },
        two_to_one: { disabled: true, block_height: 800_011 },
      },
    ]);
  });
});

describe('a node whose addresses cannot be read', () => {
  it('does not cost the graph', () => {
    const odd = nodeAnnouncement(network, 0, { addresses: '017f' });
    const found = graph(lines([...messages(network).slice(0, -12), odd]));
    expect(found.nodes[0]).toMatchObject({ alias: network.nodes[0]!.alias });
    expect(found.nodes[0]!.addresses).toBeUndefined();
  });
});

describe('the text of a graph', () => {
  it('comes in parts that make one line of JSON, also of amounts above 2^53', () => {
    const large = graph(json(describeGraph(makeNetwork(60, 2_100, 4))));
    large.channels[1_500]!.one_to_two!.htlc_maximum_msat = 2n ** 64n - 1n;
    const text = [...graphText(large)].join('');
    expect(text.endsWith('}\n')).toBe(true);
    expect(text.trim()).not.toContain('\n');
    expect(text.trim()).toBe(printJson(large));
    expect([...graphText({ ...large, nodes: [], channels: [] })].join('')).toMatch(/"nodes":\[\],"channels":\[\]\}\n$/);
  });
});

describe('rapid gossip sync', () => {
  const { snapshots } = fixture<{ snapshots: { test: string; name: string; hex: string }[] }>('gossip/rapid-sync.json');
  const of = (test: string, name?: string): Uint8Array =>
    hexToBytes(snapshots.find((each) => each.test.includes(test) && (!name || each.name.includes(name)))!.hex);
  it('that is cut, or of another version, is refused', () => {
    expect(codeOf(() => graph(of('clipped')))).toBe('malformed-dump');
    expect(codeOf(() => graph(of('unknown_version')))).toBe('malformed-dump');
  });
  it('that tells only changes needs the graph that they change', () => {
    const changes = of('incremental_update_succeeds', 'single');
    expect(graphOf(changes, 'rgs')).toMatchObject({ skipped: 2, graph: { channels: [] } });
    const base = graph(of('incremental_update_succeeds', 'initialization'));
    const { skipped, graph: newer } = graphOf(changes, 'rgs', base);
    expect(skipped).toBe(0);
    expect(newer.channels).not.toEqual(base.channels);
    expect(newer.channels.map(({ short_channel_id: scid }) => scid)).toEqual(
      base.channels.map(({ short_channel_id: scid }) => scid),
    );
  });
  it('leaves out what it has beside the updates', () => {
    expect(graphOf(of('ignores_v2_additional_data'), 'rgs')).toMatchObject({
      behind: 23,
      graph: { nodes: [{}, {}, {}], channels: [{}] },
    });
  });
});

describe('a gossip_store', () => {
  const [first, second] = messages(network);
  it('ends before a record that was not finished, and skips what was deleted', () => {
    const store = storeOf([first!, second!], capacities(network));
    const last = store.length - second!.length - 12;
    const torn = store.slice();
    torn[last] = 0;
    expect(graph(torn).channels[0]!.one_to_two).toBeNull();
    expect(graph(store).channels[0]!.one_to_two).not.toBeNull();
    const gone = store.slice();
    gone[last]! |= 0x80;
    expect(graph(gone).channels[0]!.one_to_two).toBeNull();
  });
  it('loses a channel that a record deletes, whatever its checksum', () => {
    const scid = first!.subarray(258 + 34, 258 + 42);
    const deleted = concatBytes(hexToBytes('2000000a0000000000000005'), hexToBytes('1007'), scid);
    expect(graph(concatBytes(storeOf([first!], capacities(network)), deleted)).channels).toEqual([]);
  });
  it('with a wrong checksum, another version or a cut record is refused', () => {
    const store = storeOf([first!, second!], capacities(network));
    const wrong = store.slice();
    wrong[40]! ^= 1;
    expect(codeOf(() => graph(wrong))).toBe('malformed-dump');
    expect(codeOf(() => graph(store.subarray(0, -1)))).toBe('malformed-dump');
    expect(codeOf(() => [...new StoreReader().push(hexToBytes('11'))])).toBe('malformed-dump');
    expect(codeOf(() => new StoreReader().end())).toBe('malformed-dump');
  });
  it('has records of its own', () => {
    const read = (hex: string) => readGossip(hexToBytes(hex));
    expect(read('100a0bcd1200000100020000000a')).toMatchObject({
      kind: 'store_channel_dying',
      values: { short_channel_id: '773394x1x2', height: 10 },
    });
    expect(read(`100b${'ab'.repeat(32)}`)).toMatchObject({ kind: 'store_uuid', values: { uuid: 'ab'.repeat(32) } });
    expect(read('10090000000000000005')).toMatchObject({ kind: 'store_ended', values: { equivalent_offset: 5 } });
    expect(read('100600020102').values).toEqual({ update: '0102' });
    expect(read('100800000000000000070001ff').values).toEqual({ capacity_sat: 7, announcement: 'ff' });
    // https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
    expect(crc32c(new Uint8Array(32), 0)).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff), 0)).toBe(0x62a8ab43);
  });
});

describe('JSON from strangers', () => {
  const bad: [string, object][] = [
    ['nothing of a graph', { a: 1 }],
    ['a key that is none', { channels: [{ source: 'x', destination: 'y' }] }],
    [
      'a number as a half',
      {
        edges: [{ channel_id: '1', node1_pub: network.nodes[0]!.key, node2_pub: network.nodes[1]!.key, capacity: 0.5 }],
      },
    ],
    [
      'an id above 64 bits',
      {
        edges: [
          { channel_id: '99999999999999999999', node1_pub: network.nodes[0]!.key, node2_pub: network.nodes[1]!.key },
        ],
      },
    ],
    ['a list that is none', { edges: 5 }],
  ];
  it.each(bad)('with %s is refused', (_, value) => {
    expect(codeOf(() => graph(json(value)))).toBe('malformed-dump');
  });
  it('that is none is refused', () => {
    expect(codeOf(() => graph(new TextEncoder().encode('{"edges":[')))).toBe('malformed-json');
  });
});

describe('a snapshot of mainnet (2026-02-03)', () => {
  const file = bulkFile('periphery/mainnet-2026-02-03.gossmap.gz');
  it('has the nodes, channels and satoshis that others count', () => {
    if (file === undefined) return;
    const { nodes, channels } = graph(gunzipSync(readFileSync(file)));
    const sum = channels.reduce((total, { capacity_sat: sat = 0 }) => total + sat, 0);
    expect([nodes.length, channels.length, sum]).toEqual([17_324, 50_808, 536_168_010_515]);
  });
});
