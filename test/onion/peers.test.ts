/**
 * Other implementations: LDK peels what we build at every hop and refuses with our codes; Electrum, where installed
 * (Debian: python3-electrum), peels our historic packets, and we its.
 */
import { describe, expect, it } from 'vitest';
import { answerTo } from '../../src/lib/onion/answer.ts';
import { writeLegacyFrame, withLength } from '../../src/lib/onion/payload.ts';
import { buildPacket } from '../../src/lib/onion/packet.ts';
import { peel, type Packet } from '../../src/lib/onion/peel.ts';
import { scidBytes } from '../../src/lib/wire/fields.ts';
import {
  AD,
  bytes,
  fill,
  hasElectrum,
  hex,
  keyOf,
  packetAround,
  packetOf,
  peer,
  pubkeyOf,
  SESSION,
  typed,
} from '../support/onion.ts';
import { fixture } from '../support/vectors.ts';

const keyHex = (i: number) => hex(fill(0x41 + i));
const blinded = fixture('onion/blinded-payment.json');

describe('LDK', () => {
  /** What LDK wants of an HTLC that forwards: 42 blocks and a fee. */
  const payload = (i: number, last: number) => ({
    amt_to_forward: BigInt(1_000_000 - 1000 * i),
    outgoing_cltv_value: BigInt(701_900 - 50 * i),
    ...(i < last
      ? { short_channel_id: `${i}x2x3` }
      : { payment_data: { payment_secret: hex(fill(7)), total_msat: 1_000_000n } }),
  });
  it.each([1, 3, 20, 23])('peels a packet of %i hops at every hop, and hands on our next packet', (hops) => {
    const list = Array.from({ length: hops }, (_, i) => ({
      pubkey: pubkeyOf(i),
      payload: typed(payload(i, hops - 1)),
    }));
    let packet: Packet | undefined = {
      onion: buildPacket(list, { sessionKey: SESSION, associatedData: AD }).onion,
      associatedData: AD,
    };
    const jobs: object[] = [];
    const ours: (Uint8Array | undefined)[] = [];
    for (let i = 0; i < hops; i++) {
      const { amt_to_forward: amount, outgoing_cltv_value: expiry } = payload(i, hops - 1);
      const more = i < hops - 1 ? 1n : 0n;
      jobs.push({
        key: keyHex(i),
        onion: hex(packet!.onion),
        payment_hash: hex(AD),
        amount_msat: Number(amount + more * 1000n),
        cltv_expiry: Number(expiry + more * 50n),
      });
      const layer = peel(packet!, keyOf(i));
      if ('refusal' in layer) throw layer.refusal;
      ours.push((packet = layer.next)?.onion);
    }
    peer('ldk', jobs).forEach((said, i) => {
      const { amt_to_forward: amount, outgoing_cltv_value: expiry } = payload(i, hops - 1);
      expect(said).toMatchObject({ ok: true, amount: String(amount), expiry: Number(expiry) });
      if (i < hops - 1) {
        expect(said.scid).toBe(String(BigInt(`0x${hex(scidBytes(`${i}x2x3`)!)}`)));
        expect(said.next).toBe(hex(ours[i]!));
      } else expect(said).toMatchObject({ final: true, total: '1000000' });
    });
  });
  it('refuses with the same failure codes', () => {
    const good = packetOf(
      typed({
        amt_to_forward: 1n,
        outgoing_cltv_value: 701_000n,
        payment_data: { payment_secret: hex(fill(7)), total_msat: 1n },
      }),
    );
    const altered = (at: number, byte: number) => Uint8Array.from(good, (b, i) => (i === at ? byte : b));
    const base = '02010104030ab2680822'; // amount, expiry, the begin of payment data
    const rows: Uint8Array[] = [
      altered(0, 1),
      altered(0, 255),
      altered(1, 4),
      altered(1, 0),
      altered(1, 5),
      altered(40, good[40]! ^ 1),
      altered(1365, good[1365]! ^ 1),
      packetAround(bytes(`01${'aa'.repeat(60)}`)),
      packetAround(bytes(`fd0005${'aa'.repeat(60)}`)),
      packetAround(bytes(`fdffff${'aa'.repeat(60)}`)),
      packetAround(bytes(`fd04f2${'aa'.repeat(60)}`)),
      packetOf(withLength(bytes('040101020101'))),
      packetOf(withLength(bytes('020101020101'))),
      packetOf(withLength(bytes('02020001'))),
      packetOf(withLength(bytes(`${base}1400`))),
      packetOf(withLength(bytes('0201011400'))),
      packetOf(withLength(bytes('020101'))),
      packetOf(withLength(bytes('0201010401010608000000000000000a'))),
    ];
    const said = peer(
      'ldk',
      rows.map((onion) => ({
        key: keyHex(0),
        onion: hex(onion),
        payment_hash: hex(AD),
        amount_msat: 1,
        cltv_expiry: 701_000,
      })),
    );
    rows.forEach((onion, i) => {
      const ours = peel({ onion, associatedData: AD }, keyOf(0));
      if (!('refusal' in ours)) throw new Error(`row ${i} accepted`);
      expect([i, said[i].code]).toEqual([i, answerTo(ours.refusal, onion, ours.secret, ours).failure_code]);
    });
  });
  it('peels a blinded path as we do: its introduction, and the hops inside by their path keys', () => {
    const associatedData = bytes(blinded.associated_data);
    let packet: Packet | undefined = {
      onion: bytes(blinded.onion),
      associatedData,
      htlc: { amountMsat: 110125n, cltvExpiry: 749150n },
    };
    const jobs: object[] = [];
    const ours: Packet[] = [];
    // Dave takes 25 blocks, LDK wants 42 everywhere; Eve's data is a recipient's own, which LDK expects to be LDK's.
    for (const { node_privkey: key } of blinded.decrypt.slice(0, 3)) {
      const { amountMsat, cltvExpiry } = packet!.htlc!;
      jobs.push({
        key,
        onion: hex(packet!.onion),
        payment_hash: blinded.associated_data,
        amount_msat: Number(amountMsat),
        cltv_expiry: Number(cltvExpiry),
        height: 748900,
        ...(packet!.pathKey && { path_key: hex(packet!.pathKey) }),
      });
      const layer = peel(packet!, BigInt(`0x${key}`));
      if ('refusal' in layer) throw layer.refusal;
      ours.push((packet = layer.next)!);
    }
    peer('ldk', jobs.slice(1)).forEach((said, i) => {
      const { onion, htlc } = ours[i + 1]!;
      expect(said).toMatchObject({ ok: true, next: hex(onion), amount: String(htlc!.amountMsat) });
    });
  });
});

const electrum = hasElectrum();
if (!electrum) console.log('skipped: Electrum (apt-get install python3-electrum)');
describe.skipIf(!electrum)('Electrum', () => {
  const hops = [0, 1, 2, 3].map((i) => ({
    pubkey: pubkeyOf(i),
    fields: { amt_to_forward: 1000n - BigInt(i), outgoing_cltv_value: 500n - BigInt(i), short_channel_id: `${i}x2x3` },
  }));
  const walk = (onion: string, legacy: boolean) => {
    let packet: Packet | undefined = { onion: bytes(onion), associatedData: AD };
    const layers: string[] = [];
    for (let i = 0; packet; i++) {
      const layer = peel(packet, keyOf(i), { legacy });
      if ('refusal' in layer) throw layer.refusal;
      expect(layer.payload.amt_to_forward).toBe(1000n - BigInt(i));
      layers.push(hex(packet.onion));
      packet = layer.next;
    }
    return layers;
  };
  it('peels our historic packets at every hop', () => {
    const list = hops.map(({ pubkey, fields }) => ({ pubkey, payload: writeLegacyFrame(fields, '') }));
    const layers = walk(hex(buildPacket(list, { sessionKey: SESSION, associatedData: AD }).onion), true);
    const said = peer(
      'electrum',
      layers.map((onion, i) => ({ peel: onion, key: keyHex(i), associated_data: hex(AD) })),
    );
    said.forEach((layer, i) =>
      expect(layer).toEqual({
        legacy: true,
        amt_to_forward: 1000 - i,
        outgoing_cltv_value: 500 - i,
        next: layers[i + 1] ?? null,
      }),
    );
  });
  it('builds the historic packets that we build, and we peel its', () => {
    const build = hops.map(({ pubkey, fields }) => ({
      pubkey: hex(pubkey),
      amt_to_forward: Number(fields.amt_to_forward),
      outgoing_cltv_value: Number(fields.outgoing_cltv_value),
      short_channel_id: hex(scidBytes(fields.short_channel_id)!),
    }));
    const [said] = peer('electrum', [{ build, session_key: hex(SESSION), associated_data: hex(AD) }]);
    const list = hops.map(({ pubkey, fields }) => ({ pubkey, payload: writeLegacyFrame(fields, '') }));
    expect(said.onion).toBe(hex(buildPacket(list, { sessionKey: SESSION, associatedData: AD }).onion));
    expect(walk(said.onion, true)).toHaveLength(4);
  });
  it("peels today's packets, and refuses altered ones", () => {
    const list = hops.map(({ pubkey, fields }) => ({ pubkey, payload: typed(fields) }));
    list[3]!.payload = typed({ amt_to_forward: 997n, outgoing_cltv_value: 497n });
    const layers = walk(hex(buildPacket(list, { sessionKey: SESSION, associatedData: AD }).onion), false);
    const said = peer(
      'electrum',
      layers.map((onion, i) => ({ peel: onion, key: keyHex(i), associated_data: hex(AD) })),
    );
    said.forEach((layer, i) =>
      expect(layer).toMatchObject({ legacy: false, amt_to_forward: 1000 - i, next: layers[i + 1] ?? null }),
    );
    const bad = [`01${layers[0]!.slice(2)}`, `0005${layers[0]!.slice(4)}`, `${layers[0]!.slice(0, -2)}ff`];
    const refused = peer(
      'electrum',
      bad.map((onion) => ({ peel: onion, key: keyHex(0), associated_data: hex(AD) })),
    );
    expect(refused.map(({ error }) => error)).toEqual([
      'UnsupportedOnionPacketVersion',
      'InvalidOnionPubkey',
      'InvalidOnionMac',
    ]);
  });
});
