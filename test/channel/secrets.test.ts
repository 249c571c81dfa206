/** The shachain and key derivation: BOLT3's vectors, and stores that were tampered with. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { deriveKey, deriveSecret, revocationKey, revocationSecret } from '../../src/lib/channel/keys.ts';
import {
  FIRST_INDEX,
  findSecret,
  secretIndex,
  insertSecret,
  needSecret,
  secretAt,
  storeOf,
  storeView,
  type SecretStore,
} from '../../src/lib/channel/secrets.ts';
import { secretsDocument } from '../../src/lib/channel/secrets-document.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { channelDocument } from '../support/channel.ts';
import { bytes32 } from '../support/random.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const VECTORS = fixture('channel/secrets.json');
const said = (action: Parameters<typeof secretsDocument>[0], from: object, seed?: Uint8Array): any =>
  secretsDocument(action, new Fields(from as never), seed);

describe('secrets of a seed', () => {
  it.each<[string, any]>(VECTORS.generate.map((v: any) => [v.name, v]))('%s', (_, v) => {
    expect(bytesToHex(secretAt(hexToBytes(v.seed), BigInt(v.I)))).toBe(v.output);
    expect(said('derive', { index: v.I }, hexToBytes(v.seed)).secret).toBe(v.output);
    expect(said('derive', { number: Number(FIRST_INDEX) - v.I }, hexToBytes(v.seed)).index).toBe(BigInt(v.I));
  });
});

describe('secrets of the peer', () => {
  it.each<[string, any]>(VECTORS.storage.map((v: any) => [v.name, v.steps]))('%s', (_, steps) => {
    let store: SecretStore = [];
    for (const { I, secret, result } of steps) {
      const insert = () => insertSecret(store, { index: BigInt(I), secret: hexToBytes(secret) });
      if (result === 'OK') store = insert();
      else expect(codeOf(insert)).toBe('secret-mismatch');
    }
  });
  it('are all found again, in at most 49 places', () => {
    fc.assert(
      fc.property(bytes32, fc.integer({ min: 1, max: 300 }), (seed, count) => {
        let store: SecretStore = [];
        for (let n = 0n; n < count; n++)
          store = insertSecret(store, { index: secretIndex(n), secret: secretAt(seed, secretIndex(n)) });
        expect(storeView(store).length).toBeLessThanOrEqual(49);
        for (let n = 0n; n < count; n++) expect(needSecret(store, n)).toEqual(secretAt(seed, secretIndex(n)));
        expect(findSecret(store, secretIndex(BigInt(count)))).toBeUndefined();
        expect(codeOf(() => needSecret(store, BigInt(count)))).toBe('no-secret');
        expect(storeOf(storeView(store).map((k) => ({ index: k.index, secret: hexToBytes(k.secret) })))).toEqual(
          Array.from(store),
        );
      }),
      { numRuns: 20 },
    );
  });
  it('are handed round as documents', () => {
    const seed = new Uint8Array(32).fill(3);
    let store: any = {};
    for (let number = 0; number < 5; number++) {
      const { secret, point } = said('derive', { number }, seed);
      store = JSON.parse(
        JSON.stringify(said('insert', { ...store, number, secret, point }), (_, v) =>
          typeof v === 'bigint' ? Number(v) : v,
        ),
      );
    }
    expect(said('find', { secrets: store.secrets, number: 2 }).secret).toBe(said('derive', { number: 2 }, seed).secret);
    expect(said('check', { secrets: store.secrets })).toMatchObject({ valid: true, secrets: store.secrets.length });
    const bent = store.secrets.map((k: any, i: number) => (i === 1 ? { ...k, secret: '11'.repeat(32) } : k));
    expect(codeOf(() => said('check', { secrets: bent }))).toBe('secret-mismatch');
    expect(codeOf(() => said('check', { secrets: [bent[0], bent[0]] }))).toBe('secret-mismatch');
    expect(codeOf(() => said('find', { secrets: store.secrets, number: 5 }))).toBe('no-secret');
    expect(codeOf(() => said('derive', { number: 1 }))).toBe('usage');
    const { secret } = said('derive', { number: 5 }, seed);
    const { point } = said('derive', { number: 6 }, seed);
    expect(codeOf(() => said('insert', { ...store, number: 5, secret, point }))).toBe('secret-mismatch');
    expect(codeOf(() => said('insert', { ...store, number: 6, secret }))).toBe('secret-mismatch');
  });
});

describe('keys', () => {
  const { keys } = VECTORS;
  const [base, secret] = [hexToBytes(keys.base_secret), hexToBytes(keys.per_commitment_secret)];
  const [basepoint, point] = [hexToBytes(keys.base_point), hexToBytes(keys.per_commitment_point)];
  const made: Record<string, Uint8Array> = {
    localpubkey: deriveKey(basepoint, point),
    localprivkey: deriveSecret(base, point),
    revocationpubkey: revocationKey(basepoint, point),
    revocationprivkey: revocationSecret(base, secret),
  };
  it.each<[string, any]>(keys.cases.map((c: any) => [c.name, c]))('%s', (_, c) =>
    expect(bytesToHex(made[c.field]!)).toBe(c.result),
  );
  it('fit their secrets', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (a, b) => {
        const [A, B] = [publicKey(a), publicKey(b)];
        expect(publicKey(deriveSecret(a, B))).toEqual(deriveKey(A, B));
        expect(publicKey(revocationSecret(a, b))).toEqual(revocationKey(A, B));
      }),
      { numRuns: 20 },
    );
  });
  it('of a commitment are printed', () => {
    const { local, remote } = channelDocument('anchors') as any;
    const { to_self_delay: _, ...holder } = local;
    const found = said('keys', {
      format: 'anchors',
      holder,
      other: remote,
      per_commitment_point: keys.per_commitment_point,
    });
    expect(found.keys).toMatchObject({
      delayed: '03fd5960528dc152014952efdb702a88f71e3c1653b2314431701ec77e57fde83c',
      revocation: '0212a140cd0c6539d07cd08dfe09984dec3251ea808b892efeac3ede9402bf2b19',
      holder_htlc: '030d417a46946384f88d5f3337267c5e579765875dc4daca813e21734b140639e7',
      other_htlc: '0394854aa6eab5b2a8122cc726e9dded053a2184d88256816826d6231c068d4a5b',
    });
  });
});
