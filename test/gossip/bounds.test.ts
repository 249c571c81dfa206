/** Bounds of gossip, each met and passed by one: lengths, numbers, amounts, keys. */
import { describe, expect, it } from 'vitest';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { announceDocument } from '../../src/lib/gossip/announce.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import type { Graph } from '../../src/lib/gossip/graph.ts';
import {
  readMerkleBlock,
  merklePathRoot,
  writeMerkleBlock,
  makeSpvProof,
  parseSpvProof,
  verifySpvProof,
} from '../../src/lib/gossip/spv.ts';
import { readGossip } from '../../src/lib/gossip/message.ts';
import { pathDocument } from '../../src/lib/gossip/path.ts';
import { StoreReader } from '../../src/lib/gossip/store.ts';
import { gossipHash } from '../../src/lib/gossip/verify.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { blockOf, transaction } from '../support/blocks.ts';
import {
  announcement,
  describeGraph,
  makeNetwork,
  nodeAnnouncement,
  scriptOf,
  secretOf,
  storeOf,
  written,
} from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';

const network = makeNetwork(2, 1, 4);
const [channel] = network.channels;
const key = (i: number): string => bytesToHex(secp256k1.getPublicKey(secretOf(i), true));
const [one, two] = [0, 1].sort((a, b) => (key(a) < key(b) ? -1 : 1)) as [number, number];
const fields = (value: object): Fields => new Fields(parseJson(printJson(value)));
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const json = (value: unknown): Graph => graphOf(text(value), 'json').graph;

describe('lengths', () => {
  const alias = (length: number): Fields =>
    fields({ kind: 'node_announcement_2', node_id: key(0), block_height: 1, alias: 'a'.repeat(length) });
  it('of an alias of version 2 are 1 to 32 bytes', () => {
    for (const length of [1, 32]) expect(announceDocument(alias(length), {})['alias']).toHaveLength(length);
    for (const length of [0, 33]) expect(codeOf(() => announceDocument(alias(length), {}))).toBe('malformed-message');
    const bytes = hexToBytes(announceDocument(alias(32), {}).message);
    const at = bytes.indexOf(0x61) - 1;
    const longer = Uint8Array.of(...bytes.subarray(0, at), 33, 0x61, ...bytes.subarray(at + 1));
    expect(codeOf(() => readGossip(longer))).toBe('tlv-value');
    expect(codeOf(() => readGossip(Uint8Array.of(...bytes.subarray(0, at), 0, ...bytes.subarray(at + 33))))).toBe(
      'tlv-value',
    );
  });
  it('of an alias of version 1 are 0 to 32 bytes', () => {
    for (const alias of ['', 'a'.repeat(32)])
      expect(readGossip(nodeAnnouncement(network, 0, { alias })).values['alias']).toBe(alias);
    expect(codeOf(() => nodeAnnouncement(network, 0, { alias: 'a'.repeat(33) }))).toBe('malformed-message');
  });
  it('of a line of hex are those of a message', () => {
    const blanks = (count: number): Uint8Array => new TextEncoder().encode(' '.repeat(count));
    expect(graphOf(blanks(140_000), 'messages').graph.channels).toEqual([]);
    expect(codeOf(() => graphOf(blanks(140_001), 'messages'))).toBe('malformed-gossip');
  });
});

describe('versions of a store', () => {
  it.each([9, 16])('%i is read', (version) => {
    const store = storeOf([announcement(network, channel!)], () => 5, version);
    expect(graphOf(store, 'gossip_store').graph.channels).toHaveLength(1);
  });
  it.each([0, 8, 17, 0x29])('%i is not', (version) =>
    expect(codeOf(() => [...new StoreReader().push(Uint8Array.of(version))])).toBe('malformed-dump'),
  );
});

describe('numbers of a graph', () => {
  const row = { node_1: 0, node_2: 1, one_to_two: null, two_to_one: null };
  const own = (capacity: unknown, more = {}): unknown => ({
    type: 'gossip-graph',
    channels: [{ ...row, capacity_sat: capacity, ...more }],
  });
  it('have up to 53 bits, also as text', () => {
    for (const digits of ['999999999999999', '1000000000000000', String(Number.MAX_SAFE_INTEGER)])
      expect(json(own(digits)).channels[0]!.capacity_sat).toBe(Number(digits));
    expect(codeOf(() => json(own('9007199254740992')))).toBe('malformed-dump');
  });
  it('begin with node 0', () => {
    expect(json(own(1)).nodes).toEqual([{ node: 0 }, { node: 1 }]);
    expect(codeOf(() => json(own(1, { node_1: -1 })))).toBe('malformed-dump');
  });
  it('are no list of addresses', () => {
    const graph: any = describeGraph(network);
    graph.nodes[0].addresses = 5;
    expect(codeOf(() => json(graph))).toBe('malformed-dump');
  });
  it('of an outpoint have two bytes for the output', () => {
    const made = (vout: number) =>
      announceDocument(
        fields({
          kind: 'channel_announcement_2',
          short_channel_id: '800000x5x1',
          capacity_sat: 5,
          node_id_1: key(one),
          node_id_2: key(two),
          outpoint: `${'ab'.repeat(32)}:${vout}`,
        }),
        {},
      );
    expect(made(0xffff)['outpoint']).toMatch(/:65535$/);
    expect(codeOf(() => made(0x10000))).toBe('malformed-message');
  });
});

describe('amounts of a route', () => {
  const made = json(describeGraph(network));
  const [{ node_id: first }, { node_id: second }] = made.nodes as [{ node_id: string }, { node_id: string }];
  const policy = { ...made.channels[0]!.one_to_two!, disabled: false, htlc_minimum_msat: 5, htlc_maximum_msat: 900 };
  const carries = (amountMsat: bigint, most: number, sat: number, base = 0): boolean => {
    const [ends] = made.channels;
    const terms = { ...policy, htlc_maximum_msat: most, fee_base_msat: base, fee_proportional_millionths: 0 };
    const third = `03${'ff'.repeat(32)}`;
    const graph: Graph = {
      ...made,
      nodes: [...made.nodes, { node_id: third }],
      channels: [
        { ...ends!, capacity_sat: sat, one_to_two: terms, two_to_one: terms },
        {
          ...ends!,
          short_channel_id: '9x9x9',
          node_1: second,
          node_2: third,
          capacity_sat: undefined,
          one_to_two: { ...terms, htlc_maximum_msat: undefined },
          two_to_one: null,
        },
      ],
    };
    const search = { payer: first, payee: third, amountMsat, maxHops: 3, avoid: [], finalDelta: 18 };
    return (pathDocument(graph, search) as { found: boolean }).found;
  };
  it('are up to the largest HTLC, and to the capacity', () => {
    expect([900n, 901n].map((amount) => carries(amount, 900, 10))).toEqual([true, false]);
    expect([2000n, 2001n].map((amount) => carries(amount, 5000, 2))).toEqual([true, false]);
    expect([5n, 4n].map((amount) => carries(amount, 5000, 2))).toEqual([true, false]);
  });
  it('stay below 2^53 with their fees', () => {
    const most = Number.MAX_SAFE_INTEGER;
    expect([most - 5, most - 4].map((base) => carries(5n, most, most, base))).toEqual([true, false]);
  });
});

describe('keys that sign', () => {
  const refused = (values: object, secrets: number[]): unknown =>
    codeOf(() => announceDocument(fields(values), { secrets: secrets.map(secretOf) }));
  it('are one for an update, and all of a channel, no more', () => {
    expect(refused({ kind: 'channel_update_2', short_channel_id: '1x1x1', block_height: 1 }, [0, 1])).toBe('wrong-key');
    const three = {
      kind: 'channel_announcement_2',
      short_channel_id: '800000x5x1',
      capacity_sat: 5,
      node_id_1: key(one),
      node_id_2: key(two),
      outpoint: `${'ab'.repeat(32)}:1`,
    };
    expect(refused(three, [])).toBe('wrong-key');
    expect(refused(three, [0, 1])).toBe('wrong-key');
    expect(refused(three, [0, 1, 4, 5])).toBe('wrong-key');
  });
});

describe('what is signed in version 2', () => {
  const hash = (type: string): string => {
    const custom = { [type]: 'ab' };
    const bytes = written(271, { short_channel_id: '1x1x1', block_height: 1, custom });
    return bytesToHex(gossipHash({ type: 271, bytes }));
  };
  it('is records below 160, and from 10^9 below 3·10^9', () => {
    const bare = hash('160');
    const signed = (type: string): boolean => hash(type) !== bare;
    expect(['159', '1000000000', '2999999999'].map(signed)).toEqual([true, true, true]);
    expect(['161', '999999999', '3000000000'].map(signed)).toEqual([false, false, false]);
  });
});

describe('a proof', () => {
  const block = blockOf(
    Array.from({ length: 3 }, (_, i) =>
      transaction(i === 0 ? undefined : i, [scriptOf(announcement(network, channel!))]),
    ),
  );
  const proof = makeSpvProof(block, '700000x2x0');
  it('is of an output that is there, and of a place in the tree', () => {
    expect(codeOf(() => makeSpvProof(block, '700000x2x1'))).toBe('malformed-spv');
    const leaf = hexToBytes('ab'.repeat(32));
    expect(merklePathRoot(leaf, { leaves: 1, index: 0, siblings: [] })).toEqual(leaf);
    expect(merklePathRoot(leaf, { leaves: 1, index: 1, siblings: [] })).toBeUndefined();
  });
  it('is of a block of a million transactions at most', () => {
    const merkle = (leaves: number): unknown => {
      const depth = Math.ceil(Math.log2(leaves));
      const siblings = Array.from({ length: depth }, (_, i) => new Uint8Array(32).fill(i + 1));
      const path = { leaves, index: 0, siblings };
      return readMerkleBlock(writeMerkleBlock(block.subarray(0, 80), new Uint8Array(32).fill(9), path));
    };
    expect(merkle(1_000_000)).toMatchObject({ leaves: 1_000_000 });
    expect(codeOf(() => merkle(1_000_001))).toBe('malformed-spv');
  });
  it('is not compared with another message than an announcement', () => {
    const read = parseSpvProof(fields(proof));
    expect(codeOf(() => verifySpvProof(read, [], nodeAnnouncement(network, 0)))).toBe('malformed-gossip');
  });
});
