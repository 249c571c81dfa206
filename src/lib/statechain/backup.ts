/**
 * A finished backup as documents show it: without secrets, paying an address that the owner's seed
 * restores. It is what an owner needs when operator and home are gone, what a watchtower takes, and
 * what is kept outside the home.
 */
import * as v from 'valibot';
import { txidOf } from '../bitcoin/transaction.ts';
import type { Copy, Facts, Hex } from '../protocol/action.ts';
import { scriptOf } from '../bitcoin/address.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { height, hexOf, hexText, text } from '../protocol/message.ts';
import { STATEMENT_LIMITS, type OwnerEntry } from './statements.ts';
import { coinSchema, confirmBefore, scriptOfCoin, viewOf, type Coin, type Terms } from './terms.ts';
import { backup } from './transactions.ts';

export const BUNDLE_LIMITS = {
  owners: { unit: 'items', least: 1, most: STATEMENT_LIMITS.count.most },
  /** BIP32: above it are hardened ones. */
  index: { unit: 'number', least: 0, most: 2 ** 31 - 1 },
} satisfies Limits;
export const bundleEntries = {
  coin: coinSchema,
  /** Number of owners that the coin has had, this one included. */
  owners: wholeIn(BUNDLE_LIMITS.owners),
  address: text,
  /** Place of the address in the owner's wallet; null for an address of another wallet. */
  path: v.nullable(
    v.strictObject({
      chain: v.picklist([0, 1]),
      index: wholeIn(BUNDLE_LIMITS.index),
    }),
  ),
  /** The first block that can hold it. */
  valid_from_height: height,
  /** Height below which it must confirm, or the previous owner's may replace it; null: none. */
  confirm_before_height: v.nullable(height),
  txid: hexOf(32),
  hex: hexText,
};
const bundleSchema = v.strictObject(bundleEntries);
export type StatecoinBundle = v.InferOutput<typeof bundleSchema>;

export function bundleOf(coin: Coin, entries: readonly OwnerEntry[], hex: Hex, ours: Facts['ours']): StatecoinBundle {
  const { address, locktime } = entries.at(-1)!;
  const owners = entries.length;
  return {
    coin: viewOf(coin),
    owners,
    address,
    path: ours.get(scriptOf(address, coin.terms.network)) ?? null,
    valid_from_height: locktime + 1,
    confirm_before_height: confirmBefore(coin.terms, owners - 1),
    txid: txidOf(backup(coin, { address, locktime })),
    hex,
  };
}

/**
 * The copy outside the home, in the form of every refund: a whole bundle, so that statechain-exit,
 * bump and broadcast read it.
 * @param moved the coin has another owner by now, whose backup is valid before this one
 */
export function backupCopy(bundle: StatecoinBundle, network: string, moved = false): Copy {
  const { coin, valid_from_height, ...rest } = bundle;
  const body = {
    type: 'refund-copy',
    version: 1,
    network,
    contract: coin.id,
    capacity_sat: coin.amount_sat,
    expiry: valid_from_height - 1,
    script: scriptOfCoin({ ...coin, network } as unknown as Terms),
    valid_from_height,
    ...(moved && { moved }),
    ...rest,
    coin,
  };
  return { name: `${coin.id}-${valid_from_height}`, body };
}

/** Returns the copy of a passed-on coin, which replaces that of its backup. */
export const movedCopy = (
  c: Coin & { entries: readonly OwnerEntry[]; backups: readonly Hex[] },
  ours: Facts['ours'],
): Copy => backupCopy(bundleOf(c, c.entries, c.backups.at(-1)!, ours), c.terms.network, true);
