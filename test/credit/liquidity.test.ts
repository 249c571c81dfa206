/** liquidity: sums over the contracts of a home, days, expiries for new contracts, and what a mass exit takes. */
import { ledgerKind } from '../../src/lib/ecash/ledger.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY, figuresOf } from '../../src/lib/credit/figures.ts';
import { crowded, exitable, liquidity, massExit, spread } from '../../src/lib/credit/liquidity.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { settledAs, type Credit, type Settled } from '../../src/lib/credit/records.ts';
import { statusOf } from '../../src/lib/credit/status.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import type { SpentBy } from '../../src/lib/protocol/action.ts';
import { opened, openedMint, ecashMessages, payMessages } from '../support/credit.ts';
import { parties, payeeOf, payerOf, policy } from './helpers.ts';

const facts = { tip: 1_000, coins: 'not-checked', known: 'not-checked' } as const;

describe('the sums', () => {
  it('are those of the contracts: held, settled, signed away, left', async () => {
    const both = await parties();
    const [a, b, c] = [await opened(both), await opened(both, { blocks: 9_000 }), await opened(both)];
    await payMessages(both, a, 50_000n);
    await payMessages(both, b, 70_000n);
    const unpaid = await payeeOf(both, c);
    const payee = [await payeeOf(both, a), await payeeOf(both, b), { ...unpaid, funded: true as const }];
    expect(exitable(payee, facts)).toEqual([payee[0], payee[1]]);
    expect(payee.map((p) => figuresOf(p, facts)).map(({ deadline, expiry }) => [deadline, expiry])).toEqual([
      [5_176n, undefined],
      [9_856n, undefined],
      [undefined, 5_320n],
    ]);
    // What nobody has funded counts in none of them.
    const sums = liquidity('regtest', [...payee, unpaid], facts);
    expect(sums).toMatchObject({
      contracts: 3,
      locked_sat: 3_600_000n,
      holds_sat: 120_000n,
      settle_now_sat: 120_000n,
      settled_sat: 0n,
      // deadlines 5176 and 9856; nothing was paid over the third
      days: [
        { from_height: 5_040, exits: 1, paid_sat: 50_000n },
        { from_height: 9_792, exits: 1, paid_sat: 70_000n },
      ],
    });
    const payer = [await payerOf(both, a), await payerOf(both, b), await payerOf(both, c)];
    expect(liquidity('regtest', payer, facts)).toMatchObject({
      contracts: 0,
      signed_sat: 120_000n,
      left_sat: 3_480_000n,
      owed_sat: 0n,
    });
  });
  it('what a close pays above what the payee has finished is booked once the close is final', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    // The payer's signature for 9,000 more never arrived.
    const requested = await both.payee.run(signUpdate, { input: { contract: id, amount: 9_000n } });
    await both.payer.run(signUpdate, { on: requested.message, amount: 9_000n });
    const proposed = await both.payer.run(closeCredit, { input: { contract: id } });
    const signed = await both.payee.run(closeCredit, { on: proposed.message });
    const { message: complete } = await both.payer.run(closeCredit, { on: signed.message });
    const c = await payeeOf(both, id);
    expect(c).toMatchObject({ state: 'closing', paidSat: 50_000n });
    const gone = new Map([[`${c.outpoint.txid}:${c.outpoint.vout}`, 'missing' as const]]);
    const booked = (confirmations: number, record: Credit = c) => {
      const spend = { txid: complete['txid'], hex: null, confirmations };
      const facts = { tip: 1_100, coins: gone, known: new Map(), spends: new Map([[[...gone.keys()][0]!, spend]]) };
      const { pending_sat, settled_sat, lost_sat } = liquidity('regtest', [record], facts);
      return [pending_sat, settled_sat, lost_sat, statusOf(id, record, facts).notes[0]];
    };
    expect(booked(1)).toEqual([50_000n, 0n, 0n, 'spent by close, not final yet']);
    expect(booked(6)).toEqual([0n, 59_000n, 0n, 'settled by close: 59000 sat']);
    const marked = settledAs(c, { by: 'close', txid: complete['txid'], paysSat: 59_000n });
    expect(booked(6, marked)).toEqual([0n, 59_000n, 0n, 'settled by close: 59000 sat']);
  });
  it('a contract that expired with nothing paid and no coin counts in no sum', async () => {
    const both = await parties();
    const id = await opened(both);
    const c = { ...(await payeeOf(both, id)), funded: true as const };
    const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
    const said = (tip: number, coins: ReadonlyMap<string, 'missing' | Utxo> | 'not-checked') => {
      const facts = { tip, coins, known: new Map([[c.outpoint.txid, false]]) };
      const { contracts, locked_sat } = liquidity('regtest', [c], facts);
      return [contracts, locked_sat, statusOf(id, c, facts).verdict];
    };
    const coin = { sat: 1_200_000n, script: '', confirmations: 9 };
    expect(said(5_319, 'not-checked')).toEqual([1, 1_200_000n, 'done']);
    expect(said(5_320, 'not-checked')).toEqual([0, 0n, 'done']);
    expect(said(5_319, new Map([[at, 'missing']]))).toEqual([1, 1_200_000n, 'unfunded']);
    expect(said(5_320, new Map([[at, 'missing']]))).toEqual([0, 0n, 'dead']);
    expect(said(5_320, new Map([[at, coin]]))).toEqual([1, 1_200_000n, 'done']);
  });
  describe('money that was lost is called lost', () => {
    const scene = async () => {
      const both = await parties();
      const id = await opened(both);
      await payMessages(both, id, 50_000n);
      const early = (await payeeOf(both, id)).exit!;
      await payMessages(both, id, 20_000n);
      const c = await payeeOf(both, id);
      const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
      const gone = { tip: 5_400, coins: new Map([[at, 'missing' as const]]), known: new Map() };
      /** What liquidity and status say, of what spends the coin as a node tells it. */
      const said = (spend?: SpentBy, record: Credit = c) => {
        const facts = { ...gone, ...(spend && { spends: new Map([[at, spend]]) }) };
        const { holds_sat, pending_sat, settled_sat, lost_sat } = liquidity('regtest', [record], facts);
        const { verdict, notes } = statusOf(id, record, facts);
        return [[holds_sat, pending_sat, settled_sat, lost_sat], verdict, notes];
      };
      return { both, c, early, said, payer: await payerOf(both, id) };
    };
    const other = 'ee'.repeat(32);

    it('a coin that is gone settles nothing while nobody says by what', async () => {
      const { said } = await scene();
      expect(said()).toEqual([[0n, 70_000n, 0n, 0n], 'pending', ['spent, not known by what']]);
      expect(said({ txid: null, hex: null, confirmations: 0 })[1]).toBe('pending');
    });
    it('an exit in the mempool is pending, and settled once it is final', async () => {
      const { said, c } = await scene();
      const exit = (confirmations: number): SpentBy => ({ txid: txidOfHex(c.exit!), hex: null, confirmations });
      const waits = [[0n, 70_000n, 0n, 0n], 'pending', ['spent by exit, not final yet']];
      expect([0, 5].map((n) => said(exit(n)))).toEqual([waits, waits]);
      expect(said(exit(6))).toEqual([[0n, 0n, 70_000n, 0n], 'done', ['settled by exit']]);
    });
    it('a final refund loses everything, an older exit the rest', async () => {
      const { said, early, payer } = await scene();
      const refund = { txid: txidOfHex(payer.refund), hex: null, confirmations: 6 };
      expect(said(refund)).toEqual([[0n, 0n, 0n, 70_000n], 'lost', ['70000 sat are lost: settled by refund']]);
      const old = { txid: txidOfHex(early), hex: early, confirmations: 6 };
      expect(said(old)).toEqual([[0n, 0n, 50_000n, 20_000n], 'lost', ['20000 sat are lost: settled by exit']]);
    });
    it('what watch has marked is believed, until the chain shows the coin again', async () => {
      const { said, c } = await scene();
      const marked = (settled: Settled) => said(undefined, settledAs(c, settled)).slice(0, 2);
      expect(marked({ by: 'exit', txid: other, paysSat: 70_000n })).toEqual([[0n, 0n, 70_000n, 0n], 'done']);
      expect(marked({ by: 'other', txid: other, paysSat: 0n })).toEqual([[0n, 0n, 0n, 70_000n], 'lost']);
      expect(marked({ by: 'close', txid: other, paysSat: 70_000n })).toEqual([[0n, 0n, 70_000n, 0n], 'done']);
      expect(marked({ by: 'refund', txid: other, paysSat: 0n })).toEqual([[0n, 0n, 0n, 70_000n], 'lost']);
      const coin = { sat: c.terms.capacity_sat, script: '', confirmations: 1, coinbase: false };
      const back = { tip: 1_000, coins: new Map([[`${c.outpoint.txid}:0`, coin]]), known: new Map() };
      const record = {
        ...settledAs(c, { by: 'refund', txid: other, paysSat: 0n }),
        outpoint: { ...c.outpoint, vout: 0 },
      } as Credit;
      expect(liquidity('regtest', [record], back)).toMatchObject({ holds_sat: 70_000n, lost_sat: 0n });
    });
    it('a payer loses nothing by what it has signed', async () => {
      const { early, payer } = await scene();
      const at = `${payer.outpoint.txid}:${payer.outpoint.vout}`;
      const spends = new Map([[at, { txid: txidOfHex(early), hex: early, confirmations: 9 }]]);
      const facts = { tip: 5_400, coins: new Map([[at, 'missing' as const]]), known: new Map(), spends };
      expect(statusOf(payer.id, payer, facts)).toMatchObject({ verdict: 'done', notes: ['settled by exit'] });
    });
  });
  it('tell a funding that is not there from a coin that an exit can spend', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const c = await payeeOf(both, id);
    const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
    const chain = {
      tip: 1_000,
      coins: new Map([[at, 'missing' as const]]),
      known: new Map([[c.outpoint.txid, false]]),
    };
    expect(liquidity('regtest', [c], chain)).toMatchObject({ contracts: 1, holds_sat: 50_000n, settle_now_sat: 0n });
  });
  it('say what ecash is out', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 2_100n);
    await payMessages(both, id, 900n);
    const ledger = { ...(await both.payee.ledger(id)), role: 'payee' } as const;
    const sums = liquidity('regtest', [await payeeOf(both, id)], facts, [ledgerKind.figures!(ledger)]);
    expect(sums).toMatchObject({ issued_sat: 2_100n, unissued_sat: 900n, holds_sat: 3_000n });
  });
});

describe('new contracts', () => {
  const day = (height: number): number => Math.floor(height / DAY);
  it('go to the emptiest days, the nearest first, apart from each other', () => {
    // Deadlines from 1864 (day 12) on; one is there on each of the next two days.
    const made = spread([1_900, 2_020], 1_000, policy, 2, 3);
    expect(made.map((n) => day(n.deadline_height))).toEqual([12, 15, 16]);
    const tight = { ...policy, max_blocks: policy.min_blocks + 143 };
    expect(spread([], 1_008, tight, 3, 5).map((n) => n.deadline_height)).toEqual([1_872, 1_920, 1_968]);
  });
  it('never overfill a day nor leave the policy, whatever is there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1_000, max: 6_000 }), { maxLength: 60 }),
        fc.integer({ min: 900, max: 2_000 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 2_000 }),
        (deadlines, tip, most, count, more) => {
          const bounded = { ...policy, max_blocks: policy.min_blocks + more };
          const made = spread(deadlines, tip, bounded, most, count);
          const exits = Map.groupBy([...deadlines, ...made.map((n) => n.deadline_height)], day);
          for (const { expiry, deadline_height: deadline } of made) {
            expect(exits.get(day(deadline))!.length).toBeLessThanOrEqual(most);
            expect(expiry - deadline).toBe(policy.margin_blocks);
            expect(expiry - tip).toBeGreaterThanOrEqual(bounded.min_blocks);
            expect(expiry - tip).toBeLessThanOrEqual(bounded.max_blocks);
          }
          // Fewer come back only where every day is full.
          const [first, last] = [tip + bounded.min_blocks - 144, tip + bounded.max_blocks - 144];
          if (made.length < count)
            for (let d = day(first); d <= day(last); d++)
              expect(exits.get(d)?.length ?? 0).toBeGreaterThanOrEqual(most);
        },
      ),
    );
  });
  it('days with too many are named', () => {
    const days = [
      { from_height: 0, exits: 3, paid_sat: 1n },
      { from_height: 144, exits: 7, paid_sat: 1n },
    ];
    expect(crowded(days, 3)).toEqual([{ from_height: 144, exits: 7, over: 4 }]);
  });
});

describe('a mass exit', () => {
  it('takes a child each, and a coin for each that cannot pay its own', async () => {
    const both = await parties();
    const [rich, poor] = [await opened(both), await opened(both)];
    await payMessages(both, rich, 500_000n);
    await payMessages(both, poor, 1_000n);
    const live = exitable([await payeeOf(both, rich), await payeeOf(both, poor)], facts);
    expect(massExit(live, 2_000, '2')).toMatchObject({
      exits: 2,
      alone: 2,
      children: 0,
      child_fees_sat: 0n,
      coins: [],
    });
    // 154 vB at 2 sat/vB and a child of 111 vB, to 40 sat/vB: 10600 - 308; with a coin beside: 168.5 → 169 vB.
    const spike = massExit(live, 40_000, '40');
    expect(spike).toMatchObject({ alone: 0, children: 2, child_fees_sat: 10_292n + 12_612n });
    expect(spike.coins).toEqual([{ contract: poor, at_least_sat: 12_612n + 330n - 1_000n }]);
  });
  it.each([
    // sat more than child and dust take
    [-1n, [{ at_least_sat: 12_612n - 10_292n + 1n }]],
    [0n, []],
    [1n, []],
  ])('takes a coin where what was paid is that much from child and dust: %i', async (more, coins) => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 10_292n + 330n + more);
    expect(massExit([await payeeOf(both, id)], 40_000, '40').coins).toMatchObject(coins);
  });
});
