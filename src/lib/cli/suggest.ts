/**
 * Suggestions for a mistyped word.
 */

/** Returns the nearest of `words`; undefined if more than a third of its letters differ, and more than one. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const near = words.map((to) => ({ to, distance: distance(word, to) })).sort((a, b) => a.distance - b.distance);
  const best = near[0];
  return best && best.distance <= Math.max(1, Math.floor(best.to.length / 3)) ? best.to : undefined;
}

/** Returns the Levenshtein distance of two words, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
