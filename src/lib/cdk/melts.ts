/**
 * Melts of merchants' invoices at the mint's request: gather facts, apply the rules
 * (`mint/melt.ts`), commit, and only then answer. If store or chain fails, the answer stays open:
 * UNKNOWN leaves the ecash where it is.
 */
import { creditKind } from '../credit/records.ts';
import { outpointOf } from '../credit/steps.ts';
import { checkNotStopped, quoteKind, stoppedAt } from '../ecash/quote.ts';
import { change, type FindOf } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { parseInvoice, type Invoice } from '../mint/invoice.ts';
import {
  checkMelt,
  checkQuotable,
  payMelt,
  quoteMelt,
  type MeltRecords,
  type MeltContext,
  type Taken,
  type MeltResult,
} from '../mint/melt.ts';
import { invoiceClaim, invoiceKind, meltClaim, meltKind, tabClaim, tabKind } from '../mint/records.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import type { FactSource } from '../protocol/ports.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { failureOf } from '../engine/failure.ts';
import type { CdkLog } from './listen.ts';
import type { Amount, Outgoing } from './proto.ts';

export interface MeltsOptions {
  home: Home;
  mint: string;
  source: FactSource;
  point(label: string): void;
}

const KINDS = { contract: creditKind, invoice: invoiceKind, melt: meltKind, tab: tabKind };

export class Melts {
  readonly #o: MeltsOptions;
  constructor(options: MeltsOptions) {
    this.#o = options;
  }

  /** GetPaymentQuote. @throws Refusal unless it is a valid, payable, unpaid invoice of this home */
  async quote(quote: string, text: string, amount: Amount | undefined): Promise<{ digest: Hex; amountSat: bigint }> {
    const invoice = parseInvoice(text);
    if (this.#o.home.restored) throw restored();
    if (amount && BigInt(amount.value ?? 0) !== invoice.amountSat)
      throw new Refusal('amount-differs', `${amount.value} sat found for an invoice of ${invoice.amountSat} sat`);
    const { amountSat } = await this.#change(
      () => ({ contract: idClaim(invoice.contract), invoice: invoiceClaim(invoice.digest), melt: meltClaim(quote) }),
      async (found) => {
        const { home, mint } = this.#o;
        checkQuotable(found, quote, invoice, { network: home.network, mint, facts: { now: clock() } });
        return quoteMelt(found, quote, invoice, await this.#now(found));
      },
    );
    return { digest: invoice.digest, amountSat };
  }

  /** MakePayment: paid once it is committed, failed once it can no longer be paid. */
  async pay(quote: string, text: string, proved: boolean, log: CdkLog): Promise<Outgoing> {
    const asked = readInvoice(text);
    // The mint keeps whatever identifier comes back: it must be the one of the quote.
    const digest = asked?.digest ?? (await this.#digestOf(quote)) ?? quote;
    return this.#answer(digest, log, async () => {
      if (!proved || this.#o.home.restored) return { status: 'unknown' };
      const keys = await this.#o.home.keys();
      return this.#change(
        ({ melt }) => ({
          melt: meltClaim(quote),
          ...(melt && {
            invoice: invoiceClaim(melt.digest),
            contract: idClaim(melt.contract),
            tab: tabClaim(melt.contract),
          }),
        }),
        async (found) => {
          const now = await this.#now(found);
          this.#o.point('melt-before-commit');
          return payMelt(
            found,
            () => parseInvoice(text),
            now,
            (c) => keys.auth(c.own.path),
          );
        },
      );
    });
  }

  /**
   * Returns the digest of the invoice that a quote was for, where the quote cannot be read;
   * undefined where the store fails.
   */
  #digestOf(quote: string): Promise<Hex | undefined> {
    const find = () => ({ melt: meltClaim(quote) });
    return this.#change(find, ({ melt }) => ({ writes: {}, result: melt?.digest })).catch(() => undefined);
  }

  /** CheckOutgoingPayment. */
  check(digest: Hex, log: CdkLog): Promise<Outgoing> {
    return this.#answer(digest, log, async () => {
      if (this.#o.home.restored) return { status: 'unknown' };
      return this.#change(
        ({ invoice }) => ({ invoice: invoiceClaim(digest), contract: invoice && idClaim(invoice.contract) }),
        (found) => checkMelt(found),
      );
    });
  }

  async #answer(digest: Hex, log: CdkLog, decide: () => Promise<MeltResult>): Promise<Outgoing> {
    const verdict = await decide().catch((error: unknown): MeltResult => {
      log(failureOf(error));
      return { status: 'unknown' };
    });
    if (verdict.status === 'failed' && verdict.code)
      log({ code: verdict.code, message: `invoice ${digest} is not paid` });
    this.#o.point('melt-before-answer');
    return outgoing(digest, verdict);
  }

  #change<T>(
    find: FindOf<MeltRecords>,
    take: (found: Partial<MeltRecords>) => Taken<T> | Promise<Taken<T>>,
  ): Promise<T> {
    return change(this.#o.home.store, KINDS, find, take);
  }

  /**
   * Returns the state at this moment; refuses where it cannot be found out, which is no reason to
   * be unsure.
   */
  async #now({ contract }: Partial<MeltRecords>): Promise<MeltContext> {
    const { home, mint, source } = this.#o;
    const unknown = { tip: 'not-checked', coins: 'not-checked' } as const;
    const now = clock();
    try {
      // What a program without figures has written since this one began is counted by that.
      await home.store.totals(quoteKind);
      // Of another mint it stops what belongs to that one.
      const [stopped] = await home.store.inOrder(quoteKind, stoppedAt(mint), { most: 1 });
      if (stopped) checkNotStopped(quoteKind.parse(stopped.record));
      const { facts } = await source.facts({ tip: true, coins: outpointOf(contract) });
      return { network: home.network, mint, facts: { ...unknown, ...facts, now }, stopped: null };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { network: home.network, mint, facts: { ...unknown, now }, stopped: error };
    }
  }
}

const readInvoice = (text: string): Invoice | undefined => {
  try {
    return parseInvoice(text);
  } catch {
    return undefined;
  }
};

/** Unix seconds. */
const clock = (): number => Math.floor(Date.now() / 1000);

const restored = (): Refusal => homeRestored('it melts nothing');

function outgoing(digest: Hex, verdict: MeltResult): Outgoing {
  const paid = verdict.status === 'paid' ? verdict : undefined;
  return {
    paymentIdentifier: { type: 'CUSTOM_ID', id: digest },
    ...(paid && { paymentProof: paid.proof }),
    status: ({ paid: 'PAID', failed: 'FAILED', unknown: 'UNKNOWN' } as const)[verdict.status],
    totalSpent: { value: String(paid?.amountSat ?? 0), unit: 'sat' },
  };
}
