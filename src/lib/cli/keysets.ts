/** The keysets of a home: made, retired, taken in from an outside signer, listed. What a keyset is: `ecash/keyset.ts`. */
import {
  ACTIVE,
  checkKeyset,
  keysetClaim,
  keysetKind,
  keysetSchema,
  makeKeyset,
  type KeysetRecord,
} from '../ecash/keyset.ts';
import { loadCashu } from '../ecash/library.ts';
import type { Home } from '../home/home.ts';
import type { Claim } from '../protocol/action.ts';
import type { Json } from '../protocol/json.ts';
import { parseAs } from '../protocol/message.ts';
import { freshPath } from '../protocol/path.ts';
import type { Commit } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';

type MintKeyset = Extract<KeysetRecord, { role: 'mint' }>;

/** A keyset as it is printed: what others may know of it. */
export const keysetDocument = (r: KeysetRecord): object => ({
  type: 'ecash-keyset',
  version: 1,
  role: r.role,
  ...(r.role === 'mint' ? { active: r.active, signer: r.path === null ? 'outside' : 'home' } : { counter: r.counter }),
  keyset: r.keyset,
});

export const keysetsOf = async (home: Home): Promise<KeysetRecord[]> =>
  (await home.store.list(keysetKind.name)).map((r) => keysetKind.parse(r.record));

/** A new keyset with keys of the home, or with those of a signer outside, becomes the active one. @throws Refusal `keyset-differs`, `already-known` */
export async function addKeyset(home: Home, outside: Json | undefined): Promise<MintKeyset> {
  await loadCashu();
  const keys = (await home.keys()).keysWith([]);
  const path = outside === undefined ? freshPath({ random: await home.random() }) : null;
  const keyset = path ? makeKeyset(keys, path) : checkKeyset(parseAs(keysetSchema, outside));
  const made: MintKeyset = { role: 'mint', keyset, path, active: true };
  await change(home, [ACTIVE], (found) => {
    const before = found.get(ACTIVE);
    return [...(before ? [{ ...before, active: false }] : []), made];
  });
  return made;
}

/** It signs what it was offered for, and nothing new. @throws Refusal `no-keyset` */
export async function retireKeyset(home: Home, id: string): Promise<MintKeyset> {
  const claim = keysetClaim('mint', id);
  const [retired] = await change(home, [claim], (found) => {
    const keyset = found.get(claim);
    if (!keyset) throw new Refusal('no-keyset', `this home has no keyset ${id}`);
    return [{ ...keyset, active: false }];
  });
  return retired!;
}

/** Reads, changes and writes keysets, again where another run was faster. */
async function change(
  home: Home,
  claims: readonly Claim[],
  make: (found: ReadonlyMap<Claim, MintKeyset>) => readonly MintKeyset[],
): Promise<readonly MintKeyset[]> {
  for (;;) {
    const { found } = await home.store.load(claims);
    const known = new Map([...found].map(([claim, { record }]) => [claim, keysetKind.parse(record) as MintKeyset]));
    const made = make(known);
    const writes = made.map((record): Commit['writes'][number] => {
      const read = claims.find((claim) => known.get(claim)?.keyset.id === record.keyset.id);
      return {
        kind: keysetKind.name,
        claim: read ?? null,
        rev: read ? found.get(read)!.rev : 0,
        record,
        row: keysetKind.row(record),
        claims: keysetKind.claims(record),
      };
    });
    const reply = { text: '', exit: 0, row: 'keyset', flags: '', copies: [] } as const;
    const nothing = { key: null, opens: [], spends: [], voids: [], notes: [], addresses: [] };
    const reads = claims.map((claim) => ({ claim, rev: found.get(claim)?.rev ?? 0 }));
    if (await home.store.commit({ ...nothing, reply, reads, writes })) return made;
  }
}
