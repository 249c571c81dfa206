/**
 * Maximum flows and the cuts that prove them: Dinic's algorithm on typed arrays.
 *
 * Capacities are whole numbers whose sum stays below 2^53, so that results are exact. Not here:
 * what flows (`wealth.ts`, `liquidity.ts`).
 */

export interface FlowNetwork {
  /** Returns the largest flow between two different nodes, independent of earlier calls. */
  maxFlow(source: number, sink: number): number;
  /** Returns whether the node is on the source's side of the last cut. */
  isBefore(node: number): boolean;
  /** Returns the last flow over an edge from tail to head; below 0 the other way. */
  flowOver(edge: number): number;
}

/**
 * Lays out a network with each node's arcs side by side, so that a search reads memory in order.
 * @param edges tail, head, capacity, reverse capacity: four numbers an edge
 */
export function flowNetwork(nodes: number, edges: Float64Array): FlowNetwork {
  const count = edges.length / 2;
  // The arcs of node v are starts[v] to starts[v + 1]; places[i] is the arc of edge i from its tail.
  const starts = new Int32Array(nodes + 1);
  const places = new Int32Array(count / 2);
  const [heads, twins] = [new Int32Array(count), new Int32Array(count)];
  const [capacities, residual] = [new Float64Array(count), new Float64Array(count)];
  const [levels, next, queue] = [new Int32Array(nodes), new Int32Array(nodes), new Int32Array(nodes)];
  for (let at = 0; at < edges.length; at += 4) {
    starts[edges[at]! + 1]! += 1;
    starts[edges[at + 1]! + 1]! += 1;
  }
  for (let v = 0; v < nodes; v++) starts[v + 1]! += starts[v]!;
  next.set(starts.subarray(0, nodes));
  for (let at = 0; at < edges.length; at += 4) {
    const [tail, head] = [edges[at]!, edges[at + 1]!];
    const [forth, back] = [next[tail]!++, next[head]!++];
    places[at / 4] = forth;
    [heads[forth], heads[back]] = [head, tail];
    [twins[forth], twins[back]] = [back, forth];
    [capacities[forth], capacities[back]] = [edges[at + 2]!, edges[at + 3]!];
  }

  /** Finds distances from the source over arcs with room; false if the sink is out of reach. */
  function layers(source: number, sink: number): boolean {
    levels.fill(-1);
    levels[source] = 0;
    queue[0] = source;
    for (let at = 0, end = 1; at < end; at++) {
      const v = queue[at]!;
      if (v === sink) return true;
      for (let arc = starts[v]!; arc < starts[v + 1]!; arc++) {
        const head = heads[arc]!;
        if (residual[arc]! > 0 && levels[head]! < 0) {
          levels[head] = levels[v]! + 1;
          queue[end++] = head;
        }
      }
    }
    return false;
  }

  /** Adds a flow that blocks every path through the layers. */
  function block(source: number, sink: number): number {
    // The path is never longer than the number of nodes, and the queue of the layers is free now.
    const path = queue;
    let [length, v, flow] = [0, source, 0];
    for (;;) {
      if (v === sink) {
        let least = Infinity;
        for (let i = 0; i < length; i++) least = Math.min(least, residual[path[i]!]!);
        let first = length;
        for (let i = length - 1; i >= 0; i--) {
          const arc = path[i]!;
          residual[arc]! -= least;
          residual[twins[arc]!]! += least;
          if (residual[arc] === 0) first = i;
        }
        flow += least;
        length = first;
        v = heads[twins[path[first]!]!]!;
      }
      let stepped = false;
      for (; next[v]! < starts[v + 1]!; next[v]!++) {
        const arc = next[v]!;
        const head = heads[arc]!;
        if (residual[arc]! > 0 && levels[head] === levels[v]! + 1) {
          path[length++] = arc;
          v = head;
          stepped = true;
          break;
        }
      }
      if (stepped) continue;
      if (v === source) return flow;
      levels[v] = -1;
      length -= 1;
      v = heads[twins[path[length]!]!]!;
      next[v]! += 1;
    }
  }

  return {
    maxFlow(source, sink) {
      residual.set(capacities);
      let flow = 0;
      while (layers(source, sink)) {
        next.set(starts.subarray(0, nodes));
        flow += block(source, sink);
      }
      return flow;
    },
    isBefore: (node) => levels[node]! >= 0,
    flowOver: (edge) => capacities[places[edge]!]! - residual[places[edge]!]!,
  };
}
