/**
 * Public keys of a mint's keysets, as `GET /v1/keys` answers. The id is computed from the keys, so
 * that no keyset passes under the name of another.
 *
 * NUT-01 and NUT-02 (https://github.com/cashubtc/nuts/blob/main/02.md), ids of version 00 and 01,
 * by @cashu/cashu-ts. Not here: whether a keyset is active and of this mint (which only the mint
 * knows), secret keys.
 */
import * as v from 'valibot';
import type { Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { amountText, formed, inHex, list, object, someText } from './forms.ts';
import { cashu } from './library.ts';
import { isShortId } from './token.ts';

/** Keyset as its mint publishes it. */
export interface MintKeys {
  /** Full id, hex. */
  id: string;
  unit: string;
  /** Compressed public keys in hex, by amount in decimal. */
  keys: Readonly<Record<string, string>>;
}

const count = v.nullish(
  v.pipe(v.number('a whole number'), v.safeInteger('a whole number'), v.minValue(0, 'not less than 0')),
);
const mintKeys = object({
  id: v.pipe(
    inHex.id,
    v.check((id) => !isShortId(id), 'the whole id of the keyset'),
  ),
  unit: v.nullish(someText, 'sat'),
  input_fee_ppk: count,
  final_expiry: count,
  keys: v.record(amountText, inHex.point, 'the public keys'),
});

/**
 * Reads one keyset, a list of them, or `{keysets: [...]}`.
 * @throws Refusal `malformed-keyset`, `keyset-differs` if an id is not that of the keys
 */
export function readMintKeys(document: Json): MintKeys[] {
  const found = document as { keysets?: Json } | null;
  const sets = found && typeof found === 'object' && 'keysets' in found ? found.keysets : document;
  const one = !Array.isArray(sets) && sets === document;
  return (
    one ? [formed(mintKeys, sets, 'malformed-keyset')] : formed(list(mintKeys), sets, 'malformed-keyset', 'keysets')
  ).map(checked);
}

function checked({ id, unit, input_fee_ppk, final_expiry, keys }: v.InferOutput<typeof mintKeys>): MintKeys {
  if (Object.keys(keys).length === 0) throw new Refusal('malformed-keyset', `keyset ${id}: no key found`);
  const found = cashu().deriveKeysetId(keys, {
    versionByte: id.startsWith('00') ? 0 : 1,
    unit,
    input_fee_ppk: input_fee_ppk ?? 0,
    ...(typeof final_expiry === 'number' && { expiry: final_expiry }),
  });
  if (found !== id)
    throw new Refusal('keyset-differs', `keyset ${id} found, whose keys make ${found}`, { blame: 'mint' });
  return { id, unit, keys };
}

/** Returns the keyset of a full or short id, or undefined. @throws Refusal `keyset-ambiguous` */
export function keysetById(id: string, among: readonly MintKeys[]): MintKeys | undefined {
  const [found, ...more] = new Map(among.filter((set) => set.id.startsWith(id)).map((set) => [set.id, set])).values();
  if (more.length > 0)
    throw new Refusal('keyset-ambiguous', `the short keyset id ${id} could be ${found!.id} or ${more[0]!.id}`);
  return found;
}
