/** Whether coins are on the chain and what they are said to be. A fact that is not known is named, never guessed. */
import type { Coin, Facts, Party } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { outpointText, type Outpoint } from './outpoint.ts';
import type { Spent } from './transaction.ts';

/**
 * Is the contract's coin there, as agreed, deep enough? @param blame who funded it
 * @throws Refusal `funding-missing`, `funding-unconfirmed`, `unsafe-funding`
 */
export function checkCoin(
  coins: Facts['coins'],
  expected: Spent,
  { minConf, blame }: { minConf: number; blame: Party },
): string {
  if (coins === 'not-checked') return 'not-checked';
  const at = outpointText(expected);
  const coin = coins.get(at) ?? 'missing';
  if (coin === 'missing')
    throw new Refusal('funding-missing', `the contract's coin ${at} is not among the unspent ones`, {
      hint: 'broadcast the funding transaction, or wait for a block; if it was there before, it is spent',
    });
  if (coin.sat !== expected.sat || coin.script !== expected.script)
    throw new Refusal(
      'unsafe-funding',
      `${at} holds ${coin.sat} sat for script ${coin.script}, not the ${expected.sat} sat of the contract`,
      { blame },
    );
  if (coin.confirmations < minConf)
    throw new Refusal('funding-unconfirmed', `${coin.confirmations} confirmations of ${at} found, ${minConf} expected`);
  return 'confirmed';
}

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
