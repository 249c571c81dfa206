/** Packets for tests: nodes with known keys, and packets around any bytes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { sharedAlong, keyFor, mac, stream, xorInto } from '../../src/lib/onion/keys.ts';
import { buildPacket } from '../../src/lib/onion/packet.ts';
import type { HopPayload } from '../../src/lib/onion/payload.ts';
import { PAYLOAD, withLength } from '../../src/lib/onion/payload.ts';
import { writeFields } from '../../src/lib/wire/fields.ts';
import { publicBytes } from '../../src/lib/signing/curve.ts';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
export const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

/** The secret key of node `i`, as in BOLT4's vectors: 4141…, 4242…, … */
export const keyOf = (i: number): bigint => BigInt(`0x${hex(fill(0x41 + i))}`);
export const pubkeyOf = (i: number): Uint8Array => publicBytes(keyOf(i));
export const AD = fill(0x42);
export const SESSION = fill(0x61);

export const typed = (payload: HopPayload): Uint8Array => withLength(writeFields(PAYLOAD, payload));
/** A packet whose only hop is node 0, with this payload (length in front). */
export const packetOf = (payload: Uint8Array, size = 1300): Uint8Array =>
  buildPacket([{ pubkey: pubkeyOf(0), payload }], { sessionKey: SESSION, associatedData: AD, size }).onion;
/** A packet for node 0 with a right HMAC around any frame, also one that no builder makes. */
export function packetAround(plain: Uint8Array, size = 1300): Uint8Array {
  const [{ secret, ephemeralKey }] = sharedAlong(SESSION, [pubkeyOf(0)]) as [ReturnType<typeof sharedAlong>[number]];
  const frame = new Uint8Array(size);
  frame.set(plain);
  xorInto(frame, stream(keyFor('rho', secret), size));
  return Uint8Array.of(0, ...ephemeralKey, ...frame, ...mac(keyFor('mu', secret), frame, AD));
}

/** A peer that answers a line of JSON with a line of JSON. */
const PEERS = {
  ldk: [process.execPath, 'ldk.mjs'],
  'ldk-offers': [process.execPath, 'ldk-offers.mjs'],
  electrum: ['/usr/bin/python3', 'onion_electrum.py'],
} as const;
export function peer(kind: keyof typeof PEERS, jobs: readonly object[]): any[] {
  const [program, file] = PEERS[kind];
  const args = kind === 'electrum' ? ['-W', 'ignore'] : [];
  const ran = spawnSync(program, [...args, join(import.meta.dirname, 'peers', file)], {
    input: jobs.map((job) => `${JSON.stringify(job)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  const lines = ran.stdout.split('\n').filter((line) => line.startsWith('{'));
  if (lines.length !== jobs.length) throw new Error(`${kind}: ${ran.stderr || ran.stdout}`);
  return lines.map((line) => JSON.parse(line));
}
export const hasElectrum = (): boolean =>
  spawnSync('/usr/bin/python3', ['-W', 'ignore', '-c', 'import electrum.lnonion']).status === 0;
