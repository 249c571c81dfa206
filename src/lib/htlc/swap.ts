/**
 * htlc-swap: offered (initiator) → accepted (responder) → funded (initiator) → matched (responder)
 * → claimed (initiator) → settled (responder).
 *
 * Two HTLCs on one hash. The initiator funds first and claims first, which shows the preimage; the
 * responder claims with it. Whoever stops leaves both with their refunds. Not here: the heights
 * (`swap-terms.ts`), refunds (`htlc refund`).
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { expiryHeight } from '../bitcoin/locktime.ts';
import { txidOfHex } from '../bitcoin/transaction.ts';
import { table } from '../protocol/action.ts';
import { hashClaim, keyClaim } from '../protocol/claims.ts';
import { checkSame, messageParser } from '../protocol/message.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { fundingPsbt } from '../bitcoin/funding.ts';
import { boundTo, htlcKeyKind, preimageOf, type HtlcKey } from './records.ts';
import { secretIn, shownBy } from './secret.ts';
import { claimsFirst, finishedSwap, swapSteps, type SwapInput, type SwapMessage } from './swap-messages.ts';
import { checkOver, claimStands, endNeeds, type ClaimStands } from './swap-outcome.ts';
import { cancelledSwap, mustSwap, ownSide, swapKind, type Swap } from './swap-records.ts';
import {
  checked,
  claim,
  claimNeeds,
  coinOf,
  drawn,
  fundingNeeds,
  hinted,
  networkOf,
  payHtlc,
  recorded,
  statedBy,
} from './swap-steps.ts';
import {
  checkMargin,
  checkOffer,
  checkPaid,
  checkTime,
  claimBy,
  htlcsOf,
  MARGIN,
  matchBy,
  minConfOf,
  swapViews,
  type SwapAnswer,
  type SwapOffer,
} from './swap-terms.ts';
import { hashFrom } from './terms.ts';
import { htlcId } from './view.ts';

/** `met`: of an earlier HTLC on the hash that is offered. */
type Rs = { swap: Swap; claiming: HtlcKey; refunding: HtlcKey; met: HtlcKey };

/** Table of `htlc swap`: two HTLCs on one hash, from the offer to the claims. */
export const htlcSwap = table<SwapMessage, Rs, SwapInput>(
  {
    type: 'htlc-swap',
    kinds: { swap: swapKind, claiming: htlcKeyKind, refunding: htlcKeyKind, met: htlcKeyKind },
    parse: messageParser('htlc-swap', swapSteps),
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
      const fromInitiator = by === 'responder' && !(m.step === 'claimed' && claimsFirst(m));
      if (fromInitiator) return swap?.offer.side.claim_auth ?? { stated: m.offer.side.claim_auth };
      // The responder's key is in 'accepted', and in the record from then on.
      if (swap && 'answer' in swap) return swap.answer.side.claim_auth;
      return 'answer' in m ? { stated: m.answer.side.claim_auth } : '';
    },
    sealWith: ({ swap }) => swap?.own.path ?? null,
    again: ({ records: { swap } }) =>
      swap && 'paid' in swap && swap.state !== 'ended' ? finishedSwap(swap) : undefined,
    cancel: ({ records: { swap } }) => {
      if (swap?.state === 'offered' || swap?.state === 'accepted') return { writes: { swap: cancelledSwap(swap) } };
      // A cancel of a lost swap frees its keys and preimage for the swap that it may have become.
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
        const offer: SwapOffer = {
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
        // A restored home does not know which hashes it has met and paid.
        if (hand.restored) throw homeRestored('it would pay nothing of a swap');
        if (records.met && !input.sameHash)
          throw new Refusal('same-hash', `the hash ${offer.hash} was in an HTLC of this home before`, {
            hint: 'whoever claims one of them can claim the other: give --same-hash only where that is meant',
          });
        if (offer.give_sat < input.want)
          throw new Refusal('amount-differs', `${offer.give_sat} sat offered, at least ${input.want} sat wanted`);
        checkMargin(offer, input.margin ?? MARGIN);
        const { own, side, keys } = drawn(hand);
        const answer: SwapAnswer = { expiry: expiryHeight(input.expires, facts.tip, facts.now), side };
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
        const paying = payHtlc(hand, had, terms, first, had.offer.give_sat, records.refunding!, input, facts);
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
        const paying = payHtlc(hand, had, terms, second, had.offer.want_sat, records.refunding!, input, facts);
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
      needs: ({ input, message, records: { swap } }) => claimNeeds(swap, input, message.second),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'initiator', 'funded', 'claimed', 'settled');
        const terms = recorded(had);
        checkSame({ ...statedBy(terms), first: had.paid, ...(had.theirs && { second: had.theirs }) }, m, 'responder');
        const { second } = htlcsOf(terms);
        const coin = coinOf(second, m.second, had.offer.want_sat);
        const isFirst = had.state === 'funded';
        if (isFirst) {
          checkPaid(facts.coins, coin, input.minConf ?? minConfOf(hand.network), 'responder', input.unchecked ?? false);
          checkTime(facts.tip, claimBy(terms), 'the initiator claims');
        }
        const { psbt: _, ...known } = m;
        const preimage = preimageOf(hand.keys, records.claiming!);
        const done = claim(hand, had, records.claiming!, second, coin, preimage, input, facts);
        const { hash } = terms.offer;
        const stands = claimStands(facts, { coin, claim: done.txid, hash, expiry: terms.answer.expiry }, true);
        return {
          message: { ...known, step: 'claimed', ...done },
          ...claimAdvice(stands, isFirst ? 'broadcast it now, before it is handed on: it' : 'it', terms.answer.expiry),
          passing: true,
          checks: { second: checkOf(stands) },
          writes: { swap: { ...had, state: isFirst ? 'claimed' : had.state, theirs: m.second, tx: done.hex } },
        };
      },
    }),
    row({
      name: 'settled',
      meanwhile: 'claimed',
      after: 'claimed',
      by: 'responder',
      stands: true,
      does: "takes the preimage from the initiator's claim, and claims the other coin; settled once its claim is final",
      may: ['to', 'allowFee', 'unchecked'],
      needs: ({ input, message, records: { swap } }) => claimNeeds(swap, input, message.first),
      take: ({ message: m, records, input, facts, ...hand }) => {
        const had = mustSwap(records.swap, 'responder', 'funded', 'claimed', 'settled');
        const terms = recorded(had);
        checkSame({ ...statedBy(terms), first: had.theirs, second: had.paid }, m, 'initiator');
        const { first } = htlcsOf(terms);
        const { hash, expiry } = terms.offer;
        const preimage = hexToBytes(secretIn(shownBy(m.hex), hash).preimage);
        const coin = coinOf(first, m.first, had.offer.give_sat);
        const done = claim(hand, had, records.claiming!, first, coin, preimage, input, facts);
        const stands = claimStands(facts, { coin, claim: done.txid, hash, expiry }, input.unchecked);
        const checks = { first: checkOf(stands) };
        if (
          stands.is === 'settled' ||
          (had.state === 'settled' && stands.is === 'open' && stands.seen === 'not-checked')
        ) {
          // Takes the confirmed one of this home's claims.
          const hex = (stands.is === 'settled' && stands.by.hex) || done.hex;
          const swap: Swap = { ...had, state: 'settled', tx: hex };
          return {
            message: { ...m, step: 'settled', txid: txidOfHex(hex), hex },
            passing: true,
            checks,
            writes: { swap },
          };
        }
        return {
          message: { ...m, step: 'claimed', ...done },
          ...claimAdvice(stands, 'broadcast it now, and run this again: it is settled once it is final. It', expiry),
          passing: true,
          checks,
          writes: { swap: { ...had, state: had.state === 'settled' ? 'settled' : 'claimed', tx: done.hex } },
        };
      },
    }),
    ...(['initiator', 'responder'] as const).map((by) =>
      row({
        name: 'ended',
        after: null,
        by,
        ends: true,
        does: 'ends a swap whose HTLC was never paid, or is spent without a claim of its own, and frees its coins',
        when: ['with --contract', ({ input }: { input: SwapInput }) => input.contract !== undefined],
        asks: ['contract'],
        needs: ({ records: { swap } }) => endNeeds(swap),
        take: ({ records, facts, network }) => {
          const had = mustSwap(records.swap, by, 'funded');
          const { unsent, lostSat } = checkOver(had, facts);
          return {
            message: { step: 'ended', network, offer: had.offer },
            ...(unsent && {
              hint: 'its payment was never sent: spend one of its coins elsewhere now, or whoever has the PSBT can still send it',
            }),
            ...(lostSat > 0n && {
              exit: 3,
              hint: `${lostSat} sat are lost: the own HTLC was claimed, and the other side has taken its own back`,
            }),
            writes: { swap: { ...had, state: 'ended', ...(lostSat > 0n && { lostSat }) } },
          };
        },
      }),
    ),
  ],
);

/** Returns exit code and advice about a claim that is printed. */
function claimAdvice(stands: ClaimStands, what: string, expiry: number): { exit?: 3; hint?: string } {
  if (stands.is === 'settled') return {};
  if (stands.is === 'lost') return { exit: 3, hint: stands.words };
  const { doubt } = stands;
  if (doubt !== undefined) return { exit: 3, hint: `this is the claim, and nothing is settled: ${doubt}` };
  return {
    hint: `${what} must confirm before block ${expiry}; while it hangs, run this again with a higher --feerate`,
  };
}
const checkOf = (stands: ClaimStands): string => (stands.is === 'open' ? stands.seen : stands.is);
