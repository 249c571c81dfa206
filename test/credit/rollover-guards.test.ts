/** What stands between an accepted rollover and a signature under it: a look at every coin, and no own close that is out. */
import { describe, expect, it } from 'vitest';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import { closeCredit, rollover } from '../../src/lib/ecash/credit.ts';
import { opened, ownCoin } from '../support/credit.ts';
import { parties, payeeOf, payerOf, policy, refused, show } from './helpers.ts';

const blocks = { blocks: 4_320 };
/** A rollover with a coin added, up to the payee's acceptance. */
async function accepted() {
  const both = await parties();
  const id = await opened(both);
  const coin = await ownCoin(both.payer, 700_000n);
  const offered = await both.payee.run(rollover, { input: { contract: id, policy } });
  const input = { utxo: [coin], amount: 1_500_000n, expires: blocks };
  const proposed = await both.payer.run(rollover, { on: offered.message, input });
  return { both, id, coin, at: `${coin.txid}:${coin.vout}`, proposed: proposed.message };
}

describe('a payee looks at the contract’s coin and at the added ones', () => {
  const steps = ['accepted', 'complete'] as const;
  it.each(steps)('at ‘%s’: what is spent, or replaced, is no part of what it signs', async (step) => {
    const { both, id, coin, at, proposed } = await accepted();
    const { payee, payer } = both;
    let message = proposed;
    if (step === 'complete') {
      const answer = await payee.run(rollover, { on: proposed });
      message = (await payer.run(rollover, { on: answer.message })).message;
    }
    const c = await payeeOf(both, id);
    show(both, c);
    const seen = payee.chain.coins as Map<string, Utxo | 'missing'>;
    const sign = () => payee.run(rollover, { on: message });
    for (const [found, code] of [
      ['missing', 'coin-missing'],
      [{ ...coin, confirmations: 0 }, 'coin-missing'],
      [{ ...coin, sat: 600_000n, confirmations: 3 }, 'unsafe-funding'],
    ] as const) {
      seen.set(at, found);
      await refused(sign, code, payee);
    }
    seen.set(at, { ...coin, confirmations: 1 });
    show(both, c, 'missing');
    await refused(sign, 'funding-missing', payee);
    show(both, c, { sat: 1_000n });
    await refused(sign, 'unsafe-funding', payee);
    show(both, c);
    const done = await sign();
    expect(done.message).toMatchObject({ step, checks: { funding: 'confirmed', coins: 'confirmed' } });
  });
});

it('a payer whose own close is out signs no rollover that was accepted before', async () => {
  const { both, id, proposed } = await accepted();
  const { payee, payer } = both;
  const answer = await payee.run(rollover, { on: proposed });
  await payer.run(closeCredit, { input: { contract: id } });
  expect((await payerOf(both, id)).closing).not.toBe(null);
  await refused(() => payer.run(rollover, { on: answer.message }), 'wrong-state', payer);
  await payer.run(closeCredit, { input: { contract: id }, cancel: true });
});
