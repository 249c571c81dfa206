/**
 * A home's part in HTLCs outside the contract actions: fresh keys and preimages, found again by key and by hash.
 * Not here: cooperative spends and swaps (the one runner).
 */
import { createHtlc, type CreateInput, type PartyKey } from '../../lib/htlc/create.ts';
import {
  htlcKeyKind,
  keyRecord,
  mayLackPayment,
  mayShow,
  paymentOf,
  preimageOf,
  type HtlcKey,
} from '../../lib/htlc/records.ts';
import { swapKind } from '../../lib/htlc/swap-records.ts';
import { htlcId, viewOf } from '../../lib/htlc/view.ts';
import type { Hash, Htlc } from '../../lib/htlc/terms.ts';
import type { Funding } from '../../lib/bitcoin/funding.ts';
import type { Output, Template } from '../../lib/bitcoin/transaction.ts';
import { plainCommit, writeOf, retryRace } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import type { Claim, Hex, Kind } from '../../lib/protocol/action.ts';
import { hashClaim, keyClaim } from '../../lib/protocol/claims.ts';
import type { Commit } from '../../lib/protocol/ports.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';
import { freshKeys } from '../../lib/signing/side.ts';

/** Writes of one attempt, and its result. */
interface Attempt<T> {
  made: T;
  reads: Commit['reads'];
  writes: Commit['writes'];
}

async function committed<T>(home: Home, attempt: () => Promise<Attempt<T>>): Promise<T> {
  const { made } = await retryRace(async () => {
    const done = await attempt();
    return (await home.store.commit(plainCommit({ reads: done.reads, writes: done.writes }))) ? done : undefined;
  });
  return made;
}

const writing = (record: HtlcKey, claim: Claim | null = null, rev = 0) => writeOf(htlcKeyKind, record, claim, rev);

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

/** True if an HTLC of this home had the hash before. The lost end of a restored store may know one. */
type Reused = boolean | 'unknown';
export interface Created {
  htlc: Htlc;
  reused: Reused;
}

/**
 * Creates an HTLC; what is not given comes from the home.
 * @param sameHash a hash that was, or may have been, in another HTLC is meant
 * @throws Refusal `same-hash`
 */
export const createInHome = (home: Home, given: Given, sameHash = false): Promise<Created> =>
  committed(home, async () => {
    const own = given.claim === undefined || !given.refund || !given.hash ? await drawn(home) : undefined;
    const hash = given.hash ?? own!.hash;
    const htlc = createHtlc({
      ...given,
      hash,
      claim: given.claim === undefined ? own! : given.claim,
      refund: given.refund ?? own!,
    });
    const claim = hashClaim(hash.hash160);
    const hit = (await home.store.load([claim])).found.get(claim);
    const owner = hit && htlcKeyKind.parse(hit.record);
    const mine = owner?.hash.hash160 === hash.hash160;
    const foreign = given.hash !== undefined;
    const reused = reusedBefore(owner, mine, foreign && home.mayLack);
    if (reused !== false && !sameHash) throw sameHashFound(hash, reused);
    const inHtlc = own && (own.pubkey === htlc.claim || own.pubkey === htlc.refund);
    const id = htlcId(htlc);
    return {
      made: { htlc, reused },
      reads: [{ claim, rev: hit?.rev ?? 0 }],
      writes: [
        ...(own
          ? [
              writing({
                ...own,
                used: !foreign,
                made: foreign ? null : id,
                met: foreign && !owner ? hash.hash160 : null,
                bound: inHtlc ? id : null,
              }),
            ]
          : []),
        ...(mine && owner.used !== true ? [writing({ ...owner, used: true, made: id }, claim, hit!.rev)] : []),
      ],
    };
  });

function reusedBefore(owner: HtlcKey | undefined, mine: boolean, mayLack: boolean): Reused {
  if (!owner) return mayLack ? 'unknown' : false;
  return mine ? owner.used : true;
}

const sameHashFound = ({ hash160 }: Hash, reused: true | 'unknown'): Refusal =>
  new Refusal(
    'same-hash',
    reused === true
      ? `the hash ${hash160} was in another HTLC of this home before`
      : `this home was restored, and cannot know whether the hash ${hash160} was in another HTLC before`,
    { hint: 'whoever claims one of them can claim the other: give --same-hash only where that is meant' },
  );

async function recordAt<R>(home: Home, kind: Kind<R>, claim: Claim): Promise<R | undefined> {
  const hit = (await home.store.load([claim])).found.get(claim);
  return hit?.kind === kind.name ? kind.parse(hit.record) : undefined;
}

/** The secret key behind a public key, where it is the home's. */
export async function secretBehind(home: Home, pubkey: Hex): Promise<Uint8Array | undefined> {
  const record = await recordAt(home, htlcKeyKind, keyClaim(pubkey));
  return record && (await home.keys()).contract(record.own.path);
}

/**
 * The preimage of an HTLC, where it is the home's and may go into this claim.
 * @param signed all signatures of the claim are there; `own`: with a key of this home, or one that was given with it
 * @throws Refusal `preimage-kept`
 */
export async function preimageFor(
  home: Home,
  htlc: Htlc,
  signed: { all: boolean; own: boolean },
): Promise<Uint8Array | undefined> {
  const record = await recordAt(home, htlcKeyKind, hashClaim(htlc.hash.hash160));
  if (!record || record.hash.hash160 !== htlc.hash.hash160) return undefined;
  const swap = await recordAt(home, swapKind, hashClaim(record.hash.sha256!));
  if (swap && !swapKind.row(swap).left)
    throw new Refusal(
      'preimage-kept',
      `the preimage belongs to the swap ${swap.offer.hash}, which is '${swap.state}'`,
      {
        hint:
          swap.state === 'cancelled'
            ? 'its store was restored: where no journal knows what became of it, htlc swap --contract HASH --cancel frees it'
            : "htlc swap claims with it, once the other side's coin is there and deep enough and the height leaves time",
      },
    );
  return mayShow(record, htlcId(htlc), signed) ? preimageOf(await home.keys(), record) : undefined;
}

/** The record of a key of this home, with its revision. */
async function keyAt(home: Home, pubkey: Hex): Promise<{ record: HtlcKey; rev: number } | undefined> {
  const claim = keyClaim(pubkey);
  const hit = (await home.store.load([claim])).found.get(claim);
  return hit?.kind === htlcKeyKind.name ? { record: htlcKeyKind.parse(hit.record), rev: hit.rev } : undefined;
}
const keep = async (home: Home, record: HtlcKey, rev: number): Promise<boolean> => {
  const claim = keyClaim(record.pubkey);
  return home.store.commit(plainCommit({ reads: [{ claim, rev }], writes: [writing(record, claim, rev)] }));
};

/**
 * The address that claims and refunds by this key pay: the same at each run, drawn at the first one.
 * @returns undefined where the key is not the home's
 */
export const payoutFor = (home: Home, pubkey: Hex, fresh: () => Promise<string>): Promise<string | undefined> =>
  retryRace(async () => {
    const key = await keyAt(home, pubkey);
    if (!key || key.record.payout !== null) return { address: key?.record.payout ?? undefined };
    const payout = await fresh();
    return (await keep(home, { ...key.record, payout }, key.rev)) ? { address: payout } : undefined;
  }).then(({ address }) => address);

/**
 * Returns the payment of an HTLC whose refund key is the home's: made once, its coins reserved, and
 * the same from then on.
 * @returns undefined where the key is not the home's
 * @throws Refusal `answered-otherwise` where it is paid otherwise already, `home-restored` where it may be
 */
export const fundOnce = (
  home: Home,
  htlc: Htlc,
  { sat: amountSat, script }: Output,
  given: readonly string[],
  make: () => Promise<Funding>,
  fresh: () => Promise<string>,
): Promise<Funding | undefined> =>
  retryRace(async () => {
    const key = await keyAt(home, htlc.refund);
    if (!key && home.mayLack) throw homeRestored('the key of this HTLC may be its own, and the HTLC paid');
    if (!key) return { funding: undefined };
    if (home.restored && mayLackPayment(key.record)) throw homeRestored('it may have paid this HTLC since');
    const funded = paymentOf(key.record);
    if (funded) {
      const pays = funded.funding.template.outputs.some((o) => o.script === script && o.sat === amountSat);
      if (!pays || !funded.coins.every((coin) => given.includes(coin)))
        throw new Refusal(
          'answered-otherwise',
          `this home has paid ${funded.amountSat} sat to an HTLC of that refund key, of ${funded.coins.join(', ')}`,
          {
            hint: 'give the same --amount and --utxo to print it again; --cancel frees those coins where it was never sent',
          },
        );
      return { funding: funded.funding };
    }
    const funding = await make();
    const coins = funding.template.inputs.map(({ txid, vout }) => `${txid}:${vout}`);
    // Its refund falls due while nobody is there to name an address.
    const payout = key.record.payout ?? (await fresh());
    const paid = { htlc: viewOf(htlc), over: false, amountSat, funding, coins };
    return (await keep(home, { ...key.record, payout, funded: paid }, key.rev)) ? { funding } : undefined;
  }).then(({ funding }) => funding);

/**
 * Frees the coins of a payment that nobody has sent.
 * @param check refuses one that was sent
 * @throws Refusal `unknown-contract` where none is kept, `home-restored` where another may have come after it
 */
export const freeFunding = (
  home: Home,
  pubkey: Hex,
  check: (paid: Template) => Promise<void>,
): Promise<{ coins: readonly string[] }> =>
  retryRace(async () => {
    const key = await keyAt(home, pubkey);
    const funded = key && paymentOf(key.record);
    if (!funded) throw new Refusal('unknown-contract', 'this home keeps no payment of that HTLC');
    if (home.restored) throw homeRestored('it may have given that payment up since, and made another');
    const { coins, funding } = funded;
    await check(funding.template);
    return (await keep(home, { ...key.record, funded: 'cancelled' }, key.rev)) ? { coins } : undefined;
  });
