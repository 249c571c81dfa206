/** The `htlc` commands in process: what each refuses, and the heights and sums at which what they say changes. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import HtlcClaim from '../../src/commands/htlc/claim.ts';
import HtlcCreate from '../../src/commands/htlc/create.ts';
import HtlcFund from '../../src/commands/htlc/fund.ts';
import HtlcIdentify from '../../src/commands/htlc/identify.ts';
import HtlcRefund from '../../src/commands/htlc/refund.ts';
import HtlcSecret from '../../src/commands/htlc/secret.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { toTransaction, txidOf, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { hashOf } from '../../src/lib/htlc/terms.ts';
import type { ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { command, refusedCommand, type Made } from '../support/command.ts';
import { PREIMAGE, PUBKEYS, SECRETS, TO as SCRIPT } from '../support/htlc.ts';
import { TestParty } from '../support/party.ts';

const dir = mkdtempSync(join(tmpdir(), 'spillway-htlc-'));
const file = (name: string, what: unknown): string => {
  writeFileSync(join(dir, name), typeof what === 'string' ? what : JSON.stringify(what), { mode: 0o600 });
  return join(dir, name);
};
const at = (name: string) => () => join(dir, name);
const COIN = `${'cd'.repeat(32)}:1:100000`;
const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const { sha256 } = hashOf(PREIMAGE);
const KEYS = ['--claim-key', PUBKEYS.claim, '--refund-key', PUBKEYS.refund];
const CREATE = ['--network', 'regtest', '--hash', sha256!, '--expires', '900'];
const SPEND = ['--feerate', '2', '--to', TO];

let [here, elsewhere]: TestParty[] = [];
let htlc: string;
let output: string;
let prev: Template;

beforeAll(async () => {
  here = await TestParty.make();
  elsewhere = await TestParty.make(undefined, undefined, 'signet');
  const { stdout } = await command(HtlcCreate, [...CREATE, ...KEYS]);
  file('htlc', (htlc = stdout));
  output = JSON.parse(stdout).output_script;
  const input = { txid: '11'.repeat(32), vout: 0, sequence: 0xfffffffd, sat: 0n, script: '' };
  prev = { version: 2, locktime: 0, inputs: [input], outputs: [{ sat: 100_000n, script: SCRIPT }] };
  file('prev', bytesToHex(toTransaction(prev).unsignedTx));
  file('empty', {});
  file('number', { witness: [5] });
  file('half', { witness: ['abc'] });
  file('key', { network: 'signet', pubkey: PUBKEYS.claim });
  file('plain', { psbt: Buffer.from(toTransaction(prev).toPSBT()).toString('base64') });
  file('claim.key', bytesToHex(SECRETS.claim));
  file('other', 'xyz');
  file('two', `${bytesToHex(PREIMAGE)}\n${bytesToHex(PREIMAGE)}`);
});
afterAll(() => [here, elsewhere].forEach((party) => party!.close()));

type Row = [title: string, Made, words: (string | (() => string))[], ErrorCode];
const ROWS: Row[] = [
  ['no refund key', HtlcCreate, [...CREATE, '--claim-key', PUBKEYS.claim], 'usage'],
  ['no claim key', HtlcCreate, [...CREATE, '--refund-key', PUBKEYS.refund], 'usage'],
  ['a key for another network', HtlcCreate, [...CREATE, ...KEYS.slice(2), '--claim-key', at('key')], 'wrong-network'],
  ['a witness of numbers', HtlcSecret, ['--hash', sha256!, at('number')], 'malformed-message'],
  ['a witness of half bytes', HtlcSecret, ['--hash', sha256!, at('half')], 'malformed-message'],
  ['a document of nothing', HtlcSecret, ['--hash', sha256!, at('empty')], 'malformed-message'],
  ['a witness of numbers', HtlcIdentify, [at('number')], 'malformed-message'],
  ['a document of nothing', HtlcIdentify, [at('empty')], 'malformed-message'],
  ['a PSBT that spends no HTLC', HtlcIdentify, [at('plain')], 'unknown-witness'],
  ['a sum that is none', HtlcClaim, ['--utxo', `${COIN.slice(0, -6)}x`, ...SPEND, at('htlc')], 'usage'],
  ['no sum', HtlcClaim, ['--utxo', COIN.slice(0, -6), ...SPEND, at('htlc')], 'usage'],
  [
    'a home of another network',
    HtlcClaim,
    ['--utxo', COIN, ...SPEND, '--home', () => elsewhere!.dir, at('htlc')],
    'wrong-network',
  ],
  [
    'a PSBT back without its address',
    HtlcClaim,
    ['--utxo', COIN, '--merge', at('plain'), '--home', () => here!.dir, at('htlc')],
    'usage',
  ],
  [
    'a preimage that is no hex',
    HtlcClaim,
    ['--utxo', COIN, ...SPEND, '--preimage-file', at('other'), at('htlc')],
    'malformed',
  ],
  [
    'a preimage of two lines',
    HtlcClaim,
    ['--utxo', COIN, ...SPEND, '--preimage-file', at('two'), at('htlc')],
    'malformed',
  ],
];

describe('an htlc command', () => {
  it.each(ROWS)('with %s is refused', async (_, Command, words, code) => {
    const argv = words.map((word) => (typeof word === 'string' ? word : word()));
    await refusedCommand(Command, argv, code, here!, elsewhere!);
  });

  it.each([
    ['another output of the same sum', () => SCRIPT, 100_000n, 'unsafe-funding'],
    ['a satoshi less', () => output, 99_999n, 'unsafe-funding'],
    ['the coin', () => output, 100_000n, undefined],
    ['a satoshi more', () => output, 100_001n, 'unsafe-funding'],
  ] as const)('takes --prev only for the transaction that made the coin: %s', async (_, script, sat, code) => {
    const made: Template = { ...prev, outputs: [{ sat, script: script() }] };
    const parent = file('parent', bytesToHex(toTransaction(made).unsignedTx));
    const argv = ['--utxo', `${txidOf(made)}:0:100000`, '--prev', parent, ...SPEND, join(dir, 'htlc')];
    expect(await command(HtlcClaim, argv)).toMatchObject({ code, exit: code ? 76 : 3 });
  });

  // Heights; the refund is valid from the block after 900 on.
  it.each([
    [899, ['valid from block 901'], []],
    [900, [], ['the refund is valid since block 901']],
    [901, [], ['the refund is valid since block 901']],
  ])('at height %i it says what is early or late', async (tip, refund, claim) => {
    for (const [Command, words] of [
      [HtlcRefund, refund],
      [HtlcClaim, claim],
    ] as const) {
      const { stderr } = await command(Command, ['--utxo', COIN, ...SPEND, '--tip', String(tip), join(dir, 'htlc')]);
      expect(stderr.match(/valid from block 901|the refund is valid since block 901/g) ?? []).toEqual(words);
    }
  });

  // Satoshis: the dust limit of a taproot output.
  it.each([
    [329, 'below-dust'],
    [330, undefined],
    [331, undefined],
  ])('fund with %i sat: %s', async (sat, code) => {
    const coins = [{ txid: 'ab'.repeat(32), vout: 0, amount: 0.01, scriptPubKey: SCRIPT }];
    const argv = ['--amount', String(sat), '--utxo', file('coins', coins), '--feerate', '2', '--change', TO];
    expect(await command(HtlcFund, [...argv, join(dir, 'htlc')])).toMatchObject({ code });
  });

  it('a home with the preimage alone keeps it from a claim that only others have signed', async () => {
    const home = ['--home', here!.dir];
    const { stdout } = await command(HtlcCreate, [...home, '--claim-key', PUBKEYS.claim, '--expires', '900']);
    const made = JSON.parse(stdout);
    const own = file('own', stdout);
    // The same hash in an HTLC that this home has not made.
    const foreign = [...CREATE.slice(0, 2), '--hash', made.hash.sha256, '--expires', '901', ...KEYS];
    const other = file('foreign', (await command(HtlcCreate, foreign)).stdout);
    for (const [document, missing] of [
      [own, []],
      [other, ['the preimage']],
    ] as const) {
      const signed = await command(HtlcClaim, [
        '--utxo',
        COIN,
        ...SPEND,
        '--key-file',
        join(dir, 'claim.key'),
        document,
      ]);
      const back = file('back', JSON.parse(signed.stdout).psbt);
      const claim = await command(HtlcClaim, ['--utxo', COIN, ...SPEND, '--merge', back, ...home, document]);
      expect(JSON.parse(claim.stdout).missing).toHaveLength(missing.length);
      const shown = await command(HtlcSecret, [
        '--hash',
        made.hash.sha256,
        file('shown', { psbt: JSON.parse(claim.stdout).psbt }),
      ]);
      expect(shown.code).toBe(missing.length === 0 ? undefined : 'no-preimage');
    }
  });

  it('names at most 100 fields that it does not know', async () => {
    for (const [count, named] of [
      [99, 99],
      [100, 100],
      [101, 100],
    ] as const) {
      const more = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, 1]));
      const { stderr } = await command(HtlcIdentify, [file('more', { ...JSON.parse(htlc), ...more })]);
      expect([count, stderr.match(/\bx\d+\b/g)?.length ?? 0]).toEqual([count, named]);
      expect(stderr.match(/^note: /gm)).toHaveLength(1);
    }
  });
});
