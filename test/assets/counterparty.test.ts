/** Counterparty against the published messages and transactions; carriers, CBOR or packed, random bytes. */
import fc from 'fast-check';
import { p2tr } from '@scure/btc-signer/payment.js';
import { RawTx } from '@scure/btc-signer/script.js';
import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import { ascii, orMalformed, Malformed } from '../../src/lib/assets/bytes.ts';
import { carriedBy, rc4 } from '../../src/lib/assets/counterparty/carrier.ts';
import { decodeCounterparty, readCounterpartyMessage } from '../../src/lib/assets/counterparty/decode.ts';
import { assetName, packedAddress, shortAddress, subassetName } from '../../src/lib/assets/counterparty/names.ts';
import { readOps, opReturnScript } from '../../src/lib/assets/script.ts';
import { readTx, txFromHex, type Tx } from '../../src/lib/assets/transaction.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { fixture, vectors } from '../support/vectors.ts';
import { makeTx, P2PKH } from './make.ts';

const small = fixture('assets/counterparty.json');
const both = (name: string): any[] => [...small[name], ...((vectors(`counterparty/${name}.json`) as any[]) ?? [])];
/** A reveal as Counterparty Core composes it, unsigned, with the script that its input will show. */
interface Revealed {
  commit: string;
  reveal: string;
  envelope: string;
  control_block: string;
  data: string;
  message_type: string;
  sends?: Record<string, string>;
}
const hex = (text: string) => hexToBytes(text);
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it('RC4 of RFC 6229 and of the textbook', () => {
  expect(hexOf(rc4(ascii('Key'), ascii('Plaintext')))).toBe('bbf316e8d940af0ad3');
  expect(hexOf(rc4(hex('0102030405'), new Uint8Array(16)))).toBe('b2396305f03dc027ccc3524a0a1118a8');
});

it.each(both('asset_ids').filter(({ id }) => id !== undefined))('asset $name $id', ({ name, id, valid }) => {
  if (valid === false) return expect(orMalformed(() => assetName(BigInt(id)))).toBeInstanceOf(Malformed);
  expect(assetName(BigInt(id))).toBe(name);
});

/** The forms in which the vectors write what documents write as strings. */
function same(found: any, expected: any, at = ''): void {
  if (expected && typeof expected === 'object' && 'bytes' in expected)
    return expect(found, at).toEqual({ hex: expected.bytes });
  if (typeof expected === 'number' || /^\d+$/.test(String(expected)))
    return expect(String(found), at).toBe(String(expected));
  expect(found, at).toEqual(expected);
}
const NETWORKS = ['mainnet', 'regtest', 'testnet'] as const;
const HIDDEN = new Set(['pool_quantity', 'lp_asset']);

it.each(both('messages'))('$type $payload', ({ type, type_id, id_bytes, network, payload, decoded }) => {
  const height = id_bytes === 4 ? 400_000 : undefined;
  const wanted: string | undefined = decoded.address ?? decoded.destination;
  const on = NETWORKS.filter((name) => network.includes(name) || (name !== 'mainnet' && network.includes('test')));
  const read = on.map((name) => readCounterpartyMessage(hex(payload), name, height));
  const message =
    read.find((m: any) => !wanted || m.fields?.address === wanted || m.fields?.destination === wanted) ?? read[0]!;
  expect([message.type_id, message.message_type, message.reason]).toEqual([type_id, type, undefined]);
  const fields: any = message.fields;
  if (type === 'mpma_send') {
    const flat = Object.entries(decoded).flatMap(([asset, sends]) =>
      (sends as any[]).map(([address, quantity, memo]) => ({
        asset,
        address,
        quantity: String(quantity),
        memo: memo ? { hex: memo.bytes } : null,
      })),
    );
    const key = (send: object) => JSON.stringify(send);
    const order = (sends: object[]) => [...sends].sort((a, b) => (key(a) < key(b) ? -1 : 1));
    const matching = read.find((m: any) => key(order(m.fields?.sends ?? [])) === key(order(flat)));
    return expect(matching, key(order(fields?.sends ?? []))).toBeDefined();
  }
  if (Array.isArray(decoded)) return decoded.forEach((value, i) => same(Object.values(fields)[i], value, `${i}`));
  for (const [name, value] of Object.entries(decoded)) if (!HIDDEN.has(name)) same(fields[name], value, name);
});

it.each(both('raw_transactions'))('$message_type_id by $encoding from $source', (c) => {
  const tx = txFromHex(c.tx);
  expect(tx.inputs[0]!.txid).toBe(c.rc4_key);
  const carried = carriedBy(tx)!;
  expect([carried.encoding, carried.vouts]).toEqual([c.encoding, c.outputs]);
  expect(hexOf(carried.message)).toBe(c.payload);
  // Addresses are those of one network or another.
  const all: any[] = [decodeCounterparty(tx, 'regtest'), decodeCounterparty(tx, 'mainnet')];
  const found = all.find(({ status }) => status === 'message') ?? all[0];
  expect(found.message.type_id).toBe(c.message_type_id);
  expect(found).toMatchObject({ status: 'message', validity: 'not-evaluated', encoding: c.encoding });
});

describe('forms', () => {
  const packed = '0200000000000000010000000000000003e86f8d6ae8a3b381663118b4e1eff4cfc7d0954dd6ec6d656d6f';
  it('a height decides', () => {
    const cbor = hex('0284011903e855018d6ae8a3b381663118b4e1eff4cfc7d0954dd6ec446d656d6f');
    expect(readCounterpartyMessage(cbor, 'regtest')).toMatchObject({ format: 'cbor' });
    expect(readCounterpartyMessage(cbor, 'regtest', 902_000)).toMatchObject({ format: 'cbor' });
    expect(readCounterpartyMessage(cbor, 'regtest', 901_999).format).not.toBe('cbor');
    expect(packed.length).toBeGreaterThan(0);
  });
  it('what decodes as CBOR but has another shape is given beside the packed reading', () => {
    // An array of one number, which as an issuance makes no sense.
    const found = readCounterpartyMessage(Uint8Array.of(22, ...encode([4])), 'mainnet');
    expect(found).toMatchObject({ fields: null, alternatives: [{ format: 'cbor', fields: ['4'] }] });
  });
  it('subassets and segwit addresses', () => {
    expect(subassetName(hex('01'))).toBe('a');
    expect(shortAddress(hex(`80${'11'.repeat(20)}`), 'mainnet').script).toBe(`0014${'11'.repeat(20)}`);
    expect(packedAddress(hex(`0301${'22'.repeat(32)}`), 'mainnet').script).toBe(`5120${'22'.repeat(32)}`);
    expect(orMalformed(() => packedAddress(hex('09'), 'mainnet'))).toMatchObject({ reason: 'bad-address' });
    expect(orMalformed(() => shortAddress(hex(`42${'11'.repeat(20)}`), 'mainnet'))).toMatchObject({
      reason: 'bad-address',
    });
  });
});

describe('carriers', () => {
  const MESSAGE = hex('00000000000000000000000100000000000003e8');
  const txid = '11'.repeat(32);
  const sealed = (bytes: Uint8Array) => opReturnScript(rc4(hex(txid), bytes));
  const prefixed = Uint8Array.of(...ascii('CNTRPRTY'), ...MESSAGE);
  const push = (bytes: Uint8Array) => Uint8Array.of(...opReturnScript(bytes).subarray(1));
  const to = { sat: 600n, script: P2PKH };

  it('OP_RETURN, whose destination stands before it', () => {
    const tx = makeTx([{ txid, vout: 0 }], [to, { sat: 0n, script: sealed(prefixed) }, to]);
    expect(decodeCounterparty(tx, 'mainnet')).toMatchObject({
      status: 'message',
      destinations: ['16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM'],
      message: { message_type: 'send', fields: { asset: 'XCP', quantity: '1000' } },
    });
  });
  const PUBKEY = Uint8Array.of(33, 2, ...new Uint8Array(32).fill(5));
  const multisig = (...keys: Uint8Array[]) =>
    Uint8Array.of(0x51, ...keys.flatMap((key) => [...key]), 0x50 + keys.length, 0xae);
  it('multisig over several outputs', () => {
    const key = (bytes: Uint8Array) => Uint8Array.of(33, 2, ...bytes, 0);
    const part = (bytes: Uint8Array) => Uint8Array.of(8 + bytes.length, ...ascii('CNTRPRTY'), ...bytes);
    const padded = (bytes: Uint8Array) => Uint8Array.from({ length: 31 }, (_, i) => bytes[i] ?? 0);
    const two = [MESSAGE.subarray(0, 12), MESSAGE.subarray(12)].map((bytes) => ({
      sat: 600n,
      script: multisig(key(rc4(hex(txid), padded(part(bytes)))), PUBKEY),
    }));
    expect(carriedBy(makeTx([{ txid, vout: 0 }], [to, ...two]))).toMatchObject({
      obfuscated: true,
      message: MESSAGE,
      vouts: [1, 2],
    });
  });
  describe('the first form, of 2014: in clear, a length byte in the second key of 1-of-2', () => {
    const data = (bytes: Uint8Array) => Uint8Array.of(33, bytes.length, ...bytes, ...new Uint8Array(32 - bytes.length));
    const output = (bytes: Uint8Array) => ({ sat: 1_250n, script: multisig(PUBKEY, data(bytes)) });
    const decoded = (outputs: { sat: bigint; script: Uint8Array }[], height?: number) =>
      decodeCounterparty(makeTx([{ txid, vout: 0 }], outputs), 'mainnet', height);
    const send = {
      status: 'message',
      encoding: 'multisig',
      destinations: ['16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM'],
      message: { type_id: 0, message_type: 'send', fields: { asset: 'XCP', quantity: '1000' } },
    };

    it('a send, with and without a height', () => {
      expect(hexOf(data(prefixed))).toMatch(/^211c434e545250525459/);
      for (const height of [undefined, 290_929])
        expect(decoded([to, output(prefixed), to], height)).toMatchObject({ ...send, data_vouts: [1] });
    });
    it('over several outputs: the prefix stands once', () => {
      const parts = [prefixed.subarray(0, 20), prefixed.subarray(20)].map(output);
      expect(decoded([to, ...parts, to])).toMatchObject({ ...send, data_vouts: [1, 2] });
    });
    it('the sent amount of a published transaction, and its destination', () => {
      const published = small.raw_transactions.find(({ source }: { source: string }) => source.includes('1886737b'));
      const tx = txFromHex(published.tx);
      expect(tx.txid).toBe('1886737bb2a4be1af89b1d0e5af427ef2a7fc439e2ed10a42d3efeb1f71b69aa');
      expect(decodeCounterparty(tx, 'mainnet')).toMatchObject({
        destinations: ['1JztLWos5K7LsqW5E78EASgiVBaCe6f7cD'],
        message: { fields: { asset: 'LTBCOIN', quantity: '53383451959' } },
      });
    });
    it('no other multisig is taken for it', () => {
      const keys = [PUBKEY, Uint8Array.of(33, 3, ...new Uint8Array(32).fill(6))];
      const long = Uint8Array.of(33, 33, ...prefixed, ...new Uint8Array(4));
      for (const script of [
        multisig(...keys),
        multisig(PUBKEY, data(prefixed.subarray(1))),
        multisig(PUBKEY, long),
        multisig(PUBKEY, PUBKEY, data(prefixed)),
        Uint8Array.of(0x52, ...multisig(PUBKEY, data(prefixed)).subarray(1)),
      ])
        expect(decoded([to, { sat: 600n, script }])).toMatchObject({ status: 'uncolored', message: null });
    });
  });
  it('P2SH', () => {
    const redeem = Uint8Array.of(0x75, 33, ...new Uint8Array(33).fill(2), 0xad, 0x51, 0x75, 0x74, 0, 0x87);
    const scriptSig = Uint8Array.of(...push(new Uint8Array(71).fill(1)), ...push(prefixed), ...push(redeem));
    const tx = makeTx([{ txid, vout: 0, scriptSig }], [{ sat: 0n, script: sealed(ascii('CNTRPRTYP2SH')) }]);
    expect(carriedBy(tx)).toMatchObject({ encoding: 'p2sh', message: MESSAGE });
  });
  const reveal = (envelope: Uint8Array): Tx => ({
    ...makeTx([{ txid, vout: 0 }], [{ sat: 0n, script: opReturnScript(ascii('CNTRPRTY')) }]),
    witnesses: [[new Uint8Array(64), envelope, new Uint8Array(33)]],
  });
  const enveloped = (...parts: Uint8Array[]) =>
    Uint8Array.of(0, 0x63, ...parts.flatMap((part) => [...part]), 0x68, 32, ...new Uint8Array(32).fill(3), 0xac);
  it('a tapscript that input 0 reveals', () => {
    const found = carriedBy(reveal(enveloped(push(MESSAGE.subarray(0, 9)), push(MESSAGE.subarray(9)))));
    expect(found).toMatchObject({ encoding: 'taproot', message: MESSAGE });
  });
  it('a tapscript with more pushes than one call takes arguments', () => {
    const pushes = new Uint8Array(300_000).fill(0x51);
    const script = new Uint8Array(Buffer.concat([Uint8Array.of(0, 0x63), pushes, Uint8Array.of(0x68)]));
    expect(carriedBy(reveal(script))?.message).toHaveLength(300_000);
    const parts = [enveloped(push(ascii('ord')), Uint8Array.of(0)).subarray(0, -35), pushes, Uint8Array.of(0x68)];
    const found = carriedBy(reveal(new Uint8Array(Buffer.concat(parts))));
    expect(found?.inscription?.content).toHaveLength(300_000);
  });
  const issuance = [22, 2_686_206_940_625_221, 5, true, false, false];
  it.each([
    ['metadata', issuance],
    ['metadata beside that of ordinals', { artist: 'nobody', xcp: issuance }],
  ])('an inscription, whose content is the description, with a list as %s', (_, written) => {
    const metadata = encode(written);
    const envelope = enveloped(
      push(ascii('ord')),
      Uint8Array.of(0x57),
      push(ascii('xcp')),
      Uint8Array.of(0x51),
      push(ascii('text/plain')),
      Uint8Array.of(0x55),
      push(metadata),
      Uint8Array.of(0),
      push(ascii('hello')),
    );
    expect(readOps(envelope).truncated).toBe(false);
    expect(decodeCounterparty(reveal(envelope), 'mainnet')).toMatchObject({
      status: 'message',
      encoding: 'taproot',
      message: {
        message_type: 'issuance',
        fields: { asset: 'TATIANACOIN', quantity: '5', mime_type: 'text/plain', description: 'hello' },
      },
      inscription: { content: 'hello' },
    });
  });
  it.each(small.taproot as Revealed[])('$what: $source', (composed) => {
    const [envelope, control, unsigned] = [composed.envelope, composed.control_block, composed.reveal].map(hex);
    // The commit pays this script: what is revealed is what was composed.
    const { script } = p2tr(control!.subarray(1), { script: envelope! }, undefined, true);
    const [funding, bare] = [txFromHex(composed.commit), readTx(unsigned!)];
    expect([bare.inputs[0]!.txid, hexOf(funding.outputs[0]!.script)]).toEqual([funding.txid, hexOf(script)]);
    const witnesses = [[new Uint8Array(64), envelope!, control!]];
    const reveals = readTx(RawTx.encode({ ...RawTx.decode(unsigned!), segwitFlag: true, witnesses }));
    const found: any = decodeCounterparty(reveals, 'regtest');
    const { message_type, sends } = composed;
    expect(found).toMatchObject({ txid: bare.txid, encoding: 'taproot', message: { message_type } });
    expect(found.message.fields).toEqual(readCounterpartyMessage(hex(composed.data).subarray(8), 'regtest').fields);
    if (sends)
      expect(Object.fromEntries(found.message.fields.sends.map((s: any) => [s.address, s.quantity]))).toEqual(sends);
  });
  it('nothing: an ordinary payment', () => {
    expect(decodeCounterparty(makeTx([{ txid, vout: 0 }], [to]), 'mainnet')).toMatchObject({
      status: 'uncolored',
      message: null,
    });
  });
  it('no bytes end the program', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), fc.uint8Array({ maxLength: 120 }), (type, body) => {
        const bytes = Uint8Array.of(type, ...body);
        for (const height of [undefined, 400_000, 950_000]) readCounterpartyMessage(bytes, 'mainnet', height);
        decodeCounterparty(
          makeTx([{ txid, vout: 0 }], [{ sat: 0n, script: sealed(Uint8Array.of(...ascii('CNTRPRTY'), ...bytes)) }]),
          'mainnet',
        );
        decodeCounterparty(reveal(enveloped(push(bytes))), 'mainnet');
        decodeCounterparty(reveal(bytes), 'mainnet');
      }),
      { numRuns: 500 },
    );
    expect(readCounterpartyMessage(new Uint8Array(100_000).fill(0x81), 'mainnet').fields).toBeNull();
    expect(readCounterpartyMessage(hex('1698ffffffffffffffffff'), 'mainnet').fields).toBeNull();
  });
});
