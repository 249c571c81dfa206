/**
 * Paths of keys in a home's tree: drawn at random, never counted, so that a restored home cannot
 * repeat them.
 */
import type { Hand, Path } from './action.ts';

/** Four times 31 random bits. */
export function freshPath({ random }: Pick<Hand, 'random'>): Path {
  const bytes = random(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [0, 4, 8, 12].map((at) => view.getUint32(at) & 0x7fffffff) as unknown as Path;
}
