/** A key that changes hands: the equation over many owners, against @scure's MuSig2, and what two of x, m1, m2 give away. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyAggregate, nonceAggregate, nonceGen as scureNonce, Session } from '@scure/btc-signer/musig2.js';
import {
  bytesToHex,
  hexToBytes,
  mod,
  N,
  parseResidue,
  taggedHash,
  toBytes,
  toNumber,
} from '../../src/lib/signing/curve.ts';
import {
  coinKey,
  firstMessage,
  firstMessageFits,
  nextOffset,
  offsetPoint,
  secondMessage,
  type UpdatePair,
} from '../../src/lib/signing/key-update.ts';
import { keySet } from '../../src/lib/signing/keyset.ts';
import {
  keyAgg,
  nonceAgg,
  nonceGen,
  partialAgg,
  publicKey,
  session,
  sign,
  verifyAggregate,
} from '../../src/lib/signing/musig2.ts';

const ZERO = '00'.repeat(32);
const secret = fc.bigInt({ min: 1n, max: N - 1n }).map(toBytes);
const pub = (s: Uint8Array): string => bytesToHex(publicKey(s));

interface Owner {
  s: Uint8Array;
  o: Uint8Array;
  pair: UpdatePair;
  offset: string;
}
const first = (s: Uint8Array, o: Uint8Array): Owner => ({ s, o, pair: [pub(s), pub(o)], offset: ZERO });
function update(from: Owner, s: Uint8Array, o: Uint8Array, x: Uint8Array) {
  const pair: UpdatePair = [pub(s), pub(o)];
  const m1 = firstMessage(from.pair, from.o, x);
  const m2 = secondMessage(m1, pair, o);
  const offset = nextOffset({ pair: from.pair, offset: from.offset, share: from.s }, { pair, share: s }, m2, x);
  return { m1, m2, owner: { s, o, pair, offset } satisfies Owner };
}

describe('a key update', () => {
  it('keeps the point, over any number of owners, and each pair signs for it', () => {
    fc.assert(
      fc.property(
        secret,
        secret,
        fc.array(fc.tuple(secret, secret, secret), { minLength: 1, maxLength: 4 }),
        (s, o, next) => {
          let owner = first(s, o);
          const P = coinKey(owner.pair, ZERO)!;
          const script = keySet(owner.pair, { offset: ZERO }).script;
          for (const [s2, o2, x] of next) {
            const { m1, owner: after } = update(owner, s2, o2, x);
            expect(firstMessageFits(owner.pair, m1, pub(x))).toBe(true);
            expect(coinKey(after.pair, after.offset)).toBe(P);
            expect(offsetPoint(P, after.pair) === undefined).toBe(false);
            owner = after;
          }
          const set = keySet(owner.pair, { offset: owner.offset });
          expect([set.script, set.internalKey]).toEqual([script, P]);
          const message = taggedHash('message', owner.s);
          const nonces = [owner.s, owner.o].map((key, i) =>
            nonceGen({ random: taggedHash('r', Uint8Array.of(i)), secret: key, pubkey: publicKey(key), message }),
          );
          const made = session(set.agg, nonceAgg(nonces.map((n) => n.pubnonce)), message);
          const partials = nonces.map((n, i) => sign(n.secnonce, [owner.s, owner.o][i]!, made));
          expect(verifyAggregate(partialAgg(partials, made), made)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("is what @scure's Session makes of the keys with the tweaks [t, taproot]", () => {
    const [s, o, s2, o2, x] = [1, 2, 3, 4, 5].map((b) => new Uint8Array(32).fill(b)) as Uint8Array[];
    const { owner } = update(first(s!, o!), s2!, o2!, x!);
    const pubkeys = owner.pair.map(hexToBytes);
    const P = keyAggregate(pubkeys, [hexToBytes(owner.offset)], [false]).aggPublicKey.toBytes(true);
    expect(bytesToHex(P)).toBe(coinKey([pub(s!), pub(o!)], ZERO));
    const tweaks = [hexToBytes(owner.offset), taggedHash('TapTweak', P.slice(1))];
    const message = taggedHash('message');
    const secrets = [owner.s, owner.o];
    const nonces = pubkeys.map((key, i) => scureNonce(key, secrets[i]!));
    const theirs = new Session(nonceAggregate(nonces.map((n) => n.public)), pubkeys, message, tweaks, [false, true]);
    const signature = theirs.partialSigAgg(nonces.map((n, i) => theirs.sign(n.secret, secrets[i]!, true)));
    const ours = session(
      keySet(owner.pair, { offset: owner.offset }).agg,
      nonceAgg(nonces.map((n) => n.public)),
      message,
    );
    expect(verifyAggregate(signature, ours)).toBe(true);
  });

  it('the coefficient of an owner, who stands second, is 1', () => {
    for (let i = 1; i < 20; i++)
      expect(keyAgg([publicKey(toBytes(BigInt(i))), publicKey(toBytes(BigInt(i + 1)))]).coefficients[1]).toBe(1n);
  });

  it('refuses what does not fit: another m1, another m2, another new key', () => {
    fc.assert(
      fc.property(secret, secret, secret, secret, secret, secret, (s, o, s2, o2, x, other) => {
        fc.pre(new Set([s, o, s2, o2, other].map(pub)).size === 5);
        const from = first(s, o);
        const P = coinKey(from.pair, ZERO)!;
        const { m1, m2, owner } = update(from, s2, o2, x);
        expect(firstMessageFits(from.pair, other, pub(x))).toBe(Buffer.compare(other, m1) === 0);
        expect(firstMessageFits(from.pair, m1, pub(other))).toBe(Buffer.compare(other, x) === 0);
        const wrong = toBytes(mod(toNumber(m2) + 1n));
        const t = nextOffset({ pair: from.pair, offset: ZERO, share: s }, { pair: owner.pair, share: s2 }, wrong, x);
        expect(coinKey(owner.pair, t)).not.toBe(P);
        expect(coinKey([owner.pair[0], pub(other)], owner.offset) === P).toBe(Buffer.compare(other, o2) === 0);
      }),
      { numRuns: 8 },
    );
  });

  it('takes numbers below the order, keys that are points, and sums that are no infinity', () => {
    expect(parseResidue(new Uint8Array(32))).toBe(0n);
    expect(parseResidue(toBytes(N - 1n))).toBe(N - 1n);
    for (const bytes of [toBytes(N), new Uint8Array(32).fill(255), new Uint8Array(31)])
      expect(parseResidue(bytes)).toBeUndefined();
    const pair: UpdatePair = [pub(toBytes(3n)), pub(toBytes(4n))];
    expect(coinKey(pair, bytesToHex(toBytes(N)))).toBeUndefined();
    expect(coinKey([pair[0], '02' + 'ff'.repeat(32)], ZERO)).toBeUndefined();
    const { coefficients } = keyAgg(pair.map(hexToBytes));
    const sum = mod(coefficients[0]! * 3n + coefficients[1]! * 4n);
    expect(coinKey(pair, bytesToHex(toBytes(N - sum)))).toBeUndefined();
    expect(firstMessageFits(pair, toBytes(N), pub(toBytes(5n)))).toBe(false);
    expect(firstMessageFits(pair, toBytes(1n), '02' + 'ff'.repeat(32))).toBe(false);
    expect(offsetPoint(coinKey(pair, ZERO)!, pair)).toBeUndefined();
    expect(offsetPoint(coinKey(pair, ZERO)!, ['02' + 'ff'.repeat(32), pair[1]])).toBeUndefined();
  });

  it('whoever sees two of x, m1 and m2 computes a key: what the sealing is for', () => {
    const [s, o, s2, o2, x] = [11, 12, 13, 14, 15].map((b) => new Uint8Array(32).fill(b)) as Uint8Array[];
    const { m1, m2 } = update(first(s!, o!), s2!, o2!, x!);
    expect(mod(toNumber(m1) - toNumber(x!))).toBe(toNumber(o!));
    expect(mod(toNumber(m1) - toNumber(m2))).toBe(toNumber(o2!));
    // x with m2: the difference of the two owners' keys, which gives one for the other.
    expect(mod(toNumber(m2) - toNumber(x!) + toNumber(o2!))).toBe(toNumber(o!));
  });
});
