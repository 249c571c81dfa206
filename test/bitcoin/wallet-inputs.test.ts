/** Signatures of wallet inputs: our own, and those of another wallet, verified before they are taken. */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { toTransaction, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { checkWitness, putWitnesses, signKeyPath, witnessesOf } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { toBytes } from '../../src/lib/signing/curve.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { coinOf, signAll, walletKey } from '../support/wallet.ts';

const [tr, wpkh] = [walletKey('p2tr', 1), walletKey('p2wpkh', 2)];
const wsh = `0020${'ab'.repeat(32)}`;
const template: Template = {
  version: 2,
  locktime: 0,
  inputs: [coinOf(tr, 1, 50_000n), coinOf(wpkh, 2, 60_000n), { ...coinOf(tr, 3, 70_000n), script: wsh }].map((c) => ({
    ...c,
    sequence: 0xfffffffd,
  })),
  outputs: [{ sat: 100_000n, script: tr.script }],
};
const [TR, WPKH, WSH] = [0, 1, 2];
const signed = readPsbt(writePsbt(signAll(template, [tr, wpkh])));
const found = witnessesOf(template, signed, [TR, WPKH, WSH]);
const stackOf = (index: number) => found.get(index)!;
const turned = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((b, i) => (i === (at + bytes.length) % bytes.length ? b ^ 1 : b));
const code = (index: number, stack: readonly Uint8Array[], of = template) => {
  try {
    return checkWitness(of, index, stack) ?? 'taken';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('own key-path signatures', () => {
  it('verify, and with other randomness are others', () => {
    const [a, b] = [0, 1].map((n) => signKeyPath(template, TR, tr.secret, new Uint8Array(32).fill(n)));
    expect(a!.map((x) => x.length)).toEqual([64]);
    expect(code(TR, a!)).toBe('taken');
    expect(code(TR, b!)).toBe('taken');
    expect(a).not.toEqual(b);
    expect(signKeyPath(template, TR, tr.secret, new Uint8Array(32))).toEqual(a);
  });
  it('by the wrong key do not verify', () => {
    expect(code(TR, signKeyPath(template, TR, wpkh.secret, new Uint8Array(32)))).toBe('signature-invalid');
  });
});

describe('the signatures of another wallet', () => {
  it('are taken from its PSBT, for the inputs that are asked for', () => {
    expect([...found.keys()]).toEqual([TR, WPKH]);
    expect(stackOf(TR).map((x) => x.length)).toEqual([64]);
    expect(stackOf(WPKH)).toHaveLength(2);
    expect([...witnessesOf(template, signed, [WPKH]).keys()]).toEqual([WPKH]);
    expect(witnessesOf(template, toTransaction(template), [TR, WPKH]).size).toBe(0);
  });

  it('are taken where they are final already, and put back so', () => {
    const tx = readPsbt(writePsbt(putWitnesses(toTransaction(template), found)));
    expect(tx.getInput(TR).finalScriptWitness).toEqual(stackOf(TR));
    expect(tx.getInput(WSH).finalScriptWitness).toBeUndefined();
    expect(witnessesOf(template, tx, [TR, WPKH, WSH])).toEqual(found);
    const both = { ...template, inputs: template.inputs.slice(0, 2) };
    const done = putWitnesses(toTransaction(both), witnessesOf(both, signAll(both, [tr, wpkh]), [0, 1]));
    expect(done.extract().length).toBeGreaterThan(200);
  });

  it('are refused where the transaction is another', () => {
    const others: Template[] = [
      { ...template, outputs: [{ sat: 99_999n, script: tr.script }] },
      { ...template, locktime: 1 },
      { ...template, inputs: template.inputs.map((i) => ({ ...i, sequence: 0xffffffff })) },
      { ...template, inputs: template.inputs.map((i) => ({ ...i, sat: i.sat + 1n })) },
    ];
    for (const other of others)
      for (const index of [TR, WPKH]) expect(code(index, stackOf(index), other)).toBe('signature-invalid');
  });

  it.each([0, 5, 33, -1])('taproot: byte %i turned is refused', (at) => {
    const [signature] = stackOf(TR);
    expect(code(TR, [turned(signature!, at)])).toBe('signature-invalid');
  });
  it.each([4, 20, 40, -2])('P2WPKH: byte %i turned is refused', (at) => {
    const [signature, pubkey] = stackOf(WPKH);
    expect(code(WPKH, [turned(signature!, at), pubkey!])).toBe('signature-invalid');
  });
  it('P2WPKH: another key, order or number of elements is refused', () => {
    const [signature, pubkey] = stackOf(WPKH) as [Uint8Array, Uint8Array];
    expect(
      refusal(() => checkWitness(template, WPKH, [signature, secp256k1.getPublicKey(tr.secret)])).message,
    ).toContain('another public key');
    for (const stack of [[signature], [pubkey, signature], [signature, pubkey, pubkey], []])
      expect(code(WPKH, stack)).not.toBe('taken');
    for (const index of [TR, WPKH, WSH]) expect(code(index, [])).toBe('signature-invalid');
  });
  it('P2WPKH: the same signature with a high s is refused', () => {
    const [signature, pubkey] = stackOf(WPKH) as [Uint8Array, Uint8Array];
    const { r, s } = secp256k1.Signature.fromBytes(signature.slice(0, -1), 'der');
    const high = new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s);
    const bytes = Uint8Array.from([...high.toBytes('der'), 1]);
    expect(code(WPKH, [bytes, pubkey])).toBe('signature-invalid');
  });
});

describe('sighash types', () => {
  it.each([2, 3, 0x81, 0x82, 0x83])('%i is refused, though the signature is good', (type) => {
    const only = {
      ...template,
      inputs: template.inputs.slice(0, 2),
      outputs: [...template.outputs, ...template.outputs].map((o) => ({ ...o, sat: 40_000n })),
    };
    const tx = toTransaction(only);
    for (const [i, key] of [tr, wpkh].entries()) {
      if (key.type === 'p2tr') tx.updateInput(i, { tapInternalKey: schnorr.getPublicKey(key.secret) }, true);
      tx.updateInput(i, { sighashType: type }, true);
      tx.signIdx(key.secret, i, [type], new Uint8Array(32));
      expect(refusal(() => witnessesOf(only, tx, [i]))).toMatchObject({ code: 'sighash-refused', exit: 76 });
    }
  });
  it('ALL is taken, written out or as the default', () => {
    const tx = signAll({ ...template, inputs: template.inputs.slice(0, 2) }, [tr, wpkh], 1);
    const both = witnessesOf({ ...template, inputs: template.inputs.slice(0, 2) }, tx, [0, 1]);
    expect([both.get(0)![0]!.length, both.get(0)![0]![64], both.get(1)![0]!.at(-1)]).toEqual([65, 1, 1]);
  });
  it('a taproot signature has 64 bytes, or 65 of which the last says ALL', () => {
    const [signature] = stackOf(TR) as [Uint8Array];
    for (const last of [0, 2, 4, 0x80])
      expect(code(TR, [Uint8Array.from([...signature, last])])).toBe('sighash-refused');
    for (const bytes of [new Uint8Array(0), signature.slice(1), Uint8Array.from([...signature, 1, 1])])
      expect(code(TR, [bytes])).toBe('sighash-refused');
  });

  const der = (last: number): Uint8Array => {
    const bytes = secp256k1.sign(new Uint8Array(32).fill(1), tr.secret, { prehash: false, format: 'der' });
    return Uint8Array.from([...bytes, last]);
  };
  const script = hexToBytes('51'.repeat(40));
  it('of scripts that are not known are looked at wherever a signature could be', () => {
    expect(code(WSH, [new Uint8Array(0), der(1), der(1), script])).toBe('taken');
    for (const type of [0, 2, 3, 0x81, 0x83])
      expect(code(WSH, [new Uint8Array(0), der(1), der(type), script])).toBe('sighash-refused');
    const control = Uint8Array.from([0xc0, ...new Uint8Array(32)]);
    const [signature] = stackOf(TR) as [Uint8Array];
    const sig = (last: number) => Uint8Array.from([...signature, last]);
    expect(code(TR, [signature, script, control])).toBe('taken');
    expect(code(TR, [sig(1), script, control])).toBe('taken');
    expect(code(TR, [hexToBytes('aa'.repeat(32)), script, control])).toBe('taken');
    for (const type of [2, 3, 0x81, 0x83])
      expect(code(TR, [signature, sig(type), script, control])).toBe('sighash-refused');
  });
  it.each([
    // bytes with the type: a signature in DER has 9 to 73
    [8, 'taken'],
    [9, 'sighash-refused'],
    [10, 'sighash-refused'],
    [72, 'sighash-refused'],
    [73, 'sighash-refused'],
    [74, 'taken'],
  ])('an element of %i bytes that could be a signature of another type: %s', (length, expected) => {
    const element = (type: number) => {
      const bytes = new Uint8Array(length).fill(2);
      bytes.set([0x30, length - 3]);
      bytes[length - 1] = type;
      return bytes;
    };
    expect(code(WSH, [element(2), script])).toBe(expected);
    expect(code(WSH, [element(1), script])).toBe('taken');
  });
  it('what is no signature is left alone', () => {
    const preimage = hexToBytes('30'.repeat(32));
    expect(code(WSH, [preimage, Uint8Array.of(1), new Uint8Array(0), script])).toBe('taken');
  });
});

describe('taproot witnesses of other forms', () => {
  const [signature] = stackOf(TR) as [Uint8Array];
  const annex = Uint8Array.of(0x50);
  // Fail: a key-path spend with an annex is taken for a script path, and nothing of it is checked.
  it.each<[string, Uint8Array[]]>([
    ['no signature, with an annex', [new Uint8Array(64), annex]],
    ['SIGHASH_NONE, with an annex', [Uint8Array.from([...signature, 2]), annex]],
    ['a signature that does not cover its annex', [signature, annex]],
    ['nothing', []],
  ])('%s is refused', (_, stack) => {
    expect(code(TR, stack)).not.toBe('taken');
  });

  it('a signature whose first byte is that of an annex is a signature', () => {
    const draw = (i: number) => signKeyPath(template, TR, tr.secret, toBytes(BigInt(i)));
    let made = draw(0);
    for (let i = 1; made[0]![0] !== 0x50; i++) made = draw(i);
    expect(code(TR, made)).toBe('taken');
  });
});

it('names the input', () => {
  const error = refusal(() =>
    checkWitness(template, WPKH, [der1(), hexToBytes(bytesToHex(secp256k1.getPublicKey(wpkh.secret)))]),
  );
  expect(error.message).toContain('input 1');
  expect(codeOf(() => checkWitness(template, WPKH, [der1(), new Uint8Array(33)]))).toBe('signature-invalid');
});
const der1 = (): Uint8Array =>
  Uint8Array.from([...secp256k1.sign(new Uint8Array(32), tr.secret, { prehash: false, format: 'der' }), 1]);
