/**
 * Onions: building against a bare loop of the same ECDH and ChaCha20 calls in @noble, peeling against @noble's multiplications and LDK's WASM, both
 * as lines of a batch through the program. Throughput is what a line more costs: the difference of a long and a short
 * batch, so that the start of the process does not count.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chacha20 } from '@noble/ciphers/chacha.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { needPoint, N, secretTimes } from '../../src/lib/signing/curve.ts';
import { buildPacket } from '../../src/lib/onion/packet.ts';
import { fill, hex, pubkeyOf, typed } from '../support/onion.ts';
import { interleaved, report, runToEnd, type Line } from './measure.ts';

const SIZES = [3, 20, 27];
const HASH = fill(0x42);

/** Amount, expiry and channel. Of 27 hops each has 16 bytes in 1300: an amount of 0 and an expiry of one byte. */
const payloadOf = (i: number, hops: number) =>
  typed({
    amt_to_forward: hops === 27 ? 0n : 1_000_000n - BigInt(i),
    outgoing_cltv_value: hops === 27 ? 200n : 701_900n,
    ...(i < hops - 1 && { short_channel_id: `${i}x2x3` }),
  });

/** What must be computed at least: one shared secret and one stream for each hop. */
function bareLoop(hops: number): void {
  const secret = fill(0x41);
  for (let i = 0; i < hops; i++) {
    const key = secp256k1.getSharedSecret(secret, pubkeyBytes[i]!).subarray(1);
    chacha20(key, new Uint8Array(12), new Uint8Array(1300));
  }
}
const pubkeyBytes = Array.from({ length: 27 }, (_, i) => pubkeyOf(i));

/** The same two multiplications that a peel needs, of a secret and of a public scalar, in @noble. */
function twoMultiplications(): void {
  const point = secp256k1.Point.fromBytes(pubkeyBytes[1]!);
  const scalar = BigInt(`0x${hex(fill(0x41))}`);
  point.multiply(scalar).toBytes(true);
  point.multiplyUnsafe(scalar).toBytes(true);
}

/** Milliseconds for a packet in LDK, with its own key and ECDH. */
function ldk(jobs: readonly object[]): any[] {
  const peer = join(import.meta.dirname, '../support/peers/ldk.mjs');
  const input = jobs.map((job) => `${JSON.stringify(job)}\n`).join('');
  const { stdout } = spawnSync(process.execPath, [peer], { input, encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

function milliseconds(work: () => unknown): number {
  for (let i = 0; i < 20; i++) work();
  const start = performance.now();
  for (let i = 0; i < 200; i++) work();
  return (performance.now() - start) / 200;
}

/** Runs all; false where a limit was not held. */
export async function benchOnions(run: string, rounds: number): Promise<boolean> {
  const key = join(mkdtempSync(join(tmpdir(), 'spillway-bench-')), 'key');
  writeFileSync(key, hex(fill(0x41)));
  chmodSync(key, 0o600);
  const ldkNode = Buffer.from(ldk([{ node_id: true }])[0].node_id, 'hex');
  const lines: Line[] = [];
  for (const hops of SIZES) {
    const list = Array.from({ length: hops }, (_, i) => ({ pubkey: pubkeyBytes[i]!, payload: payloadOf(i, hops) }));
    const json = JSON.stringify({
      associated_data: hex(HASH),
      hops: list.map(({ pubkey, payload }) => ({ pubkey: hex(pubkey), payload: hex(payload) })),
    });
    const { onion } = buildPacket(list, { sessionKey: fill(0x61), associatedData: HASH });
    const packet = JSON.stringify({ onion: hex(onion), associated_data: hex(HASH) });
    const builds = hops === 3 ? 100 : 15;
    const peels = 100;
    const batch = (command: readonly string[], line: string, times: number) =>
      void runToEnd(process.execPath, [run, ...command, '--batch'], { input: `${line}\n`.repeat(times) });
    const peelArgs = ['onion-peel', '--key-file', key];
    const times = await interleaved(
      [
        { name: 'build few', run: () => batch(['onion-build'], json, 10) },
        { name: 'build many', run: () => batch(['onion-build'], json, 10 + builds) },
        { name: 'bare', run: () => void Array.from({ length: builds }, () => bareLoop(hops)) },
        { name: 'peel few', run: () => batch(peelArgs, packet, 30) },
        { name: 'peel many', run: () => batch(peelArgs, packet, 30 + peels) },
        { name: 'curve', run: () => void Array.from({ length: peels }, twoMultiplications) },
      ],
      rounds,
    );
    const build = (times.get('build many')! - times.get('build few')!) / builds;
    const bare = times.get('bare')! / builds;
    console.log(`      ${hops} hops: ${(1000 / build).toFixed(0)} packets built a second`);
    lines.push({ what: `building ${hops} hops`, ratio: build / bare, limit: 1.3, unit: '× a bare loop of @noble' });
    const ours = (times.get('peel many')! - times.get('peel few')!) / peels;
    const curve = times.get('curve')! / peels;
    lines.push({
      what: `peeling ${hops} hops`,
      ratio: ours / curve,
      // A guard of our own: parsing, one HMAC, ChaCha20 and JSON beside the curve.
      limit: 2,
      unit: "× @noble's two multiplications alone",
    });
    console.log(`      ${hops} hops: ${(1000 / ours).toFixed(0)} packets peeled a second`);
    if (hops === 27) continue; // so small an expiry is too soon for LDK
    list[0] = { pubkey: ldkNode, payload: list[0]!.payload };
    const theirs = buildPacket(list, { sessionKey: fill(0x61), associatedData: HASH }).onion;
    const [said] = ldk([
      { onion: hex(theirs), payment_hash: hex(HASH), amount_msat: 2_000_000, cltv_expiry: 702_000, repeat: 300 },
    ]);
    if (!said.ok) throw new Error(`LDK refuses the packet: ${JSON.stringify(said)}`);
    // No limit: LDK multiplies points in compiled C. The figures say where our time goes.
    const own = milliseconds(() => secretTimes(needPoint(pubkeyBytes[1]!, ''), 3n ** 160n % N));
    console.log(
      `      LDK's WASM peels ${(1000 / said.milliseconds).toFixed(0)} a second, ${(ours / said.milliseconds).toFixed(1)} times as many; ` +
        `of our ${ours.toFixed(2)} ms two multiplications in bigint take ${(2 * own).toFixed(2)} (in @noble ${curve.toFixed(2)})`,
    );
  }
  return lines.map(report).every(Boolean);
}
