/** notarize with a home: payments that are made once, and coins of taproot commitments spent by record, plan or proof. */
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import Backup from '../../src/commands/home/backup.ts';
import Coins from '../../src/commands/home/coins.ts';
import Init from '../../src/commands/home/init.ts';
import Restore from '../../src/commands/home/restore.ts';
import Status from '../../src/commands/home/status.ts';
import NotarizeProve from '../../src/commands/notarize/prove.ts';
import NotarizeShow from '../../src/commands/notarize/show.ts';
import NotarizeSpend from '../../src/commands/notarize/spend.ts';
import NotarizeStamp from '../../src/commands/notarize/stamp.ts';
import NotarizeVerify from '../../src/commands/notarize/verify.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { doubleHash, transactionIn } from '../../src/lib/bitcoin/block.ts';
import { parseHeader } from '../../src/lib/bitcoin/header.ts';
import { outputsOf, parseTransaction, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { documentIn, sendable, settlement } from '../../src/lib/engine/documents.ts';
import { stateProof } from '../../src/lib/notary/proof.ts';
import type { Stamp } from '../../src/lib/notary/records.ts';
import { readTaprootProof } from '../../src/lib/notary/taproot.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { command, type Ended, type Made } from '../support/command.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { mine } from '../support/headers.ts';
import { expectJudged, known } from '../support/judged.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

let dir: string;
const at = (name: string): string => join(dir, name);
const file = (name: string, text: string | Uint8Array): string => {
  writeFileSync(at(name), text);
  return at(name);
};
const run = (Command: object, ...argv: string[]): Promise<Ended> => command(Command as Made, argv);
type Line = Record<string, any>;
const printed = ({ stdout }: Ended): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
let number = 0;
/** A home with a coin of so many satoshis. */
async function homeWith(sat = '100000'): Promise<{ home: string; utxo: string; coins: Line[] }> {
  const home = at(`home${(number += 1)}`);
  expect((await run(Init, '--home', home, '--network', 'regtest')).exit).toBe(0);
  const { stdout } = await run(Coins, '--home', home, '--pretend', sat);
  return { home, utxo: file(`coins${number}.json`, stdout), coins: JSON.parse(stdout) };
}
const documents = (): string[] => ['a', 'b', 'c'].map((name) => at(name));
const stamp = (home: string, ...argv: string[]): Promise<Ended> =>
  run(NotarizeStamp, ...documents(), '--home', home, ...argv);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-notary-'));
  for (const name of ['a', 'b', 'c']) file(name, name);
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('documents that a home pays for', () => {
  it('are stamped once: the same documents give the same plan, also where it was lost', async () => {
    const { home, utxo, coins } = await homeWith();
    const made = await stamp(home, '--utxo', utxo, '--feerate', '3');
    const [head] = printed(made) as [Line];
    expect([made.exit, head]).toMatchObject([0, { network: 'regtest', count: 3, checks: { coins: 'not-checked' } }]);
    const outputs = outputsOf(head['hex']);
    expect(outputs).toContainEqual({ sat: 0n, script: `6a20${head['root']}` });
    expect(outputs.reduce((sum, { sat }) => sum + sat, 0n)).toBe(100_000n - BigInt(head['fee_sat']));
    const { checks: _, ...kept } = head;
    for (const argv of [[], ['--utxo', utxo], ['--feerate', '50', '--utxo', utxo]]) {
      const again = await stamp(home, ...argv);
      expect(printed(again)).toEqual([kept, ...printed(made).slice(1)]);
    }
    expect(head['txid']).toBe(txidOfHex(head['hex']));
    const document = documentIn(Buffer.from(JSON.stringify(head)));
    expect(await sendable(document)).toEqual({ network: 'regtest', txs: [head['hex']] });
    expect((await settlement((document as { document: Line }).document)).spends).toMatchObject([
      { txid: coins[0]!['txid'] },
    ]);
    const others = file('others.json', JSON.stringify([{ ...coins[0], txid: 'cd'.repeat(32) }]));
    expect(await stamp(home, '--utxo', others)).toMatchObject({ code: 'answered-otherwise', exit: 75, stdout: '' });
    const [line] = printed(await run(Status, '--home', home));
    expect(line).toMatchObject({ contract: head['root'], role: 'owner', state: 'stamped' });
  });
  it('hold their coins until the payment is given up', async () => {
    const { home, utxo } = await homeWith();
    const [head] = printed(await stamp(home, '--utxo', utxo)) as [Line];
    const other = (): Promise<Ended> => run(NotarizeStamp, at('a'), '--home', home, '--utxo', utxo);
    expect(await other()).toMatchObject({
      code: 'coin-reserved',
      hint: expect.stringContaining(`notarize stamp --cancel --contract ${head['root'].slice(0, 16)}`),
    });
    const cancel = ['--home', home, '--cancel', '--contract', head['root'].slice(0, 8)];
    const given = await run(NotarizeStamp, ...cancel);
    expect(printed(given)).toMatchObject([{ step: 'cancelled', coins: [expect.any(String)] }]);
    expect((await run(NotarizeStamp, ...cancel)).stdout).toBe(given.stdout);
    expect((await other()).exit).toBe(0);
    const [line] = printed(await run(Status, '--home', home, '--contract', head['root']));
    expect(line).toMatchObject({ state: 'cancelled' });
    expect(await run(NotarizeStamp, '--home', home, '--cancel', '--contract', 'ffffffff')).toMatchObject({
      code: 'unknown-contract',
      exit: 66,
    });
  });
  it('are hidden by the seed: words and documents give the root again, another home another one', async () => {
    const { home } = await homeWith();
    const roots = new Set<string>();
    for (const argv of [[home], [home], [(await homeWith()).home]])
      roots.add((printed(await stamp(argv[0]!)) as [Line])[0]['root']);
    expect(roots.size).toBe(2);
  });
  it('are paid from no more coins than a proof can hold', async () => {
    const { home, coins } = await homeWith();
    // Each pays little more than its own fee.
    const many = Array.from({ length: 150 }, (_, i) => ({ ...coins[0], vout: i, amount: 0.0000029 }));
    const paid = ['--utxo', file('many.json', JSON.stringify(many)), '--allow-fee', '--feerate', '5'];
    expect(await stamp(home, ...paid)).toMatchObject({ code: 'stamp-too-large', exit: 77, stdout: '' });
  });
  it('are of the network of the home', async () => {
    const { home, utxo } = await homeWith();
    expect(await stamp(home, '--utxo', utxo, '--network', 'signet')).toMatchObject({ code: 'wrong-network', exit: 65 });
  });
});

/** A block at height 1 with this transaction alone behind its coinbase, in hex, and its header. */
function blockWith(hex: string): { block: string; header: string } {
  const coinbase = transactionIn(
    hexToBytes(
      `01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0151ffffffff01${'00'.repeat(9)}00000000`,
    ),
    'malformed-block',
  );
  const { txid } = transactionIn(hexToBytes(hex), 'malformed-block');
  const root = doubleHash(concatBytes(coinbase.txid, txid));
  const header = mine({ previous: '00'.repeat(32), time: 1_800_000_000, root });
  return {
    block: bytesToHex(concatBytes(header, Uint8Array.of(2), coinbase.bytes, hexToBytes(hex))),
    header: bytesToHex(header),
  };
}

describe('a taproot commitment', () => {
  let home: string;
  let head: Line;
  let plan: string;
  let header: string;
  let proofs: Line[];
  let coin: { txid: string; vout: number; sat: bigint; script: string };
  const verify = (proof: string, ...argv: string[]): Promise<Ended> =>
    run(NotarizeVerify, proof, '--network', 'regtest', '--header', header, ...argv);

  beforeAll(async () => {
    const made = await homeWith();
    home = made.home;
    const stamped = await stamp(home, '--utxo', made.utxo, '--commit', 'taproot', '--amount', '20000');
    [head] = printed(stamped) as [Line];
    plan = file('plan.ndjson', stamped.stdout);
    const outputs = outputsOf(head['hex']);
    const vout = outputs.findIndex(({ script }) => script === head['script']);
    coin = { txid: head['txid'], vout, ...outputs[vout]! };
    const { block, header: mined } = blockWith(head['hex']);
    header = mined;
    const proved = await run(NotarizeProve, plan, '--block', file('block.hex', block), '--height', '1');
    proofs = printed(proved);
  });

  it('shows nothing but payments on the chain', () => {
    expect(outputsOf(head['hex']).map(({ script }) => script.slice(0, 4))).toEqual(['5120', '5120']);
    expect(head['hex']).not.toContain(head['root']);
    expect([coin.sat, head['leaf']]).toEqual([20_000n, `6a20${head['root']}`]);
  });
  it('proves its documents by the key of its output', async () => {
    expect(proofs.map(({ digest, name }) => [name, digest])).toHaveLength(3);
    const out = mkdtempSync(join(dir, 'out-'));
    const written = await run(NotarizeProve, plan, '--block', at('block.hex'), '--height', '1', '--out', out);
    expect(printed(written).map(({ file: path }) => path)).toEqual(
      ['a', 'b', 'c'].map((name) => join(out, `${name}.proof.json`)),
    );
    writeFileSync(join(out, 'b'), 'b');
    const { exit, stdout } = await verify(join(out, 'b.proof.json'));
    expect([exit, JSON.parse(stdout)]).toMatchObject([
      3,
      // A header alone does not say how deep the tree of its block is.
      { status: 'anchored', transaction: null, checks: { document: 'compared', header: 'not-checked' } },
    ]);
    const shown = await run(NotarizeShow, join(out, 'b.proof.json'));
    expect(shown.stdout).toContain(`in the output ${coin.script} of the internal key ${head['internal_key']}`);
    expect(shown.stdout).toMatch(/attested by bitcoin block 1, Merkle root [0-9a-f]{64}\n$/);
    expect(await verify(join(out, 'b.proof.json'), '--document', at('a'))).toMatchObject({ code: 'digest-differs' });
  });
  it.each<[string, string, (proof: Line) => object]>([
    ['another nonce', 'root-differs', () => ({ nonce: '00'.repeat(16) })],
    ['another leaf', 'root-differs', () => ({ leaf: `6a20${'00'.repeat(32)}` })],
    [
      'another internal key',
      'root-differs',
      () => ({ internal_key: '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798' }),
    ],
    ['a key that is no point', 'malformed-message', () => ({ internal_key: 'ff'.repeat(32) })],
    ['another branch', 'root-differs', () => ({ branch: [] })],
    ['a sibling on both sides', 'malformed-message', (p) => ({ branch: [{ left: p['digest'], right: p['digest'] }] })],
    ['a sibling on no side', 'malformed-message', () => ({ path: [{}] })],
    ['a cut transaction', 'malformed-message', (p) => ({ transaction: p['transaction'].slice(2) })],
    ['another transaction', 'root-differs', (p) => ({ transaction: p['transaction'].replace(/fdffffff/, 'fcffffff') })],
    ['no height', 'malformed-message', () => ({ height: null })],
  ])('with %s is no proof', async (_, code, altered) => {
    const proof = file('altered.json', JSON.stringify({ ...proofs[0], ...altered(proofs[0]!) }));
    expect(await verify(proof)).toMatchObject({ code, stdout: '' });
  });

  it('names its transaction where the branch is as deep as the tree of its block, and not behind one of 64 bytes', () => {
    const { branch, transaction } = proofs[0]!;
    const stated = (change: object, root: Uint8Array, transactions: number) => {
      const block = { ...parseHeader(hexToBytes(header)), root };
      const known = { height: 1, medianTime: null, confirmations: 10, transactions, header: block };
      return stateProof(readTaprootProof(new Fields({ ...proofs[0], ...change })), [known]);
    };
    const { root } = parseHeader(hexToBytes(header));
    expect(stated({}, root, 2)).toMatchObject({ status: 'anchored', transaction: head['txid'] });
    // A block has a transaction whose second half is the id of one that nobody has mined.
    const half = new Uint8Array(32).fill(7);
    const { txid } = transactionIn(hexToBytes(transaction), 'malformed-block');
    const coinbase = hexToBytes(branch[0].left);
    const mined = doubleHash(concatBytes(coinbase, doubleHash(concatBytes(half, txid))));
    const deeper = { branch: [{ left: bytesToHex(half) }, ...branch] };
    expect(stated(deeper, mined, 2)).toMatchObject({ status: 'anchored', transaction: undefined });
  });

  const spend = (of: string, ...argv: string[]): Promise<Ended> => run(NotarizeSpend, '--home', of, ...argv);
  it('is spent again by the record, by the plan and by a proof, each with the same coin', async () => {
    const first = file('head.json', JSON.stringify(head));
    const proof = file('proof.json', JSON.stringify(proofs[2]));
    for (const argv of [['--contract', head['root'].slice(0, 10)], [first], [proof]]) {
      const { exit, stdout } = await spend(home, ...argv);
      const made = JSON.parse(stdout) as Line;
      expect([exit, made]).toMatchObject([
        0,
        { coin: `${coin.txid}:${coin.vout}`, sat: 20_000, checks: { coins: 'not-checked' } },
      ]);
      const paid = outputsOf(made['hex'] as string);
      expect(paid[0]!.sat).toBe(20_000n - BigInt(made['fee_sat']));
      if (kernel) await expectJudged(kernel, made['hex'], known(coin));
      expect(await sendable({ document: made })).toEqual({ network: 'regtest', txs: [made['hex']] });
      expect((await settlement(made)).spends).toEqual([coin]);
    }
    const address = async (): Promise<string> =>
      outputsOf((JSON.parse((await spend(home, first)).stdout) as Line)['hex'])[0]!.script;
    expect(await address()).toBe(await address());
  });
  it('is spent by a home made of the words, from a proof alone', async () => {
    const { mnemonic } = JSON.parse(readFileSync(join(home, 'seed'), 'utf8')) as { mnemonic: string };
    const again = at('again');
    const words = openSync(file('words', mnemonic), 'r');
    const argv = ['--home', again, '--network', 'regtest', '--mnemonic-fd', String(words)];
    expect((await run(Init, ...argv)).exit).toBe(0);
    expect(await spend(again, '--contract', head['root'])).toMatchObject({ code: 'unknown-contract' });
    const made = JSON.parse((await spend(again, file('proof.json', JSON.stringify(proofs[0])))).stdout) as Line;
    expect(made['coin']).toBe(`${coin.txid}:${coin.vout}`);
    if (kernel) await expectJudged(kernel, made['hex'], known(coin));
  });
  it('that another wallet pays for is spent by the plan too', async () => {
    const { home: owner, coins } = await homeWith();
    const foreign = [{ ...coins[0], scriptPubKey: `0014${'11'.repeat(20)}` }];
    const stamped = await stamp(
      owner,
      '--utxo',
      file('foreign-coins.json', JSON.stringify(foreign)),
      '--commit',
      'taproot',
    );
    const [line] = printed(stamped) as [Line];
    expect([stamped.exit, line['hex']]).toEqual([3, null]);
    const made = JSON.parse((await spend(owner, file('line.json', JSON.stringify(line)))).stdout) as Line;
    const byRecord = JSON.parse((await spend(owner, '--contract', line['root'])).stdout) as Line;
    expect([made['coin'].slice(0, 64), made['coin']]).toEqual([line['txid'], byRecord['coin']]);
    const unpaid = file('unpaid.json', JSON.stringify({ ...line, psbt: undefined }));
    expect(await spend(owner, unpaid)).toMatchObject({ code: 'malformed-message', exit: 65 });
  });
  it('is spent by a home restored from its backup', async () => {
    const backup = at('backup');
    expect(await run(Backup, '--to', backup, '--home', home)).toMatchObject({ exit: 0 });
    const restored = at('restored');
    expect(await run(Restore, '--home', restored, '--from', backup)).toMatchObject({ exit: 0 });
    const made = JSON.parse((await spend(restored, '--contract', head['root'])).stdout) as Line;
    expect(made['coin']).toBe(`${coin.txid}:${coin.vout}`);
  });
  it('is not spent by another home, below dust, or at a tenth of it', async () => {
    const proof = file('proof.json', JSON.stringify(proofs[0]));
    expect(await spend((await homeWith()).home, proof)).toMatchObject({ code: 'unknown-contract', exit: 66 });
    expect(await spend(home, proof, '--feerate', '30')).toMatchObject({ code: 'fee-too-high', exit: 77 });
    expect(await spend(home, proof, '--feerate', '180', '--allow-fee')).toMatchObject({ code: 'below-dust', exit: 77 });
    const foreign = file('foreign.json', JSON.stringify({ ...proofs[0], network: 'signet' }));
    expect(await spend(home, foreign)).toMatchObject({ code: 'wrong-network', exit: 65 });
    expect(await spend(home, file('other.json', '{"type":"other"}'))).toMatchObject({ code: 'unknown-type', exit: 65 });
  });
  it('needs a home, coins and more than dust', async () => {
    expect(await run(NotarizeStamp, at('a'), '--commit', 'taproot')).toMatchObject({ code: 'usage', exit: 2 });
    const other = await homeWith();
    expect(await stamp(other.home, '--commit', 'taproot')).toMatchObject({ code: 'usage' });
    expect(await stamp(other.home, '--utxo', other.utxo, '--amount', '20000')).toMatchObject({ code: 'usage' });
    const small = ['--utxo', other.utxo, '--commit', 'taproot', '--amount', '329'];
    expect(await stamp(other.home, ...small)).toMatchObject({ code: 'below-dust', exit: 77, stdout: '' });
  });
  it('holds what was asked for when it was made: another amount is another payment', async () => {
    const again = (amount: string): Promise<Ended> => stamp(home, '--commit', 'taproot', '--amount', amount);
    expect(printed(await again('20000'))[0]).toMatchObject({ txid: head['txid'] });
    expect(await again('30000')).toMatchObject({ code: 'answered-otherwise', exit: 75, stdout: '' });
  });
  it('that a node shows is not given up: its home would forget the coin with the next payment', async () => {
    const shown = JSON.stringify({
      confirmations: 0,
      value: 0.0002,
      coinbase: false,
      scriptPubKey: { hex: coin.script },
    });
    let sent = true;
    const node = await startFakeNode({
      getblockchaininfo: JSON.stringify({
        chain: 'regtest',
        blocks: 100,
        bestblockhash: '11'.repeat(32),
        initialblockdownload: false,
      }),
      gettxout: ([txid, vout]) => (sent && txid === coin.txid && vout === coin.vout ? shown : 'null'),
      estimatesmartfee: '{}',
      getmempoolinfo: '{"mempoolminfee":0.00001,"minrelaytxfee":0.00001}',
    });
    vi.stubEnv('SPILLWAY_CHAIN', node.url);
    const cancel = ['--home', home, '--cancel', '--contract', head['root']];
    const asked = (): Promise<Ended> => run(NotarizeStamp, ...cancel);
    expect(await asked()).toMatchObject({ code: 'wrong-state', exit: 75, stdout: '' });
    sent = false;
    expect(await asked()).toMatchObject({ exit: 0 });
    vi.unstubAllEnvs();
    node.close();
  });
  it('stays in the home until its coin is spent', async () => {
    const [line] = printed(await run(Status, '--home', home));
    expect(line).toMatchObject({ contract: head['root'], capacity_sat: 20_000, verdict: 'unseen' });
    const { stampKind } = await import('../../src/lib/notary/records.ts');
    const { openHome } = await import('../../src/lib/home/home.ts');
    const opened = await openHome({ dir: home, kinds: async () => [stampKind] });
    const [row] = await opened.store.list(stampKind.name);
    opened.close();
    const inputs = parseTransaction(head['hex']).inputs.map(({ txid, index }) => ({
      txid: bytesToHex(txid),
      vout: index,
    }));
    expect(stampKind.spent!(stampKind.parse(row!.record)).map(({ outpoint }) => outpoint)).toEqual([
      ...inputs,
      { txid: coin.txid, vout: coin.vout },
    ]);
  });
  it('that was given up and paid anew is the later one, also of a journal that ends before', async () => {
    const { home: owner, utxo } = await homeWith();
    const { stampKind } = await import('../../src/lib/notary/records.ts');
    const { openHome } = await import('../../src/lib/home/home.ts');
    const record = async () => {
      const opened = await openHome({ dir: owner, kinds: async () => [stampKind] });
      const [row] = await opened.store.list(stampKind.name);
      opened.close();
      return stampKind.parse(row!.record);
    };
    const pay = (): Promise<Ended> => stamp(owner, '--utxo', utxo, '--commit', 'taproot');
    const [{ root }] = printed(await pay()) as [Line];
    const versions = [await record()];
    await run(NotarizeStamp, '--home', owner, '--cancel', '--contract', root as string);
    versions.push(await record());
    await pay();
    versions.push(await record());
    const [first, cancelled, second] = versions as [Stamp, Stamp, Stamp];
    for (const [earlier, later] of [
      [first, cancelled],
      [cancelled, second],
      [first, second],
    ] as const) {
      expect(stampKind.merged!(later, earlier).funding).toEqual(later.funding);
      expect(stampKind.merged!(later, earlier).coins).toEqual(later.coins);
      expect(stampKind.merged!(earlier, later)).toEqual(later);
    }
    expect(second.funding).not.toEqual(first.funding);
  });
});
