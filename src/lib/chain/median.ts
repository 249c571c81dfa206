/** Median time of a block (BIP113), also from a node that does not state it. */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { parseHeader } from '../bitcoin/header.ts';
import type { Rpc } from './rpc.ts';

/** Blocks whose times count: the block itself and those before it. */
const SPAN = 11;

/**
 * Returns the median time of the block at a height: the node's, else that of the headers (btcd). Undefined above the tip.
 * @throws Refusal `header-invalid`
 */
export async function medianTimeAt(rpc: Rpc, height: number): Promise<number | undefined> {
  const block = await rpc.blockAt(height);
  if (block?.medianTime !== null) return block?.medianTime;
  const heights = Array.from({ length: Math.min(SPAN, height + 1) }, (_, i) => height - i);
  const found = await Promise.all(heights.map((at) => rpc.blockAt(at)));
  const times = found.flatMap((one) => (one ? parseHeader(hexToBytes(one.header)).time : []));
  return times.sort((a, b) => a - b)[times.length >> 1];
}
