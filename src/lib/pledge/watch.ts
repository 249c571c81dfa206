/**
 * A pledge of this home as `watch` sees it: its finished way back, and when that is sent.
 *
 *   made     once a block pays the campaign without its coin, and from its last height on
 *   revoked  at once, and again while no mempool has it; it outbids a completing transaction
 *   other    not watched: the pledge was never shown, or its coin is spent for good
 *
 * A completing transaction in the mempool is left alone unless the owner asked for the coin back,
 * since it pays as pledged. A paid campaign could be paid again with pledges that are left over.
 */
import { scriptOf } from '../bitcoin/address.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import type { Network } from '../bitcoin/network.ts';
import { outputsOf as outputsIn, type Spent } from '../bitcoin/transaction.ts';
import {
  withRival,
  decideDuty,
  type Due,
  type Duty,
  type Goal,
  type ChainView,
  type Watched,
} from '../contract/duty.ts';
import type { Watcher } from '../contract/watcher.ts';
import { standingAt } from '../contract/outcome.ts';
import { readyTxOf, type ReadyTx, type Rules } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { campaignOutputs, PLEDGER } from './campaign.ts';
import { pledgeKind, type OwnPledge } from './records.ts';

export const PLEDGE_WATCH_LIMITS = {
  /** Blocks that must be searched anew before the record is written. */
  searched: { unit: 'blocks', least: 36 },
} satisfies Limits;

const backScript = ({ back, network }: OwnPledge): Hex => scriptOf(back.address, network as Network);

/** Returns the outputs that others may pay without the pledged coin. */
export const goalWithout = ({ campaign, network, pledge: { txid, vout }, unpaidTo }: WatchedPledge): Goal => ({
  outputs: campaignOutputs(campaign, network as Network),
  without: { txid, vout },
  after: unpaidTo,
});

/** Returns the record with the searched final blocks that have no payment; undefined if few. */
export function searchedTo(
  own: OwnPledge,
  { payment, tip }: Pick<ChainView, 'payment' | 'tip'>,
): OwnPledge | undefined {
  if (!payment || payment.by) return undefined;
  const unpaidTo = Math.min(payment.upTo, standingAt(tip));
  return allows(PLEDGE_WATCH_LIMITS.searched, unpaidTo - (own.unpaidTo ?? -Infinity))
    ? { ...own, unpaidTo }
    : undefined;
}

/** Fields of a pledge that its watcher needs. */
type WatchedPledge = Pick<OwnPledge, 'network' | 'state' | 'campaign' | 'unpaidTo'> & {
  pledge: Spent;
  revocation: Pick<OwnPledge['revocation'], 'hex'>;
};
/**
 * Returns the watcher's view of a pledge; undefined unless it is `made` or `revoked`.
 * @param script output script of the way back
 * @param children transactions that can pay for it; null: any
 */
export function watchedPledge(own: WatchedPledge, script: Hex, children: ReadyTx['children']): Watched | undefined {
  const { campaign, pledge, revocation, state } = own;
  if (state !== 'made' && state !== 'revoked') return undefined;
  const goal = goalWithout(own);
  const outpoint = goal.without;
  const tx = readyTxOf('revocation', revocation.hex, pledge.sat, script, children);
  const revoked = state === 'revoked';
  const { until } = campaign;
  const duty: Duty = {
    id: `${campaign.id} revoke ${outpointText(outpoint)}`,
    does: 'revoke',
    why: revoked ? 'it was taken back' : 'its campaign is over, and the pledge has no other end',
    outpoint,
    tx,
    // Due from the height at which honest programs complete no more.
    from: revoked ? null : { height: (until ?? Infinity) + 1 },
    by: null,
    worthSat: pledge.sat,
    ...(revoked && { sent: true }),
  };
  const completes = (hex: Hex): boolean => sameJson(outputsIn(hex), goal.outputs);
  const as = (by: string) => ({ by, paysSat: 0n, lostSat: 0n });
  return {
    id: campaign.id,
    role: PLEDGER,
    // Each block may pay the campaign without this coin.
    restsUntil: -Infinity,
    worthSat: pledge.sat,
    coins: [
      {
        outpoint,
        ways: new Map([[tx.txid, { by: 'revocation', paysSat: tx.paysSat, lostSat: 0n }]]),
        judge: (hex) => as(completes(hex) ? 'completion' : 'other'),
      },
    ],
    ...(!revoked && { goal }),
    duties: revoked || until !== null ? [duty] : [],
    decide: (seen, rules) => [ofCoin(outpoint, decide(duty, revoked, seen, rules))],
  };
}

function decide(duty: Duty, revoked: boolean, seen: ChainView, rules: Rules): Due {
  const { spend } = seen.coins.get(outpointText(duty.outpoint))!;
  const { by, pruned, upTo } = seen.payment ?? {};
  if (by) return decideDuty({ ...duty, from: null }, seen, rules);
  const isRival = revoked && spend?.by === 'completion' && spend.confirmations === 0;
  const due = decideDuty(duty, isRival ? withRival(duty, seen) : seen, rules);
  if (due.do !== 'rest' || !pruned) return due;
  return { do: 'tell', event: 'blocks-pruned', short: true, more: { searched_height: upTo } };
}

/** Names the coin in what is told, because a home may pledge several to one campaign. */
const ofCoin = (outpoint: Outpoint, due: Due): Due =>
  due.do === 'tell' ? { ...due, more: { coin: outpointText(outpoint), ...due.more } } : due;

export const pledgeWatcher: Watcher<OwnPledge> = {
  kind: pledgeKind,
  // Pledges by the end of their campaign, then those whose campaign has no end.
  order: { over: 'height', open: 'never' },
  scripts: (own) => [backScript(own)],
  watched(own, { ours }) {
    const script = backScript(own);
    return watchedPledge(own, script, ours.has(script) ? null : []);
  },
  learnt: searchedTo,
  ended: (own) => ({ ...own, state: 'spent' }),
  sent(own) {
    if (own.state !== 'made' && own.state !== 'revoked')
      throw new Refusal('state-moved-on', `the pledge is '${own.state}' by now: nothing of it is sent`);
    return { ...own, state: 'revoked' };
  },
};
