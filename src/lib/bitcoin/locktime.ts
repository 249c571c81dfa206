/**
 * Heights, and the ways in which people write an expiry.
 *
 * A transaction with nLockTime = h is valid from block h + 1 on, and nodes take it when their tip
 * is h (IsFinalTx). Contracts lock by height only: median time lags by about an hour.
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Smallest nLockTime that consensus reads as a time. */
export const LOCKTIME_THRESHOLD = 500_000_000;
const BLOCKS_A_DAY = 144;
export const EXPIRY_LIMITS = {
  height: { unit: 'height', least: 1, most: LOCKTIME_THRESHOLD - 1 },
  blocks: { unit: 'blocks', least: 1, most: 9_999_999 },
} satisfies Limits;

/** Expiry as a person writes it: a height, blocks from the tip, or a date. */
export type Expiry = { height: number } | { blocks: number } | { date: number };

/**
 * Reads `HEIGHT`, `+BLOCKS` or a date `YYYY-MM-DD` (UTC); undefined for other text.
 * @example
 * ```ts
 * parseExpiry('+144'); // { blocks: 144 }
 * parseExpiry('850000'); // { height: 850000 }
 * ```
 */
export function parseExpiry(text: string): Expiry | undefined {
  const [, plus, digits] = /^(\+?)([1-9]\d{0,8})$/.exec(text) ?? [];
  const found = Number(digits);
  if (plus === '+') return allows(EXPIRY_LIMITS.blocks, found) ? { blocks: found } : undefined;
  if (digits !== undefined) return allows(EXPIRY_LIMITS.height, found) ? { height: found } : undefined;
  const date = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isNaN(date) || new Date(date).toISOString().slice(0, 10) !== text ? undefined : { date: date / 1000 };
}

/**
 * Returns the height of an expiry; a date counts 144 blocks a day from `now` (Unix seconds).
 * @throws Refusal `usage` if the tip is needed and not known
 * @example
 * ```ts
 * expiryHeight({ blocks: 144 }, 850000, 0); // 850144
 * ```
 */
export function expiryHeight(expiry: Expiry, tip: number | 'not-checked', now: number): number {
  if ('height' in expiry) return expiry.height;
  if (tip === 'not-checked')
    throw new Refusal('usage', 'an expiry in blocks or as a date found, and no height to count from', {
      hint: 'give --tip HEIGHT or --chain URL',
    });
  return tip + ('blocks' in expiry ? expiry.blocks : Math.ceil(((expiry.date - now) / 86_400) * BLOCKS_A_DAY));
}

/** Says which height a date or a number of blocks was taken for; undefined for a height. */
export function expiryWords(expiry: Expiry, height: number): string | undefined {
  if ('height' in expiry) return undefined;
  const meant =
    'blocks' in expiry
      ? `${expiry.blocks} blocks from now`
      : `${new Date(expiry.date * 1000).toISOString().slice(0, 10)}, at ${BLOCKS_A_DAY} blocks a day`;
  return `the contract expires at height ${height} (${meant})`;
}

/**
 * Returns the hint for the owner of a transaction that no node takes yet.
 * @param what name of the transaction
 * @param locktime its nLockTime, a height
 */
export const earlyHint = (what: string, locktime: number, tip: number | 'not-checked'): string =>
  `${what} is valid from block ${locktime + 1} on: ${tip === 'not-checked' ? 'give --tip or --chain' : 'run this again'} once the tip is ${locktime}`;
