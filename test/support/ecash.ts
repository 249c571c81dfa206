/** A mint with known keys, coins that it signed, and nutshell as a second reader. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  blindMessage,
  createBlindSignature,
  createDLEQProof,
  deriveKeysetId,
  pointFromHex,
  unblindSignature,
} from '@cashu/cashu-ts';
import { loadCashu } from '../../src/lib/ecash/library.ts';
import type { MintKeys } from '../../src/lib/ecash/mint-keys.ts';
import type { Proof } from '../../src/lib/ecash/token.ts';
import { publicBytes } from '../../src/lib/signing/curve.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

export interface TestMint {
  keyset: MintKeys;
  /** A coin as a wallet keeps it, with its DLEQ proof. */
  coin(amount: bigint, secret?: string): Proof;
}

await loadCashu();

/** Keys for 1, 2, 4, … of a keyset whose id is of version 00 or 01. */
export function testMint(name: string, version: 0 | 1 = 1, unit = 'sat', count = 12): TestMint {
  const amounts = Array.from({ length: count }, (_, i) => 2n ** BigInt(i));
  const secretOf = (amount: bigint): Buffer => sha256(`${name}/${amount}`);
  const keys = Object.fromEntries(
    amounts.map((amount) => [String(amount), hex(publicBytes(BigInt(`0x${hex(secretOf(amount))}`)))]),
  );
  const id = deriveKeysetId(keys, { unit, versionByte: version });
  return {
    keyset: { id, unit, keys },
    coin(amount, secret = hex(sha256(`${name}/secret/${amount}`))) {
      const key = secretOf(amount);
      const { B_, r } = blindMessage(new TextEncoder().encode(secret), BigInt(`0x${hex(sha256(`r/${secret}`))}`));
      const { C_ } = createBlindSignature(B_, key, id);
      const { e, s } = createDLEQProof(B_, key);
      const C = unblindSignature(C_, r, pointFromHex(keys[String(amount)]!));
      const dleq = { e: hex(e), s: hex(s), r: r.toString(16).padStart(64, '0') };
      return { id, amount, secret, C: C.toHex(true), dleq };
    },
  };
}

const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
const venv = process.env['SPILLWAY_NUTSHELL_DIR'] ?? join(cache, 'spillway-nutshell');

/** Lines of JSON answered by nutshell's code; undefined, and one line that says so, where it is not installed. */
export function nutshell(): ((jobs: readonly object[]) => unknown[]) | undefined {
  const python = join(venv, 'bin/python');
  if (spawnSync(python, ['-c', 'import cashu.core.base']).status !== 0) {
    console.log('skipped: tokens read and made by nutshell itself (test/ecash/install.sh)');
    return undefined;
  }
  return (jobs) => {
    const ran = spawnSync(python, [join(import.meta.dirname, 'peers/cashu_nutshell.py')], {
      input: jobs.map((job) => `${JSON.stringify(job)}\n`).join(''),
      encoding: 'utf8',
    });
    const lines = ran.stdout.split('\n').filter((line) => line.startsWith('{'));
    if (lines.length !== jobs.length) throw new Error(`nutshell: ${ran.stderr || ran.stdout}`);
    return lines.map((line) => JSON.parse(line));
  };
}
