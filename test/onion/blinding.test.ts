/** Blinded paths, payments and onion messages: BOLT4's vectors, and that a path comes back hop by hop. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blindDocument,
  payinfoDocument,
  unblindDocument,
  blindingFor,
  blindPath,
  unblind,
} from '../../src/lib/onion/blinding.ts';
import { aggregate, relayed } from '../../src/lib/onion/blinded-payment.ts';
import { parsePath, readPath, writePath } from '../../src/lib/wire/path.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import {
  buildMessageDocument,
  peelMessageDocument,
  buildOnionMessage,
  peelOnionMessage,
  readOnionMessage,
  writeOnionMessage,
} from '../../src/lib/onion/message.ts';
import { parseFields, writeFields } from '../../src/lib/wire/fields.ts';
import { buildPacket, PACKET_LIMITS } from '../../src/lib/onion/packet.ts';
import { peel, type Packet } from '../../src/lib/onion/peel.ts';
import { RECIPIENT_DATA, type RecipientData } from '../../src/lib/onion/recipient-data.ts';
import { routeDocument } from '../../src/lib/onion/route.ts';
import { parseBuild, buildPacketDocument } from '../../src/lib/onion/build-document.ts';
import { withLength } from '../../src/lib/onion/payload.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { bytes, fill, hex, keyOf, pubkeyOf, SESSION } from '../support/onion.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

const route = fixture('onion/blinding.json');
const payment = fixture('onion/blinded-payment.json');
const message = fixture('onion/message.json');
const document = (json: object) => new Fields(parseJson(printJson(json)) as never, '', []);
const scalar = (key: string) => BigInt(`0x${key}`);

describe("BOLT4's blinded route", () => {
  it('is made byte for byte, from fields and from bytes', () => {
    const typed = blindDocument(
      document({ hops: route.hops.map(({ encoded_tlvs: _, ...hop }: any) => ({ ...hop, tlvs: known(hop.tlvs) })) }),
      fill(1),
      { secrets: true },
    );
    const raw = blindDocument(document({ hops: route.hops }), fill(1), { secrets: true });
    for (const made of [typed, raw] as any[]) {
      expect(made.first_node_id).toBe(route.route.first_node_id);
      expect(made.first_path_key).toBe(route.route.first_path_key);
      expect(made.hops).toEqual(
        route.route.hops.map(({ blinded_node_id, encrypted_data }: any) => ({ blinded_node_id, encrypted_data })),
      );
      for (const name of ['path_key', 'path_privkey', 'shared_secret'])
        expect(made[`${name}s`]).toEqual(route.hops.map((hop: any) => hop[name]));
    }
  });
  it('is unblinded at every hop', () => {
    route.unblind.forEach((hop: any, i: number) => {
      const encrypted_data = route.route.hops[i].encrypted_data;
      const made = unblindDocument(
        document({ path_key: hop.path_key, encrypted_data }),
        scalar(hop.node_privkey),
        true,
      ) as any;
      expect(made.recipient_data_hex).toBe(hop.decrypted_data);
      expect(made.blinded_privkey).toBe(hop.blinded_privkey);
      expect(made.next_path_key).toBe(hop.next_path_key_override ?? hop.next_path_key);
      if (hop.next_path_key_override) expect(made.derived_path_key).toBe(hop.next_path_key);
    });
  });
  it('is all that the bulk has', () => {
    const bulk = vectors('bolt4/route-blinding-test.json');
    if (bulk) expect(route.unblind).toEqual(bulk.unblind.hops);
  });
});

/** The vectors write records without a name as `unknown_tag_N`. */
const known = (tlvs: Record<string, unknown>): object => {
  const unknown = Object.entries(tlvs).filter(([name]) => name.startsWith('unknown_tag_'));
  const custom = Object.fromEntries(unknown.map(([name, value]) => [name.slice(12), value]));
  const named = Object.fromEntries(Object.entries(tlvs).filter(([name]) => !name.startsWith('unknown_tag_')));
  return unknown.length ? { ...named, custom } : named;
};

describe("BOLT4's blinded payment", () => {
  it('is built byte for byte, from its payloads and from the route', () => {
    const { session_key, associated_data, full_route: hops } = payment;
    const json = { session_key, associated_data, hops: hops.map(({ pubkey, payload }: any) => ({ pubkey, payload })) };
    expect((buildPacketDocument(parseBuild(document(json), {}), bytes(session_key), {}) as any).onion).toBe(
      payment.onion,
    );
    const blinded = {
      ...payment.blinded_route,
      hops: payment.blinded_route.hops.map(({ blinded_node_id, encrypted_data }: any) => ({
        blinded_node_id,
        encrypted_data,
      })),
      payinfo: payment.payinfo,
    };
    const routed = routeDocument(
      document({
        amount_msat: payment.final_amount_msat,
        final_cltv_expiry: payment.final_cltv,
        payment_hash: associated_data,
        hops: [
          { pubkey: hops[0].pubkey },
          { pubkey: hops[1].pubkey, short_channel_id: hops[0].tlvs.outgoing_channel_id },
        ],
        blinded_path: blinded,
      }),
    ) as any;
    const last = payment.full_route.at(-1).tlvs;
    expect(routed.amount_msat).toBe(110125n);
    expect(routed.cltv_expiry).toBe(749150n);
    if (last.total_amount_msat === payment.final_amount_msat)
      expect((buildPacketDocument(parseBuild(document(routed), {}), bytes(session_key), {}) as any).onion).toBe(
        payment.onion,
      );
  });
  it('is peeled at every hop, with amounts, expiries and path keys', () => {
    let packet: Packet | undefined = {
      onion: bytes(payment.onion),
      associatedData: bytes(payment.associated_data),
      htlc: { amountMsat: 110125n, cltvExpiry: 749150n },
    };
    payment.decrypt.forEach((hop: any, i: number) => {
      expect(hex(packet!.onion)).toBe(hop.onion);
      const layer = peel(packet!, scalar(hop.node_privkey));
      if ('refusal' in layer) throw layer.refusal;
      expect(hex(withLength(layer.payloadBytes))).toBe(payment.full_route[i].payload);
      if (layer.next && hop.next_path_key) expect(hex(layer.next.pathKey!)).toBe(hop.next_path_key);
      packet = layer.next;
    });
    expect(packet).toBeUndefined();
  });
  it('costs what its hops cost', () => {
    const relays = payment.full_route.flatMap((hop: any) => hop.tlvs.encrypted_recipient_data?.payment_relay ?? []);
    expect(payinfoDocument(document({ hops: relays }))).toMatchObject({
      fee_base_msat: BigInt(payment.payinfo.fee_base_msat),
      fee_proportional_millionths: BigInt(payment.payinfo.fee_proportional_millionths),
      cltv_expiry_delta: BigInt(payment.payinfo.cltv_expiry_delta),
    });
    expect(codeOf(() => payinfoDocument(document({ hops: [] })))).toBe('malformed-message');
  });
  it('what pays the fee alone, or nothing, is refused: no hop forwards 0 msat', () => {
    const relay = { cltv_expiry_delta: 10n, fee_proportional_millionths: 150n, fee_base_msat: 1000n };
    const of =
      (amountMsat: bigint, base = 1000n) =>
      () =>
        relayed({ amountMsat, cltvExpiry: 100n }, { ...relay, fee_base_msat: base });
    expect([of(999n), of(1000n), of(0n, 0n)].map(codeOf)).toEqual(Array(3).fill('blinding-constraint'));
    expect([of(1001n)().amountMsat, of(1n, 0n)().amountMsat]).toEqual([1n, 1n]);
  });
  it('a path that begins at a channel is none that a route ends at', () => {
    const payinfo = { fee_base_msat: 0, fee_proportional_millionths: 0, cltv_expiry_delta: 0 };
    const blinded_path = { ...message.route, first_node_id: '01'.repeat(9), payinfo };
    const json = { amount_msat: 1000, final_cltv_expiry: 100, hops: [{ pubkey: hex(pubkeyOf(0)) }], blinded_path };
    expect(refusal(() => routeDocument(document(json)))).toMatchObject({
      code: 'malformed-message',
      message: 'blinded_path.first_node_id: a short channel id found, a public key expected',
    });
  });
  it.each([
    // the first of 9 bytes: which end of the channel
    ['00', true],
    ['01', true],
    ['02', false],
  ])('a channel that begins with %s is an introduction: %s', (side, taken) => {
    const first_node_id = side + '09'.repeat(8);
    const work = () => parsePath(document({ ...message.route, first_node_id })).first_node_id;
    if (taken) expect(work()).toBe(first_node_id);
    else expect(codeOf(work)).toBe('malformed-message');
    expect(codeOf(() => parsePath(document({ ...message.route, first_node_id: side.repeat(8) })))).toBe(
      'malformed-message',
    );
  });
  it('a route that ends elsewhere than the path begins is refused', () => {
    const route = (pubkey: string) =>
      routeDocument(
        document({
          amount_msat: 1000,
          final_cltv_expiry: 100,
          hops: [{ pubkey }],
          blinded_path: {
            ...message.route,
            payinfo: { fee_base_msat: 0, fee_proportional_millionths: 0, cltv_expiry_delta: 0 },
          },
        }),
      );
    const first = message.route.first_node_id as string;
    expect((route(first) as any).hops[0].pubkey).toBe(first);
    const other = message.route.hops[0].blinded_node_id as string;
    expect(codeOf(() => route(other))).toBe('malformed-message');
    expect(() => route(other)).toThrow(/first_node_id/);
  });
  it.each(['null', '""', '[]', '"1"', 'true', '1.5', '-1', '65536', '{}'])('%s is no feature bit', (bit) => {
    const json = `{"allowed_features":{"features":[${bit}]}}`;
    expect(codeOf(() => parseFields(RECIPIENT_DATA, new Fields(parseJson(json) as never, '', [])))).toBe(
      'malformed-message',
    );
  });
  it('bits that are some are set', () => {
    const json = '{"allowed_features":{"features":[0,9]}}';
    const read = parseFields(RECIPIENT_DATA, new Fields(parseJson(json) as never, '', []));
    expect(read.allowed_features).toBe('0201');
    for (const bit of [65_534, 65_535]) {
      const far = `{"allowed_features":{"features":[${bit}]}}`;
      const { allowed_features: set } = parseFields(RECIPIENT_DATA, new Fields(parseJson(far) as never, '', []));
      expect([set!.length, set!.slice(0, 2)]).toEqual([2 * 8192, bit === 65_535 ? '80' : '40']);
    }
  });
  it('the aggregate always covers what the hops take', () => {
    const relay = fc.record({
      cltv_expiry_delta: fc.bigInt(0n, 1000n),
      fee_proportional_millionths: fc.bigInt(0n, 50_000n),
      fee_base_msat: fc.bigInt(0n, 100_000n),
    });
    fc.assert(
      fc.property(fc.array(relay, { minLength: 1, maxLength: 8 }), fc.bigInt(1n, 10n ** 12n), (relays, amount) => {
        const info = aggregate(relays);
        const sent = amount + info.fee_base_msat + (amount * info.fee_proportional_millionths) / 1_000_000n;
        let htlc = { amountMsat: sent, cltvExpiry: 100_000n + info.cltv_expiry_delta };
        for (const hop of relays) htlc = relayed(htlc, hop);
        expect(htlc.amountMsat >= amount).toBe(true);
        expect(htlc.cltvExpiry).toBe(100_000n);
      }),
      { numRuns: 500 },
    );
  });
});

describe("BOLT4's onion message", () => {
  const path = parsePath(document(message.route));
  it('is built byte for byte', () => {
    const made = buildOnionMessage(path, { custom: message.custom }, { sessionKey: bytes(message.session_key) });
    expect(hex(made.onion)).toBe(message.onion);
    expect(hex(made.message)).toBe(message.decrypt[0].onion_message);
  });
  it('is as large as a message of Lightning can be, and no larger', () => {
    const size = PACKET_LIMITS.message.most;
    const options = { sessionKey: bytes(message.session_key), size };
    const made = buildOnionMessage(path, { custom: message.custom }, options);
    expect([made.onion.length, made.message.length]).toEqual([65_498, 65_535]);
    expect(readOnionMessage(made.message).onion).toEqual(made.onion);
    const larger = { ...options, size: size + 1 };
    expect(codeOf(() => buildOnionMessage(path, { custom: message.custom }, larger))).toBe('onion-size');
  });
  it('is peeled at every node', () => {
    let next: any = { onion_message: message.decrypt[0].onion_message };
    message.decrypt.forEach((hop: any, i: number) => {
      expect(next.onion_message).toBe(hop.onion_message);
      const made = peelMessageDocument(document({ next }), scalar(hop.privkey), []) as any;
      expect(made.recipient_data_hex).toBe(message.hops[i].encrypted_data_tlv);
      expect(made.final).toBe(i === 3);
      if (!made.final) expect(made.next.node_id).toBe(hop.next_node_id);
      else expect(made.payload.custom).toEqual(message.custom);
      next = made.next;
    });
    expect(next).toBeNull();
    expect(codeOf(() => peelMessageDocument(document({ type: 'onion-message', next: null }), 5n, []))).toBe(
      'nothing-follows',
    );
  });
  it('carries a reply path, over nodes that are named', () => {
    const reply = blindDocument(
      document({ hops: [2, 0].map((i) => ({ node_id: hex(pubkeyOf(i)), tlvs: { path_id: 'aa' } })) }),
      fill(3),
    ) as any;
    const made = buildMessageDocument(
      document({
        nodes: [0, 1, 2].map((i) => hex(pubkeyOf(i))),
        message: { invoice_request: 'c0ffee' },
        reply_path: reply,
      }),
      { session: fill(4), path: fill(5) },
    ) as any;
    let document_: any = made;
    for (const i of [0, 1, 2]) document_ = peelMessageDocument(document(document_), keyOf(i), []);
    expect(document_).toMatchObject({
      final: true,
      payload: { invoice_request: 'c0ffee', reply_path: { first_node_id: reply.first_node_id, hops: reply.hops } },
    });
    expect(hex(writePath(parsePath(document(document_.payload.reply_path))))).toBe(reply.path);
  });
  it('grows to 32768 where it must', () => {
    const made = buildOnionMessage(path, { invoice: 'aa'.repeat(5000) }, { sessionKey: fill(4) });
    expect([made.size, made.onion.length]).toEqual([32768, 32834]);
    expect(codeOf(() => buildOnionMessage(path, { invoice: 'aa'.repeat(40000) }, { sessionKey: fill(4) }))).toBe(
      'onion-overflow',
    );
  });
  it.each([
    // bytes of the invoice, beside 57 of its hop, and of all payloads
    [1242, 1300],
    [1243, 1300],
    [1244, 32_768],
  ])('with an invoice of %i bytes takes %i', (length, size) => {
    const { path: one } = blindPath([{ nodeId: pubkeyOf(0), data: new Uint8Array() }], SESSION);
    const build = (options: object) =>
      buildOnionMessage(one, { invoice: 'aa'.repeat(length) }, { sessionKey: fill(4), ...options });
    expect(build({}).size).toBe(size);
    if (size > 1300) expect(codeOf(() => build({ size: 1300 }))).toBe('onion-overflow');
  });
  it.each([-1, 0, 1])('of the largest size and %i bytes more', (more) => {
    const [packet, pathKey] = [new Uint8Array(65_498 + more), path.first_path_key];
    for (const json of [
      { path_key: pathKey, onion: hex(packet) },
      { onion_message: hex(writeOnionMessage(bytes(path.first_path_key), packet)) },
    ])
      expect(codeOf(() => peelMessageDocument(document(json), keyOf(0), []))).toBe(
        more > 0 ? 'onion-size' : 'onion-point',
      );
  });
  it.each([
    [35, 'malformed'],
    [36, 'malformed'],
    [37, 'taken'],
  ])('of %i bytes is %s', (length, expected) => {
    const whole = writeOnionMessage(bytes(path.first_path_key), new Uint8Array());
    expect(whole).toHaveLength(37);
    if (expected === 'taken') expect(readOnionMessage(whole).onion).toHaveLength(0);
    else expect(codeOf(() => readOnionMessage(whole.subarray(0, length)))).toBe(expected);
  });
  it.each<[object, string]>([
    [{}, 'path: nothing found, a blinded path, or nodes: a list of public keys, expected'],
    [{ nodes: [] }, 'path: nothing found, a blinded path, or nodes: a list of public keys, expected'],
    [
      { nodes: [hex(pubkeyOf(0))], message: { encrypted_recipient_data: 'aa' } },
      'message.encrypted_recipient_data: found, which the path has already',
    ],
  ])('%j is none to build', (json, message) => {
    const random = { session: fill(1), path: fill(2) };
    expect(refusal(() => buildMessageDocument(document(json), random))).toMatchObject({
      code: 'malformed-message',
      message,
    });
  });
  it.each<[string, RecipientData, string | null]>([
    ['with a path id', { next_node_id: hex(pubkeyOf(1)), path_id: 'aa' }, 'onion-field-forbidden'],
    ['without node or channel', {}, 'onion-field-missing'],
    ['with a channel', { short_channel_id: '1x1x1' }, null],
    ['with a node', { next_node_id: hex(pubkeyOf(1)) }, null],
  ])('at a forwarding hop %s', (_, data, code) => {
    const nodes = [pubkeyOf(0), pubkeyOf(1)];
    const made = blindPath(
      nodes.map((nodeId, i) => ({ nodeId, data: writeFields(RECIPIENT_DATA, i === 0 ? data : {}) })),
      SESSION,
    ).path;
    const { onion } = buildOnionMessage(made, {}, { sessionKey: fill(4) });
    const work = () => peelOnionMessage({ pathKey: bytes(made.first_path_key), onion }, keyOf(0));
    if (code === null) expect(work().next).toBeDefined();
    else expect(codeOf(work)).toBe(code);
  });
  it('is refused where BOLT4 has it ignored', () => {
    const hop = path.hops[0]!;
    const around = (payload: Uint8Array, next = false) => {
      const hops = [
        { pubkey: bytes(hop.blinded_node_id), payload: withLength(payload) },
        ...(next ? [{ pubkey: pubkeyOf(1), payload: withLength(fill(1, 2)) }] : []),
      ];
      return {
        pathKey: bytes(path.first_path_key),
        onion: buildPacket(hops, { sessionKey: fill(4), associatedData: new Uint8Array() }).onion,
      };
    };
    const peeled = (payload: Uint8Array, next = false) =>
      codeOf(() => peelOnionMessage(around(payload, next), keyOf(0)));
    const data = bytes(hop.encrypted_data);
    const encrypted = Uint8Array.of(4, data.length, ...data);
    expect(peeled(bytes('4001aa'))).toBe('onion-field-missing');
    expect(peeled(bytes('0401aa'))).toBe('blinding-failed');
    expect(peeled(Uint8Array.of(...encrypted, ...bytes('4001aa4201bb')))).toBe('onion-field-forbidden');
    expect(peeled(Uint8Array.of(...encrypted, ...bytes('4101aa')), true)).toBe('onion-field-forbidden');
    expect(peeled(Uint8Array.of(...encrypted, ...bytes('5001aa')))).toBe('tlv-unknown-even');
    expect(peeled(Uint8Array.of(...bytes('020101'), ...encrypted))).toBe('tlv-value');
    expect(codeOf(() => readOnionMessage(bytes('0202' + 'aa'.repeat(40))))).toBe('malformed');
    expect(codeOf(() => readOnionMessage(bytes(message.decrypt[0].onion_message + '00')))).toBe('onion-size');
    expect(codeOf(() => readOnionMessage(bytes(`0201${'05'.repeat(33)}0000`)))).toBe('wrong-key');
  });
});

describe('any blinded path', () => {
  const hops = [0, 1, 2].map((i) => ({
    node_id: hex(pubkeyOf(i)),
    tlvs:
      i < 2
        ? {
            short_channel_id: '1x1x1',
            payment_relay: { cltv_expiry_delta: 9, fee_proportional_millionths: 10, fee_base_msat: 0 },
          }
        : { path_id: 'ab'.repeat(300) },
  }));
  it('padded, tells all hops as much', () => {
    const made = blindDocument(document({ hops }), fill(1), { pad: true }) as any;
    const lengths = made.hops.map((hop: any) => hop.encrypted_data.length);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(4);
    expect(made.payinfo).toMatchObject({ cltv_expiry_delta: 18n, fee_proportional_millionths: 21n });
    let pathKey = bytes(made.first_path_key);
    for (const [i, hop] of made.hops.entries()) {
      const found = unblind(blindingFor(keyOf(i), pathKey), bytes(hop.encrypted_data));
      expect(found.data.path_id ?? found.data.short_channel_id).toBe(i < 2 ? '1x1x1' : 'ab'.repeat(300));
      pathKey = found.nextPathKey;
    }
  });
  it('comes back from the wire; what is cut or added is refused', () => {
    const { path } = blindDocument(document({ hops }), fill(1)) as any;
    const whole = bytes(path);
    expect(writePath(readPath(whole))).toEqual(whole);
    for (let end = 0; end < whole.length; end += 7)
      expect(codeOf(() => readPath(whole.subarray(0, end)))).toBe('tlv-value');
    expect(codeOf(() => readPath(Uint8Array.of(...whole, 0)))).toBe('tlv-value');
    expect(codeOf(() => readPath(Uint8Array.of(...whole.subarray(0, 66), 0)))).toBe('tlv-value');
    const channel = Uint8Array.of(1, ...fill(9, 8), ...whole.subarray(33));
    expect(writePath(readPath(channel))).toEqual(channel);
  });
  it('is for its nodes only', () => {
    const made = blindDocument(document({ hops }), fill(1)) as any;
    const json = { path_key: made.first_path_key, encrypted_data: made.hops[0].encrypted_data };
    expect(codeOf(() => unblindDocument(document(json), keyOf(1)))).toBe('blinding-failed');
    expect(codeOf(() => unblindDocument(document({ ...json, encrypted_data: '' }), keyOf(0)))).toBe('blinding-failed');
    expect(codeOf(() => unblindDocument(document({ ...json, path_key: '05'.repeat(33) }), keyOf(0)))).toBe('wrong-key');
    expect(unblindDocument(document({ ...json, amount_msat: 1000, cltv_expiry: 100 }), keyOf(0))).toMatchObject({
      forward: { amount_msat: 1000n, cltv_expiry: 91n },
    });
    expect(unblindDocument(document(json), keyOf(0))).not.toHaveProperty('shared_secret');
    expect(codeOf(() => blindDocument(document({ hops: [] }), fill(1)))).toBe('malformed-message');
  });
});
