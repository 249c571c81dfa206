/**
 * Order of the works in a server. Works with one key follow each other in the order in which they
 * came. Works with different keys run side by side, in limited number. A work that waits for
 * somebody else's machine gives its place to another meanwhile; those of its key wait on.
 */
import { type Limits, allows } from '../protocol/limit.ts';
import type { Facts } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { generic } from '../protocol/refusal.ts';

export const LANE_LIMITS = {
  /** Default number of simultaneous tasks; more would wait for the node, which queues 64 calls. */
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

export const MINT_LANE_LIMITS = {
  /** Messages that wait for mints, of all that a server takes at once. */
  waiting: { unit: 'items', most: (queue: number) => Math.max(1, Math.floor(queue / 2)) },
  /** Share of one mint in these. */
  mint: { unit: 'items', most: (queue: number) => Math.max(1, Math.floor(queue / 4)) },
} satisfies Limits;

/**
 * Lane of messages that need a mint. They wait for it apart from others: its answer takes as long
 * as the mint likes. Their number is bounded, so that they never take up all that a server holds at
 * once.
 */
export class MintLane {
  readonly #queue: number;
  readonly #waiting = new Map<string, number>();

  constructor(queue: number) {
    this.#queue = queue;
  }

  /** @throws Refusal `busy` where too many wait */
  async run<T>(mint: string, ask: () => Promise<T>): Promise<T> {
    const here = (this.#waiting.get(mint) ?? 0) + 1;
    const all = [...this.#waiting.values()].reduce((sum, n) => sum + n, 1);
    const { waiting, mint: one } = MINT_LANE_LIMITS;
    if (!allows({ most: waiting.most(this.#queue) }, all) || !allows({ most: one.most(this.#queue) }, here))
      throw generic('busy');
    this.#waiting.set(mint, here);
    try {
      return await ask();
    } finally {
      const left = this.#waiting.get(mint)! - 1;
      if (left > 0) this.#waiting.set(mint, left);
      else this.#waiting.delete(mint);
    }
  }

  /** Returns the source with mint calls that do not occupy a place. */
  source(source: FactSource, away: Away): FactSource {
    return {
      ...source,
      facts: async ({ remote = [], ...queries }) => {
        if (remote.length === 0) return source.facts({ remote, ...queries });
        const said = await away(() => this.run(remote[0]!.at, () => source.facts({ remote })));
        // Queries chain and clock after the mint's answer, so that their facts are fresh.
        const { facts, checks } = await source.facts(queries);
        return { facts: { ...said.facts, ...facts } as Partial<Facts>, checks: { ...said.checks, ...checks } };
      },
    };
  }
}
