/** The signing exchange: who opens never shows its partial signature, who signs last answers the same to the same. */
import { schnorr } from '@noble/curves/secp256k1.js';
import * as scure from '@scure/btc-signer/musig2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { musigPsbt, readPsbt, shareOf, type MusigShare } from '../../src/lib/bitcoin/psbt.ts';
import type { Template } from '../../src/lib/bitcoin/transaction.ts';
import type { Hand, OpenNonce } from '../../src/lib/protocol/action.ts';
import { bytesToHex, concatBytes, hexToBytes, taggedHash, toBytes } from '../../src/lib/signing/curve.ts';
import { finish, jobFor, open, signLast, type Job } from '../../src/lib/signing/exchange.ts';
import { keySet, sortedKeySet, type KeySet } from '../../src/lib/signing/keyset.ts';
import { nonceGen, publicKey } from '../../src/lib/signing/musig2.ts';
import { bytes32, secretKey } from '../support/random.ts';
import { codeOf, refusal } from '../support/refusal.ts';

const secretOf = (n: number): Uint8Array => toBytes(BigInt(n) * 7_777_777n);
const pubkeyOf = (secret: Uint8Array): string => bytesToHex(publicKey(secret));
/** The opener, who will hold the transaction; the last signer; and one who is not asked. */
const [ann, bob, eve] = [1, 2, 3].map(secretOf) as [Uint8Array, Uint8Array, Uint8Array];
const set = sortedKeySet([pubkeyOf(ann), pubkeyOf(bob)]);

const template = (keys: KeySet, sat = 90_000n): Template => ({
  version: 3,
  locktime: 0,
  inputs: [{ txid: '11'.repeat(32), vout: 1, sequence: 0xfffffffd, sat: 100_000n, script: keys.script }],
  outputs: [{ sat, script: '0014' + '22'.repeat(20) }],
});

interface Toy {
  job: Job;
  hand: Hand;
  /** What the home's store holds. */
  nonces: OpenNonce[];
}
let drawn = 0;
function toy(
  secret: Uint8Array,
  peer: Uint8Array,
  options: { set?: KeySet; sat?: bigint; outside?: boolean } = {},
): Toy {
  const keys = options.set ?? set;
  const nonces: OpenNonce[] = [];
  const none = (): never => expect.fail('not asked for');
  const hand: Hand = {
    keys: {
      contract: () => (options.outside ? none() : secret),
      auth: none,
      secret: none,
      seed: none,
      wallet: none,
      share: none,
      nonce: ({ of, sighash }) => nonces.find((n) => n.of === of && n.sighash === sighash),
    },
    merged: [],
    random: (size) => taggedHash('toy', Uint8Array.of(++drawn)).subarray(0, size),
    network: 'regtest',
    restored: false,
    mayRepeat: false,
  };
  const job = jobFor({
    own: { path: [0, 1, 2, 3], outside: options.outside ?? false },
    pubkey: pubkeyOf(secret),
    peer: pubkeyOf(peer),
    peerIs: 'peer',
    set: keys,
    template: template(keys, options.sat),
    of: 'id:toy',
  });
  return { job, hand, nonces };
}
function opened(side: Toy): MusigShare {
  const { share, opens } = open(side.hand, side.job)!;
  side.nonces.splice(0, side.nonces.length, ...opens);
  return share;
}
/** The last signer's answer. */
function answer(side: Toy, peer: MusigShare): { pubnonce: string; partial: string } {
  const { pubnonce, partial } = signLast(side.hand, side.job, peer)!;
  return { pubnonce: pubnonce!, partial: partial! };
}
const merging = (side: Toy, ...merged: string[]): Hand => ({ ...side.hand, merged });
const valid = (signature: Uint8Array, { job }: Toy): boolean =>
  schnorr.verify(signature, hexToBytes(job.nonceId.sighash), hexToBytes(job.set.script.slice(4)));

describe('the signing law', () => {
  it('takes one round trip', () => {
    const [a, b] = [toy(ann, bob), toy(bob, ann)];
    expect(a.job.nonceId).toEqual(b.job.nonceId);
    const ours = opened(a);
    const theirs = signLast(b.hand, b.job, ours)!;
    const done = finish(a.hand, a.job, theirs)!;
    expect(valid(done.signature, a)).toBe(true);
    expect(done.spends).toEqual([a.job.nonceId]);
  });

  it('never shows the partial signature of the opener', () => {
    const [a, b] = [toy(ann, bob), toy(bob, ann)];
    const share = opened(a);
    expect(Object.keys(share)).toEqual(['pubnonce']);
    expect(a.nonces).toHaveLength(1);
    expect(a.nonces[0]!.secret).toHaveLength(97);
    const copy = a.nonces[0]!.secret.slice();
    const theirs = answer(b, share);
    const done = finish(a.hand, a.job, theirs)!;
    expect(Object.keys(done)).toEqual(['signature', 'spends']);
    // The opener's partial, made elsewhere from a copy that no home would keep.
    const tweak = taggedHash('TapTweak', hexToBytes(set.internalKey.slice(2)));
    const aggnonce = scure.nonceAggregate([hexToBytes(share.pubnonce!), hexToBytes(theirs.pubnonce)]);
    const message = hexToBytes(a.job.nonceId.sighash);
    const theirSession = new scure.Session(aggnonce, set.participants.map(hexToBytes), message, [tweak], [true]);
    const partial = theirSession.sign(copy, ann);
    const both = [partial, hexToBytes(theirs.partial)];
    if (set.participants[0] !== a.job.pubkey) both.reverse();
    expect(theirSession.partialSigAgg(both)).toEqual(done.signature);
    const seen = JSON.stringify({ share, theirs, spends: done.spends }) + bytesToHex(done.signature);
    expect(seen).not.toContain(bytesToHex(partial));
    expect(seen).not.toContain(bytesToHex(copy));
  });

  it('draws a nonce afresh for each request, bound to what it signs', () => {
    const a = toy(ann, bob);
    const pubnonce = (t: Toy) => open(t.hand, t.job)!.share.pubnonce;
    expect(pubnonce(a)).not.toBe(pubnonce(a));
    const still = (t: Toy): Toy => ({ ...t, hand: { ...t.hand, random: (n) => new Uint8Array(n).fill(5) } });
    const nonce = pubnonce(still(a));
    expect(pubnonce(still(a))).toBe(nonce);
    const others = [
      toy(ann, bob, { sat: 89_999n }),
      toy(ann, eve, { set: sortedKeySet([pubkeyOf(ann), pubkeyOf(eve)]) }),
      { ...a, job: { ...a.job, nonceId: { ...a.job.nonceId, of: 'id:other' } as const } },
      { ...a, hand: { ...a.hand, keys: { ...a.hand.keys, contract: () => eve } } },
    ].map((t) => pubnonce(still(t)));
    expect(new Set([nonce, ...others]).size).toBe(5);
  });

  it('holds for any keys and randomness', () => {
    fc.assert(
      fc.property(secretKey, secretKey, bytes32, fc.bigInt({ min: 1n, max: 99_999n }), (x, y, random, sat) => {
        fc.pre(pubkeyOf(x).slice(2) !== pubkeyOf(y).slice(2));
        const options = { set: sortedKeySet([pubkeyOf(x), pubkeyOf(y)]), sat };
        const [a, b] = [toy(x, y, options), toy(y, x, options)];
        a.hand.random = () => random;
        const done = finish(a.hand, a.job, signLast(b.hand, b.job, opened(a))!)!;
        expect(valid(done.signature, a)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
});

describe('an answer that is wrong', () => {
  const [a, b] = [toy(ann, bob), toy(bob, ann)];
  const share = opened(a);
  const right = answer(b, share);
  const before = a.nonces[0]!.secret.slice();
  const otherNonce = bytesToHex(nonceGen({ random: bob, pubkey: publicKey(bob) }).pubnonce);
  const withEve = toy(eve, ann, { set: sortedKeySet([pubkeyOf(ann), pubkeyOf(eve)]) });
  const another = toy(bob, ann, { sat: 80_000n });
  const flip = (text: string) => text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');

  it.each<[string, string, MusigShare]>([
    ['peer-partial-invalid', 'another nonce', { ...right, pubnonce: otherNonce }],
    ['peer-partial-invalid', "the opener's own nonce", { ...right, pubnonce: share.pubnonce }],
    ['peer-partial-invalid', 'an altered partial', { ...right, partial: flip(right.partial) }],
    ['peer-partial-invalid', 'a partial of zero', { ...right, partial: '00'.repeat(32) }],
    ['peer-partial-invalid', 'a partial above the order', { ...right, partial: 'ff'.repeat(32) }],
    ['peer-partial-invalid', 'a short partial', { ...right, partial: right.partial.slice(2) }],
    ['peer-partial-invalid', 'a partial by another key', signLast(withEve.hand, withEve.job, share)!],
    ['peer-partial-invalid', 'a partial of another transaction', signLast(another.hand, another.job, share)!],
    ['peer-partial-invalid', 'the answer to another nonce', signLast(b.hand, b.job, { pubnonce: otherNonce })!],
    ['peer-partial-missing', 'no partial', { pubnonce: right.pubnonce }],
    ['peer-nonce-invalid', 'a nonce that is no points', { ...right, pubnonce: '02' + '00'.repeat(65) }],
    ['peer-nonce-invalid', 'a nonce at infinity', { ...right, pubnonce: '00'.repeat(66) }],
    ['peer-nonce-invalid', 'a short nonce', { ...right, pubnonce: right.pubnonce.slice(2) }],
    ['nonce-missing', 'no nonce', { partial: right.partial }],
  ])('%s: %s; it is blamed on the peer, and the nonce is untouched', (code, _, given) => {
    const found = refusal(() => finish(a.hand, a.job, given));
    expect(found).toMatchObject({ code, blame: 'peer', exit: 76 });
    expect(a.nonces[0]!.secret).toEqual(before);
  });

  it('does not keep the right one from being taken after it', () => {
    const c = toy(ann, bob);
    const theirs = signLast(b.hand, b.job, opened(c))!;
    expect(codeOf(() => finish(c.hand, c.job, right))).toBe('peer-partial-invalid');
    expect(valid(finish(c.hand, c.job, theirs)!.signature, c)).toBe(true);
  });
});

describe('a nonce', () => {
  it('is gone once it was spent, voided or never there', () => {
    const [a, b] = [toy(ann, bob), toy(bob, ann)];
    const right = signLast(b.hand, b.job, opened(a))!;
    finish(a.hand, a.job, right);
    // A store that failed to delete it: what it handed out was erased in place.
    expect(a.nonces[0]!.secret).toEqual(new Uint8Array(97));
    expect(() => finish(a.hand, a.job, right)).toThrow(/was used/);
    a.nonces.length = 0;
    expect(refusal(() => finish(a.hand, a.job, right))).toMatchObject({
      code: 'nonce-consumed',
      exit: 77,
      blame: undefined,
    });
    expect(refusal(() => finish(a.hand, a.job, right)).hint).toBe('start the action again');
  });

  it('signs nothing but what it was drawn for', () => {
    const [a, b] = [toy(ann, bob, { sat: 80_000n }), toy(bob, ann)];
    const share = opened(a);
    const elsewhere = { ...toy(ann, bob), nonces: a.nonces };
    const hand = { ...elsewhere.hand, keys: a.hand.keys };
    expect(codeOf(() => finish(hand, elsewhere.job, signLast(b.hand, b.job, share)!))).toBe('nonce-consumed');
  });
});

describe('the last signer', () => {
  const b = toy(bob, ann);
  const share = opened(toy(ann, bob));

  it('answers the same to the same', () => {
    const again = toy(bob, ann);
    const made = signLast(b.hand, b.job, share);
    expect(signLast(b.hand, b.job, share)).toEqual(made);
    expect(signLast(again.hand, again.job, share)).toEqual(made);
    expect(Object.keys(made!)).toEqual(['pubnonce', 'partial']);
  });

  it('has another nonce for another nonce of the peer, key list, order of keys or message', () => {
    const other = opened(toy(ann, bob));
    const withEve = sortedKeySet([pubkeyOf(bob), pubkeyOf(eve)]);
    const turned = keySet([...set.participants].reverse());
    const answers = [
      signLast(b.hand, b.job, share),
      signLast(b.hand, b.job, other),
      signLast(b.hand, { ...b.job, set: withEve, peer: pubkeyOf(eve) }, share),
      signLast(b.hand, { ...b.job, set: turned }, share),
      signLast(b.hand, { ...b.job, nonceId: { ...b.job.nonceId, sighash: '33'.repeat(32) } }, share),
    ];
    expect(new Set(answers.map((x) => x!.pubnonce)).size).toBe(5);
    expect(new Set(answers.map((x) => x!.partial)).size).toBe(5);
  });

  it('commits to the key list beyond what the aggregate key says', () => {
    // Same output key and message, another list: only `rand` tells the two apart.
    const faked: KeySet = { ...set, commitment: concatBytes(set.commitment, Uint8Array.of(0)) };
    const [plain, other] = [b.job, { ...b.job, set: faked }].map((job) => signLast(b.hand, job, share)!);
    expect(other!.pubnonce).not.toBe(plain!.pubnonce);
  });

  it.each<[string, MusigShare]>([
    ['nonce-missing', {}],
    ['peer-nonce-invalid', { pubnonce: '00'.repeat(66) }],
    ['peer-nonce-invalid', { pubnonce: '02' + '00'.repeat(32) }],
  ])('%s', (code, peer) => {
    expect(refusal(() => signLast(b.hand, b.job, peer))).toMatchObject({ code, blame: 'peer' });
  });

  it('lets no partial out that does not verify', () => {
    expect(codeOf(() => signLast(b.hand, { ...b.job, pubkey: b.job.peer }, share))).toBe('bug');
  });
});

describe('a key in another wallet', () => {
  const psbt = (t: Toy, shares: Record<string, MusigShare>): string =>
    musigPsbt(t.job.template, t.job.index, t.job.set, shares);

  it('opens once the wallet has added its nonce, and finishes once it has signed', () => {
    const [inside, b] = [toy(ann, bob), toy(bob, ann)];
    const a = toy(ann, bob, { outside: true });
    expect(open(a.hand, a.job)).toBeUndefined();
    expect(open(merging(a, psbt(a, {})), a.job)).toBeUndefined();
    const nonce = opened(inside);
    const withNonce = psbt(a, { [a.job.pubkey]: nonce });
    expect(open(merging(a, withNonce), a.job)).toEqual({ share: nonce, opens: [] });
    const theirs = signLast(b.hand, b.job, nonce)!;
    // What the record keeps of it.
    const kept = { pubnonce: nonce.pubnonce! };
    for (const none of [undefined, { pubnonce: null }])
      expect(codeOf(() => finish(merging(a, withNonce), a.job, theirs, none))).toBe('nonce-consumed');
    expect(finish(a.hand, a.job, theirs, kept)).toBeUndefined();
    expect(finish(merging(a, withNonce), a.job, theirs, kept)).toBeUndefined();
    const signer = scureSession(a.job, nonce, theirs);
    const partial = bytesToHex(signer.sign(inside.nonces[0]!.secret, ann));
    const signed = psbt(a, { [a.job.pubkey]: { ...nonce, partial }, [a.job.peer]: theirs });
    // Whatever the wallet put in, its nonce alone is passed on.
    expect(open(merging(a, signed), a.job)).toEqual({ share: nonce, opens: [] });
    const done = finish(merging(a, signed), a.job, theirs, kept)!;
    expect(valid(done.signature, a)).toBe(true);
    expect(Object.keys(done)).toEqual(['signature', 'spends']);
    expect(done.spends).toEqual([]);
    const wrong = psbt(a, { [a.job.pubkey]: { ...nonce, partial: '01'.repeat(32) } });
    expect(refusal(() => finish(merging(a, wrong), a.job, theirs, kept))).toMatchObject({
      code: 'signature-invalid',
      blame: undefined,
    });
    expect(codeOf(() => finish(merging(a, signed), a.job, { ...theirs, partial: '01'.repeat(32) }, kept))).toBe(
      'peer-partial-invalid',
    );
  });

  it('finishes with the nonce that was put in, and no other: that is no fault of the peer', () => {
    const [inside, b] = [toy(ann, bob), toy(bob, ann)];
    const a = toy(ann, bob, { outside: true });
    const first = opened(inside);
    const theirs = signLast(b.hand, b.job, first)!;
    // The wallet has drawn another one since, and signs with that.
    const again = toy(ann, bob);
    const nonce = opened(again);
    const partial = bytesToHex(scureSession(a.job, nonce, theirs).sign(again.nonces[0]!.secret, ann));
    const merged = psbt(a, { [a.job.pubkey]: { ...nonce, partial }, [a.job.peer]: theirs });
    const kept = { pubnonce: first.pubnonce! };
    expect(refusal(() => finish(merging(a, merged), a.job, theirs, kept))).toMatchObject({
      code: 'signature-invalid',
      blame: undefined,
    });
  });

  it('signs last once the wallet has, and what it made is verified', () => {
    const a = toy(ann, bob);
    const inside = toy(bob, ann);
    const b = toy(bob, ann, { outside: true });
    const nonce = opened(a);
    expect(signLast(b.hand, b.job, nonce)).toBeUndefined();
    const made = answer(inside, nonce);
    const nonceOnly = psbt(b, { [b.job.pubkey]: { pubnonce: made.pubnonce } });
    expect(signLast(merging(b, nonceOnly), b.job, nonce)).toBeUndefined();
    const signed = psbt(b, { [b.job.pubkey]: made });
    const taken = signLast(merging(b, signed), b.job, nonce)!;
    expect(taken).toEqual(made);
    expect(valid(finish(a.hand, a.job, taken)!.signature, a)).toBe(true);
    const stale = signLast(inside.hand, inside.job, opened(toy(ann, bob)))!;
    for (const own of [stale, { ...made, partial: '00'.repeat(32) }])
      expect(codeOf(() => signLast(merging(b, psbt(b, { [b.job.pubkey]: own })), b.job, nonce))).toBe(
        'signature-invalid',
      );
    expect(codeOf(() => signLast(merging(b, signed), b.job, {}))).toBe('nonce-missing');
  });

  it('is not found in a PSBT of another transaction, or under another key', () => {
    const a = toy(ann, bob, { outside: true });
    const other = toy(ann, bob, { sat: 80_000n });
    const nonce = opened(other);
    const foreign = psbt(other, { [a.job.pubkey]: nonce });
    expect(shareOf(readPsbt(foreign), 0, set, a.job.pubkey)).toEqual({ pubnonce: nonce.pubnonce, partial: undefined });
    expect(open(merging(a, foreign), a.job)).toBeUndefined();
    const ofPeer = psbt(a, { [a.job.peer]: nonce });
    expect(open(merging(a, ofPeer), a.job)).toBeUndefined();
    expect(open(merging(a, foreign, ofPeer, psbt(a, { [a.job.pubkey]: nonce })), a.job)?.share).toEqual(nonce);
    expect(codeOf(() => open(merging(a, 'AAAA'), a.job))).toBe('malformed-psbt');
  });

  function scureSession(job: Job, ...shares: MusigShare[]): scure.Session {
    const tweak = taggedHash('TapTweak', hexToBytes(job.set.internalKey.slice(2)));
    const aggnonce = scure.nonceAggregate(shares.map((s) => hexToBytes(s.pubnonce!)));
    const keys = job.set.participants.map(hexToBytes);
    return new scure.Session(aggnonce, keys, hexToBytes(job.nonceId.sighash), [tweak], [true]);
  }
});
