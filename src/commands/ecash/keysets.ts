/** Keysets of a home: made, retired, offered again after a restore, taken from a signer outside. */
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

/** Returns the printed public part of a keyset. */
export const keysetDocument = (r: KeysetRecord): object => ({
  type: 'ecash-keyset',
  version: 1,
  role: r.role,
  ...(r.role === 'mint' ? { active: r.active, signer: r.path === null ? 'outside' : 'home' } : { counter: r.counter }),
  keyset: r.keyset,
});

export const keysetsOf = (home: Home): Promise<KeysetRecord[]> => listRecords(home.store, keysetKind);

type KeysetRoles = { active: KeysetRecord; keyset: KeysetRecord };
const KINDS = { active: keysetKind, keyset: keysetKind };

/**
 * Makes a keyset of the home's keys, or of those of a signer outside, the active one.
 * @throws Refusal `keyset-differs`, `already-known`
 */
export async function addKeyset(home: Home, outside: Json | undefined): Promise<MintKeyset> {
  await loadCashu();
  const keys = (await home.keys()).keysWith([]);
  const path = outside === undefined ? freshPath({ random: await home.random() }) : null;
  const keyset = path ? makeKeyset(keys, path) : checkKeyset(parseAs(keysetSchema, outside));
  const made: MintKeyset = { role: 'mint', keyset, path, active: true, doubted: false };
  return change<KeysetRoles, MintKeyset>(
    home.store,
    KINDS,
    () => ({ active: ACTIVE }),
    ({ active }) => ({
      writes: { ...(active && { active: { ...active, active: false } as MintKeyset }), keyset: made },
      result: made,
    }),
  );
}

/** Retires a keyset: it signs no more for new contracts. @throws Refusal `no-keyset` */
export const retireKeyset = (home: Home, id: string): Promise<MintKeyset> =>
  change<KeysetRoles, MintKeyset>(
    home.store,
    KINDS,
    () => ({ keyset: keysetClaim('mint', id) }),
    ({ keyset }) => {
      if (keyset?.role !== 'mint') throw new Refusal('no-keyset', `this home has no keyset ${id}`);
      const retired = { ...keyset, active: false, doubted: false };
      return { writes: { keyset: retired }, result: retired };
    },
  );

/** Offers a keyset again, in place of the active one. @throws Refusal `no-keyset` */
export const activateKeyset = (home: Home, id: string): Promise<MintKeyset> =>
  change<KeysetRoles, MintKeyset>(
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
 * Offers the keyset again that was active when the store was lost, once the journal was read. One
 * that was retired since, or replaced, stays so.
 */
export async function trustKeysets(home: Home): Promise<void> {
  const own = (await keysetsOf(home)).filter((r) => r.role === 'mint');
  const [doubted, ...more] = own.filter((r) => r.doubted);
  if (!doubted) return;
  const still = more.length === 0 && !own.some((r) => r.active);
  if (still) await activateKeyset(home, doubted.keyset.id);
  else for (const { keyset } of [doubted, ...more]) await retireKeyset(home, keyset.id);
}
