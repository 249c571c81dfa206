/**
 * Rates: a number of times a minute, and after a pause at most those of a minute at once.
 */
import { allows, type Limits } from '../protocol/limit.ts';

export const RATE_LIMITS = {
  /** Highest saved number: that of one minute. */
  saved: { unit: 'items', most: (perMinute: number) => perMinute },
  /** Amount that must be saved up for one more. */
  one: { unit: 'items', least: 1 },
} satisfies Limits;

export class Rate {
  readonly #perMs: number;
  readonly #most: number;
  readonly #now: () => number;
  #left: number;
  #at: number;

  constructor(perMinute: number, now: () => number = () => performance.now()) {
    this.#perMs = perMinute / 60_000;
    this.#left = this.#most = RATE_LIMITS.saved.most(perMinute);
    this.#now = now;
    this.#at = now();
  }

  /** Returns whether there may be one more now. */
  has(): boolean {
    return allows(RATE_LIMITS.one, this.#saved());
  }
  /** Uses one of the permitted number. */
  take(): void {
    this.#left -= 1;
  }
  /** Returns whether everything is saved up that can be. */
  isFull(): boolean {
    return this.#saved() === this.#most;
  }

  #saved(): number {
    const now = this.#now();
    this.#left = Math.min(this.#most, this.#left + (now - this.#at) * this.#perMs);
    this.#at = now;
    return this.#left;
  }
}
