/**
 * The way out of a statecoin that its owner can go alone: the backup, which pays no fee, and its
 * child. By size, from a message that agrees on the coin, and finished, from a bundle. Also the
 * transaction that any other document carries: what `broadcast` sends, and `bump` pays for.
 * Not here: when it is due (`exit.ts`), how packages are made of it (`contract/exit-package.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import type { Network } from '../bitcoin/network.ts';
import { fundingIn, type Settlement } from '../contract/copy.ts';
import type { Exit } from '../contract/exit-package.ts';
import { ANY_SCRIPT, childOfSize, legTo, type WayOut } from '../contract/quote.ts';
import type { Moment } from '../contract/moment.ts';
import type { Hex } from '../protocol/action.ts';
import type { Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { locktimeAt, scriptOfCoin, type CoinView, type Terms } from './terms.ts';
import { ANCHOR } from './transactions.ts';

/** Returns an owner's way out. @param script that its backup pays */
export function ownersWay(script: Hex, from: Moment): WayOut {
  const childVsize = childOfSize(script, [ANCHOR.script]);
  return { who: 'owner', script, legs: [legTo([ANCHOR.script, script], 0, { childVsize, from: [from] })] };
}

/** Returns the number of owners in a message, its receiver included; undefined: not told. */
function ownersIn({ type, step, owners, record }: Document): number | undefined {
  if (type === 'statechain-open') return 1;
  if (step === 'owned') return owners;
  if (record === undefined) return undefined;
  return record.entries.length + (step === 'moved' ? 0 : 1);
}

/** Returns the owner's way out under the terms of a message. */
export function waysOfStatecoin(m: Document): readonly WayOut[] {
  const { network, offer, coin, address, invite } = m;
  if (offer && !coin) return [ownersWay(ANY_SCRIPT, { confirmations: Number(offer.policy.initial_blocks) })];
  const owners = ownersIn(m);
  if (!coin || owners === undefined) return [];
  const script = scriptOf(address ?? invite?.address ?? coin.owner_address, network as Network);
  return [ownersWay(script, { height: locktimeAt(coin as Terms, owners - 1) + 1 })];
}

/** Returns the transaction in a parsed document of this family; undefined if it has none. */
export function statechainSettlement(document: Document): Settlement | undefined {
  const { type, network, step } = document;
  if (type === 'statechain-open' && step === 'ready') return fundingIn(network, document['psbt'].funding);
  const carries =
    ['statechain-exit', 'statechain-withdraw'].includes(type) || (type === 'statechain-transfer' && step === 'owned');
  if (!carries) return undefined;
  if (typeof document['hex'] !== 'string')
    throw new Refusal(
      type === 'statechain-exit' ? 'not-final' : 'not-signed',
      `a ${type} at '${step}' found, which holds no finished transaction yet`,
    );
  const view = document['coin'] as CoinView;
  const coin = {
    ...view.outpoint,
    sat: BigInt(view.amount_sat),
    script: scriptOfCoin({ ...view, network } as unknown as Terms),
  };
  const { package: both } = document;
  return { network, hex: document['hex'], spends: [coin], ...(Array.isArray(both) && { package: both.map(String) }) };
}

/**
 * Returns the finished way out that a bundle or exit holds.
 * @throws Refusal `nothing-to-print` for a coin that was passed on
 */
export function statechainExit(document: Document): Exit {
  if (document['moved'] === true)
    throw new Refusal('nothing-to-print', 'the coin has another owner by now: its backup is no way out any more');
  const { hex, spends, network } = statechainSettlement(document)!;
  const before = document['confirm_before_height'] as number | null;
  const by = before === null ? null : before - 1;
  const why = `takes the coin out${before === null ? '' : `, before the owner before can from ${before} on`}`;
  return {
    contract: document['coin'].id,
    network: network as Network,
    script: scriptOf(document['address'], network as Network),
    steps: [{ hex, spends, by, why, bears: true }],
  };
}
