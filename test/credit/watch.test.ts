/** What is due for a watched contract: each rung of the ladder, and two properties over histories of a chain. */
import { hex } from '@scure/base';
import { RawTx } from '@scure/btc-signer/script.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withChildren } from '../../src/commands/credit/exit.ts';
import { closeCredit, exitCredit } from '../../src/lib/ecash/credit.ts';
import { settledAs } from '../../src/lib/credit/records.ts';
import type { Rules } from '../../src/lib/contract/fees.ts';
import { dueAt, lastAt } from '../../src/lib/credit/watch.ts';
import { readBundled } from '../../src/lib/credit/bundle.ts';
import { judged, shortOf, watchedOf, type WatchedCredit } from '../../src/lib/credit/watched.ts';
import { payoutScript } from '../../src/lib/credit/terms.ts';
import { close, exitFee, maxPaid, update } from '../../src/lib/credit/transactions.ts';
import { txidOfHex, withWitness, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { printJson, parseJson } from '../../src/lib/protocol/json.ts';
import { opened, payMessages, rollMessages } from '../support/credit.ts';
import { parties, payeeOf, payerOf, refused, tip } from './helpers.ts';
import { contractWith } from './things.ts';
import {
  decided,
  due,
  payee,
  payer,
  paying,
  ready,
  rules,
  seen,
  spent,
  told,
  type Decided,
  type Seen,
} from './watching.ts';

describe("the payee's ladder", () => {
  it('in a restored home waits for its journal, but not longer than half the margin', () => {
    const heights = [711, 712, 856, 927, 928, 1_000];
    const at = (more: Partial<WatchedCredit>) => heights.map((h) => due(payee({ behind: true, ...more }), seen(h)));
    expect(at({})).toEqual(['rest', 'restored', 'restored', 'restored', 'exit', 'exit']);
    expect(at({ own: null }).slice(1)).toEqual(Array(5).fill('restored'));
    expect(at({ pending: ready('close') }).slice(0, 4)).toEqual(Array(4).fill('rebroadcast'));
  });
  it('warns from the freeze height on, offers a close halfway to the deadline, exits from there on', () => {
    expect([711, 712, 783, 784, 855, 856, 1_000].map((h) => due(payee(), seen(h)))).toEqual([
      'rest',
      'warn',
      'warn',
      'propose-close',
      'propose-close',
      'exit',
      'exit',
    ]);
  });
  it('with nothing paid and no coin ends at its expiry, a block too early it still waits, and a coin that is there stays', () => {
    const at = (coin: Seen['coin']) =>
      [999, 1_000, 1_001].map((h) => due(payee({ own: null, paidSat: 0n, lapses: true }), seen(h, { coin })));
    expect(at('absent')).toEqual(['rest', 'lapse', 'lapse']);
    expect(at('unclear')).toEqual(['rest', 'lapse', 'lapse']);
    expect(at('unspent')).not.toContain('lapse');
  });
  it('warns only, where a close cannot be offered', () => {
    expect(due(payee({ offers: false }), seen(800))).toBe('warn');
  });
  it('does nothing where nothing was paid', () => {
    expect([712, 856, 1_000].map((h) => due(payee({ own: null }), seen(h)))).toEqual(Array(3).fill('rest'));
  });
  it('sends an exit again that was printed and is in no mempool, at any height', () => {
    expect(due(payee({ exiting: true }), seen(100))).toBe('rebroadcast');
    expect(due(payee({ exiting: true }), seen(900))).toBe('rebroadcast');
  });
  it('waits for nothing whose funding is gone', () => {
    expect(due(payee(), seen(900, { coin: 'absent' }))).toBe('unfunded');
  });
});

describe('a rollover or close that does not confirm', () => {
  const w = payee({ pending: ready('rollover') });
  it('is sent again, with a child from the deadline on, until half the margin', () => {
    expect(told(w, seen(800, { feerate: 9_000 }), rules)).toMatchObject({ do: 'rebroadcast', feerate: null });
    expect(told(w, seen(856, { feerate: 9_000 }), rules)).toMatchObject({
      do: 'rebroadcast',
      tx: { by: 'rollover' },
      feerate: 9_000,
    });
    expect(due(w, seen(927))).toBe('rebroadcast');
    expect(due(w, seen(928))).toBe('exit');
  });
  it('is bumped in the mempool from the deadline on, and outbid from half the margin on', () => {
    const stuck = (h: number) => told(w, seen(h, { ...spent('rollover', 0), feerate: 9_000 }), rules);
    expect(stuck(855)).toMatchObject({ do: 'in-mempool' });
    expect(stuck(856)).toMatchObject({ do: 'bump', tx: { by: 'rollover' }, feerate: 9_000 });
    expect(stuck(928)).toMatchObject({ do: 'exit', tx: { by: 'exit' }, feerate: 9_000 });
  });
  it('gives way at the deadline where another of its inputs is spent', () => {
    expect(due(w, seen(855, { conflicted: true }))).toBe('rebroadcast');
    expect(due(w, seen(856, { conflicted: true }))).toBe('exit');
  });
  it("the other's close is waited for until half the margin too", () => {
    expect([856, 927, 928].map((h) => due(payee(), seen(h, spent('close', 0))))).toEqual([
      'in-mempool',
      'in-mempool',
      'exit',
    ]);
  });
});

describe('fees', () => {
  it('an exit takes a child along in a fee spike, and none in calm times', () => {
    expect(told(payee(), seen(856), rules)).toMatchObject({ feerate: null });
    expect(told(payee(), seen(856, { feerate: 40_000 }), rules)).toMatchObject({ feerate: 40_000 });
  });
  it('an exit in the mempool is bumped once that is worth a replacement', () => {
    const at = (feerate: number) => due(payee({ exiting: true }), seen(860, { ...spent('exit', 0), feerate }));
    expect([2_000, 2_999, 3_000, 40_000].map(at)).toEqual(['in-mempool', 'in-mempool', 'bump', 'bump']);
  });
  it('never above the budget: as far as it goes, and then it is said', () => {
    const w = payee({ exiting: true });
    const at = (feeBudgetSat: bigint | null, now: number) =>
      told(w, seen(860, { ...spent('exit', 0, now), feerate: 90_000 }), { ...rules, feeBudgetSat });
    // (308 + 5000) sat over 265 vB
    expect(at(5_000n, 2_000)).toMatchObject({ do: 'bump', feerate: 20_030 });
    expect(at(5_000n, 20_030)).toMatchObject({ do: 'over-budget', wanted: '90' });
    expect(at(null, 2_000)).toMatchObject({ do: 'bump', feerate: 20_030 }); // a tenth of 50,000
    expect(at(0n, 2_000)).toMatchObject({ do: 'over-budget' });
    expect(at(110n, 2_000)).toMatchObject({ do: 'over-budget' });
  });
  it('a child leaves something of the output that it spends, whatever the budget', () => {
    const small = ready('exit', { paysSat: 1_000n, spareSat: 670n });
    // (308 + 670) sat over 265 vB
    expect(told(payee({ own: small }), seen(856, { feerate: 90_000 }), rules)).toMatchObject({ feerate: 3_690 });
    const dust = ready('exit', { paysSat: 330n, spareSat: 0n });
    expect(told(payee({ own: dust }), seen(856, { feerate: 90_000 }), rules)).toMatchObject({ feerate: null });
  });
  it('what pays this party nothing is not for it to pay for', () => {
    const w = payee({ pending: ready('rollover', { paysSat: 0n, spareSat: 0n }), own: null });
    expect(told(w, seen(856, { feerate: 9_000 }), rules)).toMatchObject({ do: 'rebroadcast', feerate: null });
    expect(due(w, seen(856, { ...spent('rollover', 0), feerate: 9_000 }))).toBe('in-mempool');
  });
  describe('without a key', () => {
    const child = (feerate: number) => ({ hex: 'cc', fee: BigInt((feerate * 265) / 1000) - 308n, feerate });
    const children = [10_000, 30_000, 100_000].map(child);
    const tower = (more: object = {}) => payee({ offers: false, own: ready('exit', { children, ...more }) });
    const any: Rules = { ...rules, feeBudgetSat: null };
    const sent = (feerate: number, r = any) => told(tower(), seen(856, { feerate }), r);
    const stuck = (feerate: number, now: number, r = any) =>
      told(tower(), seen(860, { ...spent('exit', 0, now), feerate }), r);
    it('the cheapest child that is dear enough goes along, else the dearest', () => {
      expect([2_000, 2_001, 10_000, 10_001, 31_000, 200_000].map((f) => sent(f))).toMatchObject(
        [null, 10_000, 10_000, 30_000, 100_000, 100_000].map((feerate) => ({ do: 'exit', feerate })),
      );
      expect(sent(31_000, { ...any, feeBudgetSat: children[1]!.fee })).toMatchObject({ feerate: 30_000 });
      expect(sent(31_000, { ...any, feeBudgetSat: 1n })).toMatchObject({ do: 'exit', feerate: null });
    });
    it('a dearer one replaces it, until there is none', () => {
      expect(stuck(12_000, 10_000)).toMatchObject({ do: 'bump', feerate: 30_000 });
      expect(stuck(200_000, 30_000)).toMatchObject({ do: 'bump', feerate: 100_000 });
      expect(stuck(200_000, 100_000)).toMatchObject({ do: 'over-budget', wanted: '200' });
      expect(stuck(31_000, 30_000, { ...any, feeBudgetSat: children[1]!.fee })).toMatchObject({ do: 'over-budget' });
    });
    it.each([
      // sat that the only child pays; 487 bring both to 3 sat/vB: 795 for 265 vB, less 308
      [486n, 'over-budget'],
      [487n, 'exit'],
      [488n, 'exit'],
    ])('of %s sat is enough where the node takes nothing below 3 sat/vB: %s', (fee, what) => {
      const w = tower({ children: [{ hex: 'cc', fee, feerate: 3_000 }] });
      expect(due(w, seen(856, { feerate: 3_000, least: 3_000 }), any)).toBe(what);
    });
    it('what it does not know may be a rollover or close, and is waited for until half the margin', () => {
      const w = { ...tower(), knowsAll: false };
      expect([856, 927, 928].map((h) => due(w, seen(h, spent('other', 0))))).toEqual([
        'in-mempool',
        'in-mempool',
        'exit',
      ]);
      expect(due(w, seen(1_000, spent('refund', 0)))).toBe('exit');
    });
    it('without children it is said that somebody must bump', () => {
      const bare = tower({ children: [] });
      expect(told(bare, seen(856, { feerate: 9_000 }), any)).toMatchObject({ do: 'exit', feerate: null });
      const later = told(bare, seen(860, { ...spent('exit', 0), feerate: 9_000 }), any);
      expect(later).toMatchObject({ do: 'needs-bump', wanted: '9' });
    });
  });
  it.each([
    // below it the node takes nothing, sat for 1000 vB; the exit's own 308 sat for 154 vB are 2000
    [1_999, 'exit'],
    [2_000, 'exit'],
    [2_001, 'over-budget'],
  ])('an exit that nothing may be paid for goes out where the node takes it: %i, %s', (least, what) => {
    expect(due(payee(), seen(856, { feerate: 9_000, least }), { ...rules, feeBudgetSat: 0n })).toBe(what);
  });
  it('an exit goes out alone where the budget is too small, rather than not', () => {
    const broke = { ...rules, feeBudgetSat: 0n };
    expect(told(payee(), seen(856, { feerate: 90_000 }), broke)).toMatchObject({ do: 'exit', feerate: null });
  });
});

describe('the payer', () => {
  it('warns, offers a close until the payee exits, and takes its refund at the expiry, not before', () => {
    expect([711, 712, 783, 784, 855, 856, 999, 1_000].map((h) => due(payer(), seen(h)))).toEqual([
      'rest',
      'warn',
      'warn',
      'propose-close',
      'propose-close',
      'warn',
      'warn',
      'refund',
    ]);
    expect(due(payer({ offers: false }), seen(800))).toBe('warn');
  });
  it('bumps its refund', () => {
    expect(due(payer(), seen(1_002, { ...spent('refund', 0), feerate: 9_000 }))).toBe('bump');
  });
  it('replaces nothing that it has signed', () => {
    for (const by of ['exit', 'close', 'rollover'] as const)
      expect(due(payer(), seen(1_050, { ...spent(by, 0), feerate: 90_000 }))).toBe('in-mempool');
  });
  it('sends its own close again until the expiry', () => {
    const w = payer({ pending: ready('close') });
    expect([500, 999, 1_000].map((h) => due(w, seen(h)))).toEqual(['rebroadcast', 'rebroadcast', 'refund']);
  });
  it('pays for its own close from the deadline on, when the payee begins to lose patience, within the budget', () => {
    const w = payer({ pending: ready('close') });
    const stuck = (h: number, r = rules) => told(w, seen(h, { ...spent('close', 0), feerate: 9_000 }), r);
    expect(stuck(855)).toMatchObject({ do: 'in-mempool' });
    expect(stuck(856)).toMatchObject({ do: 'bump', tx: { by: 'close' }, feerate: 9_000 });
    expect(stuck(1_000)).toMatchObject({ do: 'bump', tx: { by: 'close' } });
    expect(stuck(856, { ...rules, feeBudgetSat: 0n })).toMatchObject({ do: 'over-budget', wanted: '9' });
    expect(told(w, seen(856, { feerate: 9_000 }), rules)).toMatchObject({ do: 'rebroadcast', feerate: 9_000 });
  });
});

describe('what the chain settles', () => {
  it('is settled at so many confirmations, not before', () => {
    expect([1, 5, 6].map((n) => due(payee(), seen(900, spent('exit', n))))).toEqual([
      'confirming',
      'confirming',
      'settled',
    ]);
    expect(told(payer(), seen(900, spent('refund', 6)))).toMatchObject({ do: 'settled', by: 'refund' });
  });
  it('is overtaken while it pays less than was paid, and lost once that is final', () => {
    const refund = (n: number) => told(payee(), seen(900, spent('refund', n)));
    expect(refund(1)).toMatchObject({ do: 'overtaken', by: 'refund', pays_sat: 0n, short_sat: 50_000n });
    expect(refund(6)).toMatchObject({ do: 'lost', by: 'refund', paysSat: 0n, lostSat: 50_000n });
    const part = { ...spent('other', 6).spend, paysSat: 20_000n };
    expect(told(payee(), seen(900, { coin: 'spent', spend: part }))).toMatchObject({ do: 'lost', lostSat: 30_000n });
    expect(due(payee(), seen(900, spent('other', 6)))).toBe('settled');
    expect(due(payer(), seen(900, spent('other', 6)))).toBe('spent-otherwise');
  });
  it('what spends the coin and is shown by no node settles nothing', () => {
    const hidden = { ...spent('other', 9).spend, paysSat: null };
    expect(due(payee(), seen(900, { coin: 'spent', spend: hidden }))).toBe('spent-otherwise');
    expect(due(payee(), seen(900, { coin: 'spent' }))).toBe('spent-otherwise');
    expect(due(payee(), seen(900, { coin: 'unclear' }))).toBe('not-found');
  });
});

describe('what takes the place of something in the mempool', () => {
  const other = (paysSat: bigint | null, more: object = {}) => ({
    coin: 'spent' as const,
    spend: { ...spent('other', 0).spend, hex: paysSat === null ? null : paying(paysSat), paysSat, ...more },
  });
  const rich: Rules = { confirmations: 6, feeBudgetSat: 100_000n };

  it('what pays less is fought at any height, within the budget or said', () => {
    const small = other(20_000n);
    expect(told(payee(), seen(100, small))).toMatchObject({ do: 'exit' });
    expect(told(payee(), seen(100, small), { ...rules, feeBudgetSat: 0n })).toMatchObject({ do: 'over-budget' });
    expect(told(payee({ exiting: true }), seen(100, small))).toMatchObject({ do: 'rebroadcast' });
  });
  it('what pays more is never replaced, and what pays as much not from a store that is behind', () => {
    for (const h of [100, 928, 1_001]) {
      expect(due(payee(), seen(h, other(50_001n)))).toBe('in-mempool');
      expect(due(payee({ behind: true }), seen(h, other(50_000n)))).toBe('in-mempool');
    }
    expect(due(payee({ behind: true }), seen(1_001, spent('refund', 0)))).toBe('exit');
    expect(told(payee(), seen(900, { ...other(50_001n), feerate: 9_000 }))).toMatchObject({
      do: 'bump',
      tx: { by: 'other', txid: txidOfHex(paying(50_001n)) },
    });
  });
  it('what a node does not show is waited for as long as it may be a rollover or close, and for good where the store is behind', () => {
    const at = (w: WatchedCredit) => [856, 927, 928].map((h) => due(w, seen(h, other(null))));
    expect(at(payee())).toEqual(['exit', 'exit', 'exit']);
    expect(at(payee({ knowsAll: false }))).toEqual(['in-mempool', 'in-mempool', 'exit']);
    expect(at(payee({ behind: true }))).toEqual(Array(3).fill('in-mempool'));
  });
  it('a remainder below dust, which goes to the payee, makes no close worse than the exit', () => {
    const w = payee({ own: ready('exit', { paysSat: 50_200n }) });
    expect([100, 927, 928].map((h) => due(w, seen(h, spent('close', 0))))).toEqual([
      'in-mempool',
      'in-mempool',
      'exit',
    ]);
  });

  /** own fee 308 over 154 vB; a child of 111 vB; relay 1 sat/vB. */
  describe('pays for what it evicts, and its own relay, at a higher rate', () => {
    const against = (own: object, all: { feeSat: bigint; vsize: number }, base = all, r = rich, feerate = 2_000) => {
      const spend = { ...spent('refund', 0).spend, paying: { all, own: base } };
      return decided(payee({ own: ready('exit', own) }), seen(1_001, { coin: 'spent', spend, feerate }), r);
    };
    it('alone from the sum on, else a child tops it up', () => {
      const rate10 = { fee: 1_540n };
      expect(against(rate10, { feeSat: 1_386n, vsize: 154 })).toMatchObject({ do: 'exit', child: null });
      // 1,387 + 265 - 1,540 is less than a child at a higher rate than its parent's.
      expect(against(rate10, { feeSat: 1_387n, vsize: 154 })).toMatchObject({ child: { feeSat: 1_111n } });
      expect(against(rate10, { feeSat: 2_420n, vsize: 250 })).toMatchObject({ child: { feeSat: 1_145n } });
    });
    it('above the rate of the best part, where that asks for more than the sum', () => {
      // 24 sat/vB by itself, or 6.04 a unit of weight, of which 111 vB are 441 at least: 265 vB at more than that, less the 308.
      const made = against({}, { feeSat: 2_664n, vsize: 111 });
      expect(made).toMatchObject({ child: { feeSat: 6_096n } });
      // A child drags the whole down: the parent alone is what is compared, the sum is of both.
      expect(against({}, { feeSat: 3_000n, vsize: 1_000 }, { feeSat: 2_664n, vsize: 111 })).toEqual(made);
    });
    it('over the budget it is said with the sum, and nothing is given up', () => {
      const dear = { feeSat: 40_000n, vsize: 1_000 };
      expect(against({}, dear, dear, rules)).toMatchObject({ do: 'over-budget', needs_sat: 39_957n });
      expect(against({}, dear, dear, { ...rules, feeBudgetSat: 39_957n })).toMatchObject({ do: 'exit' });
    });
  });

  describe("a payer's child has the only place beside the exit", () => {
    const pinned = (feeSat: bigint, vsize: number, feerate: number, r = rich) => {
      const own = { feeSat: 308n, vsize: 154 };
      const paying = { own, all: { feeSat: 308n + feeSat, vsize: 154 + vsize } };
      const spend = { ...spent('exit', 0).spend, paying };
      return decided(payee({ exiting: true }), seen(900, { coin: 'spent', spend, feerate }), r);
    };
    it('the new child pays all of that, and its own relay', () => {
      // 30,000 sat over 1,000 vB; the market alone would have 10,292 of it.
      expect(pinned(30_000n, 1_000, 40_000)).toMatchObject({ do: 'bump', child: { feeSat: 30_111n } });
      expect(pinned(30_000n, 1_000, 20_000)).toEqual({ do: 'in-mempool' });
    });
    it('or at a higher rate, where that is more', () => {
      expect(pinned(1_998n, 111, 10_000)).toMatchObject({ do: 'bump', child: { feeSat: 2_342n } });
      expect(pinned(2_220n, 111, 10_600)).toMatchObject({ do: 'bump', child: { feeSat: 2_501n } });
    });
    it('over the budget it is said with the sum', () => {
      expect(pinned(30_000n, 1_000, 40_000, rules)).toMatchObject({ do: 'over-budget', needs_sat: 30_111n });
    });
  });

  it('below the least that the mempool takes nothing goes out, and it is said', () => {
    const full = { feerate: 2_000, least: 5_000 };
    expect(told(payee(), seen(856, full))).toMatchObject({ do: 'exit', feerate: 5_000 });
    const poor = { ...rules, feeBudgetSat: 500n };
    expect(told(payee(), seen(856, full), poor)).toMatchObject({ do: 'over-budget', needs_sat: 1_017n });
    expect(told(payee({ pending: ready('rollover') }), seen(928, full), poor)).toMatchObject({ do: 'over-budget' });
  });
  it('a rollover or close that pays as much is rather helped than left, where outbidding it costs too much', () => {
    const w = payee({ pending: ready('close') });
    const at = { ...spent('close', 0, 4_000), feerate: 9_000 };
    expect(told(w, seen(928, at))).toMatchObject({ do: 'exit' });
    expect(told(w, seen(928, at), { ...rules, feeBudgetSat: 2_080n })).toMatchObject({ do: 'exit', feerate: 9_000 });
    const slow = { ...spent('close', 0, 6_000, 400), feerate: 9_000 };
    expect(told(w, seen(928, slow), { ...rules, feeBudgetSat: 2_300n })).toMatchObject({
      do: 'bump',
      tx: { by: 'close' },
    });
  });
});

describe('whatever the order of facts', () => {
  const by = fc.constantFrom('exit', 'refund', 'close', 'rollover', 'other');
  const facts: fc.Arbitrary<Seen> = fc
    .record({
      tip: fc.integer({ min: 0, max: 1_200 }),
      coin: fc.constantFrom('unspent', 'spent', 'absent', 'unclear'),
      conflicted: fc.boolean(),
      feerate: fc.integer({ min: 1_000, max: 500_000 }),
      least: fc.constantFrom(100, 1_000, 30_000),
      relay: fc.constant(1_000),
      spend: fc.option(
        fc.record({
          by,
          confirmations: fc.integer({ min: 0, max: 12 }),
          paysSat: fc.option(fc.constantFrom(0n, 20_000n, 50_000n, 50_001n)),
          paying: fc.option(
            fc
              .record({
                own: fc.record({ feeSat: fc.bigInt({ min: 0n, max: 90_000n }), vsize: fc.constant(154) }),
                child: fc.option(
                  fc.record({
                    feeSat: fc.bigInt({ min: 0n, max: 90_000n }),
                    vsize: fc.integer({ min: 65, max: 1_000 }),
                  }),
                ),
              })
              .map(({ own, child }) => ({
                own,
                all: child ? { feeSat: own.feeSat + child.feeSat, vsize: own.vsize + child.vsize } : own,
              })),
          ),
          known: fc.boolean(),
        }),
      ),
    })
    .map(({ spend, coin, ...rest }) => ({
      ...rest,
      coin: spend ? 'spent' : coin,
      spend: spend && {
        ...spend,
        // The own exit pays what it pays.
        paysSat: spend.by === 'exit' && spend.known ? 50_000n : spend.paysSat,
        txid: spend.known ? `${spend.by}-txid` : null,
        hex: spend.paysSat === null ? null : paying(spend.paysSat),
      },
    }));
  const contract = fc
    .record({
      role: fc.constantFrom('payee', 'payer'),
      pending: fc.constantFrom(null, 'close', 'rollover'),
      exiting: fc.boolean(),
      offers: fc.boolean(),
      knowsAll: fc.boolean(),
      behind: fc.boolean(),
    })
    .map(({ role, pending, ...more }) =>
      (role === 'payee' ? payee : payer)({
        pending: pending && ready(pending),
        ...more,
        behind: more.behind && role === 'payee' && !more.exiting,
      }),
    );
  const budgets = fc.record({
    confirmations: fc.integer({ min: 1, max: 8 }),
    feeBudgetSat: fc.option(fc.bigInt({ min: 0n, max: 100_000n })),
  });
  const sends = (d: Decided): boolean =>
    d.do === 'exit' || d.do === 'refund' || d.do === 'rebroadcast' || d.do === 'bump';

  const told = (d: Decided): boolean => d.do === 'over-budget' || d.do === 'needs-bump';

  it('a contract never misses its deadline: its own transaction is out, or goes out, or it is said what that takes', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        if (s.tip < dueAt(w) || s.coin === 'absent' || s.coin === 'unclear') return;
        const d = decided(w, s, r);
        const mempool = s.spend?.confirmations === 0 ? s.spend : null;
        const given = w.role === 'payee' ? s.tip >= lastAt(w.terms) : true;
        const own = (sends(d) && d.tx === w.own) || (told(d) && d['txid'] === w.own?.txid);
        if (s.coin === 'unspent' && given) expect(own).toBe(true);
        if (s.coin === 'unspent' && (given || !w.behind)) expect(sends(d) || told(d)).toBe(true);
        // In the mempool, at any height: what pays less than was paid is fought, or it is said what that takes.
        if (w.role === 'payee' && mempool && mempool.paysSat !== null && mempool.paysSat < w.paidSat)
          expect(own).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
  it('an older state never replaces a better one', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decided(w, s, r);
        const paysSat = s.spend?.confirmations === 0 ? s.spend.paysSat : null;
        if (w.role !== 'payee' || paysSat === null || s.spend!.txid === w.own?.txid) return;
        const replaces = sends(d) && d.tx === w.own && d.do !== 'bump';
        if (paysSat > w.own!.paysSat || (w.behind && paysSat === w.own!.paysSat)) expect(replaces).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
  it('what takes a place pays for it: more in all, with its relay, and at a higher rate than either part', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decided(w, s, r);
        const paying = s.spend?.confirmations === 0 ? s.spend.paying : null;
        if (!paying || !sends(d) || !d.tx || d.do === 'bump' || d.tx.txid === s.spend!.txid) return;
        const child = d.child?.feeSat ?? 0n;
        const vsize = BigInt(d.tx.vsize + (child > 0n ? d.tx.childVsize : 0));
        const fee = d.tx.fee + child;
        expect(fee).toBeGreaterThanOrEqual(paying.all.feeSat + vsize);
        for (const part of [paying.all, paying.own])
          expect(fee * BigInt(part.vsize)).toBeGreaterThan(part.feeSat * vsize);
      }),
      { numRuns: 2_000 },
    );
  });
  it('a child in place of another pays for that too', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decided(w, s, r);
        const paying = s.spend?.paying;
        if (d.do !== 'bump' || !paying) return;
        const sibling = paying.all.feeSat - paying.own.feeSat;
        const size = paying.all.vsize - paying.own.vsize;
        if (size === 0) return;
        expect(d.child!.feeSat).toBeGreaterThanOrEqual(sibling + 111n);
        expect(d.child!.feeSat * BigInt(size)).toBeGreaterThan(sibling * 111n);
      }),
      { numRuns: 2_000 },
    );
  });
  it('no exit, refund or child against a contract that the chain settled, however shallow', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decided(w, s, r);
        if ((s.spend?.confirmations ?? 0) > 0 || (s.coin === 'spent' && !s.spend)) expect(sends(d)).toBe(false);
        if (d.do === 'settled' || d.do === 'lost')
          expect(s.spend!.confirmations).toBeGreaterThanOrEqual(r.confirmations);
        // What is settled for a payee has paid it.
        if (d.do === 'settled') expect(shortOf(w, d['paysSat'] as bigint)).toBe(0n);
      }),
      { numRuns: 2_000 },
    );
  });
  it('a payee never gives its exit away before the deadline, unless it was printed or is beaten', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decided(w, s, r);
        if (w.role === 'payee' && s.tip < dueAt(w) && !w.exiting)
          expect(d.tx === w.own && s.coin === 'unspent').toBe(false);
        if (w.role === 'payer' && s.tip < w.terms.expiry) expect(d.do).not.toBe('refund');
      }),
      { numRuns: 2_000 },
    );
  });
  it('no child costs more than the budget', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decided(w, s, r);
        if (!d.child || !d.tx) return;
        const chosen = r.feeBudgetSat ?? d.tx.paysSat / 10n;
        expect(d.child.feeSat).toBeLessThanOrEqual(chosen < d.tx.spareSat ? chosen : d.tx.spareSat);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what is watched', () => {
  it('comes from the record: exit, refund, the other side’s transactions', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const [mint, user] = [watchedOf(await payeeOf(both, id), undefined), watchedOf(await payerOf(both, id), undefined)];
    expect(mint).toMatchObject({ role: 'payee', offers: true, exiting: false, pending: null });
    expect(mint.own).toMatchObject({ by: 'exit', vsize: 154, fee: 308n, paysSat: 50_000n });
    expect(user.own).toMatchObject({ by: 'refund', vsize: 111, fee: 222n });
    // Each knows what the other may send.
    expect([...mint.ways.keys()].sort()).toEqual([...user.ways.keys()].sort());
    expect([...mint.ways.values()].map(({ by }) => by).sort()).toEqual(['exit', 'refund']);
    tip(both, 5_100);
    await both.payee.run(exitCredit, { input: { contract: id } });
    expect(watchedOf(await payeeOf(both, id), undefined)).toMatchObject({ exiting: true, offers: false });
  });
  it('a rollover that is finished goes first, and both know it', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const complete = (await rollMessages(both, id))[4]!;
    const next = await payeeOf(both, complete['next_contract'].id);
    const mint = watchedOf(await payeeOf(both, id), next);
    expect(mint.pending).toMatchObject({ by: 'rollover', txid: complete['txid'] });
    const user = watchedOf(await payerOf(both, id), await payerOf(both, complete['next_contract'].id));
    expect(user.ways.get(complete['txid'])?.by).toBe('rollover');
  });
  it('a signed close is known to both', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const proposed = await both.payer.run(closeCredit, { input: { contract: id } });
    const signed = await both.payee.run(closeCredit, { on: proposed.message });
    const closed = await both.payer.run(closeCredit, { on: signed.message });
    const { txid } = closed.message;
    expect(watchedOf(await payeeOf(both, id), undefined).ways.get(txid)?.by).toBe('close');
    const user = watchedOf(await payerOf(both, id), undefined);
    expect([user.pending?.by, user.pending?.txid, user.ways.get(txid)?.by]).toEqual(['close', txid, 'close']);
  });
  it('a settled record is left for good', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const settled = { by: 'refund', txid: '00'.repeat(32), paysSat: 0n } as const;
    expect(settledAs(await payerOf(both, id), settled)).toMatchObject({ state: 'exiting', settled });
    expect(settledAs(await payeeOf(both, id), settled)).toMatchObject({ state: 'exiting', live: [], settled });
  });
});

/** The same transaction without what signs it. */
const bare = (signed: string): string =>
  hex.encode(RawTx.encode({ ...RawTx.decode(hex.decode(signed)), segwitFlag: false, witnesses: undefined }));

describe('a transaction that spends the coin, by what it pays', () => {
  const c = contractWith();
  const script = payoutScript(c.terms, 'payee');
  const by = (template: Template) => judged(c, withWitness(template, [[new Uint8Array(64)]]), script);
  const [most, fee] = [maxPaid(c.terms), exitFee(c.terms)];
  it.each([
    ['an exit of a sat less than the most', update(c, most - 1n), 'exit'],
    ['an exit of the most that can be paid', update(c, most), 'exit'],
    ['a sat more, which only a close can pay', close(c, most + 1n, fee - 1n), 'close'],
    ['a close for a fee of 1 sat', close(c, 50_000n, 1n), 'close'],
    ['a close for nothing', close(c, 50_000n, 0n), 'close'],
    ['what pays a sat more than there is', close(c, 50_000n, -1n), 'other'],
  ])('is %s', (_, template, expected) => {
    const paysSat = template.outputs.filter((o) => o.script === script).reduce((sum, o) => sum + o.sat, 0n);
    expect(by(template)).toEqual({ by: expected, paysSat });
  });
});

describe('a bundle', () => {
  const exported = async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const { message } = await both.payee.run(exitCredit, { input: { contract: id, export: true } });
    return { both, id, document: message };
  };
  const read = (document: object) => readBundled(parseJson(printJson(document)))!;

  it('is what the home itself would watch', async () => {
    const { both, id, document } = await exported();
    const { network, watched } = read(document);
    const own = { ...watchedOf(await payeeOf(both, id), undefined).own, children: [] };
    expect([network, watched.own]).toEqual(['regtest', own]);
    expect(due(watched, seen(5_176))).toBe('exit');
  });
  it('is refused where it would not do on the day', async () => {
    const { both, id, document } = await exported();
    const { hex } = document;
    const signature = hex.length - 8 - 128;
    const forged = `${hex.slice(0, signature)}${hex[signature] === '0' ? '1' : '0'}${hex.slice(signature + 1)}`;
    const bad = (more: object) => async () => read({ ...document, ...more });
    await refused(bad({ hex: forged }), 'signature-invalid');
    await refused(bad({ hex: bare(hex) }), 'signature-invalid');
    await refused(bad({ hex: hex.replace('fdffffff', 'ffffffff') }), 'transaction-differs');
    await refused(bad({ contract: { ...document['contract'], expiry: 4_000 } }), 'terms-differ');
    await refused(bad({ network: 'moon' }), 'wrong-network');
    await refused(bad({ kind: 'close' }), 'malformed-message');
    const refund = await both.payer.run(exitCredit, { input: { contract: id, export: true } });
    await refused(async () => read(refund.message), 'not-final');
    tip(both, 5_320);
    const late = await both.payer.run(exitCredit, { input: { contract: id } });
    expect(due(read(late.message).watched, seen(5_320))).toBe('refund');
  });
  it('holds children that are signed for its output, or is refused', async () => {
    const { both, document } = await exported();
    const text = await withChildren(both.payee.home, printJson(document), [20_000, 10_000, 10_000], false);
    const full = parseJson(text) as any;
    expect(full.children.map((c: any) => [c.feerate, c.fee_sat])).toEqual([
      ['10', 2_342],
      ['20', 4_992],
    ]);
    const { own } = read(full).watched;
    expect(own.children!.map(({ feerate, fee }) => [feerate, fee])).toEqual([
      [10_000, 2_342n],
      [20_000, 4_992n],
    ]);
    const [cheap, dear] = full.children as { hex: string }[];
    const at = dear!.hex.length - 8 - 128;
    const forged = `${dear!.hex.slice(0, at)}${cheap!.hex.slice(at)}`;
    const bad = (hex: string) => async () => read({ ...full, children: [cheap, { hex }] });
    await refused(bad(forged), 'signature-invalid');
    await refused(bad(document['hex']), 'transaction-differs');
    await refused(bad('00'), 'malformed-transaction');
    // Above a tenth of what the exit pays: only where that is meant.
    await refused(() => withChildren(both.payee.home, printJson(document), [90_000], false), 'fee-too-high');
    // There is no other coin to give: what must go is the fee rate.
    await expect(withChildren(both.payee.home, printJson(document), [10_000, 900_000], true)).rejects.toMatchObject({
      code: 'not-enough-coins',
      message: expect.stringMatching(/^a child for 900 sat\/vB: /) as string,
      hint: 'leave this fee rate out of --children',
    });
  });
});

describe("the copy of a payer's refund", () => {
  const copied = async () => {
    const both = await parties();
    const id = await opened(both);
    const [copy] = both.payer.home.copies().copies;
    return { both, id, copy: copy!.body as any };
  };
  const read = (document: object) => readBundled(parseJson(printJson(document)));

  it('is watched for what it is: due at the expiry, not before', async () => {
    const { both, id, copy } = await copied();
    const { network, watched } = read(copy)!;
    const home = watchedOf(await payerOf(both, id), undefined);
    expect([network, watched.own]).toEqual(['regtest', { ...home.own, children: [] }]);
    expect([watched.id, watched.role, watched.outpoint]).toEqual([home.id, home.role, home.outpoint]);
    expect([1_000, 5_032, 5_319, 5_320].map((h) => due(watched, seen(h)))).toEqual(['rest', 'rest', 'rest', 'refund']);
  });
  it('is refused where it would not do on the day', async () => {
    const { copy } = await copied();
    const bad = (more: object) => async () => read({ ...copy, ...more });
    const at = copy.hex.length - 8 - 128;
    await refused(bad({ hex: `${copy.hex.slice(0, at)}${'00'.repeat(64)}${copy.hex.slice(-8)}` }), 'signature-invalid');
    await refused(bad({ hex: bare(copy.hex) }), 'signature-invalid');
    const empty = RawTx.encode({ version: 3, inputs: [], outputs: [], lockTime: copy.expiry });
    await refused(bad({ hex: hex.encode(empty) }), 'transaction-differs');
    await refused(bad({ capacity_sat: copy.capacity_sat + 1 }), 'signature-invalid');
    await refused(bad({ expiry: copy.expiry - 1 }), 'transaction-differs');
    await refused(bad({ hex: '03000000' }), 'malformed-transaction');
    await refused(bad({ script: undefined }), 'malformed-message');
    await refused(bad({ network: 'mainnet' }), 'wrong-network');
  });
  it("of a statecoin's backup is left to its owner", async () => {
    const { copy } = await copied();
    expect(read({ ...copy, coin: {}, confirm_before_height: null })).toBe(null);
  });
});
