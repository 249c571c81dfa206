/**
 * Random histories of a home and its mint: payments, quotes, reports, melts, crashes between any two of them, handlers that
 * run twice, an older copy of either put back. Pure: the rules are played on records, the mint is a model of cdk-mintd.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { creditPayment } from '../../src/lib/ecash/payments.ts';
import { paidUpTo } from '../../src/lib/credit/owed.ts';
import { creditKind, type PayeeCredit, type PayerCredit } from '../../src/lib/credit/records.ts';
import { upTo } from '../../src/lib/credit/spans.ts';
import { ledgerKind, payeeLedger, waitingOf, type PayeeLedger } from '../../src/lib/ecash/ledger.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import { newQuote, quoteKind, type MintFigures, type PaymentEvent, type Quote } from '../../src/lib/ecash/quote.ts';
import { confirmQuotes } from '../../src/lib/mint/confirm.ts';
import { parseInvoice, signInvoiceReceipt, type Invoice } from '../../src/lib/mint/invoice.ts';
import { checkMelt, payMelt, quoteMelt, type MeltResult } from '../../src/lib/mint/melt.ts';
import type { InvoiceRecord, Melt, Tab } from '../../src/lib/mint/records.ts';
import { takeReceipt } from '../../src/lib/mint/settle.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { receivedOf, reportStep } from '../../src/lib/cdk/report.ts';
import { Market } from '../support/mint-home.ts';

let forward: PayeeCredit & { state: 'open' };
let reverse: PayerCredit & { state: 'open' };
let invoices: Invoice[];
let mintUrl: string;
const SECRET = new Uint8Array(32).fill(7);

beforeAll(async () => {
  const market = await Market.make();
  const [one, two] = [await market.forward(), await market.reverse(60_000n)];
  forward = { ...(await market.payee(one)), state: 'open' } as typeof forward;
  reverse = (await market.payer(two)) as typeof reverse;
  mintUrl = market.mint.url;
  invoices = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => parseInvoice(await market.invoice(two, 3_000n * BigInt(i + 1)))),
  );
  await market.close();
});

/** All that the home stores. */
interface Home {
  contract: PayeeCredit;
  ledger: PayeeLedger;
  reverse: PayerCredit;
  tab: Tab | undefined;
  quotes: Record<string, Quote>;
  invoices: Record<string, InvoiceRecord>;
  melts: Record<string, Melt>;
}
interface Mint {
  quotes: Record<string, { paid: bigint; issued: bigint; seen: string[] }>;
  melts: Record<string, { invoice: number; state: 'unpaid' | 'pending' | 'paid' }>;
}
type Step = { op: string; n: number };

class World {
  home: Home;
  mint: Mint = { quotes: {}, melts: {} };
  #copies: { home?: Home; mint?: Mint } = {};
  /** What really happened, whatever was lost since. */
  paidEver = 0n;
  mintRestored = false;
  homeRestored = false;
  readonly cut: Record<string, PaymentEvent[]> = {};
  readonly givenBack = new Set<string>();
  readonly paidMelts = new Set<string>();
  readonly sent = new Set<string>();
  #names = 0;

  constructor() {
    this.home = {
      contract: forward,
      ledger: payeeLedger(forward, undefined),
      reverse,
      tab: undefined,
      quotes: {},
      invoices: {},
      melts: {},
    };
  }

  play({ op, n }: Step): void {
    try {
      (this as unknown as Record<string, (n: number) => void>)[op]!(n);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  #pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(list.length, 1)];
  #quote = (n: number): Quote | undefined => this.#pick(Object.values(this.home.quotes), n);
  get #reusable(): Quote | undefined {
    return Object.values(this.home.quotes).find((q) => q.amountSat === null && !q.retired);
  }

  // ── the customer ──
  #accept(amount: bigint, quote: Quote | undefined, named: string | null): void {
    const { contract } = this.home;
    if (contract.restored || contract.paidSat + amount > maxPaid(contract.terms)) return;
    const asked = named === null ? null : { id: '', until: 0, quote: named };
    const { ledger } = this.home;
    const { quoted, ...credited } = creditPayment(ledger, asked, amount, quote, { remote: new Map() });
    const paidSat = contract.paidSat + amount;
    this.home.contract = { ...contract, paidSat };
    this.home.ledger = { ...ledger, paidSat, quoted };
    if (credited.quote) this.home.quotes[credited.quote.id] = credited.quote;
    this.paidEver += amount;
  }
  pay(n: number): void {
    this.#accept(BigInt(n + 1), this.#reusable, null);
  }
  /** A wallet's own quote, for one amount. */
  payNamed(n: number): void {
    const id = `named-${++this.#names}`;
    this.mint.quotes[id] = { paid: 0n, issued: 0n, seen: [] };
    const amountSat = BigInt(n + 1);
    const reserved = { ...newQuote({ id, contract: forward.id, mint: mintUrl, amountSat }), reserved: null };
    this.#accept(amountSat, reserved, id);
  }
  bind(): void {
    const { contract, ledger } = this.home;
    if (this.#reusable || ledger.unconfirmed) return;
    const id = `reusable-${++this.#names}`;
    this.mint.quotes[id] = { paid: 0n, issued: 0n, seen: [] };
    const made = newQuote({ id, contract: contract.id, mint: mintUrl, amountSat: null });
    this.home.quotes[id] = { ...made, creditedSat: waitingOf(ledger) };
    this.home.ledger = { ...ledger, quoted: upTo(contract.paidSat) };
  }
  issue(n: number): void {
    const quote = this.#pick(Object.values(this.mint.quotes), n);
    if (quote) quote.issued += (quote.paid - quote.issued) / 2n;
  }

  // ── reporting ──
  #figures = (id: string) => {
    const found = this.mint.quotes[id];
    return found ? { paidSat: found.paid, issuedSat: found.issued } : ('unknown' as const);
  };
  report(n: number): void {
    const quote = this.#quote(n);
    if (!quote) return;
    this.#report(quote, this.#figures(quote.id), n);
  }
  #report(quote: Quote, figures: MintFigures | 'unknown', n: number): void {
    const { writes, result } = reportStep(quote, this.home.ledger, figures);
    if (n % 5 === 0) return; // killed before the commit
    this.home.quotes[quote.id] = writes.quote;
    if (writes.ledger) this.home.ledger = writes.ledger as PayeeLedger;
    if (result.cut) (this.cut[quote.id] ??= []).push(writes.quote.event!);
    if (result.cut && n % 3 !== 0) this.#credit(quote.id); // else killed before it was shown
  }
  /** On a stream, or because somebody looks at the quote; as often as one likes. */
  show(n: number): void {
    const quote = this.#quote(n);
    if (quote) this.#credit(quote.id);
  }
  #credit(id: string): void {
    const shown = receivedOf(this.home.quotes[id]);
    const quote = this.mint.quotes[id];
    if (!shown || !quote || quote.seen.includes(shown.paymentId)) return;
    quote.seen.push(shown.paymentId);
    quote.paid += BigInt(shown.paymentAmount.value);
  }

  // ── the merchant ──
  #now(stopped: Refusal | null = null) {
    const gone = Object.values(this.home.quotes).some((q) => q.stopped && !q.retired);
    const refusal = gone ? new Refusal('mint-behind', 'stopped') : stopped;
    const facts = { tip: 1_000, coins: 'not-checked', now: 0 } as const;
    return { network: 'regtest', mint: mintUrl, facts, stopped: refusal };
  }
  #take({
    contract,
    invoice,
    melt,
    tab,
  }: Partial<{ contract: unknown; invoice: InvoiceRecord; melt: Melt; tab: Tab }>) {
    if (contract) this.home.reverse = contract as PayerCredit;
    if (invoice) this.home.invoices[invoice.digest] = invoice;
    if (melt) this.home.melts[melt.quote] = melt;
    if (tab) this.home.tab = tab;
  }
  quoteMelt(n: number): void {
    const index = n % invoices.length;
    const invoice = invoices[index]!;
    const id = `melt-${++this.#names}`;
    const found = { contract: this.home.reverse, ...this.#opt('invoice', this.home.invoices[invoice.digest]) };
    this.#take(quoteMelt(found, id, invoice, this.#now()).writes);
    this.mint.melts[id] = { invoice: index, state: 'unpaid' };
  }
  #opt = <K extends string, T>(name: K, value: T | undefined) =>
    (value === undefined ? {} : { [name]: value }) as Partial<Record<K, T>>;

  /** The mint sends a melt; handler and answer each may be lost, and a second handler may run for it. */
  payMelt(n: number): void {
    const entry = this.#pick(
      Object.entries(this.mint.melts).filter(([, m]) => m.state !== 'paid'),
      n,
    );
    if (!entry) return;
    const [id, melt] = entry;
    const others = Object.entries(this.mint.melts).filter(([other, m]) => other !== id && m.invoice === melt.invoice);
    // The mint refuses a second melt of the same request before any ecash is locked.
    if (melt.state === 'unpaid' && others.some(([, m]) => m.state !== 'unpaid')) return;
    melt.state = 'pending';
    this.sent.add(id);
    this.givenBack.delete(id);
    const verdict = this.#make(id, melt.invoice, n);
    if (n % 7 === 1) return; // the answer is lost
    this.#settle(id, verdict);
    if (verdict.status !== 'paid') this.#settle(id, this.#check(melt.invoice));
  }
  /** A handler that was started before, for whatever the mint has forgotten meanwhile. */
  late(n: number): void {
    const id = this.#pick([...this.sent], n);
    if (id && this.mint.melts[id]) this.#make(id, this.mint.melts[id].invoice, n);
  }
  #make(id: string, index: number, n: number): MeltResult {
    const { home } = this;
    const row = home.melts[id];
    const found = {
      ...this.#opt('melt', row),
      ...(row && {
        contract: home.reverse,
        ...this.#opt('invoice', home.invoices[row.digest]),
        ...this.#opt('tab', home.tab),
      }),
    };
    const stopped = n % 11 === 2 ? new Refusal('chain-stale', 'old') : null;
    const { writes, result } = payMelt(
      found,
      () => invoices[index]!,
      this.#now(stopped),
      () => SECRET,
    );
    if (n % 7 === 2) return { status: 'unknown' }; // killed before the commit
    this.#take(writes);
    if (result.status === 'paid') this.paidMelts.add(id);
    return result;
  }
  #check(index: number): MeltResult {
    const { digest } = invoices[index]!;
    const { writes, result } = checkMelt({
      contract: this.home.reverse,
      ...this.#opt('invoice', this.home.invoices[digest]),
    });
    this.#take(writes);
    return result;
  }
  #settle(id: string, { status }: MeltResult): void {
    const melt = this.mint.melts[id]!;
    if (melt.state !== 'pending') return;
    if (status === 'paid') melt.state = 'paid';
    if (status !== 'failed') return;
    melt.state = 'unpaid';
    this.givenBack.add(id);
  }
  /** At its start the mint asks what became of melts. */
  recover(): void {
    for (const [id, melt] of Object.entries(this.mint.melts))
      if (melt.state === 'pending') this.#settle(id, this.#check(melt.invoice));
  }
  settle(): void {
    const { reverse: c } = this.home;
    this.home.reverse = paidUpTo(c, c.owedSat!);
  }

  // ── who lies ──
  /** The mint states other figures of a quote than it has. */
  lieFigures(n: number): void {
    const quote = this.#quote(n);
    const truth = quote && this.#figures(quote.id);
    if (!truth || truth === 'unknown') return;
    const { paidSat, issuedSat } = truth;
    const by = BigInt((n % 700) + 1);
    const lies = [
      'unknown' as const,
      { paidSat: paidSat + by, issuedSat },
      { paidSat: paidSat > by ? paidSat - by : 0n, issuedSat },
      { paidSat, issuedSat: paidSat + by },
      { paidSat: quote.creditedSat, issuedSat: quote.creditedSat },
    ];
    this.#report(quote, this.#pick(lies, n)!, n);
    this.lies += 1;
  }
  /** It sends a melt for the invoice of another. */
  lieMelt(n: number): void {
    const entry = this.#pick(Object.entries(this.home.melts), n);
    if (!entry) return;
    const [id, { digest, state }] = entry;
    const other = invoices.findIndex((invoice) => invoice.digest !== digest);
    const before = this.home.reverse.owedSat;
    const { status } = this.#make(id, other, n);
    holds(state === 'paid' || status !== 'paid', 'a melt pays the invoice that it was quoted for');
    holds(this.home.reverse.owedSat === before, 'a lie raises no debt');
    this.lies += 1;
  }
  /** A wallet has an invoice quoted that it has altered, or one under the name of another melt. */
  lieQuote(n: number): void {
    const invoice = invoices[n % invoices.length]!;
    const found = { contract: this.home.reverse, ...this.#opt('invoice', this.home.invoices[invoice.digest]) };
    const taken = Object.values(this.home.melts).find((melt) => melt.digest !== invoice.digest);
    const altered = { ...invoice, document: { ...invoice.document, amount_sat: 1 } };
    const foreign = { ...invoice, contract: 'ab'.repeat(32) };
    const tries = [
      () => quoteMelt(found, 'altered', altered, this.#now()),
      () => quoteMelt(found, 'foreign', foreign, this.#now()),
    ];
    if (taken) tries.push(() => quoteMelt({ ...found, melt: taken }, taken.quote, invoice, this.#now()));
    for (const lie of tries) holds(isRefused(lie), 'what is altered, foreign or named twice is not quoted');
    this.lies += 1;
  }
  /** A merchant shows a receipt that the home has not signed. */
  lieReceipt(n: number): void {
    const invoice = invoices[n % invoices.length]!;
    const known = this.home.invoices[invoice.digest];
    const receipt = signInvoiceReceipt(invoice.digest, invoice.contract, new Uint8Array(32).fill(9));
    const shown = () => takeReceipt(this.home.reverse, { tab: this.home.tab, invoice: known }, invoice, receipt);
    holds(isRefused(shown), 'a forged receipt shows nothing');
    this.lies += 1;
  }
  lies = 0;

  // ── older copies ──
  copyMint(): void {
    this.#copies.mint = structuredClone(this.mint);
  }
  restoreMint(): void {
    if (!this.#copies.mint) return;
    this.mint = structuredClone(this.#copies.mint);
    this.mintRestored = true;
  }
  copyHome(): void {
    this.#copies.home = structuredClone(this.home);
  }
  restoreHome(): void {
    if (!this.#copies.home) return;
    const home = structuredClone(this.#copies.home);
    this.home = {
      ...home,
      contract: creditKind.restored(home.contract) as PayeeCredit,
      ledger: ledgerKind.restored(home.ledger) as PayeeLedger,
      reverse: creditKind.restored(home.reverse) as PayerCredit,
      quotes: Object.fromEntries(Object.entries(home.quotes).map(([id, q]) => [id, quoteKind.restored(q)])),
    };
    this.homeRestored = true;
  }
  confirm(): void {
    // All that were ever bound, those too that were given up, or that the operator has to name.
    const lost = Object.entries(this.mint.quotes).flatMap(([id, { paid }]) => {
      const made = newQuote({ id, contract: forward.id, mint: mintUrl, amountSat: null });
      return this.home.quotes[id] ? [] : [{ ...made, creditedSat: paid, ackSat: paid, retired: true }];
    });
    const all = [...Object.values(this.home.quotes), ...lost];
    const done = confirmQuotes(
      this.home.ledger,
      all.map((quote) => ({ quote, figures: this.#figures(quote.id) })),
    );
    this.home.ledger = done.ledger;
    for (const quote of done.quotes) this.home.quotes[quote.id] = quote;
    this.home.reverse = { ...this.home.reverse, restored: false };
  }

  check(): void {
    const { contract, ledger, reverse: owing, quotes, invoices: known } = this.home;
    const sum = (list: readonly bigint[]): bigint => list.reduce((all, sat) => all + sat, 0n);
    holds(ledger.issuedSat <= contract.paidSat, 'issued + reported ≤ paid, per contract, over all its quotes');
    holds(waitingOf(ledger) <= contract.paidSat - ledger.issuedSat, 'what waits is not reported');
    for (const q of Object.values(quotes)) {
      const row = quoteKind.row(q);
      holds(row.issuedSat! <= row.highSat && row.highSat <= row.limitSat, 'what is shown was paid');
    }
    const atMint = sum(Object.values(this.mint.quotes).map((q) => q.paid));
    holds(this.mintRestored || atMint <= this.paidEver, 'the mint counts no more than was paid');
    for (const chain of Object.values(this.cut))
      chain.forEach(({ beforeSat, afterSat }, i) => {
        const joins = beforeSat === (i === 0 ? 0n : chain[i - 1]!.afterSat) && afterSat > beforeSat;
        holds(joins, 'events of a quote form a chain without gap or overlap');
      });
    const raised = sum(Object.values(known).map((i) => (i.paid ? i.amountSat : 0n)));
    holds(owing.owedSat === raised, 'each invoice raises owed once');
    const bounded = owing.signedMaxSat <= owing.owedSat! && owing.owedSat! <= maxPaid(owing.terms);
    holds(bounded, 'signed_max ≤ owed ≤ capacity − exit fee');
    for (const id of this.givenBack) holds(!this.paidMelts.has(id), 'whoever got ecash back was not paid on');
  }
}
function isRefused(lie: () => unknown): boolean {
  try {
    lie();
    return false;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'bug') throw error;
    return true;
  }
}
function holds(what: boolean, rule: string): void {
  if (!what) throw new Error(`broken: ${rule}`);
}

const OPS = {
  pay: 6,
  payNamed: 2,
  bind: 2,
  issue: 2,
  report: 8,
  show: 5,
  quoteMelt: 4,
  payMelt: 6,
  late: 3,
  recover: 2,
  settle: 1,
  copyMint: 1,
  restoreMint: 1,
  copyHome: 1,
  restoreHome: 1,
  confirm: 1,
};
const LIES = { lieFigures: 4, lieMelt: 4, lieQuote: 2, lieReceipt: 2 };
const history = (ops: Record<string, number>) =>
  fc.array(
    fc.record({
      op: fc.oneof(...Object.entries(ops).map(([op, weight]) => ({ weight, arbitrary: fc.constant(op) }))),
      n: fc.nat({ max: 2_000 }),
    }),
    { minLength: 5, maxLength: 60 },
  );
const played = (steps: readonly Step[]): World => {
  const world = new World();
  for (const step of steps) {
    world.play(step);
    world.check();
  }
  return world;
};

describe('1,300 random histories keep the invariants', () => {
  it('with crashes, lost answers and handlers that run twice', () => {
    const { copyMint: _, restoreMint: __, copyHome: ___, restoreHome: ____, ...ops } = OPS;
    let [paid, arrived] = [0, 0];
    const run = fc.property(history(ops), (steps) => {
      const world = played(steps);
      // And in the end everything that was paid arrives.
      world.play({ op: 'bind', n: 0 });
      for (let round = 0; round < 6; round++)
        for (let q = 0; q < 12; q++)
          for (const op of ['report', 'show', 'report']) world.play({ op, n: 12 * 5 * 7 * q + q + 1 });
      world.check();
      paid += world.paidMelts.size;
      if (Object.values(world.home.quotes).every((q) => !q.stopped)) arrived += 1;
    });
    fc.assert(run, { numRuns: 600, seed: 9 });
    // The histories are not idle: invoices are paid, and no quote stops without a reason.
    expect(paid).toBeGreaterThan(200);
    expect(arrived).toBe(600);
  });

  it('with a mint, wallets and merchants that lie', () => {
    const { copyMint: _, restoreMint: __, copyHome: ___, restoreHome: ____, ...ops } = OPS;
    let [lies, paid] = [0, 0];
    const run = fc.property(history({ ...ops, ...LIES }), (steps) => {
      const world = played(steps);
      lies += world.lies;
      paid += world.paidMelts.size;
    });
    fc.assert(run, { numRuns: 300, seed: 11 });
    expect([lies > 300, paid > 20]).toEqual([true, true]);
  });

  it('with older copies of home and mint put back, and an operator who confirms', () => {
    fc.assert(
      fc.property(history(OPS), (steps) => void played(steps)),
      { numRuns: 400, seed: 10 },
    );
  });
});
