/**
 * Ecash that a payment has not spent comes back: by `ecash-melt --give-up`, whatever became of the invoice, and in a file
 * of change that nothing is ever written over.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getDecodedToken } from '@cashu/cashu-ts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import EcashMelt from '../../src/commands/ecash/melt.ts';
import { mintEcash } from '../../src/lib/cashu/mint.ts';
import { command, type Ended } from '../support/command.ts';
import { KEYSET, NEXT_KEYSET, MintError, isNamed } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';

let market: Market;
let reverse: string;
let dir: string;
const path = (name: string): string => join(dir, name);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-melt-'));
  market = await Market.make();
  reverse = await market.reverse();
  const contract = await market.forward();
  const quote = await market.bind(contract);
  await market.pay(contract, 2_100n);
  await market.arrived(quote, 2_100);
  const { token } = await mintEcash({
    home: market.user.home,
    contract,
    isNamed,
    print: async () => {},
    point: () => {},
  });
  writeFileSync(path('token'), `${token}\n`);
});
afterEach(async () => {
  vi.useRealTimers();
  await market.close();
  rmSync(dir, { recursive: true });
});

const melt = (...argv: string[]): Promise<Ended> =>
  command(EcashMelt, ['--mint', market.mint.url, '--token-file', path('token'), ...argv]);
const pay = (invoice: string, ...argv: string[]): Promise<Ended> =>
  melt('--invoice', invoice, '--change-out', path('rest'), ...argv);
const giveUp = (...argv: string[]): Promise<Ended> => melt('--give-up', '--change-out', path('back'), ...argv);
const proofsOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .flatMap((line) => getDecodedToken(line, [KEYSET.id, NEXT_KEYSET.id]).proofs);
const sumOf = (name: string): number =>
  proofsOf(readFileSync(path(name), 'utf8')).reduce((all, { amount }) => all + Number(amount.toString()), 0);
/** What anybody can still spend of it. */
const isUnspent = (name: string): boolean =>
  proofsOf(readFileSync(path(name), 'utf8')).every(
    ({ secret }) => !market.mint.state.spent.includes(secret) && !market.mint.state.pending.includes(secret),
  );
/** A first run that the mint refuses once the ecash was swapped. */
async function refusedOnce(invoice: string): Promise<void> {
  const real = market.mint.melt;
  market.mint.melt = async () => {
    throw new MintError('Invoice expired', 20_007);
  };
  expect(await pay(invoice)).toMatchObject({ code: 'mint-refused', exit: 76 });
  market.mint.melt = real;
}

it('an invoice that expired after the swap gives its ecash back', async () => {
  const invoice = await market.invoice(reverse, 1_500n);
  await refusedOnce(invoice);
  vi.useFakeTimers({ toFake: ['Date'], now: market.soon * 1000 + 1_000 });
  const again = await pay(invoice);
  expect(again).toMatchObject({ code: 'mint-refused', stdout: '' });
  expect(again.hint).toContain('--give-up');
  const ended = await giveUp();
  expect(JSON.parse(ended.stdout)).toEqual({
    type: 'ecash-melt',
    version: 1,
    given_up: true,
    change_sat: 2_100,
    pending_sat: 0,
  });
  expect([ended.exit, sumOf('back'), isUnspent('back'), existsSync(path('token.melting'))]).toEqual([
    0,
    2_100,
    true,
    false,
  ]);
});

it.each([
  ['the mint has forgotten', () => void (market.mint.state.melts = [])],
  ['another customer has paid', async (invoice: string) => void (await pay2(invoice))],
])('an invoice that %s gives its ecash back', async (_, happen) => {
  const invoice = await market.invoice(reverse, 1_500n);
  await refusedOnce(invoice);
  await happen(invoice);
  expect(await giveUp()).toMatchObject({ exit: 0 });
  expect([sumOf('back'), isUnspent('back')]).toEqual([2_100, true]);
});
/** Somebody else pays the invoice. */
async function pay2(invoice: string): Promise<void> {
  const quote = await market.mint.newMelt(invoice);
  await market.mint.melt(quote, []);
}

it('a payment that the mint has made after all is finished, not given up', async () => {
  const invoice = await market.invoice(reverse, 1_500n);
  const real = market.mint.melt;
  market.mint.melt = async (...call) => {
    await real.apply(market.mint, call);
    throw new MintError('the line is down');
  };
  expect((await pay(invoice)).exit).not.toBe(0);
  market.mint.melt = real;
  const ended = await giveUp();
  expect(JSON.parse(ended.stdout)).toMatchObject({ amount_sat: 1_500, change_sat: 600 });
  expect([ended.exit, sumOf('back'), isUnspent('back')]).toEqual([0, 600, true]);
});

it('a payment that the mint is still at is not given up', async () => {
  const invoice = await market.invoice(reverse, 1_500n);
  const { call } = market.mint;
  market.mint.call = async (method, request) => {
    if (method === 'MakePayment' || method === 'CheckOutgoingPayment') throw new Error('the line is down');
    return call.call(market.mint, method, request) as never;
  };
  expect(await pay(invoice)).toMatchObject({ code: 'melt-pending' });
  expect(await giveUp()).toMatchObject({ code: 'melt-pending', stdout: '' });
  expect(existsSync(path('back'))).toBe(false);
  // The mint no longer knows for what it holds them: the rest is written, and the note stays.
  market.mint.state.melts = [];
  const ended = await giveUp();
  expect([ended.exit, JSON.parse(ended.stdout)]).toMatchObject([3, { change_sat: 600, pending_sat: 1_500 }]);
  market.mint.state.pending = [];
  expect(await giveUp()).toMatchObject({ exit: 0 });
  expect([sumOf('back'), isUnspent('back')]).toEqual([2_100, true]);
});

it('ecash under the keyset before is found after the mint has changed it', async () => {
  const invoice = await market.invoice(reverse, 1_500n);
  await refusedOnce(invoice);
  market.mint.rotate();
  expect(JSON.parse((await pay(invoice)).stdout)).toMatchObject({ amount_sat: 1_500, change_sat: 600 });
  expect([sumOf('rest'), isUnspent('rest')]).toEqual([600, true]);
});

it('a token of which nothing is left is not given up', async () => {
  market.mint.state.spent.push(...proofsOf(readFileSync(path('token'), 'utf8')).map(({ secret }) => secret));
  expect(await giveUp()).toMatchObject({ code: 'not-enough-ecash', stdout: '' });
});

it.each(['first', 'resumed'])(
  'of two %s runs at once the second is refused, and asks the mint nothing',
  async (which) => {
    const invoice = await market.invoice(reverse, 1_500n);
    if (which === 'resumed') await refusedOnce(invoice);
    const real = market.mint.newMelt.bind(market.mint);
    const within: Ended[] = [];
    market.mint.newMelt = async (request) => {
      market.mint.newMelt = real;
      // Whoever wants the same ecash back, or another payment's change in the same file, waits too.
      writeFileSync(path('other'), readFileSync(path('token')));
      const elsewhere = ['--token-file', path('other'), '--invoice', request, '--change-out', path('rest')];
      within.push(
        await pay(request),
        await giveUp(),
        await command(EcashMelt, ['--mint', market.mint.url, ...elsewhere]),
      );
      return real(request);
    };
    const quotes = market.mint.state.melts.length;
    const ended = await pay(invoice);
    expect(within.map(({ code, exit }) => [code, exit])).toEqual(Array(3).fill(['concurrent', 75]));
    expect(JSON.parse(ended.stdout)).toMatchObject({ amount_sat: 1_500, change_sat: 600 });
    expect([sumOf('rest'), isUnspent('rest'), market.mint.state.melts.length]).toEqual([600, true, quotes + 1]);
    expect(readdirSync(dir).sort()).toEqual(['other', 'rest', 'token']);
  },
);

it('a receipt that could not be printed is printed by the same run again', async () => {
  const invoice = await market.invoice(reverse, 1_500n);
  const argv = ['--mint', market.mint.url, '--token-file', path('token')];
  const paid = ['--invoice', invoice, '--change-out', path('rest')];
  expect((await command(EcashMelt, [...argv, ...paid], true)).exit).not.toBe(0);
  const { receipt } = JSON.parse((await pay(invoice)).stdout) as { receipt: string };
  expect(receipt).toMatch(/^[0-9a-f]{128}$/);
  expect([sumOf('rest'), isUnspent('rest'), existsSync(path('token.melting'))]).toEqual([600, true, false]);
});

it('coins of the token that the mint holds for another come back by the same run, also where none was begun', async () => {
  const [held] = proofsOf(readFileSync(path('token'), 'utf8'));
  market.mint.state.pending.push(held!.secret);
  const amount = Number(held!.amount.toString());
  const first = await giveUp();
  expect([first.exit, JSON.parse(first.stdout)]).toMatchObject([
    3,
    { change_sat: 2_100 - amount, pending_sat: amount },
  ]);
  market.mint.state.pending = [];
  expect(await giveUp()).toMatchObject({ code: undefined, exit: 0 });
  expect([sumOf('back'), isUnspent('back'), existsSync(path('token.melting'))]).toEqual([2_100, true, false]);
});

it.each(['token', 'token.melting', 'link'])('change never takes the place of %s', async (name) => {
  const before = readFileSync(path('token'), 'utf8');
  symlinkSync(path('token'), path('link'));
  const invoice = await market.invoice(reverse, 1_500n);
  expect(await melt('--invoice', invoice, '--change-out', path(name))).toMatchObject({ code: 'usage' });
  expect(readFileSync(path('token'), 'utf8')).toBe(before);
  expect(market.mint.state.spent).toEqual([]);
});

it('change of another payment is not written over; --append adds a line', async () => {
  writeFileSync(path('rest'), 'cashuBanother\n');
  const invoice = await market.invoice(reverse, 1_500n);
  const refused = await pay(invoice);
  expect(refused).toMatchObject({ code: 'cannot-write', exit: 73 });
  expect(refused.hint).toContain('--append');
  expect([readFileSync(path('rest'), 'utf8'), market.mint.state.spent]).toEqual(['cashuBanother\n', []]);
  // Cut off and run again, its own line takes its own place.
  await refusedOnceWith(invoice);
  expect(await pay(invoice, '--append')).toMatchObject({ exit: 0 });
  const [other, own, ...none] = readFileSync(path('rest'), 'utf8').trimEnd().split('\n');
  expect([other, none]).toEqual(['cashuBanother', []]);
  expect(proofsOf(own!).reduce((all, { amount }) => all + Number(amount.toString()), 0)).toBe(600);
});
async function refusedOnceWith(invoice: string): Promise<void> {
  const real = market.mint.melt;
  market.mint.melt = async () => {
    throw new MintError('Quote pending', 20_005);
  };
  expect(await pay(invoice, '--append')).toMatchObject({ code: 'mint-refused' });
  market.mint.melt = real;
}

it('needs an invoice or --give-up, and a place for what comes back', async () => {
  expect(await melt()).toMatchObject({ code: 'usage' });
  expect(await melt('--give-up')).toMatchObject({ code: 'usage' });
  expect(await melt('--append', '--invoice', 'x')).toMatchObject({ code: 'usage' });
});
