/** What the steps of a swap have in common: fresh keys, terms that are believed, paying an HTLC and claiming one. */
import { scriptOf } from '../bitcoin/address.ts';
import { payFrom } from '../bitcoin/coins.ts';
import { expiryWords, type Expiry } from '../bitcoin/locktime.ts';
import { type Network } from '../bitcoin/network.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { parseTransaction, txidOf, txidOfHex, type Spent } from '../bitcoin/transaction.ts';
import type { Facts, Hand, Hex } from '../protocol/action.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { addressesFor, unnamed } from '../protocol/addresses.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { freshKeys } from '../signing/side.ts';
import { isSigned, signFunding, type Funding } from '../bitcoin/funding.ts';
import { keyRecord, type HtlcKey } from './records.ts';
import { finish, signatureBy } from './sign.ts';
import { spend } from './spend.ts';
import type { Swap } from './swap-records.ts';
import {
  checkAmounts,
  checkOrder,
  checkSides,
  checkTime,
  fundBy,
  swapViews,
  type Answer,
  type Side,
  type Swapper,
  type SwapTerms,
} from './swap-terms.ts';
import { build, type Htlc } from './terms.ts';

/** The flags of its rows, as far as these helpers read them. */
interface Paying {
  utxo?: readonly Spent[];
  change?: string;
  to?: string;
  allowFee?: boolean;
}

/** Two fresh keys: one to claim with, whose sealing key seals, and one for the refund. */
export function drawn(hand: Hand) {
  const [claiming, refunding] = [freshKeys(hand), freshKeys(hand)];
  const side: Side = {
    claim_pubkey: claiming.pubkey,
    claim_auth: claiming.auth,
    refund_pubkey: refunding.pubkey,
    refund_auth: refunding.auth,
  };
  const keys = { claiming: keyRecord(hand.keys, claiming), refunding: keyRecord(hand.keys, refunding) };
  return { own: claiming.own, side, keys };
}

export function hinted(expires: Expiry, at: number): { hint?: string } {
  const words = expiryWords(expires, at);
  return words === undefined ? {} : { hint: words };
}

/** Of a message or record that this home takes: it is the home's own. */
export const networkOf = (network: string): Network => network as Network;

/** Terms that came from the other side, believed only so far. */
export function checked(terms: SwapTerms, tip: Facts['tip'], from: Swapper): SwapTerms {
  checkSides(terms.offer, terms.answer, from);
  checkOrder(terms);
  checkTime(tip, fundBy(terms), 'a swap begins');
  checkAmounts(terms);
  return terms;
}

type Agreed = Extract<Swap, { answer: Answer }>;
export const recorded = ({ network, offer, answer }: Agreed): SwapTerms => ({
  network: networkOf(network),
  offer,
  answer,
});
/** What every message from `accepted` on states. */
export const statedBy = (terms: SwapTerms) => ({ offer: terms.offer, answer: terms.answer, htlcs: swapViews(terms) });

export const coinOf = (htlc: Htlc, at: Outpoint, amount: bigint): Spent => ({
  ...at,
  sat: amount,
  script: build(htlc).output,
});

export const fundingNeeds = (input: Paying, others: readonly Outpoint[]) =>
  ({
    tip: true,
    feerate: true,
    payout: unnamed(input.change),
    coins: outpointsOf([...others, ...(input.utxo ?? [])]),
    reserved: outpointsOf(input.utxo ?? []),
    ours: (input.utxo ?? []).map(({ script }) => script),
  }) as const;

/** Pays an HTLC, or goes on with what was paid before and comes back signed. */
export function pay(
  hand: Hand,
  had: Swap,
  terms: SwapTerms,
  htlc: Htlc,
  amount: bigint,
  input: Paying & { utxo: readonly Spent[] },
  facts: Pick<Facts, 'feerate' | 'payout' | 'coins' | 'reserved' | 'ours'>,
) {
  const { output } = build(htlc);
  const again = 'funding' in had;
  if (again && hand.merged.length === 0)
    throw new Refusal('wrong-state', 'this home has paid its HTLC before; a second payment would be lost to a refund', {
      hint: 'the same message with the same flags prints the same again',
    });
  if (!again && hand.restored) throw homeRestored('what it has paid it cannot know');
  const template = again
    ? had.funding.template
    : payFrom({
        coins: input.utxo,
        outputs: [{ sat: amount, script: output }],
        change: addressesFor([input.change], facts.payout)[0],
        feerate: facts.feerate,
        version: 2,
        network: terms.network,
        allowFee: input.allowFee ?? false,
      });
  // What this home has paid with before is its own record's to spend.
  const coins = again ? 'not-checked' : checkSpendable(facts, template.inputs);
  const funding: Funding = signFunding(hand, again ? had.funding : { template, witnesses: {} }, facts.ours);
  const paid = {
    txid: txidOf(template),
    vout: template.outputs.findIndex((o) => o.script === output && o.sat === amount),
  };
  const { role, network, own, offer } = had;
  return {
    swap: {
      role,
      state: 'funded' as const,
      network,
      own,
      offer,
      answer: terms.answer,
      funding,
      coins: template.inputs.map(outpointText),
      paid,
      theirs: null,
    },
    outcome: {
      checks: { coins } as Record<string, string>,
      ...(!isSigned(funding) && {
        exit: 3 as const,
        hint: 'sign the PSBT in the wallet that owns its inputs; broadcast it there, or give it back with --merge FILE',
      }),
    },
  };
}

export const claimNeeds = (input: Paying) => ({ tip: true, feerate: true, payout: unnamed(input.to) }) as const;

/** The finished claim of the other side's HTLC. */
export function claim(
  hand: Hand,
  claiming: HtlcKey,
  htlc: Htlc,
  coin: Omit<Spent, 'script'>,
  preimage: Uint8Array,
  input: Paying,
  facts: Pick<Facts, 'feerate' | 'payout'>,
): { txid: Hex; hex: Hex } {
  const to = scriptOf(addressesFor([input.to], facts.payout)[0], htlc.network);
  const made = spend(htlc, 'claim', { coin, to, feerate: facts.feerate, allowFee: input.allowFee ?? false });
  const signature = signatureBy(made, hand.keys.contract(claiming.own.path));
  const { txid, hex } = finish(made, { signatures: { claim: signature }, preimage });
  return { txid, hex };
}

/** The claim that this home printed before, where it pays what is asked for. */
export function printedBefore(swap: Swap | undefined, { to }: Paying): { txid: Hex; hex: Hex } | undefined {
  if (swap?.state !== 'funded' || swap.tx === undefined) return undefined;
  const [output] = parseTransaction(swap.tx).outputs;
  const pays = to === undefined || bytesToHex(output!.script) === scriptOf(to, networkOf(swap.network));
  return pays ? { txid: txidOfHex(swap.tx), hex: swap.tx } : undefined;
}

/** Why a claim of this coin may come to nothing, in words; undefined where it is there, and in time. */
export function doubtOf(
  { tip, coins, known }: Pick<Facts, 'tip' | 'coins' | 'known'>,
  { coin, claim, expiry }: { coin: Spent; claim: Hex; expiry: number },
  unchecked = false,
): string | undefined {
  if (tip !== 'not-checked' && tip >= expiry)
    return `at height ${tip} the refund is valid too, since block ${expiry + 1}: whichever confirms first has the coin`;
  if ((tip === 'not-checked' || coins === 'not-checked') && !unchecked)
    return 'no node says that the coin is there and the height in time; broadcast it now, then give --chain URL, or --unchecked';
  const seen = coins === 'not-checked' ? undefined : (coins.get(outpointText(coin)) ?? 'missing');
  if (seen === 'missing' && !(known !== 'not-checked' && known.get(claim)))
    return `the coin ${outpointText(coin)} is spent, or never was there: if not by this claim, it is lost`;
  if (seen && seen !== 'missing' && (seen.sat !== coin.sat || seen.script !== coin.script))
    return 'the coin is not the one of the swap';
  return undefined;
}

/** What became of all coins of a swap that this home has paid for. */
export const endNeeds = (swap: Swap | undefined) => ({
  coins:
    swap?.state === 'funded' ? [...swap.coins, ...outpointsOf([swap.paid, ...(swap.theirs ? [swap.theirs] : [])])] : [],
  known: swap?.state === 'funded' ? [swap.paid.txid] : [],
});

/**
 * Is a swap over that this home has paid for? Returns whether its payment was never sent.
 * @throws Refusal `funding-unchecked`, `wrong-state`, `swap-open`
 */
export function checkOver(
  had: Extract<Swap, { state: 'funded' }>,
  { coins, known }: Pick<Facts, 'coins' | 'known'>,
): boolean {
  if (coins === 'not-checked')
    throw new Refusal('funding-unchecked', 'no node says what became of the coins of the swap', {
      hint: 'give --chain URL',
    });
  const isGone = (at: string): boolean => (coins.get(at) ?? 'missing') === 'missing';
  if (!isGone(outpointText(had.paid)))
    throw new Refusal('wrong-state', `the own HTLC at ${outpointText(had.paid)} is unspent`, {
      hint: 'take it back at its expiry: spillway htlc refund --home',
    });
  const never = known !== 'not-checked' && known.get(had.paid.txid) === false && had.coins.some(isGone);
  if (!never && had.theirs && !isGone(outpointText(had.theirs)))
    throw new Refusal('swap-open', `the other HTLC at ${outpointText(had.theirs)} is unspent`, {
      hint: 'it is claimed with what the claim of the own one shows (spillway htlc secret, or the message of it); where the own one was taken back, the swap ends once the other side takes this one back too',
    });
  return !had.coins.some(isGone);
}
