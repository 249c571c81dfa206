/** What chain and height allow: checks that a step makes before it signs. A fact that is not known was named in the output. */
import { checkCoin } from '../bitcoin/coin-checks.ts';
import type { Facts } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { keysOf, type Contract, type Terms } from './terms.ts';

type Tip = Facts['tip'];
/** What the heights of a contract follow from. */
export type Heights = Pick<Terms, 'expiry' | 'freeze_blocks' | 'margin_blocks'>;

/** From this height on the contract takes no new updates. */
export const freezeHeight = (terms: Heights): number => terms.expiry - terms.freeze_blocks;
/** From this height on the payee exits, and nothing that it holds may still change. */
export const deadlineHeight = (terms: Heights): number => terms.expiry - terms.margin_blocks;
/** A rollover with new inputs can be double-spent by the payer: it needs time to notice and exit. */
export const topUpHeight = (terms: Terms): number => terms.expiry - 2 * terms.margin_blocks;

/** @throws Refusal `frozen` from the height at which updates end */
export function checkNotFrozen(tip: Tip, terms: Terms): void {
  if (tip !== 'not-checked' && tip >= freezeHeight(terms))
    throw new Refusal(
      'frozen',
      `height ${tip} found; updates end at ${freezeHeight(terms)}, ${terms.freeze_blocks} blocks before expiry`,
      {
        hint: 'roll over or close',
      },
    );
}

/** @throws Refusal `expired` from `limit` on */
export function checkBefore(tip: Tip, limit: number, what: string): void {
  if (tip !== 'not-checked' && tip >= limit)
    throw new Refusal('expired', `height ${tip} found; ${what} only before ${limit}`);
}

/** Is the contract's coin there, as agreed, deep enough? @throws Refusal `funding-missing`, `funding-unconfirmed`, `unsafe-funding` */
export const checkFunding = (coins: Facts['coins'], { terms, outpoint }: Contract): string =>
  checkCoin(
    coins,
    { ...outpoint, sat: terms.capacity_sat, script: keysOf(terms).script },
    { minConf: terms.min_conf, blame: 'payer' },
  );
