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
import { txidOfHex, type Spent } from '../bitcoin/transaction.ts';
import { table, type Hex } from '../protocol/action.ts';
import { hashClaim, keyClaim } from '../protocol/claims.ts';
import { outpointsOf } from '../bitcoin/coin-checks.ts';
import { checkSame, hexOf, hexText, messageParser, outpoint, psbt, type MessageOf } from '../protocol/message.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { fundingPsbt } from '../bitcoin/funding.ts';
import { unnamed } from '../protocol/addresses.ts';
import { boundTo, htlcKeyKind, preimageOf, type HtlcKey } from './records.ts';
import { secretIn, shownBy } from './secret.ts';
import { cancelledSwap, mustSwap, ownSide, swapKind, type Swap } from './swap-records.ts';
import {
  checked,
  claim,
  checkOver,
  claimNeeds,
  coinOf,
  doubtOf,
  drawn,
  endNeeds,
  fundingNeeds,
  hinted,
  networkOf,
  pay,
  printedBefore,
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
} from './swap-terms.ts';
import { hashFrom } from './terms.ts';
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
  ended: { offer: offerSchema },
} as const;
export type SwapMessage = MessageOf<typeof steps>;

export interface SwapInput {
  contract?: Hex;
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
  /** The hash is in another HTLC on purpose. */
  sameHash?: boolean;
  amount?: bigint;
  max?: bigint;
}
/** `met`: of an earlier HTLC on the hash that is offered. */
type Rs = { swap: Swap; claiming: HtlcKey; refunding: HtlcKey; met: HtlcKey };

export const htlcSwap = table<SwapMessage, Rs, SwapInput>(
  {
    type: 'htlc-swap',
    kinds: { swap: swapKind, claiming: htlcKeyKind, refunding: htlcKeyKind, met: htlcKeyKind },
    parse: messageParser('htlc-swap', steps),
    find: (m, { contract }, { swap }) => {
      const own = swap && ownSide(swap);
      const hash = m?.offer.hash ?? contract;
      return {
        ...(hash && { swap: hashClaim(hash) }),
        ...(m?.step === 'offered' && !swap && { met: hashClaim(hashFrom(m.offer.hash).hash160) }),
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
      if (by === 'responder') return swap?.offer.side.claim_auth ?? { stated: m.offer.side.claim_auth };
      // From 'accepted' on the responder's key is in the message; later it is in the record.
      if (swap && 'answer' in swap) return swap.answer.side.claim_auth;
      return 'answer' in m ? { stated: m.answer.side.claim_auth } : '';
    },
    sealWith: ({ swap }) => swap?.own.path ?? null,
    cancel: ({ records: { swap } }) => {
      if (swap?.state === 'offered' || swap?.state === 'accepted') return { writes: { swap: cancelledSwap(swap) } };
      // Its owner says that nothing more will be known of it: keys and preimage are free for what it may have become.
      if (swap?.state === 'cancelled' && swap.lost) return { writes: { swap: cancelledSwap(swap) } };
      throw new Refusal('too-late-to-cancel', `the swap is '${swap?.state ?? 'unknown'}' in this home`, {
        hint: 'what was funded is taken back at its expiry: jq .htlcs.first (or .second) of a message, then spillway htlc refund --home; --contract ends the swap after that',
      });
    },
  },
  (row) => [
    row({
      name: 'offered',
      after: null,
      by: 'initiator',
      does: 'draws a preimage and offers amounts, expiry and keys',
      when: ['with --as', ({ input }) => input.contract === undefined],
      asks: ['as', 'give', 'want', 'expires'],
      may: ['margin'],
      needs: () => ({ tip: true, now: true }),
      take: ({ input, facts, ...hand }) => {
        if (hand.restored) throw homeRestored('it would pay nothing of a swap');
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
      may: ['margin', 'sameHash'],
      agrees: ['amount', 'max'],
      needs: () => ({ tip: true, now: true }),
      take: ({ message: { offer, network }, records, input, facts, ...hand }) => {
        if (records.swap) throw new Refusal('already-known', 'this offer was answered before, or its hash was used');
        // Before the other side pays: what it has met and paid such a home cannot know.
        if (hand.restored) throw homeRestored('it would pay nothing of a swap');
        if (records.met && !input.sameHash)
          throw new Refusal('same-hash', `the hash ${offer.hash} was in an HTLC of this home before`, {
            hint: 'whoever claims one of them can claim the other: give --same-hash only where that is meant',
          });
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
            claiming: {
              ...keys.claiming,
              met: records.met ? null : hashFrom(offer.hash).hash160,
              bound: htlcId(first),
            },
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
      stands: true,
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
            claiming: { ...boundTo(records.claiming!, htlcId(second)), made: htlcId(second) },
            refunding: boundTo(records.refunding!, htlcId(first)),
          },
        };
      },
    }),
    row({
      name: 'matched',
      after: 'funded',
      by: 'responder',
      stands: true,
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
      stands: true,
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
      stands: true,
      does: "takes the preimage from the initiator's claim, and claims the other coin",
      may: ['to', 'allowFee', 'unchecked'],
      needs: ({ input, message, records: { swap } }) => ({
        ...claimNeeds(input),
        // A claim that was printed before goes on paying to the address that it pays.
        payout: printedBefore(swap, input) ? 0 : unnamed(input.to),
        coins: outpointsOf([message.first]),
        known: swap?.state === 'funded' && swap.tx !== undefined ? [txidOfHex(swap.tx)] : [],
      }),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'responder', 'funded');
        const terms = recorded(had);
        checkSame({ ...statedBy(terms), first: had.theirs, second: had.paid }, m, 'initiator');
        const { first } = htlcsOf(terms);
        const { preimage } = secretIn(shownBy(m.hex), terms.offer.hash);
        const coin = { ...m.first, sat: had.offer.give_sat };
        const before = printedBefore(had, input);
        const done = before ?? claim(hand, records.claiming!, first, coin, hexToBytes(preimage), input, facts);
        const doubt = doubtOf(
          facts,
          { coin: coinOf(first, m.first, had.offer.give_sat), claim: done.txid, expiry: terms.offer.expiry },
          input.unchecked,
        );
        const message = { ...m, step: 'settled', ...done } as const;
        if (doubt !== undefined)
          return {
            message,
            exit: 3,
            passing: true,
            hint: `this is the claim, and nothing is settled: ${doubt}`,
            checks: { first: facts.coins === 'not-checked' ? 'not-checked' : 'chain' },
            writes: { swap: { ...had, tx: done.hex } },
          };
        return {
          message,
          hint: `broadcast it now: it must confirm before block ${terms.offer.expiry}`,
          checks: { first: facts.coins === 'not-checked' ? 'not-checked' : 'confirmed' },
          writes: { swap: { ...had, state: 'settled', tx: done.hex } },
        };
      },
    }),
    ...(['initiator', 'responder'] as const).map((by) =>
      row({
        name: 'ended',
        after: null,
        by,
        does: 'ends a swap whose HTLC was never paid, or is spent without a claim of its own, and frees its coins',
        when: ['with --contract', ({ input }: { input: SwapInput }) => input.contract !== undefined],
        asks: ['contract'],
        needs: ({ records: { swap } }) => endNeeds(swap),
        take: ({ records, facts, network }) => {
          const had = mustSwap(records.swap, by, 'funded');
          const unsent = checkOver(had, facts);
          return {
            message: { step: 'ended', network, offer: had.offer },
            ...(unsent && {
              hint: 'its payment was never sent: spend one of its coins elsewhere now, or whoever has the PSBT can still send it',
            }),
            writes: { swap: { ...had, state: 'ended' } },
          };
        },
      }),
    ),
  ],
);
