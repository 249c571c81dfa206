/** Mutated inputs for each parser, 20,000 or SPILLWAY_MUTATIONS (100,000 take two minutes): each ends in a refusal by name, or is read; nothing else happens. */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { hsmSecret } from '../../src/lib/channel/seeds.ts';
import { readChannel, readChannelKeys, readState, readStore } from '../../src/lib/channel/document.ts';
import { inspectTransaction } from '../../src/lib/channel/inspect.ts';
import { adaptorDocument, presignDocument } from '../../src/lib/channel/adaptor-document.ts';
import { verifyCommitment } from '../../src/lib/channel/build.ts';
import { closeDocument } from '../../src/lib/channel/close.ts';
import { parseBackup } from '../../src/lib/channel/lnd.ts';
import { secretsDocument } from '../../src/lib/channel/secrets-document.ts';
import { penaltyDocument, sweepDocument } from '../../src/lib/channel/spend.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { adapt } from '../../src/lib/signing/adaptor.ts';
import { parsePre as parseEcdsaPre } from '../../src/lib/signing/ecdsa-adaptor.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { CASES, channelDocument } from '../support/channel.ts';
import { channelFor, htlcsFor, keysFor, played, point, secret, stateFor } from '../support/played-channel.ts';
import { drawing } from '../support/random.ts';
import { fixture } from '../support/vectors.ts';

const RUNS = Number(process.env['SPILLWAY_MUTATIONS'] ?? 20_000);
type Draw = ReturnType<typeof drawing>;
function mutated(bytes: Uint8Array, draw: Draw): Uint8Array {
  const bent = bytes.slice();
  for (let times = 1 + draw(3); times > 0; times--) bent[draw(bent.length)] = draw(256);
  const kind = draw(4);
  if (kind === 0) return bent.subarray(0, draw(bent.length));
  return kind === 1 ? Uint8Array.of(...bent, ...bent.subarray(draw(bent.length))) : bent;
}
/** Every outcome by its code; anything but a refusal is thrown on. */
function outcomes(seed: number, run: (draw: Draw) => unknown, runs = RUNS): Map<string, number> {
  const draw = drawing(seed);
  const found = new Map<string, number>();
  for (let i = 0; i < runs; i++) {
    let code = 'read';
    try {
      run(draw);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'bug')
        throw new Error(`run ${i} of seed ${seed}`, { cause: error });
      ({ code } = error);
    }
    found.set(code, (found.get(code) ?? 0) + 1);
  }
  return found;
}
const VALUES = [null, true, -1, 0, 1, 2 ** 53, 1.5, '', '00', 'zz', 'a'.repeat(70), [], [1], {}, { x: 1 }] as const;
/** A document with one value, at any depth, put in place of another. */
function bentJson(value: any, draw: Draw): any {
  if (typeof value !== 'object' || value === null || draw(6) === 0) return VALUES[draw(VALUES.length)];
  const names = Object.keys(value);
  if (names.length === 0) return value;
  const name = names[draw(names.length)]!;
  const bent = bentJson(value[name], draw);
  if (Array.isArray(value)) return value.map((v, i) => (String(i) === name ? bent : v));
  return { ...value, [name]: bent };
}

describe('mutated inputs', () => {
  const { cases } = fixture('channel/lnd-backups.json');
  const opened: Uint8Array[] = cases.map((one: any) => {
    const file = hexToBytes(one.backup);
    const key = HDKey.fromExtendedKey(one.root_key, { private: 0x04358394, public: 0x043587cf }).derive(
      "m/1017'/1'/7'/0/0",
    );
    return xchacha20poly1305(sha256(key.publicKey!), file.subarray(0, 24), file.subarray(0, 24)).decrypt(
      file.subarray(24),
    );
  });
  it("lnd's backups", () => {
    // Keys are asked for once all fields are read.
    const read = (): never => {
      throw new Refusal('wrong-seed', 'all read');
    };
    const found = outcomes(1, (draw) => parseBackup(mutated(opened[draw(opened.length)]!, draw), 'regtest', read));
    expect([...found.keys()].filter((c) => !['wrong-seed', 'malformed-backup', 'wrong-network'].includes(c))).toEqual(
      [],
    );
    expect(found.get('malformed-backup')).toBeGreaterThan(RUNS / 10);
  });
  it('hsm_secrets', () => {
    const words = new TextEncoder().encode(
      'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about',
    );
    const file = Uint8Array.of(...new Uint8Array(32), ...words);
    const found = outcomes(2, (draw) => hsmSecret(mutated(file, draw)));
    expect([...found.keys()].sort()).toEqual(['malformed-backup', 'read']);
  });
  it('transactions', () => {
    const all = CASES.flatMap((c) => [c.commitment, ...c.htlc_transactions])
      .filter((hex) => hex.length < 1_000)
      .map((h) => hexToBytes(h));
    const found = outcomes(3, (draw) => inspectTransaction(bytesToHex(mutated(all[draw(all.length)]!, draw))));
    expect([...found.keys()].sort()).toEqual(['malformed-transaction', 'read']);
  });
  const malformed = ['malformed-message', 'wrong-key', 'key-rejected', 'read', 'secret-mismatch'];
  it('channels, keys, states and stores', () => {
    const { state } = CASES.find((c) => c.channel === 'anchors')!;
    const store = {
      secrets: fixture('channel/secrets.json')
        .storage[0].steps.slice(0, 1)
        .map((s: any) => ({ index: s.I, secret: s.secret })),
    };
    const keys = { funding_secret: '11'.repeat(32), shachain_seed: '22'.repeat(32) };
    const parsers: [object, (from: Fields) => unknown][] = [
      [channelDocument('static'), readChannel],
      [state, (from) => readState(from, 'anchors')],
      [store, readStore],
      [keys, readChannelKeys],
    ];
    for (const [i, [document, parse]] of parsers.entries()) {
      const found = outcomes(10 + i, (draw) => parse(new Fields(bentJson(document, draw))));
      expect([...found.keys()].filter((code) => !malformed.includes(code))).toEqual([]);
    }
  });
  it('documents of every command: closes, verified states, sweeps, penalties, secrets, pre-signatures', () => {
    const format = 'anchors';
    const channel = readChannel(new Fields(channelFor(format) as never));
    const keys = keysFor(format, 'local');
    const made = played(channelFor(format), format, 'remote', 7);
    const htlcs = htlcsFor();
    const paying = { to: `5120${'22'.repeat(32)}`, feerate: 2_000, allowFee: true };
    const close = { closer: 'local', fee_sat: 1_000, locktime: 5, local_sat: 400_000, remote_sat: 500_000 };
    const scripts = { local_script: `0014${'11'.repeat(20)}`, remote_script: `0014${'22'.repeat(20)}` };
    const signatures = { both: made.htlc_signatures[0], 'closee-only': made.htlc_signatures[0] };
    const taproot = readChannel(new Fields(channelFor('taproot') as never));
    const both = { local: '02'.repeat(66), remote: '03'.repeat(66) };
    const halves = { local: '11'.repeat(32), remote: '22'.repeat(32) };
    const partials = { nonces: { both }, partial_signatures: { both: halves } };
    const revealed = { index: 2 ** 48 - 1, secret: bytesToHex(secret(format, 'remote', 0)) };
    const terms = { message: '44'.repeat(32), adaptor_point: point(format, 'local', 1) };
    const pubkeys = [1, 2].map((n) => bytesToHex(publicKey(new Uint8Array(32).fill(n))));
    const nonces = { opener: both.local, last: both.remote };
    const key = new Uint8Array(32).fill(1);
    const pre = {
      ...terms,
      pubkey: pubkeys[0]!.slice(2),
      pre_signature: `02${'11'.repeat(64)}`,
      signature: '11'.repeat(64),
    };
    const sweep = { transaction: made.hex, per_commitment_point: point(format, 'remote', 7), htlcs, spent: [0, 1] };
    const state = { ...stateFor(format, 'remote', 7, htlcs), htlc_signatures: made.htlc_signatures };
    const commands: [object, (from: Fields) => unknown][] = [
      [{ ...close, ...scripts, signatures }, (from) => closeDocument(channel, from, undefined)],
      [{ ...close, ...scripts, ...partials }, (from) => closeDocument(taproot, from, undefined)],
      [{ ...state, commitment: made.hex }, (from) => verifyCommitment(channel, from)],
      [sweep, (from) => sweepDocument(channel, from, keys, undefined, paying)],
      [sweep, (from) => penaltyDocument(channel, from, keys, { secret: secret(format, 'remote', 7) }, paying)],
      [{ secrets: [revealed], ...revealed }, (from) => secretsDocument('insert', from, undefined)],
      [{ ...terms, pubkeys, output: 'plain', nonces }, (from) => presignDocument(from, { key, random: key })],
      [{ ...pre, construction: 'single' }, (from) => adaptorDocument('extract', from, undefined)],
    ];
    for (const [i, [document, run]] of commands.entries()) {
      // Whoever signs or verifies takes its time: a twentieth of the runs.
      const found = outcomes(30 + i, (draw) => run(new Fields(bentJson(document, draw))), Math.ceil(RUNS / 20));
      expect(found.get('malformed-message'), `document ${i}: ${[...found].join(' ')}`).toBeGreaterThan(0);
    }
  });
  it('pre-signatures', () => {
    const pre = hexToBytes(fixture('channel/schnorr-adaptor.json').presig[0]['pre-signature']);
    const t = new Uint8Array(32).fill(1);
    const found = outcomes(20, (draw) => adapt(mutated(pre, draw), t));
    expect([...found.keys()].sort()).toEqual(['adaptor-invalid', 'read']);
  });
  it('pre-signatures of ECDSA', () => {
    const pre = hexToBytes(fixture('channel/ecdsa-adaptor.json').cases[0].adaptor_sig);
    const found = outcomes(21, (draw) => parseEcdsaPre(mutated(pre, draw)));
    expect([...found.keys()].filter((code) => !['adaptor-invalid', 'scalar-range', 'read'].includes(code))).toEqual([]);
    expect(found.get('adaptor-invalid')).toBeGreaterThan(RUNS / 10);
  });
});
