/**
 * What a user gets from the registry: the files of the package, the program and the library installed elsewhere from the
 * packed tarball, and one clear line where Node.js is too old.
 *
 * Built in a copy of the checkout, so that neither a stale file in dist/ gets in nor another build is disturbed.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOPICS } from '../src/lib/cli/front.ts';
import { FAMILIES } from '../src/lib/families.ts';
import { cleanEnv, ROOT, start } from './cli/run.ts';

const NEEDED = ['src', 'bin', 'tools', 'package.json', 'rolldown.config.ts', 'tsconfig.json'];
const MAY = ['README.md', 'CHANGELOG.md', 'LICENSE'];

const dir = mkdtempSync(join(tmpdir(), 'spillway-pack-'));
const consumer = join(dir, 'consumer');
const installed = join(consumer, 'node_modules/spillway');
let files: string[];

/** The Node.js of this run comes first, whatever `node` is elsewhere. */
const PATH = [dirname(process.execPath), join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
const npm = (cwd: string, ...argv: string[]): string =>
  execFileSync('npm', argv, {
    cwd,
    env: { ...process.env, PATH },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
/** A line of bash in the consumer's directory, with the installed program on its path. */
const shell = (line: string) =>
  start('bash', ['-c', `set -euo pipefail; ${line}`], {
    cwd: consumer,
    env: cleanEnv({
      PATH: [dirname(process.execPath), join(consumer, 'node_modules/.bin'), '/usr/bin', '/bin'].join(delimiter),
    }),
  });

beforeAll(() => {
  const copy = join(dir, 'copy');
  for (const name of [...NEEDED, ...MAY.filter((file) => existsSync(join(ROOT, file)))])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  npm(copy, 'run', 'build');
  const [packed] = JSON.parse(npm(copy, 'pack', '--ignore-scripts', '--json', '--pack-destination', dir));
  files = packed.files.map(({ path }: { path: string }) => path);
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{"private":true,"type":"module"}');
  npm(consumer, 'install', '--prefer-offline', '--no-audit', '--no-fund', join(dir, packed.filename));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('the package', () => {
  it('holds the program, the library with its types, and nothing else', () => {
    const others = files.filter(
      (path) =>
        !/^dist\/types\/(lib\/families|lib\/[a-z]+\/(?:[a-z]+\/)?[a-z0-9-]+|commands\/(?:[a-z]+\/)?[a-z-]+|cli|index)\.d\.ts$/.test(
          path,
        ),
    );
    const isPart = (path: string): boolean => /^dist\/(?:command|part)-[A-Za-z0-9_-]+\.cjs$/.test(path);
    expect(others.filter((path) => !MAY.includes(path) && !path.startsWith('man/') && !isPart(path)).sort()).toEqual([
      'bin/run.js',
      'dist/cli.cjs',
      'dist/grpc.cjs',
      'dist/index.js',
      'dist/pg.cjs',
      'dist/prometheus.cjs',
      'dist/secp256k1.wasm',
      'oclif.manifest.json',
      'package.json',
    ]);
    expect(files.filter((path) => /\btests?\b|\.env|\.db$/.test(path))).toEqual([]);
  });

  it('names no file that is not in it', () => {
    const { bin, exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const path of [bin.spillway, exports['.'].types, exports['.'].default])
      expect(existsSync(join(installed, path)), path).toBe(true);
    for (const path of files.filter((file) => /\.(cjs|js|d\.ts)$/.test(file)))
      for (const [, map] of readFileSync(join(installed, path), 'utf8').matchAll(/^\/\/# sourceMappingURL=(\S+)$/gm))
        expect(existsSync(join(installed, dirname(path), map!)), `${path} names ${map}`).toBe(true);
    expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
  });

  it('keeps what single listeners need out of the bundle that every run reads', () => {
    const text = (name: string): string => readFileSync(join(installed, 'dist', name), 'utf8');
    for (const [name, words] of [
      ['grpc', 'Http2SubchannelConnector'],
      ['prometheus', 'process_resident_memory_bytes'],
    ] as const) {
      expect(text(`${name}.cjs`)).toContain(words);
      const others = files
        .flatMap((path) => /^dist\/((?:cli|command-.*|part-.*)\.cjs)$/.exec(path)?.[1] ?? [])
        .map(text);
      expect(others.filter((other) => other.includes(words))).toEqual([]);
      expect(others.flatMap((other) => other.match(new RegExp(`.*\\./${name}\\.cjs.*`, 'g')) ?? [])).toEqual([
        expect.stringContaining(`await import("./${name}.cjs")`),
      ]);
    }
  });

  it('has a man page for each command, family and topic, and npm links the first', () => {
    const { commands } = JSON.parse(readFileSync(join(installed, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, { flags: Record<string, { name: string; hidden?: boolean }> }>;
    };
    const pages = [
      'man/man1/spillway.1',
      ...Object.keys(commands).map((id) => `man/man1/spillway-${id.replace(':', '-')}.1`),
      ...[...FAMILIES.map(({ name }) => name), ...Object.keys(TOPICS)].map((name) => `man/man7/spillway-${name}.7`),
    ];
    expect(files.filter((path) => path.startsWith('man/')).sort()).toEqual(pages.sort());
    expect(pages).toContain(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')).man.replace('./', ''));
    for (const [id, { flags }] of Object.entries(commands)) {
      const page = readFileSync(join(installed, `man/man1/spillway-${id.replace(':', '-')}.1`), 'utf8');
      const found = [...page.matchAll(/^\.B \\-\\-([a-z0-9\\-]+)/gm)].map(([, name]) => name!.replaceAll('\\', ''));
      const shown = Object.values(flags).filter(({ hidden }) => !hidden);
      expect([id, found.sort()]).toEqual([id, shown.map(({ name }) => name).sort()]);
    }
  });
  it('has man pages in which no text is a request of roff', () => {
    const KNOWN = /^\.(?:TH|SH|SS|TP|PP|IP|RS|RE|B|BR|nf|fi)\b/;
    for (const path of files.filter((file) => file.startsWith('man/'))) {
      const lines = readFileSync(join(installed, path), 'utf8').split('\n');
      expect([path, lines.filter((line) => /^[.']/.test(line) && !KNOWN.test(line))]).toEqual([path, []]);
      expect([path, lines.filter((line) => /\\(?![-e&])/.test(line))]).toEqual([path, []]);
    }
  });
  it('brings few packages with it, none with an install script', () => {
    const lock = JSON.parse(readFileSync(join(consumer, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const scripts = Object.entries(lock.packages).filter(([, found]) => found.hasInstallScript);
    expect(scripts).toEqual([]);
    expect(readdirSync(join(consumer, 'node_modules')).length).toBeLessThan(64);
  });
});

describe('the installed program', () => {
  it('says its version, by npx too', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const expected = { code: 0, stdout: expect.stringMatching(new RegExp(`^spillway/${version} `)) };
    expect(await shell('spillway --version')).toMatchObject(expected);
    expect(await shell('npx --no-install spillway --version')).toMatchObject(expected);
    expect((await shell('spillway --help')).stdout).toMatch(/FAMILIES\n/);
  });

  it('opens a contract and pays over it, in pipelines', async () => {
    const script = `5120${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
    const coin = { txid: 'ab'.repeat(32), vout: 0, scriptPubKey: script, confirmations: 6 };
    writeFileSync(join(consumer, 'coins.json'), JSON.stringify([coin]).replace('"vout"', '"amount":0.02000000,"vout"'));
    const ran = await shell(`
      export SPILLWAY_TIP=1000
      spillway init --home mint --network regtest >/dev/null 2>&1
      spillway init --home user --network regtest >/dev/null 2>&1
      spillway open-credit --home mint --as payee |
        spillway open-credit --home user --amount 1200000 --expires +4320 --utxo coins.json |
        spillway open-credit --home mint |
        { spillway open-credit --home user || test $? = 3; } > ready.json
      id=$(node -p 'JSON.parse(fs.readFileSync("ready.json")).contract.id')
      spillway sign-update --home mint --contract "$id" --amount 2100 | tee requested.json |
        spillway sign-update --home user --amount 2100 |
        spillway sign-update --home mint`);
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ type: 'sign-update', step: 'accepted', paid_sat: 2100 });
  });

  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    const [major, minor] = existsSync(path)
      ? execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.').map(Number)
      : [99];
    return major! < 22 || (major === 22 && minor! < 18);
  });
  it.runIf(old)('says in one line that Node.js is too old', async () => {
    for (const argv of [['--version'], ['sign-update', '--home', 'mint']]) {
      const ran = await start(old!, [join(consumer, 'node_modules/.bin/spillway'), ...argv], { cwd: consumer });
      expect(ran).toMatchObject({ code: 77, stdout: '' });
      expect(ran.stderr).toMatch(/^error\[node-too-old\]: Node\.js \S+ found, 22\.18 or newer expected\n$/);
    }
  });
});

describe('the installed library', () => {
  it('exports the tables, their builders and the ground that they stand on', async () => {
    const line =
      "import('spillway').then((m) => console.log(JSON.stringify(Object.entries(m).map(([k, v]) => [k, typeof v]))))";
    const { code, stdout, stderr } = await shell(`node -e "${line}"`);
    expect([code, stderr]).toEqual([0, '']);
    const found = Object.fromEntries(JSON.parse(stdout)) as Record<string, string>;
    for (const name of [
      'openCredit',
      'signUpdate',
      'rollover',
      'closeCredit',
      'exitCredit',
      'creditKind',
      'creditTransactions',
      'musig2',
      'exchange',
      'ERRORS',
    ])
      expect([name, found[name]]).toEqual([name, 'object']);
    for (const name of [
      'table',
      'turn',
      'following',
      'parseJson',
      'seal',
      'checkSeal',
      'readContract',
      'contractId',
      'keySet',
      'readPsbt',
      'txidOf',
      'Refusal',
      'readToken',
      'verifyToken',
      'loadCashu',
    ])
      expect([name, found[name]]).toEqual([name, 'function']);
  });

  it('loads nothing that reads files, clocks or the network', () => {
    const text = readFileSync(join(installed, 'dist/index.js'), 'utf8');
    // For random numbers that hide a secret from whoever measures time; no result depends on them.
    expect(text.match(/(from|import|require)\s*\(?\s*["']node:[^"']+/g)).toEqual(['from "node:crypto']);
    expect(text).not.toMatch(/\bprocess\.|Date\.now|Math\.random/);
  });

  it('has an example on top that runs as it is', async () => {
    const [, example] = /```ts\n([^]*?)```/.exec(readFileSync(join(ROOT, 'src/index.ts'), 'utf8'))!;
    writeFileSync(join(consumer, 'what.mjs'), example!.replace(/^ \* ?/gm, ''));
    const { code, stdout, stderr } = await shell('node what.mjs < requested.json');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^2100n [0-9a-f]{64}\npayer: signed\n$/);
  });

  it('has types that a strict program compiles with', () => {
    const source = `import { creditTransactions, openCredit, parseJson, readContract, signUpdate, turn, type Action, type ErrorCode, type Ports, type UpdateMessage } from 'spillway';
      const message: UpdateMessage = signUpdate.parse(parseJson('{}'));
      if (message.step === 'asked') throw new Error();
      const paid: bigint = message.paid_sat;
      const tx = creditTransactions.update(readContract(message.contract, 'regtest', 'payee'), paid);
      const version: 2 | 3 = tx.version;
      const actions: Action<any, any, any>[] = [openCredit, signUpdate];
      const code: ErrorCode = 'onion-size';
      export { version, actions, code, turn, type Ports };
      // @ts-expect-error a step that no message has
      if (message.step === 'nothing') throw new Error();
      // @ts-expect-error a code that no family has
      export const none: ErrorCode = 'nothing';\n`;
    writeFileSync(join(consumer, 'types.ts'), source);
    const argv = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--skipLibCheck',
      '--types',
      '',
      'types.ts',
    ];
    const ran = () =>
      execFileSync(join(ROOT, 'node_modules/.bin/tsc'), argv, {
        cwd: consumer,
        env: { ...process.env, PATH },
        encoding: 'utf8',
      });
    let said: string;
    try {
      said = ran();
    } catch (error) {
      said = (error as { stdout: string }).stdout;
    }
    expect(said).toBe('');
  });
});
