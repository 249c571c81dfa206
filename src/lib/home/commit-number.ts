/**
 * The number of a commit as a tide writes it: 20 digits. A home goes on counting from the highest, so one that leaves no room to
 * count is a damaged file's, and no number.
 */

import { allows, type Limits } from '../protocol/limit.ts';

export const COMMIT_LIMITS = {
  /** No home makes so many; above, whole numbers would soon not be told apart any more. */
  commit: { unit: 'number', least: 0, most: 10 ** 15 - 1 },
} satisfies Limits;

export const digits = (commit: number): string => String(commit).padStart(20, '0');

/** undefined for any other text. */
export function commitIn(text: string): number | undefined {
  const commit = /^\d{20}$/.test(text) ? Number(text) : NaN;
  return allows(COMMIT_LIMITS.commit, commit) ? commit : undefined;
}
