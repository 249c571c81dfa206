/** Keys of a home: wallet, contract and store keys, checked against other libraries. */
import { HDKey } from '@scure/bip32';
import { bytesToHex } from '@noble/hashes/utils.js';
import { p2tr } from '@scure/btc-signer/payment.js';
import { describe, expect, it } from 'vitest';
import { hardenedChild, masterNode, normalChild } from '../../src/lib/home/hardened.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import { nonceOf } from './fixture.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const seed = seedOf(WORDS);
const keys = homeKeys(seed, 'mainnet');

describe('wallet keys', () => {
  // BIP86, test vectors
  it.each([
    [
      0,
      0,
      'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr',
      '41f41d69260df4cf277826a9b65a3717e4eeddbeedf637f212ca096576479361',
    ],
    [0, 1, 'bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh', undefined],
    [1, 0, 'bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7', undefined],
  ] as const)('BIP86 vector %i/%i', async (chain, index, address, secret) => {
    const found = await keys.address({ chain, index });
    expect(found.address).toBe(address);
    expect(found.script).toMatch(/^5120[0-9a-f]{64}$/);
    if (secret) expect(bytesToHex(keys.wallet({ chain, index }))).toBe(secret);
  });

  it('names the account for descriptors', () => {
    expect(keys.account()).toEqual({
      fingerprint: '73c5da0a',
      path: "86'/0'/0'",
      xpub: 'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ',
    });
    const regtest = homeKeys(seed, 'regtest');
    expect(regtest.account()).toMatchObject({ path: "86'/1'/0'", xpub: expect.stringMatching(/^tpub/) });
  });

  it('has an address prefix for each network', async () => {
    const prefix = async (network: 'testnet' | 'testnet4' | 'signet' | 'regtest') =>
      (await homeKeys(seed, network).address({ chain: 0, index: 0 })).address.split('1p')[0];
    expect(await Promise.all([prefix('testnet'), prefix('testnet4'), prefix('signet'), prefix('regtest')])).toEqual([
      'tb',
      'tb',
      'tb',
      'bcrt',
    ]);
  });
});

describe('contract keys', () => {
  const path = [0, 1, 2 ** 31 - 1, 123_456_789] as const;

  it.each([
    ['mainnet', 0],
    ['regtest', 1],
  ] as const)('are those of BIP32 on %s', (network, coin) => {
    const of = homeKeys(seed, network);
    const at = (leaf: number) =>
      HDKey.fromMasterSeed(seed).derive(`m/8383'/${coin}'/${path.map((n) => `${n}'`).join('/')}/${leaf}'`).privateKey;
    expect(of.contract(path)).toEqual(at(0));
    expect(of.auth(path)).toEqual(at(1));
  });

  it('agree with @scure/bip32 on many seeds', () => {
    for (let i = 0; i < 40; i += 1) {
      const some = seedOf(`seed ${i}`);
      const node = [i, 2 ** 31 - 1 - i].reduce(hardenedChild, masterNode(some));
      const expected = HDKey.fromMasterSeed(some).derive(`m/${i}'/${2 ** 31 - 1 - i}'`);
      expect(node.key).toEqual(expected.privateKey);
      expect(node.chain).toEqual(expected.chainCode);
      const [below, beside] = [normalChild(node, i), expected.deriveChild(i)];
      expect([below.key, below.chain]).toEqual([beside.privateKey, beside.chainCode]);
    }
  });

  it('pay to the address that @scure/btc-signer makes of them, whichever point is the even one', async () => {
    const account = HDKey.fromMasterSeed(seed).derive("m/86'/0'/0'");
    const first = new Set<number>();
    for (let index = 0; index < 24; index += 1) {
      const pubkey = account.deriveChild(1).deriveChild(index).publicKey!;
      first.add(pubkey[0]!);
      const { address, script } = p2tr(pubkey.slice(1));
      expect(await keys.address({ chain: 1, index })).toEqual({ address, script: bytesToHex(script) });
    }
    expect([...first].sort()).toEqual([2, 3]);
  });

  it('refuses levels of more than 31 bits', () => {
    for (const level of [2 ** 31, -1, 0.5, Number.NaN])
      for (const derive of [() => keys.contract([0, 0, 0, level]), () => normalChild(masterNode(seed), level)])
        expect(derive).toThrow(expect.objectContaining({ code: 'bug' }));
  });

  it('gives copies, and the same key after the cache was overrun', () => {
    const first = keys.contract(path);
    const text = bytesToHex(first);
    first.fill(0);
    expect(bytesToHex(keys.contract(path))).toBe(text);
    for (let i = 0; i < 600; i += 1) keys.auth([9, 9, 9, i]);
    expect(bytesToHex(keys.contract(path))).toBe(text);
  });
});

describe('what a step gets', () => {
  it('finds the nonces that were loaded', () => {
    const nonce = nonceOf('id:aa', '01');
    const step = keys.keysWith([nonce, nonceOf('id:aa', '02')]);
    expect(step.nonce({ of: 'id:aa', sighash: '01' })).toBe(nonce);
    expect(step.nonce({ of: 'id:bb', sighash: '01' })).toBeUndefined();
    expect(step.contract([1, 2, 3, 4])).toEqual(keys.contract([1, 2, 3, 4]));
  });

  it('has a store key of its own', () => {
    expect(keys.storeKey).toHaveLength(32);
    expect(keys.storeKey).not.toEqual(homeKeys(seedOf('other'), 'mainnet').storeKey);
  });
});
