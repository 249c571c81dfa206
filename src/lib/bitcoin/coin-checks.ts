/**
 * The one gate for coins: are they on the chain, deep enough, what they are said to be, and held by
 * nothing else of this home? Asked before anything is signed. A fact that is not known is named,
 * never guessed.
 */
import type { Utxo, Facts, Party } from '../protocol/action.ts';
import { freeing } from '../protocol/claims.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { outpointText, type Outpoint } from './outpoint.ts';
import { isNativeSegwit, scriptType } from './script.ts';
import type { Spent } from './transaction.ts';

export const COIN_LIMITS = {
  /** Depth from which the next block may spend a block's own reward. */
  reward: { unit: 'confirmations', least: 100 },
  /** Depth of a contract's coin, as agreed. */
  agreed: { unit: 'confirmations', least: (minConf: number) => minConf },
  /** Depth of a coin that this home spends. */
  own: { unit: 'confirmations', least: 1 },
} satisfies Limits;
/**
 * Returns false for the reward of a young block: the contract's lock may have run out before it can
 * be spent.
 */
export const isMature = ({ coinbase, confirmations }: Pick<Utxo, 'coinbase' | 'confirmations'>): boolean =>
  !coinbase || allows(COIN_LIMITS.reward, confirmations);
export const maturing = (at: string, { confirmations }: Utxo): string =>
  `the coin ${at} is the reward of a block with ${confirmations} confirmations, ${COIN_LIMITS.reward.least} expected`;

/**
 * Refuses a contract's coin that is not there, not as agreed, or not deep enough.
 * @param blame the party that funded it
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
  checkSame(coin, expected, blame);
  if (!isMature(coin)) throw new Refusal('funding-unconfirmed', maturing(at, coin), { blame });
  if (coin.confirmations < COIN_LIMITS.agreed.least(minConf))
    throw new Refusal('funding-unconfirmed', `${coin.confirmations} confirmations of ${at} found, ${minConf} expected`);
  return 'confirmed';
}

/**
 * Refuses another coin at the place of an unpaid one, which then can never be paid. A missing or
 * unconfirmed coin passes.
 * @throws Refusal `unsafe-funding`
 */
export function checkUnpaid(coins: Facts['coins'], expected: Spent, blame: Party): void {
  const coin = coins === 'not-checked' ? undefined : coins.get(outpointText(expected));
  if (coin && coin !== 'missing') checkSame(coin, expected, blame);
}
function checkSame(coin: Utxo, expected: Spent, blame: Party): void {
  if (coin.sat !== expected.sat || coin.script !== expected.script)
    throw new Refusal(
      'unsafe-funding',
      `${outpointText(expected)} holds ${coin.sat} sat for script ${coin.script}, not the ${expected.sat} sat of the contract`,
      { blame },
    );
}

/**
 * Checks coins that this home is about to spend: held by no other record, and good by `checkCoins`.
 * @throws Refusal `coin-reserved`, `coin-missing`, `unsafe-funding`
 */
export function checkSpendable(
  { coins, reserved }: Pick<Facts, 'coins' | 'reserved'>,
  spent: readonly Spent[],
): string {
  for (const coin of spent) {
    const at = outpointText(coin);
    const holder = reserved.get(at);
    if (holder)
      throw new Refusal('coin-reserved', `the coin ${at} is held by ${holder.kind} ${holder.name} of this home`, {
        hint: `give another coin; or ${freeing(holder)}`,
      });
  }
  return checkCoins(coins, spent);
}

/**
 * Checks inputs that a party adds: unspent, confirmed, mature, and with the stated amount and
 * script.
 * @throws Refusal `coin-missing`, `unsafe-funding`
 */
export function checkCoins(coins: Facts['coins'], claimed: readonly Spent[]): string {
  if (coins === 'not-checked') return 'not-checked';
  for (const c of claimed) {
    const at = outpointText(c);
    const coin: Utxo | 'missing' = coins.get(at) ?? 'missing';
    if (coin === 'missing') throw new Refusal('coin-missing', `the coin ${at} is not among the unspent ones`);
    if (!allows(COIN_LIMITS.own, coin.confirmations))
      throw new Refusal('coin-missing', `the coin ${at} is not confirmed yet`);
    if (!isMature(coin)) throw new Refusal('coin-missing', maturing(at, coin));
    if (coin.sat !== c.sat || coin.script !== c.script)
      throw new Refusal(
        'unsafe-funding',
        `the coin ${at} holds ${coin.sat} sat for script ${coin.script}, ${c.sat} sat for ${c.script} stated`,
      );
  }
  return claimed.length === 0 ? 'none' : 'confirmed';
}

/**
 * Coins whose spending has a known size and cannot change the id of its transaction, as far as a
 * script tells.
 * @throws Refusal `unsafe-funding`
 */
export function checkSizes(coins: readonly Spent[]): void {
  const unsafe = coins.find((c) => !isNativeSegwit(c.script));
  if (unsafe)
    throw new Refusal(
      'unsafe-funding',
      `coin ${outpointText(unsafe)} is ${scriptType(unsafe.script)}; native segwit expected, whose spending cannot change its id`,
    );
  const scripted = coins.find((c) => scriptType(c.script) === 'p2wsh');
  if (scripted)
    throw new Refusal(
      'unsafe-funding',
      `the size of spending coin ${outpointText(scripted)} (p2wsh) is not known here`,
      { hint: 'let the wallet that owns it make the transaction, and give its PSBT with --funding' },
    );
}

export const outpointsOf = (coins: readonly Outpoint[]): string[] => coins.map(outpointText);
