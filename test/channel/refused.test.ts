/** Refusals of the channel commands that no other suite meets, each by the command that an owner or an implementer runs. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import Adaptor from '../../src/commands/channel/adaptor.ts';
import ChannelBuild from '../../src/commands/channel/build.ts';
import ChannelBump from '../../src/commands/channel/bump.ts';
import ChannelExit from '../../src/commands/channel/exit.ts';
import ChannelImport from '../../src/commands/channel/import.ts';
import ChannelInspect from '../../src/commands/channel/inspect.ts';
import ChannelPenalty from '../../src/commands/channel/penalty.ts';
import ChannelSecrets from '../../src/commands/channel/secrets.ts';
import ChannelSweep from '../../src/commands/channel/sweep.ts';
import ChannelVerify from '../../src/commands/channel/verify.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseBareTransaction, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import type { FormatName } from '../../src/lib/channel/format.ts';
import type { ChannelSide } from '../../src/lib/channel/keys.ts';
import { keyPathScript } from '../../src/lib/signing/keyset.ts';
import { nonceGen, parseNonce, publicKey } from '../../src/lib/signing/musig2.ts';
import { parsePoint, pointBytes, Point } from '../../src/lib/signing/curve.ts';
import { command, type Made } from '../support/command.ts';
import {
  channelFor,
  htlcsFor,
  keysDocument,
  played,
  point,
  preimageOf,
  secret,
  stateFor,
} from '../support/played-channel.ts';
import { fixture } from '../support/vectors.ts';

const dir = mkdtempSync(join(tmpdir(), 'spillway-refused-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;
/** Writes a file that nobody else may read. */
function put(what: unknown): string {
  const path = join(dir, `file-${count++}`);
  writeFileSync(path, typeof what === 'string' || what instanceof Uint8Array ? what : JSON.stringify(what));
  chmodSync(path, 0o600);
  return path;
}
/** Runs a command that must be refused: its code, and what it says. */
async function refused(Command: Made, ...argv: string[]): Promise<string> {
  const { code, message, stdout } = await command(Command, argv);
  expect(stdout).toBe('');
  return `${code}: ${message}`;
}
const ran = async (Command: Made, ...argv: string[]): Promise<any> => {
  const { code, message, stdout } = await command(Command, argv);
  expect([code, message]).toEqual([undefined, '']);
  return JSON.parse(stdout);
};
const NUMBER = 7;
const TO = ['--to', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', '--feerate', '2', '--allow-fee'];
const NO_POINT = `02${'ff'.repeat(32)}`;
const channelWith = (format: FormatName, more: object = {}): string[] => [
  '--channel',
  put({ ...channelFor(format), ...more }),
];
const keysWith = (format: FormatName, side: ChannelSide, more: object = {}): string[] => [
  '--keys',
  put({ ...keysDocument(format, side), ...more }),
];
const of = (format: FormatName, owner: ChannelSide): string[] => [...channelWith(format), ...keysWith(format, owner)];
const preimages = htlcsFor().map((h) => ({ ...h, preimage: bytesToHex(preimageOf(h.id)) }));
const state = (format: FormatName, more: object = {}) => ({ ...stateFor(format, 'local', NUMBER, preimages), ...more });
const anchors = played(channelFor('anchors'), 'anchors', 'local', NUMBER);

describe('a channel and its keys', () => {
  const { payment_basepoint: _, ...without } = (channelFor('anchors') as any).remote;
  it.each([
    [
      'both payment basepoints, which hide the number',
      channelWith('anchors', { remote: without }),
      'malformed-message',
    ],
    [
      'the secret of the funding key',
      [...channelWith('anchors'), ...keysWith('anchors', 'remote', { funding_secret: null })],
      'wrong-key',
    ],
    [
      'secrets that are keys',
      [...channelWith('anchors'), ...keysWith('anchors', 'local', { htlc_secret: '00'.repeat(32) })],
      'wrong-key',
    ],
    [
      'points of the curve',
      channelWith('anchors', { remote: { ...without, payment_basepoint: NO_POINT } }),
      'wrong-key',
    ],
    [
      'a delay that a script can hold',
      channelWith('anchors', { remote: { ...without, to_self_delay: 65_536 } }),
      'malformed-message',
    ],
    ['a vout', channelWith('anchors', { funding: { txid: 'ab'.repeat(32), amount_sat: 1 } }), 'malformed-message'],
  ])('need %s', async (_, argv, code) =>
    expect(await refused(ChannelBuild, ...argv, put(state('anchors')))).toMatch(new RegExp(`^${code}: `)),
  );
});

describe('channel-build', () => {
  it.each([
    ['signatures that are numbers', { htlc_signatures: [5] }, 'malformed-message: htlc_signatures[0]: hex expected'],
    ['signatures that are no hex', { htlc_signatures: ['zz'] }, 'malformed-message: htlc_signatures[0]: hex expected'],
    ['another direction', { htlcs: [{ ...preimages[0], direction: 'up' }] }, 'malformed-message: htlcs[0].direction'],
    ['an expiry of 0', { htlcs: [{ ...preimages[0], expiry: 0 }] }, 'malformed-message: htlcs[0].expiry'],
    ['a number of 2^48', { number: 2 ** 48 }, 'malformed-message: number'],
  ])('refuses %s', async (_, more, said) =>
    expect(await refused(ChannelBuild, ...channelWith('anchors'), put(state('anchors', more)))).toContain(said),
  );
  it.each([
    ['nonces that are no points', { nonces: { local: '00'.repeat(66) } }, 'peer-nonce-invalid'],
    ['a partial signature without both nonces', { partial_signatures: { local: '11'.repeat(32) } }, 'nonce-missing'],
  ])('refuses %s', async (_, more, code) =>
    expect(await refused(ChannelBuild, ...of('taproot', 'remote'), put(state('taproot', more)))).toMatch(
      new RegExp(`^${code}: `),
    ),
  );

  const close = {
    closer: 'local',
    fee_sat: 1_000,
    local_sat: 400_000,
    remote_sat: 600_000,
    local_script: `0014${'11'.repeat(20)}`,
    remote_script: `5120${'22'.repeat(32)}`,
  };
  const nonces = (fill: number): Record<ChannelSide, string> => {
    const nonce = (n: number) =>
      bytesToHex(
        nonceGen({ random: new Uint8Array(32).fill(n), pubkey: publicKey(new Uint8Array(32).fill(n)) }).pubnonce,
      );
    return { local: nonce(fill), remote: nonce(fill + 1) };
  };
  it.each(['11', 'ff'])('--close finishes nothing of partial signatures that are wrong: %s', async (byte) => {
    const both = { local: byte.repeat(32), remote: byte.repeat(32) };
    const given = { nonces: { both: nonces(1) }, partial_signatures: { both } };
    const said = await refused(ChannelBuild, '--close', ...channelWith('taproot'), put({ ...close, ...given }));
    expect(said).toMatch(/^peer-partial-invalid: /);
  });
  it('--close leaves a closer whose fee is its whole balance nothing, and refuses a satoshi more', async () => {
    const run = (fee_sat: number) => put({ ...close, fee_sat });
    const { variants } = await ran(ChannelBuild, '--close', ...channelWith('taproot'), run(400_000));
    expect(variants.map((v: any) => v.variant)).toEqual(['closee-only']);
    expect(await refused(ChannelBuild, '--close', ...channelWith('taproot'), run(400_001))).toMatch(/^fee-too-high: /);
  });
  it('--close lets the closer leave its output out only where it has less', async () => {
    const even = { ...close, local_sat: 500_000, remote_sat: 500_000 };
    const { variants } = await ran(ChannelBuild, '--close', ...channelWith('taproot'), put(even));
    expect(variants.map((v: any) => v.variant)).toEqual(['both']);
  });
  it('an output of the dust limit stands, one of a satoshi less not, nor one of nothing', async () => {
    const sides = async (more: object): Promise<string[]> => {
      const less = state('static', { htlcs: [], feerate_per_kw: 0, ...more });
      const { outputs } = await ran(ChannelBuild, ...channelWith('static'), put(less));
      return outputs.map(({ role }: { role: string }) => role).sort();
    };
    expect(await sides({ to_local_msat: 354_000, to_remote_msat: 354_999 })).toEqual(['to_local', 'to_remote']);
    expect(await sides({ to_local_msat: 353_999, to_remote_msat: 354_000 })).toEqual(['to_remote']);
    expect(await sides({ to_local_msat: 354_000, to_remote_msat: 353_999 })).toEqual(['to_local']);
    expect(await sides({ to_local_msat: 999, to_remote_msat: 1_000, dust_limit_sat: 0 })).toEqual(['to_remote']);
    expect(await sides({ to_local_msat: 1_000, to_remote_msat: 999, dust_limit_sat: 0 })).toEqual(['to_local']);
  });
});

describe('channel-verify', () => {
  const verified = (more: object) => refused(ChannelVerify, ...channelWith('anchors'), put(state('anchors', more)));
  it('refuses an input script, which no txid commits to', async () => {
    const {
      stacks: [stack],
      ...bare
    } = parseBareTransaction(anchors.hex);
    const hex = withWitness(bare, [stack!]);
    expect(hex).toBe(anchors.hex);
    // The length of the input script stands behind version, marker, count and outpoint.
    const at = 2 * (4 + 2 + 1 + 36);
    const commitment = `${hex.slice(0, at)}0151${hex.slice(at + 2)}`;
    expect(await verified({ commitment })).toMatch(
      /^transaction-differs: the commitment: an encoding of its own found/,
    );
  });
  it('refuses an HTLC transaction with another preimage, which no signature commits to', async () => {
    const { preimage } = preimages.find(({ id }) => id === 2)!;
    const htlc_transactions = anchors.htlcs.map(({ hex }) => hex.replace(preimage, '11'.repeat(32)));
    expect(htlc_transactions).not.toEqual(anchors.htlcs.map(({ hex }) => hex));
    expect(await verified({ htlc_transactions })).toMatch(/^wrong-preimage: /);
  });
  it('refuses a witness that its output does not have', async () => {
    const {
      stacks: [stack],
      ...bare
    } = parseBareTransaction(anchors.hex);
    for (const bent of [
      stack!.slice(1),
      [stack![0]!, new Uint8Array(74), ...stack!.slice(2)],
      [stack![0]!, new Uint8Array(8), ...stack!.slice(2)],
    ])
      expect(await verified({ commitment: withWitness(bare, [bent]) })).toMatch(
        /^signature-invalid: .*none that its output has/,
      );
  });
});

describe('channel-secrets', () => {
  const secrets = (action: string, document: object, ...more: string[]) =>
    refused(ChannelSecrets, action, ...more, put(document));
  it.each([
    ['derive', { number: 0 }, 'usage: no seed found'],
    ['find', { number: 1, index: 1 }, 'malformed-message: number'],
    ['find', { secrets: [], number: 1 }, 'no-secret: '],
    ['find', { secrets: [{ index: 2 ** 48 - 1, secret: 'ff'.repeat(32) }], number: 0 }, 'wrong-key: '],
    ['check', { secret: '11'.repeat(32), point: point('anchors', 'local', 1) }, 'secret-mismatch: '],
    ['insert', { secret: '11'.repeat(32), number: 0, point: point('anchors', 'local', 1) }, 'secret-mismatch: '],
    ['insert', { secret: '11'.repeat(32), number: 1 }, 'secret-mismatch: '],
    ['keys', { format: 'anchors', holder: {}, other: {}, per_commitment_point: NO_POINT }, 'wrong-key: '],
    ['keys', { format: 'none', holder: {}, other: {} }, 'malformed-message: format'],
  ])('%s of %j is refused', async (action, document, said) => expect(await secrets(action, document)).toContain(said));
});

describe('channel-sweep and channel-penalty', () => {
  it.each([
    [
      'a sweep without keys',
      ChannelSweep,
      channelWith('anchors'),
      { transaction: anchors.hex },
      'usage: no keys found',
    ],
    [
      'a sweep without a channel',
      ChannelSweep,
      keysWith('anchors', 'local'),
      { transaction: anchors.hex },
      'usage: no channel found',
    ],
    [
      'a penalty without a secret',
      ChannelPenalty,
      of('anchors', 'remote'),
      { transaction: anchors.hex },
      'usage: no secret found',
    ],
    [
      "an HTLC transaction of the other side's",
      ChannelSweep,
      of('anchors', 'remote'),
      { transaction: anchors.htlcs[0]!.hex, number: NUMBER, per_commitment_point: point('anchors', 'local', NUMBER) },
      "unknown-commitment: an HTLC transaction of the other side's",
    ],
    [
      'a point that is none',
      ChannelSweep,
      of('anchors', 'remote'),
      { transaction: anchors.hex, per_commitment_point: NO_POINT },
      'wrong-key: ',
    ],
    [
      'spent outputs that are no numbers',
      ChannelSweep,
      of('anchors', 'remote'),
      { transaction: anchors.hex, spent: ['0'] },
      'malformed-message: spent[0]',
    ],
    [
      'a transaction that is none',
      ChannelSweep,
      of('anchors', 'remote'),
      { transaction: '00' },
      'malformed-transaction: ',
    ],
  ] as const)('%s is refused', async (_, Command, argv, document, said) =>
    expect(await refused(Command, ...argv, ...TO, put(document))).toContain(said),
  );
  it('a commitment without an output for these keys is refused, with the reason of the first', async () => {
    const { unsigned } = await ran(
      ChannelBuild,
      ...channelWith('anchors'),
      put(state('anchors', { to_remote_msat: 0, htlcs: [] })),
    );
    const said = await refused(
      ChannelSweep,
      ...of('anchors', 'remote'),
      '--point',
      point('anchors', 'local', NUMBER),
      ...TO,
      put({ transaction: unsigned }),
    );
    expect(said).toMatch(/^unknown-commitment: no output found that these keys can spend/);
  });
});

describe('a fee rate that leaves nothing, or less than dust', () => {
  const theirs = played(channelFor('anchors'), 'anchors', 'remote', NUMBER);
  const coins = put([
    { txid: 'ee'.repeat(32), vout: 1, amount: 0.001, scriptPubKey: keyPathScript(new Uint8Array(32).fill(9)) },
  ]);
  const own = of('anchors', 'local');
  const cheat = played(channelFor('static'), 'static', 'remote', NUMBER);
  const revoked = put(bytesToHex(secret('static', 'remote', NUMBER)));
  const to = TO.slice(0, 2);
  const bumped = ['--utxo', coins, '--change', TO[1]!];
  const parent = put(anchors.hex);
  it.each([
    [
      'sweep',
      ChannelSweep,
      [...own, ...to, put(theirs.hex)],
      /^below-dust: \d+ sat to spend found, not worth a fee of/,
    ],
    [
      'penalty',
      ChannelPenalty,
      [...of('static', 'local'), ...to, '--secret-file', revoked, put({ transaction: cheat.hex, htlcs: htlcsFor() })],
      /^below-dust: \d+ sat to spend found, not worth a fee of/,
    ],
    [
      'bump',
      ChannelBump,
      [...own, ...bumped, parent],
      /^not-enough-coins: 100330 sat to spend found, \d+ sat expected/,
    ],
  ] as const)(
    'channel-%s is refused with figures, from a thousandth of a sat/vB above the last rate that is taken',
    async (_, Command, argv, said) => {
      const at = async (rate: number) => {
        const text = `${Math.floor(rate / 1000)}.${String(rate % 1000).padStart(3, '0')}`;
        return command(Command, [...argv, '--allow-fee', '--feerate', text]);
      };
      // The fee at a known rate says the size, and the size the highest rate that leaves an output of 294 sat.
      const { stdout } = await at(100_000);
      const made = JSON.parse(stdout);
      const all = made.transactions ?? [{ fee_sat: made.fee_sat, amount_sat: 100_330 - made.fee_sat }];
      expect(all).toHaveLength(1);
      const fee = made.package_fee_sat ?? all[0].fee_sat;
      const most = Math.floor(((fee + all[0].amount_sat - 294) * 1_000) / (fee / 100));
      expect(most).toBeLessThan(5_000_000);
      expect((await at(most)).code).toBeUndefined();
      for (const rate of [most + 1, 5_000_000]) {
        const { code, message, stdout: nothing } = await at(rate);
        expect(`${code}: ${message}`).toMatch(said);
        expect(nothing).toBe('');
      }
    },
  );
  it('channel-sweep refuses a feerate_per_kw at which an HTLC transaction would pay more than its output', async () => {
    const made = played(channelFor('static'), 'static', 'local', NUMBER);
    const document = { transaction: made.hex, htlcs: preimages, htlc_signatures: made.htlc_signatures };
    const run = (feerate_per_kw: number) =>
      refused(ChannelSweep, ...of('static', 'local'), ...TO, put({ ...document, feerate_per_kw }));
    expect(await run(4_294_967_295)).toMatch(
      /^fee-too-high: a fee of \d+ sat found at feerate_per_kw 4294967295, at most/,
    );
    expect(await run(501)).toMatch(/^signature-invalid: /);
  });
  it('channel-build --close refuses a fee that leaves both sides dust, with both sums', async () => {
    const dust = { closer: 'local', fee_sat: 400_000, local_sat: 400_293, remote_sat: 293 };
    const scripts = { local_script: `0014${'11'.repeat(20)}`, remote_script: `0014${'22'.repeat(20)}` };
    const run = (more: object) => put({ ...dust, ...scripts, ...more });
    expect(await refused(ChannelBuild, '--close', ...channelWith('anchors'), run({}))).toMatch(
      /^below-dust: outputs of 293 sat to the closer and 293 sat found/,
    );
    const { variants } = await ran(ChannelBuild, '--close', ...channelWith('anchors'), run({ local_sat: 400_294 }));
    expect(variants.map((v: any) => v.variant)).toEqual(['closer-only']);
  });
});

describe('channel-inspect', () => {
  it('refuses a point that is none', async () =>
    expect(await refused(ChannelInspect, ...channelWith('anchors'), '--point', NO_POINT, put(anchors.hex))).toMatch(
      /^wrong-key: /,
    ));
});

describe('channel-bump', () => {
  const script = keyPathScript(new Uint8Array(32).fill(9));
  const coins = put([{ txid: 'ee'.repeat(32), vout: 1, amount: 0.001, scriptPubKey: script, confirmations: 6 }]);
  const bump = (...argv: string[]) =>
    refused(ChannelBump, '--utxo', coins, '--change', TO[1]!, '--feerate', '10', ...argv, put(anchors.hex));
  it('needs a network', async () => expect(await bump()).toContain('usage: no network found'));
  it('needs a parent that pays no negative fee', async () => {
    const funding = { txid: 'ab'.repeat(32), vout: 0, amount_sat: 1_000 };
    expect(await bump(...channelWith('anchors', { funding }), ...keysWith('anchors', 'local'))).toContain(
      'usage: what the parent pays is not known',
    );
  });
  it('needs the secret behind the own anchor', async () => {
    const keys = keysWith('anchors', 'local', { funding_secret: null });
    expect(await bump(...channelWith('anchors'), ...keys)).toMatch(/^wrong-key: the secret behind the anchor/);
  });
});

describe('backups', () => {
  const { backups } = fixture('channel/lnd-scenes.json');
  const all = backups.find(({ channels }: any) => channels.length === 4);
  const root = ['--network', 'regtest', '--root-key-file', put(all.root_key)];
  const file = put(hexToBytes(all.backup));
  it('of several channels are signed one at a time, by outpoint', async () => {
    const exit = (...more: string[]) =>
      refused(ChannelExit, ...root, '--backup', file, '--accept-penalty-risk', ...more);
    expect(await exit()).toMatch(/^usage: 4 channels found/);
    expect(await exit('--outpoint', `${'00'.repeat(32)}:1`)).toMatch(/^no-input: /);
  });
  it('are of one node', async () => {
    const seed = ['--network', 'regtest', '--out', dir, '--hsm-secret', put(new Uint8Array(32))];
    expect(await refused(ChannelImport, ...seed, file)).toContain(
      'usage: a backup of lnd and the secret of another node',
    );
  });
});

describe('adaptor', () => {
  const key = (n: number): Uint8Array => new Uint8Array(32).fill(n);
  const keyFile = (n: number): string[] => ['--key-file', put(bytesToHex(key(n)))];
  const [alice, bob] = [key(1), key(2)].map((k) => bytesToHex(publicKey(k))) as [string, string];
  const terms = { message: '44'.repeat(32), adaptor_point: bytesToHex(publicKey(key(3))) };
  const two = { ...terms, pubkeys: [alice, bob] };
  const presign = (document: object, ...argv: string[]) => refused(Adaptor, 'presign', ...argv, put(document));
  const drawn = nonceGen({ random: key(5), secret: key(1), pubkey: publicKey(key(1)) }).pubnonce;
  it.each([
    ['no key', terms, [], 'usage: no key found'],
    ['keys that are numbers', { ...terms, pubkeys: [1, 2] }, keyFile(1), 'malformed-message: pubkeys[0]'],
    [
      'keys that are not compressed',
      { ...terms, pubkeys: [alice.slice(2), bob] },
      keyFile(1),
      'malformed-message: pubkeys[0]',
    ],
    ['one key twice', { ...terms, pubkeys: [alice, alice] }, keyFile(1), 'malformed-message: pubkeys'],
    ['three keys', { ...terms, pubkeys: [alice, bob, alice] }, keyFile(1), 'malformed-message: pubkeys'],
    ['keys that are no points', { ...terms, pubkeys: [alice, NO_POINT] }, keyFile(1), 'wrong-key: '],
    ['a point that is none', { ...terms, adaptor_point: NO_POINT }, keyFile(1), 'wrong-key: '],
    [
      'a nonce that is no pair of points',
      { ...two, nonces: { opener: '00'.repeat(66) } },
      keyFile(2),
      'peer-nonce-invalid: ',
    ],
  ])('refuses %s', async (_, document, argv, said) => expect(await presign(document, ...argv)).toContain(said));
  it('refuses a nonce that cancels the adaptor point', async () => {
    const T = parsePoint(hexToBytes(terms.adaptor_point))!;
    const opener = bytesToHex(pointBytes(T.negate())) + bytesToHex(drawn.subarray(33));
    expect(await presign({ ...two, nonces: { opener } }, ...keyFile(2))).toContain('that cancels the adaptor point');
    expect(Point.ZERO.equals(parseNonce(hexToBytes(opener))![0].add(T))).toBe(true);
  });
  it("refuses the last signer's nonce where it is no pair of points, or its partial signature out of range", async () => {
    const nonce = put(bytesToHex(nonceGen({ random: key(5), secret: key(1), pubkey: publicKey(key(1)) }).secnonce));
    const given = { nonces: { opener: bytesToHex(drawn), last: '00'.repeat(66) }, partial_signature: 'ff'.repeat(32) };
    expect(await presign({ ...two, ...given }, ...keyFile(1), '--nonce-file', nonce)).toMatch(/^peer-nonce-invalid: /);
    const again = put(bytesToHex(nonceGen({ random: key(5), secret: key(1), pubkey: publicKey(key(1)) }).secnonce));
    const last = bytesToHex(drawn);
    const high = { ...given, nonces: { ...given.nonces, last } };
    expect(await presign({ ...two, ...high }, ...keyFile(1), '--nonce-file', again)).toMatch(/^peer-partial-invalid: /);
  });
});
