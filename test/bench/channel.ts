/**
 * Channels: building and comparing a full commitment against LDK (WASM), explaining commitments against a bare parse,
 * keeping secrets against LDK's store, and a penalty over a full commitment against its bare signatures.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { RawTx } from '@scure/btc-signer/script.js';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { commitmentDocument } from '../../src/lib/channel/build.ts';
import { buildCommitment } from '../../src/lib/channel/commitment.ts';
import { pointAt, readChannel, readState } from '../../src/lib/channel/document.ts';
import { inspectTransaction } from '../../src/lib/channel/inspect.ts';
import { commitmentSecrets } from '../../src/lib/channel/keys.ts';
import { matchTransaction } from '../../src/lib/channel/match.ts';
import {
  findSecret,
  FIRST_INDEX,
  secretIndex,
  insertSecret,
  secretAt,
  type SecretStore,
} from '../../src/lib/channel/secrets.ts';
import { secretsDocument } from '../../src/lib/channel/secrets-document.ts';
import { claimsOf, spendClaims } from '../../src/lib/channel/spend.ts';
import { parseBareTransaction, unsignedHex } from '../../src/lib/bitcoin/transaction.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { Sighashes } from '../../src/lib/bitcoin/sighash.ts';
import { signWay } from '../../src/lib/channel/sign.ts';
import { CASES } from '../support/channel.ts';
import { channelFor, keysFor, point, secret } from '../support/played-channel.ts';
import { report } from './measure.ts';

function ldk(job: object): any {
  const peer = join(import.meta.dirname, '../support/peers/ldk-channel.mjs');
  const input = `${JSON.stringify(job, (_, v) => (typeof v === 'bigint' ? Number(v) : v))}\n`;
  const { stdout } = spawnSync(process.execPath, [peer], { input, encoding: 'utf8', maxBuffer: 1e9 });
  return JSON.parse(stdout.split('\n').find((line) => line.startsWith('{'))!);
}
/** Returns milliseconds of this thread's CPU for a round, the mean of so many: a system may count them in ticks of several. */
function timed(rounds: number, work: () => unknown): number {
  for (let round = 0; round < 2; round++) work();
  const start = process.threadCpuUsage();
  for (let round = 0; round < rounds; round++) work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1_000 / rounds;
}
/** A commitment of so many HTLCs, 2,000 sat each. */
const full = (count: number, number: number) => ({
  holder: 'local',
  number,
  per_commitment_point: point('anchors', 'local', number),
  to_local_msat: 40_000_000_000 - count * 2_000_000,
  to_remote_msat: 50_000_000_000,
  feerate_per_kw: 253,
  dust_limit_sat: 354,
  htlcs: Array.from({ length: count }, (_, i) => ({
    direction: i % 2 === 0 ? 'offered' : 'received',
    amount_msat: 2_000_000,
    payment_hash: i.toString(16).padStart(64, '0'),
    expiry: 1_000 + i,
  })),
});

/** Rounds of both sides, where LDK is timed. */
const ROUNDS = 100;
/** Runs all; false where a limit was not held. */
export function benchChannels(rounds: number): boolean[] {
  const results: boolean[] = [];
  const document: any = channelFor('anchors', 'ab'.repeat(32), 0, 100_000_000);
  const channel = readChannel(new Fields(document));

  const state = full(483, 1);
  const made: any = commitmentDocument(channel, new Fields(state as never), undefined);
  const side = (name: string) => {
    const { to_self_delay: _, ...points } = document[name];
    return points;
  };
  const { keys }: any = secretsDocument(
    'keys',
    new Fields({
      format: 'anchors',
      holder: side('local'),
      other: side('remote'),
      per_commitment_point: state.per_commitment_point,
    } as never),
    undefined,
  );
  const theirs = ldk({
    channel: document,
    state,
    unsigned: made.unsigned,
    txid: made.txid,
    keys,
    outputs: made.outputs,
    repeat: ROUNDS,
  });
  if (!theirs.same) throw new Error('LDK builds another commitment');
  const read = readState(new Fields(state as never), 'anchors');
  const build = (): void => {
    if (buildCommitment(channel, read).unsigned !== made.unsigned) throw new Error('another commitment');
  };
  const ours = timed(ROUNDS, build);
  results.push(
    report({
      what: 'building and comparing 483 HTLCs',
      ratio: ours / theirs.milliseconds,
      limit: 1.5,
      unit: "× LDK's verify (WASM)",
    }),
  );

  const hexes = CASES.map((c) => c.commitment);
  const memory = process.memoryUsage.rss();
  const times = 20_000 / hexes.length;
  const each = (work: (hex: string) => unknown) =>
    timed(3, () => {
      for (let i = 0; i < times; i++) hexes.forEach(work);
    });
  const parsed = each((hex) => JSON.stringify({ tx: bytesToHex(RawTx.encode(RawTx.decode(hexToBytes(hex)))) }));
  const told = each((hex) => printJson(inspectTransaction(hex)));
  results.push(
    report({ what: 'explaining a commitment', ratio: told / parsed, limit: 2, unit: '× parsing and writing it again' }),
  );
  console.log(
    `      memory over 100,000 commitments: ${((process.memoryUsage.rss() - memory) / 1e6).toFixed(0)} MB more`,
  );

  const seed = new Uint8Array(32).fill(7);
  const revealed = Array.from({ length: 100_000 }, (_, n) => ({
    index: FIRST_INDEX - BigInt(n),
    secret: secretAt(seed, FIRST_INDEX - BigInt(n)),
  }));
  let store: SecretStore = [];
  const inserting = timed(1, () => {
    store = revealed.reduce<SecretStore>((kept, one) => insertSecret(kept, one), []);
  });
  const stored = ldk({ secrets: revealed.map(({ index, secret }) => [Number(index), bytesToHex(secret)]) });
  results.push(
    report({
      what: 'keeping 100,000 secrets',
      ratio: inserting / stored.milliseconds,
      limit: 2,
      unit: "× LDK's store (WASM)",
    }),
  );
  const finding = timed(rounds, () => {
    for (let n = 0n; n < 1_000n; n++) findSecret(store, secretIndex(n * 97n));
  });
  const deriving = timed(rounds, () => {
    for (let n = 0n; n < 1_000n; n++) secretAt(seed, secretIndex(n * 97n));
  });
  results.push(
    report({ what: 'finding a secret', ratio: finding / deriving, limit: 1, unit: '× deriving it from the seed' }),
  );

  const revoked = buildCommitment(channel, readState(new Fields(full(966, 2) as never), 'anchors'));
  const bare = parseBareTransaction(unsignedHex(revoked.template));
  const point2 = hexToBytes(point('anchors', 'local', 2));
  const htlcs = revoked.outputs.flatMap(({ htlc }) => (htlc ? [htlc] : []));
  const secrets = commitmentSecrets('anchors', keysFor('anchors', 'remote').secrets, {
    owner: 'remote',
    holder: 'local',
    point: point2,
    revoked: secret('anchors', 'local', 2),
  });
  const matched = matchTransaction(channel, bare, { pointOf: () => point2, htlcs, holder: 'local' });
  const { claims } = claimsOf(bare, matched, secrets, 'punisher');
  const paying = { to: `5120${'11'.repeat(32)}`, feerate: 1_000, allowFee: true };
  // What is signed is hashed, and signed.
  const { spends } = spendClaims(claims, paying);
  const signing = timed(Math.min(rounds, 5), () => {
    for (const { template, claims: together } of spends) {
      const hashes = new Sighashes(template);
      together.forEach((claim, i) => signWay(hashes, i, claim.lock, claim.way, claim.secret!));
    }
  });
  const punished = timed(Math.min(rounds, 5), () => spendClaims(claims, paying));
  results.push(
    report({
      what: `a penalty over ${claims.length} outputs, finished`,
      ratio: punished / signing,
      limit: 1.2,
      unit: '× its bare signatures',
    }),
  );
  // The number that a commitment hides says which point it is: nothing is searched.
  let tried = 0;
  const ownSeed = keysFor('anchors', 'local').seed!;
  matchTransaction(channel, parseBareTransaction(made.unsigned), {
    holder: 'local',
    htlcs: [],
    pointOf: (_, number) => ((tried += 1), pointAt(ownSeed, number!)),
  });
  results.push(report({ what: 'to_local of an own commitment', ratio: tried, limit: 1, unit: 'points tried' }));
  return results;
}
