/** The walk through parents: deep, wide, lazy, each transaction once; and the four-way guess. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnyAsset } from '../../src/lib/assets/guess.ts';
import { OpenAssets } from '../../src/lib/assets/openassets/decode.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { readTx, type Tx } from '../../src/lib/assets/transaction.ts';
import { coloured, marker, P2PKH, readTxOf, script, txBytes } from './make.ts';

const out = { sat: 600n, script: P2PKH };
const issue = (units: bigint) =>
  readTxOf([{ txid: root().tx.txid, vout: 0 }], [out, { sat: 0n, script: marker([units]) }]);
const root = () => readTxOf([{ txid: 'ee'.repeat(32), vout: 0 }], [{ sat: 1000n, script: script(7) }]);

function chain(length: number): { parents: Parents; last: Tx } {
  const parents = new Parents();
  parents.add(root().bytes);
  let at = issue(5n);
  for (let i = 1; i < length; i++) {
    parents.add(at.bytes);
    at = readTxOf([{ txid: at.tx.txid, vout: i === 1 ? 0 : 1 }], [{ sat: 0n, script: marker([5n]) }, out]);
  }
  return { parents, last: at.tx };
}

describe('back-trace', () => {
  it('a chain of 20,000 in a second and without overflow', () => {
    const { parents, last } = chain(20_000);
    const start = performance.now();
    const found: any = new OpenAssets({ network: 'mainnet', parents }).decode(last);
    const took = performance.now() - start;
    expect(found.outputs[1]).toMatchObject({ quantity: '5', type: 'transfer' });
    // A bound for a busy machine; the benchmark has the ratio.
    expect(took).toBeLessThan(5000);
  });

  it('2,000 levels of two inputs each, once a transaction', () => {
    const asked = new Map<string, number>();
    const bytes = new Map<string, Uint8Array>();
    const keep = (made: { tx: Tx; bytes: Uint8Array }) => {
      bytes.set(made.tx.txid, made.bytes);
      return made.tx;
    };
    const parents = new Parents((txid) => {
      asked.set(txid, (asked.get(txid) ?? 0) + 1);
      return bytes.get(txid);
    });
    keep(root());
    const first = keep(
      readTxOf([{ txid: root().tx.txid, vout: 0 }], [out, out, { sat: 0n, script: marker([5n, 5n]) }]),
    );
    let level = [
      { txid: first.txid, vout: 0 },
      { txid: first.txid, vout: 1 },
    ];
    let last: Tx | undefined;
    for (let i = 0; i < 2000; i++) {
      const made = keep(readTxOf(level, [{ sat: 0n, script: marker([5n, 5n]) }, out, out]));
      level = [
        { txid: made.txid, vout: 1 },
        { txid: made.txid, vout: 2 },
      ];
      last = made;
    }
    const found: any = new OpenAssets({ network: 'mainnet', parents }).decode(last!);
    expect(found.outputs.slice(1)).toMatchObject([{ quantity: '5' }, { quantity: '5' }]);
    expect(Math.max(...asked.values())).toBe(1);
    expect(asked.size).toBe(2001);
  });

  it('asks only for what decides', () => {
    const { tx, parents } = coloured([[5n], [5n]], { quantities: [5n] }, [P2PKH]);
    const asked: string[] = [];
    const watched = new Parents((txid) => {
      asked.push(txid);
      return txid === tx.inputs[1]!.txid ? undefined : parents.get(txid);
    });
    const found = new OpenAssets({ network: 'mainnet', parents: watched });
    expect(found.decode(tx)).toMatchObject({ status: 'colored', missing: [], unchecked_inputs: [1] });
    expect(found.decode(tx, { allInputs: true })).toMatchObject({
      status: 'undetermined',
      missing: [tx.inputs[1]!.txid],
    });
  });

  it('goes on where it stood, parent by parent', () => {
    const { parents, last } = chain(200);
    const given = new Parents();
    const open = new OpenAssets({ network: 'mainnet', parents: given });
    let rounds = 0;
    let found = open.decode(last);
    for (; found.missing.length > 0; found = open.decode(last)) {
      rounds += 1;
      const tx = parents.get(found.missing[0]!)!;
      given.add(txBytes(tx.inputs, tx.outputs));
    }
    expect([found.status, rounds]).toEqual(['colored', 200]);
  });

  it('units are never made: random transfers of random inputs', () => {
    const units = fc.bigInt(1n, 2n ** 62n);
    fc.assert(
      fc.property(
        fc.array(units, { minLength: 1, maxLength: 4 }),
        fc.array(fc.bigInt(0n, 2n ** 62n), { maxLength: 5 }),
        (inputs, wanted) => {
          const { tx, parents } = coloured([inputs], { quantities: wanted }, wanted.map(() => P2PKH).concat([P2PKH]));
          const found: any = new OpenAssets({ network: 'mainnet', parents }).decode(tx);
          const sum = (list: any[]) => list.reduce((total: bigint, { quantity }) => total + BigInt(quantity), 0n);
          expect(sum(found.outputs) + sum(found.destroyed)).toBe(inputs.reduce((a, b) => a + b, 0n));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('decode-assets', () => {
  it('says of each protocol whether and why', () => {
    const { tx, parents } = coloured([[5n]], { quantities: [5n] }, [P2PKH]);
    const found: any = new AnyAsset({ network: 'mainnet', parents }).decode(tx);
    expect(found.protocols.map((p: any) => [p.protocol, p.verdict])).toEqual([
      ['openassets', 'yes'],
      ['colu', 'no'],
      ['epobc', 'no'],
      ['counterparty', 'no'],
    ]);
    expect(found.protocols.every((p: any) => p.why.length > 10)).toBe(true);
  });
  it('any output scripts and any sequence: an answer, never a crash', () => {
    const scripts = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .tuple(
          fc.constantFrom([0x6a, 0x20, 0x4f, 0x41, 1, 0], [0x6a, 0x28, 0x43, 0x43, 2], [0x6a, 0x4d]),
          fc.uint8Array({ maxLength: 60 }),
        )
        .map(([head, rest]) => Uint8Array.of(...head, ...rest)),
    );
    const parents = new Parents();
    const { txid } = parents.add(root().bytes);
    fc.assert(
      fc.property(
        fc.array(scripts, { maxLength: 4 }),
        fc.constantFrom(0x25, 0x33, 0xffffffff, 0x133),
        (list, sequence) => {
          const bytes = txBytes(
            [{ txid, vout: 0, sequence }],
            list.map((bytes_) => ({ sat: 9n, script: bytes_ })),
          );
          const { protocols } = new AnyAsset({ network: 'mainnet', parents }).decode(readTx(bytes));
          expect(protocols).toHaveLength(4);
        },
      ),
      { numRuns: 500 },
    );
  });
});
