/** The keysets of a home: made, retired, offered again after a restore, taken in from an outside signer, listed. What a keyset is: `ecash/keyset.ts`. */
import {
  ACTIVE,
  checkKeyset,
  keysetClaim,
  keysetKind,
  keysetSchema,
  makeKeyset,
  type KeysetRecord,
  type MintKeyset,
} from '../../lib/ecash/keyset.ts';
import { loadCashu } from '../../lib/ecash/library.ts';
import { change, listRecords } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import type { Json } from '../../lib/protocol/json.ts';
import { parseAs } from '../../lib/protocol/message.ts';
import { freshPath } from '../../lib/protocol/places.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/** Returns the public part of a keyset, as it is printed. */
export const keysetDocument = (r: KeysetRecord): object => ({
  type: 'ecash-keyset',
  version: 1,
  role: r.role,
  ...(r.role === 'mint' ? { active: r.active, signer: r.path === null ? 'outside' : 'home' } : { counter: r.counter }),
  keyset: r.keyset,
});

export const keysetsOf = (home: Home): Promise<KeysetRecord[]> => listRecords(home.store, keysetKind);

type Rs = { active: KeysetRecord; keyset: KeysetRecord };
const KINDS = { active: keysetKind, keyset: keysetKind };

/** A new keyset with keys of the home, or with those of a signer outside, becomes the active one. @throws Refusal `keyset-differs`, `already-known` */
export async function addKeyset(home: Home, outside: Json | undefined): Promise<MintKeyset> {
  await loadCashu();
  const keys = (await home.keys()).keysWith([]);
  const path = outside === undefined ? freshPath({ random: await home.random() }) : null;
  const keyset = path ? makeKeyset(keys, path) : checkKeyset(parseAs(keysetSchema, outside));
  const made: MintKeyset = { role: 'mint', keyset, path, active: true, doubted: false };
  return change<Rs, MintKeyset>(
    home.store,
    KINDS,
    () => ({ active: ACTIVE }),
    ({ active }) => ({
      writes: { ...(active && { active: { ...active, active: false } as MintKeyset }), keyset: made },
      result: made,
    }),
  );
}

/**
 * Retires a keyset: it signs for the contracts that it was offered for, and no new ones.
 * @throws Refusal `no-keyset`
 */
export const retireKeyset = (home: Home, id: string): Promise<MintKeyset> =>
  change<Rs, MintKeyset>(
    home.store,
    KINDS,
    () => ({ keyset: keysetClaim('mint', id) }),
    ({ keyset }) => {
      if (keyset?.role !== 'mint') throw new Refusal('no-keyset', `this home has no keyset ${id}`);
      const retired = { ...keyset, active: false, doubted: false };
      return { writes: { keyset: retired }, result: retired };
    },
  );

/**
 * Offers a keyset from now on, by its operator's word, in place of the one before.
 * @throws Refusal `no-keyset`
 */
export const activateKeyset = (home: Home, id: string): Promise<MintKeyset> =>
  change<Rs, MintKeyset>(
    home.store,
    KINDS,
    ({ active }) => ({ active: ACTIVE, ...(active?.keyset.id !== id && { keyset: keysetClaim('mint', id) }) }),
    ({ active, keyset }) => {
      if (active?.keyset.id === id) return { writes: {}, result: active as MintKeyset };
      if (keyset?.role !== 'mint') throw new Refusal('no-keyset', `this home has no keyset ${id}`);
      const offered = { ...keyset, active: true, doubted: false };
      return {
        writes: { ...(active && { active: { ...active, active: false } as MintKeyset }), keyset: offered },
        result: offered,
      };
    },
  );

/**
 * Once the journal was brought in: the keyset that was active when the store was lost, and was not retired since, is offered
 * again, unless another one is by now.
 */
export async function trustKeysets(home: Home): Promise<void> {
  const own = (await keysetsOf(home)).filter((r) => r.role === 'mint');
  const [doubted, ...more] = own.filter((r) => r.doubted);
  if (!doubted) return;
  const still = more.length === 0 && !own.some((r) => r.active);
  if (still) await activateKeyset(home, doubted.keyset.id);
  else for (const { keyset } of [doubted, ...more]) await retireKeyset(home, keyset.id);
}
