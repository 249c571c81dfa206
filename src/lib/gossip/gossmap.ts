/**
 * Core Lightning's compressed map (`gossmap-compress`): peers, capacities, policies; no keys, no
 * ids.
 *
 * After devtools/gossmap-compress.c of Core Lightning. All numbers are BigSize, most of them
 * indexes into tables of values. Nodes are numbers. Not here: gzip, which the caller undoes.
 */
import { Cursor } from '../bitcoin/cursor.ts';
import { takeBigSize } from '../wire/bigsize.ts';
import { GraphBuilder, type Graph, type GossipPolicy } from './graph.ts';

const HEADER = 'GOSSMAP_COMPRESSv1\0';
const MOST_CHANNELS = 2 ** 24;
/** Largest amount, fee or delay. */
const MOST_VALUE = Number.MAX_SAFE_INTEGER;

/** Reads a map. @throws Refusal `malformed-dump`, `tlv-truncated`, `bigsize-not-canonical` */
export function readGossmap(bytes: Uint8Array): Graph {
  const from = new Cursor(bytes, 'malformed-dump');
  if (new TextDecoder('latin1').decode(from.take(Math.min(HEADER.length, from.left))) !== HEADER)
    from.refuse('another start than that of a compressed gossmap found');
  const count = (most: number, what: string): number => {
    const value = takeBigSize(from);
    return value > BigInt(most) ? from.refuse(`${value} found, at most ${most} expected: ${what}`) : Number(value);
  };
  const channels = count(MOST_CHANNELS, 'channels');
  // Each channel takes at least a byte for each of its nodes.
  if (channels > from.left) from.refuse(`${channels} channels found in ${from.left} bytes`);
  const numbers = (length: number): number[] => Array.from({ length }, () => count(MOST_VALUE, 'a number'));
  const [one, two] = [numbers(channels), numbers(channels)];
  const disabled = new Set<number>();
  for (let index = count(2 * channels, 'a direction'); index < 2 * channels;) {
    disabled.add(index);
    index = count(2 * channels, 'a direction');
  }
  const table = (length: number): number[] => {
    const size = count(from.left, 'values');
    const values = numbers(size);
    return Array.from({ length }, () => values[count(size - 1, 'the index of a value')]!);
  };
  const capacities = table(channels);
  const [least, most, base, millionths, delta] = Array.from({ length: 5 }, () => table(2 * channels));
  if (from.left > 0) from.refuse(`${from.left} bytes found behind the map`);
  const builder = new GraphBuilder();
  const policy = (direction: number): GossipPolicy => {
    const capacity = capacities[direction >> 1]! * 1000;
    const stated = most![direction]!;
    return {
      fee_base_msat: base![direction]!,
      fee_proportional_millionths: millionths![direction]!,
      cltv_expiry_delta: delta![direction]!,
      htlc_minimum_msat: least![direction]!,
      // Code 0 is the capacity, code 1 is 99 percent of it.
      htlc_maximum_msat: stated === 0 ? capacity : stated === 1 ? Math.floor((capacity / 100) * 99) : stated,
      disabled: disabled.has(direction),
    };
  };
  for (let i = 0; i < channels; i++)
    builder.channel({
      node_1: one[i]!,
      node_2: two[i]!,
      capacity_sat: capacities[i]!,
      one_to_two: policy(2 * i),
      two_to_one: policy(2 * i + 1),
    });
  return builder.build('gossmap');
}
