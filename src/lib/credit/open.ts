/**
 * open-credit: [asked (payer) →] offered (payee) → [addressed (payer) →] proposed (payer) →
 * accepted (payee) → ready (payer).
 *
 * The refund is signed before the funding: the payer opens it, and the payee signs last. Only once
 * the finished refund is stored, here and outside the home, does the payer show its funding
 * transaction. Messages are found by the payee's key from first to last: a contract id exists only
 * from `proposed` on.
 */
import { expiryHeight, expiryWords, type Expiry } from '../bitcoin/locktime.ts';
import {
  fundingAdvice,
  fundingPsbt,
  inputScripts,
  isSigned,
  NOTICE,
  ownCoins,
  payContract,
  paymentQueries,
  readPayment,
  signFunding,
  unsignedFunding,
  type Funding,
} from '../bitcoin/funding.ts';
import type { Network } from '../bitcoin/network.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { openSpend, SIGN_ONCE, signSpend } from '../contract/joint-spend.ts';
import { table, vouchedKey, type Done, type Hand } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { freshSide } from '../signing/side.ts';
import { checkLooked, checkStatedCoin } from './checks.ts';
import { payerSide, refundJob } from './jobs.ts';
import { OFFERED, offerOpening } from './offer.ts';
import { parseOpen, payeeKey, type OpenInput, type OpenMessage } from './open-messages.ts';
import { acceptRefund, completeRefund, refundCopy, type KeyedContract } from './refund.ts';
import { answeredBefore, hintOf, overContract } from './steps.ts';
import { cancelled, creditKind, heldKey, isFunded, isOpening, inState, payeePubkey, type Credit } from './records.ts';
import {
  authOf,
  checkTermsWithin,
  contractAddress,
  contractDescriptor,
  contractId,
  readContract,
  termsFrom,
  viewOf,
  type Contract,
  type Offer,
  type Role,
} from './terms.ts';
import { checkOffered, contractOutpoint, fundingOutput, refund, type Bounds } from './transactions.ts';

/** Records of an opening; `old` is the contract that rolls over into it. */
type Rs = { contract: Credit; old: Credit };

/** Table of `open-credit`: from the payee's offer to a funded contract with a signed refund. */
export const openCredit = table<OpenMessage, Rs, OpenInput>(
  {
    type: 'open-credit',
    server: 'payee',
    kinds: { contract: creditKind, old: creditKind },
    parse: parseOpen,
    find: (m, _, { contract: c }) => ({
      ...(m && m.step !== 'asked' && { contract: keyClaim(payeeKey(m)) }),
      ...(c && 'rolls' in c && c.rolls !== null && { old: idClaim(c.rolls) }),
    }),
    party: ({ records, input, message }) => {
      if (records.contract) return records.contract.role;
      if (!message && input.as) return input.as;
      if (message?.step === 'asked') return 'payee';
      if (message?.step === 'offered') return 'payer';
      throw new Refusal('unknown-contract', 'this home takes no part in that opening', {
        hint: 'start with --as payee or --as payer, or read an offer',
      });
    },
    peer: ({ message: m, records }, by) => {
      if (!m || m.step === 'asked') return null;
      const { contract: c } = records;
      const known = (role: Role) => (c && 'terms' in c ? authOf(c.terms, role) : undefined);
      if (m.step === 'offered') return vouchedKey(m.offer.auth, known('payee'));
      // The payer reads its own 'addressed' again, which its own key has sealed; the key is taken from its record.
      if (m.step === 'addressed') return known('payer') ?? { stated: m.terms.payer_auth };
      return by === 'payee'
        ? vouchedKey(m.contract.payer_auth, known('payer'))
        : vouchedKey(m.contract.payee_auth, known('payee'));
    },
    sealWith: ({ contract }) => contract?.own.path ?? null,
    // The payee's key may be bound otherwise: that is another refusal.
    states: ({ contract }, by) => (by === 'payer' ? overContract.states({ contract }) : undefined),
    again: ({ records: { contract: c } }) =>
      c && isFunded(c) && c.role === 'payer' && c.state === 'open' && c.funding && isSigned(c.funding)
        ? {
            step: 'ready',
            network: c.terms.network,
            contract: viewOf(c),
            txid: c.outpoint.txid,
            psbt: { funding: fundingPsbt(c.funding) },
          }
        : undefined,
    cancel: ({ records }) => {
      const { contract: c, old } = records;
      if (c && old && heldKey(old) === payeePubkey(c))
        throw new Refusal('wrong-state', 'the contract belongs to a rollover that is under way', {
          hint: `spillway rollover --contract ${(old as Contract).id.slice(0, 8)} --cancel ends both`,
        });
      if (isOpening(c)) return { writes: { contract: cancelled(c) } };
      if (c && isUnused(c)) return { writes: { contract: { ...c, coins: [] } }, hint: FREED };
      throw new Refusal(
        'too-late-to-cancel',
        `the opening is '${c?.state ?? 'unknown'}' in this home; it can be cancelled up to 'proposed' (payer) and 'offered' (payee)`,
      );
    },
  },
  (row) => [
    row({
      name: 'asked',
      after: null,
      by: 'payer',
      does: 'asks for an offer',
      when: ['with --as payer', ({ input }) => input.as === 'payer'],
      asks: ['as'],
      take: (hand) => ({
        message: { step: 'asked', network: hand.network, asked: bytesToHex(hand.random(16)) },
        writes: {},
      }),
    }),
    row({
      name: 'offered',
      after: 'asked',
      by: 'payee',
      does: 'offers, as below, because the payer asked',
      may: OFFERED,
      needs: ({ input }) => ({ now: true, payout: unnamed(input.payout) }),
      take: (given) => offerOpening(given),
    }),
    row({
      name: 'offered',
      after: null,
      by: 'payee',
      does: 'offers fresh keys, a payout address, its policy, and who issues ecash for what will be paid',
      asks: ['as'],
      may: OFFERED,
      needs: ({ input }) => ({ now: true, payout: unnamed(input.payout) }),
      take: (given) => offerOpening(given),
    }),
    row({
      name: 'addressed',
      after: 'offered',
      by: 'payer',
      does: 'shows the address that another wallet is to fund, without paying yet',
      when: ['without --utxo', ({ input }) => !input.utxo],
      asks: ['amount', 'expires'],
      may: ['ownKey', 'payout', 'allowFee', 'maxExitFeerate'],
      needs: ({ input }) => ({ tip: true, now: true, payout: unnamed(input.payout) }),
      take: ({ message, records, input, facts, ...hand }) => {
        if (records.contract) throw answeredBefore(records.contract, 'open-credit');
        const [payout] = addressesFor([input.payout], facts.payout);
        const { own, side } = freshSide(hand, input.ownKey, payout);
        const terms = agree(message.network, message.offer, payerSide(hand, own, side), input, facts);
        const { network: _, ...rest } = terms;
        const id = contractId(terms);
        return {
          message: {
            step: 'addressed',
            network: message.network,
            offer: message.offer,
            id,
            terms: rest,
            address: contractAddress(terms),
            descriptor: contractDescriptor(terms),
            expiry: terms.expiry,
            notice: NOTICE,
          },
          exit: 3,
          hint: `${expiryWords(input.expires, terms.expiry) ?? `the contract expires at height ${terms.expiry}`}; ${fundingAdvice(terms.capacity_sat, contractAddress(terms))}`,
          writes: {
            contract: {
              role: 'payer',
              state: 'addressed',
              network: message.network,
              own,
              offer: message.offer,
              terms,
              id,
            },
          },
        };
      },
    }),
    row({
      name: 'proposed',
      after: 'addressed',
      by: 'payer',
      does: 'proposes the contract that the PSBT of another wallet funds',
      asks: ['funding'],
      may: ['allowFee'],
      needs: ({ input }) => ({ tip: true, ...paymentQueries(input.funding!) }),
      take: ({ records, input, facts, ...hand }) => {
        const c = inState(records.contract, 'payer', 'addressed', 'proposed');
        const template = readPayment(fundingOutput(c.terms), input.funding, input.allowFee ?? false);
        const at = contractOutpoint(c.terms, template);
        if (c.state === 'proposed') {
          if (outpointText(at) !== outpointText(c.outpoint))
            throw new Refusal('answered-otherwise', 'another funding transaction was proposed before; --cancel first');
          return propose(hand, c, c.funding, c.coins);
        }
        checkTermsWithin(c.terms, c.offer.policy, facts.tip);
        const contract = { id: c.id, terms: c.terms, outpoint: at, own: c.own };
        const { coins, checked } = ownCoins(fundingOutput(c.terms), template, facts);
        const funding = { template, witnesses: {}, psbt: input.funding };
        return { ...propose(hand, contract, funding, coins), checks: { coins: checked } };
      },
    }),
    row({
      name: 'proposed',
      after: 'offered',
      by: 'payer',
      does: 'proposes a contract funded by its coins, with the nonce of its refund',
      when: ['with --utxo', ({ input }) => input.utxo !== undefined],
      asks: ['utxo', 'amount', 'expires'],
      may: ['ownKey', 'payout', 'change', 'allowFee', 'maxExitFeerate'],
      needs: ({ input }) => ({
        tip: true,
        now: true,
        feerate: true,
        payout: unnamed(input.payout, input.change),
        coins: outpointsOf(input.utxo ?? []),
        reserved: outpointsOf(input.utxo ?? []),
      }),
      take: ({ message, records, input, facts, ...hand }) => {
        // Until the other wallet's nonce is merged, the record holds the keys drawn in the first run.
        if (records.contract?.state === 'proposed' && records.contract.own.outside && hand.merged.length > 0) {
          const c = inState(records.contract, 'payer', 'proposed');
          return propose(hand, c, c.funding, c.coins);
        }
        if (records.contract) throw answeredBefore(records.contract, 'open-credit');
        const [payout, change] = addressesFor([input.payout, input.change], facts.payout);
        const { own, side } = freshSide(hand, input.ownKey, payout);
        const terms = agree(message.network, message.offer, payerSide(hand, own, side), input, facts);
        const template = payContract(fundingOutput(terms), {
          coins: input.utxo,
          change,
          feerate: facts.feerate,
          network: terms.network,
          allowFee: input.allowFee ?? false,
        });
        const coins = checkSpendable(facts, template.inputs);
        const contract = { id: contractId(terms), terms, outpoint: contractOutpoint(terms, template), own };
        return {
          ...hintOf(expiryWords(input.expires, terms.expiry)),
          ...propose(hand, contract, { template, witnesses: {} }, outpointsOf(template.inputs)),
          checks: { coins },
        };
      },
    }),
    row({
      name: 'accepted',
      after: 'proposed',
      by: 'payee',
      stands: true,
      does: 'rebuilds the refund from the terms and signs it last; from here on it serves the contract',
      agrees: ['unchecked'],
      needs: ({ message }) => ({ tip: true, now: true, coins: [outpointText(message.contract.outpoint)] }),
      take: ({ message, records, input, facts, ...hand }) => {
        checkLooked(hand.network, { tip: facts.tip }, input.unchecked);
        const contract = readContract(message.contract, hand.network as Network, 'payer');
        const checks = { funding: checkStatedCoin(facts.coins, contract) };
        const { accepted, job } = acceptRefund(hand, contract, records.contract, { rolls: null, ...facts });
        return signSpend(hand, job, 'refund', 'accepted', message, { writes: { contract: accepted }, checks });
      },
    }),
    row({
      name: 'ready',
      after: 'accepted',
      by: 'payer',
      stands: true,
      does: 'completes and stores the refund, and only then shows the funding transaction',
      needs: ({ records }) => ({
        ours: inputScripts(records.contract && 'funding' in records.contract ? records.contract.funding : null).concat(
          payerScript(records.contract),
        ),
      }),
      take: ({ message, records, facts, ...hand }) => {
        const had = inState(records.contract, 'payer', 'proposed', 'open');
        const done = completeRefund(hand, had, message.psbt.refund);
        if ('wait' in done) return { waits: { refund: done.wait }, hint: SIGN_ONCE, writes: { contract: done.asking } };
        const copies = [refundCopy(had, done.record.refund, facts.ours)];
        const { funding } = done.record;
        if (!funding) throw new Refusal('wrong-state', 'this contract was funded by a rollover');
        const signed = signFunding(hand, funding, facts.ours);
        return {
          message: {
            step: 'ready',
            network: message.network,
            contract: message.contract,
            txid: had.outpoint.txid,
            psbt: { funding: fundingPsbt(signed) },
          },
          writes: { contract: { ...done.record, funding: signed } },
          spends: done.spends,
          copies,
          ...unsignedFunding(signed),
        };
      },
    }),
  ],
);

/** Returns whether nothing was paid over a contract that this home funds by itself. */
const isUnused = (c: Credit): c is Extract<Credit, { role: 'payer'; state: 'open' }> =>
  c.role === 'payer' &&
  c.state === 'open' &&
  c.funding !== null &&
  c.coins.length > 0 &&
  c.rolling === null &&
  c.signedMaxSat === 0n &&
  (c.owedSat ?? 0n) === 0n;
/** Whichever of two transactions that spend these coins confirms, each contract has its refund. */
const FREED =
  'the coins of its funding are free for something else, which ends the contract; if the funding was sent, or is, the contract goes on, and the refund is kept: exit-credit';

function payerScript(c: Credit | undefined): string[] {
  return c && c.role === 'payer' && 'terms' in c
    ? [refund({ ...(c as Contract), outpoint: { txid: '00'.repeat(32), vout: 0 } }).outputs[0]!.script]
    : [];
}

function agree(
  network: string,
  o: Offer,
  side: Parameters<typeof termsFrom>[2],
  input: { amount: bigint; expires: Expiry } & Bounds,
  facts: { tip: number | 'not-checked'; now: number },
) {
  const terms = termsFrom(network, o, side, input.amount, expiryHeight(input.expires, facts.tip, facts.now));
  checkOffered(terms, o.policy, facts.tip, input);
  return terms;
}

function propose(
  hand: Hand,
  held: KeyedContract,
  funding: Funding | null,
  coins: readonly string[],
): Done<Extract<OpenMessage, { step: 'proposed' }>, Rs> {
  const { id, terms, outpoint, own } = held;
  const contract = { id, terms, outpoint };
  const job = refundJob({ ...contract, own, role: 'payer' });
  return openSpend(hand, job, 'refund', 'proposed', { contract: viewOf(contract) }, (opened) => ({
    writes: {
      contract: {
        role: 'payer',
        state: 'proposed',
        ...contract,
        own,
        funding,
        coins,
        rolls: null,
        nonce: own.outside ? null : job.nonceId.sighash,
        ...opened,
      },
    },
  }));
}
