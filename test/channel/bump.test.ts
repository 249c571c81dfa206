/** Children that pay for commitments: each format's anchor, coins of another wallet, and parents that no child can help. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import ChannelBump from '../../src/commands/channel/bump.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, vsizeOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { parseBareTransaction } from '../../src/lib/bitcoin/transaction.ts';
import type { FormatName } from '../../src/lib/channel/format.ts';
import type { ChannelSide } from '../../src/lib/channel/keys.ts';
import { keyPathScript } from '../../src/lib/signing/keyset.ts';
import { command } from '../support/command.ts';
import { judge } from '../support/kernel.ts';
import { channelFor, keysDocument, played, point, signedByWallet } from '../support/played-channel.ts';

const kernel = await judge();
const dir = mkdtempSync(join(tmpdir(), 'spillway-bump-'));
afterAll(() => {
  kernel?.close();
  rmSync(dir, { recursive: true, force: true });
});
let count = 0;
const put = (what: unknown): string => {
  const path = join(dir, `file-${count++}`);
  writeFileSync(path, typeof what === 'string' ? what : JSON.stringify(what));
  chmodSync(path, 0o600);
  return path;
};
const WALLET = new Uint8Array(32).fill(9);
const coin = (confirmations = 6, amount = 0.001, txid = 'ee'.repeat(32)) => ({
  txid,
  vout: 1,
  amount,
  scriptPubKey: keyPathScript(WALLET),
  confirmations,
});
const CHANGE = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const signed = (psbt: string): string => signedByWallet(psbt, WALLET);
const bump = async (parent: string, coins: object[], ...more: string[]) => {
  const argv = ['--network', 'regtest', '--utxo', put(coins), '--change', CHANGE, '--feerate', '10', ...more];
  const { code, exit, stdout } = await command(ChannelBump, [...argv, put(parent)]);
  return { code, exit, argv, said: stdout === '' ? undefined : JSON.parse(stdout) };
};
const ofChannel = (format: FormatName, owner: ChannelSide, holder: ChannelSide): string[] => [
  '--channel',
  put(channelFor(format)),
  '--keys',
  put(keysDocument(format, owner)),
  ...(owner === holder ? [] : ['--point', point(format, holder, 7)]),
];

describe.each([
  ['anchors', 'local'],
  ['anchors', 'remote'],
  ['anchor-outputs', 'local'],
  ['taproot', 'local'],
  ['taproot', 'remote'],
  ['zero-fee', 'local'],
] as const)('the commitment of an %s channel, of the %s side', (format, holder) => {
  it('is paid for by a wallet coin through the own anchor; consensus takes the child', async () => {
    const parent = played(channelFor(format), format, holder, 7).hex;
    const flags = ofChannel(format, 'local', holder);
    const open = await bump(parent, [coin()], ...flags);
    expect([open.exit, open.said.package]).toEqual([3, null]);
    const merge = put(signed(open.said.psbt));
    const { exit, said } = await bump(parent, [coin()], ...flags, '--merge', merge);
    expect(exit).toBe(0);
    const [, child] = said.package;
    const size = vsizeOfHex(parent) + vsizeOfHex(child);
    expect(said.package_fee_sat / size).toBeGreaterThanOrEqual(10);
    expect(said.package_fee_sat / size).toBeLessThan(10.2);
    expect(child.slice(0, 8)).toBe(parent.slice(0, 8));
    const outputs = parseTransaction(parent).outputs;
    const prevouts = parseTransaction(child).inputs.map((i) =>
      bytesToHex(i.txid) === coin().txid
        ? { sat: 100_000n, script: coin().scriptPubKey }
        : { sat: outputs[i.index]!.amount, script: bytesToHex(outputs[i.index]!.script) },
    );
    if (kernel) expect(await kernel.scripts(child, prevouts)).toBe(true);
  });
});

/** Any version 3 transaction with an anchor. */
const anyParent = (sat: bigint, version: 2 | 3 = 3): string =>
  withWitness(
    {
      version,
      locktime: 0,
      inputs: [{ txid: 'aa'.repeat(32), vout: 0, sequence: 0xfffffffd }],
      outputs: [
        { sat, script: '51024e73' },
        { sat: 50_000n, script: `5120${'11'.repeat(32)}` },
      ],
    },
    [[new Uint8Array(64)]],
  );

describe('channel-bump', () => {
  it.each([0n, 1n, 239n, 240n])('pays for any parent of version 3 without a fee, its anchor of %i sat', async (sat) => {
    const open = await bump(anyParent(sat), [coin()]);
    const { said } = await bump(anyParent(sat), [coin()], '--merge', put(signed(open.said.psbt)));
    expect(parseBareTransaction(said.package[1]).inputs[0]).toMatchObject({ vout: 0 });
    expect(parseBareTransaction(said.package[1]).stacks[0]).toEqual([]);
  });
  it.each([
    ['a dust anchor whose parent pays', anyParent(239n), [coin()], ['--parent-fee', '1'], 'dust-parent'],
    ['a parent of version 2 whose fee is not known', anyParent(240n, 2), [coin()], [], 'usage'],
    ['an unconfirmed coin', anyParent(0n), [coin(0)], [], 'truc-limit'],
    [
      'more coins than a child of version 3 holds',
      anyParent(0n),
      Array.from({ length: 20 }, (_, i) => coin(1, 0.000006, (i + 16).toString(16).padStart(64, '0'))),
      ['--allow-fee'],
      'truc-limit',
    ],
    ['coins that do not suffice', anyParent(0n), [coin(1, 0.00001)], ['--allow-fee'], 'not-enough-coins'],
    [
      'no anchor',
      played(channelFor('static'), 'static', 'local', 7).hex,
      [coin()],
      ['--parent-fee', '5'],
      'nothing-to-bump',
    ],
  ] as const)('refuses %s', async (_, parent, coins, more, code) =>
    expect((await bump(parent, [...coins], ...more)).code).toBe(code),
  );
  it('pays for one whose fee is stated, with an anchor that is no dust', async () =>
    expect((await bump(anyParent(240n), [coin()], '--parent-fee', '100')).exit).toBe(3));
  it('refuses a PSBT of another child', async () => {
    const other = await bump(anyParent(1n), [coin()]);
    expect((await bump(anyParent(0n), [coin()], '--merge', put(signed(other.said.psbt)))).code).toBe(
      'transaction-differs',
    );
  });
});
