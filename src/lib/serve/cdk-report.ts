/**
 * Tells the mint what its quotes were paid: the loop that cuts events, shows them, and takes the mint's own figure as the
 * acknowledgement (`ecash/quote.ts` holds the rules).
 *
 * It looks at the store and not at the process that accepted, so an update is told whichever process took it. A row is
 * committed before anyone sees it. Not here: the service that carries the events (`cdk.ts`).
 */
import { creditKind, type Credit } from '../credit/records.ts';
import { acknowledge, cutEvent, paymentId, quoteClaim, quoteKind, type Figures, type Quote } from '../ecash/quote.ts';
import { change, type FindOf } from '../home/change.ts';
import type { HomeStore } from '../home/store.ts';
import { idClaim } from '../protocol/claims.ts';
import { canonicalJson } from '../protocol/json.ts';
import { logged, type Log } from './cdk-log.ts';
import type { Received } from './cdk-proto.ts';

const TICK_MS = 200;
/** How long at most an event that has not arrived is left alone. */
const PATIENCE_MS = 5_000;
/** Questions to the mint at once. */
const PARALLEL = 8;

export interface ReporterOptions {
  store: HomeStore;
  mint: string;
  /** The mint's figures of a quote. */
  figures(id: string): Promise<Figures | 'unknown'>;
  log: Log;
  point(label: string): void;
}

export class Reporter {
  readonly #o: ReporterOptions;
  readonly #streams = new Set<(event: Received) => void>();
  /** When each pending quote is to be looked at again, and how often nothing had moved. */
  readonly #waits = new Map<string, { at: number; tries: number }>();
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

  /** A stream gets every row that is under way again, and later ones as they are cut. The mint may have started anew. */
  async listen(show: (event: Received) => void): Promise<() => void> {
    this.#streams.add(show);
    this.#sweep = true;
    for (const { id } of await this.#quotes('pending')) {
      const row = await rowOf(this.#o.store, id);
      if (row) show(row);
    }
    return () => this.#streams.delete(show);
  }

  /** One look at everything that is due. */
  tick(): Promise<void> {
    return (this.#running ??= this.#round()
      .catch((error: unknown) => this.#o.log(logged(error)))
      .finally(() => (this.#running = undefined)));
  }

  async #quotes(state: 'pending' | 'idle'): Promise<Quote[]> {
    const found = await this.#o.store.list('quote', state);
    return found.map(({ record }) => quoteKind.parse(record)).filter(({ mint }) => mint === this.#o.mint);
  }

  async #round(): Promise<void> {
    const pending = await this.#quotes('pending');
    const ids = new Set(pending.map(({ id }) => id));
    for (const id of this.#waits.keys()) if (!ids.has(id)) this.#waits.delete(id);
    const now = performance.now();
    const due = [...ids].filter((id) => (this.#waits.get(id)?.at ?? 0) <= now);
    if (this.#sweep) {
      this.#sweep = false;
      due.push(...(await this.#quotes('idle')).map(({ id }) => id));
    }
    const work = due.values();
    const hand = async (): Promise<void> => {
      for (const id of work) if (!this.#stopped) await this.#advance(id);
    };
    await Promise.all(Array.from({ length: PARALLEL }, hand));
  }

  async #advance(id: string): Promise<void> {
    const { store, log, point } = this.#o;
    try {
      const find = findOf(id);
      const before = await change(store, KINDS, find, ({ quote }) => asIs(standOf(quote!)));
      const figures = await this.#o.figures(id);
      point('report-before-commit');
      const { cut, moved, stopped } = await change(store, KINDS, find, ({ quote, contract }) =>
        // Figures say nothing of a row that was cut or acknowledged after they were read.
        standOf(quote!) === before ? report(quote!, contract!, figures) : asIs(NOTHING),
      );
      if (stopped) log({ code: stopped, text: `quote ${id}: nothing more is reported, accepted or melted on it` });
      if (cut) {
        point('report-committed');
        for (const show of this.#streams) show(cut);
        point('report-shown');
      }
      const tries = moved || cut ? 0 : (this.#waits.get(id)?.tries ?? 0) + 1;
      this.#waits.set(id, { at: performance.now() + Math.min(50 * 2 ** tries, PATIENCE_MS), tries });
    } catch (error) {
      const { code, text } = logged(error);
      log({ code, text: `quote ${id}: ${text}` });
      this.#waits.set(id, { at: performance.now() + PATIENCE_MS, tries: 10 });
    }
  }
}

type Rs = { quote: Quote; contract: Credit };
const KINDS = { quote: quoteKind, contract: creditKind };
const findOf =
  (id: string): FindOf<Rs> =>
  ({ quote }) => ({ quote: quoteClaim(id), contract: quote && idClaim(quote.contract) });
const asIs = <T>(result: T) => ({ writes: {}, result });
const standOf = ({ ackSat, event, issuedSat, stopped, retired }: Quote): string =>
  canonicalJson([ackSat, event, issuedSat, stopped, retired]);

interface Step {
  cut: Received | undefined;
  moved: boolean;
  stopped: Quote['stopped'];
}

const NOTHING: Step = { cut: undefined, moved: false, stopped: null };

/** One step of one quote: the figures acknowledge or stop it; if then something waits, the next row, counted as reported. */
export function report(
  quote: Quote,
  contract: Credit,
  figures: Figures | 'unknown',
): { writes: { quote: Quote; contract?: Credit }; result: Step } {
  const seen = acknowledge(quote, figures);
  const payee = contract.role === 'payee' && 'issuedSat' in contract && !contract.unconfirmed ? contract : undefined;
  const cut = payee && cutEvent(seen);
  const result = {
    cut: cut && receivedOf(cut),
    moved: seen.ackSat !== quote.ackSat,
    stopped: seen.stopped === quote.stopped ? null : seen.stopped,
  };
  if (!cut) return { writes: { quote: seen }, result };
  const issuedSat = payee.issuedSat + cut.event!.afterSat - cut.event!.beforeSat;
  return { writes: { quote: cut, contract: { ...payee, issuedSat } }, result };
}

/**
 * The row of a quote that is under way, as the mint is shown it. It is in the journal with the payments that it tells of: the
 * process that cut it may have died before it had written that.
 */
export const rowOf = (store: HomeStore, id: string): Promise<Received | undefined> =>
  change(store, KINDS, findOf(id), ({ quote }) => asIs(receivedOf(quote)));

/** The row as the mint is shown it; nothing where none is under way. */
export function receivedOf(quote: Quote | undefined): Received | undefined {
  const event = quote?.stopped || quote?.retired ? null : quote?.event;
  if (!quote || !event) return undefined;
  return {
    paymentIdentifier: { type: 'QUOTE_ID', id: quote.id },
    paymentAmount: { value: String(event.afterSat - event.beforeSat), unit: 'sat' },
    paymentId: paymentId(quote, event),
  };
}
