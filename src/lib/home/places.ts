/**
 * Places of the home's wallet (BIP86) in SQL: those in use, and those freed because their record
 * came to nothing (`RecordRow.frees`). A commit links a place to the record that it begins; a place
 * added by itself is taken for good.
 * Not here: keys (`keys.ts`), the search for coins (`engine/wallet-scan.ts`).
 */
import type { Hex, OwnAddress, WalletPath } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { all, get, marks, put, type Sql } from './database.ts';
import type { StoredAddress, StoreSecrets } from './store.ts';

/** Yields the last place in use of each chain. A home that has lost some continues after it. */
export function* lastAddresses(): Sql<WalletPath[]> {
  const last = [0, 1].map(
    (chain) => `SELECT ${chain} AS chain, max(idx) AS "index" FROM address WHERE chain = ${chain}`,
  );
  return (yield* all(last.join(' UNION ALL '))).filter(({ index }) => index !== null) as unknown as WalletPath[];
}

/** Yields receiving addresses that may be given again, the first ones first. */
export function* spareAddresses(count: number): Sql<OwnAddress[]> {
  const sql = `SELECT chain, idx AS "index", address FROM address WHERE spare = 1 AND chain = 0 ORDER BY idx LIMIT ?`;
  return (yield* all(sql, count)) as unknown as OwnAddress[];
}

/**
 * Marks a place as used.
 * @param record for which it is used; null if there is none
 * @returns false if it is in use already
 */
export function* useAddress({ chain, index, script, address }: StoredAddress, record: number | null): Sql<boolean> {
  const sql = `INSERT INTO address(chain, idx, script, address, record) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (chain, idx) DO UPDATE SET record = excluded.record, spare = 0 WHERE address.spare = 1 RETURNING idx`;
  return (yield* get(sql, chain, index, script, address, record)) !== undefined;
}

/** Retains an address that has got a coin, or is somebody's: no other record ever gets it. */
export const keepAddress = ({ chain, index }: WalletPath): Sql<void> =>
  put('UPDATE address SET record = NULL WHERE chain = ? AND idx = ? AND record IS NOT NULL', chain, index);

/** Retains all addresses in use, once their purposes are lost: none of them is given again. */
export const keepAddresses = (): Sql<void> =>
  put('UPDATE address SET record = NULL, spare = 0 WHERE record IS NOT NULL OR spare = 1');

/** Maps those of these scripts that are the home's to their places. */
export function* placesOf(scripts: readonly Hex[]): Sql<ReadonlyMap<Hex, WalletPath>> {
  const rows = yield* all(`SELECT script, chain, idx FROM address WHERE script IN (${marks(scripts)})`, ...scripts);
  return new Map(
    rows.map(({ script, chain, idx }) => [script as Hex, { chain: chain as 0 | 1, index: idx as number }]),
  );
}

export function* allAddresses(): Sql<StoredAddress[]> {
  const rows = yield* all('SELECT chain, idx AS "index", address, script FROM address ORDER BY chain, idx');
  return rows.map((row) => ({ ...row }) as unknown as StoredAddress);
}

/** Returns receiving addresses behind all that are in use. */
export async function addressesAfter(
  used: readonly WalletPath[],
  count: number,
  secrets: () => Promise<Pick<StoreSecrets, 'address'>>,
): Promise<readonly OwnAddress[]> {
  if (count === 0) return [];
  const { address } = await secrets();
  const next = (used.find(({ chain }) => chain === 0)?.index ?? -1) + 1;
  const paths = Array.from({ length: count }, (_, i): WalletPath => ({ chain: 0, index: next + i }));
  return Promise.all(paths.map(async (path) => ({ ...path, address: (await address(path)).address })));
}

/** Returns an address with its script. @throws Refusal `bug` where the place has another address */
export async function placeOf(own: OwnAddress, { address }: StoreSecrets): Promise<StoredAddress> {
  const made = await address(own);
  if (made.address !== own.address)
    throw new Refusal('bug', `${own.address} is not the address at ${own.chain}/${own.index}`);
  return { ...own, script: made.script };
}
