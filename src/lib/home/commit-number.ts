/**
 * The number of a commit as files outside the store write it: 20 digits. No key covers them (a tide, the header of a journal),
 * and a home goes on counting from the highest, so one that leaves no room to count is a damaged file's, and no number.
 */

/** No home makes so many commits; above, whole numbers would soon not be told apart any more. */
const MOST = 10 ** 15;

export const digits = (commit: number): string => String(commit).padStart(20, '0');

/** undefined for any other text. */
export function commitIn(text: string): number | undefined {
  const commit = /^\d{20}$/.test(text) ? Number(text) : MOST;
  return commit < MOST ? commit : undefined;
}
