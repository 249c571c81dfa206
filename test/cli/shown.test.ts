/** What is shown to people: the values at which its words change. */
import { describe, expect, it } from 'vitest';
import { toTransaction, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import Inspect from '../../src/commands/tools/inspect.ts';
import IssueOpenassets from '../../src/commands/assets/issue-openassets.ts';
import { markerAlone } from '../../src/commands/assets/decode-openassets.ts';
import { answerLines } from '../../src/lib/cli/lines.ts';
import { statusTable } from '../../src/commands/home/status.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { command } from '../support/command.ts';
import { freshDir } from './run.ts';

const at = join(freshDir(), 'input');
const tx = (locktime: number): Template => ({
  version: 2,
  locktime,
  inputs: [{ txid: '11'.repeat(32), vout: 0, sequence: 0, sat: 5n, script: `0014${'ab'.repeat(20)}` }],
  outputs: [{ sat: 4n, script: `0014${'ab'.repeat(20)}` }],
});
async function inspected(text: string): Promise<string> {
  writeFileSync(at, text);
  return (await command(Inspect, [at, '--format', 'text'])).stdout;
}

describe('inspect', () => {
  // Blocks below 500,000,000, seconds from there on.
  it.each([
    [0, /locktime +none/],
    [1, /valid from block 2 on/],
    [499_999_999, /valid from block 500000000 on/],
    [500_000_000, /valid after Unix time 500000000/],
    [500_000_001, /valid after Unix time 500000001/],
  ])('a locktime of %i', async (locktime, words) =>
    expect(await inspected(bytesToHex(toTransaction(tx(locktime)).unsignedTx))).toMatch(words),
  );

  it('speaks of MuSig2 only where a PSBT has keys of it', async () => {
    const psbt = toTransaction(tx(0));
    const of = () => inspected(Buffer.from(psbt.toPSBT()).toString('base64'));
    expect(await of()).toMatch(/input 0 is +not signed$/m);
    const key = Buffer.from(`02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`, 'hex');
    psbt.updateInput(0, { musig2ParticipantPubkeys: [[key, [key]]] } as never);
    expect(await of()).toContain('MuSig2 of 1: 0 nonces, 0 partial signatures');
  });
});

it.each([
  [-1n, '1 sat too much'],
  [0n, '0 sat more'],
  [1n, '1 sat more'],
])('status: a float that is to change by %i sat', async (swap_sat, words) => {
  const float = { tokens_sat: 5n, percent: 10, wanted_percent: 10, swap_sat };
  const line = { contract: 'ab'.repeat(32), notes: [], float, verdict: 'ok' };
  expect(await statusTable([line as never])).toContain(words);
});

// Hex digits of a piece; a script has its marker in one piece.
it.each([
  [38, true],
  [40, true],
  [42, false],
])('--explain shows a piece of %i hex digits whole: %s', (digits, whole) => {
  // Open Assets, version 1, no quantities, metadata.
  const metadata = 'ab'.repeat(digits / 2);
  const marker = `4f41010000${(digits / 2).toString(16).padStart(2, '0')}${metadata}`;
  const shown = markerAlone({ marker, script: undefined, network: 'regtest', explain: true });
  expect([shown.includes(metadata), shown.includes(`${metadata.slice(0, 37)}...`)]).toEqual([whole, !whole]);
});

// Units: what a signed number of 64 bits has room for.
it.each([
  ['9223372036854775806', false],
  ['9223372036854775807', false],
  ['9223372036854775808', true],
  ['0', true],
])('issue-openassets --to ADDRESS=%s is refused as a number: %s', async (units, refused) => {
  const to = `bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080=${units}`;
  const argv = ['--network', 'regtest', '--to', to, '--utxo', '/nowhere', '--change', 'x', '--feerate', '2'];
  const { code, message } = await command(IssueOpenassets, argv);
  expect([code, /ADDRESS=UNITS expected/.test(message)]).toEqual([refused ? 'usage' : 'plain-address', refused]);
});

it('a line of a batch that is too long is answered with its refusal, and the lines behind it are answered', async () => {
  class Answers {
    async run(): Promise<void> {
      const source = Readable.from([Buffer.from('aaaaa\nbb\n')]);
      await answerLines(source, async (text) => ({ text: `"${text}"`, exit: 3 }), 4);
    }
  }
  const { stdout, exit } = await command(Answers, []);
  const [first, second] = stdout.trim().split('\n');
  expect([JSON.parse(first!).error.code, second, exit]).toEqual(['too-large', '"bb"', 65]);
});
