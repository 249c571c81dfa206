/** `--package` and `--quote` of each command that leaves alone: what they print, and what they leave as it was. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import ExitCredit from '../../src/commands/credit/exit.ts';
import HtlcRefund from '../../src/commands/htlc/refund.ts';
import PledgeRevoke from '../../src/commands/pledge/revoke.ts';
import StatechainExit from '../../src/commands/statechain/exit.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { readExitPackage } from '../../src/lib/contract/exit-package.ts';
import { documentOf } from '../../src/lib/htlc/view.ts';
import { pledge } from '../../src/lib/pledge/table.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { ADDRESSES } from '../credit/things.ts';
import { command, type Made } from '../support/command.ts';
import { opened, ownCoin, payMessages, type Pair } from '../support/credit.ts';
import { COIN, FORMS, htlcOf, SECRETS } from '../support/htlc.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { statechainExit } from '../../src/lib/statechain/ways.ts';
import { TestParty } from '../support/party.ts';
import { opened as openedCoin, transferMessages, type Cast } from '../support/statechain.ts';

const closing: { close(): void }[] = [];
afterEach(() => closing.splice(0).forEach((one) => one.close()));
const closes = <T extends { close(): void }>(one: T): T => (closing.push(one), one);

/** A home of real randomness: commands open no other. */
const party = async (): Promise<TestParty> => closes(await TestParty.make());
const pair = async (): Promise<Pair> => ({ payee: await party(), payer: await party(), close: () => {} });
async function cast(): Promise<Cast> {
  const all = [await party(), await party(), await party()] as const;
  const [operator, alice, bob] = all;
  return { operator, alice, bob, all, close: () => {} } as unknown as Cast;
}

const ran = async (Command: Made, ...argv: string[]) => {
  const { code, message, stdout, exit, stderr } = await command(Command, [...argv, '--tip', '1000']);
  return { code, message, exit, stderr, document: (code ? {} : parseJson(stdout)) as Record<string, any> };
};
/** The quote is printed, changes nothing and says what the package costs then. */
async function both(Command: Made, argv: string[], state: () => Promise<unknown>) {
  const before = await state();
  const quote = await ran(Command, ...argv, '--quote');
  expect(quote).toMatchObject({ code: undefined, exit: 0 });
  expect(await state()).toEqual(before);
  const made = await ran(Command, ...argv, '--package');
  expect(made).toMatchObject({ code: undefined, exit: 0 });
  const { type, version, family, contract, network, ...sums } = quote.document;
  expect([type, version, network]).toEqual(['exit-quote', 1, 'regtest']);
  expect(made.document).toMatchObject({ family, contract, network, quote: sums });
  return { quote: sums, read: readExitPackage(made.document), stderr: made.stderr };
}

describe('exit-credit', () => {
  it('of a payee: frozen by the package, not by a quote; none of a contract that goes on', async () => {
    const two = await pair();
    const id = await opened(two);
    await payMessages(two, id, 250_000n);
    const words = ['--home', two.payee.dir, '--contract', id];
    const state = async () => (await two.payee.record(id)).state;
    const dear = await ran(ExitCredit, ...words, '--feerate', '40', '--quote');
    expect(dear.document).toMatchObject({ transactions: 2, feerate: '40', blocks: 1 });
    const live = await ran(ExitCredit, ...words, '--feerate', '40', '--export', '--package');
    expect(live).toMatchObject({ code: 'usage', message: expect.stringContaining('sends it at once') });
    expect(await state()).toBe('open');
    const alone = await both(ExitCredit, [...words, '--feerate', '1'], state);
    expect(alone.quote).toEqual({
      transactions: 1,
      vbytes: 154,
      feerate: '2',
      fee_sat: 308,
      blocks: 1,
      worth_from_sat: 330,
    });
    expect(await state()).toBe('exiting');
  });
  it('of a payer: before its expiry too, with the height from which it is valid', async () => {
    const two = await pair();
    const id = await opened(two);
    const { read } = await both(ExitCredit, ['--home', two.payer.dir, '--contract', id], async () =>
      two.payer.record(id),
    );
    expect(read.steps[0]).toMatchObject({ valid_from: { height: 5_321 }, by: null, child: null });
    expect(await ran(ExitCredit, '--home', two.payer.dir, '--contract', id)).toMatchObject({ exit: 3 });
  });
  it('takes one of both', async () => {
    const two = await pair();
    const words = ['--home', two.payer.dir, '--contract', await opened(two)];
    expect(await ran(ExitCredit, ...words, '--quote', '--package')).toMatchObject({ code: 'usage' });
  });
});

describe('statechain-exit', () => {
  it('whatever the height, with the child that pays for it; the next owner has it no more', async () => {
    const all = await cast();
    const id = await openedCoin(all);
    await transferMessages(all.operator, all.alice, all.bob, id);
    const state = async () => ((await all.bob.state()) as { records: unknown }).records;
    const { quote, read, stderr } = await both(
      StatechainExit,
      ['--home', all.bob.dir, '--contract', id, '--feerate', '15'],
      state,
    );
    expect(quote).toMatchObject({ transactions: 2, vbytes: 277, feerate: '15', blocks: 901 });
    expect(read.steps[0]).toMatchObject({ valid_from: { height: 1_901 }, by: 1_999, child: { vsize: 153 } });
    expect(stderr).toContain('do not pass the coin on');
    // No receipt has come: nobody knows here whether it is another's.
    const sent = await ran(StatechainExit, '--home', all.alice.dir, '--contract', id, '--package');
    expect([sent.exit, sent.stderr]).toEqual([0, expect.stringContaining('another may own it by now')]);
  });
  it('of a coin that was given away is none', async () => {
    const all = await cast();
    const id = await openedCoin(all);
    const { message } = await all.alice.run(exitStatechain, { input: { contract: id, bundle: true } });
    expect(statechainExit(message).contract).toBe(id);
    expect(() => statechainExit({ ...message, moved: true })).toThrow('the coin has another owner by now');
  });
});

describe('htlc refund', () => {
  it.each(
    FORMS.filter(({ variant, type }) => variant === 'standard' && type !== 'p2sh').map(
      (form) => [`${form.type} ${form.lock.kind}`, form] as const,
    ),
  )('%s: from its lock on, at the feerate of the day', async (_, form) => {
    const dir = mkdtempSync(join(tmpdir(), 'spillway-refund-'));
    writeFileSync(join(dir, 'htlc'), JSON.stringify(parseJson(text(form))));
    writeFileSync(join(dir, 'key'), bytesToHex(SECRETS.refund), { mode: 0o600 });
    const words = [
      '--utxo',
      `${outpointText(COIN)}:${COIN.sat}`,
      '--key-file',
      join(dir, 'key'),
      '--to',
      ADDRESSES.p2tr,
      '--feerate',
      '7',
    ];
    const quote = await ran(HtlcRefund, ...words, '--quote', join(dir, 'htlc'));
    const made = await ran(HtlcRefund, ...words, '--package', join(dir, 'htlc'));
    const read = readExitPackage(made.document);
    expect(quote.document).toMatchObject({ family: 'htlc', contract: read.contract, transactions: 1 });
    // The size is that of the largest signatures.
    expect(quote.document['vbytes'] - read.quote.vbytes).toBeOneOf([0, 1]);
    expect(quote.document['fee_sat']).toBe(Number(read.quote.fee_sat));
  });
});

describe('pledge revoke', () => {
  it('takes it back with the package, and not with a quote', async () => {
    const [collector, alice] = [await party(), await party()];
    const { message: on } = await collector.run(pledge, {
      input: { outputs: [{ address: ADDRESSES.p2tr, sat: 1_000_000n }] },
    });
    const coin = await ownCoin(alice, 400_000n);
    await alice.run(pledge, { on, input: { utxo: [coin], coin: outpointText(coin) } });
    const state = async () => (await alice.home.store.list('pledge')).map(({ record }) => (record as any).state);
    const words = ['--home', alice.dir, '--contract', on['campaign'].id];
    expect((await both(PledgeRevoke, [...words, '--feerate', '2'], state)).quote).toMatchObject({
      transactions: 1,
      vbytes: 111,
      worth_from_sat: 552,
    });
    expect(await state()).toEqual(['revoked']);
    expect((await both(PledgeRevoke, [...words, '--feerate', '20'], state)).quote).toMatchObject({
      transactions: 2,
      feerate: '20',
    });
  });
});

const text = (form: (typeof FORMS)[0]): string => JSON.stringify(documentOf(htlcOf(form)));
