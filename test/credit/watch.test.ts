/** What is due for a watched contract: each rung of the ladder, and two properties over histories of a chain. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withChildren } from '../../src/lib/cli/exit-children.ts';
import { exitCredit } from '../../src/lib/credit/exit.ts';
import { closeCredit } from '../../src/lib/credit/close.ts';
import { settledAs } from '../../src/lib/credit/records.ts';
import { dueAt, decide, lastAt, type Due, type Rules, type Seen, type Watched } from '../../src/lib/credit/watch.ts';
import { readBundled } from '../../src/lib/credit/bundle.ts';
import { watchedOf } from '../../src/lib/credit/watched.ts';
import { printJson, parseJson } from '../../src/lib/protocol/json.ts';
import { opened, payMessages, rollMessages } from '../support/credit.ts';
import { parties, payeeOf, payerOf, refused, tip } from './helpers.ts';

const TX = { vsize: 154, fee: 308n, paysSat: 50_000n, spareSat: 49_670n, childVsize: 111, children: null };
const ready = (by: 'exit' | 'refund' | 'close' | 'rollover', more: object = {}) => ({
  by,
  hex: by,
  txid: `${by}-txid`,
  ...TX,
  ...more,
});
/** Freeze at 712, deadline 856, last 928, expiry 1000. */
const terms = { expiry: 1_000, freeze_blocks: 288, margin_blocks: 144 } as Watched['terms'];
const ways = new Map((['exit', 'refund', 'close', 'rollover'] as const).map((by) => [`${by}-txid`, by]));
const payee = (more: Partial<Watched> = {}): Watched => ({
  id: 'aa',
  role: 'payee',
  terms,
  outpoint: { txid: 'ff', vout: 0 },
  own: ready('exit'),
  pending: null,
  exiting: false,
  offers: true,
  ways,
  knowsAll: true,
  behind: false,
  ...more,
});
const payer = (more: Partial<Watched> = {}) => payee({ role: 'payer', own: ready('refund'), ...more });
const seen = (height: number, more: Partial<Seen> = {}): Seen => ({
  tip: height,
  coin: 'unspent',
  spend: null,
  conflicted: false,
  feerate: 2_000,
  ...more,
});
const spent = (
  by: 'exit' | 'refund' | 'close' | 'rollover' | 'other',
  confirmations: number,
  feerate = 2_000,
  feeSat = 500n,
) =>
  ({
    coin: 'spent',
    spend: {
      by,
      txid: by === 'other' ? 'dd' : `${by}-txid`,
      confirmations,
      paying: confirmations ? null : { feerate, feeSat },
    },
  }) as const;
const rules: Rules = { confirmations: 6, feeBudgetSat: 20_000n };
const due = (w: Watched, s: Seen, r = rules) => {
  const d = decide(w, s, r);
  return d.do === 'wait' ? d.why : d.do;
};

describe("the payee's ladder", () => {
  it('in a restored home waits for its journal, but not longer than half the margin', () => {
    const heights = [711, 712, 856, 927, 928, 1_000];
    const at = (more: Partial<Watched>) => heights.map((h) => due(payee({ behind: true, ...more }), seen(h)));
    expect(at({})).toEqual(['early', 'restored', 'restored', 'restored', 'exit', 'exit']);
    expect(at({ own: null }).slice(1)).toEqual(Array(5).fill('restored'));
    expect(at({ pending: ready('close') }).slice(0, 4)).toEqual(Array(4).fill('rebroadcast'));
  });
  it('warns from the freeze height on, offers a close halfway to the deadline, exits from there on', () => {
    expect([711, 712, 783, 784, 855, 856, 1_000].map((h) => due(payee(), seen(h)))).toEqual([
      'early',
      'warn',
      'warn',
      'propose-close',
      'propose-close',
      'exit',
      'exit',
    ]);
  });
  it('warns only, where a close cannot be offered', () => {
    expect(due(payee({ offers: false }), seen(800))).toBe('warn');
  });
  it('does nothing where nothing was paid', () => {
    expect([712, 856, 1_000].map((h) => due(payee({ own: null }), seen(h)))).toEqual(Array(3).fill('nothing-to-exit'));
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
    expect(decide(w, seen(800, { feerate: 9_000 }), rules)).toMatchObject({ do: 'rebroadcast', feerate: null });
    expect(decide(w, seen(856, { feerate: 9_000 }), rules)).toMatchObject({
      do: 'rebroadcast',
      tx: { by: 'rollover' },
      feerate: 9_000,
    });
    expect(due(w, seen(927))).toBe('rebroadcast');
    expect(due(w, seen(928))).toBe('exit');
  });
  it('is bumped in the mempool from the deadline on, and outbid from half the margin on', () => {
    const stuck = (h: number) => decide(w, seen(h, { ...spent('rollover', 0), feerate: 9_000 }), rules);
    expect(stuck(855)).toEqual({ do: 'wait', why: 'in-mempool' });
    expect(stuck(856)).toMatchObject({ do: 'bump', tx: { by: 'rollover' }, feerate: 9_000 });
    expect(stuck(928)).toMatchObject({ do: 'exit', tx: { by: 'exit' }, feerate: 9_000 });
    // More than what is replaced, also in calm times.
    expect(decide(w, seen(928, spent('rollover', 0, 8_000)), rules)).toMatchObject({ do: 'exit', feerate: 11_000 });
    // Also more in all, where what is replaced is larger: 5,300 sat and 2 sat/vB over 265 vB.
    const large = spent('rollover', 0, 8_000, 5_300n);
    expect(decide(w, seen(928, large), rules)).toMatchObject({ do: 'exit', feerate: 22_000 });
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
    expect(decide(payee(), seen(856), rules)).toMatchObject({ feerate: null });
    expect(decide(payee(), seen(856, { feerate: 40_000 }), rules)).toMatchObject({ feerate: 40_000 });
  });
  it('an exit in the mempool is bumped once that is worth a replacement', () => {
    const at = (feerate: number) => due(payee({ exiting: true }), seen(860, { ...spent('exit', 0), feerate }));
    expect([2_000, 2_999, 3_000, 40_000].map(at)).toEqual(['in-mempool', 'in-mempool', 'bump', 'bump']);
  });
  it('never above the budget: as far as it goes, and then it is said', () => {
    const w = payee({ exiting: true });
    const at = (feeBudgetSat: bigint | null, now: number) =>
      decide(w, seen(860, { ...spent('exit', 0, now), feerate: 90_000 }), { ...rules, feeBudgetSat });
    // (308 + 5000) sat over 265 vB
    expect(at(5_000n, 2_000)).toMatchObject({ do: 'bump', feerate: 20_030 });
    expect(at(5_000n, 20_030)).toMatchObject({ do: 'over-budget', wanted: 90_000 });
    expect(at(null, 2_000)).toMatchObject({ do: 'bump', feerate: 20_030 }); // a tenth of 50,000
    expect(at(0n, 2_000)).toMatchObject({ do: 'over-budget' });
    expect(at(110n, 2_000)).toMatchObject({ do: 'over-budget' });
  });
  it('a child leaves something of the output that it spends, whatever the budget', () => {
    const small = ready('exit', { paysSat: 1_000n, spareSat: 670n });
    // (308 + 670) sat over 265 vB
    expect(decide(payee({ own: small }), seen(856, { feerate: 90_000 }), rules)).toMatchObject({ feerate: 3_690 });
    const dust = ready('exit', { paysSat: 330n, spareSat: 0n });
    expect(decide(payee({ own: dust }), seen(856, { feerate: 90_000 }), rules)).toMatchObject({ feerate: null });
  });
  it('what pays this party nothing is not for it to pay for', () => {
    const w = payee({ pending: ready('rollover', { paysSat: 0n, spareSat: 0n }), own: null });
    expect(decide(w, seen(856, { feerate: 9_000 }), rules)).toMatchObject({ do: 'rebroadcast', feerate: null });
    expect(due(w, seen(856, { ...spent('rollover', 0), feerate: 9_000 }))).toBe('in-mempool');
  });
  describe('without a key', () => {
    const child = (feerate: number) => ({ hex: 'cc', fee: BigInt((feerate * 265) / 1000) - 308n, feerate });
    const children = [10_000, 30_000, 100_000].map(child);
    const tower = (more: object = {}) => payee({ offers: false, own: ready('exit', { children, ...more }) });
    const any: Rules = { ...rules, feeBudgetSat: null };
    const sent = (feerate: number, r = any) => decide(tower(), seen(856, { feerate }), r);
    const stuck = (feerate: number, now: number, r = any) =>
      decide(tower(), seen(860, { ...spent('exit', 0, now), feerate }), r);
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
      expect(stuck(200_000, 100_000)).toMatchObject({ do: 'over-budget', wanted: 200_000 });
      expect(stuck(31_000, 30_000, { ...any, feeBudgetSat: children[1]!.fee })).toMatchObject({ do: 'over-budget' });
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
      expect(decide(bare, seen(856, { feerate: 9_000 }), any)).toMatchObject({ do: 'exit', feerate: null });
      const later = decide(bare, seen(860, { ...spent('exit', 0), feerate: 9_000 }), any);
      expect(later).toMatchObject({ do: 'needs-bump', wanted: 9_000 });
    });
  });
  it('an exit goes out alone where the budget is too small, rather than not', () => {
    const broke = { ...rules, feeBudgetSat: 0n };
    expect(decide(payee(), seen(856, { feerate: 90_000 }), broke)).toMatchObject({ do: 'exit', feerate: null });
  });
});

describe('the payer', () => {
  it('warns, offers a close until the payee exits, and takes its refund at the expiry, not before', () => {
    expect([711, 712, 783, 784, 855, 856, 999, 1_000].map((h) => due(payer(), seen(h)))).toEqual([
      'early',
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
    const stuck = (h: number, r = rules) => decide(w, seen(h, { ...spent('close', 0), feerate: 9_000 }), r);
    expect(stuck(855)).toEqual({ do: 'wait', why: 'in-mempool' });
    expect(stuck(856)).toMatchObject({ do: 'bump', tx: { by: 'close' }, feerate: 9_000 });
    expect(stuck(1_000)).toMatchObject({ do: 'bump', tx: { by: 'close' } });
    expect(stuck(856, { ...rules, feeBudgetSat: 0n })).toMatchObject({ do: 'over-budget', wanted: 9_000 });
    expect(decide(w, seen(856, { feerate: 9_000 }), rules)).toMatchObject({ do: 'rebroadcast', feerate: 9_000 });
  });
});

describe('what the chain settles', () => {
  it('is settled at so many confirmations, not before', () => {
    expect([1, 5, 6].map((n) => due(payee(), seen(900, spent('exit', n))))).toEqual([
      'confirming',
      'confirming',
      'settled',
    ]);
    expect(decide(payee(), seen(900, spent('refund', 6)), rules)).toMatchObject({ do: 'settled', by: 'refund' });
  });
  it('what spends the coin and is not known settles nothing', () => {
    expect(due(payee(), seen(900, spent('other', 9)))).toBe('spent-otherwise');
    expect(due(payee(), seen(900, { coin: 'spent' }))).toBe('spent-otherwise');
  });
  it('a refund, or what nobody knows, in the mempool is outbid from the deadline on', () => {
    for (const by of ['refund', 'other'] as const) {
      expect(due(payee(), seen(855, spent(by, 0)))).toBe('in-mempool');
      expect(decide(payee(), seen(1_000, spent(by, 0, 6_000)), rules)).toMatchObject({ do: 'exit', feerate: 8_500 });
    }
  });
});

describe('whatever the order of facts', () => {
  const by = fc.constantFrom('exit', 'refund', 'close', 'rollover', 'other');
  const facts: fc.Arbitrary<Seen> = fc
    .record({
      tip: fc.integer({ min: 0, max: 1_200 }),
      coin: fc.constantFrom('unspent', 'spent', 'absent'),
      conflicted: fc.boolean(),
      feerate: fc.integer({ min: 1_000, max: 500_000 }),
      spend: fc.option(
        fc.record({
          by,
          confirmations: fc.integer({ min: 0, max: 12 }),
          paying: fc.option(
            fc.record({
              feerate: fc.integer({ min: 0, max: 500_000 }),
              feeSat: fc.bigInt({ min: 0n, max: 200_000n }),
            }),
          ),
          known: fc.boolean(),
        }),
      ),
    })
    .map(({ spend, coin, ...rest }) => ({
      ...rest,
      coin: spend ? 'spent' : coin,
      spend: spend && { ...spend, txid: spend.known ? `${spend.by}-txid` : null },
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
  const sends = (d: Due): boolean => d.do === 'exit' || d.do === 'refund' || d.do === 'rebroadcast' || d.do === 'bump';

  it('a contract never misses its deadline: its own transaction is out, or goes out, or a known one is before it', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        if (s.tip < dueAt(w) || s.coin === 'absent') return;
        const d = decide(w, s, r);
        const mempool = s.spend?.confirmations === 0 ? s.spend : null;
        const given = w.role === 'payee' ? s.tip >= lastAt(w.terms) : true;
        if (s.coin === 'unspent' && given) expect(sends(d) && 'tx' in d && d.tx === w.own).toBe(true);
        if (s.coin === 'unspent' && (given || !w.behind)) expect(sends(d)).toBe(true);
        // In the mempool: from half the margin on nothing but the exit itself is left alone by the payee.
        if (w.role === 'payee' && mempool && given && mempool.txid !== 'exit-txid')
          expect(sends(d) && 'tx' in d && d.tx === w.own).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
  it('no exit, refund or child against a contract that the chain settled, however shallow', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decide(w, s, r);
        if ((s.spend?.confirmations ?? 0) > 0 || (s.coin === 'spent' && !s.spend)) expect(sends(d)).toBe(false);
        if (d.do === 'settled') expect(s.spend!.confirmations).toBeGreaterThanOrEqual(r.confirmations);
      }),
      { numRuns: 2_000 },
    );
  });
  it('a payee never gives its exit away before the deadline, unless it was printed', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decide(w, s, r);
        if (w.role === 'payee' && s.tip < dueAt(w) && !w.exiting)
          expect('tx' in d && d.tx === w.own && s.coin === 'unspent').toBe(false);
        if (w.role === 'payer' && s.tip < w.terms.expiry) expect(d.do).not.toBe('refund');
      }),
      { numRuns: 2_000 },
    );
  });
  it('no child costs more than the budget', () => {
    fc.assert(
      fc.property(contract, facts, budgets, (w, s, r) => {
        const d = decide(w, s, r);
        if (!('feerate' in d) || d.feerate === null) return;
        const chosen = r.feeBudgetSat ?? d.tx.paysSat / 10n;
        const budget = chosen < d.tx.spareSat ? chosen : d.tx.spareSat;
        const fee = (BigInt(d.feerate) * BigInt(d.tx.vsize + d.tx.childVsize) + 999n) / 1000n - d.tx.fee;
        expect(fee).toBeLessThanOrEqual(budget);
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
    expect(new Set(mint.ways)).toEqual(new Set(user.ways));
    expect([...mint.ways.values()].sort()).toEqual(['exit', 'refund']);
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
    expect(user.ways.get(complete['txid'])).toBe('rollover');
  });
  it('a signed close is known to both', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const proposed = await both.payer.run(closeCredit, { input: { contract: id } });
    const signed = await both.payee.run(closeCredit, { on: proposed.message });
    const closed = await both.payer.run(closeCredit, { on: signed.message });
    const { txid } = closed.message;
    expect(watchedOf(await payeeOf(both, id), undefined).ways.get(txid)).toBe('close');
    const user = watchedOf(await payerOf(both, id), undefined);
    expect([user.pending?.by, user.pending?.txid, user.ways.get(txid)]).toEqual(['close', txid, 'close']);
  });
  it('a settled record is left for good', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const settled = { by: 'refund', txid: '00'.repeat(32) } as const;
    expect(settledAs(await payerOf(both, id), settled)).toMatchObject({ state: 'exiting', settled });
    expect(settledAs(await payeeOf(both, id), settled)).toMatchObject({ state: 'exiting', live: [], settled });
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
    expect([1_000, 5_032, 5_319, 5_320].map((h) => due(watched, seen(h)))).toEqual([
      'early',
      'early',
      'early',
      'refund',
    ]);
  });
  it('is refused where it would not do on the day', async () => {
    const { copy } = await copied();
    const bad = (more: object) => async () => read({ ...copy, ...more });
    const at = copy.hex.length - 8 - 128;
    await refused(bad({ hex: `${copy.hex.slice(0, at)}${'00'.repeat(64)}${copy.hex.slice(-8)}` }), 'signature-invalid');
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
