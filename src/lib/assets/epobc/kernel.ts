/**
 * EPOBC ("enhanced padded order-based colouring"): the tag in the sequence of input 0, and the kernel that says which
 * inputs an output's units come from.
 *
 * Source: ngcccbase colordef.py, coloredcoinjs-lib epobc.js. The kernel is reproduced with its flaw, which documents then
 * name: it compares an output with whole inputs, so two outputs may take the same units.
 */

export interface Tag {
  kind: 'genesis' | 'transfer';
  paddingCode: number;
  /** Satoshis of each output that are no units. */
  padding: bigint;
}

const GENESIS = 0x25;
const TRANSFER = 0x33;

/** The tag in a sequence: bits 0-5 say which, bits 6-11 the padding; the rest is not looked at. */
export function tagOf(sequence: number): Tag | undefined {
  const low = sequence & 0x3f;
  if (low !== GENESIS && low !== TRANSFER) return undefined;
  const paddingCode = (sequence >>> 6) & 0x3f;
  const padding = paddingCode === 0 ? 0n : 1n << BigInt(paddingCode);
  return { kind: low === GENESIS ? 'genesis' : 'transfer', paddingCode, padding };
}

/** First and last input that an output's units come from; undefined where it has none. */
export type Affecting = readonly [first: number, last: number] | undefined;

/**
 * The segments of outputs laid over those of inputs. `inputs` are satoshis less the padding of the transaction that made
 * them, up to the first without a tag or without units; `outputs` less this one's padding. An output without units
 * ends it for every later one.
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

export interface Units {
  /** The genesis: `epobc:<txid>:0`. */
  colour: string;
  units: bigint;
}

/**
 * Returns the units of an output: all inputs that affect it must have its colour, and together at
 * least its units.
 */
export function heldBy(value: bigint, inputs: readonly (Units | undefined)[]): Units | undefined {
  const colour = inputs[0]?.colour;
  if (colour === undefined || !inputs.every((units) => units?.colour === colour)) return undefined;
  const sum = inputs.reduce((total, units) => total + units!.units, 0n);
  return sum >= value ? { colour, units: value } : undefined;
}
