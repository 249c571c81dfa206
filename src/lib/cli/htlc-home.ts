/**
 * A home's part in HTLCs outside the contract actions: fresh keys and preimages, found again by key and by hash.
 * Not here: cooperative spends and swaps (the one runner).
 */
import { createHtlc, type CreateInput, type PartyKey } from '../htlc/create.ts';
import { htlcKeyKind, keyRecord, preimageOf, type HtlcKey } from '../htlc/records.ts';
import { htlcId } from '../htlc/view.ts';
import type { Hash, Htlc } from '../htlc/terms.ts';
import { plainCommit } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Claim, Hex } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import type { Commit } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { freshKeys } from '../signing/side.ts';

const ATTEMPTS = 8;

/** What one attempt commits, and what comes of it. */
interface Attempt<T> {
  made: T;
  reads: Commit['reads'];
  writes: Commit['writes'];
}

async function committed<T>(home: Home, attempt: () => Promise<Attempt<T>>): Promise<T> {
  for (let tries = 0; tries < ATTEMPTS; tries++) {
    const { made, reads, writes } = await attempt();
    if (await home.store.commit(plainCommit({ reads, writes }))) return made;
  }
  throw new Refusal('concurrent', `other runs of this home were faster ${ATTEMPTS} times`, { hint: 'run it again' });
}

type Write = Commit['writes'][number];
const writing = (record: HtlcKey, claim: Claim | null = null, rev = 0): Write => ({
  kind: htlcKeyKind.name,
  claim,
  rev,
  record,
  row: htlcKeyKind.row(record),
  claims: htlcKeyKind.claims(record),
});

async function drawn(home: Home): Promise<HtlcKey> {
  const keys = (await home.keys()).keysWith([]);
  return keyRecord(keys, freshKeys({ keys, random: await home.random() }));
}

/** A fresh key, and the hash of a fresh preimage. */
export const freshKey = (home: Home): Promise<HtlcKey> =>
  committed(home, async () => {
    const made = await drawn(home);
    return { made, reads: [], writes: [writing(made)] };
  });

type Given = Omit<CreateInput, 'hash' | 'claim' | 'refund'> & {
  hash: Hash | undefined;
  /** undefined: the home's. */
  claim: PartyKey | null | undefined;
  refund: PartyKey | undefined;
};

/** Creates an HTLC; what is not given comes from the home. `reused`: an HTLC of this home had the hash before. */
export const createInHome = (home: Home, given: Given): Promise<{ htlc: Htlc; reused: boolean }> =>
  committed(home, async () => {
    const own = given.claim === undefined || !given.refund || !given.hash ? await drawn(home) : undefined;
    const hash = given.hash ?? own!.hash;
    const htlc = createHtlc({
      ...given,
      hash,
      claim: given.claim === undefined ? own! : given.claim,
      refund: given.refund ?? own!,
    });
    const claim = idClaim(hash.hash160);
    const hit = (await home.store.load([claim])).found.get(claim);
    const owner = hit && htlcKeyKind.parse(hit.record);
    const mine = owner?.hash.hash160 === hash.hash160 && !owner.used;
    const inHtlc = own && (own.pubkey === htlc.claim || own.pubkey === htlc.refund);
    const foreign = given.hash !== undefined;
    return {
      made: { htlc, reused: owner !== undefined && !mine },
      reads: [{ claim, rev: hit?.rev ?? 0 }],
      writes: [
        ...(own
          ? [
              writing({
                ...own,
                used: !foreign,
                met: foreign && !owner ? hash.hash160 : null,
                bound: inHtlc ? htlcId(htlc) : null,
              }),
            ]
          : []),
        ...(mine ? [writing({ ...owner, used: true }, claim, hit!.rev)] : []),
      ],
    };
  });

async function recordAt(home: Home, claim: Claim): Promise<HtlcKey | undefined> {
  const hit = (await home.store.load([claim])).found.get(claim);
  return hit?.kind === htlcKeyKind.name ? htlcKeyKind.parse(hit.record) : undefined;
}

/** The secret key behind a public key, where it is the home's. */
export async function secretBehind(home: Home, pubkey: Hex): Promise<Uint8Array | undefined> {
  const record = await recordAt(home, keyClaim(pubkey));
  return record && (await home.keys()).contract(record.own.path);
}

/** The preimage of a hash, where it is the home's. */
export async function preimageFor(home: Home, hash: Hash): Promise<Uint8Array | undefined> {
  const record = await recordAt(home, idClaim(hash.hash160));
  return record?.hash.hash160 === hash.hash160 ? preimageOf(await home.keys(), record) : undefined;
}
