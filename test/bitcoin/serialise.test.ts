/** What this program writes itself, compared with @scure/btc-signer and @noble/hashes: transactions, signature hashes, hashes. */
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { RawTx } from '@scure/btc-signer/script.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes, MAX_U64 } from '../../src/lib/bitcoin/bytes.ts';
import { ripemd160Of, sha256After, sha256Of } from '../../src/lib/bitcoin/hash.ts';
import { SIGHASH_ALL, Sighashes, taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { toTransaction, unsignedHex, withWitness, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { taggedHash } from '../../src/lib/signing/curve.ts';
import { CASES } from '../support/channel.ts';

type Stacks = readonly (readonly Uint8Array[])[];
/** The encoding of @scure/btc-signer. */
const theirs = ({ version, locktime, inputs, outputs }: Template, stacks?: Stacks): string =>
  bytesToHex(
    RawTx.encode({
      version,
      segwitFlag: stacks !== undefined,
      inputs: inputs.map(({ txid, vout, sequence }) => ({
        txid: hexToBytes(txid),
        index: vout,
        finalScriptSig: new Uint8Array(),
        sequence,
      })),
      outputs: outputs.map(({ sat, script }) => ({ amount: sat, script: hexToBytes(script) })),
      ...(stacks && { witnesses: stacks.map((stack) => [...stack]) }),
      lockTime: locktime,
    }),
  );
const input = (n: number): Template['inputs'][number] => ({
  txid: bytesToHex(sha256(Uint8Array.of(n & 0xff, n >> 8))),
  vout: n,
  sequence: 0xfffffffd,
  sat: 1_000n,
  script: `5120${'05'.repeat(32)}`,
});
const output = (size: number): Template['outputs'][number] => ({ sat: 1n, script: '6a'.repeat(size) });
const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
const one: Template = { version: 2, locktime: 0, inputs: [input(1)], outputs: [output(1)] };

const u32 = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff));
const hex = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength }).map(bytesToHex);
const templates = fc.record({
  version: fc.oneof(fc.integer(), fc.constantFrom(-0x80000000, -1, 0, 1, 2, 3, 0x7fffffff)) as fc.Arbitrary<2>,
  locktime: u32,
  inputs: fc.array(
    fc.record({ txid: hex(32, 32), vout: u32, sequence: u32, sat: fc.bigInt(0n, 10n ** 15n), script: hex(34, 34) }),
    { maxLength: 4 },
  ),
  outputs: fc.array(
    fc.record({
      sat: fc.oneof(fc.bigInt(0n, MAX_U64), fc.constantFrom(0n, MAX_U64)),
      script: fc.oneof(hex(0, 60), hex(250, 256)),
    }),
    { maxLength: 4 },
  ),
});
const element = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 250, maxLength: 256 }));

describe('a transaction that is written', () => {
  it('is what @scure/btc-signer writes, with witnesses and without', () => {
    fc.assert(
      fc.property(templates, fc.array(fc.array(element, { maxLength: 3 }), { maxLength: 4 }), (template, drawn) => {
        expect(unsignedHex(template)).toBe(theirs(template));
        const stacks = template.inputs.map((_, i) => drawn[i] ?? []);
        if (stacks.every((stack) => stack.length === 0)) {
          expect(() => theirs(template, stacks)).toThrow();
          expect(() => withWitness(template, stacks)).toThrow('a witness for each input');
        } else expect(withWitness(template, stacks)).toBe(theirs(template, stacks));
      }),
    );
  });
  it.each([0, 1, 252, 253, 254, 65_535, 65_536])('has the lengths of Bitcoin: %i of everything', (count) => {
    const counted: Template[] = [
      { ...one, outputs: many(count, () => output(0)) },
      { ...one, outputs: [output(count)] },
      { ...one, inputs: many(Math.min(count, 300), input) },
    ];
    for (const template of counted) expect(unsignedHex(template)).toBe(theirs(template));
    for (const stack of [many(Math.min(count, 300), () => new Uint8Array()), [new Uint8Array(count)]])
      if (stack.length > 0) expect(withWitness(one, [stack])).toBe(theirs(one, [stack]));
  });
  it('is written by neither where a number does not fit, a script is no hex, or a txid has another length', () => {
    const [first, to] = [one.inputs[0]!, one.outputs[0]!];
    const bad: Template[] = [
      ...[-1, 2 ** 32, 0.5, NaN].map((locktime) => ({ ...one, locktime })),
      ...[2 ** 31, -(2 ** 31) - 1, 1.5].map((version) => ({ ...one, version: version as 2 })),
      ...[-1, 2 ** 32].flatMap((n) => [
        { ...one, inputs: [{ ...first, vout: n }] },
        { ...one, inputs: [{ ...first, sequence: n }] },
      ]),
      ...[-1n, MAX_U64 + 1n].map((sat) => ({ ...one, outputs: [{ ...to, sat }] })),
      ...['0', 'zz', '0g', 'g0', '/a', ':a', '@a', '`a', '\u0130a', '\u0661a', '00'.repeat(300) + '0'].map(
        (script) => ({ ...one, outputs: [{ ...to, script }] }),
      ),
      ...[31, 33].map((size) => ({ ...one, inputs: [{ ...first, txid: '00'.repeat(size) }] })),
    ];
    const upper = { ...one, outputs: [{ ...to, script: 'ABCDEF' }] };
    expect(unsignedHex(upper)).toBe(theirs(upper));
    for (const template of bad) {
      expect(() => theirs(template)).toThrow();
      expect(() => unsignedHex(template)).toThrow();
    }
    for (const stacks of [[], [[Uint8Array.of(1)], []]]) {
      expect(() => theirs(one, stacks)).toThrow();
      expect(() => withWitness(one, stacks)).toThrow('a witness for each input');
    }
  });
  it('is each published commitment and HTLC transaction again', () => {
    for (const known of CASES.flatMap((c) => [c.commitment, ...c.htlc_transactions])) {
      const { version, lockTime, inputs, outputs, witnesses } = RawTx.decode(hexToBytes(known));
      const template = {
        version: version as 2,
        locktime: lockTime,
        inputs: inputs.map((i) => ({ ...input(0), txid: bytesToHex(i.txid), vout: i.index, sequence: i.sequence })),
        outputs: outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) })),
      };
      expect(witnesses ? withWitness(template, witnesses) : unsignedHex(template)).toBe(known);
    }
  });
});

describe('a signature hash', () => {
  it('is that of @scure/btc-signer for every input, by the key path and by a script', () => {
    const segwit = fc.tuple(templates, fc.array(hex(34, 34), { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(segwit, fc.uint8Array({ maxLength: 300 }), ([drawn, scripts], code) => {
        const inputs = many(3, (n) => ({ ...input(n), script: scripts[n % scripts.length]!, sat: BigInt(n) }));
        const outputs = [output(20), ...drawn.outputs.map(({ script }) => ({ sat: 5n, script }))];
        const template: Template = { ...drawn, version: 2, inputs, outputs };
        const tx = toTransaction(template);
        const hashes = new Sighashes(template);
        inputs.forEach(({ sat }, i) => {
          const spent = [inputs.map((each) => hexToBytes(each.script)), 0, inputs.map((each) => each.sat)] as const;
          expect(taprootSighash(template, i)).toEqual(tx.preimageWitnessV1(i, [...spent[0]], 0, [...spent[2]]));
          expect(hashes.v0(i, code, SIGHASH_ALL)).toEqual(tx.preimageWitnessV0(i, code, SIGHASH_ALL, sat));
        });
      }),
      { numRuns: 30 },
    );
  });
  it('is made of no input that is not there, and of no amount below zero', () => {
    for (const index of [-1, 1]) expect(() => taprootSighash(one, index)).toThrow(`input ${index} of 1`);
    const short = { ...one, outputs: [{ ...output(1), sat: -1n }] };
    expect(() => taprootSighash(short, 0)).toThrow('below zero');
  });
});

describe('a hash in memory that is used again', () => {
  it('is that of a fresh one, in any order, also after one that failed', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, fc.string(), (start, rest, tag) => {
        const [begun, whole] = [sha256After(...start), concatBytes(...start, ...rest)];
        const half = sha256(new TextEncoder().encode(tag));
        for (let round = 0; round < 2; round++) {
          expect(begun(...rest)).toEqual(sha256(whole));
          expect(() => begun(Uint8Array.of(1), 'text' as never)).toThrow();
          expect(begun()).toEqual(sha256(concatBytes(...start)));
          expect(sha256Of(...start, ...rest)).toEqual(sha256(whole));
          expect(ripemd160Of(...start, ...rest)).toEqual(ripemd160(whole));
          expect(taggedHash(tag, ...rest)).toEqual(sha256(concatBytes(half, half, ...rest)));
        }
      }),
    );
  });
});
