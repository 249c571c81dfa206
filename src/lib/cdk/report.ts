/**
 * Reports to the mint what its quotes were paid. A loop cuts events, shows them, and takes the
 * mint's own figure as the acknowledgement (`ecash/quote.ts` holds the rules). It reads the store,
 * so an update is reported whichever process accepted it. A row is committed before anyone sees it.
 * A scan costs what has changed and is due, not how many quotes wait. A quote that nobody touches
 * is queried ever more rarely. A mint that does not answer is tried with one quote at a time.
 * Not here: the service that carries the events (`backend.ts`).
 */
import { creditKind, type Credit } from '../credit/records.ts';
import { ledgerClaim, ledgerKind, type Ledger } from '../ecash/ledger.ts';
import {
  acknowledge,
  cutEvent,
  isQuotePending,
  paymentId,
  quoteClaim,
  quoteKind,
  type MintFigures,
  type Quote,
} from '../ecash/quote.ts';
import { change, type FindOf } from '../home/change.ts';
import type { HomeStore } from '../home/sql-store.ts';
import { idClaim } from '../protocol/claims.ts';
import { canonicalJson } from '../protocol/json.ts';
import type { Limits } from '../protocol/limit.ts';
import { slices } from '../engine/slices.ts';
import { failureOf } from '../engine/failure.ts';
import { Agenda } from './agenda.ts';
import type { CdkLog } from './listen.ts';
import type { PaymentReceived } from './proto.ts';

const TICK_MS = 200;
/** Questions to the mint at once. */
const PARALLEL = 8;
export const REPORT_LIMITS = {
  /** Quotes that one scan reads; of these, the most for which nothing new is known. */
  look: { unit: 'items', most: 256 },
  beside: { unit: 'items', most: 32 },
  /** Pause after an event that has not arrived: at most 40 queries a second for all that wait. */
  pause: { unit: 'milliseconds', most: (pending: number) => Math.max(5_000, pending * 25) },
  /** Pause after a mint has not answered. */
  away: { unit: 'milliseconds', most: 5_000 },
} satisfies Limits;

export interface ReporterOptions {
  store: HomeStore;
  mint: string;
  /** The mint's figures of a quote. */
  figures(id: string): Promise<MintFigures | 'unknown'>;
  log: CdkLog;
  point(label: string): void;
}

export class Reporter {
  readonly #o: ReporterOptions;
  readonly #streams = new Set<(event: PaymentReceived) => void>();
  /** Quotes on which something waits. */
  readonly #agenda = new Agenda();
  /** Commit after which each was seen, and number of scans at which nothing had moved. */
  readonly #waits = new Map<string, { rev: number; tries: number }>();
  /** Quotes compared without news of them: a mint that came back may be an older copy. */
  #beside: string[] = [];
  /** Quotes of commits up to this one are known. */
  #seen = 0;
  /** Number of times in a row that the mint has not answered, and end of the pause. */
  #away = { times: 0, until: -Infinity };
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #sweep = true;
  #stopped = false;

  constructor(options: ReporterOptions) {
    this.#o = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.tick(), TICK_MS);
  }
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#streams.clear();
    await this.#running;
  }

  /** Shows every row under way again: the mint may have restarted; then each row as it is cut. */
  async listen(show: (event: PaymentReceived) => void): Promise<() => void> {
    this.#streams.add(show);
    this.#sweep = true;
    const slice = slices();
    for (const { name } of await this.#pending(0)) {
      if (!this.#streams.has(show)) break;
      const row = await rowOf(this.#o.store, idIn(name), this.#o.mint);
      if (row) show(row);
      await slice();
    }
    return () => this.#streams.delete(show);
  }

  /** Puts what waits on a quote first, because somebody asks for it. */
  touch(id: string): void {
    const known = this.#waits.get(id);
    if (!known) return;
    this.#waits.set(id, { ...known, tries: 0 });
    this.#agenda.put(id, performance.now());
  }

  /** One scan of everything that is due. */
  tick(): Promise<void> {
    return (this.#running ??= this.#round()
      .catch((error: unknown) => this.#o.log(failureOf(error)))
      .finally(() => (this.#running = undefined)));
  }

  #pending(above: number): ReturnType<HomeStore['pending']> {
    return this.#o.store.pending(quoteKind.name, above);
  }

  async #round(): Promise<void> {
    const now = performance.now();
    if (this.#sweep) {
      this.#sweep = false;
      this.#away = { times: 0, until: -Infinity };
      const pending = await this.#pending(0);
      const idle = await this.#o.store.list('quote', 'idle');
      this.#beside = [...pending, ...idle].map(({ name }) => idIn(name));
      for (const { name, rev } of pending) {
        this.#seen = Math.max(this.#seen, rev);
        if (!this.#waits.has(idIn(name))) this.#waits.set(idIn(name), { rev, tries: SLOW });
      }
    }
    // Commits are not seen in the order of their numbers where several processes write at once.
    for (const { name, rev } of await this.#pending(Math.max(0, this.#seen - OVERLAP))) {
      this.#seen = Math.max(this.#seen, rev);
      const id = idIn(name);
      const known = this.#waits.get(id);
      if (known?.rev === OWN) this.#waits.set(id, { ...known, rev });
      else if (known?.rev !== rev) this.#wait(id, rev, 0, now);
    }
    if (now < this.#away.until) return;
    const most = this.#away.times > 0 ? 1 : REPORT_LIMITS.look.most;
    const due = this.#agenda.due(now, most);
    const beside = this.#beside.splice(0, Math.min(most - due.length, REPORT_LIMITS.beside.most));
    due.push(...beside);
    const work = due.values();
    const hand = async (): Promise<void> => {
      // An iterator is shared by all hands, and is not closed by the one that stops.
      while (!this.#stopped && performance.now() >= this.#away.until) {
        const { value: id, done } = work.next();
        if (done) return;
        await this.#advance(id);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, hand));
    // Those that the hands did not come to.
    const left = new Set(work);
    this.#beside.unshift(...beside.filter((id) => left.has(id)));
  }

  #wait(id: string, rev: number, tries: number, at: number): void {
    this.#waits.set(id, { rev, tries });
    this.#agenda.put(id, at);
  }

  async #advance(id: string): Promise<void> {
    const { store, mint, log, point } = this.#o;
    const { rev = 0, tries = 0 } = this.#waits.get(id) ?? {};
    const later = (): void => {
      const most = REPORT_LIMITS.pause.most(this.#agenda.size);
      // Quick for what was just told; the more wait, the slower for what does not come.
      const pause = doubled(tries + 1, most) * (tries < SLOW ? 1 : Math.max(1, this.#agenda.size / 100));
      this.#wait(id, rev, tries + 1, performance.now() + Math.min(pause, most));
    };
    try {
      const find = findOf(id);
      const before = await change(store, KINDS, find, ({ quote, contract }) =>
        asIs(contract !== undefined && quote?.mint === mint && standOf(quote)),
      );
      // Another mint's is not told here, nor what belonged to a contract that nobody funded.
      if (before === false) return this.#agenda.drop(id);
      const figures = await this.#o.figures(id);
      this.#away = { times: 0, until: -Infinity };
      point('report-before-commit');
      const { cut, moved, stopped, waits } = await change(store, KINDS, find, ({ quote, contract, ledger }) =>
        // Figures say nothing of a row that was cut or acknowledged after they were read.
        contract && standOf(quote!) === before ? reportStep(quote!, ledger, figures) : asIs(NOTHING),
      );
      if (stopped) log({ code: stopped, message: `quote ${id}: nothing more is reported, accepted or melted on it` });
      if (cut) {
        point('report-committed');
        for (const show of this.#streams) show(cut);
        point('report-shown');
      }
      if (waits && (moved || cut)) this.#wait(id, OWN, 0, performance.now() + FIRST_MS);
      else if (waits) later();
      else this.#forget(id);
    } catch (error) {
      const { code, message } = failureOf(error);
      log({ code, message: `quote ${id}: ${message}` });
      if (code === 'mint-unavailable') {
        const times = this.#away.times + 1;
        this.#away = { times, until: performance.now() + doubled(times, REPORT_LIMITS.away.most) };
      }
      // Others are tried first.
      this.#wait(id, rev, Math.max(tries, FAILED), performance.now() + REPORT_LIMITS.away.most);
    }
  }

  #forget(id: string): void {
    this.#agenda.drop(id);
    this.#waits.delete(id);
  }
}

/** Numbers of commits that may be in work while a newer one is seen. */
const OVERLAP = 200;
/** Number of tries in vain that follow each other quickly. */
const SLOW = 5;
/** Number of tries after which a pause is as long as any. */
const FAILED = 7;
/** Mark in place of a commit that this process has just made itself. */
const OWN = -1;
/** The first pause; each further one is twice as long. */
const FIRST_MS = 50;
const doubled = (times: number, most: number): number => Math.min(FIRST_MS * 2 ** Math.min(times, 30), most);
/** A record of a quote is named after it. */
const idIn = (name: string): string => name.slice('quote '.length);

type Rs = { quote: Quote; contract: Credit; ledger: Ledger };
const KINDS = { quote: quoteKind, contract: creditKind, ledger: ledgerKind };
const findOf =
  (id: string): FindOf<Rs> =>
  ({ quote }) => ({
    quote: quoteClaim(id),
    contract: quote && idClaim(quote.contract),
    ledger: quote && ledgerClaim(quote.contract),
  });
const asIs = <T>(result: T) => ({ writes: {}, result });
const standOf = ({ ackSat, event, issuedSat, stopped, retired }: Quote): string =>
  canonicalJson([ackSat, event, issuedSat, stopped, retired]);

interface ReportStep {
  cut: PaymentReceived | undefined;
  moved: boolean;
  stopped: Quote['stopped'];
  /** True if there is more to report, or something not acknowledged. */
  waits: boolean;
}

const NOTHING: ReportStep = { cut: undefined, moved: true, stopped: null, waits: true };

/** Acknowledges or stops a quote by the figures; cuts the next due row, counted as reported. */
export function reportStep(
  quote: Quote,
  ledger: Ledger | undefined,
  figures: MintFigures | 'unknown',
): { writes: { quote: Quote; ledger?: Ledger }; result: ReportStep } {
  const seen = acknowledge(quote, figures);
  const payee = ledger?.role === 'payee' && !ledger.unconfirmed ? ledger : undefined;
  const cut = payee && cutEvent(seen);
  const result = {
    cut: cut && receivedOf(cut),
    moved: seen.ackSat !== quote.ackSat,
    stopped: seen.stopped === quote.stopped ? null : seen.stopped,
    waits: isQuotePending(cut ?? seen),
  };
  if (!cut) return { writes: { quote: seen }, result };
  const issuedSat = payee.issuedSat + cut.event!.afterSat - cut.event!.beforeSat;
  return { writes: { quote: cut, ledger: { ...payee, issuedSat } }, result };
}

/**
 * Returns the row of a quote under way, as the mint gets it. Completes the journal first: the
 * process that cut the row may have died before that.
 */
export const rowOf = (store: HomeStore, id: string, mint: string): Promise<PaymentReceived | undefined> =>
  change(store, KINDS, findOf(id), ({ quote }) => asIs(quote?.mint === mint ? receivedOf(quote) : undefined));

/** The row as the mint is shown it; nothing where none is under way. */
export function receivedOf(quote: Quote | undefined): PaymentReceived | undefined {
  const event = quote?.stopped || quote?.retired ? null : quote?.event;
  if (!quote || !event) return undefined;
  return {
    paymentIdentifier: { type: 'QUOTE_ID', id: quote.id },
    paymentAmount: { value: String(event.afterSat - event.beforeSat), unit: 'sat' },
    paymentId: paymentId(quote, event),
  };
}
