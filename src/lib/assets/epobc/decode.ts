/**
 * EPOBC ("enhanced padded order-based colouring"): units traced to their genesis, as a document.
 *
 * The tag stands in the sequence of input 0; the kernel says from which inputs an output's units
 * come. 0x25 and 0x33 are also ordinary relative lock times (BIP68), so a tag that leads to no
 * genesis is `possible-epobc`. The kernel has the flaw of the original, which documents name: it
 * compares an output with whole inputs, so that two outputs may take the same units. Source:
 * ngcccbase colordef.py, coloredcoinjs-lib epobc.js.
 */
import type { Network } from '../../bitcoin/network.ts';
import { safeNumber } from '../../wire/bigsize.ts';
import { documentHead, outputDocument, type AssetContext, type Decoded } from '../document.ts';
import { parentColours, parentTx, Trace, type Rule } from '../trace.ts';
import { isCoinbase, type Tx } from '../transaction.ts';

export interface EpobcTag {
  kind: 'genesis' | 'transfer';
  paddingCode: number;
  /** Satoshis of each output that are no units. */
  padding: bigint;
}

const GENESIS = 0x25;
const TRANSFER = 0x33;

/** Reads the tag in a sequence: bits 0 to 5 say which, bits 6 to 11 the padding. */
export function tagOf(sequence: number): EpobcTag | undefined {
  const low = sequence & 0x3f;
  if (low !== GENESIS && low !== TRANSFER) return undefined;
  const paddingCode = (sequence >>> 6) & 0x3f;
  const padding = paddingCode === 0 ? 0n : 1n << BigInt(paddingCode);
  return { kind: low === GENESIS ? 'genesis' : 'transfer', paddingCode, padding };
}

/** First and last input that an output's units come from; undefined if it has none. */
export type Affecting = readonly [first: number, last: number] | undefined;

/**
 * Lays the segments of outputs over those of inputs. An output without units ends it for all later
 * ones.
 * @param inputs satoshis less the padding of their transactions, up to the first without tag or
 *   units
 * @param outputs satoshis less this transaction's padding
 */
export function affecting(inputs: readonly bigint[], outputs: readonly bigint[]): Affecting[] {
  const found: Affecting[] = [];
  let start = 0n;
  let [first, before] = [0, 0n];
  for (const value of outputs) {
    if (value <= 0n) break;
    const end = start + value;
    while (first < inputs.length && before + inputs[first]! <= start) before += inputs[first++]!;
    let last = first;
    for (let sum = before; last < inputs.length && sum < end; last++) sum += inputs[last]!;
    found.push(last > first ? [first, last - 1] : undefined);
    start = end;
  }
  return [...found, ...outputs.slice(found.length).map(() => undefined)];
}

export interface EpobcUnits {
  /** Genesis, as `epobc:<txid>:0`. */
  colour: string;
  units: bigint;
}

/** Returns the units of an output, whose inputs must have one colour and enough units. */
export function heldBy(value: bigint, inputs: readonly (EpobcUnits | undefined)[]): EpobcUnits | undefined {
  const colour = inputs[0]?.colour;
  if (colour === undefined || !inputs.every((units) => units?.colour === colour)) return undefined;
  const sum = inputs.reduce((total, units) => total + units!.units, 0n);
  return sum >= value ? { colour, units: value } : undefined;
}

export interface EpobcColours {
  outputs: readonly (EpobcUnits | undefined)[];
  /** Inputs that each output's units come from. */
  from: readonly (readonly number[])[];
  /** Units of the inputs that affect any output, by input. */
  spent: ReadonlyMap<number, EpobcUnits | undefined>;
}

const tagIn = (tx: Tx): EpobcTag | undefined =>
  isCoinbase(tx) || tx.inputs.length === 0 ? undefined : tagOf(tx.inputs[0]!.sequence);

const genesisOf = (tx: Tx): string => `epobc:${tx.txid}:0`;

export const epobcColours: Rule<EpobcColours> = function* (tx) {
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
  const spent = new Map<number, EpobcUnits | undefined>();
  const from = ranges.map((range) =>
    range ? Array.from({ length: range[1] - range[0] + 1 }, (_, i) => range[0] + i) : [],
  );
  for (const vin of new Set(from.flat())) {
    const { txid, vout } = tx.inputs[vin]!;
    const parent: EpobcColours = yield parentColours(txid);
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
  readonly #network: Network;
  readonly #trace: Trace<EpobcColours>;
  constructor(context: AssetContext) {
    this.#network = context.network;
    this.#trace = new Trace(epobcColours, context.parents);
  }

  decode(tx: Tx): Decoded {
    const tag = tagIn(tx);
    const { colours, missing } = this.#trace.once(tx);
    const colored = colours?.outputs.some((units) => units) ?? false;
    const kept = colours ? conserved(colours, tag) : null;
    const warnings = [
      ...(tag && !colored ? ['possible-epobc'] : []),
      ...(tag && tx.version >= 2 ? ['sequence-is-also-a-relative-locktime'] : []),
      ...(kept === false ? ['kernel-made-units-from-nothing'] : []),
    ];
    return {
      ...documentHead('epobc', tx, this.#network, !colours ? 'undetermined' : colored ? 'colored' : 'uncolored'),
      tag: tag ? { kind: tag.kind, padding_code: tag.paddingCode, padding_sat: safeNumber(tag.padding) } : null,
      outputs: tx.outputs.map((output, vout) => {
        const units = colours?.outputs[vout];
        return {
          ...outputDocument(output, vout, this.#network),
          color: units?.colour ?? null,
          quantity: colours ? String(units?.units ?? 0n) : null,
          sources: units
            ? colours!.from[vout]!.map((vin) => ({ vin, units: String(colours!.spent.get(vin)!.units) }))
            : [],
        };
      }),
      conservation: kept,
      missing,
      warnings,
    };
  }
}

/** Tells whether outputs hold no more of a colour than inputs bring; a genesis makes its units. */
function conserved({ outputs, spent }: EpobcColours, tag: EpobcTag | undefined): boolean {
  if (tag?.kind !== 'transfer') return true;
  const left = new Map<string, bigint>();
  for (const units of spent.values()) if (units) left.set(units.colour, (left.get(units.colour) ?? 0n) + units.units);
  for (const units of outputs) if (units) left.set(units.colour, (left.get(units.colour) ?? 0n) - units.units);
  return [...left.values()].every((units) => units >= 0n);
}
