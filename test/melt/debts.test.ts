/**
 * What a mint's home owes two merchants, through everything that can happen to its store: a model of the records in which
 * invoices are quoted, paid, refused, settled and shown, copies put back, journals read in part or whole, figures
 * confirmed, in any order. Pure: the rules are played on records.
 * SPILLWAY_RUNS is the number of histories, SPILLWAY_SEED the first of them.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { paidUpTo, signedUpTo } from '../../src/lib/credit/owed.ts';
import { creditKind, type PayerCredit } from '../../src/lib/credit/records.ts';
import { checkSettled } from '../../src/lib/credit/steps.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import { confirmOwed, refusedAsUnpaid } from '../../src/lib/mint/confirm.ts';
import { parseInvoice, type Invoice } from '../../src/lib/mint/invoice.ts';
import { checkMelt, payMelt, quoteMelt, type MeltResult } from '../../src/lib/mint/melt.ts';
import {
  invoiceKind,
  meltKind,
  newInvoice,
  tabKind,
  type InvoiceRecord,
  type Melt,
  type Tab,
} from '../../src/lib/mint/records.ts';
import { takeReceipt } from '../../src/lib/mint/settle.ts';
import type { Kind } from '../../src/lib/protocol/action.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { Market } from '../support/mint-home.ts';

const RUNS = Number(process.env['SPILLWAY_RUNS'] ?? 100);
const SEED = Number(process.env['SPILLWAY_SEED'] ?? 34);

let contracts: (PayerCredit & { state: 'open' })[];
let invoices: Invoice[];
let mint: string;
let secrets: Record<string, Uint8Array>;

beforeAll(async () => {
  const market = await Market.make();
  mint = market.mint.url;
  const ids = [await market.reverse(60_000n), await market.reverse(60_000n)];
  contracts = (await Promise.all(ids.map(market.payer.bind(market)))) as typeof contracts;
  const keys = await market.operator.home.keys();
  secrets = Object.fromEntries(contracts.map((c) => [c.id, keys.auth(c.own.path)]));
  const lines = ids.flatMap((id) => [1_000n, 2_000n, 4_000n, 8_000n].map((sat) => market.invoice(id, sat)));
  invoices = (await Promise.all(lines)).map(parseInvoice);
  await market.close();
});

/** All that the home stores, each kind by its own name. */
interface Store {
  credit: Record<string, PayerCredit>;
  invoice: Record<string, InvoiceRecord>;
  melt: Record<string, Melt>;
  tab: Record<string, Tab>;
}
const KINDS: { [K in keyof Store]: Kind<any> } = {
  credit: creditKind,
  invoice: invoiceKind,
  melt: meltKind,
  tab: tabKind,
};
const each = (store: Store, as: (kind: Kind<any>, record: any) => unknown): Store =>
  Object.fromEntries(
    Object.entries(store).map(([sort, records]) => [
      sort,
      Object.fromEntries(Object.entries(records).map(([name, r]) => [name, as(KINDS[sort as keyof Store], r)])),
    ]),
  ) as unknown as Store;

class World {
  store: Store;
  /** Of every commit, as the journal has them. */
  journal: { sort: keyof Store; name: string; record: unknown }[] = [];
  copies: Store[] = [];
  melts: { id: string; invoice: Invoice; state: 'unpaid' | 'pending' | 'paid' }[] = [];
  // ── what really happened, whatever was lost since ──
  readonly receipts = new Map<string, string>();
  readonly failed = new Set<string>();
  readonly agreed: Record<string, bigint> = {};
  readonly signed: Record<string, bigint> = {};

  constructor() {
    this.store = {
      credit: Object.fromEntries(contracts.map((c) => [c.id, c])),
      invoice: {},
      melt: {},
      tab: {},
    };
  }

  found = (invoice: Invoice, melt?: string) => ({
    contract: this.store.credit[invoice.contract]!,
    ...(this.store.invoice[invoice.digest] && { invoice: this.store.invoice[invoice.digest]! }),
    ...(this.store.tab[invoice.contract] && { tab: this.store.tab[invoice.contract]! }),
    ...(melt !== undefined && this.store.melt[melt] && { melt: this.store.melt[melt] }),
  });
  commit({ contract, invoice, melt, tab }: { contract?: any; invoice?: any; melt?: any; tab?: any }): void {
    const writes = [
      ['credit', contract?.id, contract],
      ['invoice', invoice?.digest, invoice],
      ['melt', melt?.quote, melt],
      ['tab', tab?.contract, tab],
    ] as const;
    for (const [sort, name, record] of writes)
      if (record) {
        (this.store[sort] as Record<string, unknown>)[name] = record;
        this.journal.push({ sort, name, record });
      }
  }
  now = () => ({
    network: 'regtest',
    mint,
    facts: { tip: 1_000, coins: 'not-checked' as const, now: 0 },
    stopped: null,
  });

  check(): void {
    for (const c of Object.values(this.store.credit)) {
      const paid = invoices.filter((i) => i.contract === c.id && this.receipts.has(i.digest));
      const truth = paid.reduce((sum, i) => sum + i.amountSat, 0n) + (this.agreed[c.id] ?? 0n);
      const settled = this.signed[c.id] ?? 0n;
      expect(c.signedMaxSat <= c.owedSat! && c.owedSat! <= maxPaid(c.terms), 'signed ≤ owed ≤ capacity').toBe(true);
      expect(c.owedSat! <= (truth > settled ? truth : settled), 'no debt is counted twice').toBe(true);
      if (c.restored) expect(() => checkSettled(c), 'no end before the debt is known').toThrow();
    }
    for (const digest of this.failed)
      expect(this.receipts.has(digest), 'who got ecash back was not paid on').toBe(false);
    for (const i of Object.values(this.store.invoice))
      if (i.paid) expect(this.receipts.has(i.digest), 'what is paid was paid').toBe(true);
  }
}

type Cmd = fc.Command<object, World>;
const command = (name: string, run: (w: World) => void): Cmd => ({
  check: () => true,
  toString: () => name,
  run: (_, w) => {
    try {
      run(w);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
    }
    w.check();
  },
});
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!;

const quote = (n: number): Cmd =>
  command(`quote ${n % invoices.length}`, (w) => {
    const invoice = pick(invoices, n);
    const id = `melt-${w.melts.length}`;
    w.commit(quoteMelt(w.found(invoice, id), id, invoice, w.now()).writes);
    w.melts.push({ id, invoice, state: 'unpaid' });
  });
const settleMelt = (w: World, melt: World['melts'][number], { status }: MeltResult): void => {
  if (status === 'paid') melt.state = 'paid';
  if (status !== 'failed' || melt.state !== 'pending') return;
  melt.state = 'unpaid';
  w.failed.add(melt.invoice.digest);
};
/** The mint sends a melt, again and again where it got no answer; handler and answer may be lost. */
const pay = (n: number, lost: 'nothing' | 'commit' | 'answer'): Cmd =>
  command(`pay ${n}${lost === 'nothing' ? '' : `, ${lost} lost`}`, (w) => {
    if (w.melts.length === 0) return;
    const melt = pick(w.melts, n);
    const others = w.melts.filter((m) => m !== melt && m.invoice === melt.invoice);
    if (melt.state === 'paid' || others.some((m) => m.state !== 'unpaid')) return;
    melt.state = 'pending';
    w.failed.delete(melt.invoice.digest);
    const { writes, result } = payMelt(
      w.found(melt.invoice, melt.id),
      () => melt.invoice,
      w.now(),
      (c) => secrets[c.id]!,
    );
    if (lost === 'commit') return;
    w.commit(writes);
    if (result.status === 'paid') w.receipts.set(melt.invoice.digest, result.proof);
    if (lost === 'answer') return;
    settleMelt(w, melt, result);
  });
const ask = (n: number): Cmd =>
  command(`check ${n}`, (w) => {
    if (w.melts.length === 0) return;
    const melt = pick(w.melts, n);
    const { writes, result } = checkMelt(w.found(melt.invoice));
    w.commit(writes);
    settleMelt(w, melt, result);
  });
const sign = (w: World, c: PayerCredit, sat: bigint): void => {
  w.commit({ contract: paidUpTo(c, sat) });
  w.signed[c.id] = sat > (w.signed[c.id] ?? 0n) ? sat : w.signed[c.id]!;
};
const settle = (n: number): Cmd =>
  command(`settle ${n % 2}`, (w) => {
    const c = w.store.credit[pick(contracts, n).id]!;
    sign(w, c, c.owedSat!);
  });
/** A person of the home agrees to an update of the merchant, who shows what was signed before. */
const agree = (n: number): Cmd =>
  command(`agree ${n % 2}`, (w) => {
    const had = w.store.credit[pick(contracts, n).id]!;
    const c = signedUpTo(had, w.signed[had.id] ?? 0n);
    const sat = c.signedMaxSat + 500n;
    if (sat > maxPaid(c.terms)) return;
    w.agreed[c.id] = (w.agreed[c.id] ?? 0n) + (sat > c.owedSat! ? sat - c.owedSat! : 0n);
    sign(w, c, sat);
  });
const learn = (n: number): Cmd =>
  command(`learn ${n % 2}`, (w) => {
    const c = w.store.credit[pick(contracts, n).id]!;
    w.commit({ contract: signedUpTo(c, w.signed[c.id] ?? 0n) });
  });
const show = (n: number): Cmd =>
  command(`show ${n}`, (w) => {
    const shown = invoices.filter((i) => w.receipts.has(i.digest));
    if (shown.length === 0) return;
    const invoice = pick(shown, n);
    const { contract, ...found } = w.found(invoice);
    w.commit(takeReceipt(contract, found, invoice, w.receipts.get(invoice.digest)!));
  });
const copy = (): Cmd => command('copy', (w) => void w.copies.push(structuredClone(w.store)));
const restore = (n: number): Cmd =>
  command(`restore ${n}`, (w) => {
    if (w.copies.length === 0) return;
    w.store = each(structuredClone(pick(w.copies, n)), (kind, record) => kind.restored(record));
  });
/** Of every file of the journal the first so many lines; once more changes nothing. */
const reconcile = (part: number): Cmd =>
  command(`reconcile ${part} %`, (w) => {
    const lines = w.journal.slice(0, Math.ceil((w.journal.length * part) / 100));
    const gathered = new Map<string, { sort: keyof Store; name: string; record: any }>();
    for (const { sort, name, record } of lines) {
      const lost = KINDS[sort].restored(record);
      const known = gathered.get(`${sort} ${name}`);
      gathered.set(`${sort} ${name}`, {
        sort,
        name,
        record: known ? KINDS[sort].merged!(known.record, lost) : lost,
      });
    }
    for (const { sort, name, record } of gathered.values()) {
      const records = w.store[sort] as Record<string, any>;
      const mine = records[name];
      const { restored, merged } = KINDS[sort];
      const covered = mine && same(merged!(restored(mine), record), restored(mine));
      if (!covered) records[name] = mine ? merged!(mine, record) : record;
    }
  });
const same = (a: unknown, b: unknown): boolean => text(a) === text(b);
const text = (value: unknown): string => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
const confirm = (n: number): Cmd =>
  command(`confirm ${n % 2}`, (w) => {
    const c = w.store.credit[pick(contracts, n).id]!;
    w.commit({ contract: confirmOwed(c, Object.values(w.store.invoice)) });
  });

/** The whole journal is read, and its owner says that it is. */
const complete = (): Cmd =>
  command('reconcile --complete', (w) => {
    reconcile(100).run({}, w);
    w.store = each(w.store, (kind, record) => kind.completed?.(record) ?? record);
  });
/** The operator says of an invoice that it was not paid, which is true. */
const word = (n: number): Cmd =>
  command(`confirm --unpaid ${n}`, (w) => {
    const invoice = pick(invoices, n);
    if (w.receipts.has(invoice.digest)) return;
    confirm(contracts.findIndex(({ id }) => id === invoice.contract)).run({}, w);
    w.commit({ invoice: refusedAsUnpaid(w.found(invoice).invoice ?? newInvoice(invoice)) });
  });

const n = fc.nat({ max: 50 });
const commands = fc.commands(
  [
    n.map(quote),
    n.map(quote),
    fc
      .tuple(n, fc.constantFrom('nothing', 'nothing', 'commit', 'answer'))
      .map(([i, lost]) => pay(i, lost as 'nothing')),
    fc
      .tuple(n, fc.constantFrom('nothing', 'nothing', 'commit', 'answer'))
      .map(([i, lost]) => pay(i, lost as 'nothing')),
    n.map(ask),
    n.map(settle),
    n.map(agree),
    n.map(learn),
    n.map(show),
    fc.constant(copy()),
    n.map(restore),
    fc.constantFrom(20, 60, 100).map(reconcile),
    n.map(confirm),
    fc.constant(complete()),
    n.map(word),
  ],
  { maxCommands: 40, size: 'max' },
);

describe(`${RUNS} histories of two debts (seed ${SEED})`, () => {
  it('keep the invariants after each command, and with every receipt shown nothing is forgotten', () => {
    let [paid, lost] = [0, 0];
    const property = fc.property(commands, (list) => {
      const world = new World();
      fc.modelRun(() => ({ model: {}, real: world }), list);
      paid += world.receipts.size;
      if (Object.values(world.store.credit).some((c) => c.restored)) lost += 1;
      for (const i of [0, 1]) learn(i).run({}, world);
      for (let i = 0; i < invoices.length; i++) show(i).run({}, world);
      for (const i of [0, 1]) confirm(i).run({}, world);
      for (const c of Object.values(world.store.credit)) {
        const known = invoices.filter((i) => i.contract === c.id && world.receipts.has(i.digest));
        const sum = known.reduce((all, i) => all + i.amountSat, 0n);
        expect(c.owedSat! >= sum && c.owedSat! >= (world.signed[c.id] ?? 0n), 'no debt is forgotten').toBe(true);
      }
      // No ecash stays locked: the whole journal, or the operator's word, says of each invoice whether it was paid.
      const [end, ask] = world.copies.length % 2 === 0 ? [complete(), 'known'] : [undefined, 'all'];
      end?.run({}, world);
      if (!end) for (let i = 0; i < invoices.length; i++) word(i).run({}, world);
      for (const invoice of invoices) {
        const found = world.found(invoice);
        if (ask === 'known' && !found.invoice) continue;
        const paid = world.receipts.has(invoice.digest);
        expect(checkMelt(found).result.status, 'nothing stays in doubt').toBe(paid ? 'paid' : 'failed');
      }
    });
    fc.assert(property, { numRuns: RUNS, seed: SEED });
    // The histories are not idle.
    expect(paid).toBeGreaterThan(RUNS / 4);
    expect(lost).toBeGreaterThan(RUNS / 20);
  });

  it('a restored home owes once what receipts of updates and of invoices tell of, in whatever order and however often', () => {
    const shop = contracts[0]!.id;
    const own = () => invoices.map((one, n) => ({ one, n })).filter(({ one }) => one.contract === shop);
    const shownAt = (n: number): Cmd =>
      command(`show invoice ${n}`, (w) => {
        const invoice = invoices[n]!;
        const { contract, ...found } = w.found(invoice);
        w.commit(takeReceipt(contract, found, invoice, w.receipts.get(invoice.digest)!));
      });
    const learnt = (sat: bigint): Cmd =>
      command(`learn ${sat}`, (w) => w.commit({ contract: signedUpTo(w.store.credit[shop]!, sat) }));
    const scene = fc.record({
      settledAfter: fc.subarray([0, 1, 2, 3]),
      order: fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 30 }),
    });
    const property = fc.property(scene, ({ settledAfter, order }) => {
      const world = new World();
      copy().run({}, world);
      const signed: bigint[] = [];
      for (const [i, { n }] of own().entries()) {
        quote(n).run({}, world);
        pay(i, 'nothing').run({}, world);
        if (!settledAfter.includes(i)) continue;
        settle(0).run({}, world);
        signed.push(world.signed[shop]!);
      }
      expect(world.store.credit[shop]!.owedSat).toBe(15_000n);
      restore(0).run({}, world);
      let [known, learned] = [0n, 0n];
      const seen = new Set<number>();
      const says = [...own().map(({ n }) => n), ...signed];
      for (const pick of [...order, ...says.keys()]) {
        const said = says[pick % says.length]!;
        if (typeof said === 'bigint') {
          learnt(said).run({}, world);
          learned = said > learned ? said : learned;
        } else {
          shownAt(said).run({}, world);
          if (!seen.has(said)) known += invoices[said]!.amountSat;
          seen.add(said);
        }
        // The larger of what the receipts sum to and what was signed, never both.
        const { owedSat, signedMaxSat } = world.store.credit[shop]!;
        expect([owedSat, signedMaxSat]).toEqual([known > learned ? known : learned, learned]);
      }
      expect(world.store.credit[shop]!.owedSat).toBe(15_000n);
    });
    fc.assert(property, { numRuns: RUNS, seed: SEED });
  });

  it('and what people agreed to before a loss and after it counts beside the invoices', () => {
    const world = new World();
    const histories = [copy(), agree(0), quote(0), pay(0, 'nothing'), restore(0), learn(0), agree(0), reconcile(100)];
    for (const one of [...histories, show(0), confirm(0)]) one.run({}, world);
    const { owedSat, signedMaxSat } = world.store.credit[contracts[0]!.id]!;
    expect([owedSat, signedMaxSat]).toEqual([500n + 1_000n + 500n, 1_000n]);
  });
});
