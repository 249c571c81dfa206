/**
 * Strangers: those with no money behind what they send. A stranger asks for an offer, takes one up,
 * or brings a message over a contract that nobody has funded, as far as known.
 * Strangers share a budget a minute. No address and no contract takes more than a part of it, so
 * none shuts the others out.
 */
import type { Store } from '../protocol/ports.ts';
import type { Claim, Kind } from '../protocol/kind.ts';
import { type Limits, allows } from '../protocol/limit.ts';
import { budgetOf, isLoopback } from './client.ts';
import type { Admission } from './desk.ts';

export const STRANGER_LIMITS = {
  /** Part of all strangers' budget a minute for one address, and for one contract. */
  each: { unit: 'items', most: (perMinute: number) => Math.ceil(perMinute / 4) },
  /** Remembered addresses and contracts, above which those with a full share are dropped. */
  remembered: { unit: 'items', most: (perMinute: number) => 8 * perMinute + 8 },
  /** Records that are known to have money behind them. */
  known: { unit: 'items', most: 10_000 },
} satisfies Limits;

/** Budgets of strangers a minute: over all, and each. */
export class Budgets {
  readonly #perMinute: number;
  readonly #now: (() => number) | undefined;
  readonly #all: Rate;
  readonly #each = new Map<string, Rate>();

  constructor(perMinute: number, now?: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
    this.#all = new Rate(perMinute, now);
  }

  /** One more for each of these names and over all, or none. */
  take(names: readonly string[]): boolean {
    const most = STRANGER_LIMITS.each.most(this.#perMinute);
    const shares = names.map((name) => [name, this.#each.get(name) ?? new Rate(most, this.#now)] as const);
    const rates = [this.#all, ...shares.map(([, rate]) => rate)];
    if (!rates.every((rate) => rate.has())) return false;
    for (const rate of rates) rate.take();
    for (const [name, rate] of shares) this.#each.set(name, rate);
    if (this.#each.size > STRANGER_LIMITS.remembered.most(this.#perMinute))
      for (const [name, rate] of this.#each) if (rate.isFull()) this.#each.delete(name);
    return true;
  }

  /** Number of addresses and contracts that are remembered. */
  get size(): number {
    return this.#each.size;
  }
}

/** Returns an admission: of strangers as the budgets allow, of all others always. */
export function admissionOf(store: Pick<Store, 'load'>, budgets: Budgets): Admission {
  const known = new Set<Claim>();
  /** Caches funded records, since they never become strangers again. */
  const isStranger = async (claim: Claim, kinds: readonly Kind<any>[]): Promise<boolean> => {
    if (known.has(claim)) return false;
    const hit = (await store.load([claim])).found.get(claim);
    // A message over an unknown record is refused anyway.
    if (!hit) return false;
    const kind = kinds.find(({ name }) => name === hit.kind);
    if (kind?.isStranger?.(kind.parse(hit.record))) return true;
    if (known.size >= STRANGER_LIMITS.known.most) known.delete(known.values().next().value!);
    known.add(claim);
    return false;
  };
  return {
    async admits({ action, claim }, address) {
      if (claim !== undefined && !(await isStranger(claim, Object.values(action.kinds)))) return true;
      return budgets.take([
        // A local program may forward messages of anyone, so loopback has no budget of its own.
        ...(address === undefined || isLoopback(address) ? [] : [`address ${budgetOf(address)}`]),
        ...(claim === undefined ? [] : [`record ${claim}`]),
      ]);
    },
  };
}

export const RATE_LIMITS = {
  /** Highest saved number: that of one minute. */
  saved: { unit: 'items', most: (perMinute: number) => perMinute },
  /** Amount that must be saved up for one more. */
  one: { unit: 'items', least: 1 },
} satisfies Limits;

/** Number of events a minute that is allowed; after a pause, at most that of one minute at once. */
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
