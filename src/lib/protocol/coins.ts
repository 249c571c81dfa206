/** What a node says of coins, against what a message or a flag says of them. */
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Coin, Facts } from './action.ts';
import { Refusal } from './refusal.ts';

/** Inputs that a party adds: there, confirmed, and what it says they are. @throws Refusal `coin-missing`, `unsafe-funding` */
export function checkCoins(coins: Facts['coins'], claimed: readonly Spent[]): string {
  if (coins === 'not-checked') return 'not-checked';
  for (const c of claimed) {
    const at = outpointText(c);
    const coin: Coin | 'missing' = coins.get(at) ?? 'missing';
    if (coin === 'missing' || coin.confirmations < 1)
      throw new Refusal(
        'coin-missing',
        `the coin ${at} is ${coin === 'missing' ? 'not among the unspent ones' : 'not confirmed yet'}`,
      );
    if (coin.sat !== c.sat || coin.script !== c.script)
      throw new Refusal(
        'unsafe-funding',
        `the coin ${at} holds ${coin.sat} sat for script ${coin.script}, ${c.sat} sat for ${c.script} stated`,
      );
  }
  return claimed.length === 0 ? 'none' : 'confirmed';
}

export const outpointsOf = (coins: readonly Outpoint[]): string[] => coins.map(outpointText);
