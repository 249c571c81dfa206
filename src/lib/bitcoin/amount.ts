/** Amounts: satoshis as bigint, and decimals of BTC, which are never made floats. */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export const COIN = 100_000_000n;
/** Largest amount (consensus MAX_MONEY). */
export const MAX_SAT = 21_000_000n * COIN;
export const AMOUNT_LIMITS = { sat: { unit: 'sat', least: 0n, most: MAX_SAT } } satisfies Limits;

/**
 * Returns the satoshis of a BTC decimal, as Bitcoin Core prints it.
 * @throws Refusal `malformed`
 * @example
 * ```ts
 * satFromBtc('0.00012'); // 12000n
 * ```
 */
export function satFromBtc(text: string): bigint {
  const found = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text);
  const sat = found ? BigInt(found[1]!) * COIN + BigInt((found[2] ?? '').padEnd(8, '0')) : -1n;
  if (!allows(AMOUNT_LIMITS.sat, sat))
    throw new Refusal(
      'malformed',
      `${JSON.stringify(text.slice(0, 30))} found, an amount in BTC with up to eight decimals expected`,
    );
  return sat;
}

/**
 * Returns BTC with eight decimals.
 * @example
 * ```ts
 * btcFromSat(12000n); // '0.00012000'
 * ```
 */
export function btcFromSat(sat: bigint): string {
  const digits = sat.toString().padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

/**
 * Reads whole satoshis; undefined for other text, and above 21 million bitcoin.
 * @example
 * ```ts
 * parseSat('12000'); // 12000n
 * parseSat('0.5'); // undefined
 * ```
 */
export function parseSat(text: string): bigint | undefined {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const sat = BigInt(text);
  return allows(AMOUNT_LIMITS.sat, sat) ? sat : undefined;
}

export const maxSat = (a: bigint, b: bigint): bigint => (a > b ? a : b);
export const minSat = (a: bigint, b: bigint): bigint => (a < b ? a : b);
