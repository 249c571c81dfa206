/**
 * Coloured units that a transaction about to be signed would move or destroy, in each protocol that
 * colours outputs. Counterparty is not among them: its balances belong to addresses.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { assetId } from './openassets/ids.ts';
import { colour as openAssets } from './openassets/colour.ts';
import { colour as colu } from './colu/colour.ts';
import { sums, type Context, type Protocol } from './document.ts';
import { colour as epobc } from './epobc/decode.ts';
import { Trace, type Rule } from './trace.ts';
import type { Tx } from './transaction.ts';

/** Units of one asset in a transaction: spent, kept and destroyed. */
export interface Fate {
  protocol: Protocol;
  asset: string;
  /** Units that the inputs carry, that outputs get, and that are lost. */
  spent: bigint;
  kept: bigint;
  destroyed: bigint;
  vins: readonly number[];
  vouts: readonly number[];
}
type Units = readonly (readonly [asset: string, units: bigint])[];

interface Way {
  protocol: Protocol;
  /**
   * Returns the units of each output, only those that it moved there if so asked; undefined where a
   * parent is `missing`.
   */
  held(tx: Tx, missing: Set<string>, moved?: boolean): readonly Units[] | undefined;
}

function way<C extends { outputs: readonly unknown[] }>(
  protocol: Protocol,
  rule: Rule<C>,
  { parents }: Context,
  of: (output: C['outputs'][number]) => Units,
  isIssued: (output: C['outputs'][number]) => boolean = () => false,
): Way {
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

const waysOf = (context: Context): readonly Way[] => {
  const { network } = context;
  return [
    way(
      'openassets',
      openAssets,
      context,
      (units) => [[assetId(units!.asset, network), units!.units]],
      (units) => units!.type === 'issuance',
    ),
    way('colu', colu, context, (holdings) => holdings.map(({ asset, units }) => [asset, units] as const)),
    way('epobc', epobc, context, (units) => [[units!.colour, units!.units]]),
  ];
};

/** Units that a coin carries under each protocol, or a parent that is needed to tell. */
export type Carried =
  { carries: readonly { protocol: Protocol; asset: string; units: bigint }[] } | { missing: string };

/**
 * Returns what tells of a coin which units it carries, so that it pays for nothing else.
 * @throws Refusal `malformed-coins` for one that is not what its transaction says
 */
export function carrying(context: Context): (coin: Spent) => Carried {
  const ways = waysOf(context);
  return (coin) => {
    const tx = context.parents.get(coin.txid);
    if (!tx) return { missing: coin.txid };
    const output = tx.outputs[coin.vout];
    if (!output || output.sat !== coin.sat || bytesToHex(output.script) !== coin.script)
      throw new Refusal('malformed-coins', `coin ${outpointText(coin)} is not what its transaction says`);
    const missing = new Set<string>();
    const carries = ways.flatMap(({ protocol, held }) =>
      (held(tx, missing)?.[coin.vout] ?? []).map(([asset, units]) => ({ protocol, asset, units })),
    );
    const [first] = missing;
    return first === undefined ? { carries } : { missing: first };
  };
}

/** The coins that carry no units under any protocol, and the parents that are needed to tell of the others. */
export function plainCoins(coins: readonly Spent[], context: Context): { plain: Spent[]; missing: string[] } {
  const carriedBy = carrying(context);
  const found = coins.map((coin) => [coin, carriedBy(coin)] as const);
  const plain = found.flatMap(([coin, of]) => ('carries' in of && of.carries.length === 0 ? [coin] : []));
  return { plain, missing: [...new Set(found.flatMap(([, of]) => ('missing' in of ? [of.missing] : [])))] };
}

/** The fate of units, or the parents that are needed to tell. */
export function fates(tx: Tx, context: Context): { fates: Fate[] } | { missing: string[] } {
  const { parents } = context;
  const ways = waysOf(context);
  const missing = new Set<string>();
  const found = ways.flatMap(({ protocol, held }) => {
    const before = tx.inputs.map(({ txid, vout }) => {
      const parent = parents.get(txid);
      if (!parent) missing.add(txid);
      return (parent && held(parent, missing)?.[vout]) ?? [];
    });
    const after = held(tx, missing, true) ?? [];
    return sums(before.flat()).map(([asset, spent]): Fate => {
      const has = (list: readonly Units[]): number[] =>
        list.flatMap((h, i) => (h.some(([name]) => name === asset) ? [i] : []));
      const kept = sums(after.flat()).find(([name]) => name === asset)?.[1] ?? 0n;
      const destroyed = kept < spent ? spent - kept : 0n;
      return { protocol, asset, spent, kept, destroyed, vins: has(before), vouts: has(after) };
    });
  });
  return missing.size > 0 ? { missing: [...missing] } : { fates: found };
}
