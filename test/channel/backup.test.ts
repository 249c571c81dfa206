/** Backups of lnd and secrets of Core Lightning: published ones read, their commitments signed, and whatever is wrong with them. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import { entropyToMnemonic, mnemonicToSeedSync } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import ChannelExit from '../../src/commands/channel/exit.ts';
import ChannelImport from '../../src/commands/channel/import.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { commitmentDocument } from '../../src/lib/channel/build.ts';
import { readChannel, readChannelKeys } from '../../src/lib/channel/document.ts';
import { clnKeys, eclairKeys, hsmSecret } from '../../src/lib/channel/seeds.ts';
import { sweepDocument } from '../../src/lib/channel/spend.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { channelFor, point } from '../support/played-channel.ts';
import {
  backedNumber,
  lndRoot,
  parseBackup,
  readLndBackup,
  signBacked,
  type Backed,
} from '../../src/lib/channel/lnd.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { command } from '../support/command.ts';
import { judge } from '../support/kernel.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

interface Published {
  name: string;
  root_key: string;
  single: boolean;
  backup: string;
  script: string;
  amount_sat: number;
}
const { cases } = fixture<{ cases: Published[] }>('channel/lnd-backups.json');
const kernel = await judge();
const dir = mkdtempSync(join(tmpdir(), 'spillway-backup-'));
afterAll(() => {
  kernel?.close();
  rmSync(dir, { recursive: true, force: true });
});
let count = 0;
const put = (bytes: string | Uint8Array): string => {
  const path = join(dir, `file-${count++}`);
  writeFileSync(path, bytes);
  chmodSync(path, 0o600);
  return path;
};
const rootOf = (one: Published) => lndRoot(one.root_key, 'regtest');
const backedOf = (one: Published): Backed => readLndBackup(hexToBytes(one.backup), rootOf(one))[0]!;

describe.each(cases.map((one) => [one.name, one] as const))('the published backup %s', (name, one) => {
  const backed = backedOf(one);
  it('tells its channel, whose funding output is the published one', () => {
    expect(backed.channel.funding).toMatchObject({ script: one.script, sat: BigInt(one.amount_sat) });
    const special = /lease|taproot|custom/.test(name);
    expect(backed.notServed !== undefined).toBe(special);
  });
  it('its commitment is signed, and consensus takes it', async () => {
    const { hex, txid, number } = signBacked(backed, undefined);
    expect([txidOfHex(hex), number]).toEqual([txid, backedNumber(backed)]);
    if (kernel) expect(await kernel.scripts(hex, [{ sat: BigInt(one.amount_sat), script: one.script }])).toBe(true);
  });
  it('is not signed where a newer number is known, or the signature is another', () => {
    const number = backedNumber(backed)!;
    expect(codeOf(() => signBacked(backed, number + 1n))).toBe('revoked-state');
    expect(signBacked(backed, number).number).toBe(number);
    const signature = backed.close!.signature.slice();
    signature[20]! ^= 1;
    const bent = { ...backed, close: { ...backed.close!, signature } };
    expect(codeOf(() => signBacked(bent, undefined))).toMatch(/^(?:signature-invalid|peer-partial-invalid)$/);
    expect(codeOf(() => signBacked({ ...backed, close: undefined }, undefined))).toBe('malformed-backup');
  });
});

describe('a backup', () => {
  const one = cases[0]!;
  const file = hexToBytes(one.backup);
  it('of another wallet or network, or altered anywhere, does not open', () => {
    expect(codeOf(() => readLndBackup(file, rootOf(cases[1]!)))).toBe('wrong-seed');
    expect(codeOf(() => lndRoot(one.root_key, 'mainnet'))).toBe('wrong-key');
    expect(codeOf(() => readLndBackup(file, lndRoot(one.root_key, 'signet')))).toBe('wrong-network');
    for (let at = 0; at < file.length; at += 13) {
      const bent = file.slice();
      bent[at]! ^= 1;
      expect(codeOf(() => readLndBackup(bent, rootOf(one)))).toBe('wrong-seed');
    }
    for (const length of [0, 39, 40, file.length - 1])
      expect(codeOf(() => readLndBackup(file.subarray(0, length), rootOf(one)))).toMatch(
        /^(?:malformed-backup|wrong-seed)$/,
      );
  });
  it('a root key that is none, or public, is refused without a word of it', () => {
    for (const text of ['', 'tprv', one.root_key.slice(0, -1)])
      expect(codeOf(() => lndRoot(text, 'regtest'))).toBe('wrong-key');
  });
});

describe('an opened backup', () => {
  const one = cases.find((c) => !c.single)!;
  const key = HDKey.fromExtendedKey(one.root_key, { private: 0x04358394, public: 0x043587cf });
  const file = hexToBytes(one.backup);
  const nonce = file.subarray(0, 24);
  const sealing = sha256(key.derive("m/1017'/1'/7'/0/0").publicKey!);
  const inside = xchacha20poly1305(sealing, nonce, nonce).decrypt(file.subarray(24));
  // Version and count, then the channel: its version and length, opener, chain, outpoint, short id and peer.
  const [version, addresses] = [5, 5 + 3 + 1 + 32 + 34 + 8 + 33];
  const capacity = addresses + 2 + new DataView(inside.buffer, inside.byteOffset + addresses).getUint16(0);
  const [places, points] = [capacity + 10, capacity + 10 + 40 + 2];
  const bent = (at: number, ...bytes: number[]): Uint8Array => {
    const made = inside.slice();
    made.set(bytes, at);
    return made;
  };
  const said = (bytes: Uint8Array): string =>
    refusal(() => parseBackup(bytes, 'regtest', () => new Uint8Array(32).fill(1))).message;
  it.each([
    ['goes on behind its channels', Uint8Array.of(...inside, 0), 'goes on for 1 bytes after its 1 channels'],
    ['is of an unknown version', bent(version, 8), 'has a channel of version 8, which is not known'],
    [
      'has more satoshis than there are',
      bent(capacity, 0, 7, 0x75, 0xf0, 0x5a, 7, 0x40, 1),
      'has a channel of 2100000000000001 sat',
    ],
    ['names a hardened level', bent(places, 0x80, 0, 0, 0), 'names level 2147483648 of a key path'],
    ['has a key that is none', bent(points, 5), 'has a funding key that is no point of the curve'],
    ['is cut', inside.subarray(0, -1), 'expected'],
  ])('that %s is refused', (_, bytes, text) => expect(said(bytes)).toContain(text));
  it('may hold all satoshis, and levels up to the hardened ones', () => {
    const read = (bytes: Uint8Array) => parseBackup(bytes, 'regtest', () => new Uint8Array(32).fill(1))[0]!;
    expect(read(bent(capacity, 0, 7, 0x75, 0xf0, 0x5a, 7, 0x40, 0)).channel.funding.sat).toBe(2_100_000_000_000_000n);
    expect(() => read(bent(places, 0x7f, 0xff, 0xff, 0xff))).not.toThrow();
  });
  it('whose commitment spends another funding signs nothing', () => {
    const backed = backedOf(one);
    const funding = { ...backed.channel.funding, txid: '00'.repeat(32) };
    expect(codeOf(() => signBacked({ ...backed, channel: { ...backed.channel, funding } }, undefined))).toBe(
      'malformed-backup',
    );
  });
});

describe('channel-import of lnd', () => {
  const one = cases[0]!;
  const key = put(one.root_key);
  it('writes a public file and one with keys, which channel-sweep reads; never over another', async () => {
    const out = join(dir, 'imported');
    const argv = ['--network', 'regtest', '--root-key-file', key, '--out', out, put(hexToBytes(one.backup))];
    const { stdout, code } = await command(ChannelImport, argv);
    expect(code).toBeUndefined();
    const [channel] = JSON.parse(stdout).channels;
    expect(channel).toMatchObject({ format: 'anchors', capacity_sat: one.amount_sat });
    expect(statSync(channel.keys_file).mode & 0o777).toBe(0o600);
    const secrets = JSON.parse(readFileSync(channel.keys_file, 'utf8'));
    expect(stdout).not.toContain(secrets.payment_secret);
    expect(JSON.parse(readFileSync(channel.channel_file, 'utf8')).local.payment_basepoint).toBe(
      bytesToHex(publicKey(hexToBytes(secrets.payment_secret))),
    );
    expect((await command(ChannelImport, argv)).code).toBe('cannot-write');
  });
  it('names what is not served, and writes nothing of it', async () => {
    const lease = cases.find((c) => c.name === 'script_enforced_lease')!;
    const out = join(dir, 'lease');
    const argv = [
      '--network',
      'regtest',
      '--root-key-file',
      put(lease.root_key),
      '--out',
      out,
      put(hexToBytes(lease.backup)),
    ];
    const { stdout, stderr } = await command(ChannelImport, argv);
    expect(JSON.parse(stdout).channels[0].format).toBe('a script-enforced lease');
    expect([stderr.includes('not swept'), existsSync(out)]).toEqual([true, false]);
  });
  it('needs the root key', async () =>
    expect((await command(ChannelImport, ['--network', 'regtest', '--out', dir, put('')])).code).toBe('usage'));
});

describe('channel-exit', () => {
  const one = cases[0]!;
  const argv = ['--network', 'regtest', '--root-key-file', put(one.root_key), '--backup', put(hexToBytes(one.backup))];
  it('signs nothing unless the risk is accepted', async () => {
    const ended = await command(ChannelExit, argv);
    expect([ended.code, ended.stdout]).toEqual(['maybe-revoked', '']);
    const { stdout, stderr } = await command(ChannelExit, [...argv, '--accept-penalty-risk']);
    expect(JSON.parse(stdout)).toMatchObject({
      hex: signBacked(backedOf(one), undefined).hex,
      checks: { revoked: 'not-checked' },
    });
    expect(stderr).toContain('the peer takes the whole channel');
    expect((await command(ChannelExit, [...argv, '--accept-penalty-risk', '--newest', '99'])).code).toBe(
      'revoked-state',
    );
    expect((await command(ChannelExit, [...argv, '--outpoint', `${'00'.repeat(32)}:0`])).code).toBe('no-input');
  });
});

describe("Core Lightning's hsm_secret", () => {
  // Published in chantools, cln/derivation_test.go.
  const secret = hexToBytes('3f0a06c6385b7493f75aa0089f316a13bf72beb430e59e71b5ac5a73581a6270');
  const peer = '02678187ca43e6a6f62f9185be98a933bf485313061e6a05578bbd83c54e88d460';
  it('gives the published funding key', () => {
    const { secrets } = clnKeys(hsmSecret(secret), hexToBytes(peer), 1n);
    expect(bytesToHex(publicKey(secrets.funding!))).toBe(
      '0326a2171c97673cc8cd7a04a043f0224c59591fc8c9de320a48f7c9b68ab0ae2b',
    );
  });
  it('is read with words, and refused encrypted, cut or with a passphrase', () => {
    const words = entropyToMnemonic(new Uint8Array(16).fill(7), wordlist);
    const file = (front: number, text: string) => Buffer.concat([Buffer.alloc(32, front), Buffer.from(text)]);
    expect(hsmSecret(file(0, words))).toEqual(mnemonicToSeedSync(words).slice(0, 32));
    for (const bad of [new Uint8Array(73), new Uint8Array(31), file(1, words), file(0, 'no words')])
      expect(codeOf(() => hsmSecret(bad))).toBe('malformed-backup');
  });
  const argv = (file: string, out: string) =>
    [
      `--network regtest --hsm-secret ${file} --peer ${peer} --dbid 1 --out ${join(dir, out)}`,
      `--outpoint ${'ab'.repeat(32)}:0:1000000 --format anchors --opener local`,
    ]
      .join(' ')
      .split(' ');
  it('is imported by command', async () => {
    const { stdout } = await command(ChannelImport, argv(put(secret), 'cln'));
    const [row] = JSON.parse(stdout).channels;
    expect(JSON.parse(readFileSync(row.channel_file, 'utf8')).local.funding_pubkey).toMatch(/^0326a2/);
    expect((await command(ChannelImport, argv(put(secret), 'more').slice(0, -2))).code).toBe('usage');
    const open = put(secret);
    chmodSync(open, 0o640);
    expect((await command(ChannelImport, argv(open, 'open'))).code).toBe('secret-exposed');
    const wrong = argv(put(secret), 'wrong').map((word) => (word === peer ? `02${'ff'.repeat(32)}` : word));
    expect((await command(ChannelImport, wrong)).code).toBe('wrong-key');
  });
});

describe("eclair's channel_seed.dat", () => {
  const { cases: published } = fixture<{ cases: Record<string, string>[] }>('channel/eclair-seeds.json');
  const NAMES = ['revocation', 'payment', 'delayed', 'htlc'] as const;
  it.each(published.map((v) => [v['name']!, v] as const))('gives the published keys: %s', (_, v) => {
    const network = v['name']!.startsWith('mainnet') ? 'mainnet' : 'testnet';
    const funding = publicKey(hexToBytes(v['funding_secret']!));
    const { secrets, seed } = eclairKeys(hexToBytes(v['seed']!), network, funding);
    expect(NAMES.map((name) => bytesToHex(secrets[name]!))).toEqual(NAMES.map((name) => v[`${name}_secret`]));
    expect(bytesToHex(seed!)).toBe(v['shachain_seed']);
    expect(secrets.funding).toBeUndefined();
    expect(eclairKeys(hexToBytes(v['seed']!), network, publicKey(new Uint8Array(32).fill(1)))).not.toEqual({
      secrets,
      seed,
    });
  });
  it('is imported by command, and to_remote swept with it', async () => {
    const [v] = published as [Record<string, string>];
    const funding = bytesToHex(publicKey(hexToBytes(v['funding_secret']!)));
    const argv = (out: string, more: string[]) =>
      `--network regtest --eclair-seed ${put(hexToBytes(v['seed']!))} --out ${join(dir, out)} --outpoint ${'ab'.repeat(32)}:0:1000000 --format anchors --opener local`
        .split(' ')
        .concat(more);
    const { stdout } = await command(ChannelImport, argv('eclair', ['--funding-pubkey', funding]));
    const [row] = JSON.parse(stdout).channels;
    const document = JSON.parse(readFileSync(row.channel_file, 'utf8'));
    const keys = readChannelKeys(new Fields(JSON.parse(readFileSync(row.keys_file, 'utf8'))));
    expect([document.local.funding_pubkey, keys.secrets.funding]).toEqual([funding, undefined]);
    // The peer's commitment pays to_remote to the payment key; nothing else of the peer is known.
    const { remote } = channelFor('anchors') as any;
    const whole = readChannel(new Fields({ ...document, remote }));
    const state = {
      holder: 'remote',
      number: 3,
      per_commitment_point: point('anchors', 'remote', 3),
      to_local_msat: 4e8,
      to_remote_msat: 5e8,
      feerate_per_kw: 500,
      dust_limit_sat: 354,
    };
    const { unsigned }: any = commitmentDocument(whole, new Fields(state as never), undefined);
    const made = sweepDocument(
      readChannel(new Fields(document)),
      new Fields({ transaction: unsigned } as never),
      keys,
      undefined,
      { to: one0, feerate: 1_000, allowFee: true },
    );
    expect([made.complete, (made.document as any).transactions[0].outputs[0].way]).toEqual([true, 'payment']);
    expect((await command(ChannelImport, argv('none', []))).code).toBe('usage');
    expect((await command(ChannelImport, argv('wrong', ['--funding-pubkey', `02${'ff'.repeat(32)}`]))).code).toBe(
      'wrong-key',
    );
  });
  it('is refused at another size', () => {
    for (const length of [0, 15, 65])
      expect(codeOf(() => eclairKeys(new Uint8Array(length), 'mainnet', publicKey(new Uint8Array(32).fill(1))))).toBe(
        'malformed-backup',
      );
  });
});
const one0 = `0014${'11'.repeat(20)}`;

describe('hostile bytes', () => {
  it('in an hsm_secret end in a refusal, or in 32 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(hsmSecret(bytes).length).toBe(32);
        } catch (error) {
          expect((error as { code: string }).code).toBe('malformed-backup');
        }
      }),
      { numRuns: 2_000, seed: 42 },
    );
  });
});
