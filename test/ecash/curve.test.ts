/** The curve work that ecash leans on gives the published figures: NUT-00, NUT-12, NUT-13, NUT-20, by @cashu/cashu-ts. */
import {
  blindMessage,
  createBlindSignature,
  createDLEQProof,
  deriveSecretAndBlindingFactor,
  hash_e,
  hashToCurve,
  pointFromHex,
  verifyDLEQProof,
  verifyMintQuoteSignature,
} from '@cashu/cashu-ts';
import { mnemonicToSeedSync } from '@scure/bip39';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { fixture, vectors } from '../support/vectors.ts';

const curve = fixture('ecash/curve.json');
const point = pointFromHex;
const flipped = (hex: string): string => hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0');

describe('NUT-00', () => {
  const bulk = vectors('cashu/nut00_bdhke.json');
  for (const { hash_to_curve, blind, sign } of bulk ? [curve, bulk] : [curve]) {
    it('hashes to the curve', () => {
      for (const c of hash_to_curve) expect(hashToCurve(hexToBytes(c.message)).toHex(true)).toBe(c.point);
    });
    it('blinds and signs', () => {
      for (const { x, r, B_ } of blind) expect(blindMessage(hexToBytes(x), BigInt(`0x${r}`)).B_.toHex(true)).toBe(B_);
      for (const { k, B_, C_ } of sign)
        expect(createBlindSignature(point(B_), hexToBytes(k), '').C_.toHex(true)).toBe(C_);
    });
  }
});

describe('NUT-12', () => {
  const holds = ({ A, B_, C_, e, s }: Record<string, string>): boolean =>
    verifyDLEQProof({ e: hexToBytes(e!), s: hexToBytes(s!) }, point(B_!), point(C_!), point(A!));
  it('hashes as published', () => {
    for (const { R1, R2, K, C_, e } of curve.hash_e) expect(bytesToHex(hash_e([R1, R2, K, C_].map(point)))).toBe(e);
  });
  it('proves, and not for another challenge, response, key or signature', () => {
    const [dleq] = curve.dleq;
    expect(holds(dleq)).toBe(true);
    const other = curve.hash_to_curve[0].point;
    for (const change of [{ e: flipped(dleq.e) }, { s: flipped(dleq.s) }, { A: other }, { B_: other }, { C_: other }])
      expect(holds({ ...dleq, ...change }), Object.keys(change)[0]).toBe(false);
  });
  it('makes proofs that hold', () => {
    const [{ B_, A }] = curve.dleq;
    const key = hexToBytes('1'.padStart(64, '0'));
    const { e, s } = createDLEQProof(point(B_), key);
    expect(holds({ A, B_, C_: B_, e: bytesToHex(e), s: bytesToHex(s) })).toBe(true);
  });
  it('has nothing in the bulk that is not here', () => {
    const bulk = vectors('cashu/nut12_dleq.json');
    if (!bulk) return;
    expect(bulk.hash_e).toEqual(curve.hash_e);
    expect([bulk.blind_signature.length, bulk.deterministic.length, bulk.proof.length]).toEqual([1, 0, 0]);
  });
});

describe('NUT-13', () => {
  it.each<any>(curve.secrets.keysets)('derives secrets and blinding factors for keyset $id', ({ id, cases }) => {
    const seed = mnemonicToSeedSync(curve.secrets.mnemonic);
    for (const { counter, secret, r } of cases) {
      const derived = deriveSecretAndBlindingFactor(seed, id, counter);
      expect([bytesToHex(derived.secret), bytesToHex(derived.blindingFactor)]).toEqual([secret, r]);
    }
  });
  it('has nothing in the bulk that is not here', () => {
    const bulk = vectors('cashu/nut13_secrets.json');
    if (!bulk) return;
    const [v1, v2] = curve.secrets.keysets;
    expect(bulk.v1.cases.map(({ path: _, ...rest }: any) => rest)).toEqual(v1.cases);
    expect(bulk.v2.cases).toEqual(v2.cases);
  });
});

describe('NUT-20', () => {
  const { pubkey, quote, outputs, signature } = curve.quote;
  it('checks the signature over quote and outputs', () => {
    expect(verifyMintQuoteSignature(pubkey, quote, outputs, signature)).toBe(true);
    expect(vectors('cashu/nut20_signed_mint.json')?.[0].request ?? { quote, outputs, signature }).toEqual({
      quote,
      outputs,
      signature,
    });
  });
  it('refuses another quote, fewer outputs, or another order', () => {
    expect(verifyMintQuoteSignature(pubkey, `${quote}0`, outputs, signature)).toBe(false);
    expect(verifyMintQuoteSignature(pubkey, quote, outputs.slice(1), signature)).toBe(false);
    expect(verifyMintQuoteSignature(pubkey, quote, outputs.toReversed(), signature)).toBe(false);
  });
});
