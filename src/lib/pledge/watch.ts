/**
 * A pledge of this home as `watch` sees it: its finished way back, and when that is sent.
 *
 *   made     from the height at which its campaign is over on; never where the campaign names none
 *   revoked  at once, and again while no mempool has it; a transaction that completes the campaign is outbid
 *   other    not watched: nobody was shown the pledge, or its coin is spent for good
 *
 * A completing transaction in the mempool is left alone where its owner has not asked for the coin back: it pays as pledged.
 * Not here: a campaign that was paid without this coin, which `pledge check` looks for (`status.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Network } from '../bitcoin/network.ts';
import { outputsOf as outputsIn, txidOfHex } from '../bitcoin/transaction.ts';
import { asRival, decideDuty, type Due, type Duty, type Seen, type Watched, type Watcher } from '../contract/duty.ts';
import { readyOf, type Rules } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import type { Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { outputsOf } from './campaign.ts';
import { pledgeKind, type OwnPledge } from './records.ts';

const backScript = ({ back, network }: OwnPledge): Hex => scriptOf(back.address, network as Network);

function watchedPledge(own: OwnPledge, ours: ReadonlySet<Hex>): Watched | undefined {
  const { campaign, network, pledge, revocation, state } = own;
  if (state !== 'made' && state !== 'revoked') return undefined;
  const outpoint = { txid: pledge.txid, vout: pledge.vout };
  const script = backScript(own);
  const tx = readyOf('revocation', revocation.hex, pledge.sat, script, ours.has(script) ? null : []);
  const revoked = state === 'revoked';
  const { until } = campaign;
  const duty: Duty = {
    id: `${campaign.id} revoke ${outpointText(outpoint)}`,
    does: 'revoke',
    why: revoked ? 'it was taken back' : 'its campaign is over, and the pledge has no other end',
    outpoint,
    tx,
    // From the height on at which honest programs complete no more.
    from: revoked || until === null ? null : { height: until + 1 },
    by: null,
    worthSat: pledge.sat,
    ...(revoked && { sent: true }),
  };
  const sends = revoked || until !== null;
  const completes = (hex: Hex): boolean => sameJson(outputsIn(hex), outputsOf(campaign, network as Network));
  const as = (by: string) => ({ by, paysSat: 0n, lostSat: 0n });
  return {
    id: campaign.id,
    role: 'pledger',
    restsUntil: revoked ? -Infinity : (until ?? Infinity),
    coins: [
      {
        outpoint,
        ways: new Map([[txidOfHex(revocation.hex), { by: 'revocation', paysSat: tx.paysSat, lostSat: 0n }]]),
        judge: (hex) => as(completes(hex) ? 'completion' : 'other'),
      },
    ],
    duties: sends ? [duty] : [],
    decide: (seen, rules) => [decide(duty, revoked, sends, seen, rules)],
  };
}

function decide(duty: Duty, revoked: boolean, sends: boolean, seen: Seen, rules: Rules): Due {
  const { coin, spend } = seen.coins.get(outpointText(duty.outpoint))!;
  if (coin === 'unspent' && !sends) return { do: 'rest' };
  const isRival = revoked && spend?.by === 'completion' && spend.confirmations === 0;
  return decideDuty(duty, isRival ? asRival(duty, seen) : seen, rules);
}

/** A copy of a way back, which holds no height: when it is sent its owner says. */
export const pledgeDocument = (document: Document): null | undefined =>
  document['type'] === 'refund-copy' && ['expiry', 'coin', 'htlc'].every((name) => !(name in document))
    ? null
    : undefined;

export const pledgeWatcher: Watcher<OwnPledge> = {
  kind: pledgeKind,
  // By the height at which their campaigns are over, then those of campaigns that name none.
  order: ['over', 'open'],
  scripts: (own) => [backScript(own)],
  watched: watchedPledge,
  ended: (own) => ({ ...own, state: 'spent' }),
  sent(own) {
    if (own.state !== 'made' && own.state !== 'revoked')
      throw new Refusal('state-moved-on', `the pledge is '${own.state}' by now: nothing of it is sent`);
    return { ...own, state: 'revoked' };
  },
};
