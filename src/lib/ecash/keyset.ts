/**
 * Keysets: the public keys by amount under which a mint issues ecash, and the id that commits to
 * them.
 *
 * NUT-01, NUT-02 (https://github.com/cashubtc/nuts/blob/main/02.md). Keysets made here have ids of
 * version 2 (`01…`), amounts 2^0 to 2^31, no input fee and no expiry. An id must follow from the
 * keys. So a mint cannot give one user keys of his own under a known name. Not here: secret keys
 * (`home/keys.ts`), signing (`promise.ts`).
 */
import * as v from 'valibot';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { Claim, Hex, Keys, Kind, Path } from '../protocol/action.ts';
import { believing, doubted, each, fixed, largest, type Beliefs } from '../protocol/belief.ts';
import { pubkey } from '../protocol/message.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint, publicBytes, secretScalar } from '../signing/curve.ts';
import { cashu } from './library.ts';

/** Amounts of a keyset made here: 2^0 to 2^(AMOUNTS - 1). */
const AMOUNTS = 32;

export const KEYSET_LIMITS = { keys: { unit: 'items', most: 64 } } satisfies Limits;

export const keysetId = v.pipe(v.string(), v.regex(/^01[0-9a-f]{64}$/, 'a keyset id of version 2'));
/** Schema of a keyset in messages and files, which hold no secret keys. */
export const keysetSchema = v.strictObject({
  id: keysetId,
  unit: v.literal('sat'),
  /** Public keys by amount, in decimal. */
  keys: v.pipe(
    v.record(v.pipe(v.string(), v.regex(/^[1-9]\d{0,15}$/, 'an amount')), pubkey),
    v.check((keys) => allows(KEYSET_LIMITS.keys, Object.keys(keys).length), `at most ${KEYSET_LIMITS.keys.most} keys`),
  ),
});
export type Keyset = v.InferOutput<typeof keysetSchema>;

/**
 * Record of a keyset.
 *
 * `mint`: this home issues under it. Its keys are at `path`; null if a signer outside has them.
 * `doubted`: it was active when the store was lost, and may have been retired since.
 *
 * `wallet`: keyset of another mint, with the first unused counter of NUT-13. `restored`: later
 * counters may be used too.
 */
export type KeysetRecord =
  | { role: 'mint'; keyset: Keyset; path: Path | null; active: boolean; doubted: boolean }
  | { role: 'wallet'; keyset: Keyset; counter: number; restored: boolean };
export type MintKeyset = Extract<KeysetRecord, { role: 'mint' }>;
export type WalletKeyset = Extract<KeysetRecord, { role: 'wallet' }>;

export const ACTIVE: Claim = 'ecash:keyset/active';
export const keysetClaim = (role: KeysetRecord['role'], id: Hex): Claim => `ecash:keyset/${role}/${id}`;

const fields: Beliefs<KeysetRecord> = {
  ...each(fixed, 'role', 'keyset', 'path'),
  // A retired keyset stays retired if either version has retired it.
  active: { restored: () => false, merged: (later, earlier) => later && (earlier ?? true) },
  doubted: { merged: (later, earlier) => later && (earlier ?? true) },
  counter: largest,
  // Counters after the backup may be in use; `ecash-restore` finds them at the mint first.
  restored: doubted,
};

export const keysetKind: Kind<KeysetRecord> = {
  name: 'keyset',
  parse: (json) => json as KeysetRecord,
  claims: (r) => [keysetClaim(r.role, r.keyset.id), ...(r.role === 'mint' && r.active ? [ACTIVE] : [])],
  // The store guards that the counter never falls, so that no secret is made twice.
  row: (r) => ({
    name: `${r.role}/${r.keyset.id}`,
    state: r.role === 'wallet' ? 'known' : r.active ? 'active' : 'inactive',
    highSat: r.role === 'wallet' ? BigInt(r.counter) : 0n,
    limitSat: BigInt(0x7fffffff),
    left: false,
  }),
  ...believing(fields, {
    restored: (r) => (r.role === 'mint' && r.active ? { ...r, doubted: true } : r),
    isLater: (a, b) => a.role === 'wallet' && b.role === 'wallet' && a.counter >= b.counter,
  }),
  // Another keyset is active by now, but ecash of this one stays valid.
  beside: (r) => (r.role === 'mint' ? { ...r, active: false, doubted: false } : r),
};

/** Returns a new wallet's record; `mayRepeat`: a lost store may have used its counters. */
export const newWallet = (keyset: Keyset, mayRepeat: boolean): WalletKeyset => ({
  role: 'wallet',
  keyset,
  counter: 0,
  restored: mayRepeat,
});

/** Purpose of a mint's keys; the key for 2^i has the index i. */
export const MINTS = 3;

/** Makes a keyset of this home from keys at `path`. */
export function makeKeyset(keys: Pick<Keys, 'secret'>, path: Path): Keyset {
  const made = Object.fromEntries(
    Array.from({ length: AMOUNTS }, (_, i) => {
      const secret = keys.secret(path, MINTS, i);
      return [String(2n ** BigInt(i)), bytesToHex(publicBytes(secretScalar(secret)))];
    }),
  );
  return { id: cashu().deriveKeysetId(made, { unit: 'sat', versionByte: 1 }), unit: 'sat', keys: made };
}

/**
 * Checks a keyset.
 * @throws Refusal `keyset-differs` if the id does not follow from the keys, or an amount is no
 * power of two
 */
export function checkKeyset(keyset: Keyset, from?: string): Keyset {
  const blame = from === undefined ? {} : { blame: from };
  const odd = Object.keys(keyset.keys).find((amount) => (BigInt(amount) & (BigInt(amount) - 1n)) !== 0n);
  if (odd !== undefined)
    throw new Refusal('keyset-differs', `a key for ${odd} sat found, powers of two expected`, blame);
  const id = cashu().deriveKeysetId(keyset.keys, { unit: keyset.unit, versionByte: 1 });
  if (id !== keyset.id)
    throw new Refusal('keyset-differs', `a keyset named ${keyset.id} found, whose keys give ${id}`, blame);
  for (const key of Object.values(keyset.keys))
    if (!parsePoint(hexToBytes(key)))
      throw new Refusal('keyset-differs', `${key} found in keyset ${keyset.id}, a point of the curve expected`, blame);
  return keyset;
}
