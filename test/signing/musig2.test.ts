/** MuSig2 (BIP327): its vectors, another library, and what is refused. */
import { schnorr } from '@noble/curves/secp256k1.js';
import * as scure from '@scure/btc-signer/musig2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesToHex,
  concatBytes,
  hexToBytes,
  mod,
  N,
  pointBytes,
  toBytes,
  toNumber,
} from '../../src/lib/signing/curve.ts';
import {
  applyTweak,
  deterministicSign,
  InvalidContribution,
  keyAgg,
  keySort,
  nonceAgg,
  nonceGen,
  parseNonce,
  partialAgg,
  partialVerify,
  publicKey,
  session,
  sign,
  verifyAggregate,
  type KeyAgg,
  type Tweak,
} from '../../src/lib/signing/musig2.ts';
import { fromBip, type Cases, type Tweaked, type Wrong } from '../support/bip327.ts';
import { bytes32, CURVE, scalar, secretKey } from '../support/random.ts';
import { fixture, vectors } from '../support/vectors.ts';

const hex = (text: string | null): Uint8Array | undefined => (text === null ? undefined : hexToBytes(text));
const all = (list: readonly string[]): Uint8Array[] => list.map(hexToBytes);
const aggregate = (pubkeys: readonly Uint8Array[], tweaks: readonly Tweak[]): KeyAgg =>
  tweaks.reduce(applyTweak, keyAgg(pubkeys));
const keys = (c: { pubkeys: string[]; tweaks?: Tweaked[] }): KeyAgg =>
  aggregate(
    all(c.pubkeys),
    (c.tweaks ?? []).map(({ tweak, xOnly }) => ({ tweak: hexToBytes(tweak), xOnly })),
  );

function thrown(work: () => unknown): Wrong | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof InvalidContribution) return { signer: error.signer, part: error.part };
    return { value: (error as Error).message };
  }
}
/** The words are the BIP's reference code's; ours are our own. */
const expectWrong = (found: Wrong | undefined, wanted: Wrong): void =>
  expect(found).toEqual('value' in wanted ? { value: expect.any(String) } : wanted);

function suite(cases: Cases): void {
  it.each(cases.keySort)('KeySort', (c) => {
    expect(keySort(all(c.pubkeys)).map(bytesToHex)).toEqual(c.sorted);
  });
  it.each(cases.keyAgg)('KeyAgg: $name', (c) => {
    if (c.error)
      expectWrong(
        thrown(() => keys(c)),
        c.error,
      );
    else expect(bytesToHex(keys(c).xQ)).toBe(c.expected);
  });
  it.each(cases.nonceGen)('NonceGen: $name', (c) => {
    const made = nonceGen({
      random: hexToBytes(c.random),
      secret: hex(c.secret),
      pubkey: hexToBytes(c.pubkey),
      aggregate: hex(c.aggregate),
      message: hex(c.message),
      extra: hex(c.extra),
    });
    expect(bytesToHex(made.secnonce)).toBe(c.secnonce);
    expect(bytesToHex(made.pubnonce)).toBe(c.pubnonce);
  });
  it.each(cases.nonceAgg)('NonceAgg: $name', (c) => {
    if (c.error)
      expectWrong(
        thrown(() => nonceAgg(all(c.pubnonces))),
        c.error,
      );
    else expect(bytesToHex(nonceAgg(all(c.pubnonces)))).toBe(c.expected);
  });
  it.each(cases.sign)('Sign: $name', (c) => {
    const secnonce = hexToBytes(c.secnonce);
    const work = () => {
      const s = session(keys(c), hexToBytes(c.aggnonce), hexToBytes(c.message));
      return { s, partial: sign(secnonce, hexToBytes(c.secret), s) };
    };
    if (c.error) return expectWrong(thrown(work), c.error);
    const { s, partial } = work();
    expect(bytesToHex(partial)).toBe(c.expected);
    expect(secnonce).toEqual(new Uint8Array(97));
    const pubnonces = all(c.pubnonces);
    expect(bytesToHex(nonceAgg(pubnonces))).toBe(c.aggnonce);
    expect(partialVerify(partial, pubnonces[c.index]!, c.index, s)).toBe(true);
    expect(partialVerify(partial, pubnonces[(c.index + 1) % pubnonces.length]!, c.index, s)).toBe(false);
  });
  it.each(cases.verify)('PartialSigVerify: $name', (c) => {
    const work = () => {
      const pubnonces = all(c.pubnonces);
      const s = session(keys(c), nonceAgg(pubnonces), hexToBytes(c.message));
      return partialVerify(hexToBytes(c.partial), pubnonces[c.index]!, c.index, s);
    };
    if (c.error) expectWrong(thrown(work), c.error);
    else expect(work()).toBe(false);
  });
  it.each(cases.sigAgg)('PartialSigAgg: $name', (c) => {
    const s = session(keys(c), hexToBytes(c.aggnonce), hexToBytes(c.message));
    if (c.error)
      return expectWrong(
        thrown(() => partialAgg(all(c.partials), s)),
        c.error,
      );
    const signature = partialAgg(all(c.partials), s);
    expect(bytesToHex(signature)).toBe(c.expected);
    expect(verifyAggregate(signature, s)).toBe(true);
    expect(schnorr.verify(signature, hexToBytes(c.message), s.key.xQ)).toBe(true);
  });
  it.each(cases.detSign)('DeterministicSign: $name', (c) => {
    const work = () =>
      deterministicSign(hexToBytes(c.secret), hexToBytes(c.aggothernonce), keys(c), hexToBytes(c.message), hex(c.rand));
    if (c.error) return expectWrong(thrown(work), c.error);
    const made = work();
    expect(bytesToHex(made.pubnonce)).toBe(c.pubnonce);
    expect(bytesToHex(made.partial)).toBe(c.partial);
    expect(partialVerify(made.partial, made.pubnonce, c.index, made.session)).toBe(true);
  });
}

describe('BIP327, the selection in fixtures', () => {
  const of = (name: string) => fixture(`bip327/${name}.json`).cases;
  suite({
    keySort: of('key-sort'),
    keyAgg: of('key-agg'),
    nonceGen: of('nonce-gen'),
    nonceAgg: of('nonce-agg'),
    sign: of('sign'),
    verify: of('verify'),
    sigAgg: of('sig-agg'),
    detSign: of('det-sign'),
  });
});

const NAMES = ['key_sort', 'key_agg', 'nonce_gen', 'nonce_agg', 'sign_verify', 'tweak', 'sig_agg', 'det_sign'];
const files = Object.fromEntries(NAMES.map((name) => [name, vectors(`bip327/${name}_vectors.json`)]));
if (NAMES.every((name) => files[name] !== undefined)) describe('BIP327, all', () => suite(fromBip(files)));

describe('beside @scure/btc-signer', () => {
  const tweak = fc.record({ tweak: scalar, xOnly: fc.boolean() });
  const tweaks = fc.array(tweak, { maxLength: 3 });
  const signers = fc.array(secretKey, { minLength: 2, maxLength: 4 });
  const split = (list: readonly Tweak[]) => [list.map((t) => t.tweak), list.map((t) => t.xOnly)] as const;

  it('aggregates and tweaks alike, keys given twice among them', () => {
    const many = fc.oneof(
      signers,
      secretKey.map((s) => [s, s]),
      fc.tuple(secretKey, secretKey).map(([a, b]) => [a, a, b, b]),
    );
    fc.assert(
      fc.property(many, tweaks, (secrets, list) => {
        const pubkeys = secrets.map(publicKey);
        expect(pubkeys).toEqual(secrets.map((s) => scure.IndividualPubkey(s)));
        expect(keySort(pubkeys)).toEqual(scure.sortKeys(pubkeys));
        const ours = aggregate(pubkeys, list);
        const theirs = scure.keyAggregate(pubkeys, ...(split(list).map((l) => [...l]) as [Uint8Array[], boolean[]]));
        expect(pointBytes(ours.Q)).toEqual(theirs.aggPublicKey.toBytes(true));
        expect(ours.xQ).toEqual(scure.keyAggExport(theirs));
        expect([ours.gacc, ours.tacc]).toEqual([theirs.gAcc, theirs.tweakAcc]);
      }),
      CURVE,
    );
  });

  it('draws the same nonces', () => {
    const maybe = (arbitrary: fc.Arbitrary<Uint8Array>) => fc.option(arbitrary, { nil: undefined });
    fc.assert(
      fc.property(
        bytes32,
        secretKey,
        fc.boolean(),
        maybe(bytes32),
        maybe(fc.uint8Array({ maxLength: 80 })),
        maybe(fc.uint8Array({ maxLength: 80 })),
        (random, secret, mix, agg, message, extra) => {
          const pubkey = publicKey(secret);
          const mixed = mix ? secret : undefined;
          const ours = nonceGen({ random, secret: mixed, pubkey, aggregate: agg, message, extra });
          const theirs = scure.nonceGen(pubkey, mixed, agg, message, extra, random);
          expect(ours).toEqual({ secnonce: theirs.secret, pubnonce: theirs.public });
        },
      ),
      CURVE,
    );
  });

  it('makes the same partials and the same signature, and each nonce signs once', () => {
    fc.assert(
      fc.property(signers, tweaks, bytes32, bytes32, (secrets, list, message, random) => {
        const pubkeys = secrets.map(publicKey);
        const key = aggregate(pubkeys, list);
        const nonces = secrets.map((secret, i) =>
          nonceGen({ random: random.map((b) => b ^ i), secret, pubkey: pubkeys[i]!, aggregate: key.xQ, message }),
        );
        const pubnonces = nonces.map((n) => n.pubnonce);
        const aggnonce = nonceAgg(pubnonces);
        expect(aggnonce).toEqual(scure.nonceAggregate(pubnonces));
        const ours = session(key, aggnonce, message);
        const theirs = new scure.Session(aggnonce, pubkeys, message, ...(split(list) as [Uint8Array[], boolean[]]));
        const partials = nonces.map(({ secnonce }, i) => {
          const copy = secnonce.slice();
          const partial = sign(secnonce, secrets[i]!, ours);
          expect(secnonce).toEqual(new Uint8Array(97));
          expect(() => sign(secnonce, secrets[i]!, ours)).toThrow(/was used/);
          expect(partial).toEqual(theirs.sign(copy, secrets[i]!, true));
          expect(partialVerify(partial, pubnonces[i]!, i, ours)).toBe(true);
          return partial;
        });
        const signature = partialAgg(partials, ours);
        expect(signature).toEqual(theirs.partialSigAgg(partials));
        expect(verifyAggregate(signature, ours)).toBe(true);
        expect(schnorr.verify(signature, message, key.xQ)).toBe(true);
      }),
      CURVE,
    );
  });

  it('signs deterministically alike, and the nonces sum to a session that verifies', () => {
    fc.assert(
      fc.property(
        signers,
        tweaks,
        fc.uint8Array({ maxLength: 70 }),
        fc.option(bytes32, { nil: undefined }),
        bytes32,
        (secrets, list, message, rand, random) => {
          const pubkeys = secrets.map(publicKey);
          const key = aggregate(pubkeys, list);
          const last = secrets.length - 1;
          const others = secrets
            .slice(0, last)
            .map((secret, i) => nonceGen({ random: random.map((b) => b ^ i), secret, pubkey: pubkeys[i]!, message }));
          const aggother = nonceAgg(others.map((n) => n.pubnonce));
          const ours = deterministicSign(secrets[last]!, aggother, key, message, rand);
          const theirs = scure.deterministicSign(
            secrets[last]!,
            aggother,
            pubkeys,
            message,
            ...(split(list) as [Uint8Array[], boolean[]]),
            rand,
            true,
          );
          expect(ours).toMatchObject({ pubnonce: theirs.publicNonce, partial: theirs.partialSig });
          const partials = others.map((n, i) => sign(n.secnonce, secrets[i]!, ours.session));
          const signature = partialAgg([...partials, ours.partial], ours.session);
          expect(verifyAggregate(signature, ours.session)).toBe(true);
          expect(schnorr.verify(signature, message, key.xQ)).toBe(true);
        },
      ),
      CURVE,
    );
  });
});

describe('what is refused', () => {
  const secrets = [1, 2, 3].map((n) => toBytes(BigInt(n) * 1_000_003n));
  const pubkeys = secrets.map(publicKey);
  const message = new Uint8Array(32).fill(7);
  const key = applyTweak(keyAgg(pubkeys.slice(0, 2)), { tweak: new Uint8Array(32).fill(9), xOnly: true });
  const draw = (i: number) =>
    nonceGen({ random: new Uint8Array(32).fill(i), secret: secrets[i]!, pubkey: pubkeys[i]! });
  const nonces = [draw(0), draw(1)];
  const pubnonces = nonces.map((n) => n.pubnonce);
  const s = session(key, nonceAgg(pubnonces), message);

  it.each([
    ['a nonce of another key', () => draw(1).secnonce, secrets[0]!, /another key/],
    ['a key outside the set', () => draw(2).secnonce, secrets[2]!, /not one of those/],
    ['a nonce of zero', () => concatBytes(new Uint8Array(64), pubkeys[0]!), secrets[0]!, /was used/],
    ['a first half of zero', () => concatBytes(toBytes(0n), toBytes(1n), pubkeys[0]!), secrets[0]!, /was used/],
    ['a first half that is the order', () => concatBytes(toBytes(N), toBytes(1n), pubkeys[0]!), secrets[0]!, /range/],
    ['a second half of zero', () => concatBytes(toBytes(1n), toBytes(0n), pubkeys[0]!), secrets[0]!, /was used/],
    ['a second half that is the order', () => concatBytes(toBytes(1n), toBytes(N), pubkeys[0]!), secrets[0]!, /range/],
    ['a secret key of zero', () => draw(0).secnonce, new Uint8Array(32), /range/],
    ['a secret key that is the order', () => draw(0).secnonce, toBytes(N), /range/],
  ])('%s, and the nonce is erased all the same', (_, make, secret, words) => {
    const secnonce = make();
    expect(() => sign(secnonce, secret, s)).toThrow(words);
    expect(secnonce).toEqual(new Uint8Array(97));
  });

  it('takes the largest numbers that a nonce may be made of', () => {
    const most = concatBytes(toBytes(N - 1n), toBytes(N - 1n), pubkeys[0]!);
    expect(sign(most, secrets[0]!, s)).toHaveLength(32);
  });

  it('partials of another length, or not below the order, each with the index of its signer', () => {
    const partial = sign(draw(0).secnonce, secrets[0]!, s);
    for (const wrong of [partial.slice(1), concatBytes(new Uint8Array(1), partial), toBytes(N)])
      expect(thrown(() => partialAgg([partial, wrong], s))).toEqual({ signer: 1, part: 'psig' });
    expect(partialAgg([partial, toBytes(N - 1n)], s)).toHaveLength(64);
  });

  it('a partial of another signer, nonce, message or length', () => {
    const partial = sign(draw(0).secnonce, secrets[0]!, s);
    expect(partialVerify(partial, pubnonces[0]!, 0, s)).toBe(true);
    expect(partialVerify(partial, pubnonces[0]!, 1, s)).toBe(false);
    expect(partialVerify(partial, pubnonces[1]!, 0, s)).toBe(false);
    expect(partialVerify(partial, pubnonces[0]!, 0, session(key, nonceAgg(pubnonces), pubkeys[0]!))).toBe(false);
    expect(partialVerify(partial.slice(1), pubnonces[0]!, 0, s)).toBe(false);
    expect(partialVerify(concatBytes(new Uint8Array(1), partial), pubnonces[0]!, 0, s)).toBe(false);
    expect(partialVerify(partial, pubnonces[0]!.slice(1), 0, s)).toBe(false);
  });

  it('the signature of a session, wherever a bit of it is turned', () => {
    const signature = partialAgg(
      [0, 1].map((i) => sign(draw(i).secnonce, secrets[i]!, s)),
      s,
    );
    expect(verifyAggregate(signature, s)).toBe(true);
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        const other = signature.slice();
        other[bit >> 3]! ^= 1 << (bit & 7);
        expect(verifyAggregate(other, s)).toBe(false);
        expect(schnorr.verify(other, message, key.xQ)).toBe(false);
      }),
      CURVE,
    );
    const above = concatBytes(signature.subarray(0, 32), toBytes(N));
    expect(verifyAggregate(above, s)).toBe(false);
    const longer = concatBytes(signature.subarray(0, 32), new Uint8Array(1), signature.subarray(32));
    expect(verifyAggregate(longer, s)).toBe(false);
  });

  it('randomness, or a secret, of another length than 32 bytes', () => {
    const good = { random: new Uint8Array(32).fill(1), secret: secrets[0]!, pubkey: pubkeys[0]! };
    for (const length of [0, 31, 33]) {
      expect(() => nonceGen({ ...good, random: new Uint8Array(length).fill(1) })).toThrow(/32 random bytes/);
      expect(() => nonceGen({ ...good, secret: new Uint8Array(length).fill(1) })).toThrow(/out of range/);
    }
    expect(nonceGen(good).secnonce).toHaveLength(97);
  });

  it('tweaks that are no scalars of 32 bytes', () => {
    expect(() => applyTweak(key, { tweak: toBytes(N), xOnly: false })).toThrow(/below the order/);
    expect(() => applyTweak(key, { tweak: new Uint8Array(31), xOnly: true })).toThrow(/32 bytes/);
  });

  it('a tweak that leaves no key', () => {
    const one = keyAgg(pubkeys.slice(0, 1));
    const left = (sum: bigint) => toBytes(mod(sum - one.coefficients[0]! * toNumber(secrets[0]!)));
    expect(() => applyTweak(one, { tweak: left(0n), xOnly: false })).toThrow(
      'the aggregate key is the point at infinity',
    );
    expect(pointBytes(applyTweak(one, { tweak: left(1n), xOnly: false }).Q)).toEqual(publicKey(toBytes(1n)));
  });

  it('public nonces that are no two points', () => {
    const good = pubnonces[0]!;
    expect(parseNonce(good)).toHaveLength(2);
    expect(parseNonce(good.slice(0, 65))).toBeUndefined();
    expect(parseNonce(concatBytes(good, new Uint8Array(1)))).toBeUndefined();
    // Points at infinity are for aggregate nonces alone.
    expect(parseNonce(concatBytes(good.subarray(0, 33), new Uint8Array(33)))).toBeUndefined();
    expect(parseNonce(concatBytes(Uint8Array.of(4), good.subarray(1)))).toBeUndefined();
    expect(thrown(() => session(key, new Uint8Array(65), message))).toEqual({ signer: null, part: 'aggnonce' });
    expect(new InvalidContribution(null, 'aggnonce').message).toBe('invalid aggnonce');
    expect(new InvalidContribution(2, 'pubkey').message).toBe('invalid pubkey of signer 2');
  });

  it('a deterministic signer who is not in the set', () => {
    const other = nonceAgg([pubnonces[0]!]);
    expect(() => deterministicSign(secrets[2]!, other, key, message, undefined)).toThrow(/not one of those/);
    expect(() => deterministicSign(toBytes(N), other, key, message, undefined)).toThrow(/range/);
  });
});
