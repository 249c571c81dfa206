/**
 * Prices of the ways out that a message offers or agrees on, told before it is answered.
 * Not here: what they are (`ways` of each family), the price of one that is finished (`contract/exit-package.ts`).
 */
import { quoteOf, quoteWords, type Now } from '../contract/quote.ts';
import { FAMILIES } from '../families.ts';
import type { Action } from '../protocol/action.ts';
import type { Document } from '../protocol/message.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Fact } from '../signing/description.ts';

/** Returns what each party's way out costs, in words. @param message whose form was checked by its table */
export async function quotesIn(message: Document, at: Now): Promise<Fact[]> {
  const family = FAMILIES.find(({ actions = {} }) => Object.hasOwn(actions, String(message['type'])));
  const ways = await family?.ways?.();
  if (!ways) return [];
  try {
    return ways(message, at.feerate).map((way) => [`leaving alone, ${way.who}`, quoteWords(quoteOf(way, at))]);
  } catch (error) {
    // What its terms lead to, whoever reads the message says.
    if (error instanceof Refusal) return [];
    throw error;
  }
}

/** Returns the same for a message that nobody has read yet, as the chain is now; none where the run will refuse it. */
export async function quotesBefore(
  { parse }: Pick<Action<any, any, any>, 'parse'>,
  json: unknown,
  source: FactSource,
): Promise<Fact[]> {
  try {
    const message = parse(json);
    const { tip = 'not-checked', feerate } = (await source.facts({ tip: true, feerate: true })).facts;
    return await quotesIn({ ...(json as object), ...message }, { tip, feerate: feerate! });
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}
