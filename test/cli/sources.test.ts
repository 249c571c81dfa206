/** What a run is given beside its input: parents of transactions, exports of several contracts, lines of a stream. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import DecodeOpenassets from '../../src/commands/assets/decode-openassets.ts';
import OnionRoute from '../../src/commands/onion/route.ts';
import { portsOf } from '../../src/lib/cli/contract.ts';
import { parentSource } from '../../src/commands/assets/parents.ts';
import { readWatchBundle } from '../../src/lib/engine/watch-bundle.ts';
import { toTransaction, txidOf, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { exitCredit } from '../../src/lib/ecash/credit.ts';
import { command } from '../support/command.ts';
import { opened, payMessages } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { payeeOf, show } from '../credit/helpers.ts';
import { freshDir } from './run.ts';

const dir = freshDir();
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const input = { txid: '11'.repeat(32), vout: 0, sequence: 0, sat: 0n, script: '' };
const PARENT: Template = {
  version: 2,
  locktime: 0,
  inputs: [input],
  outputs: [{ sat: 5n, script: `0014${'ab'.repeat(20)}` }],
};
const HEX = bytesToHex(toTransaction(PARENT).unsignedTx);
const flags = {
  network: 'regtest',
  maxInput: HEX.length,
  prevFd: undefined,
  chain: undefined,
  chainCookie: undefined,
} as const;

describe('parents', () => {
  it.each([
    ['a line that is too long', `${HEX}00\n`, 'too-large'],
    ['a line that is no UTF-8', Buffer.from([0xff, 0x0a]).toString('latin1'), 'malformed-json'],
  ])('in a file with %s are refused', async (_, text, code) => {
    writeFileSync(join(dir, 'parents'), Buffer.from(text, 'latin1'));
    await expect(parentSource({ ...flags, prev: [join(dir, 'parents')] })).rejects.toMatchObject({ code });
  });

  it.each([HEX.slice(1), 'xy', '', `${HEX} ${HEX}`])('in a folder, in a file of %j, are refused', async (text) => {
    const folder = join(dir, 'folder');
    mkdirSync(folder, { recursive: true });
    const { shared } = await parentSource({ ...flags, prev: [folder] });
    const txid = txidOf(PARENT);
    writeFileSync(join(folder, `${txid}.hex`), text);
    expect(() => shared.get(txid)).toThrow(expect.objectContaining({ code: 'malformed-transaction' }));
    writeFileSync(join(folder, `${txid}.hex`), `${HEX}\n`);
    expect(shared.get(txid)).toBeDefined();
  });
});

it.each([
  ['binary', (psbt: Buffer) => psbt],
  ['base64', (psbt: Buffer) => psbt.toString('base64')],
  ['hex', (psbt: Buffer) => psbt.toString('hex')],
  ['base64 behind white space', (psbt: Buffer) => ` \n\u00a0${psbt.toString('base64')}`],
  ['hex behind white space', (psbt: Buffer) => `${' '.repeat(300)}${psbt.toString('hex')}`],
] as const)('a command that reads one JSON document takes no PSBT for it: %s', async (_, form) => {
  const psbt = Buffer.from('70736274ff01000a0200000000000000000000', 'hex');
  writeFileSync(join(dir, 'psbt'), Buffer.from(form(psbt) as string, 'latin1'));
  expect(await command(OnionRoute, [join(dir, 'psbt')])).toMatchObject({
    code: 'malformed',
    message: 'a PSBT found, a JSON document expected',
    stdout: '',
  });
});

it.each([
  // SPILLWAY_NOW, and the time of day that follows, where it is no real one.
  ['1', 1],
  ['0', undefined],
  ['-1', undefined],
  ['', undefined],
  ['noon', undefined],
])('a run whose randomness can be repeated takes %j for its time of day', async (given, expected) => {
  const party = await TestParty.make();
  const nowOf = async (flags: object) => {
    const { source } = await portsOf(party.home, flags);
    return (await source.facts({ now: true })).facts.now;
  };
  vi.stubEnv('SPILLWAY_NOW', given);
  vi.spyOn(Date, 'now').mockReturnValue(1_900_000_000_999);
  expect(await nowOf({ insecureSeed: '07'.repeat(32) })).toBe(expected ?? 1_900_000_000);
  expect(await nowOf({})).toBe(1_900_000_000);
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  party.close();
});

it('a batch answers a line that is no UTF-8 with its refusal, and goes on', async () => {
  const lines = join(dir, 'lines');
  writeFileSync(lines, Buffer.concat([Buffer.from([0xff, 0x0a]), Buffer.from(`${HEX}\n`)]));
  const { stdout, exit } = await command(DecodeOpenassets, ['--network', 'regtest', '--batch', lines]);
  const [first, second] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect([first.error.code, second.txid, exit]).toEqual(['malformed-json', txidOf(PARENT), 65]);
});

it('exports for two networks in one bundle are refused, unless one of them is named', async () => {
  const [here, there] = await Promise.all(
    (['regtest', 'signet'] as const).map(async (network) => {
      const party = () => TestParty.make(undefined, undefined, network);
      const both = { payee: await party(), payer: await party(), close: () => {} };
      const id = await opened(both);
      show(both, await payeeOf(both, id));
      await payMessages(both, id, 1_000n);
      const { text } = await both.payee.run(exitCredit, { input: { contract: id, export: true } });
      for (const one of [both.payee, both.payer]) one.close();
      return { id, at: file(`${network}.json`, text) };
    }),
  );
  expect(await readWatchBundle([here!.at])).toMatchObject({ network: 'regtest', bad: [] });
  await expect(readWatchBundle([here!.at, there!.at])).rejects.toMatchObject({ code: 'wrong-network' });
  expect(await readWatchBundle([here!.at, there!.at], 'signet')).toMatchObject({
    watched: [{ id: there!.id }],
    bad: [{ file: here!.at }],
  });
});
