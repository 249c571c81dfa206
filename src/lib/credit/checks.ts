/** Checks of chain and height before a step signs. Unknown facts are named in its output. */
import { checkCoin } from '../bitcoin/coin-checks.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Facts } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { PayeeCredit } from './states.ts';
import { isReverse, keysOf, type Contract, type Terms } from './terms.ts';
import { contractInput } from './transactions.ts';

type Tip = Facts['tip'];
/** Terms from which the heights of a contract follow. */
export type Heights = Pick<Terms, 'expiry' | 'freeze_blocks' | 'margin_blocks'>;

/** Returns the first height at which the contract takes no new updates. */
export const freezeHeight = (terms: Heights): number => terms.expiry - terms.freeze_blocks;
/** Returns the first height at which no invoice is paid: a margin before the freeze. */
export const meltsEndHeight = (terms: Heights): number => freezeHeight(terms) - terms.margin_blocks;
/** Returns the deadline: the height from which the payee exits with its last update. */
export const deadlineHeight = (terms: Heights): number => terms.expiry - terms.margin_blocks;
/** Returns the height from which a double-spent top-up would leave no time to exit. */
export const topUpHeight = (terms: Terms): number => terms.expiry - 2 * terms.margin_blocks;

export const TIME_LIMITS = {
  update: { unit: 'height', most: (terms: Heights) => freezeHeight(terms) - 1 },
  melt: { unit: 'height', most: (terms: Heights) => meltsEndHeight(terms) - 1 },
  /** Last height of a step that ends at one. */
  before: { unit: 'height', most: (end: number) => end - 1 },
} satisfies Limits;

/**
 * Refuses a payment over a funding that was not looked up. Off regtest the payee needs a height and
 * a node that has seen the funding, or --unchecked.
 * @param facts chain facts of the step
 * @throws Refusal `tip-required`, `funding-unchecked`
 */
export function checkLooked(
  network: string,
  { tip, coins }: Partial<Pick<Facts, 'tip' | 'coins'>>,
  unchecked = false,
): void {
  if (network === 'regtest' || unchecked) return;
  const hint = (flags: string) => ({
    hint: `give ${flags}; --unchecked goes on all the same, and may lose all that is paid`,
  });
  if (tip === 'not-checked')
    throw new Refusal(
      'tip-required',
      'no height found: the contract may have expired',
      hint('--chain URL or --tip HEIGHT'),
    );
  if (coins === 'not-checked')
    throw new Refusal('funding-unchecked', 'no node found to see whether the contract is funded', hint('--chain URL'));
}

/** Refuses an update from the freeze on. @throws Refusal `frozen` */
export function checkNotFrozen(tip: Tip, terms: Terms): void {
  if (tip !== 'not-checked' && tip > TIME_LIMITS.update.most(terms))
    throw new Refusal(
      'frozen',
      `height ${tip} found; updates end at ${freezeHeight(terms)}, ${terms.freeze_blocks} blocks before expiry`,
      {
        hint: isReverse(terms)
          ? 'a rollover, or a close that the payer proposes, pays all that is owed'
          : 'roll over or close',
      },
    );
}

/** Refuses to pay an invoice from a margin before the freeze on. @throws Refusal `frozen` */
export function checkMelts(tip: Facts['tip'], terms: Terms): void {
  if (tip !== 'not-checked' && tip > TIME_LIMITS.melt.most(terms))
    throw new Refusal(
      'frozen',
      `height ${tip} found; invoices are paid before ${meltsEndHeight(terms)}, ${terms.margin_blocks} blocks before updates end`,
      { hint: 'the merchant rolls the contract over' },
    );
}

/** Refuses a step from the height `limit` on. @throws Refusal `expired` */
export function checkBefore(tip: Tip, limit: number, what: string): void {
  if (tip !== 'not-checked' && tip > TIME_LIMITS.before.most(limit))
    throw new Refusal('expired', `height ${tip} found; ${what} only before ${limit}`);
}

/**
 * Checks a stated outpoint before it is funded. The output must not exist yet, or must be the
 * contract's coin.
 * @throws Refusal `unsafe-funding`
 */
export function checkStatedCoin(coins: Facts['coins'], contract: Contract): string {
  if (coins === 'not-checked') return 'not-checked';
  const found = coins.get(outpointText(contract.outpoint)) ?? 'missing';
  if (found === 'missing') return 'none';
  return checkCoin(coins, contractInput(contract), { minConf: 0, blame: 'payer' });
}

/** Returns true if a block has the contract's coin, unspent. */
export function isThere(coins: Facts['coins'], { terms, outpoint }: Contract): boolean {
  const coin = coins === 'not-checked' ? undefined : coins.get(outpointText(outpoint));
  if (coin === undefined || coin === 'missing' || coin.confirmations === 0) return false;
  return coin.sat === terms.capacity_sat && coin.script === keysOf(terms).script;
}

/**
 * Checks that the contract's coin is there, as agreed and deep enough.
 * @throws Refusal `funding-missing`, `funding-unconfirmed`, `unsafe-funding`
 */
export const checkFunding = (coins: Facts['coins'], contract: Contract): string =>
  checkCoin(coins, contractInput(contract), { minConf: contract.terms.min_conf, blame: 'payer' });

/** Returns the record, marked as funded once a step has seen the coin: no stranger's any more. */
export const seenFunded = <C extends PayeeCredit>(c: C, coins: Facts['coins']): C =>
  c.funded || coins === 'not-checked' || !coins.has(outpointText(c.outpoint)) ? c : { ...c, funded: true };
