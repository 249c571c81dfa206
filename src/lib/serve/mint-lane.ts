/**
 * Lane of messages for which a mint is asked: they wait for it beside the others. Its answer takes
 * as long as the mint likes, up to the time limit of a call. Meanwhile nothing that needs no mint
 * waits for a place. Their number has bounds, so that they never take up all that a server holds at
 * once.
 */
import type { Facts } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import type { FactSource } from '../protocol/ports.ts';
import { generic } from '../protocol/refusal.ts';
import type { Away } from './lanes.ts';

export const MINT_LANE_LIMITS = {
  /** Messages that wait for mints, of all that a server takes at once. */
  waiting: { unit: 'items', most: (queue: number) => Math.max(1, Math.floor(queue / 2)) },
  /** Share of one mint in these. */
  mint: { unit: 'items', most: (queue: number) => Math.max(1, Math.floor(queue / 4)) },
} satisfies Limits;

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
