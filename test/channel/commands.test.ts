/** The channel commands as commands: files and keys in, documents out, and what they refuse. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import ChannelBuild from '../../src/commands/channel/build.ts';
import ChannelInspect from '../../src/commands/channel/inspect.ts';
import ChannelSecrets from '../../src/commands/channel/secrets.ts';
import ChannelVerify from '../../src/commands/channel/verify.ts';
import { CASES, channelDocument, keysOf, spentBy } from '../support/channel.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseBareTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { readChannel } from '../../src/lib/channel/document.ts';
import { FundingSpend } from '../../src/lib/channel/funding.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { nonceGen, publicKey, sign } from '../../src/lib/signing/musig2.ts';
import { command } from '../support/command.ts';
import { channelFor, keysDocument, keysFor } from '../support/played-channel.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
const dir = mkdtempSync(join(tmpdir(), 'spillway-channel-'));
afterAll(() => {
  kernel?.close();
  rmSync(dir, { recursive: true, force: true });
});
const file = (name: string, what: unknown): string => {
  const path = join(dir, name);
  writeFileSync(path, typeof what === 'string' ? what : JSON.stringify(what));
  chmodSync(path, 0o600);
  return path;
};
const one = CASES.find((c) => c.channel === 'anchors' && c.htlc_signatures.length > 2)!;
const channel = file('channel.json', channelDocument('anchors'));
const [local, remote] = (['local', 'remote'] as const).map((side) => file(`${side}.json`, keysOf('anchors', side)));
const state = file('state.json', { ...one.state, signature: one.signature, htlc_signatures: one.htlc_signatures });
const run = async (...argv: Parameters<typeof command>) => {
  const { code, exit, stdout } = await command(...argv);
  return { code, exit, said: stdout === '' ? undefined : JSON.parse(stdout) };
};

describe('channel-build', () => {
  it("prints what the peer signs, and finishes the holder's transactions", async () => {
    const theirs = await run(ChannelBuild, ['--channel', channel, '--keys', remote!, state]);
    expect(theirs.said).toMatchObject({ signature: one.signature, htlc_signatures: one.htlc_signatures, hex: null });
    const own = await run(ChannelBuild, ['--channel', channel, '--keys', local!, state]);
    expect([own.said.hex, own.said.htlc_transactions.map((t: { hex: string }) => t.hex)]).toEqual([
      one.commitment,
      one.htlc_transactions,
    ]);
  });
  it('reads a line each', async () => {
    const line = JSON.stringify({ ...one.state, channel: channelDocument('anchors') });
    const { stdout } = await command(ChannelBuild, ['--batch', file('many', `${line}\n${line}\n`)]);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l).number),
    ).toEqual([42, 42]);
  });
  const CLOSE = {
    closer: 'local',
    fee_sat: 1_000,
    locktime: 800_000,
    local_sat: 4_000_000,
    remote_sat: 6_000_000,
    local_script: `0014${'11'.repeat(20)}`,
    remote_script: `5120${'22'.repeat(32)}`,
  };
  const close = (more: object, ...argv: string[]) =>
    run(ChannelBuild, ['--close', '--channel', channel, ...argv, file('close.json', { ...CLOSE, ...more })]);
  it('--close makes the variants of BOLT2, and consensus takes them when both have signed', async () => {
    const theirs = await close({}, '--keys', remote!);
    expect(theirs.said.variants.map((v: any) => v.variant)).toEqual(['both', 'closee-only']);
    const signatures = Object.fromEntries(theirs.said.variants.map((v: any) => [v.variant, v.signature]));
    const { said } = await close({ signatures }, '--keys', local!);
    for (const { hex } of said.variants) {
      expect(hex).toMatch(/^02000000.*00350c00$/);
      if (kernel) expect(await kernel.scripts(hex, spentBy(one, hex))).toBe(true);
    }
    expect(said.variants[0].outputs.map((o: any) => o.amount_sat)).toEqual([3_999_000, 6_000_000]);
    const wrong = { both: signatures['closee-only'] };
    expect((await close({ signatures: wrong }, '--keys', local!)).code).toBe('signature-invalid');
  });
  it('--close of a taproot channel: the other side signs each variant last, and both partial signatures finish it', async () => {
    const document: any = channelFor('taproot');
    const taproot = file('taproot.json', document);
    const balances = { local_sat: 400_000, remote_sat: 600_000 };
    const run3 = (more: object, ...argv: string[]) =>
      run(ChannelBuild, [
        '--close',
        '--channel',
        taproot,
        ...argv,
        file('close3.json', { ...CLOSE, ...balances, ...more }),
      ]);
    const ownKey = keysFor('taproot', 'local').secrets.funding!;
    const drawn = ['both', 'closee-only'].map(
      (name, i) => [name, nonceGen({ random: new Uint8Array(32).fill(i + 1), pubkey: publicKey(ownKey) })] as const,
    );
    const nonces = Object.fromEntries(drawn.map(([name, { pubnonce }]) => [name, { local: bytesToHex(pubnonce) }]));
    const keys = file('taproot-remote.json', keysDocument('taproot', 'remote'));
    const theirs = await run3({ nonces }, '--keys', keys);
    expect(theirs.said.variants.map((v: any) => [v.variant, v.hex])).toEqual([
      ['both', null],
      ['closee-only', null],
    ]);
    const channel3 = readChannel(new Fields(document));
    const whole = theirs.said.variants.map((v: any) => {
      const bare = parseBareTransaction(v.unsigned);
      const template = { ...bare, inputs: [{ ...channel3.funding, sequence: bare.inputs[0]!.sequence }] };
      const both = { local: hexToBytes(v.nonces.local), remote: hexToBytes(v.nonces.remote) };
      const { secnonce } = new Map(drawn).get(v.variant)!;
      const partial = bytesToHex(sign(secnonce, ownKey, new FundingSpend(channel3, template).session(both)));
      return [v.variant, { nonces: v.nonces, partials: { ...v.partial_signatures, local: partial } }];
    });
    const by = (name: string) => Object.fromEntries(whole.map(([variant, all]: any) => [variant, all[name]]));
    const { said } = await run3({ nonces: by('nonces'), partial_signatures: by('partials') });
    const prevouts = [{ sat: channel3.funding.sat, script: channel3.funding.script }];
    for (const { hex } of said.variants) {
      expect(hex).toMatch(/^02000000/);
      if (kernel) expect(await kernel.scripts(hex, prevouts)).toBe(true);
    }
    const bent = { both: { ...by('partials').both, remote: '11'.repeat(32) } };
    expect((await run3({ nonces: by('nonces'), partial_signatures: bent }, '--keys', keys)).code).toBe(
      'peer-partial-invalid',
    );
  });
  it.each([
    ['the closer has dust', { local_sat: 1_200 }, ['closee-only']],
    ['the other has dust', { local_sat: 9_999_900, remote_sat: 100 }, ['closer-only']],
    ['the closer has more', { local_sat: 6_000_000, remote_sat: 4_000_000 }, ['both']],
    ['the closer gives its own up to OP_RETURN', { local_script: '6a026869' }, ['both', 'closee-only']],
    ['it is an older close', { legacy: true, locktime: 0 }, ['both']],
    ['it is an older close with dust', { legacy: true, locktime: 0, local_sat: 1_200 }, ['closee-only']],
  ])('--close where %s', async (_, more, variants) => {
    expect((await close(more)).said.variants.map((v: any) => v.variant)).toEqual(variants);
  });
  it.each([
    ['a fee above the balance', { fee_sat: 4_000_001 }, 'fee-too-high'],
    ['more than the funding', { remote_sat: 6_000_001 }, 'over-capacity'],
    ['dust alone', { local_sat: 1_100, remote_sat: 5 }, 'below-dust'],
    ['no address', { local_script: undefined }, 'malformed-message'],
    ['a locktime in an older close', { legacy: true }, 'malformed-message'],
  ])('--close refuses %s', async (_, more, code) => expect((await close(more)).code).toBe(code));
});

describe('channel-verify', () => {
  it('says what it has compared', async () => {
    const given = { ...one.state, commitment: one.commitment, signature: one.signature };
    const { said } = await run(ChannelVerify, ['--channel', channel, file('verify.json', given)]);
    expect(said.checks).toEqual({
      commitment: 'same, signed by both',
      signature: 'valid',
      htlc_signatures: 'not-given',
    });
  });
  it('refuses to be content with nothing', async () => {
    expect((await run(ChannelVerify, ['--channel', channel, file('nothing.json', one.state)])).code).toBe(
      'malformed-message',
    );
  });
});

describe('channel-inspect', () => {
  it('reads hex, with the channel or without', async () => {
    const hex = file('commitment.hex', `${one.commitment}\n`);
    expect((await run(ChannelInspect, [hex])).said).toMatchObject({ kind: 'commitment', number: null });
    const point = String(one.state['per_commitment_point']);
    const { said } = await run(ChannelInspect, ['--channel', channel, '--point', point, hex]);
    expect(said).toMatchObject({ kind: 'commitment', number: 42, holder: 'local', signatures: 'valid' });
    expect(said.outputs.at(-1).spent_by).toEqual([
      { way: 'delayed', by: 'local', from: { confirmations: 144 } },
      { way: 'penalty', by: 'remote', from: null },
    ]);
  });
  it('refuses a commitment of another channel', async () => {
    const other = CASES.find((c) => c.channel === 'zero-fee')!.commitment;
    expect((await run(ChannelInspect, ['--channel', channel, file('other.hex', other)])).code).toBe(
      'unknown-commitment',
    );
  });
  it('tells an HTLC transaction', async () => {
    const { said } = await run(ChannelInspect, [file('x.hex', one.htlc_transactions[0]!)]);
    expect(said.kind).toBe('htlc-success');
  });
});

describe('keys', () => {
  it('that others can read, or that are of no side, are refused', async () => {
    const open = file('open.json', keysOf('anchors', 'local'));
    chmodSync(open, 0o644);
    expect((await run(ChannelBuild, ['--channel', channel, '--keys', open, state])).code).toBe('secret-exposed');
    const foreign = file('foreign.json', { ...keysOf('anchors', 'local'), funding_secret: '11'.repeat(32) });
    expect((await run(ChannelBuild, ['--channel', channel, '--keys', foreign, state])).code).toBe('wrong-key');
  });
  it('both sides never share one', async () => {
    const { local: same } = channelDocument('anchors') as any;
    const twins = file('twins.json', { ...channelDocument('anchors'), remote: same });
    expect((await run(ChannelBuild, ['--channel', twins, state])).code).toBe('key-rejected');
  });
  it('are not asked for on the command line', async () => {
    const seed = file('seed.hex', '00'.repeat(32));
    const { said } = await run(ChannelSecrets, ['derive', '--seed-file', seed, file('i.json', { number: 0 })]);
    expect(said.secret).toBe('02a40c85b6f28da08dfdbe0926c53fab2de6d28c10301f8f7c4073d5e42e3148');
    expect((await run(ChannelBuild, [state])).code).toBe('usage');
  });
});
