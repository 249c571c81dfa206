/**
 * Facts for somebody who asks again and again for the same coins: the node is asked for its height each time, and for a
 * coin or transaction once a block, and again after a while, for a block may be replaced by another of its height.
 *
 * Good for figures, not for decisions: what the mempool spends is seen a block later.
 */
import { allows, type Limits } from '../protocol/limit.ts';
import type { Facts, Queries } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';

/** How old an answer may be. */
export const HELD_LIMITS = { age: { unit: 'milliseconds', most: 600_000 } } satisfies Limits;

export function onceABlock(source: FactSource, now = () => performance.now()): FactSource {
  const coins = new Held<'coins'>(source, 'coins');
  const known = new Held<'known'>(source, 'known');
  let height: Facts['tip'] | undefined;
  let since = -Infinity;
  return {
    async facts(queries) {
      const { facts, checks } = await source.facts({ tip: true });
      if (facts.tip !== height || !allows(HELD_LIMITS.age, now() - since)) {
        [height, since] = [facts.tip, now()];
        coins.forget();
        known.forget();
      }
      if (queries.coins) facts.coins = await coins.of(queries.coins);
      if (queries.known) facts.known = await known.of(queries.known);
      return { facts, checks };
    },
    ...(source.spends && { spends: (gone) => source.spends!(gone) }),
  };
}

type Asked = 'coins' | 'known';
type Answers<Q extends Asked> = Exclude<Facts[Q], 'not-checked'>;
type Answer<Q extends Asked> = Answers<Q> extends ReadonlyMap<string, infer A> ? A : never;

/** What was answered; undefined for what the node could not tell. */
class Held<Q extends Asked> {
  readonly #source: FactSource;
  readonly #query: Q;
  #held = new Map<string, Answer<Q> | undefined>();

  constructor(source: FactSource, query: Q) {
    this.#source = source;
    this.#query = query;
  }

  forget(): void {
    this.#held = new Map();
  }

  async of(names: Queries[Q]): Promise<Facts[Q]> {
    const held = this.#held;
    const asked = names.filter((name) => !held.has(name));
    if (asked.length > 0) {
      const found = (await this.#source.facts({ [this.#query]: asked })).facts[this.#query];
      if (found === undefined || found === 'not-checked') return 'not-checked' as Facts[Q];
      for (const name of asked) held.set(name, (found as ReadonlyMap<string, Answer<Q>>).get(name));
    }
    const told = names.flatMap((name) => (held.get(name) === undefined ? [] : [[name, held.get(name)!] as const]));
    return new Map(told) as unknown as Facts[Q];
  }
}
