/**
 * A statecoin's bundle, watched by whoever has neither home nor key: `statechain-exit --bundle`, an
 * `owned` message, and the copies that homes keep outside. It tells and does not send: a backup
 * needs a child, which needs a key, and a bundle never knows whether its owner has passed the coin
 * on since. Not here: the same from a record (`watch.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { knownNetwork } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { decideDuty, SPENT_OTHERWISE, type CoinSeen, type Due, type WatchedDocument } from '../contract/duty.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import type { Document } from '../protocol/message.ts';
import { parseBundle, readStatecoinBundle } from './exit.ts';
import { exitDuty, exitOf } from './watch.ts';

export const TOWER_LIMITS = {
  /** Height of a block that can hold the backup of the owner before. */
  former: { unit: 'height', least: (confirmBefore: number) => confirmBefore + 1 },
} satisfies Limits;

/** The printed bundle or exit, the message that ends a transfer, or the copy outside a home. */
const isBundle = ({ type, step, coin }: Document): boolean =>
  type === 'statechain-exit' ||
  (type === 'statechain-transfer' && step === 'owned') ||
  (type === 'refund-copy' && coin !== undefined);

/**
 * Reads a bundle that proves itself: the transaction follows from the coin's terms, and is signed.
 * @param document parsed JSON
 * @returns null for a coin that its owner has passed on; undefined for any other document
 * @throws Refusal `malformed-message`, `wrong-network`, `terms-differ`, `transaction-differs`,
 * `signature-invalid`, …
 */
export function watchedBundle(document: Document): WatchedDocument | null | undefined {
  if (!isBundle(document)) return undefined;
  const from = parseBundle(document);
  const network = knownNetwork(from.network);
  const { coin, bundle } = readStatecoinBundle(from, network);
  if (from.moved === true) return null;
  const exit = exitOf(coin, bundle.hex, scriptOf(bundle.address, network), new Set());
  // Bundles of two owners of one coin are two.
  const duty = { ...exitDuty(coin, bundle, exit, false), id: `${coin.id} exit ${exit.txid}` };
  const ways = new Map([[exit.txid, { by: 'exit', paysSat: exit.paysSat, lostSat: 0n }]]);
  return {
    network,
    watched: {
      id: coin.id,
      role: 'owner',
      worthSat: duty.worthSat,
      restsUntil: duty.by === null ? Infinity : bundle.valid_from_height - 1,
      coins: [{ outpoint: coin.outpoint, ways }],
      duties: duty.by === null ? [] : [duty],
      decide: (seen, rules) => {
        const found = seen.coins.get(outpointText(coin.outpoint))!;
        if (found.coin === 'unspent' && duty.by === null) return [{ do: 'rest' }];
        const isKnown = found.spend?.txid === exit.txid;
        return [found.coin === 'spent' && !isKnown ? spentBy(found, duty.by, seen.tip) : decideDuty(duty, seen, rules)];
      },
    },
  };
}

/** Decides a coin with an unknown spender: at a low height none but this or a later owner. */
function spentBy({ spend }: CoinSeen, by: number | null, tip: number): Due {
  const block = spend ? tip + 1 - spend.confirmations : tip;
  if (by !== null && allows({ least: TOWER_LIMITS.former.least(by) }, block)) return SPENT_OTHERWISE;
  return { do: 'tell', event: 'spent-otherwise' };
}
