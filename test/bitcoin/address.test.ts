/** Addresses: written and read back on every network, refused where they are of another one. */
import { Address, OutScript } from '@scure/btc-signer/payment.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf, scriptLike, scriptOf } from '../../src/lib/bitcoin/address.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { NETWORKS, prefixes, type Network } from '../../src/lib/bitcoin/network.ts';
import { scriptType } from '../../src/lib/bitcoin/script.ts';
import { refusal } from '../support/refusal.ts';

/** BIP173, BIP350 and Bitcoin Core's key_io_valid.json. */
const KNOWN: [Network, string, string][] = [
  ['mainnet', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', '76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac'],
  ['mainnet', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy', 'a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87'],
  ['mainnet', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', '0014751e76e8199196d454941c45d1b3a323f1433bd6'],
  [
    'testnet',
    'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7',
    '00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262',
  ],
  [
    'mainnet',
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
    '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
  ],
];

describe('addresses', () => {
  it.each(KNOWN)('%s %s', (network, address, script) => {
    expect(scriptOf(address, network)).toBe(script);
    expect(addressOf(script, network)).toBe(address);
  });
  it.each(['regtest', 'testnet', 'testnet4', 'signet', 'mainnet'] as const)('of %s are read back', (network) => {
    for (const [, , script] of KNOWN) expect(scriptOf(addressOf(script, network)!, network)).toBe(script);
  });
  it('of another network are refused, and that network is named', () => {
    const found = refusal(() => scriptOf(KNOWN[2]![1], 'regtest'));
    expect(found).toMatchObject({ code: 'wrong-network', exit: 65 });
    expect(found.message).toContain('is an address of mainnet, one of regtest expected');
    expect(refusal(() => scriptOf(KNOWN[3]![1], 'mainnet')).message).toContain('is an address of testnet,');
    const regtest = addressOf(KNOWN[2]![2], 'regtest')!;
    expect(refusal(() => scriptOf(regtest, 'signet')).message).toContain('is an address of regtest,');
    // The test networks share their prefixes, and cannot be told apart.
    expect(scriptOf(KNOWN[3]![1], 'signet')).toBe(KNOWN[3]![2]);
  });
  it.each([
    '',
    'hello',
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5',
    'bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
    '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb',
    // BIP350: version 1 with a checksum of bech32, version 0 with one of bech32m
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd',
    'BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL',
  ])('%j is refused', (text) => {
    expect(refusal(() => scriptOf(text, 'mainnet'))).toMatchObject({ code: 'malformed-address', exit: 65 });
  });
  it('are written as @scure/btc-signer writes them, also where the script has none', () => {
    const hex = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((b) => bytesToHex(b));
    const script = fc.oneof(
      hex(20).map((hash) => `76a914${hash}88ac`),
      hex(20).map((hash) => `a914${hash}87`),
      hex(20).map((hash) => `0014${hash}`),
      hex(32).map((hash) => `0020${hash}`),
      fc
        .tuple(fc.constantFrom('51', '52', '60'), fc.integer({ min: 2, max: 40 }).chain(hex))
        .map(([version, program]) => `${version}${(program.length / 2).toString(16).padStart(2, '0')}${program}`),
      fc.constantFrom('51024e73', '6a00', '', '76a914'),
      hex(25),
    );
    const peer = (text: string): string | undefined => {
      try {
        return Address(prefixes('mainnet')).encode(OutScript.decode(hexToBytes(text)));
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(script, (text) => {
        // An output of version 1 whose key is on no curve has an address all the same: Bitcoin Core shows it.
        if (text.startsWith('5120') && peer(text) === undefined) expect(addressOf(text, 'mainnet')).toMatch(/^bc1p/);
        else expect(addressOf(text, 'mainnet')).toBe(peer(text));
      }),
      { numRuns: 500 },
    );
  });
  it('a long text is cut where it is shown', () => {
    expect(refusal(() => scriptOf('x'.repeat(100_000), 'mainnet')).message.length).toBeLessThan(200);
  });
  it('a script without an address has none', () => {
    for (const script of ['', '6a00', '00', '0014', 'zz', '51']) expect(addressOf(script, 'mainnet')).toBeUndefined();
  });
});

describe('a script like that of an address', () => {
  it('has its kind, size and dust, on every network', () => {
    const scripts = [
      '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
      `0014${'ab'.repeat(20)}`,
      `0020${'ab'.repeat(32)}`,
      `76a914${'ab'.repeat(20)}88ac`,
      `a914${'ab'.repeat(20)}87`,
    ];
    for (const network of NETWORKS)
      for (const script of scripts) {
        const like = scriptLike(addressOf(script, network)!, network);
        expect([scriptType(like), like.length]).toEqual([scriptType(script), script.length]);
      }
  });
});
