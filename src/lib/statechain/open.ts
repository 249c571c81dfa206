/**
 * statechain-open: offered (operator) → [addressed (owner) →] proposed (owner) → accepted
 * (operator) → ready (owner).
 *
 * The first backup is signed before the funding: the owner opens it, the operator signs last. The
 * owner shows its funding transaction only once the finished backup is stored, here and outside the
 * home. The operator's share is bound to the first outpoint and backup that it has signed for.
 */
import * as v from 'valibot';
import {
  fundingAdvice,
  fundingPsbt,
  inputScripts,
  isSigned,
  NOTICE,
  outpointIn,
  ownCoins,
  payContract,
  paymentQueries,
  readPayment,
  signFunding,
  unsignedFunding,
} from '../bitcoin/funding.ts';
import { checkSpendable, checkUnpaid, outpointsOf } from '../bitcoin/coin-checks.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { scriptOf } from '../bitcoin/address.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { type Spent } from '../bitcoin/transaction.ts';
import { signSpend } from '../contract/joint-spend.ts';
import { table, vouchedKey } from '../protocol/action.ts';
import { keyClaim } from '../protocol/claims.ts';
import { sameJson } from '../protocol/json.ts';
import { height, hexOf, messageParser, psbt, text, type MessageOf } from '../protocol/message.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { publicKey } from '../signing/musig2.ts';
import { freshSide } from '../signing/side.ts';
import { backupCopy, bundleEntries, bundleOf } from './backup.ts';
import { agree, checkOffered, complete, firstEntry, outputOf, propose } from './opening.ts';
import { operatorJob } from './jobs.ts';
import { checkServes, drawName, drawSecret, OPERATOR, operatorKey } from './operator.ts';
import { cancelled, isOwners, inState, statecoinKind, statedCoin, type Statecoin } from './records.ts';
import {
  coinAddress,
  coinDescriptor,
  coinId,
  coinSchema,
  knownTip,
  offerSchema,
  readCoin,
  scriptOfCoin,
  spentCoin,
  termsEntries,
  viewOf,
  type Policy,
  type Terms,
} from './terms.ts';
import { backup } from './transactions.ts';

const steps = {
  offered: { offer: offerSchema },
  addressed: {
    offer: offerSchema,
    id: hexOf(32),
    terms: v.strictObject(termsEntries),
    address: text,
    descriptor: text,
    locktime: height,
    notice: v.literal(NOTICE),
  },
  proposed: { coin: coinSchema, psbt: v.strictObject({ backup: psbt }) },
  accepted: { coin: coinSchema, psbt: v.strictObject({ backup: psbt }) },
  ready: { ...bundleEntries, funding_txid: hexOf(32), psbt: v.strictObject({ funding: psbt }) },
} as const;
export type OpenMessage = MessageOf<typeof steps>;

export interface OpenInput {
  as?: 'operator';
  policy?: Policy;
  operator?: string;
  amount?: bigint;
  utxo?: readonly Spent[];
  funding?: string;
  payout?: string;
  change?: string;
  allowFee?: boolean;
  maxLock?: number;
}
type Rs = { coin: Statecoin };

const termsOf = (c: Statecoin | undefined): Terms | undefined => (c && 'terms' in c ? c.terms : undefined);
/** Returns whether a message speaks of the coin that a record has come to. */
function isAbout(m: OpenMessage, c: Statecoin): boolean {
  if (m.step === 'offered' || !('id' in c)) return true;
  if (m.step === 'addressed') return m.id === c.id;
  return m.coin.id === c.id && (!('outpoint' in c) || sameJson(m.coin, viewOf(c)));
}
const operatorPubkey = (m: OpenMessage): string => ('coin' in m ? m.coin.operator_pubkey : m.offer.pubkey);

/** Table of `statechain-open`: from the operator's key to a funded coin with its first backup. */
export const openStatechain = table<OpenMessage, Rs, OpenInput>(
  {
    type: 'statechain-open',
    server: 'operator',
    kinds: { coin: statecoinKind },
    parse: messageParser('statechain-open', steps),
    // By the operator's key from first to last: an id exists only from `addressed` or `proposed` on.
    find: (m) => (m ? { coin: keyClaim(operatorPubkey(m)) } : {}),
    party: ({ records, input, message }) => {
      if (records.coin) return records.coin.role;
      if (!message && input.as) return input.as;
      if (message?.step === 'offered') return 'owner';
      throw new Refusal('unknown-contract', 'this home takes no part in that opening', {
        hint: 'start with --as operator, or read an offer',
      });
    },
    peer: ({ message: m, records: { coin } }, by) => {
      if (!m) return null;
      // The owner reads its own 'addressed' again.
      if (m.step === 'addressed') return coin && 'side' in coin ? coin.side.auth : { stated: m.terms.owner_auth };
      const terms = termsOf(coin);
      if (m.step === 'offered') return vouchedKey(m.offer.operator, terms?.operator);
      return by === 'operator'
        ? vouchedKey(m.coin.owner_auth, terms?.owner_auth)
        : vouchedKey(m.coin.operator, terms?.operator);
    },
    sealWith: ({ coin }) => coin?.own.path ?? null,
    // The operator's share may be bound otherwise: that is another refusal.
    states: ({ coin }, by) => (by === 'owner' ? statedCoin(coin) : undefined),
    again: ({ records: { coin: c } }) =>
      isOwners(c) && c.state === 'owned' && c.funding && isSigned(c.funding)
        ? {
            step: 'ready',
            network: c.terms.network,
            ...bundleOf(c, c.entries, c.backups[0]!, new Map()),
            funding_txid: c.outpoint.txid,
            psbt: { funding: fundingPsbt(c.funding) },
          }
        : undefined,
    cancel: ({ message: m, records: { coin: c } }) => {
      if (c && m && !isAbout(m, c))
        throw new Refusal(
          'state-moved-on',
          'the message is of another coin than the one that is opened with this share',
        );
      if (c && (c.state === 'offered' || c.state === 'addressed' || c.state === 'proposed'))
        return { writes: { coin: cancelled(c) } };
      throw new Refusal(
        'too-late-to-cancel',
        `the coin is '${c?.state ?? 'unknown'}' in this home; an opening can be cancelled up to 'proposed' (owner) and 'offered' (operator)`,
      );
    },
  },
  (row) => [
    row({
      name: 'offered',
      after: null,
      by: 'operator',
      does: 'draws a share and offers it, with its policy',
      asks: ['as', 'policy'],
      take: ({ input, ...hand }) => {
        checkServes(hand);
        const secret = drawSecret(hand);
        const share = drawName(hand);
        const offer = { operator: operatorKey(hand), pubkey: bytesToHex(publicKey(secret)), policy: input.policy };
        return {
          message: { step: 'offered', network: hand.network, offer },
          writes: { coin: { role: 'operator', state: 'offered', network: hand.network, own: OPERATOR, offer, share } },
          shares: [{ name: share, secret }],
        };
      },
    }),
    row({
      name: 'addressed',
      after: 'offered',
      by: 'owner',
      does: 'shows the address that another wallet is to fund, without paying yet',
      when: ['without --utxo', ({ input }) => !input.utxo],
      asks: ['amount'],
      may: ['payout', 'operator', 'maxLock'],
      needs: ({ input }) => ({ tip: true, payout: unnamed(input.payout) }),
      take: ({ message, records, input, facts, ...hand }) => {
        if (records.coin) throw new Refusal('already-known', 'this offer was answered before');
        const [payout] = addressesFor([input.payout], facts.payout);
        const { own, side } = freshSide(hand, undefined, payout);
        const terms = agree(message.network as Network, message.offer, side, input, facts.tip);
        const { network: _, ...rest } = terms;
        const id = coinId(terms);
        const address = coinAddress(terms);
        return {
          message: {
            step: 'addressed',
            network: message.network,
            offer: message.offer,
            id,
            terms: rest,
            address,
            descriptor: coinDescriptor(terms),
            locktime: terms.locktime,
            notice: NOTICE,
          },
          exit: 3,
          hint: fundingAdvice(terms.amount_sat, address),
          writes: { coin: { role: 'owner', state: 'addressed', own, side, offer: message.offer, terms, id } },
        };
      },
    }),
    row({
      name: 'proposed',
      after: 'addressed',
      by: 'owner',
      does: 'proposes the coin that the PSBT of another wallet funds',
      asks: ['funding'],
      may: ['allowFee'],
      needs: ({ input }) => paymentQueries(input.funding!),
      take: ({ records, input, facts, ...hand }) => {
        const c = inState(records.coin, 'owner', 'addressed');
        const template = readPayment(outputOf(c.terms), input.funding, input.allowFee ?? false);
        const { coins, checked } = ownCoins(outputOf(c.terms), template, facts);
        const coin = { id: c.id, terms: c.terms, outpoint: outpointIn(template, scriptOfCoin(c.terms)) };
        const funding = { template, witnesses: {}, psbt: input.funding };
        return { ...propose(hand, { ...c, ...coin }, funding, coins), checks: { coins: checked } };
      },
    }),
    row({
      name: 'proposed',
      after: 'offered',
      by: 'owner',
      does: 'proposes a coin funded by its own, with the nonce of its backup',
      when: ['with --utxo', ({ input }) => input.utxo !== undefined],
      asks: ['utxo', 'amount'],
      may: ['payout', 'change', 'allowFee', 'operator', 'maxLock'],
      needs: ({ input }) => ({
        tip: true,
        feerate: true,
        payout: unnamed(input.payout, input.change),
        coins: outpointsOf(input.utxo ?? []),
        reserved: outpointsOf(input.utxo ?? []),
      }),
      take: ({ message, records, input, facts, ...hand }) => {
        if (records.coin) throw new Refusal('already-known', 'this offer was answered before');
        const [payout, change] = addressesFor([input.payout, input.change], facts.payout);
        const { own, side } = freshSide(hand, undefined, payout);
        const terms = agree(message.network as Network, message.offer, side, input, facts.tip);
        const template = payContract(outputOf(terms), {
          coins: input.utxo,
          change,
          feerate: facts.feerate,
          network: terms.network,
          allowFee: input.allowFee ?? false,
        });
        const coins = checkSpendable(facts, template.inputs);
        const coin = { id: coinId(terms), terms, outpoint: outpointIn(template, scriptOfCoin(terms)) };
        const proposed = propose(
          hand,
          { ...coin, own, side },
          { template, witnesses: {} },
          outpointsOf(template.inputs),
        );
        return { ...proposed, checks: { coins } };
      },
    }),
    row({
      name: 'accepted',
      after: 'proposed',
      by: 'operator',
      stands: true,
      does: 'rebuilds the backup from the terms, counts it and signs it last; from here on it serves the coin',
      needs: ({ message }) => ({ tip: true, coins: outpointsOf([message.coin.outpoint]) }),
      take: ({ message, records, facts, ...hand }) => {
        checkServes(hand);
        const coin = readCoin(message.coin, hand.network as Network, 'owner');
        const had = inState(records.coin, 'operator', 'offered', 'open');
        const entry = firstEntry(coin);
        if (had.state === 'open') {
          checkServes(hand, had);
          const same = had.id === coin.id && outpointText(had.outpoint) === outpointText(coin.outpoint);
          if (!same || had.entries.length !== 1)
            throw new Refusal('key-bound', 'this share was bound to another owner, outpoint or backup before', {
              blame: 'owner',
            });
        } else {
          checkOffered(had.offer, coin.terms, knownTip(facts.tip));
          checkUnpaid(facts.coins, spentCoin(coin), 'owner');
        }
        const job = operatorJob(hand.keys.share(had.share!), entry, backup(coin, entry));
        const opened: Statecoin =
          had.state === 'open'
            ? had
            : {
                role: 'operator',
                state: 'open',
                ...coin,
                own: OPERATOR,
                entries: [entry],
                signed: [{ kind: 'backup', sighash: entry.sighash }],
                share: had.share,
                cancelled: [],
                closing: null,
                restored: false,
              };
        return signSpend(hand, job, 'backup', 'accepted', message, { writes: { coin: opened } });
      },
    }),
    row({
      name: 'ready',
      after: 'accepted',
      by: 'owner',
      stands: true,
      does: 'completes and stores the backup, and only then shows the funding transaction',
      needs: ({ records: { coin } }) => ({
        ours: [
          ...inputScripts(coin && 'funding' in coin ? coin.funding : null),
          ...(coin && 'terms' in coin ? [scriptOf(coin.terms.owner_address, coin.terms.network)] : []),
        ],
      }),
      take: ({ message, records, facts, ...hand }) => {
        const had = inState(records.coin, 'owner', 'proposed', 'owned');
        const done = complete(hand, had, message.psbt.backup);
        const { record } = done;
        // The operator's first key never finds a coin received by transfer.
        if (!record.funding) throw new Refusal('bug', 'an opening of a coin that came by a transfer');
        const funding = signFunding(hand, record.funding, facts.ours);
        const bundle = bundleOf(had, record.entries, record.backups[0]!, facts.ours);
        return {
          message: {
            step: 'ready',
            network: message.network,
            ...bundle,
            funding_txid: had.outpoint.txid,
            psbt: { funding: fundingPsbt(funding) },
          },
          writes: { coin: { ...record, funding } },
          spends: done.spends,
          copies: [backupCopy(bundle, message.network)],
          ...unsignedFunding(funding),
        };
      },
    }),
  ],
);
