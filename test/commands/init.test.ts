/** `init`: a new home, from new words or known ones, encrypted or not, at a terminal or in a pipe. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bash, BIN, freshDir, hasTerminal, onTerminal } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';

const WORDS = `${'abandon '.repeat(11)}about`;
const init = (home: string, ...flags: string[]): string[] => ['init', '--home', home, '--network', 'regtest', ...flags];
/** The command line, for a shell. */
const line = (argv: readonly string[]): string => `"${process.execPath}" "${BIN}" ${argv.join(' ')}`;

describe('init', () => {
  it('makes a home and prints what it is, but not its words', async () => {
    const home = join(freshDir(), 'home');
    const { code, stdout, stderr } = await spillway(init(home));
    expect(code).toBe(0);
    const { id, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ type: 'init', version: 1, network: 'regtest', home });
    expect(id).toMatch(/^[0-9a-f]+$/);
    expect(stdout.split('\n')).toHaveLength(2);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(stderr).toMatch(/seed file in .* is the only copy/);
    expect(stderr).toMatch(/contracts need its backup and its journal/);
    const { mnemonic } = JSON.parse(readFileSync(join(home, 'seed'), 'utf8'));
    expect(stdout + stderr).not.toContain(mnemonic.split(' ').slice(0, 3).join(' '));
  });

  it('writes the words to a new file, for its owner only', async () => {
    const dir = freshDir();
    const out = join(dir, 'words');
    expect((await spillway(init(join(dir, 'home'), '--mnemonic-out', out))).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toMatch(/^([a-z]+ ){23}[a-z]+\n$/);
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });
  it('never writes them over a file, and makes no home then', async () => {
    const dir = freshDir();
    const out = join(dir, 'words');
    writeFileSync(out, 'precious');
    const ran = await spillway(init(join(dir, 'home'), '--mnemonic-out', out));
    expect(ran).toMatchObject({ code: 73, stdout: '', stderr: expect.stringMatching(/^error\[cannot-write\]/) });
    expect(readFileSync(out, 'utf8')).toBe('precious');
    expect(existsSync(join(dir, 'home'))).toBe(false);
  });
  it('leaves no file of words behind where no home could be made', async () => {
    const dir = freshDir();
    await spillway(init(join(dir, 'home')));
    const ran = await spillway(init(join(dir, 'home'), '--mnemonic-out', join(dir, 'words')));
    expect(ran).toMatchObject({ code: 73, stdout: '', stderr: expect.stringMatching(/^error\[home-exists\]/) });
    expect(existsSync(join(dir, 'words'))).toBe(false);
  });

  it('restores from words in a file descriptor, and a slow pipe', async () => {
    const dir = freshDir();
    const a = await spillway(init(join(dir, 'a'), '--mnemonic-fd', '3'), { fd3: `${WORDS}\n` });
    const b = await bash(
      `(sleep 0.5; echo ${WORDS}) | spillway ${init(join(dir, 'b'), '--mnemonic-fd', '0').join(' ')}`,
    );
    expect([a.code, b.code]).toEqual([0, 0]);
    const addresses = await Promise.all(['a', 'b'].map((home) => spillway(['address', '--home', join(dir, home)])));
    expect(addresses[1]!.stdout).toBe(addresses[0]!.stdout);
    expect(addresses[0]!.stdout).toMatch(/^bcrt1p[a-z0-9]{58}\n$/);
  });
  it.each([
    ['words that are none', 'hello world\n'],
    ['a wrong checksum', `${'abandon '.repeat(12)}\n`],
    ['nothing', ''],
  ])('refuses %s without repeating them', async (_, fd3) => {
    const ran = await spillway(init(join(freshDir(), 'home'), '--mnemonic-fd', '3'), { fd3 });
    expect(ran).toMatchObject({ code: 65, stdout: '', stderr: expect.stringMatching(/^error\[malformed\]/) });
    expect(ran.stderr).not.toMatch(/abandon|hello/);
  });

  it.each([
    ['no network', ['init']],
    ['an unknown network', ['init', '--network', 'moon']],
    ['a passphrase for nothing', init('/nonexistent', '--passphrase-fd', '3')],
    ['words in and out', init('/nonexistent', '--mnemonic-fd', '3', '--mnemonic-out', 'x')],
  ])('%s is a usage error', async (_, argv) => {
    expect(await spillway(argv)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error\[usage\]/),
    });
  });
  it('an insecure seed works on regtest only', async () => {
    const argv = [
      'init',
      '--home',
      join(freshDir(), 'home'),
      '--network',
      'signet',
      '--insecure-seed',
      '11'.repeat(32),
    ];
    expect(await spillway(argv)).toMatchObject({ code: 77, stdout: '' });
  });
});

describe('init --encrypt', () => {
  it('takes the passphrase from a descriptor; the home opens with it alone', async () => {
    const home = join(freshDir(), 'home');
    const given = ['--passphrase-fd', '3'];
    expect((await spillway(init(home, '--encrypt', ...given), { fd3: 'correct horse\n' })).code).toBe(0);
    expect(readFileSync(join(home, 'seed'), 'utf8')).not.toContain('mnemonic');
    const address = ['address', '--home', home];
    expect((await spillway([...address, ...given], { fd3: 'correct horse' })).code).toBe(0);
    expect(await spillway([...address, ...given], { fd3: 'wrong' })).toMatchObject({ code: 77, stdout: '' });
    const unasked = await spillway(address, { env: { CI: '1' } });
    expect(unasked).toMatchObject({
      code: 77,
      stdout: '',
      stderr: expect.stringMatching(/^error\[not-agreed\].*\nhint: .*--passphrase-fd/),
    });
  });
  it('takes none from a file that others can read', async () => {
    const dir = freshDir();
    writeFileSync(join(dir, 'pass'), 'x\n', { mode: 0o644 });
    const ran = await spillway(init(join(dir, 'home'), '--encrypt', '--passphrase-file', join(dir, 'pass')));
    expect(ran).toMatchObject({ code: 77, stdout: '', stderr: expect.stringMatching(/^error\[secret-exposed\]/) });
  });
});

describe.skipIf(!hasTerminal)('init at a terminal', () => {
  const [FIRST, AGAIN] = ['Passphrase for the new home', 'The same again'];
  it('shows the words once', async () => {
    const home = join(freshDir(), 'home');
    const { stdout } = await onTerminal(line(init(home)));
    const { mnemonic } = JSON.parse(readFileSync(join(home, 'seed'), 'utf8'));
    expect(stdout).toContain(mnemonic);
  });
  it('shows them to the terminal alone where stdout is a pipe', async () => {
    const dir = freshDir();
    await onTerminal(`${line(init(join(dir, 'home')))} > ${dir}/out`);
    expect(Object.keys(JSON.parse(readFileSync(join(dir, 'out'), 'utf8')))).toEqual([
      'type',
      'version',
      'network',
      'home',
      'id',
    ]);
  });
  it('asks for the passphrase twice, also in a pipe, and does not show it', async () => {
    const home = join(freshDir(), 'home');
    const { stdout } = await onTerminal(`echo | ${line(init(home, '--encrypt'))} | cat`, [
      [FIRST, 'hunter2'],
      [AGAIN, 'hunter2'],
    ]);
    for (const question of [FIRST, AGAIN]) expect(stdout).toContain(question);
    expect(stdout).not.toMatch(/hunter2/);
    expect((await spillway(['address', '--home', home, '--passphrase-fd', '3'], { fd3: 'hunter2' })).code).toBe(0);
  });
  it('makes no home with two passphrases that differ', async () => {
    const home = join(freshDir(), 'home');
    const { stdout } = await onTerminal(line(init(home, '--encrypt')), [
      [FIRST, 'hunter2'],
      [AGAIN, 'hunter3'],
    ]);
    expect(stdout).toMatch(/error\[usage\].*: two passphrases found that differ/);
    expect(existsSync(home)).toBe(false);
  });
});
