/** Quotes and their payments against a mint that behaves as cdk-mintd does: the rules of the protocol, each by its name. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Market } from '../support/mint-home.ts';

let market: Market;
beforeEach(async () => {
  market = await Market.make();
});
afterEach(() => market.close());

describe('reporting', () => {
  it('an accepted update arrives at the mint within a second', async () => {
    const contract = await market.forward();
    const quote = await market.bind(contract);
    await market.pay(contract, 2_100n);
    const began = performance.now();
    await market.arrived(quote, 2_100);
    expect(performance.now() - began).toBeLessThan(1_000);
    await market.pay(contract, 900n);
    await market.arrived(quote, 3_000);
  });
});
