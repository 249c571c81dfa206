/** `inspect` and the errors about documents, as a user meets them at the command line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../cli/run.ts';
import { warm } from '../support/host.ts';
import { fixture } from '../support/vectors.ts';

const [requested] = readFileSync(join(ROOT, 'fixtures/snapshots/sign-update.json'), 'utf8').split('\n') as [string];
const inspect = (stdin: string, ...argv: string[]) => warm(['inspect', ...argv], { stdin });

async function madeHtlc(): Promise<string> {
  const claim = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
  const refund = '02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5';
  const keys = ['--claim-key', claim, '--refund-key', refund];
  const terms = ['--network', 'regtest', '--hash', 'aa'.repeat(32), '--expires', '900'];
  return (await warm(['htlc', 'create', ...terms, ...keys])).stdout;
}

describe('a message that was altered', () => {
  const forged = JSON.stringify({ ...JSON.parse(requested), request_id: undefined, paid_sat: 2_099 });

  it('is refused with the code of its seal, and nothing is printed', async () => {
    expect(await inspect(requested)).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout, stderr } = await inspect(forged);
    expect([code, stdout]).toEqual([76, '']);
    expect(stderr).toMatch(/^error\[(?:bad-seal|transaction-differs)\]: /);
    expect(stderr).toContain('hint: inspect --force shows the document all the same');
  });
  it('is shown with --force, with the checks that failed, and ends with that code all the same', async () => {
    const text = await inspect(forged, '--force');
    expect(text).toMatchObject({ code: 76, stderr: '' });
    expect(text.stdout).toMatch(/^ +check FAILED: seal +by nobody whom the message names/m);
    const json = await inspect(forged, '--force', '--format', 'json');
    expect(json.code).toBe(76);
    expect(JSON.parse(json.stdout).checks).toContainEqual(
      expect.objectContaining({ label: 'seal', error: 'bad-seal' }),
    );
  });
});

describe('inspect reads what else the program prints', () => {
  const script = `0014${'ab'.repeat(20)}`;
  const coins = [{ txid: 'cd'.repeat(32), vout: 1, amount: 0.5, scriptPubKey: script, confirmations: 6 }];
  it.each([
    ['an address', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\n', /^ {2}script +0014751e76e8/m],
    ['coins', JSON.stringify(coins), /^ {2}in all +50000000 sat \(0\.50000000 BTC\)/m],
    ['a token', fixture('ecash/nutshell.json').v4, /^ {2}amount +\d+ sat$/m],
    ['a document with secrets', '{"type":"htlc-secret","version":1,"preimage":"00ff"}', /preimage +secret, not shown/],
    ['a finished transaction', '{"type":"new","version":1,"hex":"00"}', undefined],
  ])('%s', async (_, document, words) => {
    const { code, stdout, stderr } = await inspect(document);
    expect([code, stderr.split(':')[0]]).toEqual(words ? [0, ''] : [65, 'error[malformed-transaction]']);
    if (words) expect(stdout).toMatch(words);
  });
  it('shows no secret of a token', async () => {
    const { v4, v3 } = fixture('ecash/nutshell.json');
    for (const token of [v4, v3]) {
      const secrets = JSON.parse((await warm(['ecash-token', 'decode'], { stdin: token })).stdout).proofs;
      const { stdout } = await inspect(token);
      for (const { secret, C } of secrets)
        expect([stdout.includes(secret), stdout.includes(C)]).toEqual([false, false]);
    }
  });
  it('checks the terms of an HTLC', async () => {
    const made = await madeHtlc();
    expect((await inspect(made)).stdout).toMatch(/^ +check: HTLC +scripts, leaves and address follow/m);
    const other = { ...JSON.parse(made), locktime: { kind: 'height', value: 901 } };
    expect(await inspect(JSON.stringify(other))).toMatchObject({ code: 76, stdout: '' });
  });
});

describe('errors about documents are in the words of a user', () => {
  const message = JSON.parse(requested) as Record<string, unknown>;
  it.each([
    ['a field that is missing', { amount_sat: undefined }, 'amount_sat is missing'],
    ['a field that no message has', { colour: 'red' }, 'colour found, which the message does not have here'],
    ['text for a number', { amount_sat: '5' }, 'amount_sat: "5" found, a whole number expected'],
    ['a number below zero', { amount_sat: -1 }, 'amount_sat: -1 found, at least 0 expected'],
    ['a key in capitals', { auth: 'AB' }, 'auth: "AB" found, 64 bytes in lowercase hex expected'],
    ['a list for an object', { contract: [] }, /^error\[malformed-message\]: contract.* (?:is missing|expected)$/m],
    ['no step', { step: undefined }, 'no step found, one of '],
    ['a newer version', { version: 2 }, 'version 2 found, 1 expected'],
  ])('%s', async (_, change, words) => {
    const { code, stdout, stderr } = await inspect(JSON.stringify({ ...message, ...change }));
    expect([code, stdout]).toEqual([65, '']);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/undefined|never|DecimalText|\[0-9a-f\]|\\\\/);
  });
  it('a sum with a decimal point', async () => {
    const { stderr } = await inspect(requested.replace(/"amount_sat":\d+/, '"amount_sat":0.5'));
    expect(stderr).toContain('amount_sat: 0.5 found, a whole number expected');
  });
  it('control characters are escaped once', async () => {
    expect((await inspect('\u001b[31mred')).stderr).toContain('"\\u001b[31mred" found');
  });
  it.each([
    ['base64', Buffer.from('cHNidP8BAAoCAAAAAAAAAAAAAA==')],
    ['hex', Buffer.from('70736274ff01000a02')],
    ['binary', Buffer.from('70736274ff01', 'hex')],
  ])('a PSBT (%s) where another document is wanted is called one', async (_, stdin) => {
    expect((await warm(['sign-update'], { stdin })).stderr).toContain(
      'a PSBT found, a contract message (JSON) expected',
    );
    expect((await warm(['onion-build'], { stdin })).stderr).toContain('a PSBT found, a JSON document expected');
  });
  it("another command's message says which command reads it", async () => {
    const { code, stderr } = await warm(['open-credit', '--home', '/nonexistent'], { stdin: requested });
    expect(code).toBe(65);
    expect(stderr).toBe(
      'error[unknown-type]: a document of type sign-update found, a message of open-credit expected\n' +
        'hint: spillway sign-update reads it; spillway inspect puts it into words\n',
    );
    const swap = await warm(['open-credit', '--home', '/nonexistent'], { stdin: '{"type":"htlc-swap"}' });
    expect(swap.stderr).toContain('hint: spillway htlc swap reads it');
    const none = await warm(['open-credit', '--home', '/nonexistent'], { stdin: '{"type":"htlc-key"}' });
    expect(none.stderr).toContain('hint: spillway inspect puts it into words');
  });
  it('unknown fields are one note with their names', async () => {
    const htlc = JSON.parse(await madeHtlc()) as object;
    const { stderr } = await warm(['htlc', 'identify'], { stdin: JSON.stringify({ ...htlc, one: 1, two: [2] }) });
    expect(stderr).toBe('note: not known, and ignored: one, two\n');
  });
});
