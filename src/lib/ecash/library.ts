/**
 * The Cashu library, loaded only where a step needs it, because it makes large tables of the curve.
 *
 * A row asks for it with `loads: loadCashu`; from then on `cashu()` returns it. It does the
 * encodings and a wallet's work on the curve; a mint's is in `blind.ts`.
 */
import { Refusal } from '../protocol/refusal.ts';

type CashuLibrary = typeof import('@cashu/cashu-ts');
let library: CashuLibrary | undefined;

/** Loads the Cashu library once. */
export const loadCashu = async (): Promise<CashuLibrary> => (library ??= await import('@cashu/cashu-ts'));

/** Returns the loaded library. @throws Refusal `bug` if it was not loaded */
export function cashu(): CashuLibrary {
  if (!library) throw new Refusal('bug', 'the Cashu library is not loaded');
  return library;
}
