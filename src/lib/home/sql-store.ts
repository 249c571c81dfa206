/**
 * The store of a home in SQL: records with their claims, open nonces, replies and used addresses,
 * and the one commit that changes them together. One logic serves every database (`database.ts`).
 *
 * A revision is the number of the commit that wrote the record last, so no revision comes twice in
 * a store. Opening or ending a nonce counts as writing its record: whoever read the older nonce
 * loses the race. Only a nonce or an address needs secrets, so listing never asks for a passphrase.
 * Not here: statements of a commit (`sql-pieces.ts`), databases (`sqlite.ts`, `postgres.ts`), the
 * schema's promises (`schema.ts`), copies and restores (`identity.ts`).
 */
import type { Claim, Hex, Kind, Note, OwnAddress, WalletPath } from '../protocol/action.ts';
import type { Totals } from '../protocol/figures.ts';
import { parseJson, type Json } from '../protocol/json.ts';
import type { Commit, Loaded, Reply, EncryptedNonce, Store } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { all, marks, put, together, type Database, type Sql } from './database.ts';
import { recordsInOrder, statedInOrder, totalsOf, type Otherwise } from './figures.ts';
import type { Journal, Written } from './journal.ts';
import { decryptNonce, encryptNonce } from './at-rest.ts';
import {
  addNote,
  besideOf,
  consumedOf,
  endNonce,
  idOf,
  noncesOf,
  ownersOf,
  recordIn,
  pendingAbove,
  touch,
  writeRecords,
  lazily,
  ADDRESSES,
  namesToLock,
  type ClaimOwner,
} from './sql-pieces.ts';
import {
  addressesAfter,
  allAddresses,
  keepAddress,
  lastAddresses,
  placeOf,
  placesOf,
  spareAddresses,
  useAddress,
} from './places.ts';
import { retryRace } from './change.ts';
import { forget, forgetDead, isAnswered, keepReply, lastReply, recordsOf, replyTo } from './replies.ts';
import { getMeta, setMeta, settle, provenanceOf, type Begun, type Provenance } from './life.ts';
import type { CommitWatch, ListedRecord, Ordered, StatedSum, StoredAddress, StoreSecrets, Stretch } from './store.ts';

export interface StoreOptions {
  secrets: () => Promise<StoreSecrets>;
  watch?: CommitWatch;
  /** Journal of the commits outside the store; absent while a backup is made or read. */
  journal?: Journal;
  /** Labelled points within a commit, where tests interrupt a run. */
  point?: ((label: string) => void) | undefined;
}

export class HomeStore implements Store {
  readonly #db: Database;
  readonly #secrets: () => Promise<StoreSecrets>;
  readonly #watch: CommitWatch | undefined;
  readonly #journal: Journal | undefined;
  readonly #point: ((label: string) => void) | undefined;

  constructor(db: Database, { secrets, watch, journal, point }: StoreOptions) {
    this.#db = db;
    this.#secrets = secrets;
    this.#watch = watch;
    this.#journal = journal;
    this.#point = point;
  }

  async reply(key: Hex): Promise<Reply | undefined> {
    return this.#db.ask(() => replyTo(key));
  }
  async last(type: string, claim: Claim): Promise<Reply | undefined> {
    return this.#db.ask(() => lastReply(type, claim));
  }

  async recall({ key, notes }: Reply): Promise<void> {
    const [records, used] = await this.#db.ask(() => together(recordsOf(key), lastAddresses()));
    for (const { id, kind, name, rev, body } of records as unknown as ClaimOwner[])
      this.#journal?.saw({ id, kind, name, rev, record: parseJson(body) });
    for (const { chain, index } of used) this.#journal?.saw({ chain, index });
    await this.notes(notes);
    await this.flush();
  }

  async load(
    claims: readonly Claim[],
  ): Promise<{ found: ReadonlyMap<Claim, Loaded>; nonces: readonly EncryptedNonce[] }> {
    if (claims.length === 0) return { found: new Map(), nonces: [] };
    const [owners, sealed] = await this.#db.ask(() => together(ownersOf(claims), noncesOf(claims)));
    const loaded = ({ kind, name, body, rev }: ClaimOwner): Loaded => ({ kind, name, record: recordIn(body), rev });
    const found = new Map([...owners].map(([claim, owner]) => [claim, loaded(owner)]));
    for (const [claim, { id, kind, name, rev }] of owners)
      this.#journal?.saw({ id, kind, name, rev, record: found.get(claim)!.record });
    const nonces = sealed.map((row): EncryptedNonce => {
      const id = { of: row['of_claim'] as Claim, sighash: row['sighash'] as Hex, pubnonce: row['pubnonce'] as Hex };
      const decrypt = async () => decryptNonce(id, row['sealed'] as Uint8Array, (await this.#secrets()).storeKey);
      return { of: id.of, sighash: id.sighash, decrypt };
    });
    return { found, nonces };
  }

  async commit(commit: Commit): Promise<boolean> {
    const { opens, addresses } = commit;
    // All waiting comes before the transaction, which holds only statements.
    const secrets = opens.length + addresses.length > 0 ? await this.#secrets() : undefined;
    const sealed = opens.map((nonce) => encryptNonce(nonce, secrets!.storeKey));
    const places = await Promise.all(addresses.map((own) => placeOf(own, secrets!)));
    await this.#ready();
    const taken = await this.#db.write(namesToLock(commit), () => this.#take(commit, sealed, places));
    if (taken === false) return false;
    const { number, ids } = taken;
    this.#point?.('before-journal');
    const written = commit.writes.map(({ kind, row, record, passing }, i) => ({
      passing,
      entry: { id: ids[i]!, kind, name: row.name, rev: number, record },
    }));
    for (const { entry } of written.filter(({ passing }) => passing)) this.#journal?.skips(entry);
    const records = written.filter(({ passing }) => !passing).map(({ entry }) => entry);
    await this.#tell(number, { records, notes: commit.notes, addresses });
    return true;
  }

  /** Writes a commit within its transaction. Returns its number and records, or false if outrun. */
  *#take(
    commit: Commit,
    sealed: readonly Uint8Array[],
    places: readonly StoredAddress[],
  ): Sql<{ number: number; ids: readonly number[] } | false> {
    const { key, reply, reads, writes, opens, spends, notes } = commit;
    const compared = [...reads, ...writes].flatMap(({ claim, rev }) => (claim === null ? [] : [{ claim, rev }]));
    const [owners, consumed, answered] = yield* together(
      ownersOf([...new Set(compared.map(({ claim }) => claim))]),
      consumedOf(spends),
      isAnswered(key),
    );
    if (answered) return false;
    if (!compared.every(({ claim, rev }) => (owners.get(claim)?.rev ?? 0) === rev)) return false;
    if (consumed)
      throw new Refusal('nonce-consumed', `the secret nonce of ${consumed.of} for this request is no longer open`, {
        hint: 'start the request anew',
      });

    const written = writes.map((write) => idOf(write, owners));
    const [number, beside] = yield* together(this.#db.counter.next(), besideOf(written));
    yield* touch([...spends, ...opens], writes, number);
    for (const nonce of spends) yield* endNonce(nonce);
    const ids = yield* writeRecords(writes, written, beside, number);
    yield* forget(reply, ids);
    yield* together(...notes.map((note) => addNote(note, number)));
    for (const [i, nonce] of opens.entries()) {
      yield* endNonce(nonce);
      const sql = 'INSERT INTO nonce(of_claim, sighash, pubnonce, sealed) VALUES (?, ?, ?, ?)';
      yield* put(sql, nonce.of, nonce.sighash, nonce.pubnonce, sealed[i]!);
    }
    const read = [...owners.values()].map(({ id }) => id);
    if (key !== null) {
      yield* keepReply(key, commit, [...read, ...ids], number);
      const claims = writes.flatMap((write, i) => [...write.claims, ...beside[i]!.claims]);
      yield* forgetDead(reply, [...new Set(claims)], number);
    }
    const begun = ids.filter((_, i) => written[i] === undefined);
    const owner = begun.length === 1 ? begun[0]! : null;
    if ((yield* together(...places.map((place) => useAddress(place, owner)))).includes(false)) return false;
    this.#point?.('in-commit');
    return { number, ids };
  }

  async notes(names: readonly string[]): Promise<ReadonlyMap<string, Json>> {
    if (names.length === 0) return new Map();
    const sql = `SELECT name, body, lapses FROM note WHERE name IN (${marks(names)})`;
    const rows = await this.#db.ask(() => all(sql, ...names));
    const notes = rows.map(({ name, body, lapses }): Note => ({
      name: name as string,
      body: parseJson(body as string) as object,
      ...(lapses !== null && { lapses: true }),
    }));
    for (const note of notes) this.#journal?.saw(note);
    return new Map(notes.map(({ name, body }) => [name, body as Json]));
  }

  /** Returns all records, or those of a kind, or of a kind in one state, oldest first. */
  async list(kind?: string, state?: string): Promise<readonly ListedRecord[]> {
    const where = [kind !== undefined && 'kind = ?', state !== undefined && 'state = ?'].filter((w) => w !== false);
    const values = [kind, state].filter((v) => v !== undefined);
    return this.#listed(where.length > 0 ? `WHERE ${where.join(' AND ')}` : '', ...values);
  }

  /** Returns records of a kind with something pending, of later commits than this, in order. */
  pending = async (kind: string, above: number) => this.#db.ask(() => pendingAbove(kind, above));
  /** Returns the records of an issuer for which more was paid than is issued or reported. */
  async unissued(issuer: string): Promise<readonly ListedRecord[]> {
    return this.#listed('WHERE issuer = ? AND issued_sat < high_sat', issuer);
  }

  async byName(prefix: string): Promise<readonly ListedRecord[]> {
    if (!/^[0-9a-f]{8,}$/.test(prefix)) return [];
    // 'g' follows every hex digit.
    return this.#listed('WHERE name >= ? AND name < ?', prefix, `${prefix}g`);
  }

  /** Returns the records and claims of this claim prefix; none for fewer than 8 hex digits. */
  async byClaim(prefix: Claim): Promise<readonly (ListedRecord & { claim: Claim })[]> {
    if (!/:[0-9a-f]{8,}$/.test(prefix)) return [];
    const sql = `SELECT claim, kind, name, state, rev, body FROM claim JOIN record ON id = claim.record
      WHERE claim >= ? AND claim < ? ORDER BY id`;
    const rows = await this.#db.ask(() => all(sql, prefix, `${prefix}g`));
    return rows.map((row) => lazily<ListedRecord & { claim: Claim }>(row));
  }

  async #listed(where: string, ...values: string[]): Promise<readonly ListedRecord[]> {
    const sql = `SELECT kind, name, state, rev, body FROM record ${where} ORDER BY id`;
    return (await this.#db.ask(() => all(sql, ...values))).map((row) => lazily<ListedRecord>(row));
  }

  /** Returns the records of a kind that have this figure, in its order. */
  async inOrder(kind: Pick<Kind<any>, 'name'>, figure: string, stretch: Stretch): Promise<readonly Ordered[]> {
    const rows = await this.#db.ask(() => recordsInOrder(kind, figure, stretch));
    return rows.map((row) => lazily<Ordered>({ ...row, value: BigInt(row['value'] as number) }));
  }
  /** Returns a kind's records with a claimed stated outpoint, by this figure, without bodies. */
  async stated(kind: Pick<Kind<any>, 'name'>, figure: string, stretch: Stretch): Promise<readonly StatedSum[]> {
    const rows = await this.#db.ask(() => statedInOrder(kind, figure, stretch));
    return rows.map((row) => ({ ...row, value: BigInt(row['value'] as number) }) as unknown as StatedSum);
  }

  /**
   * Returns the sums over all records of a kind.
   * @param otherwise figures that count in place of a record's own, by its id
   */
  async totals(kind: Pick<Kind<any>, 'name'>, otherwise: ReadonlyMap<number, Otherwise> = new Map()): Promise<Totals> {
    return this.#db.ask(() => totalsOf(kind, otherwise));
  }

  async payouts(count: number): Promise<readonly OwnAddress[]> {
    if (count === 0) return [];
    const [spare, used] = await this.#db.ask(() => together(spareAddresses(count), lastAddresses()));
    return [...spare, ...(await addressesAfter(used, count - spare.length, this.#secrets))];
  }
  /** Returns the next `count` receiving addresses that were never given out. */
  async fresh(count: number): Promise<readonly OwnAddress[]> {
    return addressesAfter(await this.lastUsed(), count, this.#secrets);
  }
  /** Returns the last place of each chain that was ever in use. */
  async lastUsed(): Promise<readonly WalletPath[]> {
    return this.#db.ask(lastAddresses);
  }

  async ours(scripts: readonly Hex[]): Promise<ReadonlyMap<Hex, WalletPath>> {
    return scripts.length === 0 ? new Map() : this.#db.ask(() => placesOf(scripts));
  }

  /** Returns the addresses in use, by chain and index, including freed ones. */
  async addresses(): Promise<readonly StoredAddress[]> {
    return this.#db.ask(allAddresses);
  }

  /** Marks places as used for good, so that they are never given out. */
  async addAddresses(paths: readonly WalletPath[]): Promise<void> {
    const { address } = await this.#secrets();
    const places = await Promise.all(paths.map(async (path) => ({ ...path, ...(await address(path)) })));
    await this.#ready();
    const { counter } = this.#db;
    const number = await this.#retried([ADDRESSES], function* () {
      const added = yield* together(...places.map((place) => useAddress(place, null)));
      yield* together(...places.map(keepAddress));
      return added.includes(true) ? yield* counter.next() : 0;
    });
    if (number === 0) return;
    await this.#tell(number, { addresses: places });
  }

  /** Writes a commit to the journal, then to the tides. */
  async #tell(commit: number, line: Partial<Pick<Written, 'records' | 'notes' | 'addresses'>>): Promise<void> {
    const { records = [], notes = [], addresses = [] } = line;
    const paths = addresses.map(({ chain, index }) => ({ chain, index }));
    await this.#journal?.append({ commit, records, notes, addresses: paths });
    this.#point?.('before-tide');
    this.#watch?.rise(commit);
  }

  /** Refuses before a commit whose journal or tide could not be written. */
  async #ready(): Promise<void> {
    this.#watch?.ready();
    await this.#journal?.ready();
  }

  async flush(): Promise<void> {
    await this.#journal?.flush();
  }

  async meta(key: string): Promise<string | undefined> {
    return this.#db.ask(() => getMeta(key));
  }
  async setMeta(key: string, value: string): Promise<void> {
    await this.#retried([`meta:${key}`], () => setMeta(key, value));
  }
  /** Returns the number of commits that this store has seen. */
  async commits(): Promise<number> {
    return this.#db.ask(() => this.#db.counter.get());
  }

  /** Raises the counter: the next commit gets a higher number than this one. */
  async atLeast(number: number): Promise<void> {
    const { counter } = this.#db;
    await this.#retried('all', function* () {
      yield* counter.set(Math.max(yield* counter.get(), number));
    });
  }

  /** Runs reads over one state of the store, for a backup. */
  async snapshot<T>(work: (counter: Database['counter']) => Sql<T>): Promise<T> {
    return this.#db.read(() => work(this.#db.counter));
  }

  /** Returns the marks of the store, all of one moment. */
  async provenance(): Promise<Provenance> {
    return this.#db.ask(() => provenanceOf(this.#db.counter));
  }

  /**
   * Stores the present place of the store.
   * @param identity returns it, given the stored place
   * @returns false if the store has changed meanwhile
   */
  async placed(
    identity: (kept: string) => string,
    still: (found: Provenance) => boolean,
    { nonces }: { nonces?: 'end' } = {},
  ): Promise<boolean> {
    const { counter } = this.#db;
    return this.#db.write('all', function* () {
      const found = yield* provenanceOf(counter);
      if (!still(found)) return false;
      yield* setMeta('identity', identity(found.identity));
      if (nonces === 'end') yield* put('DELETE FROM nonce');
      return true;
    });
  }

  /**
   * Returns those of these claims that a record holds, once no commit that names one is under way.
   * @throws Refusal `store-unavailable`
   */
  async claimed(claims: readonly Claim[]): Promise<ReadonlySet<Claim>> {
    return this.#retried(claims, function* () {
      return new Set((yield* ownersOf(claims)).keys());
    });
  }

  /**
   * Begins another life (`life.ts`), which makes a copied or restored store harmless.
   * @returns that commit's number, higher than all before; undefined if the store has changed
   * meanwhile
   * @throws Refusal `store-damaged`; `store-newer` for a record of an unknown kind
   */
  async settle(begun: Begun, kinds: readonly Kind<any>[]): Promise<number | undefined> {
    await this.#db.check();
    const number = await this.#db.write('all', () => settle(this.#db.counter, begun, kinds));
    return number === false ? undefined : number;
  }

  /** Runs a piece of pruning in its own transaction. @param names locks, as of `namesToLock` */
  async prune<T>(names: readonly string[], work: (counter: Database['counter']) => Sql<T>): Promise<T> {
    return this.#retried(names, () => work(this.#db.counter));
  }
  /** Runs a piece that deletes records. It counts as a commit, to expose a store put back. */
  async pruneRecords(names: readonly string[], work: () => Sql<number>): Promise<number> {
    await this.#ready();
    const { counter } = this.#db;
    const { dropped, number } = await this.#retried(names, function* () {
      const dropped = yield* work();
      return { dropped, number: dropped > 0 ? yield* counter.next() : 0 };
    });
    if (dropped === 0) return 0;
    await this.#tell(number, {});
    return dropped;
  }

  /** Repeats a write until it wins its race, where nobody would make it again. */
  async #retried<T>(names: readonly string[] | 'all', work: () => Sql<T>): Promise<T> {
    const { done } = await retryRace(async () => {
      const written = await this.#db.write(names, work);
      return written === false ? undefined : { done: written };
    });
    return done;
  }

  close(): void {
    this.#db.close();
  }
}
