/** A customer's ecash at a running mint: tokens of what was reported, once each, through crashes and restores. */
import { getDecodedToken } from '@cashu/cashu-ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quoteFor } from '../../src/lib/cashu/quotes.ts';
import { mintEcash } from '../../src/lib/cashu/wallet.ts';
import type { ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { backUp } from '../credit/helpers.ts';
import { KEYSET, MintError } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';

let market: Market;
let contract: string;
let quote: string;
beforeEach(async () => {
  market = await Market.make();
  contract = await market.forward();
  quote = await market.bind(contract);
});
afterEach(() => market.close());

const mint = (amountSat?: bigint, point: (label: string) => void = () => {}): Promise<string> =>
  mintEcash({ home: market.user.home, contract, amountSat, point });
const sumOf = (token: string): number =>
  getDecodedToken(token, [KEYSET.id]).proofs.reduce((all, { amount }) => all + Number(amount.toString()), 0);
const refuses = (run: () => Promise<unknown>, code: ErrorCode) => expect(run()).rejects.toMatchObject({ code });
async function pay(amount: bigint): Promise<void> {
  await market.pay(contract, amount);
  await market.arrived(quote, Number(amount) + market.mint.state.quotes.find(({ id }) => id === quote)!.paid);
}
/** The mint answers the next request so, after it has done what was asked. */
function failOnce(path: 'mint', error: Error, after: boolean): void {
  const real = market.mint[path].bind(market.mint);
  market.mint[path] = async (body) => {
    market.mint[path] = real;
    if (after) await real(body);
    throw error;
  };
}

describe('ecash-mint', () => {
  it('makes a token of what was reported and not minted yet', async () => {
    await pay(2_100n);
    const token = await mint();
    expect(token).toMatch(/^cashuB/);
    expect(sumOf(token)).toBe(2_100);
    expect(getDecodedToken(token, [KEYSET.id]).mint).toBe(market.mint.url);
  });

  it('repeated: the same token; with more reported, a new one', async () => {
    await pay(2_100n);
    const token = await mint();
    expect(await mint()).toBe(token);
    await pay(900n);
    const next = await mint();
    expect(next).not.toBe(token);
    expect(sumOf(next)).toBe(900);
    expect(market.mint.state.quotes.find(({ id }) => id === quote)!.issued).toBe(3_000);
  });

  it('so much as is wanted, and no more than there is', async () => {
    await pay(2_100n);
    expect(sumOf(await mint(100n))).toBe(100);
    expect(sumOf(await mint(2_000n))).toBe(2_000);
    await pay(10n);
    await refuses(() => mint(11n), 'not-mintable');
  });

  it('waits a moment for what was just paid', async () => {
    await market.pay(contract, 2_100n);
    expect(sumOf(await mint())).toBe(2_100);
  });

  it('where nothing was ever reported it says so', () => refuses(() => mint(), 'not-mintable'));

  it('without a quote it says what to run first', async () => {
    contract = await market.forward();
    await refuses(() => mint(), 'quote-unknown');
  });

  it.each(['mint-prepared', 'mint-kept'])('cut off at %s, it goes on: one payment, one token', async (label) => {
    await pay(2_100n);
    const cut = new Error('cut off');
    await expect(
      mint(undefined, (found) => {
        if (found === label) throw cut;
      }),
    ).rejects.toBe(cut);
    expect(sumOf(await mint())).toBe(2_100);
    expect(market.mint.state.quotes.find(({ id }) => id === quote)!.issued).toBe(2_100);
  });

  it('an answer that was lost is asked back (NUT-09)', async () => {
    await pay(2_100n);
    failOnce('mint', new MintError('the line is down'), true);
    expect(sumOf(await mint())).toBe(2_100);
    expect(market.mint.state.quotes.find(({ id }) => id === quote)!.issued).toBe(2_100);
  });

  it('what the mint refuses is told in its words, and the next run starts anew', async () => {
    await pay(2_100n);
    failOnce('mint', new MintError('Keyset is inactive', 12_002), false);
    await refuses(() => mint(), 'mint-refused');
    expect(sumOf(await mint())).toBe(2_100);
  });

  it('a mint that forges its proof (DLEQ) is refused, and what it signed is asked for again', async () => {
    await pay(2_100n);
    const real = market.mint.mint.bind(market.mint);
    market.mint.mint = async (body) => {
      const signatures = (await real(body)) as { dleq: { e: string; s: string } }[];
      return signatures.map((s) => ({ ...s, dleq: { ...s.dleq, s: 'ab'.repeat(32) } }));
    };
    await refuses(() => mint(), 'dleq-invalid');
    market.mint.mint = real;
    expect(sumOf(await mint())).toBe(2_100);
  });

  it('a mint that does not answer is unavailable', async () => {
    await pay(2_100n);
    await market.mint.stop();
    await refuses(() => mint(), 'mint-unavailable');
    await market.mint.serve(Number(new URL(market.mint.url).port));
  });

  it('a restored wallet does not use a counter again', async () => {
    await pay(1_000n);
    await mint(10n);
    const copy = backUp(market.user);
    const lost = await mint(500n);
    await market.user.reopen(copy);
    await market.user.home.acceptRestore();
    const token = await mint();
    expect(sumOf(token)).toBe(490);
    const secrets = (text: string) => getDecodedToken(text, [KEYSET.id]).proofs.map(({ secret }) => secret);
    expect(secrets(token).filter((secret) => secrets(lost).includes(secret))).toEqual([]);
  });
});

describe('ecash-quote', () => {
  it('finds the quote that is bound already, and makes none', async () => {
    const before = market.mint.state.quotes.length;
    expect(await quoteFor(market.user.home.store, contract, undefined)).toBe(quote);
    expect(await quoteFor(market.user.home.store, contract, `${market.mint.url}/`)).toBe(quote);
    expect(market.mint.state.quotes).toHaveLength(before);
  });

  it("at another mint than the contract's is refused", () =>
    refuses(() => quoteFor(market.user.home.store, contract, 'https://other.example'), 'usage'));

  it('for a contract without a mint, or of nobody, is refused', async () => {
    const reverse = await market.reverse();
    await refuses(() => quoteFor(market.operator.home.store, reverse, undefined), 'wrong-state');
    await refuses(() => quoteFor(market.user.home.store, 'ab'.repeat(32), undefined), 'unknown-contract');
  });

  it('where the mint makes no such quotes it says so', async () => {
    contract = await market.forward();
    market.mint.newQuote = async () => {
      throw new MintError('Unsupported unit', 11_013);
    };
    await refuses(() => quoteFor(market.user.home.store, contract, undefined), 'mint-refused');
  });
});
