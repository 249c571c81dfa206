/**
 * EPOBC: the units of a transaction's outputs, traced to the genesis, as a document. A tag is only
 * a sequence: 0x25 and 0x33 are also ordinary relative lock times (BIP68). Nothing is called
 * coloured without a genesis, and a tag that leads to none is `possible-epobc`.
 */
import { head, outputOf, whole, type Context, type Decoded } from '../document.ts';
import { parentColours, parentTx, Trace, type Rule } from '../trace.ts';
import { isCoinbase, type Tx } from '../transaction.ts';
import { affecting, heldBy, tagOf, type Tag, type Units } from './kernel.ts';

export interface Colours {
  outputs: readonly (Units | undefined)[];
  /** Inputs that the units of each output come from. */
  from: readonly (readonly number[])[];
  /** Units of the inputs that affect any output, by input. */
  spent: ReadonlyMap<number, Units | undefined>;
}

const tagIn = (tx: Tx): Tag | undefined =>
  isCoinbase(tx) || tx.inputs.length === 0 ? undefined : tagOf(tx.inputs[0]!.sequence);

const genesisOf = (tx: Tx): string => `epobc:${tx.txid}:0`;

export const colour: Rule<Colours> = function* (tx) {
  const tag = tagIn(tx);
  const none = tx.outputs.map(() => undefined);
  const bare = { outputs: none, from: tx.outputs.map(() => []), spent: new Map() };
  if (!tag) return bare;
  const values = tx.outputs.map(({ sat }) => sat - tag.padding);
  if (tag.kind === 'genesis') {
    const units = values[0] ?? 0n;
    return units > 0n ? { ...bare, outputs: [{ colour: genesisOf(tx), units }, ...none.slice(1)] } : bare;
  }
  // Only inputs that can reach an output are looked at.
  const cut = values.findIndex((value) => value <= 0n);
  const reach = values.slice(0, cut < 0 ? undefined : cut).reduce((sum, value) => sum + value, 0n);
  const inputs: bigint[] = [];
  for (let sum = 0n; inputs.length < tx.inputs.length && sum < reach; sum += inputs.at(-1)!) {
    const { txid, vout } = tx.inputs[inputs.length]!;
    const parent: Tx = yield parentTx(txid);
    const made = tagIn(parent);
    const value = made ? (parent.outputs[vout]?.sat ?? 0n) - made.padding : 0n;
    if (value <= 0n) break;
    inputs.push(value);
  }
  const ranges = affecting(inputs, values);
  const spent = new Map<number, Units | undefined>();
  const from = ranges.map((range) =>
    range ? Array.from({ length: range[1] - range[0] + 1 }, (_, i) => range[0] + i) : [],
  );
  for (const vin of new Set(from.flat())) {
    const { txid, vout } = tx.inputs[vin]!;
    const parent: Colours = yield parentColours(txid);
    spent.set(vin, parent.outputs[vout]);
  }
  const outputs = from.map((vins, vout) =>
    heldBy(
      values[vout]!,
      vins.map((vin) => spent.get(vin)),
    ),
  );
  return { outputs, from, spent };
};

/** Decoder of EPOBC transactions that share parents. */
export class Epobc {
  readonly #context: Context;
  readonly #trace: Trace<Colours>;
  constructor(context: Context) {
    this.#context = context;
    this.#trace = new Trace(colour, context.parents);
  }

  decode(tx: Tx): Decoded {
    const { network, parents } = this.#context;
    const tag = tagIn(tx);
    const traced = this.#trace.of(tx);
    const colours = 'missing' in traced ? undefined : traced.colours;
    if (!parents.holds(tx.txid)) this.#trace.forget(tx.txid);
    const colored = colours?.outputs.some((units) => units) ?? false;
    const kept = colours ? conserved(colours, tag) : null;
    const warnings = [
      ...(tag && !colored ? ['possible-epobc'] : []),
      ...(tag && tx.version >= 2 ? ['sequence-is-also-a-relative-locktime'] : []),
      ...(kept === false ? ['kernel-made-units-from-nothing'] : []),
    ];
    return {
      ...head('epobc', tx, network, !colours ? 'undetermined' : colored ? 'colored' : 'uncolored'),
      tag: tag ? { kind: tag.kind, padding_code: tag.paddingCode, padding_sat: whole(tag.padding) } : null,
      outputs: tx.outputs.map((output, vout) => {
        const units = colours?.outputs[vout];
        return {
          ...outputOf(output, vout, network),
          color: units?.colour ?? null,
          quantity: colours ? String(units?.units ?? 0n) : null,
          sources: units
            ? colours!.from[vout]!.map((vin) => ({ vin, units: String(colours!.spent.get(vin)!.units) }))
            : [],
        };
      }),
      conservation: kept,
      missing: 'missing' in traced ? [traced.missing] : [],
      warnings,
    };
  }
}

/** Returns whether no outputs hold more of a colour than the inputs brought. A genesis makes its units. */
function conserved({ outputs, spent }: Colours, tag: Tag | undefined): boolean {
  if (tag?.kind !== 'transfer') return true;
  const left = new Map<string, bigint>();
  for (const units of spent.values()) if (units) left.set(units.colour, (left.get(units.colour) ?? 0n) + units.units);
  for (const units of outputs) if (units) left.set(units.colour, (left.get(units.colour) ?? 0n) - units.units);
  return [...left.values()].every((units) => units >= 0n);
}
