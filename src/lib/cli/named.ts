/** Records of a home by the beginning of their name, as `--contract` gives it. */
import { allKinds } from '../families.ts';
import type { Home } from '../home/home.ts';
import type { ListedRecord } from '../home/store.ts';
import type { Claim } from '../protocol/action.ts';
import { coinIdClaim, hashClaim, idClaim, keyClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Returns this home's contract id with a prefix. @throws Refusal `usage`, `unknown-contract` */
export async function contractNamed(home: Home, prefix: string | undefined): Promise<string | undefined> {
  if (prefix === undefined) return undefined;
  if (!/^[0-9a-f]{8,64}$/.test(prefix))
    throw new Refusal(
      'usage',
      `--contract ${JSON.stringify(prefix.slice(0, 70))} found, 8 to 64 lowercase hex digits expected`,
    );
  const found = await home.store.byName(prefix);
  const names = [...new Set(found.map((r) => r.name))];
  if (names.length === 1) return names[0];
  throw new Refusal(
    'unknown-contract',
    names.length === 0
      ? `no contract of this home begins with ${prefix}`
      : `${names.length} contracts of this home begin with ${prefix}`,
    {
      hint: 'spillway status lists them',
    },
  );
}

/**
 * Returns a claim of the record whose name, or own key, starts with `prefix`. Of several with one
 * name it is the one that holds the name, else the newest.
 * @throws Refusal `usage`, `unknown-contract`
 */
export async function claimNamed(home: Home, prefix: string): Promise<Claim> {
  const listed = await home.store.byName(prefix);
  const [own, ...more] = listed.length > 0 ? [] : await ownKeys(home, prefix);
  if (own !== undefined && more.length === 0) return own;
  const name = (await contractNamed(home, prefix))!;
  const claims = [idClaim(name), keyClaim(name), hashClaim(name), coinIdClaim(name)];
  const { found } = await home.store.load(claims);
  const claim = claims.find((one) => found.has(one)) ?? (await firstKeys(listed)).at(-1);
  // Every record with such a name holds it as a claim, or has a key.
  if (claim === undefined) throw new Refusal('bug', `no claim leads to ${name}`);
  return claim;
}

/** Returns the key claims with this prefix that their records hold from first to last. */
async function ownKeys({ store }: Home, prefix: string): Promise<Claim[]> {
  const holders = await store.byClaim(keyClaim(prefix));
  const first = await Promise.all(holders.map((holder) => firstKeys([holder])));
  return holders.flatMap(({ claim }, i) => (first[i]!.includes(claim) ? [claim] : []));
}

/** Returns the claims that records hold from first to last, of kinds that have one. */
async function firstKeys(listed: readonly ListedRecord[]): Promise<Claim[]> {
  const all = await allKinds();
  return listed.flatMap(({ kind, record }) => {
    const { parse, key } = all.find(({ name }) => name === kind)!;
    return key ? [key(parse(record))] : [];
  });
}
