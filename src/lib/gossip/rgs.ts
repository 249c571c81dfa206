/**
 * Rapid gossip sync, versions 1 and 2, whole or incremental.
 *
 * After LDK's lightning-rapid-gossip-sync (https://docs.rs/lightning-rapid-gossip-sync). A snapshot
 * has one timestamp; its policies get that of a week before. Not here: the graph (`graph.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
import { networkOfChain } from '../bitcoin/network.ts';
import { safeNumber, readBigSize, takeBigSize, writeUint } from '../wire/bigsize.ts';
import { scidText } from '../wire/fields.ts';
import { addressesOf } from './details.ts';
import { policyOf, type GraphBuilder, type GraphNode } from './graph.ts';
import type { GossipValues } from './message.ts';

/** Terms of a policy in order: the bit that says that an update has its own, and the reader. */
const TERMS = [
  ['cltv_expiry_delta', 64, (from: Cursor) => from.u16()],
  ['htlc_minimum_msat', 32, (from: Cursor) => safeNumber(from.u64())],
  ['fee_base_msat', 16, (from: Cursor) => from.u32()],
  ['fee_proportional_millionths', 8, (from: Cursor) => from.u32()],
  ['htlc_maximum_msat', 4, (from: Cursor) => safeNumber(from.u64())],
] as const;
const WEEK = 604_800;
const ADDITIONAL = 1n << 63n;

/**
 * Adds a snapshot to a graph.
 * @returns `skipped`: number of incremental updates to unknown policies; `behind`: bytes after the
 * last update, which LDK ignores too
 * @throws Refusal `malformed-dump`, `tlv-truncated`, `bigsize-not-canonical`
 */
export function addRapidSync(bytes: Uint8Array, to: GraphBuilder): { skipped: number; behind: number } {
  const from = new Cursor(bytes, 'malformed-dump');
  if (bytesToHex(from.take(3)) !== '4c444b') from.refuse('another start than "LDK" found');
  const version = from.u8();
  if (version !== 1 && version !== 2) from.refuse(`version ${version} found, 1 or 2 expected`);
  to.network = networkOfChain(bytesToHex(from.take(32)));
  to.at = from.u32();
  const nodes = readNodes(from, version, to);
  readChannels(from, version, nodes, to);
  const skipped = readUpdates(from, version, to, Math.max(0, to.at - WEEK));
  return { skipped, behind: from.left };
}

function readNodes(from: Cursor, version: number, to: GraphBuilder): string[] {
  const features: string[] = [];
  if (version === 2) for (let count = from.u8(); count > 0; count--) features.push(bytesToHex(from.take(from.u16())));
  const ids: string[] = [];
  for (let count = from.u32(); count > 0; count--) {
    const id = from.take(33).slice();
    const head = id[0]!;
    if (version === 2) id[0] = head & 3;
    const node: GraphNode = { node_id: bytesToHex(id) };
    if (version === 2) readDetails(from, head, node, features);
    ids.push(node.node_id!);
    to.node(node);
  }
  return ids;
}

function readDetails(from: Cursor, head: number, node: GraphNode, features: readonly string[]): void {
  if (head & 4) {
    node.addresses = [];
    for (let count = from.u8(); count > 0; count--)
      node.addresses.push(...addressesOf(from.take(from.u8())).map(({ address }) => address));
  }
  const index = (head >> 3) & 7;
  const set = index === 0 ? undefined : index === 7 ? bytesToHex(from.take(from.u16())) : features[index - 1];
  if (index > 0 && set === undefined) from.refuse(`feature set ${index} found, one of ${features.length} expected`);
  if (set) node.features = set;
  if (head & 128) from.take(from.u16());
}

function readChannels(from: Cursor, version: number, nodes: readonly string[], to: GraphBuilder): void {
  let scid = 0n;
  for (let count = from.u32(); count > 0; count--) {
    const features = bytesToHex(from.take(from.u16()));
    scid = nextId(from, scid);
    const one = takeBigSize(from);
    let two = takeBigSize(from);
    let capacity: bigint | undefined;
    if (version === 2 && two >= ADDITIONAL) {
      two -= ADDITIONAL;
      capacity = readBigSize(from.take(from.u16())).value;
    }
    const [node1, node2] = [nodes[Number(one)], nodes[Number(two)]];
    if (node1 === undefined || node2 === undefined)
      return from.refuse(`nodes ${one} and ${two} of ${nodes.length} found`);
    to.channel({
      short_channel_id: scidText(writeUint(scid, 8)),
      node_1: node1,
      node_2: node2,
      capacity_sat: capacity === undefined ? undefined : Number(capacity),
      features: features || undefined,
      one_to_two: null,
      two_to_one: null,
    });
  }
}

function nextId(from: Cursor, last: bigint): bigint {
  const scid = last + takeBigSize(from);
  return scid >> 64n ? from.refuse('a short channel id above 64 bits found') : scid;
}

function readUpdates(from: Cursor, version: number, to: GraphBuilder, timestamp: number): number {
  const count = from.u32();
  if (count === 0) return 0;
  const usual = Object.fromEntries(TERMS.map(([name, , read]) => [name, read(from)]));
  let [scid, last, skipped] = [0n, -1, 0];
  for (let left = count; left > 0; left--) {
    const before = scid;
    scid = nextId(from, scid);
    const flags = from.u8();
    const direction = flags & 1;
    if (version === 2 && scid === before && direction === last) {
      from.take(from.u16());
      continue;
    }
    last = direction;
    const name = scidText(writeUint(scid, 8));
    const channel = to.get(name);
    const known = channel && (direction === 0 ? channel.one_to_two : channel.two_to_one);
    const base: GossipValues = (flags & 128) === 0 ? usual : (known ?? usual);
    const own = Object.fromEntries(TERMS.map(([name, bit, read]) => [name, flags & bit ? read(from) : base[name]]));
    if (flags & 128 && !known) skipped += 1;
    else to.policy(name, direction, policyOf({ ...own, timestamp }, (flags & 2) !== 0));
  }
  return skipped;
}
