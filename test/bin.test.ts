/** The built program as a process: the door itself, pipes, terminals and old versions of Node. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bash, BIN, freshDir, ROOT, spillway, start } from './cli/run.ts';
import { warm } from './support/host.ts';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

describe('the command line', () => {
  it.each([
    [['--version'], new RegExp(`^spillway/${version} \\S+ node-v`)],
    [['-V'], new RegExp(`^spillway/${version} `)],
    [['version'], new RegExp(`^spillway/${version} `)],
    [['--help'], /FAMILIES\n/],
    [[], /FAMILIES\n/],
    [['help'], /FAMILIES\n/],
    [['help', 'errors'], /\$ spillway errors/],
    [['errors', '--help'], /EXIT CODES\n/],
    [['-h'], /FAMILIES\n/],
  ])('%j prints to stdout and ends with 0', async (argv, form) => {
    const ran = await spillway(argv);
    expect(ran).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(form) });
  });

  it('runs no code that lies in the data folder of a user', async () => {
    const user = freshDir();
    const plugin = join(user, 'spillway/node_modules/other');
    mkdirSync(join(plugin, 'commands'), { recursive: true });
    const plugins = [{ name: 'other', type: 'user' }];
    writeFileSync(join(user, 'spillway/package.json'), JSON.stringify({ name: 'data', oclif: { schema: 1, plugins } }));
    const oclif = { commands: './commands', hooks: { init: './hook.js' } };
    writeFileSync(join(plugin, 'package.json'), JSON.stringify({ name: 'other', version: '1.0.0', oclif }));
    for (const file of ['hook.js', 'commands/errors2.js']) writeFileSync(join(plugin, file), "console.error('ran');");
    expect(await spillway(['errors'], { env: { XDG_DATA_HOME: user } })).toMatchObject({ code: 0, stderr: '' });
  });

  it('says that a disk is full, and which file the system denies: 73, and nothing is a fault of the program', async () => {
    const home = join(freshDir(), 'home');
    expect(await spillway(['init', '--network', 'regtest', '--home', home])).toMatchObject({ code: 0 });
    const full = await bash(`trap '' XFSZ; ulimit -f 16; spillway ecash-keyset --home ${home}`);
    expect(full).toMatchObject({
      code: 73,
      stdout: '',
      stderr: expect.stringMatching(/^error\[cannot-write\]: .*store\.db/),
    });
    rmSync(`${home}.journal`, { recursive: true, force: true });
    writeFileSync(`${home}.journal`, '');
    expect(await spillway(['address', '--home', home])).toMatchObject({
      code: 73,
      stdout: '',
      stderr: expect.stringMatching(/^error\[cannot-write\]: .*home\.journal.* cannot be read: ENOTDIR.*\nhint: /),
    });
  });

  it('works for a user without an entry in the system, as in a container; without --home it says what is missing', async () => {
    const without =
      "import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module'; const none = () => { throw new Error('ENOENT'); }; os.userInfo = none; os.homedir = none; syncBuiltinESMExports();";
    const env = {
      NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(without).toString('base64')}`,
      HOME: '',
    };
    expect(await spillway(['errors'], { env })).toMatchObject({ code: 0, stderr: '' });
    const home = join(freshDir(), 'home');
    expect(await spillway(['init', '--network', 'regtest', '--home', home], { env })).toMatchObject({ code: 0 });
    expect(await spillway(['status', '--home', home], { env })).toMatchObject({ code: 0 });
    expect(await spillway(['status'], { env })).toMatchObject({
      code: 66,
      stdout: '',
      stderr: expect.stringMatching(/^error\[no-home\]: .* no HOME.*\nhint: give --home DIR/),
    });
  });

  it('computes the same without WebAssembly, and says so with the version', async () => {
    const env = { NODE_OPTIONS: '--jitless', SPILLWAY_INSECURE_SEED: 'ab'.repeat(32) };
    const said = / node-v\S+ \(no WebAssembly: signatures take longer\)\n$/;
    expect((await spillway(['--version'], { env })).stdout).toMatch(said);
    expect((await spillway(['--version'])).stdout).not.toMatch(said);
    const given = [];
    for (const NODE_OPTIONS of ['--jitless', '']) {
      const [home, by] = [join(freshDir(), 'home'), { env: { ...env, NODE_OPTIONS } }];
      expect(await spillway(['init', '--network', 'regtest', '--home', home], by)).toMatchObject({ code: 0 });
      given.push(await spillway(['address', '--home', home], by));
    }
    expect(given[0]).toMatchObject({ code: 0, stdout: expect.stringMatching(/^bcrt1p/) });
    expect(given[1]).toEqual(given[0]);
  });

  it.each([
    [['eror'], 'error[usage]: "eror" found, a command expected\nhint: did you mean errors?\n'],
    [['help', 'eror'], 'error[usage]: "eror" found, a command expected\nhint: did you mean errors?\n'],
    [['xyzzy'], 'error[usage]: "xyzzy" found, a command expected\nhint: spillway --help lists them\n'],
    [['\u001b[2J'], 'error[usage]: "\\u001b[2J" found, a command expected\nhint: spillway --help lists them\n'],
    [['--frob'], 'error[usage]: --frob found, a command expected\nhint: spillway --help lists them\n'],
    [
      ['errors', '--frob'],
      'error[usage]: --frob found, a flag of this command expected\nhint: give --help for the flags of a command\n',
    ],
    [
      ['sign-update', '--amuont', '5'],
      'error[usage]: --amuont found, a flag of this command expected\nhint: did you mean --amount?\n',
    ],
    [
      ['init', '--insecure-sed', '5'],
      'error[usage]: --insecure-sed found, a flag of this command expected\nhint: give --help for the flags of a command\n',
    ],
    [['init'], 'error[usage]: --network is missing\nhint: give --help for the flags of a command\n'],
    [
      ['init', '--network', 'regtst'],
      'error[usage]: --network: "regtst" found, one of mainnet, testnet, testnet4, signet, regtest expected\nhint: give --help for the flags of a command\n',
    ],
    [['init', '--network'], /^error\[usage\]: --network found without a value, one of mainnet, .* expected\n/],
    [['status', '--float'], /^error\[usage\]: --float found without a value\n/],
    [['errors', 'a', 'b'], /^error\[usage\]: a, b found, no such argument expected\n/],
    [['completion'], /^error\[usage\]: no shell found, bash, zsh, fish expected\n/],
    [['onion-error'], /^error\[usage\]: no action found, build\|wrap\|unwrap expected\n/],
    [['exit-credit', '--children', '5'], /^error\[usage\]: --children found without --export\n/],
    [
      ['reconcile', '--confirm', '--contract', '01234567', '--journal', 'x'],
      /^error\[usage\]: --confirm and --journal found, one of them expected\n/,
    ],
  ])('%j is a usage error that leaves stdout empty', async (argv, stderr) => {
    const said = typeof stderr === 'string' ? stderr : expect.stringMatching(stderr);
    expect(await spillway(argv)).toEqual({ code: 2, stdout: '', stderr: said });
  });

  it('--error-format json holds for what oclif does not understand too', async () => {
    const { code, stdout, stderr } = await spillway(['errors', '--frob', '--error-format', 'json']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.endsWith('}\n')).toBe(true);
    expect(JSON.parse(stderr).error).toMatchObject({
      code: 'usage',
      exit: 2,
      message: '--frob found, a flag of this command expected',
    });
  });

  const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'));
  it.each(Object.keys(manifest.commands))('%s shows in its help two pipelines and the exit codes', async (id) => {
    const { code, stdout } = await warm(['help', id]);
    expect(code).toBe(0);
    expect(stdout.match(/^ {4}\$ .*spillway/gm)?.length).toBeGreaterThanOrEqual(2);
    expect(stdout).toMatch(/^EXIT CODES\n {2}0 +done\n {2}2 +usage/m);
    expect(stdout).not.toContain('insecure-seed');
  });
  it.each(Object.keys(manifest.commands))(
    '%s names in its usage every flag once, and brackets that close',
    async (id) => {
      const { stdout } = await warm(['help', id]);
      const usage = /^USAGE\n([^]*?)\n\n/m.exec(stdout)![1]!.replace(/\s+/g, ' ');
      const flags = Object.entries<{ hidden?: boolean }>(manifest.commands[id].flags).filter(
        ([, { hidden }]) => !hidden,
      );
      expect(usage.match(/--[a-z][a-z0-9-]*/g)!.sort()).toEqual(flags.map(([name]) => `--${name}`).sort());
      // Nothing is nested, and nothing is empty.
      expect(usage.replaceAll('[HOST:]PORT', 'PORT')).not.toMatch(/\[[^\]]*\[|\| *[|\]]|[ …]\]/);
    },
  );
  it('what excludes each other is a choice in the usage; what depends on another is not nested', async () => {
    const { stdout } = await spillway(['exit-credit', '--help']);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'exit-credit [--contract ID | --due] [--export] [--children SAT/VB... | --package | --quote] [--allow-fee] [--feerate SAT/VB] [--within BLOCKS] [--error-format',
    );
  });
});

describe('pipes', () => {
  it('a reader that leaves early is no fault', async () => {
    const ran = await bash('set -o pipefail; spillway errors | head -1');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout.split('\n')).toHaveLength(2);
  });
  it('a reader that never reads is no fault', async () => {
    expect(await bash('set -o pipefail; spillway errors | true')).toMatchObject({ code: 0, stderr: '' });
  });
  it('a slow reader gets every line', async () => {
    const { stdout } = await bash('spillway errors | (sleep 0.3; cat) | tail -c 200');
    expect(stdout.endsWith('}\n')).toBe(true);
  });
  it('a command that reads nothing does not wait for an open stdin', async () => {
    // Its stdin stays open until it has ended.
    const { stdout } = await bash('mkfifo p q; (exec 7>p; cat q) & spillway errors <p | wc -l; echo done; echo >q', {
      cwd: freshDir(),
    });
    expect(stdout).toMatch(/^ *\d+\ndone\n/);
  });
  it.runIf(existsSync('/dev/full'))('a full disk is an error of its own, not a fault of the program', async () => {
    expect(await bash('spillway errors >/dev/full')).toEqual({
      code: 73,
      stdout: '',
      stderr: 'error[cannot-write]: stdout: ENOSPC: no space left on device, write\n',
    });
  });
  it('a closed stderr does not change the exit code', async () => {
    expect(await bash('spillway eror 2>&-; echo $?')).toMatchObject({ stdout: '2\n' });
  });
});

describe('Node.js', () => {
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find(
    (path) => existsSync(path) && /^v(1[89]|20)\./.test(execFileSync(path, ['--version'], { encoding: 'utf8' })),
  );
  // An old Node.js as far as run.js can tell, where none is at hand.
  const fake = join(freshDir(), 'old.cjs');
  writeFileSync(
    fake,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });\n",
  );
  const olds: [string, string, string[]][] = [['simulated', process.execPath, ['-r', fake]]];
  if (old) olds.push(['real', old, []]);

  /** A package as a consumer has it: no node_modules of its own. */
  const installed = (): string => {
    const dir = freshDir();
    mkdirSync(join(dir, 'bin'));
    cpSync(BIN, join(dir, 'bin/run.js'));
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
    return dir;
  };

  it.each(olds)('one that is too old (%s) hands over to the one of the checkout', async (_, node, argv) => {
    const ran = await start(node, [...argv, BIN, '--version']);
    expect(ran).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(process.version) });
  });
  it.each(olds)('the exit code comes back through it (%s)', async (_, node, argv) => {
    expect((await start(node, [...argv, BIN, 'eror'])).code).toBe(2);
  });
  it.each(olds)('one that is too old (%s) says so where there is no other', async (_, node, argv) => {
    const ran = await start(node, [...argv, join(installed(), 'bin/run.js'), '--version']);
    expect(ran).toMatchObject({
      code: 77,
      stdout: '',
      stderr: expect.stringMatching(/^error\[node-too-old\]: [^\n]*\n$/),
    });
  });
  it.each(olds)('one that is too old (%s) does not start itself for ever', async (_, node, argv) => {
    const dir = installed();
    mkdirSync(join(dir, 'node_modules/.bin'), { recursive: true });
    if (argv.length === 0) symlinkSync(node, join(dir, 'node_modules/.bin/node'));
    else
      writeFileSync(join(dir, 'node_modules/.bin/node'), `#!/bin/sh\nexec "${node}" ${argv.join(' ')} "$@"\n`, {
        mode: 0o755,
      });
    expect(await start(node, [...argv, join(dir, 'bin/run.js')])).toMatchObject({ code: 77, stdout: '' });
  });
  it('a checkout that was not built says so', async () => {
    const ran = await start(process.execPath, [join(installed(), 'bin/run.js')]);
    expect(ran).toMatchObject({ code: 70, stdout: '', stderr: expect.stringMatching(/npm run build/) });
  });
});

describe('the bundle', () => {
  it('takes keys of a PSBT that are points, and refuses others in the words of the library', async () => {
    const x = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
    const none = '5'.padStart(64, '0');
    const output = '225120f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9';
    const psbt = (ecdsa: string, schnorr: string): string =>
      [
        `70736274ff01005e0200000001${'ab'.repeat(32)}0000000000ffffffff01a00f000000000000${output}00000000`,
        `0001012b8813000000000000${output}220602${ecdsa}080000000101000000`,
        `2116${schnorr}090000000001010000000000`,
      ].join('');
    expect(await spillway(['inspect'], { stdin: psbt(x, x) })).toMatchObject({ code: 0 });
    for (const odd of [psbt(none, x), psbt(x, none)])
      expect(await spillway(['inspect'], { stdin: odd })).toMatchObject({
        code: 65,
        stdout: '',
        stderr: expect.stringMatching(/^error\[malformed-psbt\]: .*Cannot find square root/),
      });
  });

  it('evaluates no module of a command for --version, and loads no database or network for errors', async () => {
    const spy = join(freshDir(), 'spy.cjs');
    writeFileSync(
      spy,
      `const { Module } = require('node:module'); const load = Module._load; const seen = new Set();
       Module._load = (id, ...rest) => (seen.add(String(id)), load(id, ...rest));
       process.on('exit', () => process.stderr.write([...seen].join(' ')));`,
    );
    const { stderr } = await start(process.execPath, ['-r', spy, BIN, 'errors']);
    expect(stderr).toMatch(/cli\.cjs/);
    for (const name of ['node:sqlite', 'node:http', 'node:crypto', 'node:net'])
      expect(stderr.split(' ')).not.toContain(name);
  });
});
