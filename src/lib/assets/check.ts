/**
 * Coloured units that a transaction to be signed would move or destroy, under three protocols.
 *
 * Not here: Counterparty, whose balances belong to addresses and not to outputs.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { assetId } from './openassets/ids.ts';
import { markerColours as openAssets } from './openassets/colour.ts';
import { coluColours as colu } from './colu/colour.ts';
import { sumByName, type AssetContext, type Protocol } from './document.ts';
import { epobcColours as epobc } from './epobc/decode.ts';
import { Trace, type Rule } from './trace.ts';
import type { Tx } from './transaction.ts';

/** Units of one asset in a transaction: spent, kept and destroyed. */
export interface Fate {
  protocol: Protocol;
  asset: string;
  /** Units that the inputs carry; then those that outputs get, and those that are lost. */
  spent: bigint;
  kept: bigint;
  destroyed: bigint;
  vins: readonly number[];
  vouts: readonly number[];
}
type AssetUnits = readonly (readonly [asset: string, units: bigint])[];

interface UnitsIn {
  protocol: Protocol;
  /**
   * Returns the units of each output; undefined, with the parent in `missing`, if one is missing.
   * @param moved leaves out units that the transaction issues
   */
  held(tx: Tx, missing: Set<string>, moved?: boolean): readonly AssetUnits[] | undefined;
}

function unitsIn<C extends { outputs: readonly unknown[] }>(
  protocol: Protocol,
  rule: Rule<C>,
  { parents }: AssetContext,
  of: (output: C['outputs'][number]) => AssetUnits,
  isIssued: (output: C['outputs'][number]) => boolean = () => false,
): UnitsIn {
  const trace = new Trace(rule, parents);
  return {
    protocol,
    held(tx, missing, moved = false) {
      const traced = trace.of(tx);
      if (!('missing' in traced))
        return traced.colours.outputs.map((output) => (output && !(moved && isIssued(output)) ? of(output) : []));
      missing.add(traced.missing);
      return undefined;
    },
  };
}

const unitsOfEach = (context: AssetContext): readonly UnitsIn[] => {
  const { network } = context;
  return [
    unitsIn(
      'openassets',
      openAssets,
      context,
      (units) => [[assetId(units!.asset, network), units!.units]],
      (units) => units!.type === 'issuance',
    ),
    unitsIn('colu', colu, context, (holdings) => holdings.map(({ asset, units }) => [asset, units] as const)),
    unitsIn('epobc', epobc, context, (units) => [[units!.colour, units!.units]]),
  ];
};

/** Units that a coin carries under each protocol, or the id of a parent that is missing. */
export type CarriedUnits =
  | { carries: readonly { protocol: Protocol; asset: string; units: bigint }[]; missing?: never }
  | { carries?: never; missing: string };

/** Coin, and what it carries. */
export type SortedCoin = { coin: Spent } & CarriedUnits;

/** Tells which units coins carry. @throws Refusal `malformed-coins` for another amount or script */
export function sortCoins(coins: readonly Spent[], context: AssetContext): SortedCoin[] {
  const protocols = unitsOfEach(context);
  return coins.map((coin) => {
    const tx = context.parents.get(coin.txid);
    if (!tx) return { coin, missing: coin.txid };
    const output = tx.outputs[coin.vout];
    if (!output || output.sat !== coin.sat || bytesToHex(output.script) !== coin.script)
      throw new Refusal('malformed-coins', `coin ${outpointText(coin)} is not what its transaction says`);
    const missing = new Set<string>();
    const carries = protocols.flatMap(({ protocol, held }) =>
      (held(tx, missing)?.[coin.vout] ?? []).map(([asset, units]) => ({ protocol, asset, units })),
    );
    const [first] = missing;
    return first === undefined ? { coin, carries } : { coin, missing: first };
  });
}

/** Returns the coins that carry no units, and the parents that are missing to tell of others. */
export const plainCoins = (sorted: readonly SortedCoin[]): { plain: Spent[]; missing: string[] } => ({
  plain: sorted.flatMap((each) => (each.carries?.length === 0 ? [each.coin] : [])),
  missing: [...new Set(sorted.flatMap(({ missing }) => missing ?? []))],
});

/** Tells what becomes of the units in a transaction, or which parents are missing. */
export function fates(tx: Tx, context: AssetContext): { fates: Fate[] } | { missing: string[] } {
  const { parents } = context;
  const protocols = unitsOfEach(context);
  const missing = new Set<string>();
  const found = protocols.flatMap(({ protocol, held }) => {
    const before = tx.inputs.map(({ txid, vout }) => {
      const parent = parents.get(txid);
      if (!parent) missing.add(txid);
      return (parent && held(parent, missing)?.[vout]) ?? [];
    });
    const after = held(tx, missing, true) ?? [];
    return sumByName(before.flat()).map(([asset, spent]): Fate => {
      const has = (list: readonly AssetUnits[]): number[] =>
        list.flatMap((h, i) => (h.some(([name]) => name === asset) ? [i] : []));
      const kept = sumByName(after.flat()).find(([name]) => name === asset)?.[1] ?? 0n;
      const destroyed = kept < spent ? spent - kept : 0n;
      return { protocol, asset, spent, kept, destroyed, vins: has(before), vouts: has(after) };
    });
  });
  return missing.size > 0 ? { missing: [...missing] } : { fates: found };
}
