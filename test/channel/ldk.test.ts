/** LDK rebuilds what is built here: random states of static and anchor channels, and the store of secrets. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { buildDocument } from '../../src/lib/channel/build.ts';
import { readChannel } from '../../src/lib/channel/document.ts';
import { secretsDocument } from '../../src/lib/channel/secrets-document.ts';
import { FIRST_INDEX, secretAt } from '../../src/lib/channel/secrets.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { channelFor, point } from '../support/played-channel.ts';

/** A line of answer for each job. */
function ldk(jobs: readonly object[]): any[] {
  const peer = join(import.meta.dirname, '../support/peers/ldk-channel.mjs');
  const input = jobs
    .map((job) => `${JSON.stringify(job, (_, v) => (typeof v === 'bigint' ? Number(v) : v))}\n`)
    .join('');
  const { stdout } = spawnSync(process.execPath, [peer], { input, encoding: 'utf8', maxBuffer: 1e8 });
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line));
}

const msat = (most: number) => fc.integer({ min: 0, max: most });
const states = fc.record({
  format: fc.constantFrom('static' as const, 'anchors' as const),
  opener: fc.constantFrom('local', 'remote'),
  number: fc.integer({ min: 0, max: 1_000_000 }),
  local: msat(300_000_000),
  remote: msat(300_000_000),
  feerate: fc.integer({ min: 253, max: 30_000 }),
  dust: fc.integer({ min: 354, max: 3_000 }),
  htlcs: fc.array(
    fc.record({
      direction: fc.constantFrom('offered', 'received'),
      amount_msat: fc.integer({ min: 1_000, max: 20_000_000 }),
      payment_hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => bytesToHex(b)),
      expiry: fc.integer({ min: 1, max: 1_000_000 }),
    }),
    { maxLength: 15 },
  ),
});
type State = typeof states extends fc.Arbitrary<infer S> ? S : never;
function jobOf({ format, opener, number, local, remote, feerate, dust, htlcs }: State) {
  const channel: any = { ...channelFor(format), opener };
  const state = {
    holder: 'local',
    number,
    per_commitment_point: point(format, 'local', number),
    to_local_msat: local,
    to_remote_msat: remote,
    feerate_per_kw: feerate,
    dust_limit_sat: dust,
    htlcs,
  };
  const made: any = buildDocument(readChannel(new Fields(channel)), new Fields(state as never), undefined);
  const side = (name: string) => {
    const { to_self_delay: _, ...points } = channel[name];
    return points;
  };
  const { keys }: any = secretsDocument(
    'keys',
    new Fields({
      format,
      holder: side('local'),
      other: side('remote'),
      per_commitment_point: state.per_commitment_point,
    } as never),
    undefined,
  );
  return { channel, state, unsigned: made.unsigned, txid: made.txid, keys, outputs: made.outputs };
}

describe('LDK', () => {
  it('rebuilds random commitments, and not those of which a satoshi is another', () => {
    const jobs = fc.sample(states, { numRuns: 60, seed: 43 }).map(jobOf);
    const bent = jobs.map((job) => ({ ...job, state: { ...job.state, number: job.state.number + 1 } }));
    const said = ldk([...jobs, ...bent]);
    expect(said.slice(0, jobs.length).filter(({ same }) => !same)).toEqual([]);
    expect(said.slice(jobs.length).filter(({ same }) => same)).toEqual([]);
    expect(said.length).toBe(2 * jobs.length);
  });
  it('keeps the secrets of a seed, and finds them all again', () => {
    const seed = new Uint8Array(32).fill(8);
    const secrets = Array.from({ length: 300 }, (_, n) => FIRST_INDEX - BigInt(n)).map((i) => [
      Number(i),
      bytesToHex(secretAt(seed, i)),
    ]);
    expect(ldk([{ secrets }])[0]).toMatchObject({ store: 300 });
  });
});
