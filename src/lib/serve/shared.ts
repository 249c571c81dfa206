/** One look at something slow for all who ask within a while: those who ask during it wait for the same one. */
export function shared<T>(look: () => Promise<T>, ms: number, now = () => performance.now()): () => Promise<T> {
  let begun = -Infinity;
  let looking = false;
  let found: Promise<T>;
  return () => {
    if (looking || now() - begun < ms) return found;
    begun = now();
    looking = true;
    const over = (): void => void (looking = false);
    found = look();
    found.then(over, over);
    return found;
  };
}
