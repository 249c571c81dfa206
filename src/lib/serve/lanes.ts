/**
 * Who goes when in a server: works with one key follow each other in the order in which they came, works with different
 * keys run side by side, and never more than so many at once.
 */
import type { Limits } from '../protocol/limit.ts';

export const LANE_LIMITS = {
  /** Works at once, unless told otherwise: more would only wait for the node, which queues no more than 64 calls. */
  works: { unit: 'items', most: 16 },
} satisfies Limits;

export class Lanes {
  /** The newest work of each key that has one; never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number = LANE_LIMITS.works.most) {
    this.#free = atOnce;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
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

  async #after<T>(before: Promise<unknown> | undefined, work: () => Promise<T>): Promise<T> {
    await before;
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
