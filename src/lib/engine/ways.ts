/**
 * Exit quotes of the terms in a message, printed before its answer.
 * Not here: ways out (`ways` of each family), quotes of finished exits
 * (`contract/exit-package.ts`).
 */
import { DEFAULT_FEERATE } from '../chain/source.ts';
import { exitQuoteOf, exitQuoteWords, type ExitConditions, type WayOut } from '../contract/quote.ts';
import { waysOutOf } from '../families.ts';
import type { Action } from '../protocol/action.ts';
import type { Document } from '../protocol/message.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Fact } from '../signing/description.ts';

type Ways = (feerate: number) => readonly WayOut[];
/** Returns the ways out of a message; none if its terms are refused. @param message form-checked */
async function waysIn(message: Document): Promise<Ways> {
  const ways = await waysOutOf(String(message['type']))?.();
  return (feerate) => {
    try {
      return ways?.(message, feerate) ?? [];
    } catch (error) {
      if (error instanceof Refusal) return [];
      throw error;
    }
  };
}
const inWords = (ways: Ways, at: ExitConditions): Fact[] =>
  ways(at.feerate).map((way) => [`leaving alone, ${way.who}`, exitQuoteWords(exitQuoteOf(way, at))]);

/** Returns each party's exit quote, in words. @param message whose form its table checked */
export const quotesIn = async (message: Document, at: ExitConditions): Promise<Fact[]> =>
  inWords(await waysIn(message), at);

/** Returns the same for a message that a run has taken, at the chain's tip; none if unknown. */
export async function quotesNow(
  { parse }: Pick<Action<any, any, any>, 'parse'>,
  json: unknown,
  source: FactSource,
): Promise<Fact[]> {
  try {
    const ways = await waysIn({ ...(json as object), ...parse(json) });
    // Of most messages there is nothing to say, and nothing to ask a node.
    if (ways(DEFAULT_FEERATE).length === 0) return [];
    const { tip = 'not-checked', feerate = DEFAULT_FEERATE } = (await source.facts({ tip: true, feerate: true })).facts;
    return inWords(ways, { tip, feerate });
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}
