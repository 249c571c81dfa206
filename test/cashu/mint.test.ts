/** A customer's ecash at a running mint: tokens of what was reported, once each, through crashes and restores. */
import { getDecodedToken } from '@cashu/cashu-ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintQuote, mintUrlOf, quoteFor } from '../../src/lib/cashu/quotes.ts';
import { mintEcash, type Minted } from '../../src/lib/cashu/mint.ts';
import { tokensIn } from '../../src/lib/cashu/in-hand.ts';
import type { PayerCredit } from '../../src/lib/credit/records.ts';
import type { ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { keysetClaim, keysetKind, newWallet, type KeysetRecord } from '../../src/lib/ecash/keyset.ts';
import { quoteClaim, quoteKind } from '../../src/lib/ecash/quote.ts';
import { change } from '../../src/lib/home/change.ts';
import { ledgerClaim, ledgerKind, type Ledger } from '../../src/lib/ecash/ledger.ts';
import { backUp, refused, sealedAs } from '../credit/helpers.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { KEYSET, MintError, at, isNamed } from '../support/mint.ts';
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

const mintOr = (amountSat?: bigint, point: (label: string) => void = () => {}): Promise<Minted> =>
  mintEcash({ home: market.user.home, contract, isNamed, amountSat, print: async () => {}, point });
const mint = async (amountSat?: bigint, point?: (label: string) => void): Promise<string> =>
  (await mintOr(amountSat, point)).token;
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

  it('makes what was left on a quote that another one took the place of, then what is on that one', async () => {
    await pay(2_100n);
    const { store } = market.operator.home;
    await change(
      store,
      { quote: quoteKind },
      () => ({ quote: quoteClaim(quote) }),
      ({ quote: had }) => ({ writes: { quote: { ...had!, retired: true } }, result: undefined }),
    );
    const next = await market.bind(contract);
    expect(next).not.toBe(quote);
    expect(sumOf(await mint(100n))).toBe(100);
    await market.pay(contract, 900n);
    await market.arrived(next, 900);
    expect(sumOf(await mint())).toBe(2_000);
    expect(sumOf(await mint())).toBe(900);
    const issued = (id: string) => market.mint.state.quotes.find((q) => q.id === id)!.issued;
    expect([issued(quote), issued(next)]).toEqual([2_100, 900]);
    // One that the mint has forgotten stands in nobody's way.
    const token = await mint();
    market.mint.state.quotes = market.mint.state.quotes.filter(({ id }) => id !== quote);
    expect(await mint()).toBe(token);
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

  it('where the mint has forgotten the quote it says so', async () => {
    await pay(2_100n);
    market.mint.state.quotes = [];
    await refused(() => mint(), 'quote-unknown', market.user);
  });

  it('a wallet that another run marks as restored meanwhile signs nothing: concurrent', async () => {
    await pay(2_100n);
    const { look } = market.mint;
    const { store } = market.user.home;
    const mark = () =>
      change<{ keyset: KeysetRecord }, void>(
        store,
        { keyset: keysetKind },
        () => ({ keyset: keysetClaim('wallet', KEYSET.id) }),
        () => ({ writes: { keyset: newWallet({ ...KEYSET, unit: 'sat' }, true) }, result: undefined }),
      );
    market.mint.look = async (id) => {
      market.mint.look = look;
      await mark();
      return look.call(market.mint, id);
    };
    await refuses(() => mint(), 'concurrent');
    expect(await tokensIn(market.user.home, ['asked', 'refused', 'signed', 'printed'])).toEqual([]);
    expect(market.mint.state.signed).toEqual({});
    expect(sumOf(await mint())).toBe(2_100);
  });

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

  it.each([
    ['forges its proof (DLEQ)', { s: 'ab'.repeat(32) }],
    ['leaves its proof out', undefined],
  ])('a mint that %s is refused, and what it signed is asked for again', async (_, lie) => {
    await pay(2_100n);
    const real = market.mint.mint.bind(market.mint);
    market.mint.mint = async (body) => {
      const signatures = (await real(body)) as { dleq: { e: string; s: string } }[];
      return signatures.map((s) => ({ ...s, dleq: lie && { ...s.dleq, ...lie } }));
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

  describe('in a home that was lost', () => {
    const secrets = (text: string) => getDecodedToken(text, [KEYSET.id]).proofs.map(({ secret }) => secret);
    const lose = async (copy: string) => {
      await market.user.reopen(copy);
      await market.user.home.acceptRestore();
    };
    const spend = (text: string) => void market.mint.state.spent.push(...secrets(text));

    it('finds what was minted since, and uses no counter again', async () => {
      await pay(1_000n);
      await mint(10n);
      const copy = backUp(market.user);
      const lost = await mint(500n);
      await lose(copy);
      const found = await mintOr();
      expect(found.again).toBe(true);
      expect(secrets(found.token)).toEqual(secrets(lost));
      const next = await mintOr();
      expect([sumOf(next.token), next.again]).toEqual([490, false]);
      expect(secrets(next.token).filter((secret) => secrets(lost).includes(secret))).toEqual([]);
    });

    it('searches a keyset that was first used after the backup', async () => {
      const copy = backUp(market.user);
      await pay(1_000n);
      const lost = await mint();
      await lose(copy);
      await pay(700n);
      expect(secrets((await mintOr()).token)).toEqual(secrets(lost));
      expect(await mintOr()).toMatchObject({ again: false });
      expect(market.mint.state.quotes.find(({ id }) => id === quote)!.issued).toBe(1_700);
    });

    it('prints nothing that is spent', async () => {
      const copy = backUp(market.user);
      await pay(1_000n);
      spend(await mint(300n));
      const left = await mint(100n);
      await lose(copy);
      expect(secrets((await mintOr()).token)).toEqual(secrets(left));
      expect(sumOf((await mintOr()).token)).toBe(600);
    });

    it.each(['a copy', 'a backup', 'the words'])('a minting under way comes through %s', async (way) => {
      await pay(2_100n);
      const backup = way === 'a backup' && (await market.user.backUp());
      const { mint: real } = market.mint;
      // The mint signs, and no answer comes back.
      market.mint.mint = async (body) => {
        await real.call(market.mint, body);
        await market.mint.stop();
        throw new MintError('the line is down');
      };
      await refuses(() => mint(), 'mint-unavailable');
      market.mint.mint = real;
      await market.mint.serve(Number(new URL(market.mint.url).port));
      if (way === 'a copy') await lose(backUp(market.user));
      else {
        if (backup) await market.user.lose(backup);
        else await market.user.fromWords();
        await market.user.home.reconcile(market.user.journal());
      }
      const found = await mintOr();
      expect([sumOf(found.token), found.again]).toEqual([2_100, true]);
      expect(await mint()).toBe(found.token);
      expect(market.mint.state.quotes.find(({ id }) => id === quote)!.issued).toBe(2_100);
    });

    it('prints what the mint has signed for other sums at the places of a minting', async () => {
      await pay(1_000n);
      const copy = backUp(market.user);
      const lost = await mint(64n);
      await lose(copy);
      const cut = new Error('cut off');
      const { home } = market.user;
      // A new record, at counter 0.
      await change<{ ledger: Ledger; keyset: KeysetRecord }, void>(
        home.store,
        { ledger: ledgerKind, keyset: keysetKind },
        () => ({ ledger: ledgerClaim(contract) }),
        () => ({ writes: { keyset: newWallet({ ...KEYSET, unit: 'sat' }, false) }, result: undefined }),
      );
      const stop = (label: string) => {
        if (label === 'mint-prepared') throw cut;
      };
      await expect(mint(512n, stop)).rejects.toBe(cut);
      const found = await mintOr();
      expect(found.again).toBe(true);
      expect([sumOf(found.token), secrets(found.token)]).toEqual([64, secrets(lost)]);
      expect(await mintOr()).toMatchObject({ again: false });
      expect(market.mint.state.quotes.find(({ id }) => id === quote)!.issued).toBe(1_000);
    });
  });
});

describe("a mint's URL", () => {
  it.each([
    'https://mint.example/?',
    'https://mint.example#',
    'https://mint.example/a?b',
    'ftp://mint.example',
    'mint.example',
    'https://user@mint.example',
    'https://:word@mint.example',
  ])('%s is refused', (text) => expect(() => mintUrlOf(text)).toThrow(/URL of a mint/));
  it('is written without a slash at its end', () =>
    expect(mintUrlOf('https://mint.example/cashu//')).toBe('https://mint.example/cashu'));
});

describe('ecash-quote', () => {
  it('another quote takes the place of the one before, and outputs under way stay', async () => {
    await pay(2_100n);
    const cut = new Error('cut off');
    const stop = () => {
      throw cut;
    };
    await expect(mint(undefined, stop)).rejects.toBe(cut);
    const quotes = async () => {
      const { quote: now, past } = await market.user.ledger(contract);
      return { now, past };
    };
    const { terms } = (await market.user.record(contract)) as PayerCredit;
    const { id } = await market.mint.newQuote({ pubkey: terms.ecash_pubkey! });
    const made = await market.user.run(ecashQuote, { input: { contract, quote: id } });
    const bound = await market.operator.run(ecashQuote, { on: made.message });
    expect(bound.message['quote']).toBe(quote);
    await market.user.run(ecashQuote, { on: await sealedAs(market.operator, bound.message, { quote: id }) });
    expect(await quotes()).toEqual({ now: id, past: [quote] });
    // An older answer does not bring the older one back.
    const older = await sealedAs(market.operator, bound.message, { id: 'ab'.repeat(16) });
    await refused(() => market.user.run(ecashQuote, { on: older }), 'quote-used', market.user);
    expect(sumOf(await mint())).toBe(2_100);
  });

  it('finds the quote that is bound already, and makes none', async () => {
    const before = market.mint.state.quotes.length;
    expect(await quoteFor(market.user.home.store, contract, isNamed)).toBe(quote);
    expect(await quoteFor(market.user.home.store, contract, isNamed, { mint: `${market.mint.url}/` })).toBe(quote);
    expect(market.mint.state.quotes).toHaveLength(before);
  });

  it("at another mint than the contract's is refused", () =>
    refuses(() => quoteFor(market.user.home.store, contract, isNamed, { mint: 'https://other.example' }), 'usage'));

  it('for a contract without a mint, or of nobody, is refused', async () => {
    const reverse = await market.reverse();
    await refuses(() => quoteFor(market.operator.home.store, reverse, isNamed), 'wrong-state');
    await refuses(() => quoteFor(market.user.home.store, 'ab'.repeat(32), isNamed), 'unknown-contract');
  });

  it('figures of another quote than the one that was asked for are no answer: mint-unavailable', async () => {
    const { look } = market.mint;
    const other = await market.mint.newQuote({
      pubkey: ((await market.user.record(contract)) as PayerCredit).terms.ecash_pubkey!,
    });
    market.mint.look = () => look.call(market.mint, other.id);
    await refuses(() => mintQuote(at(market.mint.url), quote), 'mint-unavailable');
  });

  it('where the mint makes no such quotes it says so', async () => {
    contract = await market.forward();
    market.mint.newQuote = async () => {
      throw new MintError('Unsupported unit', 11_013);
    };
    await refuses(() => quoteFor(market.user.home.store, contract, isNamed), 'mint-refused');
  });
});
