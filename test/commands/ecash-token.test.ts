/** ecash-token as a process: pipes, files, batches, exit codes, and no secret where none belongs. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeToken, type Proof } from '../../src/lib/ecash/token.ts';
import { bash, freshDir, type Ran } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';
import { testMint } from '../support/ecash.ts';
import { fixture } from '../support/vectors.ts';

const dir = freshDir();
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
};
const made = fixture('ecash/nutshell.json');
const secrets: string[] = made.job.make.map(([, secret]: [number, string]) => secret);
const keys = file('keys.json', JSON.stringify({ keysets: [made.keyset] }));
const otherKeys = file('other.json', JSON.stringify(testMint('another').keyset));
const token = file('token.txt', `${made.v4}\n`);
const run = (stdin: string, ...argv: string[]): Promise<Ran> => spillway(['ecash-token', ...argv], { stdin });
const json = async (ran: Promise<Ran>, exit = 0): Promise<any> => {
  const { code, stdout, stderr } = await ran;
  expect(code, stderr).toBe(exit);
  return JSON.parse(stdout);
};
const refused = async (ran: Promise<Ran>, code: number, error: string): Promise<string> => {
  const found = await ran;
  expect(found).toMatchObject({ code, stdout: '' });
  expect(found.stderr).toContain(`error[${error}]: `);
  for (const secret of secrets) expect(found.stderr).not.toContain(secret.slice(0, 10));
  return found.stderr;
};

describe('ecash-token decode', () => {
  it('prints the names that scripts and wallets use', async () => {
    const found = await json(run(made.v4, 'decode'));
    expect(Object.keys(found)).toEqual([
      'type',
      'version',
      'valid',
      'format',
      'mint',
      'unit',
      'memo',
      'total_sat',
      'proofs',
      'short_ids',
    ]);
    expect(found).toMatchObject({
      valid: true,
      format: 'V4',
      mint: 'https://mint.example',
      unit: 'sat',
      memo: 'for the coffee',
      total_sat: 2100,
    });
    expect(found.short_ids).toEqual([made.keyset.id.slice(0, 16)]);
    expect(Object.keys(found.proofs[0])).toEqual(['id', 'amount', 'secret', 'C', 'dleq']);
    expect(found.proofs.map((proof: any) => [proof.amount, proof.secret])).toEqual(made.job.make);
  });
  it('reads a file, a pipe, folded lines, a URI, JSON', async () => {
    const [wanted, ...others] = await Promise.all([
      json(run('', 'decode', token)),
      json(bash(`spillway ecash-token decode < ${token}`)),
      json(run(made.v4.replace(/(.{60})/g, '$1\n'), 'decode')),
      json(run(`cashu:${made.v4}`, 'decode')),
      json(run(JSON.stringify({ token: made.v4 }), 'decode', '-')),
    ]);
    for (const other of others) expect(other).toEqual(wanted);
  });
  it('completes short ids where the keyset is known', async () => {
    const found = await json(run(made.v4, 'decode', '--keyset', keys));
    expect(found.short_ids).toBe(undefined);
    expect(new Set(found.proofs.map(({ id }: Proof) => id))).toEqual(new Set([made.keyset.id]));
  });
  it('leaves out every secret with --redact, and what is left is no token', async () => {
    const { stdout } = await run(made.v4, 'decode', '--redact');
    expect(Object.keys(JSON.parse(stdout).proofs[0])).toEqual(['id', 'amount', 'Y', 'has_dleq', 'has_witness']);
    const { proofs } = await json(run(made.v4, 'decode'));
    for (const { secret, C, dleq } of proofs)
      for (const part of [secret, C, dleq.r]) expect(stdout).not.toContain(part);
    await refused(run(stdout, 'encode'), 65, 'malformed-message');
  });
  it('passes no rubbish for a token: 65, and a token with a coin twice 76', async () => {
    const bank = testMint('twice');
    const coin = bank.coin(1n);
    const twice = writeToken({ mint: 'https://m', unit: 'sat', proofs: [coin, coin] }, 'V4');
    for (const junk of ['hello', 'cashuB', made.v4.slice(0, -8)])
      await refused(run(junk, 'decode'), 65, 'malformed-token');
    await refused(run(twice, 'decode'), 76, 'duplicate-secret');
  });
  it('with --explain answers that a token is not valid, and why', async () => {
    const cut = made.v4.slice(0, -8);
    expect(await json(run(cut, 'decode', '--explain'))).toEqual({
      type: 'ecash-token',
      version: 1,
      valid: false,
      reason: 'malformed-token',
      found: expect.stringMatching(/^the CBOR inside is broken/),
    });
    for (const junk of ['hello', '\u0000\ufffd', 'cHNidP8BAA', 'lnbc1', 'cashuB'])
      expect(await json(run(junk, 'decode', '--explain'))).toMatchObject({ valid: false, reason: 'malformed-token' });
    const bank = testMint('twice');
    const coin = bank.coin(1n);
    const twice = writeToken({ mint: 'https://m', unit: 'sat', proofs: [coin, coin] }, 'V4');
    expect(await json(run(twice, 'decode', '--explain'))).toMatchObject({ valid: false, reason: 'duplicate-secret' });
  });
  it('names a total in another unit otherwise', async () => {
    const bank = testMint('dollars', 1, 'usd');
    const dollars = writeToken({ mint: 'https://m', unit: 'usd', proofs: [bank.coin(4n)] }, 'V4');
    const found = await json(run(dollars, 'decode'));
    expect([found.total, found.total_sat, found.memo]).toEqual([4, undefined, null]);
  });
  it('refuses what is no input, and too much of it', async () => {
    await refused(run('', 'decode'), 65, 'malformed');
    await refused(run('', 'decode', join(dir, 'none')), 66, 'no-input');
    await refused(run('cashuB'.padEnd(1_000_001, 'a'), 'decode'), 65, 'too-large');
    await refused(run('{"token":1}', 'decode'), 65, 'malformed-message');
    await refused(run('{"token":"x","token":"y"}', 'decode'), 65, 'malformed-json');
    await refused(run('cashuB'.padEnd(999_999, 'a'), 'decode'), 65, 'malformed-token');
  });
  it('never takes a token from the command line, nor repeats it', async () => {
    for (const text of [made.v4, made.v3, `cashu:${made.v4}`]) {
      const stderr = await refused(run('', 'decode', text), 2, 'usage');
      expect(stderr).not.toContain(text.slice(6, 40));
    }
  });
});

describe('ecash-token encode', () => {
  it('brings a decoded token back, and turns V3 into V4 and V4 into V3', async () => {
    const { stdout } = await run(made.v3, 'decode');
    const v4 = (await run(stdout, 'encode')).stdout.trim();
    expect((await json(run(v4, 'decode'))).proofs).toEqual((await json(run(made.v4, 'decode'))).proofs);
    expect((await run(made.v3, 'encode')).stdout.trim()).toBe(v4);
    const v3 = (await run(v4, 'encode', '--v3', '--keyset', keys)).stdout.trim();
    expect(v3).toMatch(/^cashuA/);
    expect(await json(run(v3, 'decode'))).toEqual(JSON.parse(stdout));
  });
  it('warns of fields that it does not know', async () => {
    const [coin] = [testMint('x').coin(1n)];
    const stdin = JSON.stringify({ mint: 'https://m', colour: 1, proofs: [{ ...coin, amount: 1 }] });
    const { code, stderr, stdout } = await run(stdin, 'encode');
    expect([code, stderr]).toEqual([0, 'note: not known, and ignored: colour\n']);
    expect(stdout).toMatch(/^cashuB/);
  });
  it('refuses with the field, never its value', async () => {
    const document = await json(run(made.v4, 'decode'));
    const altered = (change: object): string => JSON.stringify({ ...document, ...change });
    const [first, ...rest] = document.proofs;
    await refused(run(made.v4, 'encode', '--v3'), 65, 'malformed-message');
    await refused(run(altered({ mint: '' }), 'encode'), 65, 'malformed-message');
    await refused(run(altered({ proofs: [] }), 'encode'), 65, 'malformed-message');
    await refused(run(altered({ proofs: [first, first] }), 'encode'), 76, 'duplicate-secret');
    expect(
      await refused(
        run(altered({ proofs: [{ ...first, C: first.secret }, ...rest] }), 'encode'),
        65,
        'malformed-message',
      ),
    ).toContain('proofs.0.C: 33 bytes expected');
    await refused(run(JSON.stringify(await json(run('x', 'decode', '--explain'))), 'encode'), 65, 'malformed-message');
    await refused(run('cashuBx', 'encode'), 65, 'malformed-token');
  });
});

describe('ecash-token verify', () => {
  it('finds what holds, without secrets', async () => {
    const { code, stdout } = await run(made.v4, 'verify', '--keyset', keys);
    const found = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(found).toMatchObject({ status: 'verified', total_sat: 2100, missing: { keysets: [], dleq: [] } });
    expect(found.findings[0]).toEqual({
      id: made.keyset.id,
      amount: 2048,
      Y: expect.stringMatching(/^0[23]/),
      keyset: 'known',
      dleq: 'valid',
    });
    for (const secret of secrets) expect(stdout).not.toContain(secret);
    const { stdout: document } = await run(made.v4, 'decode');
    expect(await json(run(document, 'verify', '--keyset', keys))).toEqual(found);
  });
  it('ends with 3 where keys or proofs are missing', async () => {
    for (const argv of [[], ['--keyset', otherKeys]])
      expect(await json(run(made.v4, 'verify', ...argv), 3)).toMatchObject({
        status: 'undetermined',
        missing: { keysets: [made.keyset.id.slice(0, 16)], dleq: [] },
      });
    const document = await json(run(made.v4, 'decode'));
    delete document.proofs[2].dleq;
    expect(
      await json(run(JSON.stringify(document), 'verify', '--keyset', keys, '--keyset', otherKeys), 3),
    ).toMatchObject({
      status: 'undetermined',
      missing: { keysets: [], dleq: [2] },
    });
  });
  it('ends with 76 and the first reason where it does not hold', async () => {
    const document = await json(run(made.v4, 'decode'));
    const altered = (change: object): string =>
      JSON.stringify({ ...document, proofs: document.proofs.with(1, { ...document.proofs[1], ...change }) });
    const verify = (stdin: string, set = keys): Promise<Ran> => run(stdin, 'verify', '--keyset', set);
    expect(await refused(verify(altered({ amount: 64 })), 76, 'dleq-invalid')).toContain('proof 1: ');
    await refused(verify(altered({ amount: 33 })), 76, 'amount-unknown');
    await refused(verify(altered({ secret: secrets[0] })), 76, 'duplicate-secret');
    await refused(verify(JSON.stringify({ ...document, unit: 'usd' })), 76, 'unit-differs');
    const wrong = file('wrong.json', JSON.stringify({ ...made.keyset, id: `01${'0'.repeat(64)}` }));
    await refused(verify(made.v4, wrong), 76, 'keyset-differs');
    await refused(verify(made.v4, file('bad.json', '{}')), 65, 'malformed-keyset');
    await refused(verify(made.v4, join(dir, 'none')), 66, 'no-input');
    await refused(verify(made.v4.slice(0, -8)), 65, 'malformed-token');
  });
});

describe('ecash-token', () => {
  it('reads a line for a line with --batch', async () => {
    const lines = `${made.v4}\nhello\n${JSON.stringify({ token: made.v3 })}\n`;
    const decoded = await run(lines, 'decode', '--batch', '--explain');
    expect(decoded.code).toBe(0);
    expect(
      decoded.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).valid),
    ).toEqual([true, false, true]);
    const verified = await run(lines, 'verify', '--batch', '--keyset', keys);
    expect(verified.code).toBe(65);
    expect(
      verified.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).status ?? JSON.parse(line).error.code),
    ).toEqual(['verified', 'malformed-token', 'verified']);
    const incomplete = await run(`${made.v4}\n${made.v3}\n`, 'verify', '--batch');
    expect([incomplete.code, incomplete.stdout.split('\n').length]).toEqual([3, 3]);
  });
  it('refuses flags of another action', async () => {
    await refused(run(made.v4, 'verify', '--redact'), 2, 'usage');
    await refused(run(made.v4, 'verify', '--explain'), 2, 'usage');
    await refused(run(made.v4, 'decode', '--v3'), 2, 'usage');
    await refused(run(made.v4, 'melt'), 2, 'usage');
  });
  it('says in its help that tokens are money', async () => {
    expect((await spillway(['ecash-token', '--help'])).stdout).toMatch(
      /A token is money: whoever reads its secrets\s+can spend it/,
    );
  });
});
