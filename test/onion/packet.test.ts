/** The packet: BOLT4's vector, what is refused and how, mutations, and properties of routes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildPacketDocument, parseBuild } from '../../src/lib/onion/build-document.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { answerTo, explain } from '../../src/lib/onion/answer.ts';
import { drawLayers } from '../../src/commands/onion/build.ts';
import { buildPacket, checkBudget, cutLayer, openPacket, PACKET_LIMITS } from '../../src/lib/onion/packet.ts';
import { peel, parsePacket, type Packet, type Refused } from '../../src/lib/onion/peel.ts';
import { hasLength, withLength } from '../../src/lib/onion/payload.ts';
import { N, toBytes } from '../../src/lib/signing/curve.ts';
import { blindPath } from '../../src/lib/onion/blinding.ts';
import { RECIPIENT_DATA, type RecipientData } from '../../src/lib/onion/recipient-data.ts';
import { writeFields } from '../../src/lib/wire/fields.ts';
import { AD, bytes, fill, hex, keyOf, packetAround, packetOf, pubkeyOf, SESSION, typed } from '../support/onion.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

const vector = fixture('onion/packet.json');
const document = (json: object) => new Fields(json as never, '', []);
const built = (json: object, flags = {}) => {
  const input = parseBuild(document(json), flags);
  return buildPacketDocument(input, input.sessionKey ?? SESSION, flags) as any;
};
const refused = (onion: Uint8Array, more: Partial<Packet> = {}, options = {}): Refused => {
  const found = peel({ onion, associatedData: AD, ...more }, keyOf(0), options);
  if (!('refusal' in found)) throw new Error('accepted');
  return found;
};
const codeFor = (onion: Uint8Array, more: Partial<Packet> = {}, options = {}): string =>
  refused(onion, more, options).refusal.code;

describe("BOLT4's packet", () => {
  it('is built byte for byte', () => {
    expect(built(vector).onion).toBe(vector.onion);
    const bulk = vectors('bolt4/onion-test.json');
    if (bulk) expect(built(bulk).onion).toBe(bulk.onion);
  });
  it('is peeled at every hop', () => {
    let packet: Packet | undefined = { onion: bytes(vector.onion), associatedData: bytes(vector.associated_data) };
    vector.keys.forEach((key: string, i: number) => {
      const layer = peel(packet!, BigInt(`0x${key}`));
      if ('refusal' in layer) throw layer.refusal;
      expect(hex(withLength(layer.payloadBytes))).toBe(vector.hops[i].payload);
      packet = layer.next;
    });
    expect(packet).toBeUndefined();
  });
  it('takes payloads without length, with it, and typed, and says which', () => {
    const hops = vector.hops.map((hop: any) => ({ ...hop }));
    hops[0].payload = hops[0].payload.slice(2);
    hops[2].payload = { amt_to_forward: 12500, outgoing_cltv_value: 1250, short_channel_id: '0x0x3' };
    const made = built({ ...vector, hops });
    expect(made.onion).toBe(vector.onion);
    expect(made.payload_lengths).toEqual(['added', 'given', 'typed', 'given', 'given']);
    // Bytes that could be both: the flag decides.
    const both = {
      session_key: '41'.repeat(32),
      hops: [{ pubkey: hex(pubkeyOf(0)), payload: '020200', prefixed: false }],
    };
    expect(hasLength(bytes('020200'))).toBe(true);
    expect(built(both).payload_lengths).toEqual(['added']);
  });
});

describe('a packet is refused', () => {
  const good = bytes(vector.onion);
  const with_ = (at: number, byte: number) => Uint8Array.from(good, (b, i) => (i === at ? byte : b));
  const P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn;
  const point = (text: string) => Uint8Array.of(...good.subarray(0, 1), ...bytes(text), ...good.subarray(34));
  const rest = 'aa'.repeat(40);
  const forward = { amt_to_forward: 1n, outgoing_cltv_value: 1n, short_channel_id: '1x1x1' };
  const final = { amt_to_forward: 1n, outgoing_cltv_value: 1n };
  /** Node 0 first, node 1 behind it. */
  const twoHops = (payload: Uint8Array) =>
    buildPacket(
      [
        { pubkey: pubkeyOf(0), payload },
        { pubkey: pubkeyOf(1), payload: typed(final) },
      ],
      { sessionKey: SESSION, associatedData: AD },
    ).onion;
  const record = (type: string, value: string) => `${type}${(value.length / 2).toString(16).padStart(2, '0')}${value}`;
  const base = record('02', '01') + record('04', '01');

  const table: [what: string, onion: Uint8Array, code: string, bolt: string][] = [
    ['version 1', with_(0, 1), 'onion-version', 'c004'],
    ['a byte short', good.subarray(1), 'onion-size', 'c005'],
    ['a byte long', Uint8Array.of(...good, 0), 'onion-size', 'c005'],
    ['nothing', new Uint8Array(), 'onion-size', 'c005'],
    ['key prefix 00', with_(1, 0), 'onion-point', 'c006'],
    ['key prefix 04', with_(1, 4), 'onion-point', 'c006'],
    ['key prefix 06 (hybrid)', with_(1, 6), 'onion-point', 'c006'],
    ['key prefix 07 (hybrid)', with_(1, 7), 'onion-point', 'c006'],
    ['x = p', point(`02${P.toString(16)}`), 'onion-point', 'c006'],
    ['x above p', point(`02${(P + 1n).toString(16)}`), 'onion-point', 'c006'],
    ['x = 2^256 - 1', point(`03${'ff'.repeat(32)}`), 'onion-point', 'c006'],
    ['x not on the curve', point(`02${'00'.repeat(31)}05`), 'onion-point', 'c006'],
    ['infinity', point('00'.repeat(33)), 'onion-point', 'c006'],
    ['another HMAC', with_(good.length - 1, good.at(-1)! ^ 1), 'onion-hmac', 'c005'],
    ['another payload', with_(40, good[40]! ^ 0x80), 'onion-hmac', 'c005'],
    ['the other key of that x', with_(1, good[1]! ^ 1), 'onion-hmac', 'c005'],
    ['length 0', packetAround(bytes(`00${rest}`)), 'onion-legacy', '4016'],
    ['length 1', packetAround(bytes(`01${rest}`)), 'onion-length', '4016'],
    ['length 5 in three bytes', packetAround(bytes(`fd0005${rest}`)), 'bigsize-not-canonical', '4016'],
    ['length in nine bytes', packetAround(bytes(`ff0000000000000010${rest}`)), 'bigsize-not-canonical', '4016'],
    ['length 2^64 - 1', packetAround(bytes(`ffffffffffffffffff${rest}`)), 'onion-beyond', '4016'],
    ['length 65535', packetAround(bytes(`fdffff${rest}`)), 'onion-beyond', '4016'],
    ['one byte beyond the frame', packetAround(bytes(`fd0512${rest}`)), 'onion-beyond', '4016'],
    ['31 bytes left for the next HMAC', packetAround(bytes(`fd04f2${rest}`)), 'onion-no-hmac', '4016'],
    ['no byte left for the next HMAC', packetAround(bytes(`fd0511${rest}`)), 'onion-no-hmac', '4016'],
    ['TLV cut', packetOf(withLength(bytes(`${base}10ff00`))), 'tlv-truncated', '4016'],
    ['TLV order', packetOf(withLength(bytes(record('04', '01') + record('02', '01')))), 'tlv-order', '4016'],
    ['TLV twice', packetOf(withLength(bytes(record('02', '01') + record('02', '01')))), 'tlv-duplicate', '4016'],
    ['TLV type not canonical', packetOf(withLength(bytes('fd00020101'))), 'bigsize-not-canonical', '4016'],
    ['tu64 with a leading zero', packetOf(withLength(bytes('02020001'))), 'tlv-value', '4016'],
    ['tu32 of 5 bytes', packetOf(withLength(bytes('02010104050102030405'))), 'tlv-value', '4016'],
    ['channel of 7 bytes', packetOf(withLength(bytes(`${base}0607${'00'.repeat(7)}`))), 'tlv-value', '4016'],
    ['unknown even type', packetOf(withLength(bytes(`${base}1400`))), 'tlv-unknown-even', '4016'],
    ['no amount', packetOf(withLength(bytes(record('04', '01')))), 'onion-field-missing', '4016'],
    ['no expiry', packetOf(withLength(bytes(record('02', '01')))), 'onion-field-missing', '4016'],
    ['final hop with a channel', packetOf(typed(forward)), 'onion-field-forbidden', '4016'],
    ['forwarding hop without a channel', twoHops(typed(final)), 'onion-field-missing', '4016'],
    [
      'forwarding hop with payment data',
      twoHops(typed({ ...forward, payment_data: { payment_secret: '00'.repeat(32), total_msat: 1n } })),
      'onion-field-forbidden',
      '4016',
    ],
    [
      'path key without recipient data',
      packetOf(typed({ ...final, current_path_key: hex(pubkeyOf(3)) })),
      'path-key-unexpected',
      '4016',
    ],
    [
      'recipient data without path key',
      packetOf(typed({ ...final, encrypted_recipient_data: 'aa' })),
      'path-key-missing',
      '4016',
    ],
    [
      'recipient data that does not decrypt',
      packetOf(
        typed({
          ...final,
          total_amount_msat: 1n,
          encrypted_recipient_data: 'aa'.repeat(20),
          current_path_key: hex(pubkeyOf(3)),
        }),
      ),
      'blinding-failed',
      '4016',
    ],
    ['path key that is no point', packetOf(withLength(bytes(`${base}0c21${'05'.repeat(33)}`))), 'tlv-value', '4016'],
  ];
  it.each(table)('%s', (_, onion, code, bolt) => {
    const found = refused(onion);
    expect(found.refusal.code).toBe(code);
    const answer = answerTo(found.refusal, onion, found.secret, found);
    expect(answer.failure_code).toBe(bolt);
    // What cannot be read is answered in the clear, the rest by an error onion.
    expect(answer.message).toBe(bolt.startsWith('c') ? 'update_fail_malformed_htlc' : 'update_fail_htlc');
    expect(answer.reason === undefined).toBe(bolt.startsWith('c'));
    expect(explain(found.refusal.code)).toMatch(/\.$/);
  });
  it('with the type and place of what is wrong', () => {
    const found = refused(packetOf(withLength(bytes(`${base}1400`))));
    expect(answerTo(found.refusal, good, found.secret, found).data).toEqual({ type: 20n, offset: 6n });
    expect(codeFor(packetOf(withLength(bytes(`${base}1400`))), {}, { known: [22n] })).toBe('tlv-unknown-even');
    expect(
      peel({ onion: packetOf(withLength(bytes(`${base}1400`))), associatedData: AD }, keyOf(0), { known: [20n] }),
    ).not.toHaveProperty('refusal');
  });
  it('for other associated data, and for another node', () => {
    expect(codeFor(good, { associatedData: fill(0x43) })).toBe('onion-hmac');
    expect(codeFor(good, { associatedData: new Uint8Array() })).toBe('onion-hmac');
    expect(peel({ onion: good, associatedData: AD }, keyOf(1))).toMatchObject({ refusal: { code: 'onion-hmac' } });
  });

  describe('inside a blinded path', () => {
    const relay = { cltv_expiry_delta: 1n, fee_proportional_millionths: 0n, fee_base_msat: 1n };
    const inside = (data: RecipientData, extra: object = {}, last = false) => {
      const { path } = blindPath([{ nodeId: pubkeyOf(0), data: writeFields(RECIPIENT_DATA, data) }], SESSION);
      const hop = path.hops[0]!;
      const own = {
        pubkey: bytes(hop.blinded_node_id),
        payload: typed({ encrypted_recipient_data: hop.encrypted_data, ...extra }),
      };
      const hops = last ? [own] : [own, { pubkey: pubkeyOf(1), payload: typed(final) }];
      return {
        onion: buildPacket(hops, { sessionKey: fill(9), associatedData: AD }).onion,
        pathKey: bytes(path.first_path_key),
      };
    };
    const all = { amt_to_forward: 5n, outgoing_cltv_value: 6n, total_amount_msat: 5n };
    const rows: [string, RecipientData, object, boolean, string][] = [
      [
        'a forwarding hop with an amount',
        { short_channel_id: '1x1x1', payment_relay: relay },
        { amt_to_forward: 1n },
        false,
        'onion-field-forbidden',
      ],
      [
        'a forwarding hop with a custom record',
        { short_channel_id: '1x1x1', payment_relay: relay },
        { custom: { 65537: 'aa' } },
        false,
        'onion-field-forbidden',
      ],
      [
        'both channel and node',
        { short_channel_id: '1x1x1', next_node_id: hex(pubkeyOf(1)), payment_relay: relay },
        {},
        false,
        'onion-field-forbidden',
      ],
      ['neither channel nor node', { payment_relay: relay }, {}, false, 'onion-field-missing'],
      ['no relay', { short_channel_id: '1x1x1' }, {}, false, 'onion-field-missing'],
      [
        'a feature',
        { short_channel_id: '1x1x1', payment_relay: relay, allowed_features: '02' },
        {},
        false,
        'blinding-feature',
      ],
      [
        'both path keys',
        { short_channel_id: '1x1x1', payment_relay: relay },
        { current_path_key: hex(pubkeyOf(3)) },
        false,
        'path-key-twice',
      ],
      ['a final hop without total', {}, { amt_to_forward: 5n, outgoing_cltv_value: 6n }, true, 'onion-field-missing'],
      ['a final hop with metadata', {}, { ...all, payment_metadata: 'aa' }, true, 'onion-field-forbidden'],
      [
        'the wrong type inside',
        { short_channel_id: '1x1x1', payment_relay: relay, custom: { 100: '' } },
        {},
        false,
        'tlv-unknown-even',
      ],
    ];
    it.each(rows)('%s', (_, data, extra, last, code) => {
      const { onion, pathKey } = inside(data, extra, last);
      const found = refused(onion, { pathKey });
      expect(found.refusal.code).toBe(code);
      expect(answerTo(found.refusal, onion, found.secret, found)).toMatchObject({
        failure_code: 'c018',
        message: 'update_fail_malformed_htlc',
      });
    });
    it.each([-1n, 0n, 1n])('that expires %i blocks after its own delta', (more) => {
      const { onion, pathKey } = inside({
        short_channel_id: '1x1x1',
        payment_relay: { ...relay, cltv_expiry_delta: 9n },
      });
      const htlc = { amountMsat: 50n, cltvExpiry: 9n + more };
      const found = peel({ onion, pathKey, associatedData: AD, htlc }, keyOf(0));
      if (more < 0n) expect(found).toMatchObject({ refusal: { code: 'blinding-constraint' } });
      else expect(found).toMatchObject({ next: { htlc: { amountMsat: 49n, cltvExpiry: more } } });
    });
    it('outside its constraints', () => {
      const data = {
        short_channel_id: '1x1x1',
        payment_relay: relay,
        payment_constraints: { max_cltv_expiry: 100n, htlc_minimum_msat: 50n },
      };
      const { onion, pathKey } = inside(data);
      const at = (amountMsat: bigint, cltvExpiry: bigint) =>
        peel({ onion, pathKey, associatedData: AD, htlc: { amountMsat, cltvExpiry } }, keyOf(0));
      expect(at(50n, 100n)).toMatchObject({ next: { htlc: { amountMsat: 49n, cltvExpiry: 99n } } });
      expect(at(49n, 100n)).toMatchObject({ refusal: { code: 'blinding-constraint' } });
      expect(at(50n, 101n)).toMatchObject({ refusal: { code: 'blinding-constraint' } });
      expect(at(50n, 0n)).toMatchObject({ refusal: { code: 'blinding-constraint' } });
    });
    it('a path key where there is no path', () => {
      const { path } = blindPath([{ nodeId: pubkeyOf(0), data: new Uint8Array() }], SESSION);
      const { onion } = buildPacket([{ pubkey: bytes(path.hops[0]!.blinded_node_id), payload: typed(final) }], {
        sessionKey: fill(9),
        associatedData: AD,
      });
      expect(codeFor(onion, { pathKey: bytes(path.first_path_key) })).toBe('path-key-unexpected');
      expect(codeFor(onion, { pathKey: fill(5, 33) })).toBe('wrong-key');
    });
  });

  it.each<[string, object, string | null]>([
    // amount in msat and expiry of the HTLC, as the document or the flags have them
    ['no HTLC', {}, null],
    ['an amount alone', { amountMsat: 5n }, 'amount_msat and cltv_expiry: one found without the other'],
    ['an expiry alone', { cltvExpiry: 5n }, 'amount_msat and cltv_expiry: one found without the other'],
    ['an expiry below the largest', { amountMsat: 5n, cltvExpiry: 0xfffffffen }, null],
    ['the largest expiry', { amountMsat: 5n, cltvExpiry: 0xffffffffn }, null],
    [
      'an expiry above the largest',
      { amountMsat: 5n, cltvExpiry: 0x100000000n },
      'cltv_expiry: 4294967296 found, a height expected',
    ],
  ])('or asked about with %s', (_, htlc: { amountMsat?: bigint; cltvExpiry?: bigint }, message) => {
    const { amountMsat, cltvExpiry } = htlc;
    const words = {
      onion: 'aa',
      ...(amountMsat !== undefined && { amount_msat: Number(amountMsat) }),
      ...(cltvExpiry !== undefined && { cltv_expiry: Number(cltvExpiry) }),
    };
    for (const work of [() => parsePacket(document(words)), () => parsePacket(document({ onion: 'aa' }), htlc)])
      if (message === null) expect(work().htlc).toEqual(amountMsat === undefined ? undefined : htlc);
      else expect(refusal(work)).toMatchObject({ code: 'malformed-message', message });
  });

  it('in an HTLC that holds less or expires earlier than it says', () => {
    const htlc = (amountMsat: bigint, cltvExpiry: bigint) => ({ htlc: { amountMsat, cltvExpiry } });
    const answers = (onion: Uint8Array, more: Partial<Packet>) => {
      const found = refused(onion, more);
      return [found.refusal.code, answerTo(found.refusal, onion, found.secret, { ...found, htlc: more.htlc }).failure];
    };
    const last = packetOf(typed({ amt_to_forward: 10n, outgoing_cltv_value: 20n }));
    expect(answers(last, htlc(9n, 20n))).toEqual(['onion-amount', 'final_incorrect_htlc_amount']);
    expect(answers(last, htlc(10n, 19n))).toEqual(['onion-expiry', 'final_incorrect_cltv_expiry']);
    const first = twoHops(typed({ ...forward, amt_to_forward: 10n, outgoing_cltv_value: 20n }));
    expect(answers(first, htlc(9n, 20n))).toEqual(['onion-amount', 'fee_insufficient']);
    expect(answers(first, htlc(10n, 19n))).toEqual(['onion-expiry', 'incorrect_cltv_expiry']);
  });
});

describe('building refuses', () => {
  const hop = { pubkey: hex(pubkeyOf(0)), payload: 'aa'.repeat(1264) };
  it('what does not fit, and names the hop', () => {
    const fits = built({ hops: [{ ...hop, payload: 'aa'.repeat(1265) }] });
    expect(fits.used).toBe(1300);
    expect(refusal(() => built({ hops: [{ ...hop, payload: 'aa'.repeat(1266) }] }))).toMatchObject({
      code: 'onion-overflow',
      message: expect.stringMatching(/^hop 0 of 1 ends at byte 1301 of 1300/),
    });
    const small = { pubkey: hex(pubkeyOf(1)), payload: 'aabb' };
    expect(refusal(() => built({ hops: [small, hop, small, small] })).message).toMatch(/^hop 1 of 4/);
    expect(codeOf(() => built({ hops: [{ ...hop, payload: 'aa'.repeat(65_535) }] }))).toBe('onion-overflow');
    const { most } = PACKET_LIMITS.size;
    expect(built({ hops: [{ ...hop, payload: 'aa'.repeat(65_434) }], size: most }).used).toBe(most);
  });
  it('keys that are none', () => {
    for (const session_key of ['00'.repeat(32), hex(toBytes(N)), 'ff'.repeat(32)])
      expect(codeOf(() => built({ hops: [hop], session_key }))).toBe('wrong-key');
    for (const pubkey of ['05'.repeat(33), '00'.repeat(33), `04${hop.pubkey.slice(2)}`])
      expect(codeOf(() => built({ hops: [{ ...hop, pubkey }] }))).toBe('wrong-key');
  });
  it('payloads that no reader takes, unless told that they are as they should be', () => {
    for (const payload of ['', 'aa', {}])
      expect(codeOf(() => built({ hops: [{ ...hop, payload }] }))).toBe('malformed-message');
    expect(built({ hops: [{ ...hop, payload: '00', prefixed: true }] }).payload_lengths).toEqual(['given']);
  });
  it.each([34, 35, 36])('payloads of %i bytes, of at least 35, hold one hop', (size) => {
    const least = { hops: [{ ...hop, payload: 'aabb' }], size };
    if (size >= 35) expect(built(least)).toMatchObject({ used: 35, onion: expect.stringMatching(/^00/) });
    else
      expect(refusal(() => built(least))).toMatchObject({
        code: 'malformed-message',
        message: 'size: 34 found, 35 or more expected',
      });
  });
  it('documents of another form', () => {
    for (const json of [
      {},
      { hops: {} },
      { hops: [] },
      { hops: [{ pubkey: hop.pubkey }] },
      { hops: [{ ...hop, payload: 'xyz' }] },
      { hops: [{ ...hop, payload: 5 }] },
      { hops: [{ ...hop, payload: 'a' }] },
      { hops: [hop], size: 34 },
    ])
      expect(
        codeOf(() => built(json)),
        JSON.stringify(json).slice(0, 60),
      ).toBe('malformed-message');
    expect(
      codeOf(() => built({ hops: [{ pubkey: hop.pubkey, legacy: { amt_to_forward: 1, outgoing_cltv_value: 1 } }] })),
    ).toBe('malformed-message');
  });
});

describe('a packet too small for what it says', () => {
  // The bytes that its hop payloads have.
  it.each<[string, number, string, object]>([
    ['', 0, 'onion-length', {}],
    ['fd', 1, 'onion-length', {}],
    ['fd01', 2, 'onion-length', {}],
    ['fd0102', 3, 'onion-beyond', {}],
    ['02aabb', 3, 'onion-no-hmac', {}],
    ['02aabb', 34, 'onion-no-hmac', {}],
    ['00', 1, 'onion-beyond', { legacy: true }],
    ['00', 32, 'onion-beyond', { legacy: true }],
    ['00', 33, 'onion-no-hmac', { legacy: true }],
    ['00', 64, 'onion-no-hmac', { legacy: true }],
  ])('%j in %i bytes: %s', (frame, size, code, options) => {
    expect(codeFor(packetAround(bytes(frame), size), { size }, options)).toBe(code);
  });
  it('and one that has just enough', () => {
    for (const [frame, size, options] of [
      ['02ee00', 35, {}],
      [`00${'00'.repeat(32)}`, 65, { legacy: true }],
    ] as const) {
      const found = peel({ onion: packetAround(bytes(frame), size), associatedData: AD, size }, keyOf(0), options);
      expect('refusal' in found ? found.refusal.code : 'taken').not.toMatch(/^onion-(length|beyond|no-hmac)$/);
    }
  });
});

describe('the historic frame', () => {
  const hops = Array.from({ length: 20 }, (_, i) => ({
    pubkey: hex(pubkeyOf(i)),
    payload: {
      amt_to_forward: 1000 - i,
      outgoing_cltv_value: 500 - i,
      ...(i < 19 && { short_channel_id: `${i}x2x3` }),
    },
  }));
  it('fills a packet with twenty of 65 bytes', () => {
    const made = built({ hops }, { legacy: true });
    expect(made.used).toBe(1300);
    let packet: Packet | undefined = { onion: bytes(made.onion), associatedData: new Uint8Array() };
    for (const [i, { payload }] of hops.entries()) {
      expect(peel(packet!, keyOf(i))).toMatchObject({ refusal: { code: 'onion-legacy' } });
      const layer = peel(packet!, keyOf(i), { legacy: true });
      if ('refusal' in layer) throw layer.refusal;
      expect(layer).toMatchObject({ legacy: true, payload: { amt_to_forward: BigInt(payload.amt_to_forward) } });
      expect(layer.payload.short_channel_id).toBe((payload as { short_channel_id?: string }).short_channel_id);
      packet = layer.next;
    }
    expect(packet).toBeUndefined();
    expect(codeOf(() => built({ hops: [...hops, hops[0]] }, { legacy: true }))).toBe('onion-overflow');
  });
  it('has three fields and no others, padding of zeros, and two kinds of filler', () => {
    const one = (payload: object) =>
      codeOf(() => built({ hops: [{ pubkey: hex(pubkeyOf(0)), payload }] }, { legacy: true }));
    for (const payload of [{ amt_to_forward: 1 }, { outgoing_cltv_value: 1 }, { short_channel_id: '1x1x1' }])
      expect(one(payload)).toBe('malformed-message');
    expect(
      refusal(() => built({ hops: [{ pubkey: hex(pubkeyOf(0)), payload: 'aabb' }] }, { legacy: true })).message,
    ).toContain('an object of fields for the historic frame');
    expect(one({ amt_to_forward: 1, outgoing_cltv_value: 1, payment_metadata: 'aa' })).toBe('malformed-message');
    expect(codeFor(packetAround(bytes(`00${'01'.repeat(32)}${'00'.repeat(32)}`)), {}, { legacy: true })).toBe(
      'tlv-value',
    );
    const last = hops.slice(0, 1);
    expect(built({ hops: last }, { legacy: true, filler: 'zero' }).onion).not.toBe(
      built({ hops: last }, { legacy: true }).onion,
    );
  });
});

describe('any route', () => {
  const payloads = fc.array(fc.uint8Array({ minLength: 2, maxLength: 120 }), { minLength: 1, maxLength: 27 });
  it('comes out of the packet as it went in, hop by hop, at a constant size', () => {
    fc.assert(
      fc.property(
        payloads,
        fc.constantFrom(400, 1300, 5000),
        fc.constantFrom('pad' as const, 'zero' as const),
        (all, size, filler) => {
          const hops = all.map((payload, i) => ({ pubkey: pubkeyOf(i), payload: withLength(payload) }));
          const room = hops.reduce((sum, { payload }) => sum + payload.length + 32, 0);
          const build = () => buildPacket(hops, { sessionKey: SESSION, associatedData: AD, size, filler });
          if (room > size) return void expect(codeOf(build)).toBe('onion-overflow');
          let onion: Uint8Array | undefined = build().onion;
          all.forEach((payload, i) => {
            expect(onion!.length).toBe(size + 66);
            const layer = cutLayer(openPacket(onion!, keyOf(i), AD, size));
            expect(layer.payload).toEqual(payload);
            onion = layer.next;
          });
          expect(onion).toBeUndefined();
        },
      ),
      { numRuns: 12 },
    );
  });
  it('of 27 hops fits 1300 bytes, where each has 16 of its own, and of 28 does not', () => {
    const of = (hops: number) => Array.from({ length: hops }, () => new Uint8Array(16));
    expect(checkBudget(of(27), 1300)).toBe(1296);
    expect(codeOf(() => checkBudget(of(28), 1300))).toBe('onion-overflow');
  });
});

describe('fuzz', () => {
  const runs = process.env['SPILLWAY_SLOW'] ? 100_000 : 2_000;
  it(`no packet that was altered is taken (${runs})`, () => {
    const good = packetOf(typed({ amt_to_forward: 1n, outgoing_cltv_value: 2n }), 100);
    const state = { seed: 12345 };
    // xorshift: the same packets in every run.
    const random = (below: number): number => {
      let s = state.seed;
      s ^= s << 13;
      s ^= s >>> 17;
      s ^= s << 5;
      state.seed = s;
      return (s >>> 0) % below;
    };
    const codes = new Set<string>();
    for (let run = 0; run < runs; run++) {
      let onion = Uint8Array.from(good);
      const kind = random(20);
      if (kind === 0) onion = onion.subarray(0, random(onion.length));
      else if (kind === 1) onion = Uint8Array.of(...onion, ...new Uint8Array(1 + random(50)));
      else if (kind === 2) onion[0] = 1 + random(255);
      // Most alterations touch the key, since they cost no multiplication to refuse, or the rest.
      else for (let i = 0; i <= random(4); i++) onion[1 + random(onion.length - 1)]! ^= 1 + random(255);
      if (hex(onion) === hex(good)) continue;
      const found = peel({ onion, associatedData: AD, size: 100 }, keyOf(0));
      if (!('refusal' in found)) throw new Error(`accepted: ${hex(onion)}`);
      codes.add(found.refusal.code);
    }
    expect([...codes].sort()).toEqual(['onion-hmac', 'onion-point', 'onion-size', 'onion-version']);
  }, 1_000_000);
  it(`no plaintext with a right HMAC makes it crash (${runs / 4})`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (plain, legacy) => {
        const found = peel({ onion: packetAround(plain, 100), associatedData: AD, size: 100 }, keyOf(0), { legacy });
        if ('refusal' in found) expect(found.refusal.code).not.toBe('bug');
      }),
      { numRuns: runs / 4 },
    );
  }, 1_000_000);
});

describe('the drawing', () => {
  it('shows every hop, its bytes and the filler', () => {
    const text = drawLayers(parseBuild(document(vector), {}));
    expect(text.split('\n')).toHaveLength(1 + 10 + 1 + 5);
    expect(text).toContain('hop 4 02edabbd16b4…  bytes 268–575: payload');
    expect(text).toMatch(/\d+ bytes of filler/);
    const typedHop = { pubkey: hex(pubkeyOf(0)), payload: { amt_to_forward: 5, outgoing_cltv_value: 6 } };
    expect(drawLayers(parseBuild(document({ hops: [typedHop] }), {}))).toContain('takes 5 msat until 6');
  });
});
