/** EPOBC against the published tags, kernels and transactions; conservation; collisions with relative lock times. */
import { describe, expect, it } from 'vitest';
import { Epobc, affecting, heldBy, tagOf } from '../../src/lib/assets/epobc/decode.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { txFromHex } from '../../src/lib/assets/transaction.ts';
import { fixture, vectors } from '../support/vectors.ts';
import { P2PKH, readTxOf, txBytes } from './make.ts';

const small = fixture('assets/epobc.json');
const given = (name: string): any[] => (vectors(`epobc/${name}.json`) as any[]) ?? small[name];

it.each(given('tags'))('tags: %j', ({ nSequence, tag, padding_code, padding, min_padding, closest_padding_code }) => {
  if (min_padding !== undefined) {
    // The least code whose padding is enough.
    const paddingOf = (code: number) => tagOf(0x33 | (code << 6))!.padding;
    expect(paddingOf(closest_padding_code)).toBeGreaterThanOrEqual(BigInt(min_padding));
    if (closest_padding_code > 0) expect(paddingOf(closest_padding_code - 1)).toBeLessThan(BigInt(min_padding));
  } else if (tag === null) expect(tagOf(nSequence)).toBeUndefined();
  else expect(tagOf(nSequence)).toEqual({ kind: tag, paddingCode: padding_code, padding: BigInt(padding) });
});

it.each(given('kernel'))('kernel: $name', (c) => {
  const tag = tagOf(c.nSequence)!;
  expect([tag.kind === 'genesis' ? 37 : 51, tag.paddingCode, tag.padding]).toEqual([
    c.tag,
    c.padding_code,
    BigInt(c.padding),
  ]);
  const less = (sats: number[]) => sats.map((sat) => BigInt(sat) - tag.padding);
  if (c.is_genesis_tx) return expect(less(c.output_sats)).toEqual(c.expect.map(BigInt));
  const inputs = less(c.input_sats);
  const walked = inputs.slice(0, inputs.findIndex((v) => v <= 0n) < 0 ? undefined : inputs.findIndex((v) => v <= 0n));
  const values = less(c.output_sats);
  const held = affecting(walked, values).map((range, i) => {
    const vins = range ? c.input_colors.slice(range[0], range[1] + 1) : [];
    return heldBy(
      values[i]!,
      vins.map((units: number | null) => (units === null ? undefined : { colour: 'a', units: BigInt(units) })),
    );
  });
  expect(held.map((units) => (units ? Number(units.units) : null))).toEqual(c.expect);
});

it.each(given('transactions'))('transaction $txid', ({ txid, tx, tag, padding_code, color_desc, output_colors }) => {
  const found: any = new Epobc({ network: 'testnet', parents: new Parents() }).decode(txFromHex(tx));
  expect(found.txid).toBe(txid);
  expect(found.tag?.kind ?? null).toBe(tag);
  if (tag === null) return expect(found.status).toBe('uncolored');
  expect(found.tag.padding_code).toBe(padding_code);
  expect(found.outputs.map((o: any) => (o.color ? Number(o.quantity) : null))).toEqual(output_colors);
  expect(found.outputs[0].color).toBe(color_desc);
});

describe('conservation', () => {
  const GENESIS = 0x25;
  const TRANSFER = 0x33;
  const parents = new Parents();
  const genesis = readTxOf([{ txid: 'ee'.repeat(32), vout: 0, sequence: GENESIS }], [{ sat: 10n, script: P2PKH }]);
  const plain = readTxOf([{ txid: 'dd'.repeat(32), vout: 0 }], [{ sat: 1000n, script: P2PKH }]);
  parents.add(genesis.bytes);
  parents.add(plain.bytes);
  const spend = (outputs: bigint[], version = 1) =>
    new Epobc({ network: 'mainnet', parents }).decode(
      readTxOf(
        [
          { txid: genesis.tx.txid, vout: 0, sequence: TRANSFER },
          { txid: plain.tx.txid, vout: 0 },
        ],
        outputs.map((sat) => ({ sat, script: P2PKH })),
        version,
      ).tx,
    ) as any;

  it('the kernel makes 16 units of 10, and the document says so', () => {
    const found = spend([8n, 8n, 990n]);
    expect(found.outputs.map((o: any) => o.quantity)).toEqual(['8', '8', '0']);
    expect(found).toMatchObject({
      status: 'colored',
      conservation: false,
      warnings: ['kernel-made-units-from-nothing'],
    });
  });
  it('is kept otherwise', () => {
    expect(spend([4n, 6n, 990n])).toMatchObject({ conservation: true, warnings: [] });
  });
  it('an output of more units than all inputs hold asks for no input that is not there', () => {
    const { tx } = readTxOf(
      [{ txid: genesis.tx.txid, vout: 0, sequence: TRANSFER }],
      [8n, 8n].map((sat) => ({ sat, script: P2PKH })),
    );
    const found: any = new Epobc({ network: 'mainnet', parents }).decode(tx);
    expect(found).toMatchObject({ status: 'colored', conservation: false, missing: [] });
  });
  it.each([
    // satoshis of the first output above the padding, which decide whether its parent matters
    [-1n, []],
    [0n, []],
    [1n, ['cc'.repeat(32)]],
  ])('an output of the padding and %i sat', (more, missing) => {
    const sequence = TRANSFER | (3 << 6);
    const { padding } = tagOf(sequence)!;
    expect(padding).toBeGreaterThan(1n);
    const outputs = [padding + more, padding + 500n].map((sat) => ({ sat, script: P2PKH }));
    const { tx } = readTxOf([{ txid: 'cc'.repeat(32), vout: 0, sequence }], outputs);
    expect(new Epobc({ network: 'mainnet', parents }).decode(tx)).toMatchObject({ missing });
  });
  it('a tag in version 2 may be a lock time, and needs a genesis', () => {
    const lock = readTxOf([{ txid: plain.tx.txid, vout: 0, sequence: TRANSFER }], [{ sat: 900n, script: P2PKH }], 2);
    expect(new Epobc({ network: 'mainnet', parents }).decode(lock.tx)).toMatchObject({
      status: 'uncolored',
      warnings: ['possible-epobc', 'sequence-is-also-a-relative-locktime'],
    });
    const unknown = readTxOf([{ txid: 'cc'.repeat(32), vout: 0, sequence: TRANSFER }], [{ sat: 900n, script: P2PKH }]);
    expect(new Epobc({ network: 'mainnet', parents }).decode(unknown.tx)).toMatchObject({
      status: 'undetermined',
      missing: ['cc'.repeat(32)],
    });
  });
  it('no outputs, no inputs that reach: nothing', () => {
    expect(affecting([], [])).toEqual([]);
    expect(affecting([5n], [0n, 5n])).toEqual([undefined, undefined]);
    expect(txBytes([], []).length).toBeGreaterThan(0);
  });
});
