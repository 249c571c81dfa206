/** Colu against the encoders' published vectors; payments, overflow, asset ids, hidden metadata. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ascii, orMalformed, PayloadCursor, Malformed } from '../../src/lib/assets/bytes.ts';
import { assetIdOf } from '../../src/lib/assets/colu/colour.ts';
import { Colu, coluPayload } from '../../src/lib/assets/colu/decode.ts';
import {
  readFlags,
  readColuPayload,
  readColuPayment,
  readSffc,
  type ColuPayload,
} from '../../src/lib/assets/colu/payload.ts';
import { opReturnScript } from '../../src/lib/assets/script.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';
import { P2PKH, readTxOf, txBytes } from './make.ts';

const small = fixture('assets/colu.json');
const both = (name: string): any[] => [...small[name], ...((vectors(`colu/${name}.json`) as any[]) ?? [])];
const hex = (text: string) => hexToBytes(text);

it.each(both('sffc'))('amount $value is $hex', ({ value, hex: bytes }) => {
  const cursor = new PayloadCursor(hex(bytes));
  expect(readSffc(cursor)).toBe(BigInt(value));
  cursor.end();
});
it.each([...both('payments'), ...both('burn_payments')].filter(({ valid }) => valid))(
  'payment $hex',
  ({ payment, hex: bytes }) => {
    const cursor = new PayloadCursor(hex(bytes));
    const { burn = false, output, range = false, ...rest } = payment;
    expect(readColuPayment(cursor, burn)).toMatchObject({
      ...rest,
      amount: BigInt(rest.amount),
      burn,
      range,
      ...(!burn && { output }),
    });
    cursor.end();
  },
);
it.each(both('issue_flags'))('flags $hex', ({ hex: bytes, divisibility, lockStatus, aggregationPolicy }) => {
  expect(readFlags(hex(bytes)[0]!)).toEqual({ divisibility, locked: lockStatus, policy: aggregationPolicy });
});

it.each([...both('issuance'), ...both('transfer')])('$name: $hex', ({ hex: bytes, decoded, decoded_as_issuance }) => {
  const expected = decoded ?? decoded_as_issuance;
  const found: ColuPayload = readColuPayload(hex(bytes));
  expect(found.version).toBe(expected.version);
  expect(found.payments.map(({ amount, output, skip, percent }) => [amount, output, skip, percent])).toEqual(
    expected.payments.map((p: any) => [BigInt(p.amount), p.burn ? 31 : p.output, p.skip, p.percent]),
  );
  if (found.kind === 'issuance')
    expect([found.amount, found.divisibility, found.locked, found.policy]).toEqual([
      BigInt(expected.amount),
      expected.divisibility,
      expected.lockStatus,
      expected.aggregationPolicy,
    ]);
  expect(found.metadata?.torrent.hash ?? null).toBe(expected.torrentHash ?? null);
  expect(found.metadata?.sha256?.hash ?? null).toBe(expected.sha2 ?? null);
  const hidden = [found.metadata?.sha256, found.metadata?.torrent].flatMap((m) =>
    m?.in === 'multisig' ? [m.key] : [],
  );
  expect(hidden).toEqual(expected.multiSig.map(({ index }: { index: number }) => index));
  if (expected.noRules !== undefined) expect(found.rules).toBe(!expected.noRules);
});

describe('amounts of version 1', () => {
  it('are divided by the divisibility, exactly or not at all', () => {
    // 1500 in SFFC is 15 · 10^2
    expect(readColuPayload(hex('434301062f' + '02' + '40'))).toMatchObject({ kind: 'issuance' });
    expect(orMalformed(() => readColuPayload(hex('434301060f40')))).toMatchObject({ reason: 'fractional-amount' });
  });
});

const OWN = ascii(`${'aa'.repeat(32)}:0`);
describe('colours', () => {
  const funding = txBytes([{ txid: 'ee'.repeat(32), vout: 0 }], [{ sat: 10_000n, script: P2PKH }]);
  const parents = () => {
    const known = new Parents();
    return { known, root: known.add(funding).txid };
  };
  const plain = { sat: 600n, script: P2PKH };
  const data = (payload: string) => ({ sat: 0n, script: opReturnScript(hex(payload)) });

  it('an issuance, a transfer, its rest to the last output', () => {
    const { known, root } = parents();
    const issued = readTxOf([{ txid: root, vout: 0 }], [plain, data('434302060f000f10'), plain]);
    const issue: any = new Colu({ network: 'mainnet', parents: known }).decode(issued.tx);
    expect(issue).toMatchObject({
      status: 'colored',
      overflow: false,
      payload: { kind: 'issuance', amount: '15', locked: true },
    });
    expect(issue.asset_id).toMatch(/^La/);
    expect(issue.outputs[0].assets).toMatchObject([{ quantity: '15' }]);
    known.add(issued.bytes);
    const moved = readTxOf([{ txid: issued.tx.txid, vout: 0 }], [plain, data('434302150004'), plain]);
    const after: any = new Colu({ network: 'mainnet', parents: known }).decode(moved.tx);
    expect(after.outputs.map((o: any) => o.assets.map((a: any) => a.quantity))).toEqual([['4'], [], ['11']]);
    const burned: any = new Colu({ network: 'mainnet', parents: known }).decode(
      readTxOf([{ txid: issued.tx.txid, vout: 0 }], [plain, data('434302251f07'), plain]).tx,
    );
    expect(burned.burned).toMatchObject([{ quantity: '7' }]);
    expect(burned.outputs[2].assets).toMatchObject([{ quantity: '8' }]);
  });
  it.each([
    ['range-payment', '4343021540000f'],
    ['percent-payment', '43430215200f'],
    ['no-such-output', '43430215090f'],
    ['no-such-output', '43430215030f'],
    ['not-enough-units', '43430215001e'],
    ['no-such-input', '43430215800180010001'],
  ])('%s: everything goes to the last output', (why, payload) => {
    const { known, root } = parents();
    const issued = readTxOf([{ txid: root, vout: 0 }], [plain, data('434302060f000f10'), plain]);
    known.add(issued.bytes);
    const found: any = new Colu({ network: 'mainnet', parents: known }).decode(
      readTxOf([{ txid: issued.tx.txid, vout: 0 }], [plain, data(payload), plain]).tx,
    );
    expect(found.warnings).toEqual([`overflow:${why}`]);
    expect(found.outputs.map((o: any) => o.assets.map((a: any) => a.quantity))).toEqual([[], [], ['15']]);
  });
  it('an output is one of the transaction: the last is', () => {
    const { known, root } = parents();
    const issued = readTxOf([{ txid: root, vout: 0 }], [plain, data('434302060f000f10'), plain]);
    known.add(issued.bytes);
    const { tx } = readTxOf([{ txid: issued.tx.txid, vout: 0 }], [plain, plain, plain, data('434302150204')]);
    const found: any = new Colu({ network: 'mainnet', parents: known }).decode(tx);
    expect(found.overflow).toBe(false);
    expect(found.outputs.map((o: any) => o.assets.map((a: any) => a.quantity))).toEqual([[], [], ['4'], ['11']]);
  });
  it('names assets by prefix and origin', () => {
    const of = (locked: boolean, policy: 'aggregatable' | 'hybrid' | 'dispersed') =>
      assetIdOf({ locked, policy, divisibility: 0 }, OWN).slice(0, 2);
    expect([of(true, 'aggregatable'), of(true, 'hybrid'), of(true, 'dispersed')]).toEqual(['La', 'Lh', 'Ld']);
    expect([of(false, 'aggregatable'), of(false, 'hybrid'), of(false, 'dispersed')]).toEqual(['Ua', 'Uh', 'Ud']);
  });
  it('an unlocked asset needs the script that was spent, and says so', () => {
    const { tx } = readTxOf([{ txid: 'cc'.repeat(32), vout: 0 }], [plain, data('434302060f000f00')]);
    expect(new Colu({ network: 'mainnet', parents: new Parents() }).decode(tx)).toMatchObject({
      status: 'undetermined',
      missing: ['cc'.repeat(32)],
    });
  });
  it('a locked asset has its id from the outpoint that is spent, also where parents are missing', () => {
    const bytes = readTxOf([{ txid: 'cc'.repeat(32), vout: 3 }], [plain, data('434302060f000f10')]);
    const found = new Colu({ network: 'mainnet', parents: new Parents() }).decode(bytes.tx);
    const asset = assetIdOf({ locked: true, policy: 'aggregatable', divisibility: 0 }, ascii(`${'cc'.repeat(32)}:3`));
    expect(found).toMatchObject({ status: 'undetermined', asset_id: asset, missing: ['cc'.repeat(32)] });
    const transfer = readTxOf([{ txid: 'cc'.repeat(32), vout: 3 }], [plain, data('434302150004'), plain]);
    expect(new Colu({ network: 'mainnet', parents: new Parents() }).decode(transfer.tx)['asset_id']).toBe(null);
    const coinbase = readTxOf([{ txid: '00'.repeat(32), vout: 0xffffffff }], [plain, data('434302060f000f10')]);
    expect(new Colu({ network: 'mainnet', parents: new Parents() }).decode(coinbase.tx)['asset_id']).toBe(null);
  });
  it('finds metadata hidden in multisig', () => {
    const { known, root } = parents();
    const key = (body: string) => hex(`03${body.padStart(64, '0')}`);
    const push = (bytes: Uint8Array) => [bytes.length, ...bytes];
    const sha2 = '07'.repeat(32);
    const script = Uint8Array.of(
      0x51,
      ...push(key('01')),
      ...push(key(sha2)),
      ...push(key('09'.repeat(20))),
      0x53,
      0xae,
    );
    const { tx } = readTxOf([{ txid: root, vout: 0 }], [{ sat: 700n, script }, data('434302030f000f10'), plain]);
    const found: any = new Colu({ network: 'mainnet', parents: known }).decode(tx);
    expect(found.payload.metadata).toMatchObject({ torrent: { hash: '09'.repeat(20) }, sha256: { hash: sha2 } });
  });
  it.each([
    // bytes of the keys that hide a hash of 32 and one of 20
    [31, 19, null, null],
    [32, 20, '07'.repeat(32), '09'.repeat(20)],
    [33, 21, '07'.repeat(32), '09'.repeat(20)],
  ])('keys of %i and %i bytes hide hashes where they are long enough', (long, short, sha256, torrent) => {
    const push = (size: number, byte: number) => [size, ...new Uint8Array(size).fill(byte)];
    const script = Uint8Array.of(0x51, ...push(33, 1), ...push(long, 7), ...push(short, 9), 0x53, 0xae);
    const { known, root } = parents();
    const { tx } = readTxOf([{ txid: root, vout: 0 }], [{ sat: 700n, script }, data('434302030f000f10'), plain]);
    const found: any = new Colu({ network: 'mainnet', parents: known }).decode(tx);
    expect(found.payload.metadata).toMatchObject({ torrent: { hash: torrent }, sha256: { hash: sha256 } });
    expect(found.warnings).toEqual(sha256 === null ? ['hidden-metadata-not-found'] : []);
  });
  it.each([
    ['43430200', 'unknown-opcode'],
    ['434302ff00', 'unknown-opcode'],
    ['43430307', 'unknown-version'],
    ['4343', 'truncated'],
    ['4343021000', 'truncated'],
    ['434302060f0c', 'reserved-policy'],
    ['4343021501', 'truncated'],
  ])('%s is invalid: %s', (payload, reason) => {
    const { known, root } = parents();
    const { tx } = readTxOf([{ txid: root, vout: 0 }], [plain, data(payload)]);
    expect(new Colu({ network: 'mainnet', parents: known }).decode(tx)).toMatchObject({ status: 'invalid', reason });
  });
  it('no payload ends the program', () => {
    const { known, root } = parents();
    const colu = new Colu({ network: 'mainnet', parents: known });
    const payload = fc.tuple(fc.constantFrom(1, 2), fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 70 }));
    fc.assert(
      fc.property(payload, ([version, opcode, rest]) => {
        const bytes = Uint8Array.of(0x43, 0x43, version, opcode, ...rest);
        const found = orMalformed(() => readColuPayload(bytes));
        const { status } = colu.decode(
          readTxOf([{ txid: root, vout: 0 }], [plain, { sat: 0n, script: opReturnScript(bytes) }, plain]).tx,
        );
        expect(status === 'invalid').toBe(found instanceof Malformed);
      }),
      { numRuns: 1000 },
    );
  });
});

it('a payload alone', () => {
  expect(coluPayload('434302060f010f50')).toMatchObject({ status: 'valid', amount: '15' });
  expect(coluPayload('4343')).toMatchObject({ status: 'invalid', reason: 'truncated' });
  for (const none of ['', '43', '4443020600', '4344020600', '4f41010000'])
    expect(coluPayload(none)).toMatchObject({ status: 'invalid', reason: 'no-tag' });
  expect(codeOf(() => coluPayload('zz'))).toBe('malformed');
});
