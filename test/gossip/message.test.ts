/** Gossip messages of BOLT7: its vectors, one encoding of each, and what is wrong with a message is listed. */
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { addressesOf, detailsOf, gossipProblems, type GossipProblem } from '../../src/lib/gossip/details.ts';
import { gossipLine } from '../../src/lib/gossip/verify.ts';
import { LAYOUTS, readGossip, type GossipValues } from '../../src/lib/gossip/message.ts';
import { announcement, makeNetwork, messages, nodeAnnouncement, update, written } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const network = makeNetwork(5, 8, 1);
const inflate = (bytes: Uint8Array, most: number): Uint8Array => inflateSync(bytes, { maxOutputLength: most });
const { queries } = fixture('gossip/queries.json');

describe('queries of BOLT7', () => {
  it.each<{ hex: string; msg: any }>(queries)('reads $msg.type', ({ hex, msg }) => {
    const line = gossipLine(hexToBytes(hex), { inflate });
    expect(line.problems).toEqual([]);
    expect(line.kind.replaceAll('_', '')).toBe(msg.type.toLowerCase());
    expect(line['chain_hash']).toBe(msg.chainHash);
    if (msg.firstBlockNum !== undefined)
      expect([line['first_blocknum'], line['number_of_blocks']]).toEqual([msg.firstBlockNum, msg.numberOfBlocks]);
    if (msg.shortChannelIds) expect(line['short_channel_ids']).toEqual(msg.shortChannelIds.array);
    if (msg.timestamps)
      expect(line['timestamps']).toEqual(msg.timestamps.timestamps.map((t: any) => [t.timestamp1, t.timestamp2]));
    if (msg.checksums)
      expect(line['checksums']).toEqual(msg.checksums.checksums.map((c: any) => [c.checksum1, c.checksum2]));
  });
  it('of a list that inflates to more than any has are a problem, not a crash', () => {
    const bomb = readGossip(hexToBytes(queries.find(({ hex }: { hex: string }) => hex.includes('01789c')).hex));
    const problems: GossipProblem[] = [];
    detailsOf(bomb, problems, () => {
      throw new Error('too long');
    });
    expect(problems).toMatchObject([{ code: 'malformed-gossip', field: 'encoded_short_ids' }]);
  });
});

describe('a message', () => {
  const all = [...messages(network), ...queries.map(({ hex }: { hex: string }) => hexToBytes(hex))];
  it('is written again byte for byte from what is printed of it', () => {
    for (const message of all) {
      const { type, values, extra } = readGossip(message);
      expect(bytesToHex(written(type, values, extra))).toBe(bytesToHex(message));
    }
  });
  it('keeps bytes behind its fields', () => {
    const longer = concatBytes(all[0]!, hexToBytes('c0ffee'));
    expect(gossipLine(longer)['extra']).toBe('c0ffee');
  });
  it('that lacks a byte of its fields is refused', () => {
    for (const message of all) {
      const read = readGossip(message);
      const end = message.length - read.extra.length;
      // An update may end in front of htlc_maximum_msat.
      for (let at = 0; at < end; at++)
        if (!(read.type === 258 && at === end - 8))
          expect(codeOf(() => readGossip(message.subarray(0, at)))).toBe('malformed-gossip');
    }
  });
  it('of another type is refused', () => {
    expect(codeOf(() => readGossip(hexToBytes('0010')))).toBe('malformed-gossip');
    expect(codeOf(() => written(262, { chain_hash: '00' }))).toBe('malformed-message');
  });
});

describe('problems', () => {
  const [channel] = network.channels;
  const fields = (message: Uint8Array): string[] => gossipProblems(readGossip(message)).map(({ field }) => field);
  it('are nodes in the wrong order', () => {
    const { values } = readGossip(announcement(network, channel!));
    const turned: GossipValues = { ...values, node_id_1: values['node_id_2'], node_id_2: values['node_id_1'] };
    expect(fields(written(256, turned))).toEqual(['node_id_2']);
    expect(fields(announcement(network, channel!))).toEqual([]);
  });
  it('are amounts that contradict each other, or the capacity', () => {
    expect(fields(update(network, channel!, 0, { htlc_minimum_msat: 2, htlc_maximum_msat: 1 }))).toEqual([
      'htlc_maximum_msat',
    ]);
    expect(fields(update(network, channel!, 0, { htlc_minimum_msat: 0, htlc_maximum_msat: 0 }))).toEqual([
      'htlc_maximum_msat',
    ]);
    expect(fields(update(network, channel!, 0, { message_flags: 0 }))).toEqual(['message_flags']);
    const more = update(network, channel!, 0, { htlc_maximum_msat: 5001 });
    expect(gossipProblems(readGossip(more), 5000n)).toHaveLength(1);
    expect(gossipProblems(readGossip(more), 5001n)).toHaveLength(0);
  });
  it('are aliases that are no text, which are shown in hex', () => {
    const message = nodeAnnouncement(network, 0, { alias: 'ff'.repeat(32) });
    expect(fields(message)).toEqual(['alias']);
    expect(readGossip(message).values['alias']).toBe('ff'.repeat(32));
  });
  it('are addresses that end inside one', () => {
    expect(gossipLine(nodeAnnouncement(network, 0, { addresses: '017f0000' })).problems).toMatchObject([
      { field: 'addresses' },
    ]);
  });
});

describe('addresses', () => {
  it('are shown as they are dialled', () => {
    const torv3 = `04${'ab'.repeat(35)}2607`;
    const found = addressesOf(
      hexToBytes(`017f00000126070220010db80000000000000000000000012607${torv3}05086578616d706c652e2607`),
    );
    expect(found.map(({ address }) => address)).toEqual([
      '127.0.0.1:9735',
      '[2001:db8:0:0:0:0:0:1]:9735',
      `${'vov2xk5lvov2xk5lvov2xk5lvov2xk5lvov2xk5lvov2xk5lvov2xk5l'}.onion:9735`,
      'example.:9735',
    ]);
    expect(addressesOf(hexToBytes('63aabb'))).toEqual([{ type: 99, address: 'aabb' }]);
  });
  it('name every layout once', () => {
    const kinds = Object.values(LAYOUTS).map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
  });
});
