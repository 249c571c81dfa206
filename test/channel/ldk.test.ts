/**
 * LDK rebuilds what is built here: random states of static and anchor channels with their HTLC transactions, penalties, and
 * the store of secrets. Its WASM knows no other format: of anchors whose HTLC transactions pay it builds no anchor.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { parseBareTransaction, unsignedHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { commitmentDocument } from '../../src/lib/channel/build.ts';
import { readChannel } from '../../src/lib/channel/document.ts';
import { secretsDocument } from '../../src/lib/channel/secrets-document.ts';
import { FIRST_INDEX, secretAt } from '../../src/lib/channel/secrets.ts';
import { penaltyDocument } from '../../src/lib/channel/spend.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { derOf } from '../../src/lib/signing/ecdsa.ts';
import { judge } from '../support/kernel.ts';
import { channelFor, htlcsFor, keysFor, played, point, secret } from '../support/played-channel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

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
  const made: any = commitmentDocument(readChannel(new Fields(channel)), new Fields(state as never), undefined);
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
  const { unsigned, txid, outputs, htlc_transactions } = made;
  return { channel, state, unsigned, txid, keys, outputs, htlcs: htlc_transactions.map((t: any) => t.unsigned) };
}

describe('LDK', () => {
  it('rebuilds random commitments, and not those of which a satoshi is another', () => {
    const jobs = fc.sample(states, { numRuns: 60, seed: 43 }).map(jobOf);
    const bent = jobs.map((job) => ({ ...job, state: { ...job.state, number: job.state.number + 1 } }));
    const said = ldk([...jobs, ...bent]);
    expect(said.slice(0, jobs.length).filter(({ same }) => !same)).toEqual([]);
    expect(said.slice(0, jobs.length).map(({ htlcs }) => htlcs)).toEqual(jobs.map(({ htlcs }) => htlcs));
    for (const [i, { txid, outputs }] of jobs.entries()) {
      const vout = outputs.findIndex((o: { role: string }) => o.role === 'to_local');
      const { justice } = said[i];
      expect(justice && outpointText(parseBareTransaction(justice).inputs[0]!)).toBe(
        vout < 0 ? null : `${txid}:${vout}`,
      );
    }
    expect(said.slice(jobs.length).filter(({ same }) => same)).toEqual([]);
    expect(said.length).toBe(2 * jobs.length);
  });
  it.each(['static', 'anchors'] as const)(
    'punishes a revoked commitment as it is punished here: %s',
    async (format) => {
      const document: any = channelFor(format);
      const made = played(document, format, 'remote', 41);
      const punisher = Object.fromEntries(
        Object.entries(keysFor(format, 'local').secrets).map(([base, one]) => [base, bytesToHex(one)]),
      );
      const revoked = secret(format, 'remote', 41);
      const penalty: any = penaltyDocument(
        readChannel(new Fields(document)),
        new Fields({ transaction: made.hex, htlcs: htlcsFor() } as never),
        keysFor(format, 'local'),
        { secret: revoked },
        { to: `0014${'11'.repeat(20)}`, feerate: 1_000, allowFee: true },
      ).document;
      const { hex, outputs } = penalty.transactions.find((t: any) => t.outputs.some((o: any) => o.way === 'penalty'));
      const inputs = outputs.map(({ vout }: { vout: number }) => made.outputs[vout]!);
      const { stacks, ...bare } = parseBareTransaction(hex);
      const transaction = unsignedHex(bare);
      const [{ signatures }] = ldk([{ channel: document, punisher, secret: bytesToHex(revoked), transaction, inputs }]);
      // LDK's signatures in the place of ours: the same keys, scripts and hashes. It punishes; to_remote is none of that.
      let replaced = 0;
      const theirs = stacks.map((stack, i) => {
        if (outputs[i].way !== 'penalty') return stack;
        replaced++;
        return [Uint8Array.of(...derOf(hexToBytes(signatures[i])), 1), ...stack.slice(1)];
      });
      expect(replaced).toBe(4);
      const prevouts = inputs.map(({ amount_sat: sat, script }: any) => ({ sat, script }));
      if (kernel) expect(await kernel.scripts(withWitness(bare, theirs), prevouts)).toBe(true);
    },
  );
  it('keeps the secrets of a seed, and finds them all again', () => {
    const seed = new Uint8Array(32).fill(8);
    const secrets = Array.from({ length: 300 }, (_, n) => FIRST_INDEX - BigInt(n)).map((i) => [
      Number(i),
      bytesToHex(secretAt(seed, i)),
    ]);
    expect(ldk([{ secrets }])[0]).toMatchObject({ store: 300 });
  });
});
