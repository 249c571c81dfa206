/**
 * htlc-cooperate: proposed (whoever will broadcast) → signed (the other, last) → complete (the
 * opener).
 *
 * The key path of a taproot HTLC: both sign one transaction together (MuSig2), at once, and the
 * chain shows no HTLC. Each keeps what it had: until the transaction confirms, claim and refund
 * stay valid. Whoever signs last gives its own path up to an address that it sees, so it is asked.
 */
import * as v from 'valibot';
import { scriptOf } from '../bitcoin/address.ts';
import { feeFor, checkProposed, FEE_LIMITS } from '../bitcoin/fee.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { checkDust } from '../bitcoin/script.ts';
import { SEQUENCE_RBF, sweepVsize, type Spent, type Template } from '../bitcoin/transaction.ts';
import { finishedSpend, jointSteps, openedBy, openSpend, signSpend } from '../contract/joint-spend.ts';
import { table, type Hand } from '../protocol/action.ts';
import { hashClaim, keyClaim } from '../protocol/claims.ts';
import { checkCoins, outpointsOf } from '../bitcoin/coin-checks.ts';
import { messageParser, outpoint, sat, statesSame, text, type MessageOf } from '../protocol/message.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finishIn, jobFor, type Job } from '../signing/exchange.ts';
import { htlcKeyKind, type AgreedSpend, type HtlcKey, type Proposal } from './records.ts';
import { checkOtherLeg, otherLeg } from './swap-outcome.ts';
import { swapKind, type Swap } from './swap-records.ts';
import { cooperativeKeys } from './taproot.ts';
import { build, type Htlc } from './terms.ts';
import { outcomeNeeds } from '../contract/outcome.ts';
import { htlcId, htlcSchema, readHtlc, viewOf } from './view.ts';

export type Cooperator = 'claimer' | 'refunder';
const other = (who: Cooperator): Cooperator => (who === 'claimer' ? 'refunder' : 'claimer');

const steps = jointSteps('proposed', 'spend', {
  htlc: htlcSchema,
  opener: v.picklist(['claimer', 'refunder']),
  utxo: outpoint,
  amount_sat: sat,
  address: text,
  fee_sat: sat,
});
/** Messages of `htlc cooperate`, by step. */
export type CooperateMessage = MessageOf<typeof steps>;
/** Flags of `htlc cooperate`. */
export interface CooperateInput {
  as?: Cooperator;
  htlc?: Htlc;
  utxo?: Omit<Spent, 'script'>;
  to?: string;
  allowFee?: boolean;
  /** Highest feerate of the counterparty's proposal, in satoshis for 1000 vB. */
  maxFeerate?: number;
  amount?: bigint;
  max?: bigint;
}
/** `known`: record with the preimage, or the first record with the hash. */
type Rs = { claimer: HtlcKey; refunder: HtlcKey; known: HtlcKey; swap: Swap };

/** Table of `htlc cooperate`: both parties spend a taproot HTLC by one signature. */
export const htlcCooperate = table<CooperateMessage, Rs, CooperateInput>(
  {
    type: 'htlc-cooperate',
    kinds: { claimer: htlcKeyKind, refunder: htlcKeyKind, known: htlcKeyKind, swap: swapKind },
    parse: messageParser('htlc-cooperate', steps),
    find: (m, input, { known }) => {
      const [claim, refund] = m ? [m.htlc.claim_pubkey, m.htlc.refund_pubkey] : [input.htlc?.claim, input.htlc?.refund];
      const stated = (m ?? input).htlc?.hash;
      // A document may lack the payment hash, which the home that drew the preimage knows.
      const hash = stated?.sha256 ?? (known?.hash.hash160 === stated?.hash160 ? known?.hash.sha256 : undefined);
      return {
        ...(claim && { claimer: keyClaim(claim) }),
        ...(refund && { refunder: keyClaim(refund) }),
        ...(stated && { known: hashClaim(stated.hash160) }),
        ...(hash && { swap: hashClaim(hash) }),
      };
    },
    party: ({ records, input }) => roleIn(records, input.as),
    // An empty text matches no key.
    peer: ({ message: m }, by) => (m ? ((by === 'claimer' ? m.htlc.refund_auth : m.htlc.claim_auth) ?? '') : null),
    sealWith: ({ claimer, refunder }) => (claimer ?? refunder)!.own.path,
    again: ({ records, by, network }) => {
      const done = records[by as Cooperator]?.done;
      if (!done) return undefined;
      return finishedSpend(network, statedOf(readHtlc(done.htlc), by as Cooperator, done.spend), done.hex);
    },
    cancel: ({ records, by, message: m }) => {
      const who = by as Cooperator;
      const record = records[who]!;
      if (!record.proposal) throw new Refusal('too-late-to-cancel', 'no own proposal is open');
      // The name of the HTLC covers the sealing keys of both: a message of anybody else names another one.
      if (m && (record.bound !== htlcId(readHtlc(m.htlc)) || !isOf(record.proposal, who, m)))
        throw new Refusal('state-moved-on', NOT_LAST);
      return { writes: { [who]: { ...record, proposal: null } } };
    },
  },
  (row) =>
    (['claimer', 'refunder'] as const).flatMap((opener) => {
      const signer = other(opener);
      const when = openedBy('a spend', opener);
      return [
        row({
          name: 'proposed',
          after: null,
          by: opener,
          does: 'proposes to spend the HTLC together, to broadcast it itself',
          asks: ['as', 'htlc', 'utxo'],
          may: ['to', 'allowFee'],
          needs: ({ input }) => ({
            feerate: true,
            payout: unnamed(input.to),
            coins: outpointsOf(input.utxo ? [input.utxo] : []),
          }),
          take: ({ records, input, facts, ...hand }) => {
            const { htlc, utxo } = input;
            const record = bound(records, opener, htlc, hand);
            const [address] = addressesFor([input.to], facts.payout);
            const feeSat = feeFor(facts.feerate, vsizeOf(htlc, address));
            const spend = { txid: utxo.txid, vout: utxo.vout, amountSat: utxo.sat, address, feeSat };
            checkFee(htlc, spend, input.allowFee, undefined);
            const seen = checkCoins(facts.coins, [coinOf(htlc, utxo)]);
            const job = jobOf(record, opener, htlc, spend);
            const proposal: Proposal = { ...spend, sighash: job.nonceId.sighash };
            return openSpend(hand, job, 'spend', 'proposed', statedOf(htlc, opener, spend), () => ({
              writes: { [opener]: { ...record, proposal } },
              checks: { coins: seen },
            }));
          },
        }),
        row({
          name: 'signed',
          after: 'proposed',
          by: signer,
          does: `signs last, and lets the ${opener} have the coin`,
          when,
          agrees: ['amount', 'max'],
          may: ['allowFee', 'maxFeerate'],
          needs: ({ message, records: { swap } }) => {
            const other = otherLeg(swap, { refund: message.htlc.refund_pubkey });
            return outcomeNeeds(other ? [other] : []);
          },
          take: ({ message: m, records, input, facts, ...hand }) => {
            const htlc = readHtlc(m.htlc);
            const record = bound(records, signer, htlc, hand);
            checkOtherLeg(records.swap, htlc, facts);
            const spend = spendIn(m);
            checkFee(htlc, spend, input.allowFee, input.maxFeerate ?? FEE_LIMITS.proposed.most);
            return signSpend(hand, jobOf(record, signer, htlc, spend), 'spend', 'signed', m, {
              writes: { [signer]: record },
              consent: {
                text: `Give up the ${signer === 'claimer' ? 'claim' : 'refund'} of ${m.amount_sat} sat at ${outpointText(m.utxo)}, so that the ${opener} sends them to ${m.address} (fee ${m.fee_sat} sat)?`,
                amountSat: m.amount_sat,
                growthSat: m.amount_sat,
              },
            });
          },
        }),
        row({
          name: 'complete',
          after: 'signed',
          by: opener,
          stands: true,
          does: 'completes the spend, to be broadcast',
          when,
          take: ({ message: m, records, ...hand }) => {
            const htlc = readHtlc(m.htlc);
            const record = bound(records, opener, htlc, hand);
            const { proposal } = record;
            if (!proposal || !isOf(proposal, opener, m)) throw new Refusal('state-moved-on', NOT_LAST);
            const { hex, spends } = finishIn(hand, jobOf(record, opener, htlc, proposal), m.psbt.spend);
            const { sighash: _, ...spend } = proposal;
            return {
              message: finishedSpend(m.network, statedOf(htlc, opener, spend), hex),
              // A finished spend cannot be cancelled.
              writes: { [opener]: { ...record, proposal: null, done: { htlc: viewOf(htlc), spend, hex } } },
              spends,
            };
          },
        }),
      ];
    }),
);

/** @throws Refusal `unknown-contract`, `key-rejected`, `usage` */
function roleIn({ claimer, refunder }: Partial<Rs>, as: Cooperator | undefined): Cooperator {
  if (claimer && refunder)
    throw new Refusal('key-rejected', 'both keys of the HTLC are of this home: htlc claim and htlc refund spend it');
  if (!claimer && !refunder)
    throw new Refusal('unknown-contract', 'no key of that HTLC is of this home', { hint: 'keys come from htlc key' });
  const found = claimer ? 'claimer' : 'refunder';
  if (as && as !== found) throw new Refusal('usage', `--as ${as} found; this home is the ${found}`);
  return found;
}

/**
 * The own record, its key bound for ever to this one HTLC, by whose sealing keys both know each
 * other.
 * @throws Refusal `wrong-network`, `no-key-path`, `terms-differ`
 */
function bound(records: Partial<Rs>, who: Cooperator, htlc: Htlc, hand: Pick<Hand, 'network'>): HtlcKey {
  const record = records[who]!;
  if (htlc.network !== hand.network)
    throw new Refusal('wrong-network', `an HTLC on ${htlc.network} found, this home is for ${hand.network}`);
  if (!htlc.internal)
    throw new Refusal('no-key-path', 'the internal key of this HTLC is not both keys together', {
      hint: 'htlc create --type p2tr --internal-key musig makes one that is',
    });
  const [own, peer] = who === 'claimer' ? [htlc.claimAuth, htlc.refundAuth] : [htlc.refundAuth, htlc.claimAuth];
  if (peer === null)
    throw new Refusal('no-key-path', `the HTLC names no sealing key of the ${other(who)}`, {
      hint: 'give htlc create the outputs of htlc key, not public keys alone',
    });
  const id = htlcId(htlc);
  if (own !== record.auth || (record.bound !== null && record.bound !== id))
    throw new Refusal('terms-differ', 'the key of this home is in another HTLC, or with another sealing key', {
      blame: other(who),
    });
  // With its own hash in it, its preimage is in that HTLC too.
  const isIn = htlc.hash.hash160 === record.hash.hash160;
  return { ...record, bound: id, ...(isIn && { used: true as const, made: record.made ?? id }) };
}

const spendIn = (m: Pick<CooperateMessage, 'utxo' | 'amount_sat' | 'address' | 'fee_sat'>): AgreedSpend => ({
  ...m.utxo,
  amountSat: m.amount_sat,
  address: m.address,
  feeSat: m.fee_sat,
});

/** Returns the fields by which the messages name a spend. */
const namesOf = (opener: Cooperator, { txid, vout, amountSat, address, feeSat }: AgreedSpend) => ({
  opener,
  utxo: { txid, vout },
  amount_sat: amountSat,
  address,
  fee_sat: feeSat,
});
const statedOf = (htlc: Htlc, opener: Cooperator, spend: AgreedSpend) => ({
  htlc: viewOf(htlc),
  ...namesOf(opener, spend),
});
/** Returns whether the message is about that proposal of this home, beside the HTLC. */
const isOf = (own: Proposal, who: Cooperator, m: CooperateMessage): boolean => statesSame(namesOf(who, own), m);
const NOT_LAST = 'this spend is not the one that this home proposed last';

const coinOf = (htlc: Htlc, { txid, vout, sat: amount }: Omit<Spent, 'script'>) => ({
  txid,
  vout,
  sat: amount,
  script: build(htlc).output,
  sequence: SEQUENCE_RBF,
});

/** The one transaction that these terms give. */
export function cooperativeSpend(htlc: Htlc, { txid, vout, amountSat, address, feeSat }: AgreedSpend): Template {
  return {
    version: 3,
    locktime: 0,
    inputs: [coinOf(htlc, { txid, vout, sat: amountSat })],
    outputs: [{ sat: amountSat - feeSat, script: scriptOf(address, htlc.network as Network) }],
  };
}

function jobOf(record: HtlcKey, who: Cooperator, htlc: Htlc, spend: AgreedSpend): Job {
  const built = build(htlc);
  if (built.type !== 'p2tr') throw new Refusal('bug', 'a cooperative spend without leaves');
  return jobFor({
    own: record.own,
    pubkey: record.pubkey,
    peer: who === 'claimer' ? htlc.refund : htlc.claim!,
    peerIs: other(who),
    set: cooperativeKeys(htlc.internal!, built.tree.merkleRoot),
    template: cooperativeSpend(htlc, spend),
    of: keyClaim(record.pubkey),
  });
}

const vsizeOf = (htlc: Htlc, address: string): number => sweepVsize(scriptOf(address, htlc.network));

/** @throws Refusal `fee-too-high`, `fee-too-low`, `below-dust` */
function checkFee(
  htlc: Htlc,
  { amountSat, address, feeSat }: AgreedSpend,
  allowed: boolean | undefined,
  most: number | undefined,
): void {
  const script = scriptOf(address, htlc.network);
  const vsize = vsizeOf(htlc, address);
  checkProposed('a spend', { fee: feeSat, vsize, inputs: amountSat }, allowed, most);
  const sat = amountSat - feeSat;
  checkDust({ sat, script }, (least) => `an output of ${sat} sat found, at least ${least} expected`);
}
