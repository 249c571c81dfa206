/**
 * Bad input: one loop over all kinds of messages, with each of their fields or records dropped, doubled, swapped and flipped,
 * and one over all parsers with changes at random. SPILLWAY_MUTATIONS is their number; 100000 takes minutes.
 */
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { blockIn, transactionIn } from '../../src/lib/bitcoin/block.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseHeader } from '../../src/lib/bitcoin/header.ts';
import { announceDocument } from '../../src/lib/gossip/announce.ts';
import { graphOf, type Dump } from '../../src/lib/gossip/dump.ts';
import { gossipLine, Verifier } from '../../src/lib/gossip/verify.ts';
import { readMerkleBlock, makeSpvProof, parseSpvProof, verifySpvProof } from '../../src/lib/gossip/spv.ts';
import { LAYOUTS, readGossip, typeOf } from '../../src/lib/gossip/message.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { readStream } from '../../src/lib/wire/tlv.ts';
import { blockOf, transaction } from '../support/blocks.ts';
import {
  announcement,
  capacities,
  describeGraph,
  drawer,
  gossmap,
  keyOf,
  listChannels,
  makeNetwork,
  messages,
  MUTATIONS,
  mutated,
  nodeAnnouncement,
  rapidSync,
  scriptOf,
  secretOf,
  storeOf,
  update,
  written,
} from '../support/gossip.ts';
import { fixture } from '../support/vectors.ts';

const network = makeNetwork(4, 5, 9);
const [channel] = network.channels;
const HASH = 'ab'.repeat(32);
const SCID = channel!.scid;
const [ONE, TWO] = channel!.ends.map((end) => network.nodes[end]!.secret) as [number, number];
const signed2 = (document: object, ...secrets: number[]): Uint8Array =>
  hexToBytes(announceDocument(new Fields(parseJson(printJson(document))), { secrets: secrets.map(secretOf) }).message);
const announcement2 = signed2(
  {
    kind: 'channel_announcement_2',
    features: '80',
    short_channel_id: SCID,
    capacity_sat: 5,
    node_id_1: keyOf(ONE),
    node_id_2: keyOf(TWO),
    bitcoin_key_1: keyOf(7),
    bitcoin_key_2: keyOf(8),
    outpoint: `${HASH}:1`,
  },
  ONE,
  TWO,
  7,
  8,
);

/** A message of every type that the table of layouts has. */
const SAMPLES: Uint8Array[] = [
  announcement(network, channel!, '8000'),
  nodeAnnouncement(network, 1),
  update(network, channel!, 1),
  written(259, {
    channel_id: HASH,
    short_channel_id: SCID,
    node_signature: 'cd'.repeat(64),
    bitcoin_signature: 'ef'.repeat(64),
  }),
  ...(fixture('gossip/queries.json').queries as { hex: string }[]).map(({ hex }) => hexToBytes(hex)),
  written(262, { chain_hash: HASH, full_information: 1 }),
  written(265, { chain_hash: HASH, first_timestamp: 5, timestamp_range: 6 }),
  written(4101, { capacity_sat: 7 }),
  written(4102, { update: 'abcd' }),
  written(4103, { short_channel_id: SCID }),
  written(4104, { capacity_sat: 9, announcement: 'abcd' }),
  written(4105, { equivalent_offset: 300 }),
  written(4106, { short_channel_id: SCID, height: 700_001 }),
  written(4107, { uuid: HASH }),
  written(260, { channel_id: HASH, short_channel_id: SCID, partial_signature: 'cd'.repeat(32) }),
  announcement2,
  signed2({ kind: 'node_announcement_2', node_id: keyOf(5), alias: 'five', block_height: 3, features: '80' }, 5),
  signed2(
    { kind: 'channel_update_2', short_channel_id: SCID, block_height: 3, second_peer: true, fee_base_msat: 7 },
    TWO,
  ),
];

/** Lengths of the fields or records of a message, behind its type. */
function pieces(message: Uint8Array): Uint8Array[] {
  const { parts } = LAYOUTS[typeOf(message)]!;
  const { values, extra } = readGossip(message);
  const ends = parts
    ? Object.entries(parts).map(([name, part]) => part.write(values[name]).length)
    : readStream(message.subarray(2)).map(
        ({ offset, value }, i, all) => (all[i + 1]?.offset ?? offset + 2 + value.length) - offset,
      );
  let at = 2;
  const cut = ends.map((length) => message.subarray(at, (at += length)));
  return extra.length > 0 ? [...cut, extra] : cut;
}
const flipped = (piece: Uint8Array, bit: number): Uint8Array => {
  const made = piece.slice();
  made[(bit >> 3) % made.length]! ^= 1 << (bit & 7);
  return made;
};
/** Changes of one piece of a list. */
const CHANGES: Record<string, (list: readonly Uint8Array[], at: number) => Uint8Array[]> = {
  dropped: (list, at) => list.filter((_, i) => i !== at),
  doubled: (list, at) => [...list.slice(0, at + 1), ...list.slice(at)],
  swapped: (list, at) => (at === 0 ? [] : [...list.slice(0, at - 1), list[at]!, list[at - 1]!, ...list.slice(at + 1)]),
  flipped: (list, at) =>
    list[at]!.length === 0 ? [] : list.map((piece, i) => (i === at ? flipped(piece, 5 * at) : piece)),
};

const inflate = (bytes: Uint8Array, most: number): Uint8Array => inflateSync(bytes, { maxOutputLength: most });
/** What is printed of a message, or the code that refuses it. */
function judged(message: Uint8Array): Record<string, unknown> {
  const verifier = new Verifier();
  verifier.channel(SCID, keyOf(ONE), keyOf(TWO));
  try {
    return { ...gossipLine(message, { verifier, inflate }), message: undefined };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { code: error.code };
  }
}

describe('every kind of message', () => {
  it('has a sample here', () => {
    const types = new Set(SAMPLES.map(typeOf));
    expect(Object.keys(LAYOUTS).filter((type) => !types.has(Number(type)))).toEqual([]);
  });
  it.each(SAMPLES.map((message, i) => [`${readGossip(message).kind}, sample ${i}`, message] as const))(
    '%s: with a field or record dropped, doubled, swapped or flipped is refused, or read as something else',
    (_, message) => {
      const list = pieces(message);
      const original = judged(message);
      const isSigned = LAYOUTS[typeOf(message)]!.signatures.length > 0;
      if (isSigned) expect(original).toMatchObject({ valid: true, problems: [] });
      let tried = 0;
      for (const [change, make] of Object.entries(CHANGES))
        list.forEach((_piece, at) => {
          const made = concatBytes(message.subarray(0, 2), ...make(list, at));
          if (made.length === 2 || bytesToHex(made) === bytesToHex(message)) return;
          tried += 1;
          const found = judged(made);
          expect(found, `${change} ${at}`).not.toEqual(original);
          if (isSigned) expect(found['valid'] ?? false, `${change} ${at}`).toBe(false);
        });
      expect(tried).toBeGreaterThan(list.length);
    },
  );
});

describe('a store', () => {
  const bodies = messages(network);
  const records = bodies.map((message) => storeOf([message], capacities(network)).subarray(1));
  const graph = (list: readonly Uint8Array[]): unknown => {
    try {
      return graphOf(concatBytes(Uint8Array.of(16), ...list), 'gossip_store').graph;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.code;
    }
  };
  it('says the same with a record doubled, less with one dropped, and is refused with one flipped', () => {
    const whole = graph(records);
    records.forEach((record, at) => {
      expect(graph(CHANGES['doubled']!(records, at))).toEqual(whole);
      // A node is known by its channels too.
      expect(graph(CHANGES['dropped']!(records, at)), `dropped ${at}`).not.toEqual(whole);
      for (let bit = 8 * 12; bit < 8 * record.length; bit += 331)
        expect(graph(records.map((each, i) => (i === at ? flipped(each, bit) : each)))).toBe('malformed-dump');
    });
  });
});

const text = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const block = blockOf(
  Array.from({ length: 5 }, (_, i) =>
    transaction(i === 0 ? undefined : i, [scriptOf(announcement(network, channel!))]),
  ),
);
const proof = makeSpvProof(block, '700000x2x0');
const graphIn =
  (dump: Dump) =>
  (bytes: Uint8Array): unknown =>
    graphOf(bytes, dump);
const own = graphOf(storeOf(messages(network), capacities(network)), 'gossip_store').graph;
const line = (bytes: Uint8Array): unknown => gossipLine(bytes, { verifier: new Verifier(), inflate });

/** Each parser, and what it takes. */
const PARSERS: [string, (bytes: Uint8Array) => unknown, Uint8Array[]][] = [
  [
    'messages of version 1',
    line,
    SAMPLES.filter((message) => typeOf(message) < 4096 && !LAYOUTS[typeOf(message)]!.records),
  ],
  ['records of a store', line, SAMPLES.filter((message) => typeOf(message) > 4096)],
  ['messages of version 2', line, SAMPLES.filter((message) => LAYOUTS[typeOf(message)]!.records)],
  ['gossip_store', graphIn('gossip_store'), [storeOf(messages(network), capacities(network))]],
  ['describegraph', graphIn('json'), [text(describeGraph(network))]],
  ['listchannels', graphIn('json'), [text(listChannels(network))]],
  ['gossip-graph', graphIn('json'), [text(own)]],
  ['rapid gossip sync', graphIn('rgs'), [rapidSync(network, 1_700_000_000)]],
  ['gossmap', graphIn('gossmap'), [gossmap(network)]],
  [
    'lines of hex',
    graphIn('messages'),
    [
      new TextEncoder().encode(
        messages(network)
          .map((message) => `${bytesToHex(message)}\n`)
          .join(''),
      ),
    ],
  ],
  ['block', (bytes) => blockIn(bytes, 'malformed-spv'), [block]],
  ['transaction', (bytes) => transactionIn(bytes, 'malformed-spv'), [hexToBytes(proof.tx)]],
  ['header', (bytes) => parseHeader(bytes, 'malformed-spv'), [hexToBytes(proof.header)]],
  ['MerkleBlock', readMerkleBlock, [hexToBytes(proof.merkle_block!)]],
  [
    'spv-proof',
    (bytes) => verifySpvProof(parseSpvProof(new Fields(parseJson(Buffer.from(bytes).toString('latin1')))), []),
    [text(proof)],
  ],
];

describe('every parser', () => {
  it.each(PARSERS)('%s: gives an answer or a refusal to whatever it is given', (_, parse, samples) => {
    for (const sample of samples) expect(parse(sample)).toBeDefined();
    const draw = drawer(42);
    for (let i = 0; i < MUTATIONS; i++) {
      const made = mutated(samples[i % samples.length]!, draw);
      try {
        parse(made);
      } catch (error) {
        if (!(error instanceof Refusal))
          throw new Error(`change ${i} of seed 42: ${bytesToHex(made)}`, { cause: error });
      }
    }
  });
});
