/** When a quote whose event has not arrived is looked at again. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Reporter } from '../../src/lib/cdk/report.ts';
import { lapse } from '../../src/lib/engine/upkeep.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { refused } from '../credit/helpers.ts';
import { Market } from '../support/mint-home.ts';
import { creditWatcher } from '../../src/lib/credit/watch.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';

afterEach(() => void vi.restoreAllMocks());

describe('a quote under way', () => {
  it('is looked at once, and again when its pause is over: 100, then 200 ms, in the end 5 s', async () => {
    const market = await Market.make();
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.stop();
    await market.pay(contract, 1_000n);
    const asked = vi.fn(async () => ({ paidSat: 0n, issuedSat: 0n }));
    const { store } = market.operator.home;
    const shown = vi.fn();
    const options = { store, mint: market.mint.url, figures: asked, log: () => {}, point: () => {} };
    const reporter = new Reporter(options);
    await reporter.listen(shown);
    let time = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => time);
    const looksAt = async (ms: number): Promise<number> => {
      time = ms;
      asked.mockClear();
      await reporter.tick();
      return asked.mock.calls.length;
    };
    // The first look cuts the event, after the pause of one that moved.
    expect(await looksAt(0)).toBe(1);
    expect(shown).toHaveBeenCalledTimes(1);
    for (let [at, pause] = [0, 50]; at < 30_000; at += pause, pause = Math.min(pause * 2, 5_000))
      expect([at, await looksAt(at + pause - 1), await looksAt(at + pause)]).toEqual([at, 0, 1]);
    // Shown anew it is only to a stream that opens.
    expect(shown).toHaveBeenCalledTimes(1);
    expect(await market.quote(quote)).toMatchObject({ event: { beforeSat: 0n, afterSat: 1_000n }, ackSat: 0n });
    vi.restoreAllMocks();
    await reporter.stop();
    await market.mint.stop();
    for (const party of [market.operator, market.user, market.merchant]) party.close();
  });
});

describe('a quote whose contract nobody has funded', () => {
  it('is bound to none that a node does not show, and asks for nothing once the contract has lapsed', async () => {
    const market = await Market.make();
    const { operator, user, mint } = market;
    try {
      const contract = await market.forward();
      const quote = await market.bind(contract);
      await market.stop();
      expect(await lapse(operator.home, creditWatcher, idClaim(contract))).toBe(true);
      const asked = vi.fn(async () => ({ paidSat: 0n, issuedSat: 0n }));
      const log = vi.fn();
      const reporter = new Reporter({
        store: operator.home.store,
        mint: mint.url,
        figures: asked,
        log,
        point: () => {},
      });
      await reporter.listen(() => {});
      await reporter.tick();
      await reporter.stop();
      expect([asked.mock.calls, log.mock.calls]).toEqual([[], []]);
      expect(await market.quote(quote)).toMatchObject({ contract, stopped: null });

      const other = await market.forward();
      const made = await user.run(ecashQuote, { input: { contract: other, quote: 'quote-of-a-stranger' } });
      operator.chain.coins = new Map();
      await refused(() => operator.run(ecashQuote, { on: made.message }), 'funding-missing', operator);
    } finally {
      await mint.stop();
      for (const party of [operator, user, market.merchant]) party.close();
    }
  });
});
