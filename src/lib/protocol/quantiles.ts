/** Figures that samples and simulations print: parts of a whole as percent, and quantiles. Not here: draws (`draws.ts`). */

/** Writes a part of one as percent, rounded to two places (or more). Decimals travel as text. */
export function percent(part: number, places = 2): string {
  const digits = String(Math.round(part * 10 ** (places + 2))).padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Returns quantiles of rising values, each named like p50, the half; null where there are no values. */
export const quantiles = (rising: ArrayLike<number>, parts: readonly number[]): Record<string, number | null> =>
  Object.fromEntries(
    parts.map((part) => [
      `p${Math.round(100 * part)}`,
      rising[Math.min(rising.length - 1, Math.floor(part * rising.length))] ?? null,
    ]),
  );
