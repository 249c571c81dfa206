/** notarize at the command line: stamp, prove, verify, show, merge, by a block of Bitcoin Core's and by a node that answers. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import NotarizeMerge from '../../src/commands/notarize/merge.ts';
import NotarizeProve from '../../src/commands/notarize/prove.ts';
import NotarizeShow from '../../src/commands/notarize/show.ts';
import NotarizeStamp from '../../src/commands/notarize/stamp.ts';
import NotarizeVerify from '../../src/commands/notarize/verify.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { transactionIn } from '../../src/lib/bitcoin/block.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { bitcoinAttestation, op, readOts, writeOts } from '../../src/lib/notary/ots.ts';
import { anchorIn, commitment, makeTree, proofWriter, readBlock, treeRoot } from '../../src/lib/notary/tree.ts';
import { readPsbt, templateOf } from '../../src/lib/bitcoin/psbt.ts';
import { freshDir, ROOT, spillway } from '../cli/run.ts';
import { command } from '../support/command.ts';
import { startFakeNode, type FakeNode } from '../support/fake-node.ts';
import { proofWith } from '../support/notary.ts';
import { codeOf } from '../support/refusal.ts';

const recorded = JSON.parse(readFileSync(join(ROOT, 'fixtures/notary/regtest.json'), 'utf8')) as {
  height: number;
  plan: { root?: string; time?: number; digest?: string; nonce?: string; name?: string }[];
  block: string;
  headers: string;
  proofs: Record<string, string>;
};
const { height, block, headers, proofs } = recorded;
const [head, ...lines] = recorded.plan;
const dir = freshDir();
const at = (name: string, data: string | Uint8Array): string => {
  writeFileSync(join(dir, name), data);
  return join(dir, name);
};
const planText = recorded.plan.map((line) => `${JSON.stringify(line)}\n`).join('');
const [plan, blockFile, headersFile] = [
  at('plan.ndjson', planText),
  at('block.hex', block),
  at('headers.hex', headers),
];
const proof = at('d1.txt.ots', hexToBytes(proofs['d1.txt']!));
at('d1.txt', 'doc 1\n');
const header = headers.slice(160 * height, 160 * (height + 1));
const json = (text: string) => JSON.parse(text);
const REGTEST = ['--network', 'regtest'];

const KEY_SCRIPT = '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
/** Ten minutes a block, from the plan on. */
const timeAt = (n: number): number => head!.time! + 600 * (n - height);

/** What the node says of the block; changed by tests. */
let confirmations = 6;
let tip = height;
let pruned = -1;
let node: FakeNode;
beforeAll(async () => {
  node = await startFakeNode({
    getblockchaininfo: () =>
      JSON.stringify({
        chain: 'regtest',
        blocks: tip,
        bestblockhash: '00'.repeat(32),
        initialblockdownload: false,
        time: 1,
      }),
    getblockhash: ([n]) =>
      Number(n) > tip
        ? { error: { code: -8, message: 'Block height out of range' } }
        : JSON.stringify(String(n).padStart(64, '0')),
    getblock: ([hash]) =>
      Number(hash) === pruned
        ? { error: { code: -1, message: 'Block not available (pruned data)' } }
        : JSON.stringify(Number(hash) === height ? block : '00'),
    getblockheader: ([hash, verbose]) =>
      verbose
        ? JSON.stringify({ confirmations, mediantime: 5, nTx: 3, time: timeAt(Number(hash)) })
        : JSON.stringify(header),
    gettxout: () => `{"value":0.001,"confirmations":3,"scriptPubKey":{"hex":"${KEY_SCRIPT}"}}`,
  });
  process.env['SPILLWAY_CHAIN'] = node.url;
});
afterAll(() => {
  node.close();
  delete process.env['SPILLWAY_CHAIN'];
});

describe('notarize stamp', () => {
  it('hashes files and hides them behind nonces, under the root of its lines', async () => {
    const { exit, stdout } = await command(NotarizeStamp, [at('a.txt', 'a'), at('b.txt', 'b'), '--network', 'regtest']);
    expect(exit).toBe(0);
    const [first, ...rest] = stdout.trim().split('\n').map(json);
    expect(first).toMatchObject({ type: 'notarize-stamp', count: 2, script: `6a20${first.root}` });
    expect(rest.map(({ name, digest }) => [name, digest])).toEqual([
      ['a.txt', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
      ['b.txt', '3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d'],
    ]);
    const leaves = rest.map(({ digest, nonce }) => ({ digest: hexToBytes(digest), nonce: hexToBytes(nonce) }));
    expect(Buffer.from(treeRoot(makeTree(leaves))).toString('hex')).toBe(first.root);
    const again = await command(NotarizeStamp, [join(dir, 'a.txt'), join(dir, 'b.txt')]);
    expect(json(again.stdout.split('\n')[0]!).root).not.toBe(first.root);
  });
  it('pays from the coins that it is given', async () => {
    const coins = [{ txid: 'ab'.repeat(32), vout: 1, amount: 0.001, scriptPubKey: KEY_SCRIPT, confirmations: 3 }];
    const utxo = at('coins.json', JSON.stringify(coins));
    const change = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
    const { stdout } = await command(NotarizeStamp, [
      join(dir, 'a.txt'),
      '--network',
      'regtest',
      '--utxo',
      utxo,
      '--change',
      change,
    ]);
    const first = json(stdout.split('\n')[0]!);
    const { outputs } = templateOf(readPsbt(first.psbt));
    expect(outputs.find(({ sat }) => sat === 0n)?.script).toBe(first.script);
    expect(outputs.find(({ sat }) => sat > 0n)?.sat).toBe(100_000n - BigInt(first.fee_sat));
  });
  it('pays from no coins without an address for the change', async () => {
    const argv = [join(dir, 'a.txt'), '--network', 'regtest', '--utxo', join(dir, 'coins.json')];
    expect(await command(NotarizeStamp, argv)).toMatchObject({ code: 'usage', exit: 2, stdout: '' });
  });
  it('takes digests as lines', async () => {
    const input = lines.map(({ digest, name }) => JSON.stringify({ digest, name })).join('\n');
    const { code, stdout } = await spillway(['notarize', 'stamp'], { stdin: input });
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => json(line).digest),
    ).toEqual(lines.map(({ digest }) => digest));
    expect(await spillway(['notarize', 'stamp'], { stdin: '\n' })).toMatchObject({ code: 65, stdout: '' });
    expect(await spillway(['notarize', 'stamp'], { stdin: '{"digest":"00"}\n' })).toMatchObject({
      code: 65,
      stdout: '',
    });
  });
});

describe('notarize prove', () => {
  const out = (): string => {
    const folder = join(freshDir(), 'proofs');
    mkdirSync(folder);
    return folder;
  };
  it('makes the proofs of a plan from a raw block, the same bytes that the reference client has read', async () => {
    const { exit, stdout } = await command(NotarizeProve, [plan, '--block', blockFile, '--height', String(height)]);
    expect(exit).toBe(0);
    const made = stdout.trim().split('\n').map(json);
    expect(Object.fromEntries(made.map(({ name, ots }) => [name, ots]))).toEqual(proofs);
    const raw = at('block.bin', hexToBytes(block));
    expect((await command(NotarizeProve, [plan, '--block', raw, '--height', String(height)])).stdout).toBe(stdout);
  });
  it('finds the block at a node, and writes files that are not there yet', async () => {
    const folder = out();
    const argv = [plan, '--out', folder];
    const { exit, stdout } = await command(NotarizeProve, argv);
    expect([exit, stdout.trim().split('\n').length]).toEqual([0, 5]);
    expect(readFileSync(join(folder, 'd1.txt.ots')).toString('hex')).toBe(proofs['d1.txt']);
    expect(await command(NotarizeProve, argv)).toMatchObject({ code: 'cannot-write', stdout: '' });
    tip = height + 10;
    expect((await command(NotarizeProve, [plan, '--height', String(height)])).exit).toBe(0);
    tip = height;
  });
  it('looks through every block since the plan was made, however many, and no older one', async () => {
    tip = height + 300;
    node.asked.length = 0;
    expect((await command(NotarizeProve, [plan])).exit).toBe(0);
    const read = (): number[] =>
      node.asked.flatMap(({ method, params }) => (method === 'getblock' ? [Number(params[0])] : []));
    // Blocks of the four hours before the plan: their times may lie so far off.
    expect([Math.min(...read()), Math.max(...read())]).toEqual([height - 24, height]);
    const other = { ...head, time: head!.time! + 86_400 };
    node.asked.length = 0;
    const late = [other, ...lines].map((line) => JSON.stringify(line)).join('\n');
    expect(await command(NotarizeProve, [at('late.ndjson', late)])).toMatchObject({
      code: 'funding-unconfirmed',
      exit: 69,
    });
    expect([Math.min(...read()), Math.max(...read())]).toEqual([height + 120, tip]);
    tip = height;
  });
  it('says what is not known where a node has pruned a block, and nothing else has the commitment', async () => {
    pruned = height;
    const { exit, stdout } = await command(NotarizeProve, [plan]);
    expect([exit, json(stdout)]).toMatchObject([
      3,
      { type: 'notarize-prove', status: 'unknown', searched: { first: height - 24, last: height, unread: 1 } },
    ]);
    pruned = height - 1;
    expect((await command(NotarizeProve, [plan])).exit).toBe(0);
    pruned = -1;
  });
  it('needs a block or a node to ask', async () => {
    delete process.env['SPILLWAY_CHAIN'];
    expect(await command(NotarizeProve, [plan])).toMatchObject({ code: 'usage', exit: 2, stdout: '' });
    process.env['SPILLWAY_CHAIN'] = node.url;
  });
  it('is asked of a node of the network of its plan', async () => {
    const other = at('signet.ndjson', planText.replace('"regtest"', '"signet"'));
    expect(await command(NotarizeProve, [other])).toMatchObject({ code: 'wrong-network', exit: 65 });
  });
  it('writes a file each for documents of one name', async () => {
    const same = recorded.plan.map((line, i) => JSON.stringify(i === 0 ? line : { ...line, name: 'same.txt' }));
    const folder = out();
    const { exit, stdout } = await command(NotarizeProve, [at('same.ndjson', same.join('\n')), '--out', folder]);
    expect(exit).toBe(0);
    const files = stdout
      .trim()
      .split('\n')
      .map((line) => json(line).file);
    expect(files).toEqual(['', '.2', '.3', '.4', '.5'].map((n) => join(folder, `same.txt${n}.ots`)));
    expect(readFileSync(files[1]).toString('hex')).toBe(proofs[lines[1]!.name!]);
  });
  it('waits for confirmations, and for the transaction', async () => {
    confirmations = 5;
    expect(await command(NotarizeProve, [plan])).toMatchObject({
      code: 'funding-unconfirmed',
      exit: 69,
    });
    expect((await command(NotarizeProve, [plan, '--min-conf', '5'])).exit).toBe(0);
    confirmations = 6;
    tip = height - 1;
    expect(await command(NotarizeProve, [plan])).toMatchObject({
      code: 'funding-unconfirmed',
      exit: 69,
    });
    tip = height;
  });
  it('is held up by nobody who commits to the root once more in a newer block', async () => {
    const copied = await startFakeNode({
      getblockchaininfo: () => `{"chain":"regtest","blocks":${height + 1},"bestblockhash":"00"}`,
      getblockhash: ([n]) => JSON.stringify(String(n)),
      getblock: ([hash]) => JSON.stringify(Number(hash) < height ? '00' : block),
      getblockheader: ([hash, verbose]) =>
        verbose
          ? JSON.stringify({ confirmations: Number(hash) > height ? 1 : 6, time: timeAt(Number(hash)) })
          : JSON.stringify(header),
    });
    try {
      process.env['SPILLWAY_CHAIN'] = copied.url;
      const { exit, stdout } = await command(NotarizeProve, [plan]);
      expect([exit, json(stdout.split('\n')[0]!).height]).toEqual([0, height]);
    } finally {
      process.env['SPILLWAY_CHAIN'] = node.url;
      copied.close();
    }
  });
  it('refuses a plan that was altered, or is none, and writes nowhere but into its folder', async () => {
    const altered = [head, { ...lines[0], nonce: '00'.repeat(16) }, ...lines.slice(1)]
      .map((line) => JSON.stringify(line))
      .join('\n');
    const argv = ['--block', blockFile, '--height', String(height)];
    expect(await command(NotarizeProve, [at('altered.ndjson', altered), ...argv])).toMatchObject({
      code: 'root-differs',
    });
    expect(await command(NotarizeProve, [at('none.ndjson', '{"type":"other"}'), ...argv])).toMatchObject({
      code: 'unknown-type',
    });
    expect(await command(NotarizeProve, [at('empty.ndjson', planText.split('\n')[0]!), ...argv])).toMatchObject({
      code: 'malformed',
    });
    const moon = planText.replace('"regtest"', '"moon"');
    expect(await command(NotarizeProve, [at('moon.ndjson', moon), ...argv])).toMatchObject({
      code: 'malformed-message',
      exit: 65,
    });
    expect(await command(NotarizeProve, [at('nothing.ndjson', '\n'), ...argv])).toMatchObject({ code: 'malformed' });
    const named = [head, { ...lines[0], name: '../../escaped' }, ...lines.slice(1)]
      .map((line) => JSON.stringify(line))
      .join('\n');
    const folder = out();
    const { stdout } = await command(NotarizeProve, [at('named.ndjson', named), ...argv, '--out', folder]);
    expect(json(stdout.split('\n')[0]!).file).toBe(join(folder, 'escaped.ots'));
  });
});

describe('a block', () => {
  const bytes = hexToBytes(block);
  it('is read whole, and only as its header has it', () => {
    expect(readBlock(bytes).transactions).toHaveLength(3);
    for (let n = 80; n < bytes.length; n += 7)
      expect(codeOf(() => readBlock(bytes.subarray(0, n)))).toMatch(/^malformed-/);
    expect(codeOf(() => readBlock(Uint8Array.of(...bytes, 0)))).toBe('malformed-block');
    expect(codeOf(() => readBlock(Uint8Array.of(...bytes.subarray(0, 80), 0)))).toBe('malformed-block');
    const other = Uint8Array.from(bytes);
    other[40]! ^= 1;
    expect(codeOf(() => readBlock(other))).toBe('root-differs');
  });
  it('has lengths of one byte up to 252, and of three from 253 on', () => {
    for (const [script, length] of [
      [252, 'fc'],
      [253, 'fdfd00'],
    ] as const) {
      const tx = `0200000001${'00'.repeat(36)}${length}${'51'.repeat(script)}ffffffff01${'00'.repeat(9)}00000000`;
      const root = sha256(sha256(hexToBytes(tx)));
      const made = concatBytes(new Uint8Array(36), root, new Uint8Array(12), Uint8Array.of(1), hexToBytes(tx));
      expect(readBlock(made).transactions.map(({ bytes: raw }) => bytesToHex(raw))).toEqual([tx]);
    }
  });
  it('whose transaction is longer than a proof can hold makes none', () => {
    const tree = makeTree(
      lines.map(({ digest, nonce }) => ({ digest: hexToBytes(digest!), nonce: hexToBytes(nonce!) })),
    );
    const { script } = commitment(treeRoot(tree));
    const output = `0000000000000000226a20${head!.root}`;
    const input = (script: number) =>
      `${'00'.repeat(36)}${script.toString(16).padStart(2, '0')}${'51'.repeat(script)}ffffffff`;
    const tx = (inputs: number, script = 0) =>
      `02000000${inputs.toString(16).padStart(2, '0')}${input(0).repeat(inputs - 1)}${input(script)}01${output}00000000`;
    const parsed = (...size: [number, number?]) => transactionIn(hexToBytes(tx(...size)), 'malformed-block');
    expect(tx(98, 25)).toHaveLength(2 * 4096);
    expect(bytesToHex(readOts(proofWriter(tree, anchorIn([parsed(98, 25)], script, 1)!)(0)).digest)).toBe(
      lines[0]!.digest,
    );
    expect(codeOf(() => proofWriter(tree, anchorIn([parsed(98, 26)], script, 1)!))).toBe('stamp-too-large');
    expect(anchorIn([parsed(1)], '6a', 1)).toBeUndefined();
  });
});

describe('notarize verify', () => {
  it('compares the document beside the proof and the header of a node, and names the transaction', async () => {
    const { exit, stdout } = await command(NotarizeVerify, [proof, ...REGTEST]);
    expect(exit).toBe(0);
    expect(json(stdout)).toMatchObject({
      status: 'anchored',
      block: { height, confirmations: 6, median_time: 5 },
      transaction: expect.stringMatching(/^[0-9a-f]{64}$/),
      checks: { document: 'compared', header: 'node' },
    });
  });
  it('checks a chain of headers by itself', async () => {
    const { exit, stdout } = await command(NotarizeVerify, [proof, '--headers', headersFile, '--network', 'regtest']);
    expect(exit).toBe(0);
    expect(json(stdout)).toMatchObject({ status: 'anchored', checks: { header: 'chain-of-headers' } });
    const first = json((await command(NotarizeVerify, [proof, ...REGTEST, '--header', header])).stdout).block.hash;
    const from = ['--from', `0:${first}`];
    expect(
      await command(NotarizeVerify, [proof, '--headers', headersFile, '--network', 'regtest', ...from]),
    ).toMatchObject({
      code: 'header-invalid',
      exit: 76,
    });
    expect(await command(NotarizeVerify, [proof, '--headers', headersFile, '--from', 'x'])).toMatchObject({
      code: 'usage',
    });
    expect(await command(NotarizeVerify, [proof, '--headers', headersFile])).toMatchObject({ code: 'header-invalid' });
  });
  it('does not take a single header, a missing block or a calendar for a proof: exit 3', async () => {
    const single = await command(NotarizeVerify, [proof, ...REGTEST, '--header', header]);
    expect([single.exit, json(single.stdout).checks.header]).toEqual([3, 'not-checked']);
    tip = height - 1;
    const missing = await command(NotarizeVerify, [proof, ...REGTEST]);
    expect([missing.exit, json(missing.stdout).status]).toEqual([3, 'not-anchored']);
    tip = height;
    // No block is that high, and no node is asked for it.
    const before = node.asked.length;
    for (const odd of [500_000_000n, 2n ** 31n, 2n ** 64n - 1n]) {
      const high = at('high.ots', writeOts(proofWith([], bitcoinAttestation(odd))));
      const named = await command(NotarizeVerify, [...REGTEST, high]);
      expect([named.exit, json(named.stdout).status]).toEqual([3, 'not-anchored']);
    }
    expect(node.asked.slice(before).filter(({ method }) => method === 'getblockhash')).toEqual([]);
    const { proofs: published } = json(readFileSync(join(ROOT, 'fixtures/notary/opentimestamps.json'), 'utf8'));
    const pending = published.find(({ name }: { name: string }) => name === 'incomplete.txt.ots');
    const calendar = await command(NotarizeVerify, [...REGTEST, at('incomplete.ots', pending.ots)]);
    expect([calendar.exit, json(calendar.stdout).status]).toEqual([3, 'pending']);
  });
  it('takes no proof for one of bytes that nobody has compared: exit 3', async () => {
    const alone = at('alone.ots', hexToBytes(proofs['d1.txt']!));
    const { exit, stdout } = await command(NotarizeVerify, [...REGTEST, alone]);
    expect([exit, json(stdout).status, json(stdout).checks.document]).toEqual([3, 'anchored', 'not-checked']);
    expect((await command(NotarizeVerify, [...REGTEST, alone, '--digest', json(stdout).digest])).exit).toBe(0);
  });
  it('takes no block for final that has five confirmations, by a node or by headers: exit 3', async () => {
    confirmations = 5;
    const near = await command(NotarizeVerify, [proof, ...REGTEST]);
    confirmations = 6;
    expect([near.exit, json(near.stdout).block.confirmations]).toEqual([3, 5]);
    const cut = at('cut.hex', headers.slice(0, 160 * (height + 5)));
    const few = await command(NotarizeVerify, [proof, '--headers', cut, '--network', 'regtest']);
    expect([few.exit, json(few.stdout).block.confirmations]).toEqual([3, 5]);
  });
  it('takes headers of mainnet that anybody could have made for no proof, and no block of another network', async () => {
    const genesis =
      '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c';
    const first =
      '010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299';
    const coinbase = hexToBytes(
      '01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0104ffffffff0100f2052a0100000043410496b538e853519c726a2c91e61ec11600ae1390813a627c66fb8be7947be63c52da7589379515d4e0a604f8141781e62294721166bf621e73a82cbf2342c858eeac00000000',
    );
    const digest = coinbase.subarray(0, 32);
    const steps = [op('append', coinbase.subarray(32)), op('sha256'), op('sha256')];
    const early = at('early.ots', writeOts({ ...proofWith(steps, bitcoinAttestation(1n)), digest }));
    const argv = [early, '--digest', bytesToHex(digest), '--headers', at('mainnet.hex', genesis + first)];
    const little = await command(NotarizeVerify, argv);
    expect([little.exit, json(little.stdout)]).toMatchObject([
      3,
      { status: 'anchored', checks: { header: 'little-work' } },
    ]);
    const known = ['--from', '0:000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'];
    expect(json((await command(NotarizeVerify, [...argv, ...known])).stdout).checks.header).toBe('chain-of-headers');
    expect(await command(NotarizeVerify, [...argv, '--network', 'signet'])).toMatchObject({ code: 'usage' });
    expect(await command(NotarizeVerify, [proof])).toMatchObject({ code: 'wrong-network', exit: 65 });
  });
  it('refuses another document, another root and a header without work', async () => {
    const argv = [proof, '--header', header];
    expect(await command(NotarizeVerify, [...argv, '--document', join(dir, 'a.txt')])).toMatchObject({
      code: 'digest-differs',
      exit: 76,
    });
    expect(await command(NotarizeVerify, [...argv, '--digest', '00'.repeat(32)])).toMatchObject({
      code: 'digest-differs',
    });
    const other = headers.slice(160 * 50, 160 * 51);
    expect(await command(NotarizeVerify, [proof, ...REGTEST, '--header', other])).toMatchObject({
      code: 'root-differs',
      exit: 76,
    });
    const idle = [...Array(256).keys()].map((n) => `${header.slice(0, 152)}${n.toString(16).padStart(2, '0')}000000`);
    const codes = await Promise.all(
      idle.slice(0, 8).map(async (one) => (await command(NotarizeVerify, [proof, ...REGTEST, '--header', one])).code),
    );
    expect(codes).toContain('header-invalid');
    const keccak = at('keccak.ots', writeOts({ ...proofWith([]), hash: 'keccak256' }));
    expect(await command(NotarizeVerify, [...REGTEST, keccak, '--document', proof])).toMatchObject({ code: 'usage' });
    const deep = writeOts(proofWith(Array(300).fill(op('sha256'))));
    for (const bad of [at('rubbish.ots', 'rubbish'), at('deep.ots', deep)])
      expect(await command(NotarizeVerify, [...REGTEST, bad])).toMatchObject({ code: 'malformed-ots', exit: 65 });
  });
});

describe('notarize show and merge', () => {
  it('put a proof into words, also one in hex', async () => {
    const { stdout } = await command(NotarizeShow, [at('hex.ots', proofs['d1.txt']!)]);
    expect(stdout).toMatch(/^sha256 e4ed959e[^]*\nattested by bitcoin block 108, Merkle root [0-9a-f]{64}\n$/);
  });
  it('write the bytes of both', async () => {
    const { code, stdout } = await spillway(['notarize', 'merge', proof, proof]);
    expect(code).toBe(0);
    expect(stdout).toContain('OpenTimestamps');
    expect(await command(NotarizeMerge, [proof, at('d2.ots', proofs['d2.txt']!)])).toMatchObject({
      code: 'digest-differs',
    });
  });
});
