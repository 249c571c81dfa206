/** What chain and height allow, at the edges. */
import { describe, expect, it } from 'vitest';
import {
  checkBefore,
  checkFunding,
  checkNotFrozen,
  deadlineHeight,
  freezeHeight,
  topUpHeight,
} from '../../src/lib/credit/checks.ts';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import { checkCoins } from '../../src/lib/bitcoin/coin-checks.ts';
import { opened, ownCoin, payMessages } from '../support/credit.ts';
import { parties, payeeOf, policy, refused, show, tip } from './helpers.ts';
import { contractWith } from './things.ts';

const contract = contractWith();
const { terms } = contract;
const at = `${contract.outpoint.txid}:1`;
const good: Utxo = { sat: terms.capacity_sat, script: keysOf(terms).script, confirmations: 1 };
const code = (f: () => unknown): unknown => {
  try {
    return f();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('heights', () => {
  it('freeze, deadline and the last top-up lie before the expiry in that order', () => {
    expect([freezeHeight(terms), topUpHeight(terms), deadlineHeight(terms), terms.expiry]).toEqual([
      5_032, 5_032, 5_176, 5_320,
    ]);
  });
  it('updates end at the freeze, not after it', () => {
    expect(code(() => checkNotFrozen(5_031, terms))).toBe(undefined);
    expect(code(() => checkNotFrozen(5_032, terms))).toBe('frozen');
    expect(code(() => checkBefore(5_175, 5_176, ''))).toBe(undefined);
    expect(code(() => checkBefore(5_176, 5_176, ''))).toBe('expired');
  });
});

describe('the contract’s coin', () => {
  const check = (coin: Utxo | 'missing' | undefined) =>
    code(() => checkFunding(coin === undefined ? new Map() : new Map([[at, coin]]), contract));
  it.each<[string, Utxo | 'missing' | undefined, string]>([
    ['as agreed', good, 'confirmed'],
    ['not there', 'missing', 'funding-missing'],
    ['not answered for', undefined, 'funding-missing'],
    ['too young', { ...good, confirmations: 0 }, 'funding-unconfirmed'],
    ['of another amount', { ...good, sat: good.sat - 1n }, 'unsafe-funding'],
    ['of a larger amount', { ...good, sat: good.sat + 1n }, 'unsafe-funding'],
    ['of another script', { ...good, script: '5120' + '00'.repeat(32) }, 'unsafe-funding'],
  ])('%s', (_, coin, expected) => expect(check(coin)).toBe(expected));
  it('is named where nobody looked', () => expect(checkFunding('not-checked', contract)).toBe('not-checked'));
});

describe('coins that a party adds', () => {
  const coin = { txid: 'bb'.repeat(32), vout: 0, sat: 5_000n, script: '0014' + '11'.repeat(20) };
  const check = (shown: Utxo | 'missing') => code(() => checkCoins(new Map([[`${coin.txid}:0`, shown]]), [coin]));
  it.each<[string, Utxo | 'missing', string]>([
    ['there', { ...coin, confirmations: 1 }, 'confirmed'],
    ['in the mempool only', { ...coin, confirmations: 0 }, 'coin-missing'],
    ['spent', 'missing', 'coin-missing'],
    ['smaller than stated', { ...coin, sat: 4_999n, confirmations: 9 }, 'unsafe-funding'],
    ['of another script', { ...coin, script: '0014' + '22'.repeat(20), confirmations: 9 }, 'unsafe-funding'],
  ])('%s', (_, shown, expected) => expect(check(shown)).toBe(expected));
  it('a spent one is said to be so', () => {
    const spent = () => checkCoins(new Map([[`${coin.txid}:0`, 'missing']]), [coin]);
    expect(spent).toThrow('is not among the unspent ones');
  });
});

describe('in the steps', () => {
  it('no request and no acceptance without confirmed funding; a reorganisation stops them, a block lets them on', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    const c = await payeeOf(both, id);
    const ask = () => payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    show(both, c, 'missing');
    await refused(ask, 'funding-missing', payee);
    show(both, c, { confirmations: 0 });
    await refused(ask, 'funding-unconfirmed', payee);
    show(both, c, { sat: 1_000n });
    await refused(ask, 'unsafe-funding', payee);
    show(both, c, { confirmations: 1 });
    const requested = await ask();
    expect(requested.message['checks']).toMatchObject({ funding: 'confirmed' });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    show(both, c, 'missing');
    await refused(() => payee.run(signUpdate, { on: signed.message }), 'funding-missing', payee);
    show(both, c, { confirmations: 2 });
    await payee.run(signUpdate, { on: signed.message });
  });

  it('frozen: neither asks nor signs; closing still works', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const requested = await payee.run(signUpdate, { input: { contract: id, amount: 50n } });
    tip(both, freezeHeight((await payeeOf(both, id)).terms));
    await refused(() => payer.run(signUpdate, { on: requested.message, amount: 50n }), 'frozen', payer);
    await refused(() => payee.run(signUpdate, { input: { contract: id, amount: 70n } }), 'frozen', payee);
    await payer.run(closeCredit, { input: { contract: id } });
  });

  it('a rollover with new coins ends a margin earlier than one without', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const { terms: t } = await payeeOf(both, id);
    const offered = await payee.run(rollover, { input: { contract: id, policy } });
    tip(both, topUpHeight(t) + 1);
    const utxo = [await ownCoin(payer, 700_000n)];
    const input = { utxo, amount: 1_500_000n, expires: { blocks: 4_320 } };
    await refused(() => payer.run(rollover, { on: offered.message, input }), 'expired', payer);
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires: { blocks: 4_320 } } });
    tip(both, deadlineHeight(t));
    await refused(() => payee.run(rollover, { on: proposed.message }), 'expired', payee);
    tip(both, deadlineHeight(t) - 1);
    const accepted = await payee.run(rollover, { on: proposed.message });
    tip(both, deadlineHeight(t));
    await refused(() => payer.run(rollover, { on: accepted.message }), 'expired', payer);
    tip(both, deadlineHeight(t) - 1);
    const signed = await payer.run(rollover, { on: accepted.message });
    tip(both, deadlineHeight(t));
    await refused(() => payee.run(rollover, { on: signed.message }), 'expired', payee);
    await refused(() => payee.run(rollover, { input: { contract: id, policy } }), 'expired', payee);
  });

  it('top-ups are looked at: another script than stated is unsafe-funding, a spent one coin-missing', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    const c = await payeeOf(both, id);
    const coin = await ownCoin(payer, 700_000n);
    const offered = await payee.run(rollover, { input: { contract: id, policy } });
    const input = { utxo: [coin], amount: 1_500_000n, expires: { blocks: 4_320 } };
    const proposed = await payer.run(rollover, { on: offered.message, input });
    show(both, c);
    const shown = payee.chain.coins as Map<string, Utxo | 'missing'>;
    const accept = () => payee.run(rollover, { on: proposed.message });
    for (const [found, expected] of [
      [{ ...coin, confirmations: 0 }, 'coin-missing'],
      ['missing', 'coin-missing'],
      [{ ...coin, sat: 600_000n, confirmations: 3 }, 'unsafe-funding'],
      [{ ...coin, script: '5120' + '33'.repeat(32), confirmations: 3 }, 'unsafe-funding'],
    ] as const) {
      shown.set(`${coin.txid}:${coin.vout}`, found);
      await refused(accept, expected, payee);
    }
    shown.set(`${coin.txid}:${coin.vout}`, { ...coin, confirmations: 1 });
    expect((await accept()).message['checks']).toMatchObject({ funding: 'confirmed', coins: 'confirmed' });
  });

  it('without a chain everything that was not looked at is named', async () => {
    const both = await parties();
    const id = await opened(both);
    tip(both, 'not-checked');
    const requested = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    expect(requested.message['checks']).toEqual({ tip: 'not-checked', funding: 'not-checked' });
  });
});
