/** The operator confirms figures: only over its own contracts at a mint, and only with quotes that belong to them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { confirmIssued } from '../../src/commands/ecash/issued.ts';
import { confirmFigures } from '../../src/lib/cashu/confirm.ts';
import { Market, type Who } from '../support/mint-home.ts';
import { backUp, refused } from '../credit/helpers.ts';
import { isNamed } from '../support/mint.ts';

const KEY = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;

describe('ecash-quote --confirm', () => {
  let market: Market;
  let contract: string;
  const made: Record<string, string> = { nobody: 'ab'.repeat(32), 'nobody-knows': 'nobody-knows' };
  beforeAll(async () => {
    market = await Market.make();
    const { mint } = market;
    contract = made['forward'] = await market.forward();
    made['reverse'] = await market.reverse();
    made['foreign'] = await market.bind(await market.forward());
    made['unlocked'] = (await mint.newQuote({ pubkey: KEY })).id;
    made['for one payment'] = (await mint.newQuote({ pubkey: KEY, amount: 500 })).id;
  });
  afterAll(() => market.close());

  it.each([
    ['no contract', 'operator', 'nobody', null, 'unknown-contract'],
    ["the customer's own contract", 'user', 'forward', null, 'not-your-turn'],
    ["the merchant's own contract", 'merchant', 'reverse', null, 'wrong-state'],
    ['a quote of another contract', 'operator', 'forward', 'foreign', 'quote-bound'],
    ['a quote of another key', 'operator', 'forward', 'unlocked', 'quote-unlocked'],
    ['a quote that the mint does not know', 'operator', 'forward', 'nobody-knows', 'quote-unknown'],
  ] as const)('of %s is refused', async (_, who: Who, over, named, code) => {
    const quotes = named === null ? [] : [made[named]!];
    await refused(() => confirmFigures(market[who].home, made[over]!, quotes, isNamed), code, market[who]);
  });

  it('is how the figures of a contract at a mint are confirmed: reconcile --confirm refuses it', () =>
    refused(() => confirmIssued(market.operator.home, contract, undefined), 'wrong-state', market.operator));

  it('takes a quote with an amount whatever its key: it was made for one payment by whoever paid', async () => {
    const said = await confirmFigures(market.operator.home, contract, [made['for one payment']!], isNamed);
    expect(said).toMatchObject({ step: 'confirmed', contract, at_the_mint_sat: 0n });
  });

  it('in a home that waits for its journal confirms nothing: home-restored', async () => {
    await market.stop();
    await market.operator.reopen(backUp(market.operator));
    await market.start();
    for (const id of ['forward', 'reverse'])
      await refused(
        () => confirmFigures(market.operator.home, made[id]!, [], isNamed),
        'home-restored',
        market.operator,
      );
  });
});
