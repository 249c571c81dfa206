/**
 * htlc-swap: offered (initiator) → accepted (responder) → funded (initiator) → matched (responder) → claimed (initiator)
 * → settled (responder).
 *
 * Two HTLCs on one hash. The initiator funds first and claims first, which shows the preimage; the responder claims with
 * it. Whoever stops leaves both with their refunds. Not here: the heights (`swap-terms.ts`), refunds (`htlc refund`).
 */
import * as v from 'valibot';
import { hexToBytes } from '../bitcoin/bytes.ts';
import { expiryHeight, type Expiry } from '../bitcoin/locktime.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { table } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { outpointsOf } from '../bitcoin/coin-checks.ts';
import { checkSame, hexOf, hexText, messageParser, outpoint, psbt, type MessageOf } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { fundingPsbt } from '../bitcoin/funding.ts';
import { htlcKeyKind, preimageOf, type HtlcKey } from './records.ts';
import { secretIn, shownBy } from './secret.ts';
import { cancelledSwap, mustSwap, swapKind, type Swap } from './swap-records.ts';
import {
  checked,
  claim,
  claimNeeds,
  coinOf,
  drawn,
  fundingNeeds,
  hinted,
  networkOf,
  pay,
  recorded,
  statedBy,
} from './swap-steps.ts';
import {
  answerSchema,
  checkMargin,
  checkOffer,
  checkPaid,
  checkTime,
  claimBy,
  htlcsOf,
  htlcsSchema,
  MARGIN,
  matchBy,
  minConfOf,
  offerSchema,
  swapViews,
  type Answer,
  type Offer,
  type Side,
} from './swap-terms.ts';
import { htlcId } from './view.ts';

const agreed = { offer: offerSchema, answer: answerSchema, htlcs: htlcsSchema };
const funded = { ...agreed, first: outpoint };
const matched = { ...funded, second: outpoint };
const spent = { txid: hexOf(32), hex: hexText };
const steps = {
  offered: { offer: offerSchema },
  accepted: agreed,
  funded: { ...funded, psbt: v.strictObject({ first: psbt }) },
  matched: { ...matched, psbt: v.strictObject({ second: psbt }) },
  claimed: { ...matched, ...spent },
  settled: { ...matched, ...spent },
} as const;
export type SwapMessage = MessageOf<typeof steps>;

export interface SwapInput {
  as?: 'initiator';
  give?: bigint;
  want?: bigint;
  expires?: Expiry;
  margin?: number;
  minConf?: number;
  utxo?: readonly Spent[];
  change?: string;
  to?: string;
  allowFee?: boolean;
  unchecked?: boolean;
  amount?: bigint;
  max?: bigint;
}
type Rs = { swap: Swap; claiming: HtlcKey; refunding: HtlcKey };

const ownSide = (swap: Swap): Side | undefined =>
  swap.role === 'initiator' ? swap.offer.side : 'answer' in swap ? swap.answer.side : undefined;

export const htlcSwap = table<SwapMessage, Rs, SwapInput>(
  {
    type: 'htlc-swap',
    kinds: { swap: swapKind, claiming: htlcKeyKind, refunding: htlcKeyKind },
    parse: messageParser('htlc-swap', steps),
    find: (m, _, { swap }) => {
      const own = swap && ownSide(swap);
      return {
        ...(m && { swap: idClaim(m.offer.hash) }),
        ...(own && { claiming: keyClaim(own.claim_pubkey), refunding: keyClaim(own.refund_pubkey) }),
      };
    },
    party: ({ records, input, message }) => {
      if (records.swap) return records.swap.role;
      if (!message && input.as) return input.as;
      if (message?.step === 'offered') return 'responder';
      throw new Refusal('unknown-contract', 'this home takes no part in that swap', {
        hint: 'start with --as initiator, or read an offer',
      });
    },
    peer: ({ message: m, records: { swap } }, by) => {
      if (!m) return null;
      if (by === 'responder') return swap ? swap.offer.side.claim_auth : m.offer.side.claim_auth;
      // From 'accepted' on the responder's key is in the message; later it is in the record.
      if (swap && 'answer' in swap) return swap.answer.side.claim_auth;
      return 'answer' in m ? m.answer.side.claim_auth : '';
    },
    sealWith: ({ swap }) => swap!.own.path,
    cancel: ({ records: { swap } }) => {
      if (swap?.state === 'offered' || swap?.state === 'accepted') return { writes: { swap: cancelledSwap(swap) } };
      throw new Refusal('too-late-to-cancel', `the swap is '${swap?.state ?? 'unknown'}' in this home`, {
        hint: 'what was funded is taken back at its expiry: jq .htlcs.first (or .second) of a message, then spillway htlc refund --home',
      });
    },
  },
  (row) => [
    row({
      name: 'offered',
      after: null,
      by: 'initiator',
      does: 'draws a preimage and offers amounts, expiry and keys',
      asks: ['as', 'give', 'want', 'expires'],
      may: ['margin'],
      needs: () => ({ tip: true, now: true }),
      take: ({ input, facts, ...hand }) => {
        const { own, side, keys } = drawn(hand);
        const offer: Offer = {
          hash: keys.claiming.hash.sha256!,
          give_sat: input.give,
          want_sat: input.want,
          expiry: expiryHeight(input.expires, facts.tip, facts.now),
          margin_blocks: input.margin ?? MARGIN,
          side,
        };
        checkOffer(offer, facts.tip);
        return {
          message: { step: 'offered', network: hand.network, offer },
          ...hinted(input.expires, offer.expiry),
          writes: {
            swap: { role: 'initiator', state: 'offered', network: hand.network, own, offer },
            claiming: { ...keys.claiming, used: true },
            refunding: keys.refunding,
          },
        };
      },
    }),
    row({
      name: 'accepted',
      after: 'offered',
      by: 'responder',
      does: 'agrees to amounts and order of expiries, with keys of its own',
      asks: ['want', 'expires'],
      may: ['margin'],
      agrees: ['amount', 'max'],
      needs: () => ({ tip: true, now: true }),
      take: ({ message: { offer, network }, records, input, facts, ...hand }) => {
        if (records.swap) throw new Refusal('already-known', 'this offer was answered before, or its hash was used');
        if (offer.give_sat < input.want)
          throw new Refusal('amount-differs', `${offer.give_sat} sat offered, at least ${input.want} sat wanted`);
        checkMargin(offer, input.margin ?? MARGIN);
        const { own, side, keys } = drawn(hand);
        const answer: Answer = { expiry: expiryHeight(input.expires, facts.tip, facts.now), side };
        const terms = checked({ network: networkOf(network), offer, answer }, facts.tip, 'initiator');
        const { first, second } = htlcsOf(terms);
        return {
          message: { step: 'accepted', network, offer, answer, htlcs: swapViews(terms) },
          ...hinted(input.expires, answer.expiry),
          writes: {
            swap: { role: 'responder', state: 'accepted', network, own, offer, answer },
            claiming: { ...keys.claiming, bound: htlcId(first) },
            refunding: { ...keys.refunding, bound: htlcId(second) },
          },
          consent: {
            text: `Lock ${offer.want_sat} sat until block ${answer.expiry}, for ${offer.give_sat} sat that the initiator locks until block ${offer.expiry}?`,
            amountSat: offer.want_sat,
            growthSat: offer.want_sat,
          },
        };
      },
    }),
    row({
      name: 'funded',
      after: 'accepted',
      by: 'initiator',
      does: 'checks what was agreed, and pays its HTLC',
      asks: ['utxo'],
      may: ['change', 'allowFee'],
      needs: ({ input }) => fundingNeeds(input, []),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'initiator', 'offered', 'funded');
        checkSame({ offer: had.offer, ...('answer' in had && { answer: had.answer }) }, m, 'responder');
        const terms = checked(
          { network: networkOf(m.network), offer: had.offer, answer: m.answer },
          facts.tip,
          'responder',
        );
        checkSame({ htlcs: swapViews(terms) }, m, 'responder');
        const { first, second } = htlcsOf(terms);
        const paying = pay(hand, had, terms, first, had.offer.give_sat, input, facts);
        return {
          message: {
            step: 'funded',
            network: m.network,
            ...statedBy(terms),
            first: paying.swap.paid,
            psbt: { first: fundingPsbt(paying.swap.funding) },
          },
          ...paying.outcome,
          writes: {
            swap: paying.swap,
            claiming: { ...records.claiming!, bound: htlcId(second) },
            refunding: { ...records.refunding!, bound: htlcId(first) },
          },
        };
      },
    }),
    row({
      name: 'matched',
      after: 'funded',
      by: 'responder',
      does: "waits for the initiator's coin to confirm, and pays its own HTLC",
      asks: ['utxo'],
      may: ['change', 'allowFee', 'minConf', 'unchecked'],
      needs: ({ input, message }) => fundingNeeds(input, [message.first]),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'responder', 'accepted', 'funded');
        const terms = recorded(had);
        checkSame({ ...statedBy(terms), ...('theirs' in had && { first: had.theirs }) }, m, 'initiator');
        const { first, second } = htlcsOf(terms);
        const paid = checkPaid(
          facts.coins,
          coinOf(first, m.first, had.offer.give_sat),
          input.minConf ?? minConfOf(hand.network),
          'initiator',
          input.unchecked ?? false,
        );
        checkTime(facts.tip, matchBy(terms), 'the responder pays');
        const paying = pay(hand, had, terms, second, had.offer.want_sat, input, facts);
        return {
          message: {
            step: 'matched',
            network: m.network,
            ...statedBy(terms),
            first: m.first,
            second: paying.swap.paid,
            psbt: { second: fundingPsbt(paying.swap.funding) },
          },
          ...paying.outcome,
          checks: { ...paying.outcome.checks, first: paid },
          writes: { swap: { ...paying.swap, theirs: m.first } },
        };
      },
    }),
    row({
      name: 'claimed',
      after: 'matched',
      by: 'initiator',
      does: "waits for the responder's coin to confirm, and claims it: the preimage is public from here on",
      may: ['to', 'allowFee', 'minConf', 'unchecked'],
      needs: ({ input, message }) => ({ ...claimNeeds(input), coins: outpointsOf([message.second]) }),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'initiator', 'funded');
        const terms = recorded(had);
        checkSame({ ...statedBy(terms), first: had.paid }, m, 'responder');
        const { second } = htlcsOf(terms);
        const paid = checkPaid(
          facts.coins,
          coinOf(second, m.second, had.offer.want_sat),
          input.minConf ?? minConfOf(hand.network),
          'responder',
          input.unchecked ?? false,
        );
        checkTime(facts.tip, claimBy(terms), 'the initiator claims');
        const { psbt: _, ...known } = m;
        const done = claim(
          hand,
          records.claiming!,
          second,
          { ...m.second, sat: had.offer.want_sat },
          preimageOf(hand.keys, records.claiming!),
          input,
          facts,
        );
        return {
          message: { ...known, step: 'claimed', ...done },
          checks: { second: paid },
          hint: `broadcast it now, before it is handed on: it must confirm before block ${terms.answer.expiry}`,
          writes: { swap: { ...had, state: 'claimed', theirs: m.second, tx: done.hex } },
        };
      },
    }),
    row({
      name: 'settled',
      after: 'claimed',
      by: 'responder',
      does: "takes the preimage from the initiator's claim, and claims the other coin",
      may: ['to', 'allowFee'],
      needs: ({ input }) => claimNeeds(input),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'responder', 'funded');
        const terms = recorded(had);
        checkSame({ ...statedBy(terms), first: had.theirs, second: had.paid }, m, 'initiator');
        const { first } = htlcsOf(terms);
        const { preimage } = secretIn(shownBy(m.hex), terms.offer.hash);
        const done = claim(
          hand,
          records.claiming!,
          first,
          { ...m.first, sat: had.offer.give_sat },
          hexToBytes(preimage),
          input,
          facts,
        );
        return {
          message: { ...m, step: 'settled', ...done },
          hint: `broadcast it now: it must confirm before block ${terms.offer.expiry}`,
          writes: { swap: { ...had, state: 'settled', tx: done.hex } },
        };
      },
    }),
  ],
);
