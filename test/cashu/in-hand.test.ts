/** Every token of a home stays within reach of its owner: until it is printed, and again until its mint shows it as spent. */
import { getDecodedToken } from '@cashu/cashu-ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import EcashMint from '../../src/commands/ecash/mint.ts';
import { tokensIn } from '../../src/lib/cashu/in-hand.ts';
import { mintEcash } from '../../src/lib/cashu/mint.ts';
import { newToken } from '../../src/lib/ecash/in-hand.ts';
import { pruneAt, DAY } from '../support/prune.ts';
import { backUp } from '../credit/helpers.ts';
import { command, type Ended } from '../support/command.ts';
import { KEYSET, NEXT_KEYSET, MintError, isNamed } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';

const SEED = 500;
let market: Market;
let contract: string;
let quote: string;
beforeEach(async () => {
  market = await Market.make(SEED);
  contract = await market.forward();
  quote = await market.bind(contract);
});
afterEach(() => market.close());

const seed = (n: number): string => Buffer.alloc(32, n & 255).toString('hex');
const flags = () => ['--home', market.user.dir, '--insecure-seed', seed(SEED + 1), '--private-mint', market.mint.url];
const mint = (...argv: string[]): Promise<Ended> => command(EcashMint, [...flags(), '--contract', contract, ...argv]);
const toFull = (...argv: string[]): Promise<Ended> =>
  command(EcashMint, [...flags(), '--contract', contract, ...argv], true);
const again = (...argv: string[]): Promise<Ended> => command(EcashMint, [...flags(), '--again', ...argv]);
const proofsIn = (line: string) => getDecodedToken(line, [KEYSET.id, NEXT_KEYSET.id]).proofs;
/** Sum of each token that was printed. */
const sums = ({ stdout }: Pick<Ended, 'stdout'>): number[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => proofsIn(line).reduce((sum, { amount }) => sum + Number(amount.toString()), 0));
const spend = ({ stdout }: Ended, ...at: number[]): void =>
  void market.mint.state.spent.push(
    ...proofsIn(stdout.trim()).flatMap(({ secret }, i) => (at.length === 0 || at.includes(i) ? [secret] : [])),
  );
async function pay(amount: bigint): Promise<void> {
  await market.pay(contract, amount);
  await market.arrived(quote, Number(amount) + market.mint.state.quotes.find(({ id }) => id === quote)!.paid);
}

it('finds all tokens of a home, more than one call takes arguments', async () => {
  const token = newToken({ contract, mint: '', keyset: KEYSET.id, places: [], quote: null, promises: [] });
  const listed = { kind: 'token', name: token.id, state: 'signed', rev: 1, record: token };
  const store = { list: () => Promise.resolve(Array(200_000).fill(listed)) };
  expect(await tokensIn({ store } as never, ['signed'])).toHaveLength(200_000);
});

describe('a token that could not be printed', () => {
  it('comes first in the next run, and then what is new', async () => {
    await pay(100_000n);
    expect((await toFull('--amount', '99000')).exit).not.toBe(0);
    expect([sums(await mint()), sums(await mint()), sums(await mint())]).toEqual([[99_000], [1_000], [1_000]]);
  });

  it('comes after a payment that was made since, and with --amount only where it is of that sum', async () => {
    await pay(100_000n);
    await toFull();
    await pay(500n);
    const part = await mint('--amount', '500');
    expect([sums(part), part.stderr]).toEqual([[500], expect.stringContaining('100000 sat more were made')]);
    expect([sums(await mint('--amount', '100000')), sums(await mint())]).toEqual([[100_000], [500]]);
  });

  it('found again in a home that was lost, it is found once more', async () => {
    await pay(1_000n);
    await mint('--amount', '10');
    const copy = backUp(market.user);
    const lost = await mint('--amount', '500');
    await market.user.reopen(copy);
    await market.user.home.acceptRestore();
    const restored = ['--home', copy, '--insecure-seed', seed(SEED + 1), '--private-mint', market.mint.url];
    const run = (full = false) => command(EcashMint, [...restored, '--contract', contract], full);
    await run(true);
    const found = await run();
    expect([found.exit, sums(found), found.stdout]).toEqual([3, [500], lost.stdout]);
    expect(sums(await run())).toEqual([490]);
  });
});

describe('what the mint refuses and signs all the same', () => {
  it('is found by the next run', async () => {
    await pay(100_000n);
    const { mint: real } = market.mint;
    let sent: Parameters<typeof real>[0] | undefined;
    market.mint.mint = async (body) => {
      sent = body;
      throw new MintError('Quote pending', 20_005);
    };
    expect(await mint()).toMatchObject({ code: 'mint-refused' });
    market.mint.mint = real;
    await market.mint.mint(sent!);
    expect(sums(await mint())).toEqual([100_000]);
  });

  it('is found under the keyset before, also where other outputs were made since', async () => {
    await pay(1_000n);
    const { mint: real } = market.mint;
    let sent: Parameters<typeof real>[0] | undefined;
    market.mint.mint = async (body) => {
      sent = body;
      throw new MintError('Keyset is inactive', 12_002);
    };
    await mint('--amount', '400');
    await mint('--amount', '300');
    // Each of them keeps its outputs, and the next run sends those of its sum again.
    expect((await tokensIn(market.user.home, ['refused'])).map(({ places }) => places.length)).toHaveLength(2);
    await mint('--amount', '400');
    expect(await tokensIn(market.user.home, ['refused'])).toHaveLength(2);
    market.mint.mint = real;
    await real.call(market.mint, sent!);
    market.mint.rotate();
    expect(sums(await mint('--amount', '600'))).toEqual([600]);
    expect(sums(await mint())).toEqual([400]);
  });
});

it('runs side by side make a token each, and none is printed twice', async () => {
  await pay(1_000n);
  const run = (amountSat: bigint) =>
    mintEcash({ home: market.user.home, contract, isNamed, amountSat, print: async () => {}, point: () => {} });
  const tokens = (await Promise.all([run(400n), run(300n), run(200n)])).map(({ token }) => token);
  expect(sums({ stdout: tokens.join('\n') })).toEqual([400, 300, 200]);
  const secrets = tokens.flatMap((token) => proofsIn(token).map(({ secret }) => secret));
  expect(new Set(secrets).size).toBe(secrets.length);
  expect(sums(await mint())).toEqual([100]);
});

it('what one run is about to print is printed by no other', async () => {
  await pay(1_000n);
  const printed: string[] = [];
  const run = (print: (token: string) => Promise<void>) =>
    mintEcash({ home: market.user.home, contract, isNamed, amountSat: 400n, print, point: () => {} });
  let other: Promise<unknown> | undefined;
  await run(async (token) => {
    other = run(async (its) => void printed.push(its));
    // Time enough for the other run to print, did it not wait for this one.
    await Promise.race([other, new Promise((done) => setTimeout(done, 1_000))]);
    printed.push(token);
  });
  await other;
  expect(sums({ stdout: printed.join('\n') })).toEqual([400, 400]);
  expect(new Set(printed).size).toBe(2);
});

describe('ecash-mint --again', () => {
  it('prints every token, printed before or not, and those of a mint that has another keyset now', async () => {
    await pay(1_000n);
    const first = await mint('--amount', '400');
    await toFull('--amount', '300');
    market.mint.rotate();
    await mint('--amount', '200');
    const all = await again();
    expect([all.exit, sums(all).sort()]).toEqual([0, [200, 300, 400]]);
    expect(all.stdout).toContain(first.stdout);
    expect((await again()).stdout.split('\n').sort()).toEqual(all.stdout.split('\n').sort());
    expect(sums(await again('--contract', contract)).sort()).toEqual([200, 300, 400]);
    const other = await market.forward();
    const none = await again('--contract', other);
    expect([none.stdout, none.stderr]).toEqual(['', 'note: no tokens\n']);
  });

  it('leaves out what is spent, coin by coin, and prune drops it in time', async () => {
    await pay(1_000n);
    spend(await mint('--amount', '300'));
    const half = await mint('--amount', '96');
    spend(half, 0);
    expect(sums(await again())).toEqual([64]);
    expect(await tokensIn(market.user.home, ['spent'])).toHaveLength(1);
    await pruneAt(market.user, { days: 90 });
    const { records } = await pruneAt(market.user, { days: 90, seconds: 91 * DAY, blocks: 91 * 144 });
    expect(records).toEqual({ token: 1 });
    expect(sums(await again())).toEqual([64]);
  });

  it('finds with --spent what a mint has called spent, whole or in part, and was wrong about', async () => {
    await pay(1_000n);
    const whole = await mint('--amount', '300');
    const half = await mint('--amount', '96');
    spend(whole);
    spend(half, 0);
    expect([sums(await again()), sums(await again('--spent'))]).toEqual([[64], [64]]);
    // Its word of what is spent was false, and the program asks for no coin that it has called so.
    market.mint.state.spent = [];
    expect(sums(await again())).toEqual([64]);
    const all = await again('--spent');
    expect(sums(all).sort()).toEqual([300, 32, 64].sort());
    const secrets = all.stdout
      .trim()
      .split('\n')
      .flatMap((line) => proofsIn(line).map(({ secret }) => secret));
    expect(secrets.sort()).toEqual(
      [whole, half].flatMap(({ stdout }) => proofsIn(stdout.trim()).map((p) => p.secret)).sort(),
    );
    // Of another contract it prints nothing, and a restored home finds them too.
    expect(sums(await again('--spent', '--contract', await market.forward()))).toEqual([]);
    const copy = backUp(market.user);
    await market.user.reopen(copy);
    await market.user.home.acceptRestore();
    const restored = ['--home', copy, '--insecure-seed', seed(SEED + 1), '--private-mint', market.mint.url];
    expect(sums(await command(EcashMint, [...restored, '--again', '--spent'])).sort()).toEqual([300, 32, 64].sort());
  });

  it('asks back what was sent and never answered', async () => {
    await pay(1_000n);
    const { mint: real } = market.mint;
    market.mint.mint = async (body) => {
      await real.call(market.mint, body);
      throw new MintError('the line is down', 20_005);
    };
    await mint();
    expect(sums(await again())).toEqual([1_000]);
  });

  it('prints what it knows, exit 3, where the mint does not answer', async () => {
    await pay(1_000n);
    const { stdout } = await mint();
    await market.mint.stop();
    const found = await again();
    expect([found.exit, found.stdout]).toEqual([3, stdout]);
    expect(found.stderr).toContain(`what is spent at ${market.mint.url} is not known`);
    await market.mint.serve(Number(new URL(market.mint.url).port));
  });
});
