/** Transactions: BIP341 signature hashes, ids, sizes, BIP69 order. */
import { schnorr } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import {
  difference,
  feeOf,
  keySpendVsize,
  parseTransaction,
  sortInputs,
  sortOutputs,
  sumSat,
  toTransaction,
  txidOf,
  txidOfHex,
  unsignedHex,
  withWitness,
  type Template,
} from '../../src/lib/bitcoin/transaction.ts';
import { defaultPolicy, termsFrom, type Contract } from '../../src/lib/credit/terms.ts';
import type { Side } from '../../src/lib/signing/side.ts';
import { refund, refundFee, refundVsize, settlementVsize, update } from '../../src/lib/credit/transactions.ts';
import { addressOf } from '../../src/lib/bitcoin/address.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

/** A template out of a raw transaction and what it spends. */
function read(unsigned: string, spent: readonly { script: string; sat: bigint | number }[]): Template {
  const { version, lockTime, inputs, outputs } = parseTransaction(unsigned);
  return {
    version: version as 2,
    locktime: lockTime,
    inputs: inputs.map((i, at) => ({
      txid: bytesToHex(i.txid),
      vout: i.index,
      sequence: i.sequence,
      sat: BigInt(spent[at]!.sat),
      script: spent[at]!.script,
    })),
    outputs: outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) })),
  };
}

interface KeyPath {
  unsigned: string;
  spent: { script: string; sat: number }[];
  index: number;
  sighash: string;
  witness: string[];
}
function keyPath(v: KeyPath): void {
  const template = read(v.unsigned, v.spent);
  expect(unsignedHex(template)).toBe(v.unsigned);
  const hash = taprootSighash(template, v.index);
  expect(bytesToHex(hash)).toBe(v.sighash);
  const { script } = template.inputs[v.index]!;
  expect(schnorr.verify(hexToBytes(v.witness[0]!), hash, hexToBytes(script.slice(4)))).toBe(true);
}

describe('the signature hash of BIP341', () => {
  it('is that of the vector', () => {
    keyPath(fixture('bip341/key-path.json'));
  });
  const bulk = vectors('bip341/wallet-test-vectors.json');
  it.skipIf(!bulk)('is that of every input with the default type', () => {
    let seen = 0;
    for (const { given, inputSpending } of bulk.keyPathSpending)
      for (const one of inputSpending.filter((s: any) => s.given.hashType === 0)) {
        seen += 1;
        keyPath({
          unsigned: given.rawUnsignedTx,
          spent: given.utxosSpent.map((u: any) => ({ script: u.scriptPubKey, sat: u.amountSats })),
          index: one.given.txinIndex,
          sighash: one.intermediary.sigHash,
          witness: one.expected.witness,
        });
      }
    expect(seen).toBeGreaterThan(0);
  });

  const script = `5120${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
  const input = (n: number) => ({ txid: `${n}`.repeat(64), vout: n, sequence: 0xfffffffd, sat: 1000n, script });
  const base: Template = {
    version: 3,
    locktime: 5,
    inputs: [input(1), input(2)],
    outputs: [
      { sat: 900n, script },
      { sat: 800n, script: `0014${'ab'.repeat(20)}` },
    ],
  };
  const first = base.inputs[0]!;
  const second = base.inputs[1]!;
  const changes: [string, string | undefined, Template][] = [
    ['version', 'version 2 found, 3 expected', { ...base, version: 2 }],
    ['locktime', 'nLockTime 6 found, 5 expected', { ...base, locktime: 6 }],
    ['sequence', 'sequence of input 1', { ...base, inputs: [first, { ...second, sequence: 0xfffffffe }] }],
    ['outpoint', `outpoint of input 1 ${'2'.repeat(64)}:3`, { ...base, inputs: [first, { ...second, vout: 3 }] }],
    ['amount of another input', undefined, { ...base, inputs: [first, { ...second, sat: 999n }] }],
    [
      'script of another input',
      undefined,
      { ...base, inputs: [first, { ...second, script: `5120${'01'.repeat(32)}` }] },
    ],
    ['number of inputs', 'number of inputs 1 found, 2 expected', { ...base, inputs: [first] }],
    ['order of inputs', 'outpoint of input 0', { ...base, inputs: [second, first] }],
    [
      'amount of an output',
      'amount of output 0 901 found',
      { ...base, outputs: [{ sat: 901n, script }, base.outputs[1]!] },
    ],
    ['script of an output', 'script of output 1', { ...base, outputs: [base.outputs[0]!, { sat: 800n, script }] }],
    ['number of outputs', 'number of outputs 3 found', { ...base, outputs: [...base.outputs, base.outputs[0]!] }],
  ];
  it.each(changes)('differs with another %s, and the difference is named', (_, words, other) => {
    const index = other.inputs.findIndex((i) => i.vout === 1);
    expect(taprootSighash(other, index)).not.toEqual(taprootSighash(base, 0));
    const found = difference(base, other);
    // What an input spends is no part of the unsigned transaction.
    if (words === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(words);
  });
  it('is one for each input, and the same transaction differs in nothing', () => {
    expect(taprootSighash(base, 0)).not.toEqual(taprootSighash(base, 1));
    expect(difference(base, structuredClone(base))).toBeUndefined();
  });
  it('counts what goes in and out', () => {
    expect([sumSat(base.inputs), sumSat(base.outputs), sumSat([]), feeOf(base)]).toEqual([2000n, 1700n, 0n, 300n]);
  });
});

const scriptOf = fc.constantFrom(
  `5120${'07'.repeat(32)}`,
  `0014${'ab'.repeat(20)}`,
  '51024e73',
  `76a914${'ab'.repeat(20)}88ac`,
  `6a${'00'.repeat(300)}`,
);
const templates: fc.Arbitrary<Template> = fc.record({
  version: fc.constantFrom(2, 3),
  locktime: fc.nat(0xffffffff),
  inputs: fc.uniqueArray(
    fc.record({
      txid: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex),
      vout: fc.nat(0xffffffff),
      sequence: fc.nat(0xffffffff),
      sat: fc.bigInt({ min: 10n ** 10n, max: 10n ** 15n }),
      script: fc.constant(`5120${'05'.repeat(32)}`),
    }),
    { selector: (i) => i.txid, minLength: 1, maxLength: 5 },
  ),
  outputs: fc.array(fc.record({ sat: fc.bigInt({ min: 0n, max: 10n ** 9n }), script: scriptOf }), {
    minLength: 1,
    maxLength: 5,
  }),
});

describe('serialised', () => {
  it('the id is the double hash, before and after signing; the size is the real one', () => {
    fc.assert(
      fc.property(templates, (template) => {
        const unsigned = unsignedHex(template);
        const id = bytesToHex(sha256(sha256(hexToBytes(unsigned))).reverse());
        expect(txidOf(template)).toBe(id);
        const hex = withWitness(
          template,
          template.inputs.map(() => [new Uint8Array(64)]),
        );
        expect(txidOfHex(hex)).toBe(id);
        expect(keySpendVsize(template)).toBe(Math.ceil((3 * unsigned.length + hex.length) / 2 / 4));
        expect(read(hex, template.inputs)).toEqual(template);
        expect(toTransaction(template).id).toBe(id);
      }),
    );
  });
  it('what is no transaction is refused', () => {
    const hex = fixture('bip341/key-path.json').unsigned as string;
    for (const bad of ['', '00', hex.slice(2), hex.slice(0, -2), `${hex}00`, hex.slice(0, -1), 'zz', hex.slice(0, 8)])
      expect(
        codeOf(() => parseTransaction(bad)),
        bad.slice(0, 20),
      ).toBe('malformed-transaction');
  });
});

describe('the order of BIP69', () => {
  it('sorts outputs by amount and script, inputs by id and index, and changes nothing else', () => {
    const outputs = fc.array(fc.record({ sat: fc.bigInt({ min: 0n, max: 3n }), script: scriptOf }));
    fc.assert(
      fc.property(outputs, (list) => {
        const sorted = sortOutputs(list);
        expect(sortOutputs(sorted.toReversed())).toEqual(sorted);
        expect(sorted).toHaveLength(list.length);
        for (const [i, o] of sorted.slice(1).entries()) {
          const before = sorted[i]!;
          expect(before.sat < o.sat || (before.sat === o.sat && before.script <= o.script)).toBe(true);
        }
      }),
    );
    const at = (txid: string, vout: number) => ({ txid, vout });
    const list = [at('ff', 0), at('0a', 10), at('0a', 9), at('00', 5)];
    expect(sortInputs(list)).toEqual([at('00', 5), at('0a', 9), at('0a', 10), at('ff', 0)]);
    expect(list[0]).toEqual(at('ff', 0));
  });
});

describe('the sizes of the credit contract', () => {
  const side = (n: number, script: string): Side => ({
    pubkey: bytesToHex(publicKey(new Uint8Array(32).fill(n))),
    auth: `${n}`.repeat(64),
    address: addressOf(script, 'regtest')!,
  });
  const p2tr = `5120${'07'.repeat(32)}`;
  const p2wpkh = `0014${'ab'.repeat(20)}`;
  const contract = (payerScript: string): Contract => ({
    id: '00'.repeat(32),
    terms: termsFrom(
      'regtest',
      { ...side(1, p2tr), policy: defaultPolicy('regtest'), ecash: 'none', mint_url: null },
      { ...side(2, payerScript), ecash: () => '' },
      1_000_000n,
      5000,
    ),
    outpoint: { txid: '11'.repeat(32), vout: 0 },
  });
  const signed = (template: Template) => withWitness(template, [[new Uint8Array(64)]]);
  const vsize = (template: Template) => Math.ceil((3 * unsignedHex(template).length + signed(template).length) / 2 / 4);

  it('are 154 vB for an update, 111 vB for a refund, 99 vB for one to P2WPKH', () => {
    const taproot = contract(p2tr);
    expect(vsize(update(taproot, 300_000n))).toBe(154);
    expect(settlementVsize(taproot.terms)).toBe(154);
    expect(vsize(refund(taproot))).toBe(111);
    expect(refundVsize(taproot.terms)).toBe(111);
    expect(refundFee(taproot.terms)).toBe(222n);
    const other = contract(p2wpkh);
    expect(vsize(refund(other))).toBe(99);
    expect(refundVsize(other.terms)).toBe(99);
  });
});
