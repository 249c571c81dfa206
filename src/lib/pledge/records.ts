/**
 * Records of campaigns. A collector keeps its campaign and a row for each pledge; a pledger keeps
 * what it has pledged, and how it takes that back.
 *
 *   campaign: open → completed → given up   pledge: split → made → revoked → spent
 *             open → given up                       split → cancelled     made → spent
 *   seat:     kept → gone → kept …
 *
 * A pledge of the collector's is a record of its own, found by its coin, so that so many
 * pledges cost so many writes. The campaign keeps their sum.
 */
import type { Funding } from '../bitcoin/funding.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import { taggedTextHash } from '../signing/curve.ts';
import type { Own } from '../signing/exchange.ts';
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, each, fixed, largest, onceOnly, type Beliefs } from '../protocol/belief.ts';
import { coinClaim, idClaim } from '../protocol/claims.ts';
import type { Figures } from '../protocol/figures.ts';
import { canonicalJson, withSats } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Campaign, CampaignTerms } from './campaign.ts';
import type { Revocation } from './complete.ts';
import { Gate } from './gather.ts';
import type { Pledge } from './pledge.ts';
import type { RunningSum } from './sums.ts';

/** A campaign of this home. */
export interface CampaignRecord {
  network: string;
  own: Own;
  campaign: Campaign;
  /** Sum of the largest pledges that one transaction holds. */
  sum: RunningSum;
  /** Number of times that the sum has changed. */
  changes: number;
  /** Transaction that was printed last, with the coins that it spends. */
  completed: { txid: Hex; hex: Hex } | null;
  /** True once the collector gave the campaign up: nothing is gathered or completed any more. */
  left: boolean;
}

/** Pledge that the collector has accepted. */
export interface Seat {
  network: string;
  campaign: Hex;
  pledge: Pledge;
  /** Number of times that the seat was freed (its coin was spent) or taken again. */
  changes: number;
}
/** Returns whether a seat is taken; a freed one's coin was spent. */
export const isTaken = ({ changes }: Seat): boolean => changes % 2 === 0;

/** Refuses a campaign that was given up. @throws Refusal `wrong-state` */
export function checkKept({ campaign, left }: CampaignRecord): void {
  if (left) throw new Refusal('wrong-state', `the campaign ${campaign.id} was given up`);
}
/** Returns the gate of a campaign's record. @throws Refusal as `checkKept` */
export function gateOf(record: CampaignRecord): Gate {
  checkKept(record);
  return new Gate(record.campaign, record.network as Network);
}

/** Pledge of this home. */
export interface OwnPledge {
  network: string;
  /** `split`: not printed, since its coin does not exist yet; `spent`: its coin is gone. */
  state: 'split' | 'made' | 'revoked' | 'cancelled' | 'spent';
  campaign: Campaign;
  /** Amount or coin of its start; the same command finds the record by it. */
  asked: string;
  split: Funding | null;
  /** Reserved coins (`TXID:VOUT`): the split's, or the pledged one. */
  coins: readonly string[];
  pledge: Pledge;
  /** Pledge encrypted to the collector; null for a plain one. */
  sealed: Sealed | null;
  revocation: Revocation;
  /** Address that the revocation pays, and its index in the wallet. */
  back: { address: string; chain: 0 | 1; index: number };
  /** Height up to which no block pays the campaign without this coin; null if none was known. */
  unpaidTo: number | null;
}
/** Pledge that only the collector can read. */
export interface Sealed {
  /** Sender's public key, 33 bytes, hex. */
  sender: Hex;
  text: Hex;
}

/** Returns the claim of a seat or an own pledge. @param what outpoint, or the name of a start */
export const seatClaim = (campaign: Hex, what: string): Claim => `pledge:${campaign}:${what}`;
/** Claims the outputs of a campaign, so that no later one of the home has the same. */
export const outputsClaim = (outputs: CampaignTerms['outputs']): Claim => {
  const paid = outputs.map(({ address, sat }) => ({ address: inOneCase(address), sat }));
  return `pledge:${bytesToHex(taggedTextHash('spillway/campaign-outputs', canonicalJson(paid)))}`;
};
/** Returns an address in lower case if it is segwit, where case means nothing (BIP173). */
const inOneCase = (address: string): string => (/^(?:bc|tb|bcrt)1/i.test(address) ? address.toLowerCase() : address);

const campaignBeliefs: Beliefs<CampaignRecord> = {
  ...each(fixed, 'network', 'own', 'campaign', 'sum', 'changes', 'left'),
  completed: onceOnly,
};
export const campaignKind: Kind<CampaignRecord> = {
  name: 'campaign',
  parse: (json) => withSats(json) as CampaignRecord,
  claims: ({ campaign }): readonly Claim[] => [idClaim(campaign.id), outputsClaim(campaign.outputs)],
  row: ({ campaign, completed, left }): RecordRow => ({
    name: campaign.id,
    state: left ? 'cancelled' : completed ? 'completed' : 'open',
    highSat: 0n,
    limitSat: 0n,
    left: left || completed !== null,
    ...((left || completed) && { over: 'ended' }),
  }),
  // Ended once the coins of the last printed transaction are spent, or the campaign was given up.
  spent: ({ completed, left }) =>
    completed && !left ? spentBy(completed.hex).map((outpoint) => ({ outpoint, ways: [completed.txid] })) : [],
  ...believing(campaignBeliefs, { isLater: (one, other) => one.left || one.changes > other.changes }),
};

const spentBy = (hex: Hex): Outpoint[] =>
  parseTransaction(hex).inputs.map(({ txid, index }) => ({ txid: bytesToHex(txid), vout: index }));

const seatBeliefs: Beliefs<Seat> = each(fixed, 'network', 'campaign', 'pledge', 'changes');
export const seatKind: Kind<Seat> = {
  name: 'pledge-seat',
  parse: (json) => withSats(json) as Seat,
  claims: ({ campaign, pledge }): readonly Claim[] => [seatClaim(campaign, outpointText(pledge))],
  row: (seat): RecordRow => ({
    name: seat.campaign,
    state: isTaken(seat) ? 'kept' : 'gone',
    highSat: 0n,
    limitSat: 0n,
    left: false,
  }),
  part: ({ campaign }) => ({ of: idClaim(campaign), over: true }),
  ...believing(seatBeliefs, { isLater: (one, other) => one.changes > other.changes }),
};

const pledgeBeliefs: Beliefs<OwnPledge> = {
  ...each(fixed, 'network', 'state', 'campaign', 'asked', 'split', 'coins', 'pledge', 'sealed', 'revocation', 'back'),
  unpaidTo: largest,
};
export const pledgeKind: Kind<OwnPledge> = {
  name: 'pledge',
  parse: (json) => withSats(json) as OwnPledge,
  claims: (own): readonly Claim[] => [
    ownClaim(own),
    ...(own.state === 'cancelled' || own.state === 'spent'
      ? []
      : [askedClaim(own.campaign.id, own.asked), ...own.coins.map(coinClaim)]),
  ],
  key: (own) => ownClaim(own),
  row: ({ campaign, state }): RecordRow => ({
    name: campaign.id,
    state,
    highSat: 0n,
    limitSat: 0n,
    left: state === 'revoked' || state === 'cancelled' || state === 'spent',
    ...((state === 'revoked' || state === 'spent') && { over: 'ended' }),
    ...(state === 'cancelled' && { over: 'nothing' }),
  }),
  figures: ({ state, campaign: { until } }): Figures =>
    state === 'made'
      ? until === null
        ? { open: 1n }
        : { over: BigInt(until) }
      : state === 'revoked'
        ? { over: 1n }
        : {},
  spent: ({ pledge: { txid, vout }, revocation }) => [{ outpoint: { txid, vout }, ways: [revocation.txid] }],
  ...believing(pledgeBeliefs, { isLater: (one, other) => STATES.indexOf(one.state) > STATES.indexOf(other.state) }),
};
const STATES: readonly OwnPledge['state'][] = ['split', 'cancelled', 'made', 'revoked', 'spent'];

/** Returns the claim of a start. @param asked amount, or outpoint */
export const askedClaim = (campaign: Hex, asked: string): Claim => seatClaim(campaign, `own-${asked}`);
export const ownClaim = ({ campaign, pledge }: OwnPledge): Claim =>
  seatClaim(campaign.id, `made-${outpointText(pledge)}`);
