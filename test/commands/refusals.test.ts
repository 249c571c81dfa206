/** What commands refuse before they do anything, line by line: flags that do not go together, input of another kind. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import Bump from '../../src/commands/tools/bump.ts';
import ExitCredit from '../../src/commands/credit/exit.ts';
import Inspect from '../../src/commands/tools/inspect.ts';
import OpenCredit from '../../src/commands/credit/open.ts';
import Reconcile from '../../src/commands/home/reconcile.ts';
import Serve from '../../src/commands/tools/serve.ts';
import SignUpdate from '../../src/commands/credit/sign-update.ts';
import StatechainExit from '../../src/commands/statechain/exit.ts';
import StatechainVerify from '../../src/commands/statechain/verify.ts';
import { exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import type { ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { command, refusedCommand, type Made } from '../support/command.ts';
import { openMessages, payMessages } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';

const dir = mkdtempSync(join(tmpdir(), 'spillway-refusals-'));
const at = (name: string): string => join(dir, name);
let [payee, payer, elsewhere]: TestParty[] = [];
let id: string;

beforeAll(async () => {
  payee = await TestParty.make();
  payer = await TestParty.make();
  elsewhere = await TestParty.make(undefined, undefined, 'signet');
  const both = { payee, payer, close: () => {} };
  const messages = await openMessages(both);
  id = messages[3]!['contract'].id;
  const put = (name: string, what: unknown) =>
    writeFileSync(at(name), typeof what === 'string' ? what : JSON.stringify(what));
  put('ready', messages[3]);
  put('psbt', Object.values(messages[3]!['psbt'] as Record<string, string>)[0]!);
  const requested = await payee.run(signUpdate, { input: { contract: id, amount: 500n } });
  put('requested', requested.text);
  await payMessages(both, id, 1_000n);
  const { message } = await payee.run(exitCredit, { input: { contract: id } });
  put('exit', message);
  put('tx', message['transaction'] ?? message['hex']);
  mkdirSync(at('empty'));
});
afterAll(() => [payee, payer, elsewhere].forEach((party) => party!.close()));

type Row = [title: string, Made, words: (string | (() => string))[], ErrorCode];
const home = (party: () => TestParty | undefined): [string, () => string] => ['--home', () => party()!.dir];
const [OF_PAYEE, OF_PAYER, ELSEWHERE] = [home(() => payee), home(() => payer), home(() => elsewhere)];
const file = (name: string) => () => at(name);
const CONTRACT = ['--contract', () => id];
const KEY = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';

const ROWS: Row[] = [
  ['a transaction', Bump, [file('tx'), ...OF_PAYEE], 'malformed'],
  ['a PSBT', Bump, [file('psbt'), ...OF_PAYEE], 'malformed'],
  ['a document of another network', Bump, [file('exit'), ...ELSEWHERE], 'wrong-network'],
  ['a PSBT that is never made', Bump, [file('exit'), ...OF_PAYEE, '--psbt', 'parent'], 'nothing-to-print'],
  ['neither contract nor --due', ExitCredit, [...OF_PAYEE], 'usage'],
  ['--due without a height', ExitCredit, [...OF_PAYEE, '--due'], 'usage'],
  ['a drawing of a PSBT', Inspect, [file('psbt'), '--format', 'mermaid'], 'usage'],
  ['a drawing of a transaction', Inspect, [file('tx'), '--format', 'mermaid'], 'usage'],
  ['nothing to do', Reconcile, [...OF_PAYEE], 'usage'],
  ['a folder without journals', Reconcile, [...OF_PAYEE, '--journal', file('empty')], 'no-input'],
  ['a customer’s own contract', Reconcile, [...OF_PAYER, '--confirm', ...CONTRACT], 'not-your-turn'],
  ['a passphrase from where messages come', Serve, [...OF_PAYEE, '--stdio', '--passphrase-fd', '0'], 'usage'],
  ['a PSBT as a bundle', StatechainExit, ['--bundle', file('psbt'), ...OF_PAYEE], 'malformed'],
  ['a transaction as a bundle', StatechainExit, ['--bundle', file('tx'), ...OF_PAYEE], 'malformed'],
  ['a PSBT as a history', StatechainVerify, [file('psbt'), '--operator', KEY.slice(2)], 'malformed'],
  ['a transaction as a history', StatechainVerify, [file('tx'), '--operator', KEY.slice(2)], 'malformed'],

  ['a start and a message', SignUpdate, [file('requested'), ...OF_PAYER, ...CONTRACT], 'usage'],
  ['a batch and a start', SignUpdate, ['--batch', ...OF_PAYEE, ...CONTRACT], 'usage'],
  ['a batch and --psbt', OpenCredit, ['--batch', file('ready'), ...OF_PAYEE, '--psbt', 'x'], 'usage'],
  ['a batch and --merge', OpenCredit, ['--batch', file('ready'), ...OF_PAYEE, '--merge', file('psbt')], 'usage'],
  ['a batch and --cancel', OpenCredit, ['--batch', file('ready'), ...OF_PAYEE, '--cancel'], 'usage'],
  ['a name for a message', SignUpdate, [file('requested'), ...OF_PAYER, '--request-id', 'a'], 'usage'],
  ['a contract for an opening', OpenCredit, ['--as', 'payee', ...OF_PAYEE, ...CONTRACT], 'usage'],
  ['a PSBT as a message', SignUpdate, [file('psbt'), ...OF_PAYER], 'malformed'],
  ['a contract that is no hex', SignUpdate, [...OF_PAYEE, '--contract', 'xyzxyzxyz', '--amount', '5'], 'usage'],
  ['7 digits of a contract', SignUpdate, [...OF_PAYEE, '--contract', () => id.slice(0, 7), '--amount', '5'], 'usage'],
  ['65 digits of a contract', SignUpdate, [...OF_PAYEE, '--contract', () => `${id}0`, '--amount', '5'], 'usage'],
  [
    'an unknown contract',
    SignUpdate,
    [...OF_PAYEE, '--contract', '00'.repeat(32), '--amount', '5'],
    'unknown-contract',
  ],
  [
    'a cancel of an unknown contract',
    OpenCredit,
    [...OF_PAYEE, '--cancel', '--contract', '00'.repeat(4)],
    'unknown-contract',
  ],
  ['an expiry that is none', OpenCredit, [file('ready'), ...OF_PAYER, '--expires', 'soon'], 'usage'],
  ['an own key that is none', OpenCredit, ['--as', 'payee', ...OF_PAYEE, '--own-key', KEY.slice(2)], 'usage'],
];

describe('a command', () => {
  it.each(ROWS)('with %s is refused', async (_, Command, words, code) => {
    const argv = words.map((word) => (typeof word === 'string' ? word : word()));
    await refusedCommand(Command, argv, code, payee!, payer!, elsewhere!);
  });

  // Digits of a contract's id.
  it.each([8, 64])('takes %i digits of a contract', async (digits) => {
    const { code, stdout } = await command(ExitCredit, ['--home', payee!.dir, '--contract', id.slice(0, digits)]);
    expect([code, JSON.parse(stdout).contract.id]).toEqual([undefined, id]);
  });

  it('that is to print a PSBT which its step does not make says so, and prints the message when it is run again', async () => {
    const argv = ['--home', payer!.dir, '--amount', '500', at('requested')];
    const { code, stdout } = await command(SignUpdate, [...argv, '--psbt', 'nothing']);
    expect([code, stdout]).toEqual(['nothing-to-print', '']);
    const again = await command(SignUpdate, argv);
    expect([again.code, JSON.parse(again.stdout).step]).toEqual([undefined, 'signed']);
  });
});
