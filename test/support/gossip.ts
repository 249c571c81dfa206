/** A small network made from a seed: its signed messages, and the same network as every dump has it. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { CHAIN_HASHES } from '../../src/lib/bitcoin/network.ts';
import { announceDocument } from '../../src/lib/gossip/announce.ts';
import type { GossipPolicy } from '../../src/lib/gossip/graph.ts';
import { LAYOUTS, readGossip, writeGossip } from '../../src/lib/gossip/message.ts';
import { crc32c } from '../../src/lib/gossip/store.ts';
import { fundingScript, gossipHash } from '../../src/lib/gossip/verify.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { readUint, writeBigSize, writeUint } from '../../src/lib/wire/bigsize.ts';
import { scidBytes } from '../../src/lib/wire/fields.ts';

/** Numbers below `most`, the same for one seed. */
export function drawer(seed: number): (most: number) => number {
  let state = BigInt(seed) * 2n + 1n;
  return (most) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    return Number((state >> 33n) % BigInt(most));
  };
}

export const secretOf = (i: number): Uint8Array => writeUint(BigInt(i + 1), 32);
export const keyOf = (i: number): string => bytesToHex(secp256k1.getPublicKey(secretOf(i), true));

export interface TestChannel {
  scid: string;
  ends: [number, number];
  bitcoin: [number, number];
  capacity: number;
  policies: [GossipPolicy, GossipPolicy];
}
export interface TestNetwork {
  /** Secrets by rising public key. */
  nodes: { secret: number; key: string; alias: string }[];
  channels: TestChannel[];
}

/** Channels between `count` nodes; each node has one at least. */
export function makeNetwork(count: number, channels: number, seed: number): TestNetwork {
  const draw = drawer(seed);
  const nodes = Array.from({ length: count }, (_, i) => ({ secret: i, key: keyOf(i), alias: `node ${i} ⚡` })).sort(
    (a, b) => (a.key < b.key ? -1 : 1),
  );
  const policy = (capacity: number): GossipPolicy => ({
    fee_base_msat: draw(3) * 500,
    fee_proportional_millionths: draw(2000),
    cltv_expiry_delta: 18 + draw(120),
    htlc_minimum_msat: draw(2) * 999 + 1,
    htlc_maximum_msat: capacity * 990,
    disabled: draw(12) === 0,
    timestamp: 1_700_000_000 + draw(1000),
  });
  return {
    nodes,
    channels: Array.from({ length: channels }, (_, i) => {
      const one = i < count - 1 ? i + 1 : draw(count);
      const two = i < count - 1 ? draw(i + 1) : (one + 1 + draw(count - 1)) % count;
      const capacity = 20_000 + draw(1_000_000);
      return {
        scid: `${700_000 + i}x${1 + draw(3000)}x${draw(3)}`,
        ends: [Math.min(one, two), Math.max(one, two)],
        bitcoin: [10_000 + 2 * i, 10_001 + 2 * i],
        capacity,
        policies: [policy(capacity), policy(capacity)],
      };
    }),
  };
}

/** Signs a message whose signatures are zeros, in the order of its layout. */
export function signed(message: Uint8Array, secrets: readonly number[]): Uint8Array {
  const type = Number(readUint(message.subarray(0, 2)));
  const hash = gossipHash({ type, bytes: message });
  const made = message.slice();
  secrets.forEach((secret, i) => made.set(secp256k1.sign(hash, secretOf(secret), { prehash: false }), 2 + 64 * i));
  return made;
}
const ZEROS = '00'.repeat(64);
const unsigned = (type: number): Record<string, string> =>
  Object.fromEntries(LAYOUTS[type]!.signatures.map((name) => [name, ZEROS]));
/** Writes a message from its values. */
export const written = (type: number, values: object, extra?: Uint8Array): Uint8Array =>
  writeGossip(type, new Fields(parseJson(printJson(values))), extra);
const CHAIN = { chain_hash: CHAIN_HASHES.mainnet };

export function announcement({ nodes }: TestNetwork, { scid, ends, bitcoin }: TestChannel, features = ''): Uint8Array {
  return signed(
    written(256, {
      ...unsigned(256),
      ...CHAIN,
      features,
      short_channel_id: scid,
      node_id_1: nodes[ends[0]]!.key,
      node_id_2: nodes[ends[1]]!.key,
      bitcoin_key_1: keyOf(bitcoin[0]),
      bitcoin_key_2: keyOf(bitcoin[1]),
    }),
    [nodes[ends[0]]!.secret, nodes[ends[1]]!.secret, ...bitcoin],
  );
}
export function update(
  { nodes }: TestNetwork,
  { scid, ends, policies }: TestChannel,
  side: 0 | 1,
  more = {},
): Uint8Array {
  const { disabled, timestamp, htlc_maximum_msat: most, block_height: _, ...rest } = policies[side];
  return signed(
    written(258, {
      ...unsigned(258),
      ...CHAIN,
      ...rest,
      short_channel_id: scid,
      timestamp: timestamp!,
      htlc_maximum_msat: most!,
      message_flags: 1,
      channel_flags: side | (disabled ? 2 : 0),
      ...more,
    }),
    [nodes[ends[side]]!.secret],
  );
}
export function nodeAnnouncement({ nodes }: TestNetwork, i: number, more = {}): Uint8Array {
  const { key, alias, secret } = nodes[i]!;
  return signed(
    written(257, {
      ...unsigned(257),
      features: '8000',
      timestamp: 1_700_000_000 + i,
      node_id: key,
      rgb_color: 'ff8800',
      alias,
      addresses: '017f0000012607',
      ...more,
    }),
    [secret],
  );
}

/** The script (hex) that the output of an announcement has. */
export function scriptOf(message: Uint8Array): string {
  const { bitcoin_key_1: one, bitcoin_key_2: two } = readGossip(message).values;
  return bytesToHex(fundingScript(hexToBytes(one), hexToBytes(two)));
}

/** All messages, in an order in which each is understood. */
export const messages = (network: TestNetwork): Uint8Array[] => [
  ...network.channels.flatMap((channel) => [
    announcement(network, channel),
    update(network, channel, 0),
    update(network, channel, 1),
  ]),
  ...network.nodes.map((_, i) => nodeAnnouncement(network, i)),
];

const record = (message: Uint8Array, flags: number): Uint8Array =>
  concatBytes(
    writeUint(BigInt(flags), 2),
    writeUint(BigInt(message.length), 2),
    writeUint(BigInt(crc32c(message, 5)), 4),
    writeUint(5n, 4),
    message,
  );
export const storeOf = (all: readonly Uint8Array[], capacity: (scid: string) => number, version = 16): Uint8Array =>
  concatBytes(
    Uint8Array.of(version),
    ...all.flatMap((message) => {
      const type = (message[0]! << 8) | message[1]!;
      const scid = type === 256 ? message.subarray(258 + 34, 258 + 42) : undefined;
      const sat = scid && writeUint(BigInt(capacity(bytesToHex(scid))), 8);
      return [record(message, 0x2000), ...(sat ? [record(concatBytes(hexToBytes('1005'), sat), 0x2000)] : [])];
    }),
  );
export const capacities = ({ channels }: TestNetwork): ((scid: string) => number) => {
  const known = new Map(channels.map(({ scid, capacity }) => [bytesToHex(scidBytes(scid)!), capacity]));
  return (scid) => known.get(scid)!;
};

export const describeGraph = ({ nodes, channels }: TestNetwork): object => ({
  nodes: nodes.map(({ key, alias }, i) => ({
    last_update: 1_700_000_000 + i,
    pub_key: key,
    alias,
    addresses: [{ network: 'tcp', addr: '127.0.0.1:9735' }],
    color: '#ff8800',
    features: { 15: { name: 'payment-addr', is_required: false, is_known: true } },
  })),
  edges: channels.map(({ scid, ends, capacity, policies }) => {
    const policy = (of: GossipPolicy): object => ({
      time_lock_delta: of.cltv_expiry_delta,
      min_htlc: String(of.htlc_minimum_msat),
      fee_base_msat: String(of.fee_base_msat),
      fee_rate_milli_msat: String(of.fee_proportional_millionths),
      disabled: of.disabled,
      max_htlc_msat: String(of.htlc_maximum_msat),
      last_update: of.timestamp,
    });
    return {
      channel_id: String(readUint(scidBytes(scid)!)),
      node1_pub: nodes[ends[0]]!.key,
      node2_pub: nodes[ends[1]]!.key,
      capacity: String(capacity),
      node1_policy: policy(policies[0]),
      node2_policy: policy(policies[1]),
    };
  }),
});

export const listChannels = ({ nodes, channels }: TestNetwork): object => ({
  channels: channels.flatMap(({ scid, ends, capacity, policies }) =>
    policies.map((of, side) => ({
      source: nodes[ends[side]!]!.key,
      destination: nodes[ends[1 - side]!]!.key,
      short_channel_id: scid,
      direction: side,
      public: true,
      amount_msat: capacity * 1000,
      message_flags: 1,
      channel_flags: side | (of.disabled ? 2 : 0),
      active: !of.disabled,
      last_update: of.timestamp,
      base_fee_millisatoshi: of.fee_base_msat,
      fee_per_millionth: of.fee_proportional_millionths,
      delay: of.cltv_expiry_delta,
      htlc_minimum_msat: of.htlc_minimum_msat,
      htlc_maximum_msat: of.htlc_maximum_msat,
      features: '',
    })),
  ),
});

/** A snapshot of version 2, made a week after `time`. */
export function rapidSync({ nodes, channels }: TestNetwork, time: number): Uint8Array {
  const sorted = [...channels].sort((a, b) => (scidNumber(a) < scidNumber(b) ? -1 : 1));
  const deltas = sorted.map((channel, i) => scidNumber(channel) - (i === 0 ? 0n : scidNumber(sorted[i - 1]!)));
  const u = (n: number | bigint, size: number): Uint8Array => writeUint(BigInt(n), size);
  return concatBytes(
    hexToBytes('4c444b02'),
    hexToBytes(CHAIN.chain_hash),
    u(time + 604_800, 4),
    u(0, 1),
    u(nodes.length, 4),
    ...nodes.map(({ key }) => hexToBytes(key)),
    u(sorted.length, 4),
    ...sorted.flatMap(({ ends, capacity }, i) => {
      const sat = writeBigSize(BigInt(capacity));
      return [
        u(0, 2),
        writeBigSize(deltas[i]!),
        writeBigSize(BigInt(ends[0])),
        writeBigSize(BigInt(ends[1]) | (1n << 63n)),
        u(sat.length, 2),
        sat,
      ];
    }),
    u(2 * sorted.length, 4),
    u(40, 2),
    u(1, 8),
    u(0, 4),
    u(0, 4),
    u(0, 8),
    ...sorted.flatMap(({ policies }, i) =>
      policies.flatMap((of, side) => [
        writeBigSize(side === 0 ? deltas[i]! : 0n),
        u(0b0111_1100 | side | (of.disabled ? 2 : 0), 1),
        u(of.cltv_expiry_delta, 2),
        u(of.htlc_minimum_msat, 8),
        u(of.fee_base_msat, 4),
        u(of.fee_proportional_millionths, 4),
        u(of.htlc_maximum_msat!, 8),
      ]),
    ),
  );
}
const scidNumber = ({ scid }: TestChannel): bigint => readUint(scidBytes(scid)!);

/** The compressed map, before gzip; nodes are their places. */
export function gossmap({ channels }: TestNetwork): Uint8Array {
  const numbers = (list: readonly (number | bigint)[]): Uint8Array =>
    Buffer.concat(list.map((n) => writeBigSize(BigInt(n))));
  const table = (values: readonly (number | bigint)[]): Uint8Array => {
    const places = new Map([...new Set(values)].map((value, i) => [value, i]));
    return numbers([places.size, ...places.keys(), ...values.map((value) => places.get(value)!)]);
  };
  const each = (of: (policy: GossipPolicy) => number | bigint): Uint8Array =>
    table(channels.flatMap(({ policies }) => policies.map(of)));
  return concatBytes(
    new TextEncoder().encode('GOSSMAP_COMPRESSv1\0'),
    numbers([channels.length, ...channels.map(({ ends }) => ends[0]), ...channels.map(({ ends }) => ends[1])]),
    numbers(
      channels.flatMap(({ policies }, i) => policies.flatMap(({ disabled }, side) => (disabled ? [2 * i + side] : []))),
    ),
    numbers([2 * channels.length]),
    table(channels.map(({ capacity }) => capacity)),
    each(({ htlc_minimum_msat: least }) => least),
    each(({ htlc_maximum_msat: most }) => most!),
    each(({ fee_base_msat: base }) => base),
    each(({ fee_proportional_millionths: millionths }) => millionths),
    each(({ cltv_expiry_delta: delta }) => delta),
  );
}

/** How often each parser is tried with changed input; 100000 was run, which takes minutes. */
export const MUTATIONS = Number(process.env['SPILLWAY_MUTATIONS'] ?? 2000);

/** Changes a byte, cuts, doubles a piece, or inserts one. */
export function mutated(bytes: Uint8Array, draw: (most: number) => number): Uint8Array {
  const made = Uint8Array.from(bytes);
  const at = draw(Math.max(1, bytes.length));
  switch (draw(5)) {
    case 0:
      return made.subarray(0, at);
    case 1:
      return concatBytes(made.subarray(0, at), made.subarray(Math.max(0, at - draw(40)), at), made.subarray(at));
    case 2:
      return concatBytes(made.subarray(0, at), Uint8Array.of(draw(256)), made.subarray(at));
    case 3:
      made[at] = [0, 1, 0x7f, 0x80, 0xfd, 0xfe, 0xff][draw(7)]!;
      return made;
    default:
      made[at] = made[at]! ^ (1 << draw(8));
      return made;
  }
}

/** An unsigned update of version 2. */
export const update2 = (height: number, second = false): Uint8Array =>
  hexToBytes(
    announceDocument(
      new Fields({
        kind: 'channel_update_2',
        short_channel_id: '800000x5x1',
        block_height: height,
        ...(second && { second_peer: true }),
      }),
      {},
    ).message,
  );
/** An unsigned announcement of a node, version 2. */
export const node2 = (height: number): Uint8Array =>
  hexToBytes(
    announceDocument(
      new Fields({
        kind: 'node_announcement_2',
        node_id: bytesToHex(secp256k1.getPublicKey(secretOf(0), true)),
        block_height: height,
      }),
      {},
    ).message,
  );
