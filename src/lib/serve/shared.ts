/** One look at something slow for all who ask within a while: those who ask during it wait for the same one. */
export function shared<T>(look: () => Promise<T>, ms: number, now = () => performance.now()): () => Promise<T> {
  let begun = -Infinity;
  let isLooking = false;
  let found: Promise<T>;
  return () => {
    if (isLooking || now() - begun < ms) return found;
    begun = now();
    isLooking = true;
    const over = (): void => void (isLooking = false);
    found = look();
    found.then(over, over);
    return found;
  };
}
