/**
 * Cheapest route of a payment through a graph, as input of `onion-route`.
 *
 * The search goes from the payee back, so that each channel is asked about the amount that it would
 * really carry. A hop weighs its fee, and its delay as lnd does: amount · delay · 15 / 10^9. Each
 * round relaxes all edges for one more hop, so that the bound on hops is exact. Not here: balances,
 * which nobody announces (`flow/`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { nodeIndexes, type GossipChannel, type Graph, type NodeName, type GossipPolicy } from './graph.ts';

export const SEARCH_LIMITS = {
  amount: { unit: 'msat', least: 1n, most: BigInt(Number.MAX_SAFE_INTEGER) },
  hops: { unit: 'items', least: 1, most: 27 },
} satisfies Limits;

export interface PathSearch {
  payer: NodeName;
  payee: NodeName;
  amountMsat: bigint;
  maxHops: number;
  avoid: readonly string[];
  height?: number | undefined;
  finalDelta: number;
}

/** Returns fee_base + amount · millionths / 10^6, rounded down, exact below 2^53. */
const feeOf = (
  amount: number,
  { fee_base_msat: base, fee_proportional_millionths: millionths }: GossipPolicy,
): number => base + Math.floor(amount / 1e6) * millionths + Math.floor(((amount % 1e6) * millionths) / 1e6);
const RISK = 15e-9;

/** Returns whether a direction carries the amount. */
function carries(channel: GossipChannel, policy: GossipPolicy | null, amount: number): policy is GossipPolicy {
  if (!policy || policy.disabled) return false;
  const { htlc_minimum_msat: least, htlc_maximum_msat: most = Infinity } = policy;
  return amount >= least && amount <= most && amount <= (channel.capacity_sat ?? Infinity) * 1000;
}

interface Edge {
  from: number;
  to: number;
  channel: GossipChannel;
  policy: GossipPolicy | null;
}

/** Best known way from a node to the payee: the amount that must arrive, weight, next edge. */
interface Label {
  amount: number;
  weight: number;
  next: Edge | undefined;
  behind: Label | undefined;
}

/**
 * Returns the cheapest route, or a certificate that there is none: the nodes that can reach the
 * payee. No channel from any other node to one of them carries the amount that must arrive there.
 * @throws Refusal `malformed-message` for nodes that are not in the graph, or an amount out of
 * range
 */
export function pathDocument(graph: Graph, search: PathSearch): object {
  const index = nodeIndexes(graph.nodes);
  const names = [...index.keys()];
  const place = (name: NodeName, what: string): number => {
    const found = index.get(name);
    if (found === undefined)
      throw new Refusal('malformed-message', `${what}: ${name} found, a node of the graph expected`);
    return found;
  };
  const { amountMsat: amount_msat, height, finalDelta: final_cltv_delta } = search;
  if (!allows(SEARCH_LIMITS.amount, amount_msat))
    throw new Refusal(
      'malformed-message',
      `amount: ${amount_msat} msat found, 1 to ${SEARCH_LIMITS.amount.most} expected`,
    );
  const [payer, payee] = [place(search.payer, 'payer'), place(search.payee, 'payee')];
  if (payer === payee) throw new Refusal('malformed-message', 'payer and payee are one node');
  const edges = edgesOf(graph, index, search.avoid);
  const labels = relax(edges, names.length, payer, payee, search);
  const found = labels[payer];
  const answer = { type: 'gossip-path', version: 1, found: found !== undefined };
  if (!found) {
    const reached = labels.flatMap((label, i) => (label ? [{ node: names[i]!, amount_msat: label.amount }] : []));
    return { ...answer, payer: search.payer, payee: search.payee, amount_msat, certificate: { reached } };
  }
  const hops = hopsOf(found, names);
  return { ...answer, amount_msat, ...(height !== undefined && { height }), final_cltv_delta, hops };
}

function edgesOf(graph: Graph, index: ReadonlyMap<NodeName, number>, avoid: readonly string[]): Edge[] {
  return graph.channels.flatMap((channel) => {
    if (channel.short_channel_id !== undefined && avoid.includes(channel.short_channel_id)) return [];
    const [one, two] = [index.get(channel.node_1)!, index.get(channel.node_2)!];
    return [
      { from: one, to: two, channel, policy: channel.one_to_two },
      { from: two, to: one, channel, policy: channel.two_to_one },
    ];
  });
}

type Labels = (Label | undefined)[];
function relax(edges: readonly Edge[], nodes: number, payer: number, payee: number, search: PathSearch): Labels {
  let labels: Labels = Array.from({ length: nodes });
  labels[payee] = { amount: Number(search.amountMsat), weight: 0, next: undefined, behind: undefined };
  for (let hop = 0, changed = true; changed && hop < search.maxHops; hop++) {
    changed = false;
    const before = labels;
    labels = before.slice();
    for (const edge of edges) {
      const then = before[edge.to];
      if (!then || edge.to === payer || edge.from === payee) continue;
      const { channel, policy } = edge;
      if (!carries(channel, policy, then.amount)) continue;
      // The payer charges itself no fee.
      const fee = edge.from === payer ? 0 : feeOf(then.amount, policy);
      const delta = edge.from === payer ? 0 : policy.cltv_expiry_delta;
      const amount = then.amount + fee;
      if (amount > Number.MAX_SAFE_INTEGER) continue;
      const weight = then.weight + fee + then.amount * delta * RISK;
      // Among equal weights fewer hops win, then the lesser channel, which comes first.
      if (weight >= (labels[edge.from]?.weight ?? Infinity) || passes(then, edge.from)) continue;
      labels[edge.from] = { amount, weight, next: edge, behind: then };
      changed = true;
    }
  }
  return labels;
}

/** Returns whether the way goes through this node already. */
function passes(label: Label, node: number): boolean {
  for (let at: Label | undefined = label; at; at = at.behind) if (at.next?.from === node) return true;
  return false;
}

function hopsOf(first: Label, names: readonly NodeName[]): object[] {
  const hops: object[] = [];
  for (let at: Label | undefined = first; at?.next; at = at.behind) {
    const { to, channel, policy } = at.next;
    const { disabled: _, timestamp: _time, block_height: _height, ...terms } = policy!;
    hops.push({ pubkey: names[to]!, short_channel_id: channel.short_channel_id, ...terms });
  }
  return hops;
}
