/** PSBTs of versions 0 and 2: the BIPs' vectors, our own, and those of a counterparty. */
import { RawPSBTV0 } from '@scure/btc-signer/psbt.js';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { base64 } from '@scure/base';
import { schnorr } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import {
  musigPsbt,
  putMusig,
  putMusigOutput,
  readPsbt,
  readSame,
  shareOf,
  templateOf,
  writePsbt,
} from '../../src/lib/bitcoin/psbt.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { toTransaction, unsignedHex, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { keySet, sortedKeySet } from '../../src/lib/signing/keyset.ts';
import { nonceAgg, partialAgg, partialVerify, publicKey, session } from '../../src/lib/signing/musig2.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

interface Vector {
  name: string;
  psbt: string;
  valid: boolean;
  stage?: string;
}

/** Version 0 has no place for the locktimes that version 2 asks for by input: such a PSBT is read, and cannot be written. */
const ONLY_V2 = /all locktime fields|all PSBTv2 fields/;

/**
 * The parser is @scure/btc-signer's. What a vector calls invalid for the signer's reasons (`stage`) is read: our signers
 * rebuild what they sign. Of everything else it accepts nothing that a vector calls invalid.
 */
function suite(cases: readonly Vector[]): void {
  it.each(cases.filter((c) => c.valid || c.stage === 'sign'))('reads: $name', ({ psbt, name }) => {
    const tx = readPsbt(psbt);
    const template = templateOf(tx);
    expect(template.inputs).toHaveLength(tx.inputsLength);
    expect(template.outputs).toHaveLength(tx.outputsLength);
    if (ONLY_V2.test(name)) return expect(() => writePsbt(tx)).toThrow(/PSBTv0/);
    const again = readPsbt(writePsbt(tx));
    expect(templateOf(again)).toEqual(template);
    expect(writePsbt(again)).toBe(writePsbt(tx));
  });
  it.each(cases.filter((c) => !c.valid && c.stage !== 'sign'))('refuses: $name', ({ psbt }) => {
    expect(refusal(() => readPsbt(psbt))).toMatchObject({ code: 'malformed-psbt', exit: 65 });
  });
}

describe('vectors, the selection in fixtures', () => suite(fixture('psbt/selection.json').cases));

for (const bip of ['bip174', 'bip370', 'bip371', 'bip373', 'core_psbt']) {
  const cases = vectors<Vector[]>(`psbt/${bip}.json`);
  if (cases) describe(`vectors, all of ${bip}`, () => suite(cases));
}

const locktimes = vectors<(Vector & { locktime: number | null })[]>('psbt/bip370_locktime.json');
if (locktimes)
  describe('vectors, the locktime of BIP370', () => {
    it.each(locktimes)('$name', ({ psbt, locktime }) => {
      if (locktime === null) expect(() => templateOf(readPsbt(psbt))).toThrow();
      else expect(templateOf(readPsbt(psbt)).locktime).toBe(locktime);
    });
  });

const keys = sortedKeySet([1, 2].map((n) => bytesToHex(publicKey(new Uint8Array(32).fill(n)))));
const template: Template = {
  version: 3,
  locktime: 700_000,
  inputs: [
    { txid: '11'.repeat(32), vout: 0, sequence: 0xfffffffd, sat: 50_000n, script: keys.script },
    { txid: '22'.repeat(32), vout: 7, sequence: 0xfffffffe, sat: 60_000n, script: `0014${'ab'.repeat(20)}` },
  ],
  outputs: [
    { sat: 40_000n, script: keys.script },
    { sat: 60_000n, script: `0014${'cd'.repeat(20)}` },
  ],
};
const [first, second] = keys.participants as [string, string];
const nonce = (n: number) =>
  `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`.repeat(2).slice(0, -2) + `9${8 - n}`;

describe('a PSBT of our own', () => {
  it('is version 0 and holds the whole template', () => {
    const text = writePsbt(toTransaction(template));
    expect(text).toMatch(/^cHNidP8B/);
    expect(templateOf(readPsbt(text))).toEqual(template);
    expect(bytesToHex(readPsbt(text).unsignedTx)).toBe(unsignedHex(template));
  });

  it('is read in version 2 too', () => {
    const v2 = base64.encode(toTransaction(template).toPSBT(2));
    expect(templateOf(readPsbt(v2))).toEqual(template);
    expect(readSame(template, v2, 'peer').inputsLength).toBe(2);
    expect(writePsbt(readPsbt(v2))).toBe(writePsbt(toTransaction(template)));
  });

  it('keeps what it does not know', () => {
    const tx = toTransaction(template);
    const strange = { unknown: [[{ type: 0x77, key: Uint8Array.of(1) }, Uint8Array.of(2)]] } as never;
    tx.updateInput(0, strange, true);
    const again = readPsbt(writePsbt(readPsbt(writePsbt(tx))));
    expect(again.getInput(0).unknown).toEqual([[{ type: 0x77, key: Uint8Array.of(1) }, Uint8Array.of(2)]]);
  });

  it('says 0 and nothing where a PSBT does not say what an input spends', () => {
    const tx = new Transaction({ version: 2 });
    tx.addInput({ txid: '33'.repeat(32), index: 1 });
    tx.addOutput({ script: hexToBytes(template.outputs[1]!.script), amount: 5n });
    expect(templateOf(tx).inputs).toEqual([
      { txid: '33'.repeat(32), vout: 1, sequence: 0xffffffff, sat: 0n, script: '' },
    ]);
  });

  it.each([
    ['', 'malformed-psbt'],
    ['cHNidP8=', 'malformed-psbt'],
    ['not base64!', 'malformed-psbt'],
    ['cHNidP8B'.repeat(100_000), 'too-large'],
  ])('%.12j … is refused: %s', (text, code) => {
    expect(codeOf(() => readPsbt(text))).toBe(code);
  });

  it.each([
    // characters of base64
    [699_999, 'malformed-psbt'],
    [700_000, 'malformed-psbt'],
    [700_001, 'too-large'],
  ])('%i characters that are none: %s', (length, code) => {
    expect(codeOf(() => readPsbt('A'.repeat(length)))).toBe(code);
  });
  it('has as many characters as it may have', () => {
    const text = writePsbt(toTransaction(template));
    for (const longest of [text.length, text.length + 1])
      expect(templateOf(readPsbt(text, { longest }))).toEqual(template);
    expect(codeOf(() => readPsbt(text, { longest: text.length - 1 }))).toBe('too-large');
  });

  it.each<[string, (raw: ReturnType<typeof RawPSBTV0.decode>['inputs'][number]) => void]>([
    ['another amount than', (input) => (input.witnessUtxo!.amount += 1n)],
    ['another script than', (input) => (input.witnessUtxo!.script = hexToBytes('51'))],
    ['an output that is not in', (input) => input.nonWitnessUtxo!.outputs.splice(0, 2)],
    ['another id than that of', (input) => (input.nonWitnessUtxo!.lockTime = 7)],
  ])('that states %s its previous transaction is none', (_, lie) => {
    const outputs = [1n, 2n].map((n) => ({ sat: n * 50_000n, script: template.outputs[0]!.script }));
    const previous = { ...template, outputs };
    const spent = { ...template.inputs[0]!, ...outputs[1]!, txid: toTransaction(previous).id, vout: 1 };
    const tx = toTransaction({ ...template, inputs: [spent] });
    tx.updateInput(0, { nonWitnessUtxo: unsignedHex(previous) }, true);
    const raw = RawPSBTV0.decode(tx.toPSBT(0));
    const text = () => base64.encode(RawPSBTV0.encode(raw));
    expect(templateOf(readPsbt(text())).inputs).toEqual([spent]);
    lie(raw.inputs[0]!);
    expect(codeOf(() => readPsbt(text()))).toBe('malformed-psbt');
  });
});

describe('a PSBT of the counterparty', () => {
  it('must hold exactly the transaction', () => {
    expect(readSame(template, writePsbt(toTransaction(template)), 'payer').id).toBe(toTransaction(template).id);
    const other = { ...template, outputs: [{ ...template.outputs[0]!, sat: 39_999n }, template.outputs[1]!] };
    const found = refusal(() => readSame(template, writePsbt(toTransaction(other)), 'payer'));
    expect(found).toMatchObject({ code: 'transaction-differs', blame: 'payer', exit: 76 });
    expect(found.message).toContain('amount of output 0 39999 found, 40000 expected');
  });

  it('may state what is spent as it likes: the template comes from the own record', () => {
    const other = { ...template, inputs: template.inputs.map((i) => ({ ...i, sat: 1n })) };
    const tx = readSame(template, writePsbt(toTransaction(other)), 'payer');
    expect(tx.unsignedTx).toEqual(toTransaction(template).unsignedTx);
  });

  it.each([
    [0, 0, true],
    [0, 1, false],
    [0, 0x81, false],
    [0, 2, false],
    [0, 3, false],
    [1, 1, true],
    [1, 2, false],
    [1, 0x81, false],
    [1, 0x83, false],
  ])('input %i may not ask for sighash type %i unless it is the default', (index, type, allowed) => {
    const tx = toTransaction(template);
    tx.updateInput(index, { sighashType: type }, true);
    const work = () => readSame(template, writePsbt(tx), 'payer');
    if (allowed) expect(work().getInput(index).sighashType).toBe(type);
    else expect(refusal(work)).toMatchObject({ code: 'sighash-refused', blame: 'payer' });
  });
});

describe('MuSig2 fields', () => {
  const shares = {
    [first]: { pubnonce: nonce(0), partial: '01'.repeat(32) },
    [second]: { pubnonce: nonce(0) },
  };

  it('are keyed by participant and tweaked output key, the participants by the untweaked aggregate', () => {
    const tx = readPsbt(musigPsbt(template, 0, keys, shares));
    const input = tx.getInput(0);
    const hexes = (x: unknown): unknown =>
      x instanceof Uint8Array
        ? bytesToHex(x)
        : Array.isArray(x)
          ? x.map(hexes)
          : x && typeof x === 'object'
            ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, hexes(v)]))
            : x;
    expect(hexes(input.tapInternalKey)).toBe(keys.internalKey.slice(2));
    expect(hexes(input.musig2ParticipantPubkeys)).toEqual([[keys.internalKey, [first, second]]]);
    const place = (participantPubkey: string) =>
      expect.objectContaining({ participantPubkey, aggregatePubkey: keys.outputKey });
    expect(hexes(input.musig2PubNonce)).toEqual(
      expect.arrayContaining([
        [place(first), nonce(0)],
        [place(second), nonce(0)],
      ]),
    );
    expect(hexes(input.musig2PartialSig)).toEqual([[place(first), '01'.repeat(32)]]);
    expect(input.sighashType).toBeUndefined();
  });

  it('of a key with an offset, the participants stay under their plain aggregate', () => {
    const moved = keySet([first, second], { offset: '11'.repeat(32) });
    expect([moved.aggregateKey, moved.internalKey === keys.internalKey]).toEqual([keys.aggregateKey, false]);
    const input = readPsbt(musigPsbt(template, 0, moved, shares)).getInput(0);
    expect(bytesToHex(input.tapInternalKey!)).toBe(moved.internalKey.slice(2));
    expect(input.musig2ParticipantPubkeys!.map(([key]) => bytesToHex(key))).toEqual([moved.aggregateKey]);
  });

  it('are read for a participant and this key alone', () => {
    const tx = readPsbt(musigPsbt(template, 0, keys, shares));
    expect(shareOf(tx, 0, keys, first)).toEqual(shares[first]);
    expect(shareOf(tx, 0, keys, second)).toEqual({ pubnonce: nonce(0), partial: undefined });
    expect(shareOf(tx, 1, keys, first)).toEqual({ pubnonce: undefined, partial: undefined });
    const turned = keySet([second, first]);
    expect(shareOf(tx, 0, turned, first)).toEqual({ pubnonce: undefined, partial: undefined });
    expect(shareOf(tx, 0, { ...keys, outputKey: keys.internalKey }, first).pubnonce).toBeUndefined();
  });

  it('of a script leaf are not taken for the key path', () => {
    const tx = toTransaction(template);
    const place = {
      participantPubkey: hexToBytes(first),
      aggregatePubkey: hexToBytes(keys.outputKey),
      leafHash: new Uint8Array(32),
    };
    tx.updateInput(0, { musig2PubNonce: [[place, hexToBytes(nonce(0))]] } as never, true);
    const read = readPsbt(writePsbt(tx));
    expect(read.getInput(0).musig2PubNonce).toHaveLength(1);
    expect(shareOf(read, 0, keys, first).pubnonce).toBeUndefined();
  });

  it('say of an output whose it is', () => {
    const tx = readPsbt(writePsbt(putMusigOutput(putMusig(toTransaction(template), 0, keys, {}), 0, keys)));
    const output = tx.getOutput(0) as {
      tapInternalKey?: Uint8Array;
      musig2ParticipantPubkeys?: [Uint8Array, Uint8Array[]][];
    };
    expect(bytesToHex(output.tapInternalKey!)).toBe(keys.internalKey.slice(2));
    expect(output.musig2ParticipantPubkeys![0]![1].map((b) => bytesToHex(b))).toEqual([first, second]);
    expect(tx.getInput(0).musig2PubNonce).toBeUndefined();
  });

  // BIP373, "internal key is a MuSig2 aggregate": made by another program, completed by ours.
  const made = (fixture('psbt/selection.json').cases as Vector[]).filter(
    (c) => c.valid && /internal key is a MuSig2/.test(c.name),
  );
  it('of the BIP373 vectors are complete enough to finish the signature', () => {
    expect(made).toHaveLength(3);
    const sets = made.map(({ psbt }) => {
      const tx = readPsbt(psbt);
      const [[aggregate, participants]] = tx.getInput(0).musig2ParticipantPubkeys as unknown as [
        [Uint8Array, Uint8Array[]],
      ];
      const set = keySet(participants.map((p) => bytesToHex(p)));
      expect(set.internalKey).toBe(bytesToHex(aggregate));
      expect(set.script).toBe(bytesToHex(tx.getInput(0).witnessUtxo!.script));
      return { tx, set, shares: set.participants.map((p) => shareOf(tx, 0, set, p)) };
    });
    expect(sets.map(({ shares }) => shares.map((s) => [!!s.pubnonce, !!s.partial]))).toEqual(
      [
        [
          [false, false],
          [false, false],
          [false, false],
        ],
        [
          [true, false],
          [true, false],
          [true, false],
        ],
        [
          [true, true],
          [true, true],
          [true, true],
        ],
      ].map((rows) => rows.slice(0, sets[0]!.set.participants.length)),
    );
    const { tx, set, shares: all } = sets[2]!;
    const message = taprootSighash(templateOf(tx), 0);
    const s = session(set.agg, nonceAgg(all.map((x) => hexToBytes(x.pubnonce!))), message);
    all.forEach((x, i) => expect(partialVerify(hexToBytes(x.partial!), hexToBytes(x.pubnonce!), i, s)).toBe(true));
    const signature = partialAgg(
      all.map((x) => hexToBytes(x.partial!)),
      s,
    );
    expect(schnorr.verify(signature, message, hexToBytes(set.script.slice(4)))).toBe(true);
  });
});
