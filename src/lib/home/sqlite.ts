/**
 * The store of a home in SQLite: records with their claims, open nonces, replies and used addresses, and the one commit
 * that changes them together.
 *
 * A revision is the number of the commit that wrote the record last, so no revision comes twice in a store. Opening or
 * ending a nonce counts as writing its record: whoever read the older nonce loses the race.
 * Secrets are asked for only where a nonce or an address is at hand, so that listing never needs a passphrase.
 * Not here: the file's promises (`connection.ts`), the schema's (`schema.ts`), copies and restores (`identity.ts`).
 */
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Claim, Hex, Kind, NonceId, OwnAddress, WalletPath } from '../protocol/action.ts';
import { canonicalJson, parseJson, printJson, type Json } from '../protocol/json.ts';
import type { Commit, Loaded, Reply, SealedNonce } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { Connection, type Row } from './connection.ts';
import { refuseExposed, refuseNetworkDisk } from './files.ts';
import { openNonce, sealNonce } from './nonce-box.ts';
import { MIGRATIONS } from './schema.ts';
import type { CommitWatch, HomeStore, Listed, StoredAddress, StoreSecrets } from './store.ts';

export interface SqliteOptions {
  path: string;
  secrets: () => Promise<StoreSecrets>;
  watch?: CommitWatch;
  /** Labelled points within a commit, where tests interrupt a run. */
  point?: ((label: string) => void) | undefined;
}

export class SqliteStore implements HomeStore {
  readonly #db: Connection;
  readonly #secrets: () => Promise<StoreSecrets>;
  readonly #watch: CommitWatch | undefined;
  readonly #point: ((label: string) => void) | undefined;

  /** @throws Refusal `store-unavailable`, or `secret-exposed` where others may read the file */
  constructor({ path, secrets, watch, point }: SqliteOptions) {
    refuseNetworkDisk(dirname(path));
    refuseExposed(path);
    this.#db = new Connection(path, MIGRATIONS);
    this.#secrets = secrets;
    this.#watch = watch;
    this.#point = point;
  }

  /** Makes an empty store; SQLite gives its journals the mode of the file. */
  static create(options: SqliteOptions): SqliteStore {
    closeSync(openSync(options.path, 'wx', 0o600));
    return new SqliteStore(options);
  }

  async reply(key: Hex): Promise<Reply | undefined> {
    const row = this.#db.get('SELECT text, exit, hint, row, flags, copies FROM reply WHERE key = ?', key);
    if (!row) return undefined;
    const { hint, copies, ...rest } = row;
    return { ...rest, ...(hint !== null && { hint }), copies: parseJson(copies as string) } as unknown as Reply;
  }

  async load(claims: readonly Claim[]): Promise<{ found: ReadonlyMap<Claim, Loaded>; nonces: readonly SealedNonce[] }> {
    const found = new Map<Claim, Loaded>();
    const sealed = new Map<number, Row[]>();
    this.#db.read(() => {
      for (const claim of claims) {
        const row = this.#db.get(
          'SELECT id, kind, rev, body FROM record JOIN claim ON record = id WHERE claim = ?',
          claim,
        );
        if (!row) continue;
        found.set(claim, {
          kind: row['kind'] as string,
          record: parseJson(row['body'] as string),
          rev: row['rev'] as number,
        });
        const id = row['id'] as number;
        if (!sealed.has(id))
          sealed.set(id, this.#db.all('SELECT nonce.* FROM nonce JOIN claim ON of_claim = claim WHERE record = ?', id));
      }
    });
    const nonces = [...sealed.values()].flat().map((row): SealedNonce => {
      const id = { of: row['of_claim'] as Claim, sighash: row['sighash'] as Hex, pubnonce: row['pubnonce'] as Hex };
      const unseal = async () => openNonce(id, row['sealed'] as Uint8Array, (await this.#secrets()).storeKey);
      return { of: id.of, sighash: id.sighash, unseal };
    });
    return { found, nonces };
  }

  async commit(commit: Commit): Promise<boolean> {
    const { opens, addresses } = commit;
    // Whatever waits comes before the transaction: inside it nothing else may run.
    const secrets = opens.length + addresses.length > 0 ? await this.#secrets() : undefined;
    const sealed = opens.map((nonce) => sealNonce(nonce, secrets!.storeKey));
    const places = await Promise.all(addresses.map((own) => placeOf(own, secrets!)));
    this.#watch?.ready();
    const number = this.#db.write(() => this.#take(commit, sealed, places));
    if (number === false) return false;
    this.#point?.('before-tide');
    this.#watch?.rise(number);
    return true;
  }

  /** One commit within its transaction: its number, or false where something moved on. */
  #take(commit: Commit, sealed: readonly Uint8Array[], places: readonly StoredAddress[]): number | false {
    const { key, reply, reads, writes, opens, spends, voids, notes } = commit;
    if (key !== null && this.#db.get('SELECT 1 FROM reply WHERE key = ?', key)) return false;
    const current = ({ claim, rev }: { claim: Claim; rev: number }) => (this.#owner(claim)?.rev ?? 0) === rev;
    if (!reads.every(current)) return false;
    if (!writes.every(({ claim, rev }) => claim === null || current({ claim, rev }))) return false;

    const number = this.#commits() + 1;
    // Nonces end before claims are dropped: afterwards they could no longer be found.
    for (const nonce of spends) {
      this.#touch(nonce, number);
      if (!this.#endNonce(nonce))
        throw new Refusal('nonce-consumed', `the secret nonce of ${nonce.of} for this request is no longer open`, {
          hint: 'start the request anew',
        });
    }
    for (const nonce of voids) this.#voidNonce(nonce, number);
    this.#writeRecords(writes, number);
    for (const { name, body } of notes) {
      const sql = 'INSERT INTO note(name, body) VALUES (?, ?) ON CONFLICT DO NOTHING';
      if (this.#db.run(sql, name, canonicalJson(body)) !== 1)
        throw new Refusal('already-known', `${name} was noted before, under another request`);
    }
    opens.forEach((nonce, i) => {
      this.#voidNonce(nonce, number);
      this.#db.run(
        'INSERT INTO nonce(of_claim, sighash, pubnonce, sealed, reply) VALUES (?, ?, ?, ?, ?)',
        nonce.of,
        nonce.sighash,
        nonce.pubnonce,
        sealed[i]!,
        key,
      );
    });
    if (key !== null)
      this.#db.run(
        'INSERT INTO reply(key, text, exit, hint, row, flags, copies) VALUES (?, ?, ?, ?, ?, ?, ?)',
        key,
        reply.text,
        reply.exit,
        reply.hint ?? null,
        reply.row,
        reply.flags,
        printJson(reply.copies),
      );
    if (!places.every((place) => this.#addAddress(place))) return false;
    this.#count(number);
    this.#point?.('in-commit');
    return number;
  }

  #writeRecords(writes: Commit['writes'], number: number): void {
    const owned = writes.map(({ claim, rev, kind }) => {
      const owner = claim === null || rev === 0 ? undefined : this.#owner(claim);
      if (!owner && rev !== 0) throw new Refusal('bug', `a ${kind} is written over, but not under a claim`);
      return owner?.id;
    });
    // All old claims go before new ones come: one commit may hand a claim from one of its records to another.
    writes.forEach(({ claims }, i) => this.#dropClaims(owned[i], new Set(claims), number));
    writes.forEach(({ kind, record, row, claims }, i) => {
      const id = this.#putRecord(owned[i], kind, record, row, number);
      for (const claim of claims) this.#addClaim(claim, id);
    });
  }

  #putRecord(
    id: number | undefined,
    kind: string,
    record: object,
    row: Commit['writes'][number]['row'],
    number: number,
  ): number {
    const values = [
      kind,
      row.name,
      row.state,
      number,
      row.highSat,
      row.limitSat,
      Number(row.left),
      row.issuer ?? null,
      row.issuedSat ?? 0n,
      row.owedSat ?? null,
      canonicalJson(record),
    ];
    const sql =
      id === undefined
        ? 'INSERT INTO record(kind, name, state, rev, high_sat, limit_sat, "left", issuer, issued_sat, owed_sat, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id'
        : 'UPDATE record SET kind = ?, name = ?, state = ?, rev = ?, high_sat = ?, limit_sat = ?, "left" = ?, issuer = ?, issued_sat = ?, owed_sat = ?, body = ? WHERE id = ? RETURNING id';
    return this.#db.get(sql, ...values, ...(id === undefined ? [] : [id]))!['id'] as number;
  }

  #dropClaims(id: number | undefined, kept: ReadonlySet<string>, number: number): void {
    if (id === undefined) return;
    for (const row of this.#db.all('SELECT claim FROM claim WHERE record = ?', id)) {
      const claim = row['claim'] as Claim;
      if (kept.has(claim)) continue;
      for (const nonce of this.#db.all('SELECT sighash FROM nonce WHERE of_claim = ?', claim))
        this.#voidNonce({ of: claim, sighash: nonce['sighash'] as Hex }, number);
      this.#db.run('DELETE FROM claim WHERE claim = ?', claim);
    }
  }

  #addClaim(claim: Claim, id: number): void {
    if (this.#db.run('INSERT INTO claim(claim, record) VALUES (?, ?) ON CONFLICT DO NOTHING', claim, id) === 1) return;
    if (this.#owner(claim)!.id !== id)
      throw new Refusal('already-known', `${claim} is in use by another record of this home`);
  }

  #owner(claim: Claim): { id: number; rev: number } | undefined {
    return this.#db.get('SELECT id, rev FROM record JOIN claim ON record = id WHERE claim = ?', claim) as
      { id: number; rev: number } | undefined;
  }

  /** Whoever loaded the record of this nonce before now loses its race, also where the record itself stays as it was. */
  #touch({ of }: NonceId, number: number): void {
    this.#db.run('UPDATE record SET rev = ? WHERE id = (SELECT record FROM claim WHERE claim = ?)', number, of);
  }

  #endNonce({ of, sighash }: NonceId): { reply: string | null } | undefined {
    return this.#db.get('DELETE FROM nonce WHERE of_claim = ? AND sighash = ? RETURNING reply', of, sighash) as
      { reply: string | null } | undefined;
  }

  /** Erases a nonce that may be there, and the reply that showed it, so that the same input is worked anew. */
  #voidNonce(nonce: NonceId, number: number): void {
    this.#touch(nonce, number);
    const reply = this.#endNonce(nonce)?.reply ?? null;
    if (reply !== null) this.#db.run('DELETE FROM reply WHERE key = ?', reply);
  }

  async notes(names: readonly string[]): Promise<ReadonlyMap<string, Json>> {
    const found = new Map<string, Json>();
    for (const name of names) {
      const row = this.#db.get('SELECT body FROM note WHERE name = ?', name);
      if (row) found.set(name, parseJson(row['body'] as string));
    }
    return found;
  }

  async list(kind?: string, state?: string): Promise<readonly Listed[]> {
    const where = [kind !== undefined && 'kind = ?', state !== undefined && 'state = ?'].filter((w) => w !== false);
    const sql = `SELECT kind, name, state, rev, body FROM record ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY id`;
    return this.#db.all(sql, ...[kind, state].filter((v) => v !== undefined)).map(listed);
  }

  async unissued(issuer: string): Promise<readonly Listed[]> {
    const sql =
      'SELECT kind, name, state, rev, body FROM record WHERE issuer = ? AND issued_sat < high_sat ORDER BY id';
    return this.#db.all(sql, issuer).map(listed);
  }

  async byName(prefix: string): Promise<readonly Listed[]> {
    if (!/^[0-9a-f]{8,}$/.test(prefix)) return [];
    // 'g' follows every hex digit.
    const sql = 'SELECT kind, name, state, rev, body FROM record WHERE name >= ? AND name < ? ORDER BY id';
    return this.#db.all(sql, prefix, `${prefix}g`).map(listed);
  }

  async fresh(count: number): Promise<readonly OwnAddress[]> {
    if (count === 0) return [];
    const { next } = this.#db.get('SELECT coalesce(max(idx) + 1, 0) AS next FROM address WHERE chain = 0') as {
      next: number;
    };
    const { address } = await this.#secrets();
    const paths = Array.from({ length: count }, (_, i): WalletPath => ({ chain: 0, index: next + i }));
    return Promise.all(paths.map(async (path) => ({ ...path, address: (await address(path)).address })));
  }

  async ours(scripts: readonly Hex[]): Promise<ReadonlyMap<Hex, WalletPath>> {
    const found = new Map<Hex, WalletPath>();
    for (const script of scripts) {
      const row = this.#db.get('SELECT chain, idx FROM address WHERE script = ?', script);
      if (row) found.set(script, { chain: row['chain'] as 0 | 1, index: row['idx'] as number });
    }
    return found;
  }

  async addresses(): Promise<readonly StoredAddress[]> {
    const rows = this.#db.all('SELECT chain, idx AS "index", address, script FROM address ORDER BY chain, idx');
    return rows.map((row) => ({ ...row }) as unknown as StoredAddress);
  }

  async addAddresses(paths: readonly WalletPath[]): Promise<void> {
    const { address } = await this.#secrets();
    const places = await Promise.all(paths.map(async (path) => ({ ...path, ...(await address(path)) })));
    this.#watch?.ready();
    const number = this.#db.write(() => {
      const added = places.filter((place) => this.#addAddress(place));
      return added.length > 0 && this.#count(this.#commits() + 1);
    });
    if (number !== false) this.#watch?.rise(number);
  }

  /** false where the place is in use. */
  #addAddress({ chain, index, script, address }: StoredAddress): boolean {
    const sql = 'INSERT INTO address(chain, idx, script, address) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
    return this.#db.run(sql, chain, index, script, address) === 1;
  }

  async meta(key: string): Promise<string | undefined> {
    return this.#meta(key);
  }
  async setMeta(key: string, value: string): Promise<void> {
    this.#setMeta(key, value);
  }
  async commits(): Promise<number> {
    return this.#commits();
  }

  #meta(key: string): string | undefined {
    return this.#db.get('SELECT value FROM meta WHERE key = ?', key)?.['value'] as string | undefined;
  }
  #setMeta(key: string, value: string): void {
    this.#db.run('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', key, value);
  }
  #commits(): number {
    return Number(this.#meta('commits'));
  }
  #count(number: number): number {
    this.#setMeta('commits', String(number));
    return number;
  }

  /** Is this the store that the home had last? `identity.ts` says what both figures are. */
  isSame(identity: string, tide: number): boolean {
    return this.#db.read(() => this.#meta('identity') === identity && this.#commits() >= tide);
  }

  /**
   * Makes a copied or restored store harmless, in one transaction: no open nonce, no reply that showed one, every record as
   * its kind says, `restored` pending, and the identity that it has from now on. Does nothing where another process did it.
   * @throws Refusal `store-unavailable` for a damaged file or a record of an unknown kind
   */
  settle(identity: string, tide: number, kinds: readonly Kind<unknown>[]): void {
    this.#db.check();
    const known = new Map(kinds.map((kind) => [kind.name, kind]));
    this.#db.write(() => {
      if (this.#meta('identity') === identity && this.#commits() >= tide) return;
      const number = Math.max(this.#commits(), tide) + 1;
      this.#db.run('DELETE FROM reply WHERE key IN (SELECT reply FROM nonce)');
      this.#db.run('DELETE FROM nonce');
      for (const { id } of this.#db.all('SELECT id FROM record ORDER BY id'))
        this.#restore(id as number, known, number);
      this.#setMeta('restored', 'pending');
      this.#setMeta('identity', identity);
      this.#count(number);
    });
  }

  #restore(id: number, known: ReadonlyMap<string, Kind<unknown>>, number: number): void {
    const { kind: name, body } = this.#db.get('SELECT kind, body FROM record WHERE id = ?', id) as {
      kind: string;
      body: string;
    };
    const kind = known.get(name);
    if (!kind)
      throw new Refusal(
        'store-unavailable',
        `this store was restored or copied, and holds a record of the unknown kind '${name}'`,
        {
          hint: 'open it with the version of spillway that wrote it',
        },
      );
    const record = kind.restored(kind.parse(parseJson(body)));
    const claims = kind.claims(record);
    this.#dropClaims(id, new Set(claims), number);
    this.#putRecord(id, name, record as object, kind.row(record), number);
    for (const claim of claims) this.#addClaim(claim, id);
  }

  close(): void {
    this.#db.close();
  }
}

async function placeOf(own: OwnAddress, { address }: StoreSecrets): Promise<StoredAddress> {
  const made = await address(own);
  if (made.address !== own.address)
    throw new Refusal('bug', `${own.address} is not the address at ${own.chain}/${own.index}`);
  return { ...own, script: made.script };
}

const listed = ({ body, ...row }: Row): Listed => ({ ...row, record: parseJson(body as string) }) as unknown as Listed;
