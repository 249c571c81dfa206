/**
 * One change of a home's records that no message asks for: load by claims, decide, commit once, and again from the start
 * where another process was faster. What messages ask for is played by `cli/play.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim, Kind, Records } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import type { Commit, SealedNonce, Store } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';

const ATTEMPTS = 8;

export type KindsOf<Rs extends Records> = { [K in keyof Rs]: Kind<Rs[K]> };
export type FindOf<Rs extends Records> = (records: Partial<Rs>) => { [K in keyof Rs]?: Claim | undefined };

export interface LoadedRecords<Rs extends Records> {
  records: Partial<Rs>;
  reads: readonly { role: string; claim: Claim; rev: number }[];
  nonces: readonly SealedNonce[];
}

/** Loads what `find` names, and again what it names with that in hand. */
export async function loadRecords<Rs extends Records>(
  store: Pick<Store, 'load'>,
  kinds: KindsOf<Rs>,
  find: FindOf<Rs>,
): Promise<LoadedRecords<Rs>> {
  let records: Partial<Rs> = {};
  for (let known = ''; ;) {
    const roles = Object.entries(find(records)).filter((named): named is [string, Claim] => named[1] !== undefined);
    const { found, nonces } = await store.load(roles.map(([, claim]) => claim));
    records = {};
    for (const [role, claim] of roles) {
      const hit = found.get(claim);
      if (!hit) continue;
      const { name, parse } = kinds[role as keyof Rs];
      if (hit.kind !== name)
        throw new Refusal('unknown-contract', `a record of kind ${hit.kind} found there, one of kind ${name} expected`);
      records[role as keyof Rs] = parse(hit.record);
    }
    const now = roles.map(([role, claim]) => `${role}=${claim}`).join();
    if (now === known)
      return {
        records,
        reads: roles.map(([role, claim]) => ({ role, claim, rev: found.get(claim)?.rev ?? 0 })),
        nonces,
      };
    known = now;
  }
}

/** @param claim one under which the record was read, at `rev`; null and 0 for a new one */
export const writeOf = <R>(kind: Kind<R>, record: R, claim: Claim | null, rev: number): Commit['writes'][number] => ({
  kind: kind.name,
  claim,
  rev,
  record: record as object,
  row: kind.row(record),
  claims: kind.claims(record),
});

/** The writes of a commit: what differs from what was loaded. */
export const writesOf = <Rs extends Records>(
  kinds: KindsOf<Rs>,
  { records, reads }: Pick<LoadedRecords<Rs>, 'records' | 'reads'>,
  writes: Partial<Rs>,
): Commit['writes'] =>
  (Object.entries(writes) as [keyof Rs & string, object][])
    .filter(([role, record]) => !sameJson(record, records[role] ?? null))
    .map(([role, record]) => {
      const read = records[role] === undefined ? undefined : reads.find((r) => r.role === role);
      return writeOf(kinds[role], record as never, read?.claim ?? null, read?.rev ?? 0);
    });

/** A commit that answers no message: no reply is kept, no nonce used. */
export const plainCommit = (
  parts: Pick<Commit, 'reads' | 'writes'> & Partial<Pick<Commit, 'voids' | 'notes'>>,
): Commit => ({
  key: null,
  reply: { text: '', exit: 0, row: '', flags: '', copies: [] },
  opens: [],
  spends: [],
  voids: [],
  notes: [],
  addresses: [],
  ...parts,
});

/** `voids`: nonces that end with the change. */
interface Changed<Rs extends Records, T> {
  writes: Partial<Rs>;
  result: T;
  voids?: Commit['voids'];
}

/**
 * @param take decides on the records that are there; what it asks of others it asks after they were loaded, so that the
 * commit stands only if nothing moved on meanwhile
 * @throws Refusal `concurrent` where others are faster again and again, and whatever `take` throws
 */
export async function change<Rs extends Records, T>(
  store: Pick<Store, 'load' | 'commit' | 'flush'>,
  kinds: KindsOf<Rs>,
  find: FindOf<Rs>,
  take: (records: Partial<Rs>) => Promise<Changed<Rs, T>> | Changed<Rs, T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const loaded = await loadRecords(store, kinds, find);
    const { writes: decided, result, voids = [] } = await take(loaded.records);
    const writes = writesOf(kinds, loaded, decided);
    const reads = loaded.reads.map(({ claim, rev }) => ({ claim, rev }));
    if (writes.length === 0) {
      await store.flush();
      return result;
    }
    if (await store.commit(plainCommit({ reads, writes, voids }))) return result;
    if (attempt === ATTEMPTS)
      throw new Refusal('concurrent', `other runs of this home were faster ${ATTEMPTS} times`, {
        hint: 'run it again',
      });
    await sleep(Math.random() * 20 * attempt);
  }
}
