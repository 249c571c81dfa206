/**
 * Maximum flows in whole numbers, and the cuts that prove them: Dinic's algorithm on typed arrays.
 *
 * Capacities are whole numbers whose sum stays below 2^53, so that every result is exact.
 * Not here: meanings of what flows (`wealth.ts`, `liquidity.ts`).
 */

export class FlowNetwork {
  readonly #nodes: number;
  /** Arc 2i leads from the tail to the head of edge i, arc 2i + 1 back. */
  readonly #heads: Int32Array;
  readonly #capacities: Float64Array;
  readonly #residual: Float64Array;
  /** Arcs that leave node v: places starts[v] up to starts[v + 1] of `arcs`. */
  readonly #starts: Int32Array;
  readonly #arcs: Int32Array;
  readonly #levels: Int32Array;
  readonly #next: Int32Array;
  readonly #queue: Int32Array;

  /** @param edges tail, head, capacity, capacity of the way back; four numbers an edge */
  constructor(nodes: number, edges: Float64Array) {
    const arcs = edges.length / 2;
    this.#nodes = nodes;
    this.#heads = new Int32Array(arcs);
    this.#capacities = new Float64Array(arcs);
    this.#residual = new Float64Array(arcs);
    this.#starts = new Int32Array(nodes + 1);
    this.#arcs = new Int32Array(arcs);
    this.#levels = new Int32Array(nodes);
    this.#next = new Int32Array(nodes);
    this.#queue = new Int32Array(nodes);
    for (let i = 0, at = 0; at < edges.length; i += 2, at += 4) {
      this.#heads[i] = edges[at + 1]!;
      this.#heads[i + 1] = edges[at]!;
      this.#capacities[i] = edges[at + 2]!;
      this.#capacities[i + 1] = edges[at + 3]!;
      this.#starts[edges[at]! + 1]! += 1;
      this.#starts[edges[at + 1]! + 1]! += 1;
    }
    for (let v = 0; v < nodes; v++) this.#starts[v + 1]! += this.#starts[v]!;
    const place = this.#starts.slice();
    for (let arc = 0; arc < arcs; arc++) this.#arcs[place[this.#heads[arc ^ 1]!]!++] = arc;
  }

  /** Returns the largest flow between two different nodes. Begins from the capacities, whatever was asked before. */
  maxFlow(source: number, sink: number): number {
    const residual = this.#residual;
    residual.set(this.#capacities);
    let flow = 0;
    while (this.#layers(source, sink)) {
      this.#next.set(this.#starts.subarray(0, this.#nodes));
      flow += this.#block(source, sink);
    }
    return flow;
  }

  /** Finds distances from the source over arcs with room; false where the sink is not reached. */
  #layers(source: number, sink: number): boolean {
    const [levels, queue, heads, residual, starts, arcs] = [
      this.#levels,
      this.#queue,
      this.#heads,
      this.#residual,
      this.#starts,
      this.#arcs,
    ];
    levels.fill(-1);
    levels[source] = 0;
    queue[0] = source;
    for (let at = 0, end = 1; at < end; at++) {
      const v = queue[at]!;
      if (v === sink) return true;
      for (let i = starts[v]!; i < starts[v + 1]!; i++) {
        const arc = arcs[i]!;
        const head = heads[arc]!;
        if (residual[arc]! > 0 && levels[head]! < 0) {
          levels[head] = levels[v]! + 1;
          queue[end++] = head;
        }
      }
    }
    return false;
  }

  /** Adds a flow that leaves no way through the layers. */
  #block(source: number, sink: number): number {
    const [levels, heads, residual, starts, arcs, next] = [
      this.#levels,
      this.#heads,
      this.#residual,
      this.#starts,
      this.#arcs,
      this.#next,
    ];
    // Never longer than there are nodes; the queue of the layers is free now.
    const path = this.#queue;
    let [length, v, flow] = [0, source, 0];
    for (;;) {
      if (v === sink) {
        let least = Infinity;
        for (let i = 0; i < length; i++) least = Math.min(least, residual[path[i]!]!);
        let first = length;
        for (let i = length - 1; i >= 0; i--) {
          const arc = path[i]!;
          residual[arc]! -= least;
          residual[arc ^ 1]! += least;
          if (residual[arc] === 0) first = i;
        }
        flow += least;
        length = first;
        v = heads[path[first]! ^ 1]!;
      }
      let stepped = false;
      for (; next[v]! < starts[v + 1]!; next[v]!++) {
        const arc = arcs[next[v]!]!;
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
      v = heads[path[length]! ^ 1]!;
      next[v]! += 1;
    }
  }

  /** Returns whether the node is on the source's side of the last flow's cut. */
  isBefore(node: number): boolean {
    return this.#levels[node]! >= 0;
  }
  /** Returns the flow over an edge, from its tail to its head; below 0 the other way. */
  flowOver(edge: number): number {
    return this.#capacities[2 * edge]! - this.#residual[2 * edge]!;
  }
}
