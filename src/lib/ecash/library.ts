/**
 * The Cashu library, loaded where a step needs it: it brings tables of the curve that most runs do without.
 *
 * A step says so with `loads: loadCashu`; from then on `cashu()` has it. Encodings of ecash and a wallet's work on the curve are
 * its; a mint's is in `blind.ts`.
 */
import { Refusal } from '../protocol/refusal.ts';

type Library = typeof import('@cashu/cashu-ts');
let library: Library | undefined;

/** Loads the Cashu library once. */
export const loadCashu = async (): Promise<Library> => (library ??= await import('@cashu/cashu-ts'));

/** @throws Refusal `bug` where nothing has loaded it */
export function cashu(): Library {
  if (!library) throw new Refusal('bug', 'the Cashu library is not loaded');
  return library;
}
