/**
 * Figures: named numbers of one record, and their sums over many. A name is added up over all
 * records that have it. A distinction that must stay visible (a state, a day) is therefore part of
 * the name.
 * Not here: what counts (each family's `Kind.figures`), the stored sums (`home/figures.ts`).
 */

/** Figures of one record; zeros are left out. */
export type Figures = Readonly<Record<string, bigint>>;

/** Number of records with a figure, and its sum over all of them. */
export interface Total {
  records: number;
  sum: bigint;
}
/** Maps each name to its total; names that no record has are left out. */
export type Totals = ReadonlyMap<string, Total>;

const NONE: Total = { records: 0, sum: 0n };
export const totalOf = (totals: Totals, name: string): Total => totals.get(name) ?? NONE;

/** Sums in the making. */
export class Tally {
  readonly #totals = new Map<string, Total>();

  constructor(begun: Totals = new Map()) {
    for (const [name, total] of begun) this.#totals.set(name, total);
  }
  add(figures: Figures): this {
    return this.#put(figures, 1);
  }
  /** Subtracts the figures of a record from the totals. */
  take(figures: Figures): this {
    return this.#put(figures, -1);
  }
  #put(figures: Figures, times: 1 | -1): this {
    for (const [name, value] of Object.entries(figures)) {
      const { records, sum } = totalOf(this.#totals, name);
      const total = { records: records + times, sum: sum + BigInt(times) * value };
      if (total.records === 0) this.#totals.delete(name);
      else this.#totals.set(name, total);
    }
    return this;
  }
  totals(): Totals {
    return this.#totals;
  }
}
