/** Parts that the steps of a swap share: keys, checked terms, payments, claims. */
import { standingAt, outcomeNeeds } from '../contract/outcome.ts';
import { scriptOf } from '../bitcoin/address.ts';
import { payFrom } from '../bitcoin/coins.ts';
import { expiryWords, type Expiry } from '../bitcoin/locktime.ts';
import { type Network } from '../bitcoin/network.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { feeFor, MIN_FEERATE } from '../bitcoin/fee.ts';
import { replacementFee, withChildren } from '../bitcoin/replacement.ts';
import { outputsOf, txidOf, txidOfHex, vsizeOfHex, type Output, type Spent } from '../bitcoin/transaction.ts';
import type { Copy, Facts, Hand, Hex, OwnAddress } from '../protocol/action.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { freshKeys } from '../signing/side.ts';
import { isSigned, signFunding, type Funding } from '../bitcoin/funding.ts';
import { keyRecord, type HtlcKey } from './records.ts';
import { finishSpend, signatureBy } from './sign.ts';
import { spend } from './spend.ts';
import type { Swap } from './swap-records.ts';
import {
  checkAmounts,
  checkOrder,
  checkSides,
  checkTime,
  fundBy,
  swapViews,
  type SwapAnswer,
  type SwapSide,
  type Swapper,
  type SwapTerms,
} from './swap-terms.ts';
import { build, type Htlc } from './terms.ts';
import { viewOf } from './view.ts';

/** The flags of its rows, as far as these helpers read them. */
interface Paying {
  utxo?: readonly Spent[];
  change?: string;
  to?: string;
  allowFee?: boolean;
}

/** Draws two fresh keys: a claim key, whose sealing key seals messages, and a refund key. */
export function drawn(hand: Hand) {
  const [claiming, refunding] = [freshKeys(hand), freshKeys(hand)];
  const side: SwapSide = {
    claim_pubkey: claiming.pubkey,
    claim_auth: claiming.auth,
    refund_pubkey: refunding.pubkey,
    refund_auth: refunding.auth,
  };
  const swapKey = (one: typeof claiming): HtlcKey => ({ ...keyRecord(hand.keys, one), funded: 'swap' });
  const keys = { claiming: swapKey(claiming), refunding: swapKey(refunding) };
  return { own: claiming.own, side, keys };
}

export function hinted(expires: Expiry, at: number): { hint?: string } {
  const words = expiryWords(expires, at);
  return words === undefined ? {} : { hint: words };
}

/** Returns the network of an accepted message or record, which is the home's. */
export const networkOf = (network: string): Network => network as Network;

/** Checks the counterparty's terms: keys, order of expiries, time left and amounts. */
export function checked(terms: SwapTerms, tip: Facts['tip'], from: Swapper): SwapTerms {
  checkSides(terms.offer, terms.answer, from);
  checkOrder(terms);
  checkTime(tip, fundBy(terms), 'a swap begins');
  checkAmounts(terms);
  return terms;
}

type AgreedSwap = Extract<Swap, { answer: SwapAnswer }>;
export const recorded = ({ network, offer, answer }: AgreedSwap): SwapTerms => ({
  network: networkOf(network),
  offer,
  answer,
});
/** Returns the fields that every message from `accepted` on states. */
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
    // One more address, for the refund that is kept outside the home.
    payout: unnamed(input.change) + 1,
    coins: outpointsOf([...others, ...(input.utxo ?? [])]),
    reserved: outpointsOf(input.utxo ?? []),
    ours: (input.utxo ?? []).map(({ script }) => script),
  }) as const;

/** Pays an HTLC, or continues an earlier payment that another wallet has signed. */
export function payHtlc(
  hand: Hand,
  had: Swap,
  terms: SwapTerms,
  htlc: Htlc,
  amount: bigint,
  refunding: HtlcKey,
  input: Paying & { utxo: readonly Spent[] },
  facts: Pick<Facts, 'tip' | 'feerate' | 'payout' | 'coins' | 'reserved' | 'ours'>,
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
  // Coins of an earlier run are reserved for this record already, so they are not checked again.
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
      refunding: refunding.own,
      payout: facts.payout.at(-1)!.address,
      preimage: null,
      // A payment that was signed here before may be on the chain.
      unspentTo: again ? had.unspentTo : facts.tip === 'not-checked' ? null : standingAt(facts.tip),
      revealed: false,
    },
    outcome: {
      copies: [refundCopy(hand, htlc, { ...paid, sat: amount }, offer.hash, refunding, facts.payout.at(-1)!)],
      checks: { coins } as Record<string, string>,
      ...(!isSigned(funding) && {
        exit: 3 as const,
        hint: 'sign the PSBT in the wallet that owns its inputs; broadcast it there, or give it back with --merge FILE',
      }),
    },
  };
}

/**
 * The refund of the own HTLC, kept outside the home: it holds no secret, and pays an address that
 * the seed restores. It pays the least fee, and `bump` what is due on the day.
 */
function refundCopy(
  hand: Hand,
  htlc: Htlc,
  coin: Omit<Spent, 'script'>,
  hash: Hex,
  refunding: HtlcKey,
  { address, chain, index }: OwnAddress,
): Copy {
  const made = spend(htlc, 'refund', {
    coin,
    to: scriptOf(address, htlc.network),
    feerate: MIN_FEERATE,
    allowFee: true,
  });
  const signatures = { refund: signatureBy(made, hand.keys.contract(refunding.own.path)) };
  const { txid, hex } = finishSpend(made, { signatures });
  const body = {
    type: 'refund-copy',
    version: 1,
    network: htlc.network,
    contract: hash,
    capacity_sat: coin.sat,
    expiry: htlc.lock.value,
    script: build(htlc).output,
    valid_from_height: htlc.lock.value + 1,
    txid,
    hex,
    address,
    path: { chain, index },
    htlc: viewOf(htlc),
  };
  return { name: `swap-${hash}`, body };
}

/** Returns the queries of a claim. A reprinted claim keeps its address. */
export const claimNeeds = (swap: Swap | undefined, input: Paying, coin: Outpoint) =>
  ({
    tip: true,
    feerate: true,
    payout: printedBefore(swap, input) === undefined ? unnamed(input.to) : 0,
    ...outcomeNeeds([
      { outpoint: coin, ways: swap && 'tx' in swap && swap.tx !== undefined ? [txidOfHex(swap.tx)] : [] },
    ]),
  }) as const;

/**
 * The finished claim of the other side's HTLC: the one that was printed before, or one at the
 * present feerate where that pays so much more that nodes take it in its place.
 */
export function claim(
  hand: Hand,
  had: Swap,
  claiming: HtlcKey,
  htlc: Htlc,
  coin: Omit<Spent, 'script'>,
  preimage: Uint8Array,
  input: Paying,
  facts: Pick<Facts, 'feerate' | 'payout'>,
): { txid: Hex; hex: Hex } {
  const before = printedBefore(had, input);
  const to = before?.script ?? scriptOf(addressesFor([input.to], facts.payout)[0], htlc.network);
  if (before) {
    const vsize = vsizeOfHex(before.hex);
    const paid = { feeSat: coin.sat - before.sat, vsize };
    if (feeFor(facts.feerate, vsize) < replacementFee(withChildren(paid, paid), vsize, MIN_FEERATE))
      return { txid: txidOfHex(before.hex), hex: before.hex };
  }
  const made = spend(htlc, 'claim', { coin, to, feerate: facts.feerate, allowFee: input.allowFee ?? false });
  const signature = signatureBy(made, hand.keys.contract(claiming.own.path));
  const { txid, hex } = finishSpend(made, { signatures: { claim: signature }, preimage });
  return { txid, hex };
}

/** Returns the claim that this home printed last, if it pays the requested address. */
function printedBefore(swap: Swap | undefined, { to }: Paying): (Output & { hex: Hex }) | undefined {
  if (!swap || !('tx' in swap) || swap.tx === undefined) return undefined;
  const [output] = outputsOf(swap.tx);
  const pays = to === undefined || output!.script === scriptOf(to, networkOf(swap.network));
  return pays ? { ...output!, hex: swap.tx } : undefined;
}
