/** Aggregate keys: order, tweaks of BIP341 and BIP86, and the vectors of BIP328. */
import { taprootTweakPubkey } from '@scure/btc-signer/utils.js';
import * as scure from '@scure/btc-signer/musig2.js';
import { p2tr } from '@scure/btc-signer/payment.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf } from '../../src/lib/bitcoin/address.ts';
import { bytesToHex, concatBytes, hexToBytes, taggedHash, toBytes } from '../../src/lib/signing/curve.ts';
import { keySet, sortedKeySet } from '../../src/lib/signing/keyset.ts';
import { applyTweak, InvalidContribution, keyAgg, publicKey } from '../../src/lib/signing/musig2.ts';
import { CURVE, secretKey } from '../support/random.ts';
import { fixture, vectors } from '../support/vectors.ts';

const pubkey = (n: number): string => bytesToHex(publicKey(toBytes(BigInt(n))));
const [a, b] = [pubkey(11), pubkey(12)];

describe('a key set', () => {
  it('is tweaked as BIP341 and BIP86 say, with the true parity', () => {
    fc.assert(
      fc.property(fc.array(secretKey, { minLength: 1, maxLength: 3 }), (secrets) => {
        const pubkeys = secrets.map((s) => bytesToHex(publicKey(s)));
        const set = keySet(pubkeys);
        const plain = scure.keyAggregate(pubkeys.map(hexToBytes)).aggPublicKey.toBytes(true);
        const [x, parity] = taprootTweakPubkey(plain.slice(1), new Uint8Array());
        expect(set.internalKey).toBe(bytesToHex(plain));
        expect(set.script).toBe(`5120${bytesToHex(x)}`);
        expect(set.outputKey).toBe(`0${2 + parity}${bytesToHex(x)}`);
        expect(set.script).toBe(bytesToHex(p2tr(plain.slice(1)).script));
      }),
      CURVE,
    );
  });

  it('has the tweak of the BIP341 vector', () => {
    const { internal, tweak, script, address } = fixture('bip341/key-path.json').taproot;
    expect(bytesToHex(taggedHash('TapTweak', hexToBytes(internal)))).toBe(tweak);
    // An aggregate of one key without its coefficient is the key itself.
    const key = { ...keyAgg([hexToBytes(`02${internal}`)]) };
    const Q = key.points[0]!;
    const tweaked = applyTweak(
      { ...key, Q, xQ: hexToBytes(internal), evenQ: true },
      { tweak: hexToBytes(tweak), xOnly: true },
    );
    expect(`5120${bytesToHex(tweaked.xQ)}`).toBe(script);
    expect(addressOf(script, 'mainnet')).toBe(address);
  });

  it('sorts the keys where it is told to, and only there', () => {
    expect(sortedKeySet([a!, b!])).toBe(sortedKeySet([b!, a!]));
    expect(sortedKeySet([b!, a!]).participants).toEqual([a!, b!].sort());
    expect(keySet([a!, b!]).participants).toEqual([a, b]);
    expect(keySet([a!, b!]).script).not.toBe(keySet([b!, a!]).script);
  });

  it('commits to the keys, their order, the tweak and its mode', () => {
    const set = keySet([a!, b!]);
    const tweak = taggedHash('TapTweak', hexToBytes(set.internalKey.slice(2)));
    const parts = [Uint8Array.of(2), hexToBytes(a!), hexToBytes(b!), Uint8Array.of(1), tweak, Uint8Array.of(1)];
    expect(set.commitment).toEqual(concatBytes(...parts));
    expect(keySet([b!, a!]).commitment).not.toEqual(set.commitment);
  });

  it('refuses a key that is no point, and says which', () => {
    const bad = `02${'00'.repeat(31)}05`;
    expect(() => keySet([a!, bad])).toThrow(new InvalidContribution(1, 'pubkey'));
    expect(() => keySet([a!, a!.slice(2)])).toThrow(InvalidContribution);
  });

  it('is kept, and so are no more than 256', () => {
    const first = keySet([pubkey(1000)]);
    const names = Array.from({ length: 255 }, (_, i) => pubkey(1001 + i));
    for (const name of names) keySet([name]);
    expect(keySet([pubkey(1000)])).toBe(first);
    const last = keySet([names.at(-1)!]);
    keySet([pubkey(1256)]);
    const again = keySet([pubkey(1000)]);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
    expect(keySet([names.at(-1)!])).toBe(last);
  });
});

const bip328 = vectors<{ keys: string[]; aggregate_pubkey: string }[]>('bip328/vectors.json');
if (bip328)
  describe('BIP328, all', () => {
    it.each(bip328)('aggregate $aggregate_pubkey', ({ keys, aggregate_pubkey }) => {
      expect(keySet(keys.map((k) => k.toLowerCase())).internalKey).toBe(aggregate_pubkey.toLowerCase());
    });
  });
