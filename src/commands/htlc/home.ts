/**
 * HTLCs of a home outside the contract actions: keys and preimages, found by key and by hash.
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
import { outpointsOf } from '../../lib/bitcoin/coin-checks.ts';
import type { Funding } from '../../lib/bitcoin/funding.ts';
import type { Output, Template } from '../../lib/bitcoin/transaction.ts';
import { change, loadRecord } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { hashClaim, keyClaim } from '../../lib/protocol/claims.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';
import { freshKeys } from '../../lib/signing/side.ts';

async function drawn(home: Home): Promise<HtlcKey> {
  const keys = (await home.keys()).keysWith([]);
  return keyRecord(keys, freshKeys({ keys, random: await home.random() }));
}

/** Draws a key and a preimage, and stores their record. */
export const freshKey = (home: Home): Promise<HtlcKey> =>
  change<{ key: HtlcKey }, HtlcKey>(
    home.store,
    { key: htlcKeyKind },
    () => ({}),
    async () => {
      const key = await drawn(home);
      return { writes: { key }, result: key };
    },
  );

/** Parts of an HTLC by the flags; keys and hash that they leave open are the home's, or drawn. */
export type Parts = Omit<CreateInput, 'hash' | 'claim' | 'refund'> & {
  hash: Hash | undefined;
  claim: PartyKey | null | undefined;
  refund: PartyKey | undefined;
};

/** True if an HTLC of this home had the hash before; `unknown`: the store may have lost it. */
type Reused = boolean | 'unknown';
export interface Created {
  htlc: Htlc;
  reused: Reused;
}

/**
 * Creates an HTLC; what is not given comes from the home.
 * @param sameHash true if a hash that may have been in another HTLC is meant
 * @throws Refusal `same-hash`
 */
export async function createInHome(home: Home, given: Parts, sameHash = false): Promise<Created> {
  const own = given.claim === undefined || !given.refund || !given.hash ? await drawn(home) : undefined;
  const hash = given.hash ?? own!.hash;
  const htlc = createHtlc({
    ...given,
    hash,
    claim: given.claim === undefined ? own! : given.claim,
    refund: given.refund ?? own!,
  });
  return change<{ own: HtlcKey; owner: HtlcKey }, Created>(
    home.store,
    { own: htlcKeyKind, owner: htlcKeyKind },
    () => ({ owner: hashClaim(hash.hash160) }),
    ({ owner }) => {
      const mine = owner?.hash.hash160 === hash.hash160;
      const foreign = given.hash !== undefined;
      const reused = reusedBefore(owner, mine, foreign && home.mayLack);
      if (reused !== false && !sameHash) throw sameHashFound(hash, reused);
      const id = htlcId(htlc);
      const isBound = own && (own.pubkey === htlc.claim || own.pubkey === htlc.refund);
      const met = foreign && !owner ? hash.hash160 : null;
      const added = own && { ...own, used: !foreign, made: foreign ? null : id, met, bound: isBound ? id : null };
      const used = mine && owner.used !== true ? { ...owner, used: true, made: id } : undefined;
      return { writes: { ...(added && { own: added }), ...(used && { owner: used }) }, result: { htlc, reused } };
    },
  );
}

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

/** Returns the secret key behind a public key, where it is the home's. */
export async function secretBehind(home: Home, pubkey: Hex): Promise<Uint8Array | undefined> {
  const key = await loadRecord(home.store, htlcKeyKind, keyClaim(pubkey));
  return key && (await home.keys()).contract(key.record.own.path);
}

/**
 * Returns the preimage of an HTLC, where it is the home's and may go into this claim.
 * @param signed `all`: the claim is signed; `own`: by a key of this home, or one given with it
 * @throws Refusal `preimage-kept`
 */
export async function preimageFor(
  home: Home,
  htlc: Htlc,
  signed: { all: boolean; own: boolean },
): Promise<Uint8Array | undefined> {
  const record = (await loadRecord(home.store, htlcKeyKind, hashClaim(htlc.hash.hash160)))?.record;
  if (!record || record.hash.hash160 !== htlc.hash.hash160) return undefined;
  const swap = (await loadRecord(home.store, swapKind, hashClaim(record.hash.sha256!)))?.record;
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

/** Decides on the record of a key of this home, and stores the result. */
const changeKey = <T>(
  home: Home,
  pubkey: Hex,
  take: (key: HtlcKey | undefined) => Promise<{ key?: HtlcKey; result: T }>,
): Promise<T> =>
  change<{ key: HtlcKey }, T>(
    home.store,
    { key: htlcKeyKind },
    () => ({ key: keyClaim(pubkey) }),
    async (found) => {
      const { key, result } = await take(found.key);
      return { writes: key ? { key } : {}, result };
    },
  );

/**
 * Returns the address that claims and refunds by this key pay, the same at each run.
 * @returns undefined where the key is not the home's
 */
export const payoutFor = (home: Home, pubkey: Hex, fresh: () => Promise<string>): Promise<string | undefined> =>
  changeKey(home, pubkey, async (key) => {
    if (!key || key.payout !== null) return { result: key?.payout ?? undefined };
    const payout = await fresh();
    return { key: { ...key, payout }, result: payout };
  });

/**
 * Returns the payment of an HTLC whose refund key is the home's: made once, its coins reserved, and
 * the same from then on.
 * @returns undefined where the key is not the home's
 * @throws Refusal `answered-otherwise` where it is paid otherwise, `home-restored` where it may be
 */
export const fundOnce = (
  home: Home,
  htlc: Htlc,
  { sat: amountSat, script }: Output,
  given: readonly string[],
  make: () => Promise<Funding>,
  fresh: () => Promise<string>,
): Promise<Funding | undefined> =>
  changeKey(home, htlc.refund, async (key) => {
    if (!key && home.mayLack) throw homeRestored('the key of this HTLC may be its own, and the HTLC paid');
    if (!key) return { result: undefined };
    if (home.restored && mayLackPayment(key)) throw homeRestored('it may have paid this HTLC since');
    const funded = paymentOf(key);
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
      return { result: funded.funding };
    }
    const funding = await make();
    const coins = outpointsOf(funding.template.inputs);
    // Its refund falls due while nobody is there to name an address.
    const payout = key.payout ?? (await fresh());
    const paid = { htlc: viewOf(htlc), over: false, amountSat, funding, coins };
    return { key: { ...key, payout, funded: paid }, result: funding };
  });

/**
 * Frees the coins of a payment that nobody has sent, and returns them.
 * @param check refuses one that was sent
 * @throws Refusal `unknown-contract`, `home-restored` where another may have come after it
 */
export const freeFunding = (
  home: Home,
  pubkey: Hex,
  check: (paid: Template) => Promise<void>,
): Promise<readonly string[]> =>
  changeKey(home, pubkey, async (key) => {
    const funded = key && paymentOf(key);
    if (!funded) throw new Refusal('unknown-contract', 'this home keeps no payment of that HTLC');
    if (home.restored) throw homeRestored('it may have given that payment up since, and made another');
    await check(funded.funding.template);
    return { key: { ...key, funded: 'cancelled' }, result: funded.coins };
  });
