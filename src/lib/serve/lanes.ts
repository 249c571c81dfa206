/**
 * Order of the works in a server. Works with one key follow each other in the order in which they
 * came. Works with different keys run side by side, in limited number. A work that waits for
 * somebody else's machine gives its place to another meanwhile; those of its key wait on.
 */
import type { Limits } from '../protocol/limit.ts';

export const LANE_LIMITS = {
  /** Default number of simultaneous tasks. More would only wait for the node, which queues at most 64 calls. */
  works: { unit: 'items', most: 16 },
} satisfies Limits;

/** Awaits slow work without occupying a place, then waits for a place again. */
export type Away = <T>(wait: () => Promise<T>) => Promise<T>;

export class Lanes {
  /** The newest work of each key that has one; never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number = LANE_LIMITS.works.most) {
    this.#free = atOnce;
  }

  async run<T>(key: string, work: (away: Away) => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = this.#after(before, work);
    const done = mine.then(
      () => {},
      () => {},
    );
    this.#last.set(key, done);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === done) this.#last.delete(key);
    }
  }

  async #after<T>(before: Promise<unknown> | undefined, work: (away: Away) => Promise<T>): Promise<T> {
    await before;
    await this.#enter();
    try {
      return await work(this.#away);
    } finally {
      this.#leave();
    }
  }

  readonly #away: Away = async (wait) => {
    this.#leave();
    try {
      return await wait();
    } finally {
      await this.#enter();
    }
  };

  async #enter(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
  }
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
