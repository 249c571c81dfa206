/**
 * The reference library (python-opentimestamps, `test/notary/install.sh`) reads our proofs, and ours reads what it makes.
 * Where it is not installed one line says so; its example files are read in any case (`ots.test.ts`).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { attested, readOts, writeOts } from '../../src/lib/notary/ots.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { ROOT } from '../cli/run.ts';

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const python = join(process.env['SPILLWAY_OTS_DIR'] ?? join(cache, 'spillway-ots'), 'bin/python');
const there = existsSync(python);
const reference = (input: string, ...args: string[]): string[] => {
  const ran = spawnSync(python, [join(ROOT, 'test/notary/reference.py'), ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return ran.stdout.trim().split('\n');
};
const recorded = JSON.parse(readFileSync(join(ROOT, 'fixtures/notary/regtest.json'), 'utf8')) as {
  proofs: Record<string, string>;
};
const ours = Object.values(recorded.proofs);

describe.skipIf(!there)('the reference library', () => {
  it('reads our proofs, writes them byte for byte, and finds the root that we find', () => {
    const read = reference(ours.join('\n')).map((line) => JSON.parse(line));
    for (const [i, ots] of ours.entries()) {
      const found = [...attested(readOts(hexToBytes(ots)))].map(({ message }) => [108, bytesToHex(message)]);
      expect(read[i]).toEqual({ written: ots, bitcoin: found });
    }
  });
  it('makes proofs that we write byte for byte', () => {
    const made = reference('', 'make', '300');
    expect(made).toHaveLength(300);
    for (const ots of made) expect(bytesToHex(writeOts(readOts(hexToBytes(ots))))).toBe(ots);
  });
  it('takes no altered proof that we refuse, and none that we take otherwise', () => {
    const altered = ours.slice(0, 2).flatMap((ots) => {
      const bytes = hexToBytes(ots);
      return [...bytes.keys()].map((at) =>
        bytesToHex(bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte))),
      );
    });
    const read = reference(altered.join('\n')).map((line) => JSON.parse(line));
    for (const [i, ots] of altered.entries()) {
      let written: string | undefined;
      try {
        written = bytesToHex(writeOts(readOts(hexToBytes(ots))));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      // A payload that is longer than its number is written as it was read.
      if (read[i].refused === undefined) expect(written).toHaveLength(read[i].written.length);
      expect(written === undefined, `${i} ${JSON.stringify(read[i])}`).toBe(read[i].refused !== undefined);
    }
  });
});
it.skipIf(there)('says in one line that the reference library is not there', () => {
  console.log('python-opentimestamps is not installed (test/notary/install.sh): its side of proofs was not tried');
});
