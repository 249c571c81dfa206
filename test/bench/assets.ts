/**
 * Decoding coloured coins beside the npm packages, the same NDJSON through each: markers and full decodes beside `openassets`,
 * payloads beside `cc-transaction`. Then what each answers where they differ. The peers are installed here, scripts off.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { marker, P2PKH, readTxOf, script } from '../assets/make.ts';
import { interleaved, report } from './measure.ts';

const here = import.meta.dirname;
const LINES = Number(process.env['BENCH_LINES'] ?? 30_000);

/** A stream through a process, from file to file as a user would; its output. */
function through(args: readonly string[], input: string, output: string): void {
  const [from, to] = [openSync(input, 'r'), openSync(output, 'w')];
  const ran = spawnSync(process.execPath, ['--no-deprecation', ...args], { stdio: [from, to, 'ignore'] });
  closeSync(from);
  closeSync(to);
  if (ran.error) throw ran.error;
}

const fixture = (name: string) => JSON.parse(readFileSync(join(here, '../../fixtures/assets', name), 'utf8'));

/** As many transactions with a parent each, every script a new one, so that nothing is known from the line before. */
function different(path: string): string {
  const scriptSig = new Uint8Array(107);
  const lines = Array.from({ length: LINES }, (_, i) => {
    const [issuer, holder, change] = [3 * i, 3 * i + 1, 3 * i + 2].map(script) as [Uint8Array, Uint8Array, Uint8Array];
    const parent = readTxOf([{ txid: 'ee'.repeat(32), vout: i, scriptSig }], [{ sat: 10_000n, script: issuer }]);
    const { txid } = parent.tx;
    const outputs = [
      { sat: 600n, script: holder },
      { sat: 0n, script: marker([BigInt(i + 1)]) },
      { sat: 9000n, script: change },
    ];
    const { bytes } = readTxOf([{ txid, vout: 0, scriptSig }], outputs);
    return `${JSON.stringify({ tx: bytesToHex(bytes), prev: { [txid]: bytesToHex(parent.bytes) } })}\n`;
  });
  writeFileSync(path, lines.join(''));
  return path;
}

const COINS = [{ sat: 600n, script: P2PKH }];

/** A transaction whose units came through `length` others, each spending `width` outputs of the one before; and its parents. */
function ancestry(length: number, width: number): { tx: string; parents: string } {
  const outputs = Array.from({ length: width }, () => COINS[0]!);
  const quantities = outputs.map(() => 5n);
  const root = readTxOf([{ txid: 'ee'.repeat(32), vout: 0 }], COINS);
  let at = readTxOf([{ txid: root.tx.txid, vout: 0 }], [...outputs, { sat: 0n, script: marker(quantities) }]);
  const parents = [bytesToHex(root.bytes)];
  for (let i = 0; i < length; i++) {
    parents.push(bytesToHex(at.bytes));
    const { txid } = at.tx;
    const inputs = outputs.map((_, vout) => ({ txid, vout: i === 0 ? vout : vout + 1 }));
    at = readTxOf(inputs, [{ sat: 0n, script: marker(quantities) }, ...outputs]);
  }
  return { tx: bytesToHex(at.bytes), parents: `${parents.join('\n')}\n` };
}

/** The back-trace beside start-up: milliseconds, of a bound of one second. */
async function ancestries(run: string, rounds: number, dir: string): Promise<boolean[]> {
  const traced = [
    { name: 'a chain of 20,000', ...ancestry(20_000, 1) },
    { name: '2,000 levels of two inputs each', ...ancestry(2000, 2) },
  ].map(({ name, tx, parents }, i) => {
    const [input, prev] = [join(dir, `tx${i}`), join(dir, `parents${i}`)];
    writeFileSync(input, tx);
    writeFileSync(prev, parents);
    return { name, run: () => through([run, 'decode-openassets', '--prev', prev], input, join(dir, `traced${i}`)) };
  });
  const nothing = join(dir, 'nothing');
  writeFileSync(nothing, '');
  const start = {
    name: 'start',
    run: () => through([run, 'decode-openassets', '--batch'], nothing, join(dir, 'none')),
  };
  const times = await interleaved([start, ...traced], Math.min(rounds, 5));
  return traced.map(({ name }, i) => {
    const { status, outputs } = JSON.parse(readFileSync(join(dir, `traced${i}`), 'utf8'));
    if (status !== 'colored' || outputs[1].quantity !== '5') throw new Error(`${name}: ${status} found`);
    const ratio = times.get(name)! - times.get('start')!;
    return report({ what: name, ratio, limit: 1000, unit: 'ms beside start-up' });
  });
}

/** Ratios below 1 are ahead of the peer. */
export async function assetStreams(run: string, rounds: number): Promise<boolean[]> {
  if (!existsSync(join(here, 'node_modules/cc-transaction')))
    spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--no-package-lock'], {
      cwd: here,
      stdio: 'ignore',
    });
  if (!existsSync(join(here, 'node_modules/cc-transaction'))) {
    console.log('skipped: coloured coins (their peers cannot be installed)');
    return [];
  }
  const dir = mkdtempSync(join(tmpdir(), 'spillway-bench-'));
  const peer = (kind: string): string[] => [join(here, 'peers/asset-stream.cjs'), kind, here];
  const [{ tx, prev_txs: prev }] = fixture('openassets.json').transactions;
  const repeat = (name: string, line: object): string => {
    const path = join(dir, name);
    writeFileSync(path, `${JSON.stringify(line)}\n`.repeat(LINES));
    return path;
  };
  const streams = [
    {
      what: 'Open Assets markers',
      kind: 'oa-marker',
      args: ['decode-openassets', '--batch'],
      input: repeat('markers', { marker: fixture('openassets.json').markers.valid.at(-1).payload }),
    },
    {
      what: 'Open Assets transactions',
      kind: 'oa-full',
      args: ['decode-openassets', '--batch'],
      input: repeat('full', { tx, prev }),
    },
    {
      what: 'Open Assets transactions, no two alike, names by both',
      kind: 'oa-names',
      args: ['decode-openassets', '--batch'],
      input: different(join(dir, 'different')),
      // Five base58 names a line are most of the work, and they are the same for both.
      limit: 1.25,
    },
    {
      what: 'Colu payloads',
      kind: 'cc-payload',
      args: ['decode-colu', '--batch'],
      input: repeat('colu', { payload: '434302060f010f50' }),
    },
  ];
  const results: boolean[] = [];
  for (const { what, kind, args, input, limit = 1 } of streams) {
    const times = await interleaved(
      [
        { name: 'ours', run: () => through([run, ...args], input, join(dir, 'ours')) },
        { name: 'peer', run: () => through(peer(kind), input, join(dir, 'peer')) },
      ],
      Math.min(rounds, 5),
    );
    const [ours, other] = [times.get('ours')!, times.get('peer')!];
    const rate = (ms: number): string => `${Math.round((LINES / ms) * 1000)}/s`;
    results.push(
      report({
        what: `${what}, ${rate(ours)} beside ${rate(other)}`,
        ratio: ours / other,
        limit,
        unit: '× the npm package',
      }),
    );
  }
  table(run, peer, dir);
  return [...results, ...(await ancestries(run, rounds, dir))];
}

/** Cases in which implementations are known to differ, and what the specification says. */
const CASES: readonly (readonly [string, string, string])[] = [
  ['trailing byte', '4f410100010100ff', 'invalid'],
  ['metadata length missing', '4f41010001ee05753d68747470733a2f2f6370722e736d2f61', 'invalid'],
  ['quantity of ten bytes', '4f410100018180808080808080800000', 'invalid'],
  ['2^53 + 1', '4f41010001818080808080801000', '9007199254740993'],
  ['2^63 - 1', '4f41010001ffffffffffffffff7f00', '9223372036854775807'],
];

function table(run: string, peer: (kind: string) => string[], dir: string): void {
  const input = join(dir, 'cases');
  writeFileSync(input, CASES.map(([, marker]) => `${JSON.stringify({ marker })}\n`).join(''));
  through([run, 'decode-openassets', '--batch'], input, join(dir, 'a'));
  through(peer('oa-marker'), input, join(dir, 'b'));
  const answers = (name: string): string[] =>
    readFileSync(join(dir, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line).quantities ?? ['invalid']).join(','));
  const [ours, theirs] = [answers('a'), answers('b')];
  console.log('      case                     | specification        | spillway             | npm openassets');
  CASES.forEach(([name, , right], i) => {
    console.log(`      ${name.padEnd(25)}| ${right.padEnd(21)}| ${ours[i]!.padEnd(21)}| ${theirs[i]}`);
    if (ours[i] !== right) throw new Error(`${name}: ${ours[i]} found, ${right} expected`);
  });
}
